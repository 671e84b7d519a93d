"""Opening the store, and one writer at a time, on SQLite and PostgreSQL.

    StoreError
    ├── StoreMissing     there is no database (or an empty PostgreSQL database): `sekisho db upgrade` makes one
    ├── StoreOlder       an older Sekisho wrote it: `sekisho db upgrade` brings it up to date
    ├── StoreNewer       a newer Sekisho wrote it: install that version
    ├── StoreDamaged     the file is not a readable Sekisho database: restore a backup
    ├── StoreBusy        another writer did not finish in time
    ├── StoreUnwritable  disk full, or no permission to write
    └── AlreadyRunning   another ingest run holds the run lock

Opening never creates a file. Nothing here knows what the tables mean.
"""

import errno
import fcntl
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from store.migrations import REVISIONS

WAIT_SECONDS = 30.0
# Session and transaction advisory locks of one PostgreSQL database share one space of numbers: "SEKI" + 1, 2, 3.
_WRITER_LOCK = 0x53454B49_0001
_RUN_LOCK = 0x53454B49_0002
_NIGHT_LOCK = 0x53454B49_0003

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
    # Sums over a year are sorted in memory: with SQLite's own 2 MB they go through a file (benchmarks/queries.py).
    "cache_size=-16000",
)


class StoreError(Exception):
    """The store cannot be used as asked; the text says which store, why, and what to do next."""


class StoreMissing(StoreError):
    """There is no store at this address."""


class StoreOlder(StoreError):
    """The store was written by an older Sekisho."""


class StoreNewer(StoreError):
    """The store was written by a newer Sekisho."""


class StoreDamaged(StoreError):
    """The store cannot be read as a Sekisho database."""


class StoreBusy(StoreError):
    """Another writer held the store longer than WAIT_SECONDS."""


class StoreUnwritable(StoreError):
    """The store can be read but not written: disk full, read-only, or no permission."""


class AlreadyRunning(StoreError):
    """Another run holds the run lock of this store."""


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
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
        yield connection


@contextmanager
def run_lock(url: str) -> Iterator[None]:
    """Held for a whole run; the kernel (or the server) frees it when the holder dies. Raises AlreadyRunning."""
    address = parse_url(url)
    if is_sqlite(address):
        require_sqlite_file(store_path(address))
        lock = run_lock_file(store_path(address))
    else:
        lock = _server_lock(address, _RUN_LOCK)
    with lock:
        yield


@contextmanager
def night_lock(url: str) -> Iterator[None]:
    """Held for a whole night, around the run locks that its steps take and give back. Raises AlreadyRunning."""
    address = parse_url(url)
    if is_sqlite(address):
        require_sqlite_file(store_path(address))
        lock = _file_lock(store_path(address), ".night")
    else:
        lock = _server_lock(address, _NIGHT_LOCK)
    with lock:
        yield


@contextmanager
def run_lock_file(path: Path) -> Iterator[None]:
    """The run lock of the SQLite store at `path`, also when there is no readable file: an flock on `<path>.run`."""
    with _file_lock(path, ".run"):
        yield


@contextmanager
def _file_lock(path: Path, suffix: str) -> Iterator[None]:
    lock = _open_lock(Path(f"{path}{suffix}"))
    try:
        if not _try_lock(lock):
            raise _already_running(str(path))
        yield
    finally:
        os.close(lock)


@contextmanager
def writer_lock(path: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """The turn to write the SQLite file `path`: an flock on `<path>.lock`. Raises StoreBusy after `wait_seconds`."""
    lock = _open_lock(Path(f"{path}.lock"))
    try:
        _wait_for(lock, path, wait_seconds)
        yield
    finally:
        os.close(lock)


def parse_url(url: str) -> URL:
    """`sqlite:///PATH` or `postgresql://...` as SQLAlchemy's URL with our drivers. Raises StoreError."""
    path = url.removeprefix("sqlite:///")
    if path not in (url, "", ":memory:"):
        # Not through make_url, which would decode percent signs in a path that people wrote as it is.
        return URL.create("sqlite", database=path)
    with suppress(ArgumentError, ValueError):  # a port that is no number is the latter
        address = make_url(url)
        if address.drivername in ("postgresql", "postgresql+psycopg"):
            return address.set(drivername="postgresql+psycopg")
    raise StoreError("the database address must be sqlite:///PATH (a file) or postgresql://HOST/NAME")


def is_sqlite(address: URL) -> bool:
    """Whether the store is a SQLite file."""
    return address.drivername == "sqlite"


def store_path(address: URL) -> Path:
    """The file of a SQLite store."""
    return Path(address.database or "").absolute()


def shown(address: URL) -> str:
    """The store's address for people, without a password."""
    if is_sqlite(address) and address.database:
        return address.database
    return address.render_as_string(hide_password=True)


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


def require_sqlite_file(path: Path) -> None:
    """Raise StoreMissing or StoreDamaged when `path` is not a file that SQLite takes for one of its own.

    Never by opening the file ourselves: closing it again would take this process's locks away from SQLite, and another
    program that leaves the store would then remove the journal under us (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise StoreError(f"cannot open {path}: {error.strerror}") from None
    refused = errno.EISDIR if path.is_dir() else 0 if os.access(path, os.R_OK) else errno.EACCES
    if refused:
        raise StoreError(f"cannot open {path}: {os.strerror(refused)}")
    if size == 0 or _is_foreign(path):
        found = "does not begin as a SQLite file does" if size else "is empty"
        raise StoreDamaged(f"{path} is damaged ({found}): {RESTORE_ADVICE}")


def _is_foreign(path: Path) -> bool:
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode == sqlite3.SQLITE_NOTADB
    return False


RESTORE_ADVICE = "nothing was changed; restore a copy with `sekisho db restore FILE`"


def _missing(path: Path) -> StoreError:
    # A read-only connection leaves an empty journal behind (https://sqlite.org/wal.html#read_only_databases).
    if has_journal(path):
        return StoreDamaged(f"{path} is gone, but its journal {path.name}-wal is still there: {RESTORE_ADVICE}")
    return StoreMissing(f"there is no database at {path}: run `sekisho db upgrade` to make one, or check the path")


def has_journal(path: Path) -> bool:
    """Whether a journal with content lies beside the SQLite file `path`: commits that are not in the file yet."""
    journal = Path(f"{path}-wal")
    return journal.exists() and journal.stat().st_size > 0


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


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnwritable(
            f"cannot open the lock file {path}: {error.strerror}. Check that its folder is there and may be written"
        ) from None


def _wait_for(lock: int, path: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while not _try_lock(lock):
        if time.monotonic() >= deadline:
            raise StoreBusy(f"another program has been writing {path} for {wait_seconds:.0f} s: try again later")
        time.sleep(0.002)


def _try_lock(lock: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextmanager
def _server_lock(address: URL, number: int) -> Iterator[None]:
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with translated(shown(address)), engine.connect() as connection:
        if not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({number})").scalar():
            raise _already_running(shown(address))
        yield


def _already_running(where: str) -> AlreadyRunning:
    return AlreadyRunning(f"another run is working on {where}: this one ends without a change")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the drivers' errors about the store `where` into StoreError; errors about statements pass unchanged."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        known = _store_error(error, where)
        if known is None:
            raise
        raise known from error


# SQLite's primary result codes (https://sqlite.org/rescode.html) by the low byte of the extended code.
_SQLITE_CODES: dict[int, tuple[type[StoreError], str]] = {
    5: (StoreBusy, "another program keeps it locked: try again later"),
    8: (StoreUnwritable, "it is read-only for this user: check owner and permissions of the file and its directory"),
    10: (StoreUnwritable, "the disk reported an error: check the disk, then `sekisho db check`"),
    11: (StoreDamaged, RESTORE_ADVICE),
    13: (StoreUnwritable, "the disk is full: free some space and run again"),
    14: (StoreUnwritable, "it cannot be opened: check owner and permissions of the file and its directory"),
    26: (StoreDamaged, RESTORE_ADVICE),
}
# PostgreSQL's error codes (appendix A of its manual).
_POSTGRESQL_CODES: dict[str, tuple[type[StoreError], str]] = {
    "53100": (StoreUnwritable, "the server's disk is full"),
    "55P03": (StoreBusy, "another program keeps it locked: try again later"),
    "25006": (StoreUnwritable, "this connection may only read"),
    "42501": (StoreUnwritable, "this database user lacks the permission"),
    "XX001": (StoreDamaged, "the server found a damaged page; restore a backup"),
    "XX002": (StoreDamaged, "the server found a damaged index; restore a backup"),
}


def _store_error(error: DBAPIError | sqlite3.Error, where: str) -> StoreError | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    known = _known_code(cause)
    if known is not None:
        kind, advice = known
        return kind(f"{where}: {str(cause).strip()}; {advice}")
    if isinstance(cause, _psycopg_error("OperationalError")) and getattr(cause, "sqlstate", None) is None:
        # A refused connection carries no error code, only the server's words.
        if re.search(r'database ".+" does not exist', str(cause)):
            return StoreMissing(f"the server of {where} has no such database: create it, then run `sekisho db upgrade`")
        return StoreError(f"cannot reach {where}: {str(cause).strip()}")
    return None


def _psycopg_error(name: str) -> type[Exception] | tuple[()]:
    """An error class of the PostgreSQL driver; none where it was never loaded, as it costs 7 MB that SQLite spares."""
    driver = sys.modules.get("psycopg")
    return getattr(driver, name) if driver else ()


def _known_code(cause: object) -> tuple[type[StoreError], str] | None:
    if isinstance(cause, sqlite3.Error):
        return _SQLITE_CODES.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    if isinstance(cause, _psycopg_error("Error")):
        return _POSTGRESQL_CODES.get(getattr(cause, "sqlstate", None) or "")
    return None
