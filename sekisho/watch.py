"""Looks for what changed since the last night, and keeps it as events: a step of `sekisho nightly`."""

from collections.abc import Iterator

from sqlalchemy import Connection, Engine

from analysis import health, health_frames, standings, watch, watch_frames
from analysis.frames import Scope
from analysis.health_frames import LatestRun
from analysis.watch import Watched
from ingest.mailboxes import command_of
from ingest.session import tables_of
from knowledge.tables import Tables
from settings import Settings
from store import events, office
from store.engine import open_store, writing
from store.events import Reconciled

EVERYTHING = Scope(None)


def keep_watch(chosen: Settings, *, now: int) -> Reconciled:
    """Judge every domain at `now` (epoch seconds) and keep what was found. Raises StoreError, TablesError."""
    tables = tables_of(chosen)
    engine = open_store(chosen.database_url)
    try:
        found = _watched(engine, chosen, tables, now)
        with writing(engine) as connection:
            return events.reconcile(connection, found.found, unjudged=found.unjudged, now=now)
    finally:
        engine.dispose()


def _watched(engine: Engine, chosen: Settings, tables: Tables, now: int) -> Watched:
    with engine.connect() as connection:
        return watch.together((*_domains(connection, tables, now), _silences(connection, chosen, now)))


def _domains(connection: Connection, tables: Tables, now: int) -> Iterator[Watched]:
    for standing in standings.standings(connection, EVERYTHING, now=now):
        seen = watch_frames.seen(connection, EVERYTHING, standing, tables, now)
        if seen is not None:
            yield watch.watch_domain(seen, now=now)


def _silences(connection: Connection, chosen: Settings, now: int) -> Watched:
    """Of mailboxes that were not read nobody can be called silent: the same rule as `sekisho status`."""
    runs = {run.command: run for run in health_frames.latest_runs(connection, EVERYTHING)}
    since = now // health.DAY_SECONDS - health.HABIT_DAYS
    until = _read_until(chosen, runs)
    reporters = health.silences(health_frames.reporter_days(connection, EVERYTHING, since), until)
    domains = health.silences(health_frames.domain_days(connection, EVERYTHING, since), until)
    ids = {each.name: each.id for each in office.domains(connection)}
    return watch.watch_silences(reporters, domains, ids, until)


def _read_until(chosen: Settings, runs: dict[str, LatestRun]) -> int | None:
    boxes = (health.Mailbox(each.name, runs.get(command_of(each.name)), more_waits=False) for each in chosen.mailbox)
    files = runs.get("ingest")
    return health.read_until(tuple(boxes), files.last_done_at if files else None)
