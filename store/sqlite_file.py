"""A SQLite store's file, looked at before it is used. Nothing here creates or changes it, and only SQLite opens it."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from store.errors import RESTORE_ADVICE, StoreDamaged, StoreError, StoreMissing


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


def _missing(path: Path) -> StoreError:
    # A read-only connection leaves an empty journal behind (https://sqlite.org/wal.html#read_only_databases).
    if has_journal(path):
        return StoreDamaged(f"{path} is gone, but its journal {path.name}-wal is still there: {RESTORE_ADVICE}")
    return StoreMissing(f"there is no database at {path}: run `sekisho db upgrade` to make one, or check the path")


def has_journal(path: Path) -> bool:
    """Whether a journal with content lies beside the SQLite file `path`: commits that are not in the file yet."""
    journal = Path(f"{path}-wal")
    return journal.exists() and journal.stat().st_size > 0
