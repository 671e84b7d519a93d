"""Puts a run together out of the settings: store, knowledge, worker pool, writer, ledger row. One run at a time."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from ingest.authenticity import Grader
from ingest.collecting import seldom_collected
from ingest.naming import Namer
from ingest.pool import Pool
from ingest.reading import Message
from ingest.run import Outcome, Run, RunSummary
from knowledge.envelope import envelope_kind
from knowledge.identify import own_infrastructure
from knowledge.reporters import reporter_label
from knowledge.tables import Tables, load_tables
from settings import Limits, Settings
from store import ledger
from store.engine import open_store, writing
from store.locks import run_lock
from store.office import registered_domains
from store.reports import ReportWriter


def tables_of(settings: Settings) -> Tables:
    """The shipped knowledge with the extensions that the settings name."""
    return load_tables(**settings.knowledge.files)


def namer_of(settings: Settings, tables: Tables) -> Namer:
    """Names senders by the tables and by the own infrastructure of the settings."""
    own = settings.own_infrastructure
    return Namer(tables, own_infrastructure(own.networks, own.hosts))


def ingest_messages(
    settings: Settings,
    messages: Iterable[Message],
    *,
    command: str,
    now: int,
    after_commit: Callable[[Sequence[Outcome]], None],
) -> RunSummary:
    """Ingest under the run lock and write the run into the ledger. Raises StoreError, AlreadyRunning."""
    with opened_run(settings) as opened:
        run_id = opened.begin(command, now)
        summary = opened.ingest(messages, run_id=run_id, now=now, after_commit=after_commit)
        opened.end(run_id, "done", summary.as_dict(), now + int(summary.seconds))
    return summary


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """The store, the knowledge and the worker pool, open under the run lock; several runs may follow each other."""

    engine: Engine
    _writer: ReportWriter
    _grader: Grader
    _pool: Pool
    _limits: Limits

    def ingest(
        self,
        messages: Iterable[Message],
        *,
        run_id: int,
        now: int,
        after_commit: Callable[[Sequence[Outcome]], None],
    ) -> RunSummary:
        """Store what each message reports."""
        started = time.monotonic()
        run = Run(self.engine, self._pool, self._writer, run_id, now, self._limits, self._grader, after_commit)
        summary = run.ingest(messages)
        summary.seconds = round(time.monotonic() - started, 2)
        return summary

    def begin(self, command: str, now: int) -> int:
        """Write into the ledger that a run began and return its id."""
        with writing(self.engine) as connection:
            return ledger.start_run(connection, command, now=now)

    def end(self, run_id: int, outcome: str, summary: Mapping[str, object], now: int) -> None:
        """Write into the ledger how a run ended."""
        with writing(self.engine) as connection:
            ledger.finish_run(connection, run_id, outcome, json.dumps(summary, ensure_ascii=False), now=now)


@contextmanager
def opened_run(settings: Settings) -> Iterator[OpenedRun]:
    """Everything that a run needs, under the run lock. Raises StoreError, AlreadyRunning, TablesError."""
    with run_lock(settings.database_url), _opened_store(settings.database_url) as engine:
        tables = tables_of(settings)
        with engine.connect() as connection:
            registered = registered_domains(connection)
        namer = namer_of(settings, tables)
        writer = ReportWriter(
            engine,
            namer,
            lambda org_name, email: reporter_label(org_name, email, tables),
            lambda envelope: envelope_kind(envelope, tables),
        )
        with seldom_collected(), Pool(settings.limits, settings.workers, registered, namer) as pool:
            yield OpenedRun(engine, writer, Grader(settings.authenticity, tables), pool, settings.limits)


@contextmanager
def _opened_store(url: str) -> Iterator[Engine]:
    engine = open_store(url)
    try:
        yield engine
    finally:
        engine.dispose()
