"""What can be wrong with a store, in words that say which store, why, and what to do next.

StoreError
├── StoreMissing     there is no database (or an empty PostgreSQL database): `sekisho db upgrade` makes one
├── StoreOlder       an older Sekisho wrote it: `sekisho db upgrade` brings it up to date
├── StoreNewer       a newer Sekisho wrote it: install that version
├── StoreDamaged     the file is not a readable Sekisho database: restore a backup
├── StoreBusy        another writer did not finish in time
├── StoreUnwritable  disk full, or no permission to write
└── AlreadyRunning   another ingest run holds the run lock
"""

import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError


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
    """Another run, or another night, holds its lock on this store."""


RESTORE_ADVICE = "nothing was changed; restore a copy with `sekisho db restore FILE`"


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
