"""What the ledger knows of a mailbox: what need not be fetched, what should still leave its folder, the day's bytes."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from store.engine import open_store, writing
from store.ledger import (
    Entry,
    FolderLedger,
    Quarantined,
    bytes_since_midnight,
    folder_ledger,
    mark_filed,
    put_aside,
    quarantine,
    record_message,
    settled_by_gmail_id,
    start_run,
)

MIDNIGHT = 20_000 * 86_400
A = "a" * 64


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    engine = open_store(store_url)
    with writing(engine) as connection:
        start_run(connection, "mailbox night", now=MIDNIGHT)
        yield connection
    engine.dispose()


def keep(connection: Connection, uid: int, state: str, *, times: int = 1, now: int = MIDNIGHT, **given: object) -> int:
    usual: dict[str, object] = {"mailbox": "night", "folder": "INBOX", "uidvalidity": 7, "sha256": A, "size": 10}
    entry = Entry(place=f"night/{uid}", state=state, uid=uid, **{**usual, **given})  # type: ignore[arg-type]
    return [record_message(connection, entry, run_id=1, now=now) for _ in range(times)][-1]


def ledger(connection: Connection, *, largest_bytes: int = 1_000) -> FolderLedger:
    return folder_ledger(connection, "night", "INBOX", 7, largest_bytes=largest_bytes)


def uids(*numbers: int) -> frozenset[int]:
    return frozenset(numbers)


def test_an_empty_ledger_knows_nothing(connection: Connection) -> None:
    assert ledger(connection) == FolderLedger(uids(), uids(), uids())


def test_mails_with_reports_should_leave_the_folder_and_others_should_not(connection: Connection) -> None:
    for uid, state in enumerate(("stored", "duplicate", "variant", "partial", "empty"), start=1):
        keep(connection, uid, state)
    for uid, state in enumerate(("not-a-report", "tls-report", "failure-report"), start=6):
        keep(connection, uid, state)

    assert ledger(connection) == FolderLedger(done=uids(*range(1, 9)), stored=uids(*range(1, 6)), put_aside=uids())


def test_an_unreadable_mail_is_done_and_put_aside_after_three_attempts(connection: Connection) -> None:
    keep(connection, 1, "quarantined", times=2)
    keep(connection, 2, "quarantined", times=3)
    keep(connection, 3, "quarantined", times=3, sha256=None, size=0)

    assert ledger(connection) == FolderLedger(done=uids(2, 3), stored=uids(), put_aside=uids(2, 3))
    assert put_aside(connection, "night", "INBOX", 7, [1, 2, 3, 4], largest_bytes=1_000) == uids(2, 3)


def test_a_mail_that_is_too_large_is_done_at_once_and_stays(connection: Connection) -> None:
    keep(connection, 1, "quarantined", sha256=None, size=1_001, times=3)

    assert ledger(connection) == FolderLedger(done=uids(1), stored=uids(), put_aside=uids())
    assert ledger(connection, largest_bytes=1_001).put_aside == uids(1)


def test_what_was_marked_as_filed_should_not_leave_again(connection: Connection) -> None:
    keep(connection, 1, "stored")
    keep(connection, 2, "stored")

    mark_filed(connection, "night", [("INBOX", 7, 1), ("INBOX", 8, 2), ("Archive", 7, 2)], now=MIDNIGHT + 5)
    mark_filed(connection, "night", [("INBOX", 7, 1)], now=MIDNIGHT + 9)

    assert ledger(connection).stored == uids(2)
    filed = connection.exec_driver_sql("SELECT uid, filed_at FROM message ORDER BY uid").all()
    assert filed == [(1, MIDNIGHT + 5), (2, None)]


@pytest.mark.parametrize("other", [{"mailbox": "day"}, {"folder": "Archive"}, {"uidvalidity": 8}])
def test_another_folder_or_uidvalidity_or_mailbox_is_another_ledger(
    connection: Connection, other: dict[str, object]
) -> None:
    keep(connection, 1, "stored", **other)

    assert ledger(connection) == FolderLedger(uids(), uids(), uids())


def test_the_bytes_of_a_day_are_those_downloaded_from_this_mailbox_since_midnight(connection: Connection) -> None:
    keep(connection, 1, "stored", now=MIDNIGHT - 1, size=1)
    keep(connection, 2, "stored", now=MIDNIGHT, size=20)
    keep(connection, 3, "not-a-report", now=MIDNIGHT + 86_399, size=300)
    keep(connection, 4, "quarantined", now=MIDNIGHT, size=4_000, sha256=None)
    keep(connection, 5, "stored", now=MIDNIGHT, size=50_000, mailbox="day")

    assert bytes_since_midnight(connection, "night", now=MIDNIGHT + 86_399) == 320
    assert bytes_since_midnight(connection, "night", now=MIDNIGHT + 86_400) == 0


def test_the_quarantine_says_where_in_which_mailbox_a_mail_lies(connection: Connection) -> None:
    number = keep(connection, 9, "quarantined", reason="truncated: x", times=2)

    assert quarantine(connection) == (
        Quarantined(number, "night/9", A, 10, "truncated: x", 2, MIDNIGHT, "night", "INBOX", 7, 9),
    )


def test_only_what_was_fetched_and_is_done_is_settled_by_its_number(connection: Connection) -> None:
    first = keep(connection, 1, "stored", gmail_id=11, size=100)
    keep(connection, 2, "duplicate", gmail_id=11, size=100)
    keep(connection, 3, "quarantined", gmail_id=12, times=3)
    keep(connection, 4, "quarantined", gmail_id=13, sha256=None)
    other = keep(connection, 5, "not-a-report", gmail_id=14, size=7)
    keep(connection, 6, "stored", gmail_id=15, mailbox="another")

    found = settled_by_gmail_id(connection, "night", [*range(11, 16), *range(1_000, 2_500)])

    assert found == {11: (first, 100), 14: (other, 7)}


def test_a_message_keeps_its_number_when_it_is_written_again_without_it(connection: Connection) -> None:
    keep(connection, 1, "quarantined", gmail_id=11)
    again = keep(connection, 1, "stored")

    assert settled_by_gmail_id(connection, "night", [11]) == {11: (again, 10)}
