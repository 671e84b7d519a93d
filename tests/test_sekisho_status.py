"""`sekisho status`, as a person and as monitoring see it."""

import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from forked_commands import run_command
from store_builder import DAY_SECONDS, ask, fill, line, report

from analysis.health import Finding, Kind
from sekisho.status import SENTENCES, read_status, sentence
from settings import Backup, Mailbox, Settings
from store import ledger
from store.backup import backup
from store.engine import open_store, writing

NOW = 1_800_000_000
TODAY = NOW // DAY_SECONDS


def program(url: str, *words: str, config: Path | None = None) -> subprocess.CompletedProcess[str]:
    variables = {"SEKISHO_DATABASE_URL": url}
    if config:
        variables["SEKISHO_CONFIG"] = str(config)
    return run_command("status", *words, variables=variables)


def ran(url: str, command: str, outcome: str | None, *, at: int, **summary: object) -> None:
    """A run of a minute in the ledger."""
    engine = open_store(url)
    with writing(engine) as connection:
        number = ledger.start_run(connection, command, now=at)
        if outcome:
            ledger.finish_run(connection, number, outcome, json.dumps(summary), now=at + 60)
    engine.dispose()


def test_a_new_store_without_a_mailbox_is_well(sqlite_url: str) -> None:
    done = program(sqlite_url)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "all is well"
    assert done.stdout.splitlines()[-1] == "backup none"


def test_a_failed_night_exits_1_and_says_what_to_do(sqlite_url: str) -> None:
    now = int(time.time())
    ran(sqlite_url, "nightly", "failed", at=now - 3600)
    backup(sqlite_url, None, now=now - 3600)

    done = program(sqlite_url)

    assert done.returncode == 1
    assert done.stdout.splitlines()[:2] == [
        "1 problem",
        "problem: the last night failed: `sekisho nightly` says what is wrong",
    ]
    assert "run nightly: started " in done.stdout


def test_json_holds_everything_and_the_exit_code_is_the_same(sqlite_url: str, tmp_path: Path) -> None:
    now = int(time.time())
    config = tmp_path / "sekisho.toml"
    config.write_text(
        '[[mailbox]]\nname = "main"\nhost = "imap.example.jp"\nuser = "rua@example.jp"\npassword_variable = "X"\n'
    )
    ran(sqlite_url, "nightly", "done", at=now - 7200)
    ran(sqlite_url, "mailbox main", "failed", at=now - 7200, problem="login refused", stopped=None)
    copy = backup(sqlite_url, None, now=now - 7200)

    done = program(sqlite_url, "--json", config=config)

    found = json.loads(done.stdout)
    assert (done.returncode, found["healthy"]) == (1, False)
    assert found["problems"] == [
        {
            "kind": "mailbox-failed",
            "subject": "main",
            "number": None,
            "sentence": "the mailbox main cannot be read: run `sekisho mailbox test main`",
        }
    ]
    assert found["mailboxes"] == [
        {
            "mailbox": "main",
            "last_success_at": None,
            "ended": "failed",
            "problem": "login refused",
            "more_waits": False,
            "messages": 0,
            "quarantined": 0,
        }
    ]
    assert [(run["command"], run["outcome"]) for run in found["runs"]] == [
        ("mailbox main", "failed"),
        ("nightly", "done"),
    ]
    assert found["backup"] == {"file": str(copy), "made_at": now - 7200, "bytes": copy.stat().st_size}
    assert found["store"]["place"] == sqlite_url.removeprefix("sqlite:///")
    assert found["store"]["bytes"] > 100_000
    assert (found["quarantine"], found["silent_domains"], found["silent_reporters"]) == (
        {"messages": 0, "new": 0},
        [],
        [],
    )


def test_a_missing_store_exits_1_in_one_line(tmp_path: Path) -> None:
    done = program(f"sqlite:///{tmp_path}/absent.sqlite3", "--json")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sekisho: there is no database at")


def test_what_went_silent_is_found_in_the_stored_reports(store_url: str) -> None:
    quiet = [report("example.jp", TODAY - 10 - day, [line("192.0.2.1", 1)], org="A") for day in range(10)]
    steady = [report("example.com", TODAY - 1 - day, [line("192.0.2.1", 1)], org="B") for day in range(20)]
    fill(store_url, [*quiet, *steady], customers={"Sakura": ["example.jp", "example.com"]})
    ran(store_url, "ingest", "done", at=NOW)

    found = ask(store_url, lambda connection: read_status(connection, Settings(database_url=store_url), now=NOW))

    assert [(finding.kind, finding.subject) for finding in found.health.problems] == [
        ("domain-silent", "example.jp"),
        ("reporter-silent", "A"),
    ]
    assert [silence.last_day for silence in found.health.silent_domains] == [TODAY - 10]


def test_a_mailbox_shows_its_last_success_and_what_waits(sqlite_url: str, tmp_path: Path) -> None:
    ran(sqlite_url, "mailbox main", "done", at=NOW - DAY_SECONDS)
    ran(sqlite_url, "mailbox main", "later", at=NOW - 3600, stopped="bytes", problem="the server is busy")
    ran(sqlite_url, "mailbox old", "done", at=NOW - 3600)
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        for name, state in (("main", "quarantined"), ("main", "stored"), ("old", "stored")):
            entry = ledger.Entry("place", f"{name}{state}", 1, state, None, name, "INBOX", 1, len(state))
            ledger.record_message(connection, entry, run_id=1, now=NOW)
    engine.dispose()
    options = Settings(
        database_url=sqlite_url,
        mailbox=(Mailbox(name="main", host="imap.example.jp", user="rua@example.jp", password_variable="X"),),
        backup=Backup(folder=str(tmp_path)),
    )

    found = ask(sqlite_url, lambda connection: read_status(connection, options, now=NOW))

    main, old = found.mailboxes
    assert (main.mailbox, main.ended, main.last_success_at) == ("main", "later", NOW - DAY_SECONDS + 60)
    assert (main.problem, main.more_waits, main.messages, main.quarantined) == ("the server is busy", True, 2, 1)
    assert (old.mailbox, old.ended, old.messages) == ("old", "not in the settings", 1)


def test_a_run_without_an_end_runs_or_was_killed(sqlite_url: str) -> None:
    ran(sqlite_url, "ingest", None, at=NOW - 60)
    ran(sqlite_url, "nightly", None, at=NOW - 13 * 3600)

    found = ask(sqlite_url, lambda connection: read_status(connection, Settings(database_url=sqlite_url), now=NOW))

    assert [(run.command, run.outcome) for run in found.runs] == [("ingest", "running"), ("nightly", "killed")]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_finding_has_a_sentence(kind: Kind) -> None:
    day = kind.startswith(("reporter", "domain"))

    said = sentence(Finding(kind, "{x}\x1b[31m", 20_000 if day else NOW))

    assert "\x1b" not in said
    assert ("{x}" in said) == ("{subject}" in SENTENCES[kind])
    assert ("2024-10-04" in said) == ("{day}" in SENTENCES[kind])
    assert (datetime.fromtimestamp(NOW, UTC).strftime("%Y-%m-%d %H:%MZ") in said) == ("{time}" in SENTENCES[kind])


def test_what_never_was_is_called_never() -> None:
    assert "was last read to its end never" in sentence(Finding("mailbox-late", "new"))


def test_people_read_everything_on_plain_lines(sqlite_url: str) -> None:
    hostile = "A\x1b[31m\u202e"
    quiet = [report("example.jp", TODAY - day, [line("192.0.2.1", 1)], org=hostile) for day in range(60, 75)]
    fill(sqlite_url, quiet, customers={"Sakura": ["example.jp"]}, quarantined=2)

    done = program(sqlite_url)

    assert "quarantine 2, new in the last 7 days" in done.stdout
    assert all(sign.isprintable() or sign == "\n" for sign in done.stdout)
