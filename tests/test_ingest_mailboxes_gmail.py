"""Whole runs over a mailbox that looks like Gmail: a mail met again under another label is known without its bytes."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from faultproxy import Fault, FaultProxy
from gmail_looks import looks_like_gmail, number_of_size
from mailbox_runs import asked, broken_mail, chosen, figures_of, ledger_of, mailbox, report_mail, run_one
from servers_dovecot import MAIL, Dovecot, contents, deliver, renew_uidvalidity

from ingest.mailboxes import MailboxOutcome
from settings import Settings

pytestmark = pytest.mark.requires_dovecot

LABELS = ("Reports", "INBOX")


@dataclass(frozen=True, slots=True)
class Gmail:
    """An account that is reached through the proxy; `port` is the way around it."""

    dovecot: Dovecot
    user: str
    proxy: FaultProxy

    def options(self, url: str, **given: object) -> Settings:
        return chosen(url, mailbox(self.proxy.port, self.user, **given))

    def run(self, url: str, **given: object) -> MailboxOutcome:
        return run_one(self.options(url, folders=LABELS, **given))

    def label(self, content: bytes, folder: str) -> None:
        deliver(self.dovecot, self.user, content, folder=folder)

    @property
    def downloads(self) -> int:
        """How many commands have asked for bytes of mails."""
        return len(self.proxy.lines("c2s", rb"FETCH .*BODY"))


@pytest.fixture
def gmail(dovecot: Dovecot, user: str) -> Iterator[Gmail]:
    with FaultProxy(dovecot.port, looks_like_gmail()) as proxy:
        yield Gmail(dovecot, user, proxy)


def test_the_number_that_gmail_gives_a_mail_is_kept_with_it(gmail: Gmail, sqlite_url: str) -> None:
    for content in (report_mail(1), MAIL):
        gmail.label(content, "INBOX")

    run_one(gmail.options(sqlite_url))

    expected = [(number_of_size(len(report_mail(1))),), (number_of_size(len(MAIL)),)]
    assert asked(sqlite_url, "SELECT gmail_id FROM message ORDER BY uid") == expected
    assert gmail.proxy.lines("c2s", rb"FETCH .*X-GM-MSGID")


def test_another_server_is_not_asked_for_numbers_of_gmail(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    deliver(dovecot, user, report_mail(1))

    with FaultProxy(dovecot.port) as proxy:
        run_one(chosen(sqlite_url, mailbox(proxy.port, user)))

    assert proxy.lines("c2s", rb"X-GM") == []
    assert asked(sqlite_url, "SELECT gmail_id FROM message") == [(None,)]


def test_a_mail_that_gets_another_label_later_is_known_without_its_bytes_and_filed(
    gmail: Gmail, store_url: str
) -> None:
    gmail.label(report_mail(1, messages=5), "Reports")
    first, downloads = gmail.run(store_url), gmail.downloads
    before = figures_of(store_url)
    gmail.label(report_mail(1, messages=5), "INBOX")

    second = gmail.run(store_url)

    assert (first.summary.stored, first.recognised, downloads) == (1, 0, 1)
    assert (second.summary.messages, second.recognised, second.filed, second.downloaded_bytes) == (0, 1, 1, 0)
    assert gmail.downloads == 1
    assert figures_of(store_url) == before
    assert ledger_of(store_url) == [("INBOX", 1, "duplicate", 0, True), ("Reports", 1, "stored", 1, True)]
    assert asked(store_url, "SELECT count(DISTINCT sha256), count(DISTINCT gmail_id) FROM message") == [(1, 1)]
    assert asked(store_url, "SELECT place FROM message WHERE attempts = 0") == [("reports/INBOX/1",)]
    assert contents(gmail.dovecot, gmail.user) == []
    assert gmail.run(store_url).recognised == 0


def test_after_uidvalidity_changed_no_known_mail_is_downloaded_and_new_ones_are(gmail: Gmail, sqlite_url: str) -> None:
    for content in (report_mail(1), MAIL, report_mail(2)):
        gmail.label(content, "INBOX")
    run_one(gmail.options(sqlite_url, after="leave"))
    gmail.label(report_mail(33, messages=123_456), "INBOX")
    renew_uidvalidity(gmail.dovecot, gmail.user)

    again = run_one(gmail.options(sqlite_url, after="leave"))

    assert (again.summary.messages, again.summary.stored, again.recognised) == (1, 1, 3)
    assert again.downloaded_bytes == len(report_mail(33, messages=123_456))
    assert asked(sqlite_url, "SELECT state, count(*) FROM message WHERE attempts = 0 GROUP BY state ORDER BY 1") == [
        ("duplicate", 2),
        ("not-a-report", 1),
    ]
    assert asked(sqlite_url, "SELECT count(*), sum(messages) FROM report") == [(3, 123_458)]


def test_hundreds_of_known_mails_are_noted_and_the_next_run_asks_for_none(gmail: Gmail, sqlite_url: str) -> None:
    deliver(gmail.dovecot, gmail.user, MAIL, copies=450)
    options = gmail.options(sqlite_url, after="leave")
    run_one(options)
    renew_uidvalidity(gmail.dovecot, gmail.user)

    again, last = run_one(options), run_one(options)

    assert (again.summary.messages, again.recognised, last.recognised) == (0, 450, 0)
    assert asked(sqlite_url, "SELECT attempts, count(*) FROM message GROUP BY attempts ORDER BY 1") == [
        (0, 450),
        (1, 450),
    ]


def test_what_was_not_downloaded_costs_nothing_of_the_bytes_of_the_day(gmail: Gmail, sqlite_url: str) -> None:
    gmail.label(report_mail(1), "INBOX")
    room = len(report_mail(1)) + len(report_mail(22))
    limits = {"after": "leave", "largest_message_bytes": room, "bytes_per_day": room, "bytes_per_run": room}
    run_one(gmail.options(sqlite_url, **limits))
    renew_uidvalidity(gmail.dovecot, gmail.user)
    assert run_one(gmail.options(sqlite_url, **limits)).recognised == 1
    gmail.label(report_mail(22), "INBOX")

    last = run_one(gmail.options(sqlite_url, **limits))

    assert (last.summary.stored, last.stopped) == (1, None)


def test_a_mail_that_could_not_be_read_is_worked_on_under_every_label(gmail: Gmail, sqlite_url: str) -> None:
    gmail.label(broken_mail(1), "Reports")
    gmail.run(sqlite_url)
    gmail.label(broken_mail(1), "INBOX")
    renew_uidvalidity(gmail.dovecot, gmail.user, "Reports")

    again = gmail.run(sqlite_url)

    assert (again.summary.quarantined, again.recognised) == (1, 0)


def test_a_mail_that_was_refused_in_one_place_and_read_in_another_needs_no_third_try(
    gmail: Gmail, sqlite_url: str
) -> None:
    refusal = Fault(
        "replace", "c2s", rb"FETCH .*BODY", times=2, rewrite=lambda line: line.split()[0] + b" NONSENSE\r\n"
    )
    gmail.proxy.faults.insert(0, refusal)
    for folder in LABELS:
        gmail.label(report_mail(1), folder)
    refused = run_one(gmail.options(sqlite_url, after="leave"))
    run_one(gmail.options(sqlite_url, after="leave", folders=("Reports",)))

    again = run_one(gmail.options(sqlite_url, after="leave"))

    assert (refused.skipped, refusal.acted, again.recognised) == (1, 2, 1)
    assert ledger_of(sqlite_url) == [("INBOX", 1, "duplicate", 1, 0), ("Reports", 1, "stored", 1, 0)]


def test_a_number_alone_proves_nothing_when_the_size_is_another(dovecot: Dovecot, user: str, sqlite_url: str) -> None:
    """A server that gave two mails one number would lose the second one."""
    with FaultProxy(dovecot.port, looks_like_gmail(lambda _: 17)) as proxy:
        options = chosen(sqlite_url, mailbox(proxy.port, user))
        deliver(dovecot, user, report_mail(1))
        run_one(options)
        deliver(dovecot, user, report_mail(22))

        second = run_one(options)

    assert (second.summary.stored, second.recognised) == (1, 0)


@pytest.mark.parametrize("number", [0, 2**63, 2**64 - 1, 10**40])
def test_a_number_that_gmail_cannot_have_given_is_left_alone(
    dovecot: Dovecot, user: str, store_url: str, number: int
) -> None:
    deliver(dovecot, user, report_mail(1))

    with FaultProxy(dovecot.port, looks_like_gmail(lambda _: number)) as proxy:
        outcome = run_one(chosen(store_url, mailbox(proxy.port, user)))

    assert (outcome.ended, outcome.summary.stored, outcome.filed) == ("done", 1, 1)
    assert asked(store_url, "SELECT gmail_id FROM message") == [(None,)]


def test_another_mailbox_of_the_settings_downloads_for_itself(gmail: Gmail, sqlite_url: str) -> None:
    gmail.label(report_mail(1), "INBOX")
    run_one(gmail.options(sqlite_url, after="leave"))

    other = run_one(gmail.options(sqlite_url, after="leave", name="other"))

    assert (other.summary.duplicates, other.recognised) == (1, 0)
