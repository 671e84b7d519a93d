"""Whole runs over mailboxes: what is stored, what is moved where, what stays, and how a mailbox that fails is told."""

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import dkim
import psutil
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from faultproxy import Fault, FaultProxy
from forked_runs import ForkedRuns
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
from servers_cyrus import Cyrus, cyrus_client, cyrus_contents, deliver_to_cyrus
from servers_dovecot import MAIL, Dovecot, add_folder, contents, deliver, flags, folders, renew_uidvalidity
from servers_openid import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from xml_reports import NOON, record

from ingest.imap_session import ImapSession
from ingest.mailbox import MailboxSession
from settings import Settings
from store.engine import AlreadyRunning, StoreUnwritable, open_store, writing

pytestmark = pytest.mark.requires_dovecot

numbers = count(1)


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    """An account that no other test uses, with an empty INBOX."""
    name = f"night{next(numbers)}"
    add_folder(dovecot, name)
    return name


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


@pytest.mark.slow
def test_ten_reports_among_many_junk_mails_are_found_and_the_junk_is_read_once(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    for number in range(10):
        deliver(dovecot, user, report_mail(number))
        deliver(dovecot, user, MAIL, copies=999)
    options = chosen(sqlite_url, mailbox(dovecot.port, user, messages_per_run=6_000))

    first, second, third = run_one(options), run_one(options), run_one(options)

    assert [(run.ended, run.stopped) for run in (first, second, third)] == [
        ("done", "messages"),
        ("done", None),
        ("done", None),
    ]
    assert first.summary.messages + second.summary.messages == 10_000
    assert first.summary.stored + second.summary.stored == 10
    assert third.summary.messages == 0
    assert len(contents(dovecot, user)) == 9_990
    assert len(contents(dovecot, user, "DMARC/Processed")) == 10


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


# ---------------------------------------------------------------------- filing away


def test_stored_mails_that_could_not_be_moved_are_moved_by_the_next_run_without_reading_them(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1))
    refuse = Fault("replace", "c2s", rb" UID MOVE ", times=0, rewrite=lambda line: line.split()[0] + b" NONSENSE\r\n")

    with FaultProxy(dovecot.port, [refuse]) as proxy:
        first = run_one(chosen(sqlite_url, mailbox(proxy.port, user)))
    between = (contents(dovecot, user), ledger_of(sqlite_url))
    second = run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))

    assert (first.ended, first.summary.stored, first.filed) == ("failed", 1, 0)
    assert "the mails are stored" in str(first.problem)
    assert between == ([report_mail(1)], [("INBOX", 1, "stored", 1, 0)])
    assert (second.ended, second.summary.messages, second.filed) == ("done", 0, 1)
    assert contents(dovecot, user, "DMARC/Processed") == [report_mail(1)]


def test_a_mailbox_that_refuses_to_move_is_read_to_its_end(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    for number in range(300):
        deliver(dovecot, user, report_mail(number))
    full = Fault("replace", "c2s", rb" UID MOVE ", times=0, rewrite=lambda line: line.split()[0] + b" NONSENSE\r\n")

    with FaultProxy(dovecot.port, [full]) as proxy:
        outcome = run_one(chosen(sqlite_url, mailbox(proxy.port, user)))

    assert (outcome.ended, outcome.summary.stored, outcome.filed) == ("failed", 300, 0)
    assert len(proxy.lines("c2s", rb" UID MOVE ")) == 2


def test_a_mail_that_was_moved_but_not_noted_is_noted_by_the_next_run(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1))
    run_one(chosen(sqlite_url, mailbox(dovecot.port, user, after="leave")))
    next(dovecot.maildir(user).glob("*/*.test*")).unlink()

    run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))

    assert ledger_of(sqlite_url) == [("INBOX", 1, "stored", 1, 1)]


# ---------------------------------------------------------------------- Cyrus


@pytest.mark.requires_cyrus
def test_on_cyrus_reports_are_stored_and_then_moved_below_the_inbox(cyrus: Cyrus, sqlite_url: str) -> None:
    name = f"night{next(numbers)}"
    cyrus_client(cyrus, name).logout()
    deliver_to_cyrus(cyrus, name, report_mail(1, messages=3), MAIL, report_mail(2, messages=4), broken_mail(3))

    runs = [run_one(chosen(sqlite_url, mailbox(cyrus.port, name))) for _ in range(3)]

    assert [(run.ended, run.summary.stored, run.filed) for run in runs] == [
        ("done", 2, 2),
        ("done", 0, 0),
        ("done", 0, 1),
    ]
    processed = [report_mail(1, messages=3), report_mail(2, messages=4)]
    assert cyrus_contents(cyrus, name, "INBOX/DMARC/Processed") == processed
    assert cyrus_contents(cyrus, name, "INBOX/DMARC/Quarantine") == [broken_mail(3)]
    assert cyrus_contents(cyrus, name) == [MAIL]
    assert asked(sqlite_url, "SELECT sum(messages) FROM traffic") == [(7,)]


# ---------------------------------------------------------------------- the store refuses, or another run works


def test_a_second_run_ends_at_once_and_a_killed_one_leaves_no_lock(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1))

    with ForkedRuns() as runs, FaultProxy(dovecot.port, [Fault("hang", "c2s", rb"BODY\.PEEK")]) as proxy:
        runs.start(sqlite_url, proxy.port, user)
        until = time.monotonic() + 20
        while not proxy.acted and time.monotonic() < until:
            time.sleep(0.01)
        with pytest.raises(AlreadyRunning):
            run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))
        killed = runs.kill()
    after = run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))

    assert killed
    assert (after.ended, after.summary.stored) == ("done", 1)


def test_a_full_disk_ends_the_run_with_the_mail_untouched_and_the_next_run_stores_it(
    dovecot: Dovecot, user: str, sqlite_url: str, tmp_path: Path
) -> None:
    for number in range(40):
        deliver(dovecot, user, report_mail(number, records=[record(count=7)] * 50))
    limit = Path(sqlite_url.removeprefix("sqlite:///")).stat().st_size // 4

    with ForkedRuns() as runs:
        full = runs.run(sqlite_url, dovecot.port, user, file_bytes=limit)
    between = (contents(dovecot, user), asked(sqlite_url, "SELECT count(*) FROM message"))
    after = run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))

    assert full == 1
    assert (len(between[0]), between[1]) == (40, [(0,)])
    assert (after.summary.stored, after.filed) == (40, 40)
    assert asked(sqlite_url, "SELECT sum(messages) FROM traffic") == [(40 * 50 * 7,)]
    assert asked(sqlite_url, "PRAGMA integrity_check") == [("ok",)]


def test_a_read_only_database_ends_the_run_with_the_mail_untouched(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1))
    store = Path(sqlite_url.removeprefix("sqlite:///"))
    with store.open("r+b") as file:
        # A write version that no SQLite knows makes it read-only, for root too (sqlite.org/fileformat2.html 1.3.3).
        file.seek(18)
        file.write(b"\x03")

    with FaultProxy(dovecot.port) as proxy, pytest.raises(StoreUnwritable):
        run_one(chosen(sqlite_url, mailbox(proxy.port, user)))

    assert proxy.connections == 0
    assert contents(dovecot, user) == [report_mail(1)]


# ---------------------------------------------------------------------- what servers cannot do, or will not


def test_without_move_and_uidplus_mails_stay_are_remembered_and_counted_once(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1, messages=5))
    poor = Fault("replace", "s2c", rb"CAPABILITY", times=0, rewrite=without_move)

    with FaultProxy(dovecot.port, [poor]) as proxy:
        options = chosen(sqlite_url, mailbox(proxy.port, user))
        first, second = run_one(options), run_one(options)

    assert [(run.ended, run.summary.messages, run.filed) for run in (first, second)] == [("done", 1, 0), ("done", 0, 0)]
    assert proxy.lines("c2s", rb"MOVE|COPY|STORE|EXPUNGE") == []
    assert contents(dovecot, user) == [report_mail(1, messages=5)]
    assert asked(sqlite_url, "SELECT sum(messages) FROM traffic") == [(5,)]


def without_move(line: bytes) -> bytes:
    return line.replace(b" MOVE", b"").replace(b" UIDPLUS", b"")


def test_a_mail_that_the_server_refuses_three_times_is_put_aside_and_the_others_are_stored(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    for number in (1, 2):
        deliver(dovecot, user, report_mail(number))
    refusal = Fault(
        "replace",
        "c2s",
        rb"UID FETCH (1,2|1:2|1) \(BODY",
        times=0,
        rewrite=lambda line: line.split()[0] + b" NONSENSE\r\n",
    )

    with FaultProxy(dovecot.port, [refusal]) as proxy:
        options = chosen(sqlite_url, mailbox(proxy.port, user))
        runs = [run_one(options) for _ in range(4)]

    assert [(run.skipped, run.summary.stored, run.filed) for run in runs] == [
        (1, 1, 1),
        (1, 0, 0),
        (1, 0, 0),
        (0, 0, 1),
    ]
    assert ledger_of(sqlite_url) == [("INBOX", 1, "quarantined", 3, 1), ("INBOX", 2, "stored", 1, 1)]
    assert asked(sqlite_url, "SELECT substr(reason, 1, 6) FROM message WHERE uid = 1") == [("fetch:",)]
    assert contents(dovecot, user, "DMARC/Quarantine") == [report_mail(1)]


def test_a_throttling_server_ends_the_run_with_what_came_stored_and_filed(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    deliver(dovecot, user, report_mail(1))
    throttled = Fault(
        "replace", "s2c", rb"OK Search completed", rewrite=lambda line: line.replace(b"OK ", b"OK [THROTTLED] ")
    )

    with FaultProxy(dovecot.port, [throttled]) as proxy:
        first = run_one(chosen(sqlite_url, mailbox(proxy.port, user)))
    second = run_one(chosen(sqlite_url, mailbox(dovecot.port, user)))

    assert (first.ended, second.ended) == ("later", "done")
    assert first.summary.stored + second.summary.stored == 1
    assert contents(dovecot, user, "DMARC/Processed") == [report_mail(1)]


# ---------------------------------------------------------------------- tokens and signatures


def test_a_mailbox_with_tokens_is_read(
    dovecot: Dovecot, user: str, sqlite_url: str, openid: OpenIdProvider, tmp_path: Path
) -> None:
    deliver(dovecot, user, report_mail(1))
    for name, secret in (("token", openid.new_refresh_token(user)), ("client", CLIENT_SECRET)):
        (tmp_path / name).write_text(secret)
        (tmp_path / name).chmod(0o600)
    tokens = {
        "login": "oauth2",
        "password_variable": None,
        "client_id": CLIENT_ID,
        "client_secret_file": tmp_path / "client",
        "token_file": tmp_path / "token",
        "authorize_url": f"{openid.url}/authorize",
        "token_url": f"{openid.url}/token",
        "scope": "imap",
    }

    outcome = run_one(chosen(sqlite_url, mailbox(dovecot.port, user, **tokens)), environ={})

    assert (outcome.ended, outcome.problem, outcome.summary.stored) == ("done", None, 1)
    assert [asked["grant_type"] for asked in openid.asked] == ["refresh_token"]


@pytest.mark.requires_nsd
def test_our_own_dkim_check_grades_the_mails_of_a_mailbox(
    dovecot: Dovecot, user: str, sqlite_url: str, name_server: Callable[..., str]
) -> None:
    private, public = dkim_key()
    good = signed(report_mail(1), private, "receiver.example.com")
    for content in (good, good.replace(b"Report domain", b"Another domain"), report_mail(2)):
        deliver(dovecot, user, content)
    server = name_server({"receiver.example.com": f's1._domainkey TXT "{public[:200]}" "{public[200:]}"\n'})
    given = {"authenticity": {"check_dkim": True}, "lookup": {"nameservers": [server]}}

    run_one(chosen(sqlite_url, mailbox(dovecot.port, user), **given))

    assert asked(sqlite_url, "SELECT uid, authenticity, auth_domain FROM message ORDER BY uid") == [
        (1, "pass", "receiver.example.com"),
        (2, "none", None),
        (3, "none", None),
    ]


def dkim_key() -> tuple[bytes, str]:
    """A private key and the text of its DNS record."""
    made = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def signed(content: bytes, private: bytes, domain: str) -> bytes:
    signature = dkim.sign(content, b"s1", domain.encode(), private, include_headers=[b"from", b"subject"])
    return bytes(signature) + content


# ---------------------------------------------------------------------- a large mailbox


@pytest.mark.slow
def test_a_folder_of_a_hundred_thousand_mails_costs_ten_seconds_and_little_memory_beyond_its_hundred_new_reports(
    dovecot: Dovecot, user: str, sqlite_url: str, tmp_path: Path
) -> None:
    fill(dovecot, user, 99_900)
    options = chosen(sqlite_url, mailbox(dovecot.port, user, after="leave"))
    know_all(sqlite_url, options)
    for number in range(100):
        deliver(dovecot, user, report_mail(number))
    add_folder(dovecot, f"{user}b")
    for number in range(100, 200):
        deliver(dovecot, f"{user}b", report_mail(number))

    few = measured(tmp_path, sqlite_url, dovecot.port, f"{user}b")
    many = measured(tmp_path, sqlite_url, dovecot.port, user)

    assert asked(sqlite_url, "SELECT count(*), sum(messages) FROM report") == [(200, 200)]
    assert many.seconds - few.seconds < 10
    assert many.megabytes < 150


def fill(server: Dovecot, user: str, copies: int) -> None:
    """Many mails of one content, as links to one file."""
    deliver(server, user)
    cur = server.maildir(user) / "cur"
    (original,) = cur.iterdir()
    size = original.stat().st_size
    for number in range(copies - 1):
        if number % 50_000 == 0:  # a file has at most 65,000 links on ext4
            original = Path(shutil.copy2(original, cur / f"0{number:09}.mail,S={size},W={size}:2,"))
            shutil.chown(original, cur.owner(), cur.group())
        else:
            (cur / f"0{number:09}.mail,S={size},W={size}:2,").hardlink_to(original)


def know_all(url: str, options: Settings) -> None:
    """Write into the ledger that every mail of the mailbox was read and is no report."""
    (written,) = options.mailbox
    run_one(options.model_copy(update={"mailbox": (written.model_copy(update={"messages_per_run": 1}),)}))
    sql = (
        "INSERT INTO message (mailbox, folder, uidvalidity, uid, place, sha256, size, state, run_id, first_seen_at) "
        "WITH RECURSIVE n(uid) AS (SELECT 2 UNION ALL SELECT uid + 1 FROM n WHERE uid < 99900) "
        "SELECT mailbox, folder, uidvalidity, n.uid, place || n.uid, sha256, size, state, run_id, first_seen_at "
        "FROM message, n"
    )
    engine = open_store(url)
    with writing(engine) as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of a whole command, and the most memory that its processes held together."""

    seconds: float
    megabytes: float


def measured(folder: Path, url: str, port: int, user: str) -> Measured:
    (folder / "sekisho.toml").write_text(
        f'database_url = "{url}"\nworkers = 1\n[[mailbox]]\nname = "reports"\nhost = "127.0.0.1"\nport = {port}\n'
        f'security = "plain"\nuser = "{user}"\npassword_variable = "TEST_PASSWORD"\n'
    )
    started = time.monotonic()
    process = psutil.Popen(
        [Path(sys.executable).parent / "sekisho", "ingest"],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
    )
    most = 0
    while process.poll() is None:
        most = max(most, held(process))
        time.sleep(0.02)
    assert process.returncode == 0
    return Measured(time.monotonic() - started, most / 1_000_000)


def held(process: psutil.Popen) -> int:
    """Bytes that a process and its children hold; what several share counts once."""
    with suppress(psutil.NoSuchProcess):
        return sum(each.memory_full_info().pss for each in (process, *process.children(recursive=True)))
    return 0
