"""Whole runs over mailboxes: what is stored, what is moved where, what stays, and what others do meanwhile."""

import time

import pytest
from faultproxy import Fault, FaultProxy
from mailbox_runs import (
    ENVIRONMENT,
    asked,
    broken_mail,
    chosen,
    figures_of,
    ledger_of,
    mailbox,
    report_mail,
    run_all,
    run_one,
)
from ports import free_port
from servers_dovecot import MAIL, Dovecot, add_folder, contents, deliver, flags, folders, renew_uidvalidity
from xml_reports import NOON

from ingest.imap_session import ImapSession
from ingest.mailbox import MailboxSession

pytestmark = pytest.mark.requires_dovecot

pytestmark = pytest.mark.requires_dovecot


def test_reports_are_stored_and_then_moved_and_everything_else_stays(
    dovecot: Dovecot, user: str, store_url: str
) -> None:
    for content in (report_mail(1, messages=3), MAIL, report_mail(2, messages=4)):
        deliver(dovecot, user, content)
    deliver(dovecot, user, broken_mail(3), flags="F")

    outcome = run_one(chosen(store_url, mailbox(dovecot.port, user)))

    assert (outcome.ended, outcome.problem, outcome.stopped, outcome.filed) == ("done", None, None, 2)
    assert (outcome.summary.stored, outcome.summary.not_reports, outcome.summary.quarantined) == (2, 1, 1)
    assert contents(dovecot, user, "DMARC/Processed") == [report_mail(1, messages=3), report_mail(2, messages=4)]
    assert contents(dovecot, user) == [MAIL, broken_mail(3)]
    assert flags(dovecot, user) == ["", "F"]
    assert asked(store_url, "SELECT sum(messages) FROM traffic") == [(7,)]
    assert ledger_of(store_url) == [
        ("INBOX", 1, "stored", 1, 1),
        ("INBOX", 2, "not-a-report", 1, 0),
        ("INBOX", 3, "stored", 1, 1),
        ("INBOX", 4, "quarantined", 1, 0),
    ]


def test_a_second_run_fetches_nothing_and_changes_nothing(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    deliver(dovecot, user, report_mail(1))
    deliver(dovecot, user, MAIL, copies=3)
    run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))
    before = (figures_of(sqlite_url), ledger_of(sqlite_url))

    with FaultProxy(dovecot.port) as proxy:
        outcome = run_one(chosen(sqlite_url, mailbox(proxy.port, user)))

    assert (outcome.ended, outcome.summary.messages) == ("done", 0)
    assert proxy.lines("c2s", rb"FETCH|MOVE|COPY|STORE") == []
    assert (figures_of(sqlite_url), ledger_of(sqlite_url)) == before


def test_leaving_mail_where_it_is_needs_no_move_to_count_it_once(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    deliver(dovecot, user, report_mail(1, messages=5), flags="S")
    options = chosen(sqlite_url, mailbox(dovecot.port, user, after="leave"))

    first, second = run_one(options), run_one(options)

    assert (first.summary.stored, second.summary.messages) == (1, 0)
    assert contents(dovecot, user) == [report_mail(1, messages=5)]
    assert folders(dovecot, user) == set()
    assert asked(sqlite_url, "SELECT sum(messages) FROM traffic") == [(5,)]


def test_a_mailbox_that_fails_does_not_stop_the_others_and_each_has_its_run(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    add_folder(dovecot, f"{user}b")
    for name in (user, f"{user}b"):
        deliver(dovecot, name, report_mail(1 if name == user else 2))
    mailboxes = (
        mailbox(dovecot.port, user, name="no password", password_variable="MISSING"),
        mailbox(dovecot.port, user, name="wrong password", password_variable="WRONG"),
        mailbox(free_port(), user, name="nobody there", seconds_per_run=2),
        mailbox(dovecot.port, user, name="no folder", folders=("Reports",)),
        mailbox(dovecot.port, user, name="good"),
        mailbox(dovecot.port, f"{user}b", name="good too"),
    )

    outcomes = run_all(chosen(sqlite_url, *mailboxes), environ={**ENVIRONMENT, "WRONG": "guess"})

    assert [(outcome.mailbox, outcome.ended, outcome.summary.stored) for outcome in outcomes] == [
        ("no password", "configuration", 0),
        ("wrong password", "failed", 0),
        ("nobody there", "later", 0),
        ("no folder", "configuration", 0),
        ("good", "done", 1),
        ("good too", "done", 1),
    ]
    problems = [outcome.problem for outcome in outcomes]
    assert "the environment variable MISSING" in str(problems[0])
    assert "there is no folder Reports" in str(problems[3])
    assert "guess" not in str(problems)
    assert asked(sqlite_url, "SELECT command, outcome, finished_at IS NOT NULL FROM run ORDER BY id") == [
        ("mailbox no password", "configuration", 1),
        ("mailbox wrong password", "failed", 1),
        ("mailbox nobody there", "later", 1),
        ("mailbox no folder", "configuration", 1),
        ("mailbox good", "done", 1),
        ("mailbox good too", "done", 1),
    ]


def test_the_same_mail_in_two_mailboxes_is_counted_once(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    add_folder(dovecot, f"{user}b")
    for name in (user, f"{user}b"):
        deliver(dovecot, name, report_mail(1, messages=5))

    run_all(chosen(sqlite_url, mailbox(dovecot.port, user), mailbox(dovecot.port, f"{user}b", name="second")))

    assert asked(sqlite_url, "SELECT mailbox, state FROM message ORDER BY id") == [
        ("reports", "stored"),
        ("second", "duplicate"),
    ]
    assert asked(sqlite_url, "SELECT sum(messages) FROM traffic") == [(5,)]
    assert contents(dovecot, f"{user}b", "DMARC/Processed") == [report_mail(1, messages=5)]


# ---------------------------------------------------------------------- what cannot be read


def test_an_unreadable_mail_stays_for_three_runs_and_then_goes_to_quarantine(
    dovecot: Dovecot, user: str, store_url: str
) -> None:
    deliver(dovecot, user, broken_mail(1), flags="F")
    options = chosen(store_url, mailbox(dovecot.port, user))

    places = []
    for _ in range(4):
        outcome = run_one(options)
        places.append((outcome.summary.quarantined, len(contents(dovecot, user)), ledger_of(store_url)[0][3]))

    assert places == [(1, 1, 1), (1, 1, 2), (1, 0, 3), (0, 0, 3)]
    assert contents(dovecot, user, "DMARC/Quarantine") == [broken_mail(1)]
    assert flags(dovecot, user, "DMARC/Quarantine") == ["F"]
    assert "truncated" in str(asked(store_url, "SELECT reason FROM message")[0][0])


def test_a_mail_of_forty_mebibytes_is_not_downloaded_stays_and_is_not_asked_for_again(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    deliver(dovecot, user, MAIL + b"x" * (40 * 1024 * 1024), flags="F")
    deliver(dovecot, user, report_mail(1))

    with FaultProxy(dovecot.port) as proxy:
        options = chosen(sqlite_url, mailbox(proxy.port, user))
        first = run_one(options)
        seen = len(proxy.lines("s2c"))
        runs = [run_one(options) for _ in range(3)]

    assert (first.summary.stored, first.summary.quarantined, first.downloaded_bytes) == (1, 1, len(report_mail(1)))
    assert seen < 500
    assert [run.summary.messages for run in runs] == [0, 0, 0]
    assert flags(dovecot, user) == ["F"]
    assert asked(sqlite_url, "SELECT state, size, substr(reason, 1, 7) FROM message WHERE sha256 IS NULL") == [
        ("quarantined", 40 * 1024 * 1024 + len(MAIL), "too_big")
    ]


def test_a_raised_limit_makes_a_large_mail_readable_after_all(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    deliver(dovecot, user, report_mail(1))
    small = run_one(chosen(sqlite_url, mailbox(dovecot.port, user, largest_message_bytes=500)))
    large = run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))

    assert (small.summary.quarantined, large.summary.stored) == (1, 1)
    assert contents(dovecot, user, "DMARC/Processed") == [report_mail(1)]


# ---------------------------------------------------------------------- budgets


def test_the_bytes_of_the_day_are_shared_by_its_runs(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    for number in range(4):
        deliver(dovecot, user, report_mail(number))
    three = sum(len(report_mail(number)) for number in range(3))
    limits = {"bytes_per_day": three - 1, "bytes_per_run": three - 1, "largest_message_bytes": three // 2}
    options = chosen(sqlite_url, mailbox(dovecot.port, user, **limits))

    runs = [run_one(options, now=at) for at in (NOON, NOON + 3600, NOON + 86_400)]

    assert [(run.summary.stored, run.stopped) for run in runs] == [
        (2, "bytes"),
        (0, "bytes of the day"),
        (2, None),
    ]


# ---------------------------------------------------------------------- others work in the same mailbox


def test_mail_that_somebody_marked_deleted_is_neither_read_nor_expunged(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1), flags="T")
    deliver(dovecot, user, report_mail(2))

    outcome = run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))

    assert (outcome.summary.messages, outcome.summary.stored) == (1, 1)
    assert (contents(dovecot, user), flags(dovecot, user)) == ([report_mail(1)], ["T"])


def test_a_restored_folder_is_read_again_and_counted_once(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    options = chosen(sqlite_url, mailbox(dovecot.port, user, after="leave"))
    for number in (1, 2):
        deliver(dovecot, user, report_mail(number, messages=5))
    run_one(options)
    before = figures_of(sqlite_url)

    renew_uidvalidity(dovecot, user)
    again = run_one(options)

    assert (again.summary.messages, again.summary.duplicates) == (2, 2)
    assert figures_of(sqlite_url) == before


def test_a_folder_restored_in_the_middle_of_a_run_is_counted_once_and_no_wrong_mail_moves(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    """The connection breaks at the MOVE of two stored mails; when it is back, their UIDs mean other mails."""
    for content in (report_mail(1), report_mail(2), MAIL):
        deliver(dovecot, user, content)

    def restore(_: float) -> None:
        time.sleep(0.3)  # the server writes down the state of the old connection when it notices its end
        min(dovecot.maildir(user).glob("cur/*")).unlink()
        renew_uidvalidity(dovecot, user)

    with FaultProxy(dovecot.port, [Fault("drop", "c2s", rb" UID MOVE ")]) as proxy:
        options = chosen(sqlite_url, mailbox(proxy.port, user))
        first = run_one(options, connect=lambda *given: MailboxSession(ImapSession(*given, pause=restore)))
    second = run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))

    assert (first.summary.stored, first.filed) == (2, 0)
    assert (second.summary.duplicates, second.filed) == (1, 1)
    assert contents(dovecot, user) == [MAIL]
    assert contents(dovecot, user, "DMARC/Processed") == [report_mail(2)]
    assert asked(sqlite_url, "SELECT count(*), sum(messages) FROM report") == [(2, 2)]


def test_a_mail_that_others_removed_after_it_was_stored_is_no_problem(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    for number in (1, 2):
        deliver(dovecot, user, report_mail(number))

    def remove(_: object) -> None:
        next(dovecot.maildir(user).glob("*/*.test*")).unlink()

    outcome = run_one(chosen(sqlite_url, mailbox(dovecot.port, user)), after_commit=remove)

    assert (outcome.ended, outcome.summary.stored, outcome.filed) == ("done", 2, 2)
    assert len(contents(dovecot, user, "DMARC/Processed")) == 1
