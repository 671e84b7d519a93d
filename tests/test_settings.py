"""Settings: the file, the variables and the files that variables name; nonsense is refused, all of it at once."""

import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from settings import Knowledge, Limits, Option, SettingsError, load, mailbox_options, name_server, options

EXAMPLE = Path(__file__).parent.parent / "sekisho.example.toml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "sekisho.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path)
    return str(caught.value).splitlines()


def test_without_a_file_every_option_has_its_default(folder: Path) -> None:
    settings = load()

    assert settings.database_url == f"sqlite:///{folder}/sekisho.sqlite3"
    assert (settings.language, settings.time_zone, settings.workers) == ("ja", "Asia/Tokyo", 0)
    assert settings.limits.model_dump() == {
        "message_bytes": 35 * 1024 * 1024,
        "attachments": 20,
        "members": 10,
        "inflated_bytes": 256 * 1024 * 1024,
        "records": 500_000,
        "unregistered_inflated_bytes": 20 * 1024 * 1024,
        "unregistered_records": 5_000,
        "span_days": 35,
        "cpu_seconds": 120,
        "memory_bytes": 1024 * 1024 * 1024,
    }
    assert settings.dashboard.model_dump() == {
        "address": "127.0.0.1",
        "port": 8501,
        "public_url": "",
        "session_idle_minutes": 30,
        "session_hours": 12,
    }
    assert settings.knowledge == Knowledge(senders_file=None, forwarders_file=None, reporters_file=None)
    assert settings.lookup.model_dump() == {
        "nameservers": (),
        "timeout_seconds": 2.0,
        "at_once": 64,
        "sources_per_run": 2_000,
        "seconds_per_run": 60,
        "found_days": 30,
        "absent_days": 7,
        "failed_hours": 6,
        "domains_per_run": 5_000,
        "domain_seconds_per_run": 600,
    }
    assert settings.own_infrastructure.model_dump() == {"networks": (), "hosts": ()}


def test_the_file_in_the_current_folder_is_read_without_being_named(folder: Path) -> None:
    written(folder, 'language = "en"\n[limits]\nrecords = 7\n')

    settings = load()

    assert settings.language == "en"
    assert settings.limits == Limits(records=7)


def test_a_variable_names_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "other.toml").write_text("workers = 3\n")
    written(folder, "workers = 4\n")
    monkeypatch.setenv("SEKISHO_CONFIG", "other.toml")

    assert load().workers == 3


def test_an_argument_names_the_file_before_the_variable_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEKISHO_CONFIG", "missing.toml")

    assert load(written(folder, "workers = 4\n")).workers == 4


def test_a_variable_wins_over_the_file_and_leaves_the_rest_of_its_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder, '[dashboard]\nport = 9000\npublic_url = "https://dmarc.example.jp/"\n')
    monkeypatch.setenv("SEKISHO_DASHBOARD__PORT", "9001")

    dashboard = load().dashboard

    assert (dashboard.port, dashboard.public_url) == (9001, "https://dmarc.example.jp")


def test_relative_paths_start_at_the_folder_of_the_file(folder: Path) -> None:
    (folder / "etc").mkdir()
    text = 'database_url = "sqlite:///mail.sqlite3"\n[knowledge]\nsenders_file = "own.toml"\n'

    settings = load(written(folder / "etc", text).relative_to(folder))

    assert settings.database_url == f"sqlite:///{folder}/etc/mail.sqlite3"
    assert settings.knowledge.senders_file == folder / "etc" / "own.toml"
    assert settings.knowledge.reporters_file is None


@pytest.mark.parametrize("url", ["sqlite:////srv/sekisho/mail.sqlite3", "postgresql+psycopg://me@db.example.jp/mail"])
def test_an_absolute_database_address_is_kept(folder: Path, url: str) -> None:
    assert load(written(folder, f'database_url = "{url}"\n')).database_url == url


def test_everything_wrong_is_named_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(
        folder,
        'langauge = "en"\ntime_zone = "Asia/Edo"\nknowledge = 3\n'
        '[limits]\nrecords = 0\n[dashboard]\naddress = "here"\n',
    )
    monkeypatch.setenv("SEKISHO_DASHBOARD__PORT", "99999")
    monkeypatch.setenv("SEKISHO_WORKER", "2")
    monkeypatch.setenv("SEKISHO_DATABASE_URL_FILE", "missing")

    assert problems() == [
        "SEKISHO_WORKER: no such option. Did you mean SEKISHO_WORKERS? Every option is in sekisho.example.toml.",
        "SEKISHO_DATABASE_URL_FILE: missing cannot be read (No such file or directory). Name another file.",
        f"{path.name}: time_zone: must be a name of the IANA time zone database, like Asia/Tokyo or UTC "
        "(it is 'Asia/Edo'). Time zone in which times are shown; reports are counted by UTC days. "
        "The default is 'Asia/Tokyo'.",
        f"{path.name}: limits.records: Input should be greater than or equal to 1 (it is 0). "
        "Records that one report may have. The default is 500000.",
        f"{path.name}: dashboard.address: must be an IP address of this machine, or localhost (it is 'here'). "
        "IP address to listen on; another than the loopback address needs accounts. The default is '127.0.0.1'.",
        "SEKISHO_DASHBOARD__PORT: Input should be less than or equal to 65535 (it is '99999'). "
        "TCP port to listen on. The default is 8501.",
        f"{path.name}: knowledge: must be a table, [knowledge]. Every option is in sekisho.example.toml.",
        f"{path.name}: langauge: no such option. Did you mean language? Every option is in sekisho.example.toml.",
    ]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("[limits\n", "sekisho.toml: is not TOML in UTF-8 (Expected ']'"),
        ("[limits]\nrecord = 1\n", "sekisho.toml: limits.record: no such option. Did you mean limits.records?"),
        ('language = "fr"\n', "sekisho.toml: language: Input should be 'ja' or 'en' (it is 'fr')"),
        ('workers = "many"\n', "sekisho.toml: workers: Input should be a valid integer"),
        ("workers = -1\n", "sekisho.toml: workers: Input should be greater than or equal to 0"),
        ('time_zone = "../passwd"\n', "sekisho.toml: time_zone: must be a name of the IANA time zone database"),
        ('[dashboard]\npublic_url = "dmarc.example.jp"\n', "sekisho.toml: dashboard.public_url: must be empty or like"),
        ('database_url = "mysql://example.jp/mail"\n', "sekisho.toml: database_url: must be sqlite:///FILE or postgre"),
        ('database_url = "sqlite://"\n', "sekisho.toml: database_url: must be sqlite:///FILE"),
        ('database_url = "sqlite:///:memory:"\n', "sekisho.toml: database_url: must be sqlite:///FILE"),
    ],
)
def test_nonsense_in_the_file_is_refused_by_its_name(folder: Path, text: str, start: str) -> None:
    written(folder, text)

    (problem,) = problems()

    assert problem.startswith(start)


def test_a_list_stands_in_the_file_or_in_a_variable_with_commas(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(
        folder,
        '[lookup]\nnameservers = ["192.0.2.53", "[2001:db8::53]:5353"]\n'
        '[own_infrastructure]\nnetworks = ["198.51.100.0/24", "2001:db8::/32"]\n',
    )
    monkeypatch.setenv("SEKISHO_OWN_INFRASTRUCTURE__HOSTS", "Mail.Example.jp., relay.example.net")

    settings = load()

    assert [name_server(text) for text in settings.lookup.nameservers] == [("192.0.2.53", 53), ("2001:db8::53", 5353)]
    assert settings.own_infrastructure.networks == ("198.51.100.0/24", "2001:db8::/32")
    assert settings.own_infrastructure.hosts == ("mail.example.jp", "relay.example.net")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('[lookup]\nnameservers = ["dns.example.jp"]', "lookup.nameservers: must be a list of IP addresses like"),
        ('[lookup]\nnameservers = ["192.0.2.53:99999"]', "lookup.nameservers: must be a list of IP addresses like"),
        ('[own_infrastructure]\nnetworks = ["192.0.2.1/24"]', "own_infrastructure.networks: must be a list of network"),
        ('[own_infrastructure]\nhosts = ["*.example.jp"]', "own_infrastructure.hosts: must be a list of host names"),
        ("[own_infrastructure]\nhosts = [3]", "own_infrastructure.hosts: must be a list of host names"),
        ("[own_infrastructure]\nhosts = 3", "own_infrastructure.hosts: must be a list of host names"),
    ],
)
def test_nonsense_in_a_list_is_refused_by_its_name(folder: Path, text: str, start: str) -> None:
    written(folder, text)

    (problem,) = problems()

    assert problem.startswith(f"sekisho.toml: {start}")


def test_a_file_that_was_named_must_be_there(folder: Path) -> None:
    assert problems(Path("missing.toml")) == [
        "missing.toml: cannot be read (No such file or directory). Name another file."
    ]


def test_a_file_in_another_encoding_is_refused(folder: Path) -> None:
    (folder / "sekisho.toml").write_bytes("# 関所\n".encode("shift_jis"))

    (problem,) = problems()

    assert problem.startswith("sekisho.toml: is not TOML in UTF-8")


@pytest.mark.parametrize("value", ["{", '{"records": 7}'])
def test_a_whole_table_in_one_variable_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SEKISHO_LIMITS", value)

    (problem,) = problems()

    assert problem.startswith("SEKISHO_LIMITS: no such option.")


def test_an_unknown_variable_inside_a_table_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEKISHO_LIMITS__RECORD", "7")

    assert problems() == [
        "SEKISHO_LIMITS__RECORD: no such option. Did you mean SEKISHO_LIMITS__RECORDS? "
        "Every option is in sekisho.example.toml."
    ]


def secret_file(folder: Path, mode: int) -> Path:
    path = folder / "url"
    path.write_text("postgresql://me:hunter2@db.example.jp/mail\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_is_read_from_the_file_that_its_variable_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    written(folder, 'database_url = "sqlite:///unused"\n')
    monkeypatch.setenv("SEKISHO_DATABASE_URL_FILE", str(secret_file(folder, mode)))

    settings = load()

    assert settings.database_url == "postgresql://me:hunter2@db.example.jp/mail"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o700])
def test_a_secret_that_others_may_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    path = secret_file(folder, mode)
    monkeypatch.setenv("SEKISHO_DATABASE_URL_FILE", str(path))

    assert problems() == [f"SEKISHO_DATABASE_URL_FILE: {path} has mode {mode:o} and not 600. Run chmod 600 {path}."]


def test_a_secret_given_twice_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEKISHO_DATABASE_URL_FILE", str(secret_file(folder, 0o600)))
    monkeypatch.setenv("SEKISHO_DATABASE_URL", "sqlite:///a")

    assert problems() == ["SEKISHO_DATABASE_URL_FILE: SEKISHO_DATABASE_URL is set too. Remove one of the two."]


def test_only_a_secret_may_stand_in_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEKISHO_LANGUAGE_FILE", "somewhere")

    (problem,) = problems()

    assert problem.startswith("SEKISHO_LANGUAGE_FILE: no such option.")


@pytest.mark.parametrize("source", ["file", "variable", "secret file"])
def test_a_refused_secret_is_not_repeated(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    wrong = "mysql://me:hunter2@db.example.jp/mail"
    if source == "file":
        written(folder, f'database_url = "{wrong}"\n')
    elif source == "variable":
        monkeypatch.setenv("SEKISHO_DATABASE_URL", wrong)
    else:
        path = secret_file(folder, 0o600)
        path.write_text(wrong)
        monkeypatch.setenv("SEKISHO_DATABASE_URL_FILE", str(path))

    (problem,) = problems()

    assert "must be sqlite:///FILE" in problem
    assert "hunter2" not in problem


def test_settings_do_not_change() -> None:
    settings = load()

    with pytest.raises(ValidationError):
        settings.workers = 3  # type: ignore[misc] # what the test is about
    with pytest.raises(ValidationError):
        settings.limits.records = 3  # type: ignore[misc] # what the test is about


def test_importing_the_settings_reads_neither_file_nor_environment(folder: Path) -> None:
    written(folder, "[broken")
    program = "import os, settings; os.environ['SEKISHO_NONSENSE'] = '1'; import settings; print('imported')"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=folder)

    assert done.stdout == "imported\n"


def uncommented(text: str) -> str:
    return re.sub(r"(?m)^#(?=\w+ = |\[\[)", "", text)


def test_the_example_changes_nothing_until_a_line_is_uncommented(folder: Path) -> None:
    assert load(written(folder, EXAMPLE.read_text(encoding="utf-8"))) == load()


def example() -> dict[str, object]:
    """Every option that the example shows, with the value it shows there."""
    tables = tomllib.loads(uncommented(EXAMPLE.read_text(encoding="utf-8")))
    single = {name: value[0] if isinstance(value, list) else value for name, value in tables.items()}
    return {
        f"{name}.{key}" if isinstance(value, dict) else name: value[key] if isinstance(value, dict) else value
        for name, value in single.items()
        for key in (value if isinstance(value, dict) else [name])
    }


def every_option() -> list[Option]:
    return [*options(), *mailbox_options()]


def test_the_example_holds_every_option_with_its_default_and_no_other() -> None:
    shown = example()

    assert list(shown) == [option.key for option in every_option()]
    assert {option.key: shown[option.key] for option in every_option() if option.default is not None} == {
        option.key: list(option.default) if isinstance(option.default, tuple) else option.default
        for option in every_option()
        if option.default is not None
    }


def test_the_example_says_the_sentence_of_every_option_above_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    said = [(above, match[1]) for above, line in pairwise(lines) if (match := re.match(r"#(\w+) = ", line))]

    assert said == [(f"# {option.sentence}", option.key.rpartition(".")[2]) for option in every_option()]


def test_every_option_is_described_by_one_sentence() -> None:
    for option in every_option():
        assert re.fullmatch(r"[A-Z][^.]*\.", option.sentence), option.key


REPORTS = '[[mailbox]]\nname = "reports"\nhost = "imap.example.jp"\nuser = "dmarc@example.jp"\n'


def test_a_mailbox_is_a_table_that_may_stand_any_number_of_times(folder: Path) -> None:
    text = REPORTS + 'password_file = "secret"\n[[mailbox]]\nname = "second"\nuser = "b"\npreset = "gmail"\n'

    first, second = load(written(folder, text)).mailbox

    assert (first.name, first.host, first.port, first.folders) == ("reports", "imap.example.jp", 993, ("INBOX",))
    assert first.password_file == folder / "secret"
    assert (second.name, second.preset, second.host, second.after) == ("second", "gmail", None, "move")


def test_without_a_mailbox_table_there_is_none() -> None:
    assert load().mailbox == ()


def test_the_variable_that_a_mailbox_names_for_its_password_is_no_unknown_option(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(folder, REPORTS + 'password_variable = "SEKISHO_REPORTS_PASSWORD"\n')
    monkeypatch.setenv("SEKISHO_REPORTS_PASSWORD", "hunter2")

    assert load().mailbox[0].password_variable == "SEKISHO_REPORTS_PASSWORD"
    assert "hunter2" not in repr(load())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            REPORTS + 'port = "imaps"\n',
            "[[mailbox]] number 1: port: Input should be a valid integer, unable to parse string as an integer. "
            "TCP port of the IMAP server: 993 for tls, 143 for starttls.",
        ),
        (
            REPORTS + '[[mailbox]]\nuser = "b"\n',
            "[[mailbox]] number 2: name: Field required. Name of the mailbox in the ledger and in messages; "
            "keep it once mails were read.",
        ),
        (
            REPORTS + 'after = "delete"\n',
            "[[mailbox]] number 1: after: Input should be 'move' or 'leave'. Whether mails with reports are moved "
            "once they are stored, or stay; none is ever deleted.",
        ),
        (
            REPORTS + 'password = "hunter2"\n',
            "[[mailbox]] number 1: password: no such option. Did you mean mailbox.password_file? "
            "Every option is in sekisho.example.toml.",
        ),
        (
            REPORTS + REPORTS,
            "[[mailbox]]: two mailboxes have the name reports. Every option is in sekisho.example.toml.",
        ),
        (
            REPORTS + 'folders = ["INBOX", "[Gmail]/All Mail"]\n',
            "[[mailbox]] number 1: folders: [Gmail]/All Mail holds every mail of the other folders too; name it alone, "
            "or leave it out. Folders that are read, with / between levels.",
        ),
        (
            'mailbox = "reports"\n',
            "[[mailbox]]: must be tables, one for each mailbox. Every option is in sekisho.example.toml.",
        ),
    ],
)
def test_nonsense_in_a_mailbox_is_refused_by_its_number(folder: Path, text: str, problem: str) -> None:
    assert problems(written(folder, text)) == [f"{folder}/sekisho.toml: {problem}"]
