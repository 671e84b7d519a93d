"""Whole runs while connections break at every step, and while the run itself is killed there.

Whatever breaks, the run ends in its time, and after the next run store and mailbox are as if nothing had happened.
"""

import time
from collections.abc import Iterator
from itertools import count

import pytest
from faultproxy import Action, Direction, Fault, FaultProxy
from forked_runs import ForkedRuns
from mailbox_runs import asked, chosen, figures_of, ledger_of, mailbox, report_mail, run_one
from servers_dovecot import MAIL, Dovecot, contents, deliver, flags, folders

pytestmark = pytest.mark.requires_dovecot

numbers = count(1)
MAILS = (report_mail(1, messages=3), MAIL, report_mail(2, messages=4), report_mail(3, messages=5))
FOLDER = "日報/DMARC"
IN_FOLDER: dict[str, object] = {"folders": (FOLDER,)}
# For a run whose connection breaks; one without faults has time, however busy the machine is.
IMPATIENT: dict[str, object] = {
    **IN_FOLDER,
    "seconds_of_silence": 0.5,
    "seconds_per_command": 1.0,
    "seconds_to_connect": 0.5,
    "seconds_per_run": 15,
}

# Where a connection breaks: its name, the direction, the line that is withheld, and which of these lines it is.
STEPS: dict[str, tuple[Direction, bytes, int]] = {
    "greeting": ("s2c", rb"^\* OK", 1),
    "login": ("c2s", rb"AUTHENTICATE", 1),
    "reply of login": ("s2c", rb"Logged in", 1),
    "list": ("c2s", rb" LIST ", 1),
    "namespace": ("c2s", rb" NAMESPACE", 1),
    "select": ("c2s", rb" SELECT ", 1),
    "reply of select": ("s2c", rb"Select completed", 1),
    "search": ("c2s", rb"NOT DELETED", 1),
    "reply of search": ("s2c", rb"^\* SEARCH", 1),
    "sizes": ("c2s", rb"RFC822\.SIZE", 1),
    "reply of sizes": ("s2c", rb"Fetch completed", 1),
    "fetch": ("c2s", rb"BODY\.PEEK", 1),
    "within a mail": ("s2c", rb"^A report is attached", 2),
    "reply of fetch": ("s2c", rb"Fetch completed", 2),
    "create": ("c2s", rb" CREATE ", 1),
    "move, after the commit": ("c2s", rb" UID MOVE ", 1),
    "reply of move": ("s2c", rb"Move completed", 1),
    "search after the move": ("c2s", rb"SEARCH UID", 1),
    "logout": ("c2s", rb" LOGOUT", 1),
}
ACTIONS: tuple[Action, ...] = ("drop", "rst", "hang", "drip")


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    """An account whose INBOX and FOLDER have mails under the same UIDs; the run works in FOLDER."""
    name = f"fault{next(numbers)}"
    deliver(dovecot, name, MAIL, flags="F", copies=len(MAILS))
    for content in MAILS:
        deliver(dovecot, name, content, folder=FOLDER)
    return name


@pytest.fixture(scope="module")
def runs() -> Iterator[ForkedRuns]:
    with ForkedRuns() as started:
        yield started


def assert_as_without_faults(dovecot: Dovecot, user: str, url: str) -> None:
    """What one run without faults leaves behind, all of it."""
    assert figures_of(url) == {
        "reports": [
            ("r-1", "in-force", 1, 3, 3),
            ("r-2", "in-force", 1, 4, 4),
            ("r-3", "in-force", 1, 5, 5),
        ],
        "records": [(3, 12)],
        "traffic": [(20713, 5, 1), (20714, 3, 1), (20715, 4, 1)],
        "sources": [("192.0.2.1",), ("192.0.2.2",), ("192.0.2.3",)],
    }
    assert [(row[1], row[2], row[4]) for row in ledger_of(url)] == [
        (1, "stored", 1),
        (2, "not-a-report", 0),
        (3, "stored", 1),
        (4, "stored", 1),
    ]
    assert contents(dovecot, user, "DMARC/Processed") == [MAILS[0], MAILS[2], MAILS[3]]
    assert contents(dovecot, user, FOLDER) == [MAIL]
    assert contents(dovecot, user) == [MAIL] * len(MAILS)
    assert flags(dovecot, user) == ["F"] * len(MAILS)
    assert folders(dovecot, user) == {FOLDER, "DMARC/Processed"}
    assert asked(url, "PRAGMA integrity_check") == [("ok",)]


def test_a_run_without_faults_leaves_what_every_faulty_one_is_compared_with(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    outcome = run_one(chosen(sqlite_url, mailbox(dovecot.port, user, **IN_FOLDER)))

    assert outcome.ended == "done"
    assert_as_without_faults(dovecot, user, sqlite_url)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("step", STEPS)
def test_a_connection_that_breaks_at_any_step_changes_no_result(
    dovecot: Dovecot, user: str, sqlite_url: str, runs: ForkedRuns, step: str, action: Action
) -> None:
    direction, line, nth = STEPS[step]
    fault = Fault(action, direction, line, nth=nth, amount=20)

    with FaultProxy(dovecot.port, [fault]) as proxy:
        started = time.monotonic()
        broken = runs.run(sqlite_url, proxy.port, user, **IMPATIENT)
        took = time.monotonic() - started
    again = runs.run(sqlite_url, dovecot.port, user, **IN_FOLDER)

    assert proxy.acted
    assert (broken in (0, 75), again) == (True, 0)
    assert took < 17
    assert_as_without_faults(dovecot, user, sqlite_url)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("step", ["tls handshake", "within tls"])
def test_a_tls_connection_that_breaks_changes_no_result(
    dovecot: Dovecot, user: str, sqlite_url: str, runs: ForkedRuns, step: str, action: Action
) -> None:
    fault = Fault(action, "s2c", after_bytes=100 if step == "tls handshake" else 4_500, amount=20)
    tls = {"security": "tls", "host": "localhost", "ca_file": dovecot.certificates.authority}

    with FaultProxy(dovecot.tls_port, [fault]) as proxy:
        broken = runs.run(sqlite_url, proxy.port, user, **IMPATIENT, **tls)
    again = runs.run(sqlite_url, dovecot.port, user, **IN_FOLDER)

    assert proxy.acted
    assert (broken in (0, 75), again) == (True, 0)
    assert_as_without_faults(dovecot, user, sqlite_url)


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_is_killed_at_any_step_changes_no_result(
    dovecot: Dovecot, user: str, sqlite_url: str, runs: ForkedRuns, step: str
) -> None:
    direction, line, nth = STEPS[step]

    with FaultProxy(dovecot.port, [Fault("hang", direction, line, nth=nth)]) as proxy:
        runs.start(sqlite_url, proxy.port, user, **IN_FOLDER)
        until = time.monotonic() + 60
        while not proxy.acted and time.monotonic() < until:
            time.sleep(0.005)
        killed = runs.kill()
    again = runs.run(sqlite_url, dovecot.port, user, **IN_FOLDER)

    assert (killed, again) == (True, 0)
    assert_as_without_faults(dovecot, user, sqlite_url)
