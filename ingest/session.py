"""Puts a run together out of the settings: store, knowledge, worker pool, writer, ledger row. One run at a time."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from ingest.naming import Namer
from ingest.pool import Pool
from ingest.reading import Message
from ingest.run import Outcome, Run, RunSummary
from knowledge.envelope import envelope_kind
from knowledge.identify import own_infrastructure, reporter_label
from knowledge.tables import Tables, load_tables
from settings import Settings
from store import ledger
from store.engine import open_store, run_lock, writing
from store.office import registered_domains
from store.reports import ReportWriter


def tables_of(settings: Settings) -> Tables:
    """The shipped knowledge with the extensions that the settings name."""
    named = settings.knowledge
    return load_tables(
        senders=_given(named.senders_file),
        forwarders=_given(named.forwarders_file),
        reporters=_given(named.reporters_file),
    )


def namer_of(settings: Settings, tables: Tables) -> Namer:
    """Names senders by the tables and by the own infrastructure of the settings."""
    own = settings.own_infrastructure
    return Namer(tables, own_infrastructure(own.networks, own.hosts))


def _given(path: Path | None) -> tuple[Path, ...]:
    return (path,) if path else ()


def ingest_messages(
    settings: Settings,
    messages: Iterable[Message],
    *,
    command: str,
    now: int,
    after_commit: Callable[[Sequence[Outcome]], None],
) -> RunSummary:
    """Ingest under the run lock and write the run into the ledger. Raises StoreError, AlreadyRunning."""
    started = time.monotonic()
    with run_lock(settings.database_url), _opened(settings) as opened:
        run_id = _begin(opened.engine, command, now)
        with Pool(settings.limits, settings.workers, opened.registered) as pool:
            run = Run(opened.engine, pool, opened.writer, run_id, now, settings.limits, after_commit)
            summary = run.ingest(messages)
        summary.seconds = round(time.monotonic() - started, 2)
        _end(opened.engine, run_id, summary, now + int(summary.seconds))
    return summary


@dataclass(frozen=True, slots=True)
class _Opened:
    engine: Engine
    writer: ReportWriter
    registered: frozenset[str]


@contextmanager
def _opened(settings: Settings) -> Iterator[_Opened]:
    engine = open_store(settings.database_url)
    tables = tables_of(settings)
    try:
        with engine.connect() as connection:
            registered = registered_domains(connection)
        writer = ReportWriter(
            engine,
            namer_of(settings, tables),
            lambda org_name, email: reporter_label(org_name, email, tables),
            lambda envelope: envelope_kind(envelope, tables),
        )
        yield _Opened(engine, writer, registered)
    finally:
        engine.dispose()


def _begin(engine: Engine, command: str, now: int) -> int:
    with writing(engine) as connection:
        return ledger.start_run(connection, command, now=now)


def _end(engine: Engine, run_id: int, summary: RunSummary, now: int) -> None:
    with writing(engine) as connection:
        ledger.finish_run(connection, run_id, "done", json.dumps(summary.as_dict()), now=now)
