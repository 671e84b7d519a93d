"""Making a store and bringing an older one up to this version's schema: all of it or nothing, whenever it is killed.

SQLite: a new store is built beside its place and linked into it when it is whole; an older one is first copied.
PostgreSQL: one transaction.
"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine

from store.address import is_sqlite, parse_url, shown, store_path
from store.backup import copy_file, flush_directory, new_private_file
from store.engine import any_version, require_known, stored_revision, writing
from store.errors import StoreDamaged, StoreError, StoreMissing, translated
from store.locks import run_lock_file, writer_lock
from store.migrations import REVISIONS

SCRIPTS = "store:migrations"


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What `upgrade` did; `backup` is the copy made of an older SQLite store."""

    outcome: Literal["created", "upgraded", "current"]
    backup: Path | None = None


def upgrade(url: str) -> Upgraded:
    """Make the store when it is missing, migrate it when it is older. Raises StoreNewer, StoreDamaged, StoreError."""
    address = parse_url(url)
    try:
        with any_version(url) as engine:
            return _upgrade_existing(engine, address)
    except StoreMissing:
        if not is_sqlite(address):
            raise
        return _create_file(address)


def _upgrade_existing(engine: Engine, address: URL) -> Upgraded:
    revision = stored_revision(engine)
    if revision is not None:
        require_known(revision, shown(address))
    if revision == REVISIONS[-1]:
        return Upgraded("current")
    if is_sqlite(address):
        return _migrate_file(engine, store_path(address), revision)
    with writing(engine) as connection:
        run_revisions(connection)
    return Upgraded("upgraded" if revision else "created")


def run_revisions(connection: Connection) -> None:
    """Bring the schema behind `connection` to the newest revision, inside the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _create_file(address: URL) -> Upgraded:
    path = store_path(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    with writer_lock(path):
        if path.exists():
            return Upgraded("current")
        _build(path)
    return Upgraded("created")


def _build(path: Path) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    new_private_file(unfinished)
    with translated(str(path)):
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        with any_version(f"sqlite:///{unfinished}") as engine, engine.begin() as transaction:
            run_revisions(transaction)
    os.link(unfinished, path)
    unfinished.unlink()
    flush_directory(path.parent)


def _migrate_file(engine: Engine, path: Path, revision: str | None) -> Upgraded:
    if revision is None:
        raise StoreDamaged(f"{path} is a SQLite file, but not a Sekisho store: nothing was changed; check the path")
    backup = path.with_name(f"{path.name}.before-{REVISIONS[-1]}")
    with translated(str(path)), run_lock_file(path), writer_lock(path):
        copy_file(path, backup)
        _migrate_in_place(engine)
    return Upgraded("upgraded", backup)


def _migrate_in_place(engine: Engine) -> None:
    # Rebuilding a table empties its children by ON DELETE CASCADE unless foreign keys are off, and that switch
    # has no effect inside a transaction (https://sqlite.org/pragma.html#pragma_foreign_keys).
    with engine.connect().execution_options(sqlite_begin="BEGIN IMMEDIATE") as connection:
        connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            run_revisions(connection)
            _require_foreign_keys(connection)


def _require_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise StoreError(f"the upgrade would leave {len(broken)} rows without their parent: nothing was changed")
