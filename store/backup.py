"""Copies of a store: made while it is in use, verified before they count, and put back.

A backup of SQLite is SQLite's online copy of one read transaction, so that its rows can be compared with what
that transaction saw. PostgreSQL's own pg_dump and pg_restore do the work there.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL

from store.address import is_sqlite, parse_url, shown, store_path
from store.engine import any_version, connect_copy, require_known, stored_revision
from store.errors import StoreDamaged, StoreError, StoreMissing, translated
from store.locks import run_lock, run_lock_file, writer_lock
from store.sqlite_file import has_journal, require_sqlite_file


def backup(url: str, target: Path | None, *, now: int) -> Path:
    """Write a verified copy of the store to `target` (default: `backups/` beside it) and return where it is.

    Raises StoreError when `target` exists, or when the copy is not equal to the store.
    """
    address = parse_url(url)
    place = target or _default_place(address, now)
    if place.exists():
        raise StoreError(f"{place} exists already: name another file")
    place.parent.mkdir(parents=True, exist_ok=True)
    if is_sqlite(address):
        copy_file(store_path(address), place)
    else:
        _dump(address, place)
    return place


def restore(url: str, copy: Path, *, force: bool, now: int) -> Path | None:
    """Put `copy` in the place of the store, after verifying it; return where the old store was kept, if there was one.

    Raises StoreError when there is a store and not `force`, StoreDamaged when the copy cannot be trusted, and
    AlreadyRunning during a run.
    """
    address = parse_url(url)
    if is_sqlite(address):
        return _restore_file(store_path(address), copy, force=force, now=now)
    return _restore_server(url, address, copy, force=force, now=now)


def copy_file(source: Path, target: Path) -> None:
    """Copy a SQLite store that may be in use; `target` appears whole, verified and flushed, or not at all."""
    require_sqlite_file(source)
    unfinished = target.with_name(f"{target.name}.part")
    with translated(str(source)):
        new_private_file(unfinished)
        counts = _copy_snapshot(source, unfinished)
    _require_sound(unfinished, counts)
    _flush(unfinished)
    unfinished.replace(target)
    flush_directory(target.parent)


def flush_directory(directory: Path) -> None:
    """Make renames in `directory` survive a power loss."""
    _flush(directory)


def _copy_snapshot(source: Path, target: Path) -> dict[str, int]:
    with _read_only(source) as live, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        live.execute("BEGIN")
        counts = _row_counts(live)
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    return counts


def _require_sound(path: Path, counts: dict[str, int] | None = None) -> None:
    """Raise StoreDamaged unless `path` is a whole Sekisho store (with these row counts)."""
    require_sqlite_file(path)
    with translated(str(path)), _read_only(path) as copy:
        findings = [row[0] for row in copy.execute("PRAGMA integrity_check") if row[0] != "ok"]
        orphans = copy.execute("SELECT count(*) FROM pragma_foreign_key_check").fetchone()[0]
        found = _row_counts(copy)
    if findings or orphans:
        raise StoreDamaged(f"{path} is damaged: {findings[0] if findings else f'{orphans} rows without their parent'}")
    if counts is not None and counts != found:
        raise StoreDamaged(f"{path} is not equal to the store that it was copied from: copy it again")


_COUNT = 'SELECT count(*) FROM "{}"'


def _row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    names = [name for (name,) in tables.fetchall() if not name.startswith("sqlite_")]
    return {name: connection.execute(_COUNT.format(name)).fetchone()[0] for name in names}


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout=30000")
        yield connection


def _restore_file(path: Path, copy: Path, *, force: bool, now: int) -> Path | None:
    _require_store_file(copy)
    path.parent.mkdir(parents=True, exist_ok=True)
    with run_lock_file(path), writer_lock(path):
        if path.exists() and not force:
            raise StoreError(f"{path} exists already: add --force to replace it (the old file is kept aside)")
        incoming = path.with_name(f"{path.name}.restoring")
        copy_file(copy, incoming)
        aside = _set_aside(path, now)
        incoming.replace(path)
        flush_directory(path.parent)
    return aside


def _require_store_file(copy: Path) -> None:
    """Raise StoreDamaged or StoreNewer unless `copy` is a sound SQLite store of a version we know."""
    _require_sound(copy)
    engine = connect_copy(copy)
    revision = stored_revision(engine)
    engine.dispose()
    if revision is None:
        raise StoreDamaged(f"{copy} is a SQLite file, but not a Sekisho store")
    require_known(revision, str(copy))


def _set_aside(path: Path, now: int) -> Path | None:
    """Move the old store away with its journal: a journal left behind would be played into the restored file."""
    aside = path.with_name(f"{path.name}.replaced-{_stamp(now)}") if path.exists() or has_journal(path) else None
    for name in ("", "-wal", "-shm"):
        old = Path(f"{path}{name}")
        if aside and old.exists():
            old.rename(f"{aside}{name}")
        old.unlink(missing_ok=True)
    return aside


def new_private_file(path: Path) -> None:
    """An empty file that only its owner may read, in the place of any unfinished one."""
    for name in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{name}").unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _default_place(address: URL, now: int) -> Path:
    stem, ending = name_parts(address)
    return default_folder(address) / f"{stem}-{_stamp(now)}{ending}"


def default_folder(address: URL) -> Path:
    """Where copies go that nobody gave a place: beside the SQLite file, or below the current folder."""
    return store_path(address).parent / "backups" if is_sqlite(address) else Path("backups")


def name_parts(address: URL) -> tuple[str, str]:
    """How the name of a copy begins and ends: `sekisho`, `.sqlite3` or `.dump`."""
    return (store_path(address).stem, ".sqlite3") if is_sqlite(address) else (str(address.database), ".dump")


STAMP = "%Y%m%dT%H%M%SZ"


def _stamp(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).strftime(STAMP)


def _dump(address: URL, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.part")
    new_private_file(unfinished)
    _run_tool("pg_dump", ["--format=custom", f"--file={unfinished}", f"--dbname={_conninfo(address)}"], address)
    _run_tool("pg_restore", ["--list", str(unfinished)], address)
    _flush(unfinished)
    unfinished.replace(target)
    flush_directory(target.parent)


def _restore_server(url: str, address: URL, copy: Path, *, force: bool, now: int) -> Path | None:
    if not copy.is_file():
        raise StoreMissing(f"there is no file {copy}")
    _run_tool("pg_restore", ["--list", str(copy)], address)
    with run_lock(url):
        with any_version(url) as engine:
            held = stored_revision(engine) is not None
        if held and not force:
            raise StoreError(f"{shown(address)} holds a store already: add --force to replace it (it is saved first)")
        aside = backup(url, None, now=now) if held else None
        options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"]
        _run_tool("pg_restore", [*options, f"--dbname={_conninfo(address)}", str(copy)], address)
    return aside


def _run_tool(tool: str, arguments: list[str], address: URL) -> None:
    """Run one of PostgreSQL's own programs; the password goes through the environment, never the argument list."""
    program = shutil.which(tool)
    if program is None:
        raise StoreError(f"this needs PostgreSQL's {tool}: install the package postgresql-client")
    secret = {"PGPASSWORD": str(address.password)} if address.password else {}
    done = subprocess.run(  # noqa: S603 - the program is PostgreSQL's, the arguments come from the operator
        [program, *arguments], env={**os.environ, **secret}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StoreError(f"{tool} failed for {shown(address)}: {done.stderr.strip()}")


def _conninfo(address: URL) -> str:
    return address._replace(drivername="postgresql", password=None).render_as_string(hide_password=False)
