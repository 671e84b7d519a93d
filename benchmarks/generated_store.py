"""The store of the benchmarks: 500 domains over 365 days, generated.

The largest domain has a fifth of the records, and the sizes of the others fall like 1/rank. Each domain has steady
servers and a long tail of addresses seen once or twice, which all domains share, as the victims of one botnet do.
Written are `report`, `record`, `source`, `sender` and the roll-ups; `auth_result` and `override_reason` are not.
"""

import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from store.evidence import MARKS
from store.migrate import upgrade

SEED = 20261001
DOMAINS = 500
CUSTOMERS = 200
LAST_DAY = 20_727  # 2026-10-01
DAYS = 365
SOURCES = 200_000
LARGEST_SHARE = 0.2
TAIL_SHARE = 0.1
REPORTERS = (
    "google.com", "microsoft.com", "yahoo.com", "docomo.ne.jp", "kddi.com", "mail.ru",
    "fastmail.com", "amazonses.com", "mimecast.org", "pepabo.com", "comcast.net", "gmx.net",
)  # fmt: skip


def generate(path: Path, records: int, last_day: int = LAST_DAY) -> None:
    """Write a store of about `records` records up to a UTC day to `path`; the same arguments give the same rows."""
    started = time.perf_counter()
    upgrade(f"sqlite:///{path}")
    database = sqlite3.connect(path)
    database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000;")
    _write_frame_of_reference(database)
    for domain_id, size in enumerate(domain_sizes(records), start=1):
        _write_domain(database, domain_id, size, last_day)
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


def _write_domain(database: sqlite3.Connection, domain_id: int, size: int, last_day: int) -> None:
    records = _records(np.random.default_rng([SEED, domain_id]), size, last_day)
    records["domain_id"] = domain_id
    _write_senders(database, domain_id, records)
    _write_reports(database, records)
    _write_records(database, records)
    _write_rollups(database, records)


def _records(random: np.random.Generator, size: int, last_day: int) -> pd.DataFrame:
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
            "day": last_day - DAYS + 1 + random.integers(0, DAYS, size),
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
