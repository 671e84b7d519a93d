"""The rows of mail that the store hands to analysis/sender_looks.py, on both databases."""

from sqlalchemy import Connection
from store_builder import ask, fill, line, report

from analysis import sender_frames
from analysis.frames import Period, Scope
from analysis.mail_rows import ID_BITS, MailRows, rows_of
from analysis.sender_looks import Mail, mail_of, reporters_of

DAY = 20_000
OWN, OTHER = "192.0.2.10", "198.51.100.7"
PERIOD = Period(DAY, DAY + 9)


def rows(url: str) -> MailRows:
    def read(connection: Connection) -> MailRows:
        where = sender_frames.domain_row(connection, Scope(None), "example.jp")
        assert where is not None
        return rows_of(sender_frames.mail_lists(connection, where, PERIOD))

    return ask(url, read)


def mail(url: str) -> Mail:
    return mail_of(rows(url), DAY + 5)


def test_mail_of_the_period_comes_once_however_it_aligned(store_url: str) -> None:
    both, signed, failed = line(OWN, 10, dkim=True, spf=True), line(OTHER, 3, dkim=True), line(OTHER, 4)
    days = {DAY - 1: [both], DAY: [both, failed], DAY + 9: [both, signed], DAY + 10: [both]}
    fill(store_url, [report("example.jp", day, lines) for day, lines in days.items()])

    found = mail(store_url)

    assert [(each.messages, each.passed, each.recent_messages, each.days) for each in found.wholes] == [
        (20, 20, 10, 2),
        (7, 3, 3, 2),
    ]
    assert [(first, last) for first, last in zip(found.first_days, found.last_days, strict=True)] == [
        (DAY, DAY + 9),
        (DAY, DAY + 9),
    ]
    assert found.figure("signed_reporters").tolist() == [0, 1]


def test_a_signature_on_no_message_was_seen_by_nobody(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY, [line(OTHER, 0, dkim=True), line(OWN, 0, dkim=True, spf=True)])])

    found = mail(store_url)

    assert found.figure("signed_reporters").tolist() == [0, 0]
    assert [(each.messages, each.days) for each in found.wholes] == [(0, 1), (0, 1)]


def test_a_domain_without_mail_has_no_rows(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY + 100, [line(OWN, 10, dkim=True, spf=True)])])

    found = mail(store_url)

    assert (found.senders, len(found.looks), rows(store_url).names) == ([], 0, ())


def test_reporters_are_told_once_whichever_way_the_mail_aligned(store_url: str) -> None:
    both, failed = line(OWN, 10, dkim=True, spf=True), line(OTHER, 4)
    told = {"one.example": [both, failed], "two.example": [both], "three.example": [failed]}
    fill(store_url, [report("example.jp", DAY, lines, org=name) for name, lines in told.items()])

    found, read = ask(store_url, reporters), rows(store_url)

    own, other = sorted({address >> ID_BITS for address in read.address.tolist()})
    assert sorted(found) == [(own, "one.example"), (own, "two.example")]
    assert set(read.names) == {"one.example", "three.example"}
    assert reporters_of(read, found).of_sender == {own: 2, other: 2}


def reporters(connection: Connection) -> list[tuple[int, str]]:
    where = sender_frames.domain_row(connection, Scope(None), "example.jp")
    assert where is not None
    return list(sender_frames.reporters(connection, where, PERIOD))
