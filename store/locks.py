"""Whose turn it is: one night, one run and one writer at a time, on SQLite and PostgreSQL.

The kernel (or the server) frees a lock when its holder dies. Nothing here knows what the tables mean.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine

from store.address import is_sqlite, parse_url, shown, store_path
from store.errors import AlreadyRunning, StoreBusy, StoreUnwritable, translated
from store.sqlite_file import require_sqlite_file

WAIT_SECONDS = 30.0
# Session and transaction advisory locks of one PostgreSQL database share one space of numbers: "SEKI" + 1, 2, 3.
WRITER_LOCK = 0x53454B49_0001
_RUN_LOCK = 0x53454B49_0002
_NIGHT_LOCK = 0x53454B49_0003
_RUN_FILE, _NIGHT_FILE = ".run", ".night"


@contextmanager
def run_lock(url: str) -> Iterator[None]:
    """Held for a whole run. Raises AlreadyRunning, StoreMissing, StoreDamaged."""
    with _held(url, _RUN_FILE, _RUN_LOCK):
        yield


@contextmanager
def night_lock(url: str) -> Iterator[None]:
    """Held for a whole night, around the run locks that its steps take and give back. Raises as `run_lock`."""
    with _held(url, _NIGHT_FILE, _NIGHT_LOCK):
        yield


@contextmanager
def _held(url: str, suffix: str, number: int) -> Iterator[None]:
    """The lock of the file with this suffix beside a SQLite store, or of this number on a PostgreSQL server."""
    address = parse_url(url)
    if is_sqlite(address):
        require_sqlite_file(store_path(address))
        lock = _file_lock(store_path(address), suffix)
    else:
        lock = _server_lock(address, number)
    with lock:
        yield


@contextmanager
def run_lock_file(path: Path) -> Iterator[None]:
    """The run lock of the SQLite store at `path`, also when there is no readable file: an flock on `<path>.run`."""
    with _file_lock(path, _RUN_FILE):
        yield


@contextmanager
def writer_lock(path: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """The turn to write the SQLite file `path`: an flock on `<path>.lock`. Raises StoreBusy after `wait_seconds`."""
    lock = _open_lock(Path(f"{path}.lock"))
    try:
        _wait_for(lock, path, wait_seconds)
        yield
    finally:
        os.close(lock)


@contextmanager
def _file_lock(path: Path, suffix: str) -> Iterator[None]:
    lock = _open_lock(Path(f"{path}{suffix}"))
    try:
        if not _try_lock(lock):
            raise _already_running(str(path))
        yield
    finally:
        os.close(lock)


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
