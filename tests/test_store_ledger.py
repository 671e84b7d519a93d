"""The ledger of runs and messages, and the kept originals."""

from collections.abc import Iterator
from hashlib import sha256

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from store.engine import open_store, writing
from store.errors import StoreError
from store.ledger import (
    Entry,
    Quarantined,
    count_arrival,
    finish_run,
    keep_originals,
    known_states,
    original,
    quarantine,
    record_message,
    start_run,
)

A, B = "a" * 64, "b" * 64


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    engine = open_store(store_url)
    with writing(engine) as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def run_id(connection: Connection) -> int:
    return start_run(connection, "ingest", now=100)


def rows(connection: Connection) -> list[tuple[object, ...]]:
    sql = "SELECT place, sha256, state, reason, attempts, arrivals, first_seen_at, done_at FROM message ORDER BY id"
    return [tuple(row) for row in connection.exec_driver_sql(sql)]


def test_a_run_has_an_outcome_only_when_it_ended(connection: Connection) -> None:
    killed = start_run(connection, "nightly", now=100)
    ended = start_run(connection, "ingest reports/", now=200)
    finish_run(connection, ended, "done", '{"messages": 3}', now=260)

    found = connection.exec_driver_sql(
        "SELECT id, command, started_at, finished_at, outcome, summary FROM run ORDER BY id"
    )
    assert found.all() == [
        (killed, "nightly", 100, None, None, None),
        (ended, "ingest reports/", 200, 260, "done", '{"messages": 3}'),
    ]


def test_a_file_is_one_message_by_its_content_wherever_it_lies(connection: Connection, run_id: int) -> None:
    first = record_message(connection, Entry("one.eml", A, 10, "quarantined", "truncated: x"), run_id=run_id, now=1)
    again = record_message(connection, Entry("two.eml", A, 10, "stored"), run_id=run_id, now=2)

    assert first == again
    assert rows(connection) == [("two.eml", A, "stored", None, 2, 1, 1, 2)]


def test_a_file_that_comes_again_is_counted_as_an_arrival_not_as_an_attempt(
    connection: Connection, run_id: int
) -> None:
    record_message(connection, Entry("one.eml", A, 10, "stored"), run_id=run_id, now=1)

    count_arrival(connection, A)

    assert rows(connection) == [("one.eml", A, "stored", None, 1, 2, 1, 1)]


def test_a_mail_is_one_message_by_its_place_in_the_mailbox(connection: Connection, run_id: int) -> None:
    def entry(sha: str | None, state: str, uid: int, uidvalidity: int = 7) -> Entry:
        return Entry(f"INBOX/{uid}", sha, 10, state, mailbox="night", folder="INBOX", uidvalidity=uidvalidity, uid=uid)

    first = record_message(connection, entry(None, "quarantined", 1), run_id=run_id, now=1)
    again = record_message(connection, entry(A, "stored", 1), run_id=run_id, now=2)
    copy = record_message(connection, entry(A, "duplicate", 2), run_id=run_id, now=3)
    other = record_message(connection, entry(B, "stored", 1, uidvalidity=8), run_id=run_id, now=4)
    file = record_message(connection, Entry("one.eml", A, 10, "duplicate"), run_id=run_id, now=5)

    assert first == again
    assert len({first, copy, other, file}) == 4


def test_the_state_of_a_content_is_that_of_its_first_message(connection: Connection, run_id: int) -> None:
    record_message(
        connection,
        Entry("1", A, 1, "duplicate", mailbox="night", folder="INBOX", uidvalidity=1, uid=1),
        run_id=run_id,
        now=1,
    )
    record_message(connection, Entry("one.eml", A, 1, "variant"), run_id=run_id, now=2)

    assert known_states(connection, [A, B]) == {A: "variant"}


def test_an_unknown_state_is_refused_by_the_store(connection: Connection, run_id: int) -> None:
    with pytest.raises(DBAPIError, match="ck_message_state"), connection.begin_nested():
        record_message(connection, Entry("one.eml", A, 1, "fine"), run_id=run_id, now=1)


@pytest.mark.parametrize("content", [b"", b"<feedback/>" * 1000, bytes(range(256))], ids=["empty", "text", "dense"])
def test_an_original_comes_back_byte_for_byte(connection: Connection, content: bytes) -> None:
    digest = sha256(content).hexdigest()

    keep_originals(connection, [(digest, content)], now=1)
    keep_originals(connection, [(digest, content)], now=2)

    assert original(connection, digest) == content
    assert connection.exec_driver_sql("SELECT stored_at FROM original").all() == [(1,)]


def test_repetitive_originals_are_kept_small(connection: Connection) -> None:
    keep_originals(connection, [(A, b"<record/>" * 10_000)], now=1)

    assert connection.exec_driver_sql("SELECT length(content) FROM original").scalar_one() < 1000


def test_an_original_that_is_not_kept_is_said(connection: Connection) -> None:
    with pytest.raises(StoreError, match="is not kept"):
        original(connection, A)


def test_the_quarantine_lists_what_could_not_be_read_and_nothing_else(connection: Connection, run_id: int) -> None:
    bad = record_message(connection, Entry("bad.eml", A, 10, "quarantined", "doctype: x"), run_id=run_id, now=1)
    record_message(connection, Entry("good.eml", B, 10, "stored"), run_id=run_id, now=2)

    assert quarantine(connection) == (Quarantined(bad, "bad.eml", A, 10, "doctype: x", 1, 1),)
