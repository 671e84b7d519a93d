"""The rows of mail that the store hands to analysis/sender_looks.py, on both databases."""

from sqlalchemy import Connection
from store_builder import ask, fill, line, report

from analysis import sender_frames
from analysis.frames import Period, Scope
from analysis.sender_looks import Mail, SignedRow, mail_of

DAY = 20_000
OWN, OTHER = "192.0.2.10", "198.51.100.7"
PERIOD = Period(DAY, DAY + 9)


def mail(url: str) -> tuple[Mail, list[SignedRow]]:
    def read(connection: Connection) -> tuple[Mail, list[SignedRow]]:
        where = sender_frames.domain_row(connection, Scope(None), "example.jp")
        assert where is not None
        signed = list(sender_frames.signed_mail(connection, where, PERIOD))
        return mail_of(sender_frames.mail_lists(connection, where, PERIOD), signed, DAY + 5), signed

    return ask(url, read)


def test_mail_of_the_period_comes_once_however_it_aligned(store_url: str) -> None:
    both, signed, failed = line(OWN, 10, dkim=True, spf=True), line(OTHER, 3, dkim=True), line(OTHER, 4)
    days = {DAY - 1: [both], DAY: [both, failed], DAY + 9: [both, signed], DAY + 10: [both]}
    fill(store_url, [report("example.jp", day, lines) for day, lines in days.items()])

    found, reporters = mail(store_url)

    assert [(each.messages, each.passed, each.recent_messages, each.days) for each in found.wholes] == [
        (20, 20, 10, 2),
        (7, 3, 3, 2),
    ]
    assert [(first, last) for first, last in zip(found.first_days, found.last_days, strict=True)] == [
        (DAY, DAY + 9),
        (DAY, DAY + 9),
    ]
    assert [each.source_id for each in reporters] == [found.source.tolist()[1]]


def test_a_signature_on_no_message_was_seen_by_nobody(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY, [line(OTHER, 0, dkim=True), line(OWN, 0, dkim=True, spf=True)])])

    found, reporters = mail(store_url)

    assert reporters == []
    assert [(each.messages, each.days) for each in found.wholes] == [(0, 1), (0, 1)]


def test_a_domain_without_mail_has_no_rows(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY + 100, [line(OWN, 10, dkim=True, spf=True)])])

    found, reporters = mail(store_url)

    assert (found.senders, found.looks, reporters) == ([], [], [])
