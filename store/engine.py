"""Opening the store, and one transaction that writes at a time, on SQLite and PostgreSQL.

Opening never creates a file. Nothing here knows what the tables mean.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event

from store.address import is_sqlite, parse_url, shown, store_path
from store.errors import StoreDamaged, StoreError, StoreMissing, StoreNewer, StoreOlder, translated
from store.locks import WAIT_SECONDS, WRITER_LOCK, writer_lock
from store.migrations import REVISIONS
from store.sqlite_file import require_sqlite_file

_WRITER_PRAGMAS = (
    "busy_timeout=30000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "journal_size_limit=67108864",
    # 16 MB: with SQLite's own 2 MB a batch of reports of many domains costs twice the computing (docs/PERFORMANCE.md).
    "cache_size=-16000",
    # A run copies the journal into the file every 16 MB, and at its end; each copying is two waits for the disk.
    "wal_autocheckpoint=4000",
)

# A read-only connection may not set journal_mode.
_READER_PRAGMAS = (
    "busy_timeout=30000",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "query_only=ON",
    # Sums over a year are sorted in memory: with SQLite's own 2 MB they go through a file (benchmarks/queries.py). With
    # 16 MB the look of 8,000 addresses in everybody's mail finds none of its pages again the next time.
    "cache_size=-24000",
)


def open_store(url: str) -> Engine:
    """An engine that may write (through `writing`). Raises a StoreError unless the store is of this version."""
    return _current(connect_store(url))


def open_reader(url: str) -> Engine:
    """An engine that cannot write. Each transaction sees one unchanging state and never waits for a writer."""
    address = parse_url(url)
    return _current(connect_copy(store_path(address)) if is_sqlite(address) else _reading_postgresql(address))


def connect_store(url: str) -> Engine:
    """A writing engine on an existing store of any version (for migrations)."""
    address = parse_url(url)
    if is_sqlite(address):
        return _sqlite_engine(store_path(address), "rw", _WRITER_PRAGMAS)
    return create_engine(address, paramstyle="format")


@contextmanager
def any_version(url: str) -> Iterator[Engine]:
    """`connect_store`, closed at the end of the block."""
    engine = connect_store(url)
    try:
        yield engine
    finally:
        engine.dispose()


def connect_copy(path: Path) -> Engine:
    """A reading engine on a SQLite store of any version (for checking a copy)."""
    return _sqlite_engine(path, "ro", _READER_PRAGMAS)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction, the only one that writes: waits up to WAIT_SECONDS for its turn, commits at the end.

    Raises StoreBusy, StoreUnwritable or StoreDamaged; any exception inside rolls everything back.
    """
    with translated(engine_name(engine)), _turn(engine) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(WAIT_SECONDS)}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
        yield connection


def stored_revision(engine: Engine) -> str | None:
    """The schema revision written in the store; None when it holds no Sekisho tables. Raises StoreError."""
    with translated(engine_name(engine)), engine.connect() as connection:
        if not connection.exec_driver_sql(_HAS_VERSION[engine.dialect.name]).scalar():
            return None
        revision: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return revision


_HAS_VERSION = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'",
    "postgresql": "SELECT count(to_regclass('alembic_version'))",
}


def _current(engine: Engine) -> Engine:
    try:
        _require_current(engine)
    except StoreError:
        engine.dispose()
        raise
    return engine


def _require_current(engine: Engine) -> None:
    revision = stored_revision(engine)
    where = engine_name(engine)
    if revision is None and engine.dialect.name == "sqlite":
        raise StoreDamaged(f"{where} is a SQLite file, but not a Sekisho store: nothing was changed; check the path")
    if revision is None:
        raise StoreMissing(f"{where} holds no Sekisho tables yet: run `sekisho db upgrade` to make them")
    require_known(revision, where)
    if revision != REVISIONS[-1]:
        raise StoreOlder(
            f"{where} was written by an older Sekisho (schema {revision}, this version needs {REVISIONS[-1]}): "
            "run `sekisho db upgrade`"
        )


def require_known(revision: str, where: str) -> None:
    """Raise StoreNewer when this version does not know the stored revision."""
    if revision not in REVISIONS:
        raise StoreNewer(
            f"{where} was written by a newer Sekisho (schema {revision}, this version knows up to {REVISIONS[-1]}): "
            "install that version again, or restore a backup made before the upgrade"
        )


def engine_name(engine: Engine) -> str:
    """The store behind an engine, for people."""
    held: str | None = engine.get_execution_options().get("store")
    return held or shown(engine.url)


def _sqlite_engine(path: Path, mode: str, pragmas: tuple[str, ...]) -> Engine:
    require_sqlite_file(path)
    uri = URL.create("sqlite", database=f"file:{quote(str(path.absolute()))}", query={"mode": mode, "uri": "true"})
    engine = create_engine(uri, execution_options={"store": str(path)})

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None
        for pragma in pragmas:
            dbapi.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine


def _reading_postgresql(address: URL) -> Engine:
    engine = create_engine(address, paramstyle="format", isolation_level="REPEATABLE READ")

    @event.listens_for(engine, "connect")
    def _connect(dbapi: Any, _record: object) -> None:
        dbapi.execute("SET default_transaction_read_only = on")
        dbapi.commit()

    return engine


@contextmanager
def _turn(engine: Engine) -> Iterator[Connection]:
    if engine.dialect.name != "sqlite":
        with engine.connect() as connection:
            yield connection
        return
    with writer_lock(Path(engine_name(engine))), engine.connect() as connection:
        yield connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
