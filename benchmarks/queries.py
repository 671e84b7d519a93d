"""Times every query of the work queue and the domain view, a domain's senders with their verdicts, its advice, and the
list of where every domain stands, on a generated SQLite store of five million records.

    python benchmarks/queries.py                       a new store in a temporary folder, 5,000,000 records
    python benchmarks/queries.py --records 200000      smaller
    python benchmarks/queries.py --store FILE          generated once into FILE, reused when FILE exists

The store is that of generated_store.py. Everything about one domain is timed on the largest, with one million records.
Exit code 1 when the median of 7 runs lies above the target: 100 ms; 1 s for the senders over the whole year and for the
advice, which looks back a year; 2 s for the list. Working out the list, a step of the night, is done once, without a
target.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from generated_store import DAYS, DOMAINS, LAST_DAY, domain_name, generate
from sqlalchemy import Connection, Engine

from analysis import events, frames, ladder, senders, standing_frames, standings
from analysis.frames import Period, Scope
from knowledge.tables import load_tables
from store import standings as kept
from store.engine import open_reader, open_store, writing

Query = Callable[[Connection], Sequence[object]]
STAFF = Scope(None)

TARGET_SECONDS = 0.100
YEAR_TARGET_SECONDS = 1.0
LIST_TARGET_SECONDS = 2.0
REPEATS = 7
NOW = (LAST_DAY + 1) * 86_400
PERIODS = (30, 90, 365)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one query: the first run of a fresh connection, the median of the next ones and of their computing
    time (which other programs on the machine disturb less), the rows it returned, and what its median must not pass.
    """

    name: str
    first: float
    median: float
    computing: float
    rows: int
    target: float


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of one call, and the rows it returned."""

    wall: float
    computing: float
    rows: int


def main() -> int:
    """Generate (or reuse) the store, time the queries, print a table; 1 when one misses the target."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        path = options.store or Path(folder) / "benchmark.sqlite"
        if not path.exists():
            generate(path, options.records)
        timings = measure(path)
    sys.stdout.write(f"{table(timings)}\n")
    return int(any(timing.median > timing.target for timing in timings))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Times every query of the work queue and the domain view.")
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--store", type=Path)
    return parser.parse_args()


def measure(path: Path) -> list[Timing]:
    """Time every query of both views, over 30 days to a year, and what is built for one domain and for the list."""
    worked_out = _keep_standings(path)
    engine = open_reader(f"sqlite:///{path}")
    timings = [_timing(name, query, engine, TARGET_SECONDS) for name, query in queries()]
    timings += [
        _timing("senders, 30 days", _senders(30), engine, TARGET_SECONDS),
        _timing("senders, 365 days", _senders(DAYS), engine, YEAR_TARGET_SECONDS),
        _timing("advise", _advice(), engine, YEAR_TARGET_SECONDS),
        _timing("domains list", _list(), engine, LIST_TARGET_SECONDS),
        worked_out,
    ]
    engine.dispose()
    return timings


def queries() -> list[tuple[str, Query]]:
    """Name and call of every query that the two views make; one call is one statement."""
    month = _period(30)
    return [
        ("queue: domains", lambda connection: frames.domains(connection, STAFF)),
        ("queue: day_messages, 30 days", lambda connection: frames.day_messages(connection, STAFF, month)),
        ("queue: states", lambda connection: standing_frames.states(connection, STAFF)),
        ("queue: open events", lambda connection: tuple(events.open_counts(connection, STAFF))),
        *(query for days in PERIODS for query in _domain_queries(days)),
    ]


def _senders(days: int) -> Query:
    """The senders of the largest domain with their verdicts: all statements, and the judging."""
    tables, period = load_tables(), _period(days)

    def query(connection: Connection) -> Sequence[object]:
        found = senders.build(connection, STAFF, domain_name(1), tables, since=period.first_day, until=period.last_day)
        return found.senders if found else ()

    return query


def _advice() -> Query:
    tables = load_tables()

    def query(connection: Connection) -> Sequence[object]:
        found = ladder.build(connection, STAFF, domain_name(1), tables, NOW)
        return found.gates if found else ()

    return query


def _list() -> Query:
    tables = load_tables()
    return lambda connection: standings.current(connection, STAFF, tables, NOW)


def _keep_standings(path: Path) -> Timing:
    """Work out where every domain stands, as a night does, and keep it."""
    tables, engine = load_tables(), open_store(f"sqlite:///{path}")
    names = [domain_name(number) for number in range(1, DOMAINS + 1)]
    with engine.connect() as connection:
        wall, computing = time.perf_counter(), time.process_time()
        seen = kept.current_generation(connection)
        found = [standings.worked_out(connection, STAFF, name, tables, NOW) for name in names]
        run = Run(time.perf_counter() - wall, time.process_time() - computing, len(found))
    with writing(engine) as connection:
        kept.save(connection, [state for state in found if state], seen=seen, now=NOW)
    engine.dispose()
    return Timing("domains refresh, once", run.wall, run.wall, run.computing, run.rows, float("inf"))


def _period(days: int) -> Period:
    return Period(LAST_DAY - days + 1, LAST_DAY)


def _domain_queries(days: int) -> list[tuple[str, Query]]:
    name, period = domain_name(1), _period(days)
    calls: dict[str, Query] = {
        "domains": lambda connection: frames.domains(connection, STAFF, name),
        "days": lambda connection: frames.days(connection, STAFF, period, name),
        "reporters": lambda connection: frames.reporters(connection, STAFF, name, period),
        "reports": lambda connection: frames.reports(connection, STAFF, name, period, 100),
        "reporter_names": lambda connection: frames.reporter_names(connection, STAFF, name, period),
        "report_total": lambda connection: (frames.report_total(connection, STAFF, name, period),),
    }
    return [(f"domain: {call}, {days} days", query) for call, query in calls.items()]


def _timing(name: str, query: Query, engine: Engine, target: float) -> Timing:
    """A fresh connection, so that the first run has SQLite's own cache empty (the system's is not emptied)."""
    with engine.connect() as connection:
        first = _run(query, connection)
        warm = [_run(query, connection) for _ in range(REPEATS)]
    wall = statistics.median(run.wall for run in warm)
    return Timing(name, first.wall, wall, statistics.median(run.computing for run in warm), first.rows, target)


def _run(query: Query, connection: Connection) -> Run:
    wall, computing = time.perf_counter(), time.process_time()
    rows = len(query(connection))
    return Run(time.perf_counter() - wall, time.process_time() - computing, rows)


def table(timings: list[Timing]) -> str:
    """The timings as text, milliseconds; what lies above the target is marked."""
    lines = [f"{'query':<36} {'rows':>7} {'first ms':>9} {'median ms':>10} {'computing ms':>13}"]
    for timing in timings:
        mark = "  ABOVE TARGET" if timing.median > timing.target else ""
        first, median, computing = timing.first * 1000, timing.median * 1000, timing.computing * 1000
        lines.append(f"{timing.name:<36} {timing.rows:>7} {first:>9.1f} {median:>10.1f} {computing:>13.1f}{mark}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
