"""The commands that look after the store: db, customers, domains, user."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer import Typer
from typer.testing import CliRunner

from sekisho import customers, db, domains, user
from store.accounts import Account, account_of, create_session, find_session, login
from store.engine import open_store, writing
from store.errors import StoreMissing
from store.office import OfficeError

Run = Callable[..., Result]


@pytest.fixture
def run(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs one command on an empty store; an error of ours is raised as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEKISHO_DATABASE_URL", sqlite_url)

    def run(app: Typer, *arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin)

    return run


def shown(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    rows: list[dict[str, object]] = json.loads(result.stdout)
    return rows


@pytest.mark.parametrize("app", [db.app, customers.app, domains.app, user.app])
def test_every_command_shows_one_example_of_itself(app: Typer) -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        assert (command.callback.__doc__ or "").count("Example: sekisho ") == 1


def test_a_store_is_made_only_by_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEKISHO_DATABASE_URL", f"sqlite:///{tmp_path / 'deep' / 'new.sqlite3'}")

    before = CliRunner().invoke(customers.app, ["list"])
    made = CliRunner().invoke(db.app, ["upgrade"])
    again = CliRunner().invoke(db.app, ["upgrade"])

    assert isinstance(before.exception, StoreMissing)
    assert (made.exit_code, made.stdout, made.stderr) == (0, "", "made a new store\n")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "the store is up to date\n")
    assert (tmp_path / "deep" / "new.sqlite3").stat().st_mode & 0o777 == 0o600


def test_check_exits_1_with_the_findings_on_stdout(run: Run, sqlite_url: str) -> None:
    sound = run(db.app, "check")
    engine = open_store(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO domain (id, name, created_at) VALUES (1, 'example.jp', 0)")
        connection.exec_driver_sql("INSERT INTO traffic_day VALUES (1, 0, 'pass', 5, 0, 0, 0, 0, 5, 5, 0, 0, 0, 1)")
    engine.dispose()

    broken = run(db.app, "check")
    as_json = run(db.app, "check", "--json")

    finding = "traffic_day of example.jp holds 1 records, 5 messages, 0 passed, "
    finding += "the reports in force 0 records, 0 messages, 0 passed"
    assert (sound.exit_code, sound.stdout, sound.stderr) == (0, "", "the store is sound\n")
    assert (broken.exit_code, broken.stdout) == (1, finding + "\n")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (1, {"findings": [finding]})


def test_a_backup_names_its_file_and_comes_back(run: Run) -> None:
    run(customers.app, "add", "Before")
    copy = run(db.app, "backup").stdout.strip()
    run(customers.app, "add", "After")

    refused = run(db.app, "restore", copy)
    restored = run(db.app, "restore", copy, "--force")

    assert "add --force" in str(refused.exception)
    assert restored.exit_code == 0
    assert "is kept in" in restored.stderr
    assert [row["name"] for row in shown(run(customers.app, "list", "--json"))] == ["Before"]


def test_customers_and_their_domains_are_kept_and_listed(run: Run) -> None:
    run(customers.app, "add", "見本商事")
    run(customers.app, "add", "Example Trading", "--language", "en")
    run(domains.app, "assign", "Example.JP", "見本商事")
    run(domains.app, "assign", "example.net")
    run(customers.app, "rename", "見本商事", "見本工業")

    assert run(customers.app, "list").stdout.splitlines() == [
        "name             language  domains",
        "Example Trading  en        0",
        "見本工業         ja        1",
    ]
    assert run(domains.app, "list").stdout.splitlines() == [
        "name         customer  registered  stage  next_stage  ready  blockers",
        "example.jp   見本工業  yes         -      -           -      0",
        "example.net  -         yes         -      -           -      0",
    ]
    assert shown(run(domains.app, "list", "--json"))[1] == {
        "id": 2,
        "name": "example.net",
        "customer": None,
        "registered": True,
        "stage": None,
        "next_stage": None,
        "ready": None,
        "blockers": 0,
        "as_of": time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400)),
    }


def test_every_change_is_audited(run: Run, sqlite_url: str) -> None:
    run(customers.app, "add", "Sample")
    run(customers.app, "rename", "Sample", "Example")
    run(domains.app, "assign", "example.jp", "Example")
    run(user.app, "add", "hanako", "--role", "staff", "--generate")
    run(user.app, "disable", "hanako")

    engine = open_store(sqlite_url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT action, subject FROM audit ORDER BY id").all()
    engine.dispose()
    assert rows == [
        ("customer-add", "Sample"),
        ("customer-rename", "Sample -> Example"),
        ("domain-assign", "example.jp -> Example"),
        ("account-add", "hanako (staff)"),
        ("account-disable", "hanako"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_an_import_reads_what_excel_writes(run: Run, tmp_path: Path, encoding: str) -> None:
    run(customers.app, "add", "見本商事")
    (tmp_path / "domains.csv").write_text("domain,customer\r\nexample.jp,見本商事\r\n", encoding=encoding, newline="")

    done = run(domains.app, "import", "domains.csv")

    assert (done.exit_code, done.stderr) == (0, "assigned 1 domains\n")
    assert [row["customer"] for row in shown(run(domains.app, "list", "--json"))] == ["見本商事"]


def test_an_unknown_language_is_a_usage_error(run: Run) -> None:
    assert run(customers.app, "add", "Sample", "--language", "fr").exit_code == 2
    assert run(user.app, "add", "hanako", "--role", "staff", "--language", "fr").exit_code == 2


def test_a_password_comes_from_stdin_and_is_never_printed(run: Run, sqlite_url: str) -> None:
    done = run(user.app, "add", "hanako", "--role", "operator", stdin="a long pass phrase\n")

    engine = open_store(sqlite_url)
    found = login(engine, "hanako", "a long pass phrase", "192.0.2.1", now=0)
    engine.dispose()
    assert (done.exit_code, done.output) == (0, "")
    assert isinstance(found, Account)
    assert found.role == "operator"


def test_a_made_password_is_printed_once_and_works(run: Run, sqlite_url: str) -> None:
    first = run(user.app, "add", "hanako", "--role", "staff", "--generate").stdout.strip()
    second = run(user.app, "reset", "hanako", "--generate").stdout.strip()
    run(user.app, "disable", "hanako")
    listed = shown(run(user.app, "list", "--json"))
    run(user.app, "enable", "hanako")

    engine = open_store(sqlite_url)
    answers = [login(engine, "hanako", password, "192.0.2.1", now=0) for password in (first, second)]
    engine.dispose()
    assert [isinstance(answer, Account) for answer in answers] == [False, True]
    assert [(row["name"], row["disabled"]) for row in listed] == [("hanako", True)]


def test_another_role_ends_the_sessions_and_is_audited(run: Run, sqlite_url: str) -> None:
    run(customers.app, "add", "Example Trading")
    run(user.app, "add", "hanako", "--role", "staff", "--generate")
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        token = create_session(connection, account_of(connection, "hanako").id, now=0)

    without = run(user.app, "role", "hanako", "customer")
    given = run(user.app, "role", "hanako", "customer", "--customer", "Example Trading")

    with engine.connect() as connection:
        found = account_of(connection, "hanako")
        alive = find_session(connection, token, now=0, idle_seconds=9, absolute_seconds=9)
        audited = connection.exec_driver_sql("SELECT subject FROM audit WHERE action = 'account-role'").scalars().all()
    engine.dispose()
    assert isinstance(without.exception, OfficeError)
    assert (given.exit_code, found.role, found.customer, alive) == (0, "customer", "Example Trading", None)
    assert audited == ["hanako (customer)"]
