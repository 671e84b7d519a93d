"""The likeliest mistakes of an operator, each made for real: the table of docs/OPERATIONS.md says what Sekisho answers.

Every answer names what happened and what to do; none shows a traceback.
"""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import store_builder
from forked_commands import run_command
from ports import free_port
from servers_dovecot import PASSWORD, Dovecot
from xml_reports import record, report

from store.locks import night_lock, run_lock

SEKISHO = str(Path(sys.executable).parent / "sekisho")
PAGE = (Path(__file__).parent.parent / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
DAY_SECONDS = 86_400


def table() -> dict[str, list[str]]:
    """Of docs/OPERATIONS.md: for each mistake what Sekisho says, in pieces that stand one after the other."""
    part = PAGE.split("## When something goes wrong", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"(?m)^\| (.+?) \| (.+?) \| (.+?) \|$", part)[1:]
    return {mistake: re.findall(r"`([^`]+)`", said) for mistake, said, _ in rows}


@dataclass(frozen=True, slots=True)
class Tried:
    """A mistake that was made: the command, and what else is around it."""

    words: list[str]
    code: int = 1
    variables: Mapping[str, str] = field(default_factory=dict)
    bytes_left: int | None = None


Mistake = Callable[[Path], Tried]


def configured(folder: Path, text: str, mode: int = 0o600) -> None:
    (folder / "sekisho.toml").write_text(text, encoding="utf-8")
    (folder / "sekisho.toml").chmod(mode)


def mailbox(folder: Path, **other: object) -> None:
    """A [[mailbox]] that works but for what is given."""
    chosen = {"name": "reports", "host": "127.0.0.1", "port": 1, "security": "plain", "user": "u"}
    chosen = {**chosen, **({} if "password_file" in other else {"password_variable": "PW"}), **other}
    lines = (f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in chosen.items())
    configured(folder, "[[mailbox]]\n" + "\n".join(lines) + "\n")


def sekisho(folder: Path, *words: str) -> None:
    run_command(*words, folder=folder).check_returncode()


def changed(folder: Path, statement: str) -> None:
    store = sqlite3.connect(folder / "sekisho.sqlite3")
    store.execute(statement)
    store.commit()
    store.close()


# ---- The store


def no_store(folder: Path) -> Tried:
    (folder / "sekisho.sqlite3").unlink()
    return Tried(["totals"])


def newer_store(folder: Path) -> Tried:
    changed(folder, "UPDATE alembic_version SET version_num = '9999'")
    return Tried(["totals"])


def damaged_store(folder: Path) -> Tried:
    (folder / "sekisho.sqlite3").write_bytes(os.urandom(5_000))
    return Tried(["totals"])


def another_file(folder: Path) -> Tried:
    sqlite3.connect(folder / "other.sqlite3").execute("CREATE TABLE t (x)").connection.close()
    return Tried(["totals"], variables={"SEKISHO_DATABASE_URL": "sqlite:///other.sqlite3"})


def full_disk(folder: Path) -> Tried:
    (folder / "report.xml").write_text(report(*(record(f"192.0.2.{last}") for last in range(250))))
    return Tried(["ingest", "report.xml"], bytes_left=32_768)


def no_permission(_: Path) -> Tried:
    return Tried(["db", "upgrade"], variables={"SEKISHO_DATABASE_URL": "sqlite:////proc/sekisho.sqlite3"})


def unreachable_postgresql(_: Path) -> Tried:
    url = f"postgresql://u:hidden-word@127.0.0.1:{free_port()}/sekisho"
    return Tried(["totals"], variables={"SEKISHO_DATABASE_URL": url})


def unknown_database(_: Path) -> Tried:
    return Tried(["totals"], 2, {"SEKISHO_DATABASE_URL": "mysql://u@127.0.0.1/x"})


def no_copy(folder: Path) -> Tried:
    (folder / "notes.txt").write_text("no copy")
    return Tried(["db", "restore", "notes.txt", "--force"])


# ---- The settings


def misspelt_option(folder: Path) -> Tried:
    configured(folder, "wrokers = 1\n")
    return Tried(["totals"], 2)


def nonsense_value(folder: Path) -> Tried:
    configured(folder, 'workers = "many"\n')
    return Tried(["totals"], 2)


def broken_toml(folder: Path) -> Tried:
    configured(folder, "workers =\n")
    return Tried(["totals"], 2)


def missing_settings(_: Path) -> Tried:
    return Tried(["totals"], 2, {"SEKISHO_CONFIG": "gone.toml"})


def open_secret(folder: Path) -> Tried:
    configured(folder, 'database_url = "postgresql://u:hidden-word@127.0.0.1/x"\n', mode=0o644)
    return Tried(["totals"], 2)


# ---- Files and reports


def missing_path(_: Path) -> Tried:
    return Tried(["ingest", "reprots/"], 2)


def no_report(folder: Path) -> Tried:
    (folder / "invoice.txt").write_text("An invoice.")
    return Tried(["ingest", "invoice.txt"], 0)


def cut_report(folder: Path) -> Tried:
    (folder / "cut.xml").write_text(report(record())[:-40])
    sekisho(folder, "ingest", "cut.xml")
    return Tried(["quarantine", "list"], 0)


def wrong_clock(folder: Path) -> Tried:
    later = int(time.time()) + 30 * DAY_SECONDS
    (folder / "later.xml").write_text(report(record(), begin=later, end=later + DAY_SECONDS - 1))
    sekisho(folder, "ingest", "later.xml")
    return Tried(["quarantine", "list"], 0)


def unwritable_folder(folder: Path) -> Tried:
    with_mail(folder)
    return Tried(["export", "example.jp", "--out", "/proc/csv"])


# ---- Mailboxes


def no_mailbox(_: Path) -> Tried:
    return Tried(["ingest"], 2)


def unknown_mailbox(folder: Path) -> Tried:
    mailbox(folder)
    return Tried(["mailbox", "test", "repotrs"], 2)


def no_password(folder: Path) -> Tried:
    mailbox(folder)
    return Tried(["mailbox", "test", "reports"], 2)


def open_password(folder: Path) -> Tried:
    mailbox(folder, password_file=str(folder / "password"))
    (folder / "password").write_text("hidden-word")
    (folder / "password").chmod(0o644)
    return Tried(["mailbox", "test", "reports"], 2)


def wrong_port(folder: Path) -> Tried:
    mailbox(folder, port=free_port())
    return Tried(["mailbox", "test", "reports"], variables={"PW": "hidden-word"})


def wrong_host(folder: Path) -> Tried:
    mailbox(folder, host="imap.nosuch.invalid", security="tls")
    return Tried(["mailbox", "test", "reports"], variables={"PW": "hidden-word"})


# ---- Names, months, decisions


def with_mail(folder: Path) -> None:
    store_builder.fill(f"sqlite:///{folder}/sekisho.sqlite3", [store_builder.report("example.jp", 20_000)])


def unknown_domain(_: Path) -> Tried:
    return Tried(["advise", "exmaple.jp"])


def unknown_customer(_: Path) -> Tried:
    return Tried(["report", "Skura", "--month", "2026-10", "--out", "r.html"])


def customer_twice(folder: Path) -> Tried:
    sekisho(folder, "customers", "add", "Sakura")
    return Tried(["customers", "add", "Sakura"])


def unknown_sender(folder: Path) -> Tried:
    with_mail(folder)
    return Tried(["decide", "example.jp", "Invoices", "ours", "--note", "asked"])


def unknown_decision(_: Path) -> Tried:
    return Tried(["decide", "example.jp", "x", "maybe", "--note", "asked"], 2)


def unknown_step(_: Path) -> Tried:
    return Tried(["consent", "example.jp", "quarantin", "--by", "a", "--note", "b"], 2)


def unknown_role(_: Path) -> Tried:
    return Tried(["user", "add", "yamada", "--role", "king", "--generate"])


def no_month(_: Path) -> Tried:
    return Tried(["report", "Sakura", "--month", "2026-13", "--out", "r.html"], 2)


def period_turned_round(folder: Path) -> Tried:
    with_mail(folder)
    return Tried(["export", "example.jp", "--since", "2026-02-01", "--until", "2026-01-01"], 2)


def unknown_policy(_: Path) -> Tried:
    return Tried(["replay", "example.jp", "--policy", "rejct"], 2)


def open_to_all(_: Path) -> Tried:
    return Tried(["dashboard"], 2, {"SEKISHO_DASHBOARD__ADDRESS": "0.0.0.0"})


def dns_down(folder: Path) -> Tried:
    with_mail(folder)
    silent = {"SEKISHO_LOOKUP__NAMESERVERS": f"127.0.0.1:{free_port()}", "SEKISHO_LOOKUP__TIMEOUT_SECONDS": "0.3"}
    return Tried(["check", "example.jp"], 75, silent)


MISTAKES: dict[str, Mistake] = {
    "No store yet": no_store,
    "A store of a newer version": newer_store,
    "A damaged store": damaged_store,
    "Another SQLite file": another_file,
    "The disk is full": full_disk,
    "No permission to write": no_permission,
    "PostgreSQL does not answer": unreachable_postgresql,
    "A database that Sekisho does not know": unknown_database,
    "Restoring from what is no copy": no_copy,
    "A misspelt option": misspelt_option,
    "A value of the wrong kind": nonsense_value,
    "A mistake in the TOML": broken_toml,
    "The settings are not where they should be": missing_settings,
    "A secret that everybody may read": open_secret,
    "A path that is not there": missing_path,
    "A file that is no report": no_report,
    "A report that was cut": cut_report,
    "A wrong clock, here or at the reporter": wrong_clock,
    "A folder that cannot be written": unwritable_folder,
    "No mailbox is set up": no_mailbox,
    "A mailbox that is called otherwise": unknown_mailbox,
    "The password's variable is not set": no_password,
    "The password's file is open to all": open_password,
    "A wrong port, or a firewall": wrong_port,
    "A misspelt host": wrong_host,
    "A misspelt domain": unknown_domain,
    "A misspelt customer": unknown_customer,
    "A customer twice": customer_twice,
    "A sender that is called otherwise": unknown_sender,
    "A decision that does not exist": unknown_decision,
    "A step that does not exist": unknown_step,
    "A role that does not exist": unknown_role,
    "A month that does not exist": no_month,
    "Last day before first day": period_turned_round,
    "A policy that does not exist": unknown_policy,
    "The dashboard open to the network without accounts": open_to_all,
    "DNS does not answer": dns_down,
}
# Made with a server or a second program, below.
STAGED = {
    "The port is taken",
    "Two runs at once",
    "Two nights at once",
    "A wrong password",
    "A wrong folder",
    "A certificate that nobody vouches for",
}


@pytest.fixture(scope="module")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that nobody works with, to be copied."""
    made = tmp_path_factory.mktemp("new")
    sekisho(made, "db", "upgrade")
    return made / "sekisho.sqlite3"


@pytest.fixture
def folder(tmp_path: Path, new_store: Path) -> Path:
    """A folder with a new store, where mistakes are made."""
    shutil.copy(new_store, tmp_path)
    return tmp_path


def make(folder: Path, tried: Tried) -> subprocess.CompletedProcess[str]:
    return run_command(*tried.words, folder=folder, variables=tried.variables, file_bytes=tried.bytes_left)


def check(mistake: str, done: subprocess.CompletedProcess[str], code: int) -> None:
    """The answer is what the table says, in its order, without a traceback and without the password."""
    answer = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in answer
    assert "hidden-word" not in answer
    at = 0
    for piece in table()[mistake]:
        assert piece in answer[at:], answer
        at = answer.index(piece, at)
    assert done.returncode == code, answer


def test_the_table_and_these_tests_name_the_same_mistakes() -> None:
    assert set(table()) == set(MISTAKES) | STAGED
    assert len(table()) >= 30


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_as_the_table_says(folder: Path, mistake: str) -> None:
    tried = MISTAKES[mistake](folder)

    check(mistake, make(folder, tried), tried.code)


def test_a_taken_port_is_said_before_anything_is_served(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        variables = {"SEKISHO_DASHBOARD__PORT": str(taken.getsockname()[1])}
        check("The port is taken", make(folder, Tried(["dashboard"], variables=variables)), 1)


def test_a_second_run_comes_back_later(folder: Path) -> None:
    (folder / "report.xml").write_text(report(record()))
    with run_lock(f"sqlite:///{folder}/sekisho.sqlite3"):
        check("Two runs at once", make(folder, Tried(["ingest", "report.xml"])), 75)


def test_a_second_night_comes_back_later(folder: Path) -> None:
    with night_lock(f"sqlite:///{folder}/sekisho.sqlite3"):
        check("Two nights at once", make(folder, Tried(["nightly"])), 75)


@pytest.mark.requires_dovecot
def test_a_wrong_password_is_told_from_a_wrong_server(folder: Path, dovecot: Dovecot) -> None:
    mailbox(folder, port=dovecot.port)

    check("A wrong password", make(folder, Tried(["mailbox", "test", "reports"], variables={"PW": "hidden-word"})), 1)


@pytest.mark.requires_dovecot
def test_a_wrong_folder_is_named(folder: Path, dovecot: Dovecot) -> None:
    configured(folder, "")
    mailbox(folder, port=dovecot.port, user="mistaken")
    text = (folder / "sekisho.toml").read_text() + 'folders = ["Reprots"]\n'
    configured(folder, text)

    check("A wrong folder", make(folder, Tried(["mailbox", "test", "reports"], variables={"PW": PASSWORD})), 1)


@pytest.mark.requires_dovecot
def test_a_certificate_that_nobody_vouches_for_ends_the_connection(folder: Path, dovecot: Dovecot) -> None:
    mailbox(folder, port=dovecot.tls_port, security="tls", host="localhost")

    done = make(folder, Tried(["mailbox", "test", "reports"], variables={"PW": "hidden-word"}))

    check("A certificate that nobody vouches for", done, 1)
