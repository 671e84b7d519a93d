"""Builds small stores for tests through the store's own functions; every value has a default that a test may change.

    fill(url, [report("example.jp", 20_000, [line("192.0.2.1", 5, dkim=True)])], customers={"Sakura": ["example.jp"]})

Days are UTC day numbers. A sender is called like the address's entry in `senders`, or like the address.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TypeVar

from packed_records import pack
from sqlalchemy import Connection

from knowledge.identify import SenderName
from store import ledger, office
from store.engine import open_reader, open_store, writing
from store.packing import Report
from store.reports import ReportWriter
from store.values import Policy, Record, Shape, SourceFacts

Answer = TypeVar("Answer")
DAY_SECONDS = 86_400
NOW = 1_800_000_000


def line(
    ip: str,
    messages: int,
    *,
    dkim: bool = False,
    spf: bool = False,
    disposition: str = "none",
    bad: str | None = None,
) -> Record:
    """One record."""
    words = f"{dkim} {spf} {disposition}"
    digest = sha256(words.encode()).hexdigest()
    shape = Shape("example.jp", None, None, disposition, dkim, spf, "none", (), (), (), digest)
    return Record(ip, messages, shape, bad=bad, raw="<record/>" if bad else None)


def report(
    domain: str,
    day: int,
    lines: Sequence[Record] = (),
    *,
    days: int = 1,
    org: str = "Reporter",
    email: str = "dmarc@example.net",
    report_id: str | None = None,
    p: str = "none",
    sp: str = "none",
    repairs: tuple[str, ...] = (),
) -> Report:
    """A report on `days` whole UTC days from `day` on."""
    begin = day * DAY_SECONDS
    return Report(
        part="report.xml",
        org_name=org,
        email=email,
        report_id=report_id or f"{org}-{day}",
        begin=begin,
        end=begin + days * DAY_SECONDS - 1,
        policy=Policy(domain, p, sp, None, "r", "r", 100, None, None, None),
        records=pack(lines, _source),
        repairs=repairs,
    )


def fill(
    url: str,
    reports: Sequence[Report | tuple[Report, str]],
    *,
    customers: Mapping[str, Sequence[str]] | None = None,
    senders: Mapping[str, str] | None = None,
    quarantined: int = 0,
) -> None:
    """Save the reports (each alone, or with the authenticity of its mail), and messages that could not be read."""
    engine = open_store(url)
    named = senders or {}
    writer = ReportWriter(
        engine,
        lambda _shape, source, _ptr: SenderName(f"test:{source.ip}", named.get(source.ip, source.ip), "server", "ptr"),
        lambda org_name, _email: org_name,
    )
    with writing(engine) as connection:
        run = ledger.start_run(connection, "ingest", now=NOW)
        for number, item in enumerate(reports):
            found, authenticity = item if isinstance(item, tuple) else (item, "unverified")
            entry = ledger.Entry(f"{number}.xml", f"{number:064d}", 1, "stored", authenticity=authenticity)
            message = ledger.record_message(connection, entry, run_id=run, now=NOW)
            writer.save(connection, found, message_id=message, authenticity=authenticity, now=NOW)
        writer.finish(connection)
        for number in range(quarantined):
            entry = ledger.Entry(f"broken-{number}.xml", f"broken{number}", 1, "quarantined", reason="truncated")
            ledger.record_message(connection, entry, run_id=run, now=NOW)
        for customer, names in (customers or {}).items():
            office.add_customer(connection, customer, language="ja", now=NOW)
            for name in names:
                office.assign_domain(connection, name, customer, now=NOW)
    engine.dispose()


def ask(url: str, question: Callable[[Connection], Answer]) -> Answer:
    """What `question` makes of the store, which is closed afterwards."""
    engine = open_reader(url)
    try:
        with engine.connect() as connection:
            return question(connection)
    finally:
        engine.dispose()


def _source(ip: str) -> SourceFacts:
    return SourceFacts(ip, "JP", 64_496, "Example Network", "example.net", "Example Mail", "hosting")
