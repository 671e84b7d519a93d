"""From SQLite to PostgreSQL: everything that the file holds, and a server that goes on from there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mailbox_runs import asked
from sqlalchemy import create_engine, select
from store_builder import NOW, ask, fill, line, report

from analysis import totals
from analysis.frames import Scope
from store.backup import backup
from store.check import findings
from store.engine import open_reader
from store.errors import StoreDamaged, StoreError
from store.schema import metadata
from store.transfer import transfer

pytestmark = pytest.mark.requires_postgresql


@pytest.fixture
def copy(sqlite_url: str, tmp_path: Path) -> Path:
    """A copy of a store with two customers."""
    fill(
        sqlite_url,
        [
            report("example.jp", 20_000, [line("192.0.2.1", 12, dkim=True), line("192.0.2.2", 1, bad="count")]),
            report("example.com", 20_001, [line("192.0.2.1", 7)], org="報告者"),
        ],
        customers={"見本茶舗": ["example.jp"], "Tanaka": ["example.com"]},
        quarantined=1,
    )
    return backup(sqlite_url, tmp_path / "copy.sqlite3", now=NOW)


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, sorted."""
    engine = open_reader(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_every_row_arrives_as_it_was(copy: Path, postgresql_url: str) -> None:
    aside = transfer(postgresql_url, copy, force=False, now=NOW)

    assert aside is None
    assert rows(postgresql_url) == rows(f"sqlite:///{copy}")
    found = ask(postgresql_url, lambda connection: totals.build(connection, Scope(None)))
    assert found is not None
    assert (found.messages, found.quarantined) == (20, 1)
    engine = open_reader(postgresql_url)
    assert findings(engine) == ()
    engine.dispose()


def test_new_rows_get_new_numbers_afterwards(copy: Path, postgresql_url: str) -> None:
    transfer(postgresql_url, copy, force=False, now=NOW)

    fill(postgresql_url, [report("example.net", 20_002, [line("192.0.2.9", 5)], org="new")], customers={"Third": []})

    assert asked(postgresql_url, "SELECT id, name FROM customer ORDER BY id") == [
        (1, "見本茶舗"),
        (2, "Tanaka"),
        (3, "Third"),
    ]
    assert asked(postgresql_url, "SELECT sum(messages) FROM traffic") == [(25,)]


def test_a_server_with_a_store_is_replaced_only_when_told(
    copy: Path, postgresql_store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(postgresql_store_url, [report("example.org", 20_000, [line("192.0.2.5", 99)])])
    before = rows(postgresql_store_url)

    with pytest.raises(StoreError, match="holds a store already: add --force"):
        transfer(postgresql_store_url, copy, force=False, now=NOW)
    assert rows(postgresql_store_url) == before

    aside = transfer(postgresql_store_url, copy, force=True, now=NOW)

    assert aside is not None
    assert aside.suffix == ".dump"
    assert rows(postgresql_store_url) == rows(f"sqlite:///{copy}")


def test_a_copy_that_does_not_add_up_is_refused_before_anything_changes(copy: Path, postgresql_url: str) -> None:
    engine = create_engine(f"sqlite:///{copy}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE traffic_day SET messages = messages + 1")
    engine.dispose()

    with pytest.raises(StoreDamaged, match="is damaged: traffic_day of example"):
        transfer(postgresql_url, copy, force=False, now=NOW)

    assert asked(postgresql_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


def test_restore_takes_a_sqlite_copy_for_a_server(copy: Path, postgresql_url: str) -> None:
    environment = {**os.environ, "SEKISHO_DATABASE_URL": postgresql_url}
    command = [str(Path(sys.executable).parent / "sekisho"), "db", "restore", str(copy)]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, f"restored {copy}\n")
    assert rows(postgresql_url) == rows(f"sqlite:///{copy}")
