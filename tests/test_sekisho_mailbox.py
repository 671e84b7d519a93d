"""`sekisho mailbox`, `sekisho ingest` without a path, and the quarantine of mails: the commands as people type them."""

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
import requests
from forked_commands import run_command
from mailbox_runs import ENVIRONMENT, asked, report_mail
from ports import free_port
from servers_dovecot import MAIL, Dovecot, add_folder, contents, deliver, folders
from servers_openid import CLIENT_ID, CLIENT_SECRET, OpenIdProvider

pytestmark = pytest.mark.requires_dovecot

SEKISHO = str(Path(sys.executable).parent / "sekisho")
WITH_PASSWORD = 'password_variable = "TEST_PASSWORD"\n'
numbers = count(1)
Sekisho = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    name = f"typed{next(numbers)}"
    add_folder(dovecot, name)
    return name


@pytest.fixture
def sekisho(tmp_path: Path, sqlite_url: str) -> Sekisho:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return run_command(*words, folder=tmp_path, variables=ENVIRONMENT)

    (tmp_path / "sekisho.toml").write_text(f'database_url = "{sqlite_url}"\nworkers = 1\n')
    return run


def configure(
    folder: Path, name: str, port: int, user: str, more: str = 'password_variable = "TEST_PASSWORD"\n'
) -> None:
    with (folder / "sekisho.toml").open("a") as file:
        file.write(
            f'[[mailbox]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "plain"\nuser = "{user}"\n'
            f"seconds_per_run = 3\n{more}"
        )


# ---------------------------------------------------------------------- sekisho ingest


def test_ingest_without_a_path_reads_every_mailbox(
    dovecot: Dovecot, user: str, sekisho: Sekisho, tmp_path: Path
) -> None:
    deliver(dovecot, user, report_mail(1))
    configure(tmp_path, "reports", dovecot.port, user)

    done = sekisho("ingest")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("reports: done, messages 1: stored 1, records 1, ")
    assert done.stdout.endswith(", filed away 1\n")


def test_ingest_without_a_path_and_a_mailbox_says_what_is_missing(sekisho: Sekisho) -> None:
    done = sekisho("ingest")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sekisho: name files or folders to read, or add a [[mailbox]] to sekisho.toml\n"


@pytest.mark.parametrize(
    ("failing", "code"),
    [({"later"}, 75), ({"later", "failed"}, 1), ({"later", "failed", "configuration"}, 2)],
)
def test_the_exit_code_of_ingest_is_that_of_what_needs_a_person_most(
    dovecot: Dovecot, user: str, sekisho: Sekisho, tmp_path: Path, failing: set[str], code: int
) -> None:
    deliver(dovecot, user, report_mail(1))
    configure(tmp_path, "good", dovecot.port, user)
    if "later" in failing:
        configure(tmp_path, "later", free_port(), user)
    if "failed" in failing:
        configure(tmp_path, "failed", dovecot.port, user, 'password_variable = "PATH"\n')
    if "configuration" in failing:
        configure(tmp_path, "configuration", dovecot.port, user, 'password_variable = "MISSING"\n')

    done = sekisho("ingest", "--json")

    assert done.returncode == code
    ended = {outcome["mailbox"]: outcome["ended"] for outcome in json.loads(done.stdout)}
    assert ended == {"good": "done", **{name: name for name in failing}}
    assert done.stderr.count("sekisho: ") == len(failing)


# ---------------------------------------------------------------------- sekisho quarantine


def test_a_mail_that_is_read_again_after_a_fix_leaves_the_quarantine_and_then_its_folder(
    dovecot: Dovecot, user: str, sekisho: Sekisho, tmp_path: Path, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1))
    configure(tmp_path, "reports", dovecot.port, user)
    settings = (tmp_path / "sekisho.toml").read_text()
    (tmp_path / "sekisho.toml").write_text(f"{settings}[limits]\ninflated_bytes = 100\n")

    first = sekisho("ingest")
    (tmp_path / "sekisho.toml").write_text(settings)
    retried = sekisho("quarantine", "retry")
    between = asked(sqlite_url, "SELECT mailbox, uid, state, attempts, filed_at FROM message")
    second = sekisho("ingest")

    assert "quarantined 1" in first.stdout
    assert retried.stdout == "1 tried, 0 still in quarantine\n"
    assert between == [("reports", 1, "stored", 2, None)]
    assert second.stdout.startswith("reports: done, messages 0: ")
    assert second.stdout.endswith(", filed away 1\n")
    assert contents(dovecot, user, "DMARC/Processed") == [report_mail(1)]


def test_a_mail_put_aside_that_is_read_again_stays_there_and_is_filed_by_the_night_after_it_was_moved_back(
    dovecot: Dovecot, user: str, sekisho: Sekisho, tmp_path: Path, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1, messages=5))
    configure(tmp_path, "reports", dovecot.port, user)
    settings = (tmp_path / "sekisho.toml").read_text()
    (tmp_path / "sekisho.toml").write_text(f"{settings}[limits]\ninflated_bytes = 100\n")
    for _ in range(3):
        sekisho("ingest")
    assert contents(dovecot, user, "DMARC/Quarantine") == [report_mail(1, messages=5)]
    (tmp_path / "sekisho.toml").write_text(settings)

    retried = sekisho("quarantine", "retry")
    second = sekisho("ingest")

    assert retried.stdout == "1 tried, 0 still in quarantine\n"
    assert second.stdout.startswith("reports: done, messages 0: ")
    assert contents(dovecot, user, "DMARC/Quarantine") == [report_mail(1, messages=5)]
    (mail,) = dovecot.maildir(user, "DMARC/Quarantine").glob("[cn]*/*,S=*")
    mail.unlink()
    deliver(dovecot, user, report_mail(1, messages=5))
    sekisho("ingest")
    assert contents(dovecot, user, "DMARC/Processed") == [report_mail(1, messages=5)]
    assert asked(sqlite_url, "SELECT state FROM message ORDER BY id") == [("stored",), ("duplicate",)]
    assert asked(sqlite_url, "SELECT sum(messages) FROM traffic") == [(5,)]


# ---------------------------------------------------------------------- sekisho mailbox


def test_the_mailboxes_are_listed_without_their_secrets(sekisho: Sekisho, tmp_path: Path) -> None:
    configure(tmp_path, "reports", 143, "a@example.jp")
    configure(tmp_path, "second", 143, "b@example.jp", 'password_file = "secret"\nafter = "leave"\n')

    table, listed = sekisho("mailbox", "list"), sekisho("mailbox", "list", "--json")

    assert table.stdout.splitlines()[0].split() == ["name", "host", "user", "login", "folders", "after"]
    assert json.loads(listed.stdout)[1] == {
        "name": "second",
        "host": "127.0.0.1",
        "user": "b@example.jp",
        "login": "password",
        "folders": "INBOX",
        "after": "leave",
    }


def test_a_good_mailbox_passes_every_step_and_nothing_changes(
    dovecot: Dovecot, user: str, sekisho: Sekisho, tmp_path: Path
) -> None:
    deliver(dovecot, user, MAIL, copies=2)
    configure(tmp_path, "reports", dovecot.port, user)

    done = sekisho("mailbox", "test", "reports", "--json")

    steps = json.loads(done.stdout)
    assert done.returncode == 0
    assert [step["name"] for step in steps] == ["name", "connection", "login", "folders", "capabilities", "waiting"]
    assert steps[-1]["found"] == "2 in INBOX"
    assert folders(dovecot, user) == set()


def test_the_step_that_fails_is_shown_and_the_command_fails(
    dovecot: Dovecot, user: str, sekisho: Sekisho, tmp_path: Path
) -> None:
    configure(tmp_path, "reports", dovecot.port, user, 'password_variable = "PATH"\n')

    done = sekisho("mailbox", "test", "reports")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("login       no   mailbox reports: logging in: ")


def test_a_mailbox_that_is_not_there_is_named_with_those_that_are(sekisho: Sekisho, tmp_path: Path) -> None:
    configure(tmp_path, "reports", 143, "a@example.jp")

    done = sekisho("mailbox", "test", "report")

    assert (done.returncode, done.stderr) == (2, "sekisho: sekisho.toml has no mailbox report; there are: reports\n")


@pytest.mark.parametrize("pasted", [False, True], ids=["browser here", "browser elsewhere"])
def test_consent_is_asked_once_and_then_the_mailbox_is_read(
    dovecot: Dovecot, user: str, sekisho: Sekisho, tmp_path: Path, openid: OpenIdProvider, pasted: bool
) -> None:
    deliver(dovecot, user, report_mail(1))
    (tmp_path / "client").write_text(CLIENT_SECRET)
    (tmp_path / "client").chmod(0o600)
    configure(
        tmp_path,
        "reports",
        dovecot.port,
        user,
        f'login = "oauth2"\nclient_id = "{CLIENT_ID}"\nclient_secret_file = "client"\ntoken_file = "token"\n'
        f'authorize_url = "{openid.url}/authorize"\ntoken_url = "{openid.url}/token"\nscope = "imap"\n',
    )

    said = consent(tmp_path, pasted)
    read = sekisho("ingest")

    assert "mailbox reports may now be read" in said
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert (read.returncode, contents(dovecot, user, "DMARC/Processed")) == (0, [report_mail(1)])


def consent(folder: Path, pasted: bool) -> str:
    """Run the command, open the address that it shows as a browser would, and return what it prints."""
    process = subprocess.Popen(
        [SEKISHO, "mailbox", "authorize", "reports", *(["--paste"] if pasted else [])],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    process.stderr.readline()
    answer = requests.get(process.stderr.readline().strip(), timeout=10, allow_redirects=not pasted)
    said, _ = process.communicate(answer.headers["Location"] + "\n" if pasted else None, timeout=30)
    return said
