"""Times every query of the work queue and the domain view, a domain's senders with their verdicts, its advice, and the
list of where every domain stands, on a generated SQLite store of five million records.

    python benchmarks/queries.py                       a new store in a temporary folder, 5,000,000 records
    python benchmarks/queries.py --records 200000      smaller
    python benchmarks/queries.py --store FILE          generated once into FILE, reused when FILE exists

The store holds 500 domains over 365 days: the largest has a fifth of the records, one million, and the sizes of the
others fall like 1/rank. Each domain has steady servers and a long tail of addresses seen once or twice, which all
domains share, as the victims of one botnet do. All rows of `report`, `record`, `source`, `sender` and the roll-ups are
written; `auth_result` and `override_reason` are not, since nothing that is timed reads them.
Everything about one domain is timed on the largest. Exit code 1 when the median of 7 runs lies above the target:
100 ms; 1 s for the senders over the whole year and for the advice, which looks back a year; 2 s for the list. Working
out the list, which is a step of the night, is done once and has no target.
"""

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine

from analysis import events, frames, ladder, senders, standing_frames, standings
from analysis.frames import Period, Scope
from knowledge.tables import load_tables
from store import standings as kept
from store.engine import open_reader, open_store, writing
from store.evidence import MARKS
from store.migrate import upgrade

Query = Callable[[Connection], Sequence[object]]
STAFF = Scope(None)

TARGET_SECONDS = 0.100
YEAR_TARGET_SECONDS = 1.0
LIST_TARGET_SECONDS = 2.0
REPEATS = 7
SEED = 20261001
DOMAINS = 500
CUSTOMERS = 200
LAST_DAY = 20_727  # 2026-10-01
NOW = (LAST_DAY + 1) * 86_400
DAYS = 365
SOURCES = 200_000
LARGEST_SHARE = 0.2
TAIL_SHARE = 0.1
PERIODS = (30, 90, 365)
REPORTERS = (
    "google.com", "microsoft.com", "yahoo.com", "docomo.ne.jp", "kddi.com", "mail.ru",
    "fastmail.com", "amazonses.com", "mimecast.org", "pepabo.com", "comcast.net", "gmx.net",
)  # fmt: skip


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


def generate(path: Path, records: int) -> None:
    """Write a store of about `records` records to `path`; the same arguments give the same rows."""
    started = time.perf_counter()
    upgrade(f"sqlite:///{path}")
    database = sqlite3.connect(path)
    database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000;")
    _write_frame_of_reference(database)
    for domain_id, size in enumerate(domain_sizes(records), start=1):
        _write_domain(database, domain_id, size)
        database.commit()
    database.execute("PRAGMA journal_mode=WAL")
    database.close()
    seconds = time.perf_counter() - started
    sys.stderr.write(f"generated {path} ({path.stat().st_size / 1e6:,.0f} MB) in {seconds:.0f} s\n")


def domain_sizes(records: int) -> list[int]:
    """How many records each domain has, largest first."""
    weights = 1 / np.arange(2, DOMAINS + 1)
    shares = (LARGEST_SHARE, *(weights / weights.sum() * (1 - LARGEST_SHARE)))
    return [max(1, int(records * share)) for share in shares]


def domain_name(domain_id: int) -> str:
    return f"d{domain_id:03}.example.jp"


def _write_frame_of_reference(database: sqlite3.Connection) -> None:
    _insert(database, "customer", "id name slug created_at",
            ((n, f"Customer {n}", f"customer-{n}", 0) for n in range(1, CUSTOMERS + 1)))  # fmt: skip
    _insert(database, "domain", "id name customer_id registered created_at",
            ((n, domain_name(n), n % CUSTOMERS + 1, 1, 0) for n in range(1, DOMAINS + 1)))  # fmt: skip
    _insert(database, "message", "id place sha256 size state first_seen_at",
            [(1, "generated", "0" * 64, 0, "stored", 0)])  # fmt: skip
    columns = "id ip country asn as_name service ptr first_seen_at"
    _insert(database, "source", columns, (_source_row(n) for n in range(1, SOURCES + 1)))


def _source_row(number: int) -> tuple[object, ...]:
    ip = f"2001:db8::{number >> 16:x}:{number & 0xFFFF:x}"
    return number, ip, "JP", 64_500 + number % 30, f"Network {number % 30}", None, f"host{number}.example.net", 0


def _write_domain(database: sqlite3.Connection, domain_id: int, size: int) -> None:
    records = _records(np.random.default_rng([SEED, domain_id]), size)
    records["domain_id"] = domain_id
    _write_senders(database, domain_id, records)
    _write_reports(database, records)
    _write_records(database, records)
    _write_rollups(database, records)


def _records(random: np.random.Generator, size: int) -> pd.DataFrame:
    """One row per record of a domain, in report order: everything the tables are made of."""
    steady = int(np.clip(size / DAYS / 3, 3, 600))
    senders = int(np.clip(steady / 8, 2, 40))
    in_tail = random.random(size) < TAIL_SHARE
    server = np.minimum(random.zipf(1.4, size) - 1, 10**9) % steady
    tail_source = random.integers(1, SOURCES + 1, size)
    sender = np.where(in_tail, senders + tail_source % min(500, steady), server % senders) + 1
    noise = random.random(size)
    dkim = ~in_tail & (sender % 7 != 0) & (noise > 0.02)
    spf = ~in_tail & (sender % 5 != 0) & (noise < 0.97)
    frame = pd.DataFrame(
        {
            "day": LAST_DAY - DAYS + 1 + random.integers(0, DAYS, size),
            "reporter": np.minimum(random.zipf(1.5, size) - 1, 10**9) % len(REPORTERS),
            "source_id": np.where(in_tail, tail_source, (server * 331 + 7) % SOURCES + 1),
            "sender_id": sender,
            "messages": np.minimum(random.zipf(1.6, size), 100_000),
            "dkim_aligned": dkim.astype(int),
            "spf_aligned": spf.astype(int),
            "subdomain": (sender % 3 == 0).astype(int),
            "stranger": (sender > senders).astype(int),
            "luck": random.integers(0, 100, size),
        }
    )
    frame["passed"] = frame.dkim_aligned | frame.spf_aligned
    frame["quarantined"] = 1 - frame.passed
    frame = frame.sort_values(["day", "reporter"], kind="stable", ignore_index=True)
    frame["report_id"] = frame.groupby(["day", "reporter"], sort=True).ngroup() + 1
    frame["number"] = frame.groupby("report_id").cumcount()
    return frame


# Key, name and kind.
_SERVER = "server:host{n}.example.net host{n}.example.net server"
_STRANGER = "net:2001:db8:{n:x}::/48 2001:db8:{n:x}::/48 network"


def _write_senders(database: sqlite3.Connection, domain_id: int, records: pd.DataFrame) -> None:
    columns = "domain_id id key name kind basis created_at"
    found = sorted(set(_tuples(records[["sender_id", "stranger"]])))
    rows = (
        (domain_id, n, *(_STRANGER if stranger else _SERVER).format(n=n).split(), "network", 0) for n, stranger in found
    )
    _insert(database, "sender", columns, rows)


def _write_reports(database: sqlite3.Connection, records: pd.DataFrame) -> None:
    weighed = records.assign(
        passing=records.messages * records.passed, quarantine=records.messages * records.quarantined
    )
    reports = weighed.groupby("report_id", as_index=False).agg(
        domain_id=("domain_id", "first"), day=("day", "first"), reporter=("reporter", "first"),
        records=("number", "size"), messages=("messages", "sum"), passing=("passing", "sum"),
        quarantine=("quarantine", "sum"),
    )  # fmt: skip
    columns = (
        "domain_id id key_hash content_hash standing message_id part authenticity reporter org_name email report_id "
        "policy_domain begin_at end_at first_day last_day p sp adkim aspf records bad_records messages passed "
        "disposition_none disposition_quarantine disposition_reject disposition_unknown stored_at"
    )
    _insert(database, "report", columns, (_report_row(row) for row in _tuples(reports)))


def _report_row(row: tuple[int, ...]) -> tuple[object, ...]:
    number, domain_id, day, reporter_number, records, messages, passed, quarantine = row
    reporter, name, begin = REPORTERS[reporter_number], domain_name(domain_id), day * 86_400
    return (
        domain_id, number, f"{number:064x}", f"{number:064x}", "in-force", 1, "", "unverified", reporter, reporter,
        f"noreply-dmarc-support@{reporter}", f"{begin}.{number}", name, begin, begin + 86_399, day, day,
        "quarantine", "quarantine", "r", "r", records, 0, messages, passed, messages - quarantine, quarantine, 0, 0,
        begin + 100_000,
    )  # fmt: skip


def _write_records(database: sqlite3.Connection, records: pd.DataFrame) -> None:
    domain_id = int(records.domain_id.iloc[0])
    header_from = (domain_name(domain_id), f"mail.{domain_name(domain_id)}")
    disposition = ("none", "quarantine")
    columns = (
        "domain_id report_id number source_id sender_id messages header_from envelope_from envelope_to disposition "
        "dkim_aligned spf_aligned override"
    )
    wanted = records[["report_id", "number", "source_id", "sender_id", "messages", "subdomain", "quarantined",
                      "dkim_aligned", "spf_aligned"]]  # fmt: skip
    rows = (
        (domain_id, report, number, source, sender, messages, header_from[subdomain], header_from[0], None,
         disposition[quarantined], dkim, spf, "none")
        for report, number, source, sender, messages, subdomain, quarantined, dkim, spf in _tuples(wanted)
    )  # fmt: skip
    _insert(database, "record", columns, rows)


def _write_rollups(database: sqlite3.Connection, records: pd.DataFrame) -> None:
    _write_traffic(database, records)
    _write_traffic_source(database, records)
    _write_traffic_day(database, records)
    _write_traffic_evidence(database, records)


def _write_traffic(database: sqlite3.Connection, records: pd.DataFrame) -> None:
    keys = ["domain_id", "day", "subdomain", "sender_id", "reporter", "spf_aligned", "dkim_aligned", "quarantined"]
    sums = records.groupby(keys, as_index=False).agg(messages=("messages", "sum"), records=("number", "size"))
    columns = (
        "domain_id day header_from sender_id reporter authenticity spf_aligned dkim_aligned disposition override "
        "messages records"
    )
    rows = (
        (domain_id, day, "mail." * subdomain + domain_name(domain_id), sender, REPORTERS[reporter], "unverified",
         spf, dkim, ("none", "quarantine")[quarantined], "none", messages, number)
        for domain_id, day, subdomain, sender, reporter, spf, dkim, quarantined, messages, number in _tuples(sums)
    )  # fmt: skip
    _insert(database, "traffic", columns, rows)


def _write_traffic_source(database: sqlite3.Connection, records: pd.DataFrame) -> None:
    keys = ["domain_id", "day", "source_id", "sender_id"]
    sums = _weighed(records, ["passed", "dkim_aligned", "spf_aligned"]).groupby(keys, as_index=False).sum()
    columns = [*keys, "messages", "passed", "dkim_aligned", "spf_aligned", "records"]
    _insert(database, "traffic_source", " ".join([*columns, "authenticity"]),
            ((*row, "unverified") for row in _tuples(sums[columns])))  # fmt: skip


def _write_traffic_day(database: sqlite3.Connection, records: pd.DataFrame) -> None:
    dkim, spf = records.dkim_aligned, records.spf_aligned
    split = records.assign(
        both_aligned=dkim & spf, dkim_only=dkim & ~spf & 1, spf_only=spf & ~dkim & 1, neither=1 - records.passed,
        disposition_none=1 - records.quarantined, disposition_quarantine=records.quarantined,
    )  # fmt: skip
    shares = ["passed", "both_aligned", "dkim_only", "spf_only", "neither", "disposition_none",
              "disposition_quarantine"]  # fmt: skip
    sums = _weighed(split, shares).groupby(["domain_id", "day"], as_index=False).sum()
    columns = ["domain_id", "day", "messages", *shares, "records"]
    _insert(database, "traffic_day", " ".join([*columns, "authenticity", "disposition_reject", "disposition_unknown"]),
            ((*row, "unverified", 0, 0) for row in _tuples(sums[columns])))  # fmt: skip


def _write_traffic_evidence(database: sqlite3.Connection, records: pd.DataFrame) -> None:
    keys = ["domain_id", "day", "sender_id", "source_id", "reporter", "marks"]
    found = records[(records.dkim_aligned & records.spf_aligned) == 0]
    sums = found.assign(marks=_marks(found)).groupby(keys, as_index=False).agg(messages=("messages", "sum"))
    rows = ((*row[:4], REPORTERS[row[4]], "unverified", *row[5:]) for row in _tuples(sums))
    columns = "domain_id day sender_id source_id reporter authenticity marks messages"
    _insert(database, "traffic_evidence", columns, rows)


def _marks(records: pd.DataFrame) -> pd.Series:
    """The marks of each record: strangers have no signature and fail SPF or pass it elsewhere; what does not align of
    servers was sent by a service, was forwarded or bounced."""
    luck = records.luck
    marks = records.dkim_aligned * MARKS["dkim_aligned"] + records.spf_aligned * MARKS["spf_aligned"]
    for way, chances in _WORDS.items():
        for stranger, word, low, high in chances:
            lucky = luck.between(low, high - 1) & (records.stranger == stranger) & (records[way] == 0)
            marks = marks + lucky * MARKS[word]
    marks = marks + (luck % 25 == 0) * MARKS["null_sender"] + (luck % 5 == 1) * MARKS["named_sender"]
    return marks + (luck % 50 == 7) * MARKS["forward_override"]


# Which word a record gets that did not align: for strangers (1) and servers (0), from and to a number out of 100.
_WORDS = {
    "spf_aligned": (
        (1, "spf_failed", 0, 40), (1, "spf_softfail", 40, 70), (1, "spf_other", 70, 100),
        (0, "spf_service", 0, 70), (0, "spf_forwarder", 70, 90), (0, "spf_failed", 90, 100),
    ),
    "dkim_aligned": (
        (1, "dkim_absent", 0, 75), (1, "dkim_failed", 75, 90), (1, "dkim_other", 90, 100),
        (0, "dkim_absent", 0, 50), (0, "dkim_failed", 50, 80), (0, "dkim_error", 80, 100),
    ),
}  # fmt: skip


def _weighed(records: pd.DataFrame, shares: Sequence[str]) -> pd.DataFrame:
    """`records` with its 0/1 columns `shares` turned into messages, and a column `records` of ones."""
    keys = ["domain_id", "day", "source_id", "sender_id", "messages"]
    return records[keys].assign(records=1, **{share: records[share] * records.messages for share in shares})


def _tuples(frame: pd.DataFrame) -> Iterable[tuple[int, ...]]:
    return zip(*(frame[column].tolist() for column in frame.columns), strict=True)


def _insert(database: sqlite3.Connection, name: str, columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    """Insert rows whose values stand in the order of `columns`, names between blanks."""
    names = columns.split()
    statement = f"INSERT INTO {name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    database.executemany(statement, rows)


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
