"""Opening the store: what is refused and how it is said, one writer at a time, readers that never wait."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from store.address import parse_url, store_path
from store.engine import any_version, open_reader, open_store, writing
from store.errors import (
    AlreadyRunning,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreNewer,
    StoreOlder,
    StoreUnwritable,
)
from store.locks import run_lock, writer_lock
from store.schema import customer, domain, sender, traffic
from store.sqlite_file import has_journal
from store.statements import insert_sql, upsert_sql

OPENERS = pytest.mark.parametrize("opener", [open_store, open_reader])


@OPENERS
def test_opening_a_missing_store_says_how_to_make_one_and_makes_no_file(opener, tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match=r"there is no database at .*: run `sekisho db upgrade`"):
        opener(f"sqlite:///{tmp_path / 'store.sqlite3'}")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.requires_postgresql
@OPENERS
def test_an_empty_or_absent_database_on_the_server_counts_as_missing(opener, postgresql_url: str) -> None:
    with pytest.raises(StoreMissing, match="holds no Sekisho tables yet: run `sekisho db upgrade`"):
        opener(postgresql_url)
    with pytest.raises(StoreMissing, match="has no such database: create it"):
        opener(postgresql_url + "_absent")


@OPENERS
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: bytes(len(content)),
        lambda content: b"not a database " * 5000,
        lambda content: content[:16] + b"\xa5" * (len(content) - 16),
        lambda content: content[: len(content) // 2],
        lambda content: content[:5000],
    ],
    ids=["empty", "zeros", "other", "garbage", "half", "cut"],
)
def test_a_damaged_store_is_refused_with_advice_and_left_as_it_is(opener, damage, sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()

    with pytest.raises(StoreDamaged, match="restore a copy with `sekisho db restore FILE`"):
        opener(sqlite_url)

    assert path.read_bytes() == before


@OPENERS
def test_an_address_with_a_port_that_is_no_number_is_refused_without_its_password(opener) -> None:
    with pytest.raises(StoreError) as refused:
        opener("postgresql://sekisho:example-password@db.example.jp:port/sekisho")

    assert "example-password" not in str(refused.value)
    assert "must be sqlite:///PATH (a file) or postgresql://HOST/NAME" in str(refused.value)


@OPENERS
def test_another_programs_sqlite_file_is_refused(opener, tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE music (title TEXT)")
    connection.close()

    with pytest.raises(StoreDamaged, match="not a Sekisho store"):
        opener(f"sqlite:///{path}")


def test_a_journal_without_its_database_is_not_taken_for_a_missing_store(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite3-wal").write_bytes(b"rest")

    with pytest.raises(StoreDamaged, match=r"store\.sqlite3-wal is still there"):
        open_store(f"sqlite:///{tmp_path / 'store.sqlite3'}")


@OPENERS
def test_a_store_of_a_newer_sekisho_is_refused(opener, store_url: str) -> None:
    with any_version(store_url) as engine, engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreNewer, match=r"written by a newer Sekisho \(schema 9999.*install that version"):
        opener(store_url)


@OPENERS
def test_a_store_of_an_older_sekisho_asks_for_an_upgrade(opener, store_url: str, monkeypatch) -> None:
    monkeypatch.setattr("store.engine.REVISIONS", ("0001", "0002"))

    with pytest.raises(StoreOlder, match=r"older Sekisho \(schema 0001.*run `sekisho db upgrade`"):
        opener(store_url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://example.com/x", "nonsense"])
def test_only_a_file_or_a_postgresql_database_can_be_a_store(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///PATH"):
        open_store(url)


def test_an_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://someone:canary-secret@127.0.0.1:1/store")

    assert "cannot reach" in str(caught.value)
    assert "canary-secret" not in str(caught.value)


def test_a_path_may_hold_any_sign(tmp_path: Path, sqlite_url: str) -> None:
    path = tmp_path / "a b%20c#d.sqlite3"
    Path(sqlite_url.removeprefix("sqlite:///")).rename(path)

    engine = open_store(f"sqlite:///{path}")

    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE generation SET number = 7")
    engine.dispose()
    rows = sqlite3.connect(path)
    assert rows.execute("SELECT number FROM generation").fetchall() == [(7,)]
    rows.close()


def test_a_writer_has_the_pragmas_that_keep_what_was_committed(sqlite_url: str) -> None:
    engine = open_store(sqlite_url)

    with engine.connect() as connection:
        names = ["journal_mode", "synchronous", "foreign_keys", "busy_timeout", "trusted_schema", "cell_size_check"]
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
    engine.dispose()

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30000,
        "trusted_schema": 0,
        "cell_size_check": 1,
    }


def test_a_reader_cannot_write(store_url: str) -> None:
    engine = open_reader(store_url)

    with engine.connect() as connection, pytest.raises(DBAPIError, match=r"read-?only"):
        connection.exec_driver_sql("UPDATE generation SET number = 5")
    engine.dispose()


def test_a_reader_sees_one_state_while_a_writer_commits(store_url: str) -> None:
    writer, reader = open_store(store_url), open_reader(store_url)

    with reader.connect() as connection:
        before = connection.exec_driver_sql("SELECT number FROM generation").scalar()
        with writing(writer) as other:
            other.exec_driver_sql("UPDATE generation SET number = 1")
        during = connection.exec_driver_sql("SELECT number FROM generation").scalar()
    with reader.connect() as connection:
        after = connection.exec_driver_sql("SELECT number FROM generation").scalar()
    writer.dispose()
    reader.dispose()

    assert (before, during, after) == (0, 0, 1)


def test_readers_never_meet_a_locked_store(store_url: str) -> None:
    writer, reader = open_store(store_url), open_reader(store_url)
    done, met = threading.Event(), threading.Event()

    def write() -> None:
        """At least 150 changes, and more while the reader has not met enough of them."""
        for turn in range(20_000):
            if turn >= 150 and met.is_set():
                break
            with writing(writer) as connection:
                connection.exec_driver_sql("UPDATE generation SET number = number + 1")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = []
    while not done.is_set():
        with reader.connect() as connection:
            seen.append(connection.exec_driver_sql("SELECT number FROM generation").scalar())
        if len(set(seen)) > 5:
            met.set()
    thread.join()
    writer.dispose()
    reader.dispose()

    assert seen == sorted(seen)
    assert len(set(seen)) > 5


def test_two_writers_take_turns_and_lose_nothing(store_url: str) -> None:
    engine = open_store(store_url)

    def write() -> None:
        for _ in range(50):
            with writing(engine) as connection:
                number = connection.exec_driver_sql("SELECT number FROM generation").scalar_one()
                connection.exec_driver_sql(f"UPDATE generation SET number = {number + 1}")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        total = connection.exec_driver_sql("SELECT number FROM generation").scalar()
    engine.dispose()

    assert total == 200


def test_an_error_inside_a_transaction_leaves_no_trace(store_url: str) -> None:
    engine = open_store(store_url)

    def fail_late() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("UPDATE generation SET number = 5")
            raise LookupError

    with pytest.raises(LookupError):
        fail_late()

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT number FROM generation").scalar() == 0
    engine.dispose()


def test_a_writer_gives_up_after_its_deadline(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite3"

    with writer_lock(path), pytest.raises(StoreBusy, match="try again later"), writer_lock(path, 0.05):
        pass


def test_a_full_disk_is_said_and_changes_nothing(sqlite_url: str) -> None:
    engine = open_store(sqlite_url)
    rows = [(None, f"name {number}" * 100, f"slug {number}", "ja", 0) for number in range(200)]
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    with pytest.raises(StoreUnwritable, match="the disk is full"), writing(engine) as connection:
        connection.exec_driver_sql(insert_sql(customer, engine), rows)

    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM customer").scalar() == 0
    engine.dispose()


def test_a_second_run_ends_at_once_and_the_next_one_goes_on(store_url: str) -> None:
    with run_lock(store_url), pytest.raises(AlreadyRunning, match="another run"), run_lock(store_url):
        pass

    with run_lock(store_url):
        pass


def test_the_run_lock_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing), run_lock(f"sqlite:///{tmp_path / 'store.sqlite3'}"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_an_upsert_adds_to_the_row_that_is_there(store_url: str) -> None:
    engine = open_store(store_url)
    key = (1, 20_000, "example.jp", 1, "Reporter % one", "unverified", True, False, "none", "none")
    upsert = upsert_sql(traffic, ("messages", "records"), engine)

    with writing(engine) as connection:
        connection.exec_driver_sql(insert_sql(domain, engine), [(1, "example.jp", None, True, 0)])
        connection.exec_driver_sql(insert_sql(sender, engine), [(1, 1, "key", "name", "kind", "basis", 0)])
        connection.exec_driver_sql(upsert, [(*key, 40, 2), (*key[:-1], "other", 1, 1)])
        connection.exec_driver_sql(upsert, [(*key, 2, 1)])
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT override, messages, records, reporter FROM traffic ORDER BY 1").all()
    engine.dispose()

    assert rows == [("none", 42, 3, "Reporter % one"), ("other", 1, 1, "Reporter % one")]


WRITER = """
import sys
from store.engine import open_store, writing
engine = open_store(sys.argv[1])
number = int(sys.argv[2])
while True:
    with writing(engine) as connection:
        connection.exec_driver_sql(f"INSERT INTO run (command, started_at) VALUES ('one', {number})")
        connection.exec_driver_sql(f"INSERT INTO run (command, started_at) VALUES ('two', {number})")
    print(number, flush=True)
    number += 1
"""


def test_a_killed_writer_loses_nothing_it_acknowledged_and_leaves_no_half_transaction(store_url: str) -> None:
    acknowledged = 0
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, store_url, str(acknowledged + 1)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(25):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split()
        acknowledged = int(rest[-1]) if rest else acknowledged
        writer.wait()
        writer.stdout.close()

        engine = open_store(store_url)
        with writing(engine) as connection:
            numbers = connection.exec_driver_sql(
                "SELECT started_at, count(*) FROM run GROUP BY started_at ORDER BY started_at"
            ).all()
        engine.dispose()
        # The last transaction may have been committed before its acknowledgement was printed.
        assert numbers[:acknowledged] == [(number, 2) for number in range(1, acknowledged + 1)]
        assert numbers[acknowledged:] in ([], [(acknowledged + 1, 2)])
        acknowledged = len(numbers)


def test_another_program_that_leaves_does_not_take_the_journal_from_a_store_that_is_opened_again(
    sqlite_url: str,
) -> None:
    path = store_path(parse_url(sqlite_url))
    reader, writer = open_reader(sqlite_url), open_store(sqlite_url)
    with reader.connect() as reading:
        ask = "SELECT count(*) FROM customer"
        assert reading.exec_driver_sql(ask).scalar() == 0
        with writing(writer) as connection:
            connection.exec_driver_sql("INSERT INTO customer (name, slug, created_at) VALUES ('a', 'a', 0)")

        open_reader(sqlite_url).dispose()
        code = f"import sqlite3; c = sqlite3.connect({str(path)!r}); c.execute('SELECT 1 FROM customer'); c.close()"
        subprocess.run([sys.executable, "-c", code], check=True)

        assert has_journal(path)
    reader.dispose()
    writer.dispose()
