"""Whole runs over mailboxes where something is refused: moves, the disk, another run, a poor server, a token."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from faultproxy import Fault, FaultProxy
from forked_runs import ForkedRuns
from mailbox_runs import (
    asked,
    broken_mail,
    chosen,
    ledger_of,
    mailbox,
    report_mail,
    run_one,
)
from servers_cyrus import Cyrus, cyrus_client, cyrus_contents, deliver_to_cyrus
from servers_dovecot import MAIL, Dovecot, contents, deliver
from servers_openid import CLIENT_ID, CLIENT_SECRET, OpenIdProvider
from xml_reports import record

from store.errors import AlreadyRunning, StoreUnwritable

pytestmark = pytest.mark.requires_dovecot

pytestmark = pytest.mark.requires_dovecot


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


def test_what_was_moved_but_not_noted_is_noted_while_other_folders_bring_new_reports(
    dovecot: Dovecot, user: str, store_url: str
) -> None:
    """The second folder is looked at in the middle of the transaction that stores the first one's reports."""
    deliver(dovecot, user, report_mail(1), folder="Second")
    both = ("INBOX", "Second")
    run_one(chosen(store_url, mailbox(dovecot.port, user, after="leave", folders=both)))
    next(dovecot.maildir(user, "Second").glob("*/*.test*")).unlink()
    for number in range(2, 302):
        deliver(dovecot, user, report_mail(number))

    outcome = run_one(chosen(store_url, mailbox(dovecot.port, user, folders=both)))

    assert (outcome.ended, outcome.summary.stored, outcome.filed) == ("done", 300, 300)
    assert ("Second", 1, "stored", 1, True) in ledger_of(store_url)


# ---------------------------------------------------------------------- Cyrus


@pytest.mark.requires_cyrus
def test_on_cyrus_reports_are_stored_and_then_moved_below_the_inbox(cyrus: Cyrus, sqlite_url: str) -> None:
    name = "night"
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
