"""`sekisho nightly`: steps that do not stop each other, one night at a time, and what ledger and heartbeat are told."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from check_server import check_server
from forked_commands import run_command
from mailbox_runs import asked, broken_mail, chosen, mailbox, report_mail
from ports import free_port
from servers_dovecot import PASSWORD, Dovecot, add_folder, contents, deliver

from ingest.mailbox_errors import Refused, TryAgainLater
from sekisho.nightly import STEPS, Taken, Told, gravest, run_night
from settings import Heartbeat, Lookup, Settings, SettingsError
from store.errors import AlreadyRunning, StoreBusy, StoreDamaged, StoreError
from store.locks import night_lock, run_lock

NOW = 1_800_000_000
SEKISHO = str(Path(sys.executable).parent / "sekisho")
NO_DNS = Lookup(nameservers=("127.0.0.1:1",), timeout_seconds=0.1)
numbers = count(1)


def raising(error: Exception) -> Callable[[Settings, int], Told]:
    def step(_: Settings, __: int) -> Told:
        raise error

    return step


def night(
    options: Settings, *steps: tuple[str, Callable[[Settings, int], Told]]
) -> tuple[tuple[Taken, ...], list[str]]:
    """The steps of a night and the lines it printed; the clock ticks a second at each look."""
    lines: list[str] = []
    ticks = count(NOW)
    return run_night(options, steps, clock=lambda: next(ticks), say=lines.append), lines


def program(url: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    chosen = {"SEKISHO_DATABASE_URL": url, "SEKISHO_LOOKUP__NAMESERVERS": "127.0.0.1:1", **variables}
    return run_command(*words, variables=chosen)


def test_a_step_that_fails_does_not_stop_the_next_and_each_has_its_line(store_url: str) -> None:
    taken, lines = night(
        Settings(database_url=store_url),
        ("mailboxes", raising(TryAgainLater("the server is busy\r\n* BYE"))),
        ("lookups", raising(SettingsError("no name server"))),
        ("watch", raising(StoreError("disk full"))),
        ("digest", raising(KeyError("secret-value"))),
        ("backup", lambda _, now: Told(f"made at {now}")),
    )

    assert [step.code for step in taken] == [75, 2, 1, 1, 0]
    assert lines == [
        "mailboxes: later in 1 s: the server is busy * BYE",
        "lookups: configuration in 1 s: no name server",
        "watch: failed in 1 s: disk full",
        "digest: failed in 1 s: unexpected KeyError; its traceback is in the log",
        f"backup: done in 1 s: made at {NOW + 9}",
    ]


def test_what_nobody_foresaw_leaves_its_traceback_in_the_log(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    night(Settings(database_url=sqlite_url), ("digest", raising(KeyError("x"))), ("watch", raising(StoreError("y"))))

    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.facts for record in errors] == [{"step": "digest"}]  # type: ignore[attr-defined]
    assert "KeyError: 'x'" in caplog.text


def test_the_steps_that_ship_read_first_and_copy_last() -> None:
    names = [name for name, _ in STEPS]

    assert (names[0], names[-1]) == ("mailboxes", "backup")
    assert "lookups" in names
    assert "snapshots" in names


@pytest.mark.parametrize(("codes", "code"), [([0, 0], 0), ([], 0), ([0, 75], 75), ([75, 1, 0], 1), ([1, 2, 75], 2)])
def test_the_exit_code_is_that_of_what_needs_a_person_most(codes: list[int], code: int) -> None:
    assert gravest(codes) == code


def test_the_ledger_knows_the_night_and_its_steps(store_url: str) -> None:
    night(Settings(database_url=store_url), ("a", lambda *_: Told("one")), ("b", raising(StoreBusy("two"))))

    ((command, started, finished, outcome, summary),) = asked(
        store_url, "SELECT command, started_at, finished_at, outcome, summary FROM run"
    )
    assert (command, started, finished, outcome) == ("nightly", NOW, NOW + 5, "later")
    assert json.loads(str(summary)) == {
        "steps": [
            {"name": "a", "code": 0, "sentence": "one", "seconds": 1},
            {"name": "b", "code": 75, "sentence": "two", "seconds": 1},
        ]
    }


def test_a_killed_night_has_a_begin_and_no_end_and_frees_its_lock(sqlite_url: str, tmp_path: Path) -> None:
    killed = f"""
import os
from sekisho.nightly import run_night
from settings import Settings
kill = ("kill", lambda *_: os.kill(os.getpid(), 9))
run_night(Settings(database_url={sqlite_url!r}), [kill], clock=lambda: 1, say=print)
"""
    assert subprocess.run([sys.executable, "-c", killed], check=False).returncode == -9

    taken, _ = night(Settings(database_url=sqlite_url), ("next", lambda *_: Told("fine")))

    assert [step.code for step in taken] == [0]
    assert asked(sqlite_url, "SELECT outcome FROM run ORDER BY id") == [(None,), ("done",)]


# ---------------------------------------------------------------------- one at a time


def test_a_second_night_ends_at_once_and_touches_nothing(store_url: str) -> None:
    with check_server() as check, night_lock(store_url), pytest.raises(AlreadyRunning):
        night(
            Settings(database_url=store_url, heartbeat=Heartbeat(url=check.address)),
            ("never", raising(AssertionError("a step was taken"))),
        )

    assert check.pings == []
    assert asked(store_url, "SELECT count(*) FROM run") == [(0,)]


def test_a_second_night_says_so_in_one_line_and_exits_75(sqlite_url: str) -> None:
    with night_lock(sqlite_url):
        done = program(sqlite_url, "nightly")

    assert (done.returncode, done.stdout) == (75, "")
    assert re.fullmatch(r"sekisho: another run is working on .*: this one ends without a change\n", done.stderr)


def test_a_night_beside_an_ingest_by_hand_does_what_it_can(sqlite_url: str) -> None:
    with run_lock(sqlite_url):
        done = program(sqlite_url, "nightly")

    lines = done.stdout.splitlines()
    assert done.returncode == 75
    assert re.fullmatch(r"mailboxes: done in \d+ s: none in the settings", lines[0])
    assert re.match(r"lookups: later in \d+ s: another run is working on", lines[1])
    assert lines[-1].startswith("backup: done in")


# ---------------------------------------------------------------------- the heartbeat


def test_the_heartbeat_is_told_of_start_and_success_with_the_lines(sqlite_url: str) -> None:
    with check_server() as check:
        night(
            Settings(database_url=sqlite_url, heartbeat=Heartbeat(url=f"{check.address}/id")),
            ("a", lambda *_: Told("one")),
            ("b", lambda *_: Told("two")),
        )

    assert check.pings == [("/id/start", ""), ("/id", "a: done in 1 s: one\nb: done in 1 s: two")]


def test_the_heartbeat_is_told_of_a_step_that_failed(sqlite_url: str) -> None:
    with check_server() as check:
        night(
            Settings(database_url=sqlite_url, heartbeat=Heartbeat(url=check.address)),
            ("a", raising(Refused("wrong password"))),
            ("b", lambda *_: Told("two")),
        )

    assert check.pings == [("/start", ""), ("/fail", "a: failed in 1 s: wrong password\nb: done in 1 s: two")]


def test_a_dead_heartbeat_does_not_fail_the_night(sqlite_url: str) -> None:
    options = Settings(database_url=sqlite_url, heartbeat=Heartbeat(url=f"http://127.0.0.1:{free_port()}"))

    taken, _ = night(options, ("a", lambda *_: Told("one")))

    assert [step.code for step in taken] == [0]


def test_a_damaged_store_ends_the_night_before_the_first_step_and_is_told(sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 40] = b"\xff" * (4096 * 37)
    file.write_bytes(content)

    with check_server() as check, pytest.raises(StoreDamaged):
        night(
            Settings(database_url=sqlite_url, heartbeat=Heartbeat(url=check.address)),
            ("never", raising(AssertionError("a step was taken"))),
        )

    ((path, body),) = check.pings
    assert path == "/fail"
    assert "sekisho db restore" in body


# ---------------------------------------------------------------------- whole nights


def test_a_night_without_a_mailbox_asks_dns_and_copies(sqlite_url: str, tmp_path: Path) -> None:
    log = tmp_path / "sekisho.log"

    done = program(sqlite_url, "nightly", SEKISHO_LOG__FILE=str(log), SEKISHO_BACKUP__FOLDER=str(tmp_path / "copies"))

    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(" in ")[0] for line in done.stdout.splitlines()] == [f"{name}: done" for name, _ in STEPS]
    (copy,) = (tmp_path / "copies").iterdir()
    assert re.fullmatch(r"store-nightly-\d{8}T\d{6}Z\.sqlite3", copy.name)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["step"] for event in events] == [name for name, _ in STEPS]


@pytest.mark.requires_dovecot
def test_a_night_reads_every_mailbox_and_the_one_that_fails_does_not_stop_it(
    dovecot: Dovecot, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)
    monkeypatch.setenv("WRONG_PASSWORD", "guess")
    user = f"nightly{next(numbers)}"
    add_folder(dovecot, user)
    for content in (report_mail(1, messages=3), broken_mail(2), report_mail(3, messages=4)):
        deliver(dovecot, user, content)
    options = chosen(
        sqlite_url,
        mailbox(dovecot.port, user, name="refused", password_variable="WRONG_PASSWORD"),
        mailbox(dovecot.port, user, name="good"),
        lookup=NO_DNS,
    )

    taken, lines = night(options, *STEPS)

    codes = {step.name: step.code for step in taken}
    assert (codes["mailboxes"], codes["lookups"], codes["backup"]) == (1, 0, 0)
    assert re.fullmatch(
        r"mailboxes: failed in \d+ s: refused failed, nothing new, .+; good done, messages 3, stored 2, quarantined 1, "
        r"records 2, reported_messages 7",
        lines[0],
    )
    assert "guess" not in lines[0]
    assert asked(sqlite_url, "SELECT sum(messages) FROM traffic") == [(7,)]
    assert contents(dovecot, user) == [broken_mail(2)]
    (copy,) = (tmp_path / "backups").iterdir()
    assert asked(f"sqlite:///{copy}", "SELECT sum(messages) FROM traffic") == [(7,)]


@pytest.mark.requires_dovecot
def test_the_log_has_one_event_for_each_message(
    dovecot: Dovecot, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)
    user = f"nightly{next(numbers)}"
    add_folder(dovecot, user)
    deliver(dovecot, user, report_mail(1))
    deliver(dovecot, user, broken_mail(2))
    caplog.set_level(logging.INFO)

    night(chosen(sqlite_url, mailbox(dovecot.port, user, name="good"), lookup=NO_DNS), *STEPS)

    events = [record.facts for record in caplog.records if record.getMessage() == "message"]  # type: ignore[attr-defined]
    assert [(event["mailbox"], event["folder"], event["uid"], event["state"]) for event in events] == [
        ("good", "INBOX", 1, "stored"),
        ("good", "INBOX", 2, "quarantined"),
    ]
    assert events[0]["bytes"] == len(report_mail(1))
    assert "truncated" in events[1]["reason"]
