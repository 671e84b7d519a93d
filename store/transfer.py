"""From SQLite to PostgreSQL: every row of a SQLite copy into a server's tables, in one transaction, then proved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, func, insert, select

from store.address import is_sqlite, parse_url, shown
from store.backup import backup
from store.check import findings
from store.engine import any_version, connect_copy, stored_revision, writing
from store.errors import StoreDamaged, StoreError, translated
from store.locks import run_lock
from store.migrate import upgrade
from store.migrations import REVISIONS
from store.schema import metadata, original
from store.sqlite_file import require_sqlite_file

ROWS_AT_ONCE = 5_000
# An original may have dozens of megabytes.
ORIGINALS_AT_ONCE = 20


def transfer(url: str, copy: Path, *, force: bool, now: int) -> Path | None:
    """Put the rows of the SQLite file `copy` into the PostgreSQL store at `url`; make its tables when there are none.

    Returns where the store as it was is kept, if there was one. Raises StoreError when there is one and not `force`,
    or when the copy is of another version; StoreDamaged when the copy is not sound; AlreadyRunning during a run.
    """
    with _sound_copy(copy) as source, run_lock(url):
        aside = _kept_aside(url, force=force, now=now)
        upgrade(url)
        with any_version(url) as target:
            with translated(str(copy)), source.connect() as rows, writing(target) as connection:
                _fill(connection, rows)
            wrong = findings(target)
        if wrong:
            raise StoreDamaged(f"{shown(parse_url(url))} is not sound after the transfer: {wrong[0]}")
    return aside


def is_transfer(url: str, copy: Path) -> bool:
    """Whether `copy` is a SQLite file and the store at `url` is on a server."""
    return not is_sqlite(parse_url(url)) and _is_sqlite_file(copy)


def _is_sqlite_file(path: Path) -> bool:
    try:
        require_sqlite_file(path)
    except StoreError:
        return False
    return True


@contextmanager
def _sound_copy(copy: Path) -> Iterator[Engine]:
    engine = connect_copy(copy)
    try:
        revision = stored_revision(engine)
        if revision != REVISIONS[-1]:
            raise StoreError(f"{copy} has schema {revision}, this version needs {REVISIONS[-1]}: upgrade it before")
        wrong = findings(engine)
        if wrong:
            raise StoreDamaged(f"{copy} is damaged: {wrong[0]}")
        yield engine
    finally:
        engine.dispose()


def _kept_aside(url: str, *, force: bool, now: int) -> Path | None:
    with any_version(url) as engine:
        held = stored_revision(engine) is not None
    if held and not force:
        raise StoreError(
            f"{shown(parse_url(url))} holds a store already: add --force to replace it (it is saved first)"
        )
    return backup(url, None, now=now) if held else None


def _fill(target: Connection, source: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        target.execute(table.delete())
    for table in metadata.sorted_tables:
        at_once = ORIGINALS_AT_ONCE if table is original else ROWS_AT_ONCE
        rows = source.execution_options(yield_per=at_once).execute(select(table))
        for part in rows.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in part])
        _require_equal(table, source, target)
        _continue_numbers(table, target)


def _require_equal(table: Table, source: Connection, target: Connection) -> None:
    counts = [
        connection.execute(select(func.count()).select_from(table)).scalar_one() for connection in (source, target)
    ]
    if counts[0] != counts[1]:
        raise StoreError(f"{counts[0]} rows of {table.name} became {counts[1]}: nothing was changed")


def _continue_numbers(table: Table, target: Connection) -> None:
    """The server's next number of the table follows the highest one that came."""
    column = table.autoincrement_column
    if column is None:
        return
    highest = target.execute(select(func.max(column))).scalar()
    if highest is not None:
        target.execute(select(func.setval(func.pg_get_serial_sequence(table.name, column.name), highest)))
