"""Works out where domains stand and keeps it: a step of the night for all, after a change by hand for one domain."""

from functools import partial

from sqlalchemy import Connection, Engine

from analysis import standings
from analysis.frames import Scope
from ingest.session import tables_of
from knowledge.tables import Tables
from settings import Settings
from store import office
from store import standings as kept
from store.engine import open_store, writing


def refresh(chosen: Settings, *, now: int) -> int:
    """Work out every domain and keep it in one transaction; how many there are. Raises StoreError, TablesError."""
    engine = open_store(chosen.database_url)
    try:
        return _refreshed(engine, tables_of(chosen), now)
    finally:
        engine.dispose()


def _refreshed(engine: Engine, tables: Tables, now: int) -> int:
    with engine.connect() as connection:
        seen = kept.current_generation(connection)
        names = [each.name for each in office.domains(connection)]
        found = [standings.worked_out(connection, Scope(None), name, tables, now) for name in names]
    states = [each for each in found if each is not None]
    with writing(engine) as connection:
        kept.save(connection, states, seen=seen, now=now)
    return len(states)


def refresh_one(connection: Connection, name: str, tables: Tables, *, now: int) -> None:
    """Keep where domain `name` (A-label) stands, inside the caller's transaction; nothing for an unknown one."""
    kept.renew(connection, partial(standings.worked_out, connection, Scope(None), name, tables, now), now=now)
