"""A small store whose every number is written by hand, saved through the store's own functions.

Two customers and an unassigned domain, five days of mail before `TODAY`:

    shop.example.jp    Sakura (customer)   p=none
    firm.example.com   Tanaka (customer)   p=quarantine, sp=reject
    stray.example.net  unassigned          p=none; its texts are hostile
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from knowledge.identify import SenderName
from store import accounts, ledger, office
from store.migrate import upgrade
from store.opened import OpenStore
from store.reports import ReportWriter
from store.values import Policy, Record, Report, Shape, SourceFacts

DAY_SECONDS = 86_400
TODAY = 20_781
NOW = TODAY * DAY_SECONDS + 12 * 3600
PASSWORD = "tsuyoi aikotoba desu"
HOSTILE = (
    "<img src=https://evil.example/x.png onerror=alert(1)> ![x](https://evil.example/y.png) "
    "=cmd|' /C'!A0 $\\frac{1}{2}$ \u202e:red[x]"
)


@dataclass(frozen=True)
class Line:
    """One record: address, messages, and how they fared."""

    ip: str
    messages: int
    dkim: bool
    spf: bool
    disposition: str = "none"
    header_from: str | None = None


SOURCES = {
    "192.0.2.10": SourceFacts("192.0.2.10", "JP", 64496, "Example Hosting", "example.net", "Example Mail", "hosting"),
    "198.51.100.7": SourceFacts("198.51.100.7", "US", 64497, "Example Cloud", "example.com", None, None),
    "203.0.113.66": SourceFacts("203.0.113.66", None, None, None, None, None, None),
    "2001:db8::25": SourceFacts("2001:db8::25", "DE", 64498, HOSTILE, None, HOSTILE, None),
}


def shape(line: Line, domain: str) -> Shape:
    header_from = line.header_from or domain
    words = f"{header_from} {line.dkim} {line.spf} {line.disposition}"
    digest = hashlib.sha256(words.encode()).hexdigest()
    return Shape(header_from, header_from, None, line.disposition, line.dkim, line.spf, "none", (), (), (), digest)


def report(
    domain: str, days_ago: int, lines: list[Line], *, org: str = "Example Mailboxes", p: str = "none", sp: str = "none"
) -> Report:
    """A report of one UTC day, `days_ago` before TODAY."""
    begin = (TODAY - days_ago) * DAY_SECONDS
    records = tuple(Record(line.ip, line.messages, shape(line, domain)) for line in lines)
    return Report(
        part="report.xml",
        org_name=org,
        email="reports@example.net",
        report_id=f"{domain}-{days_ago}-{org}",
        begin=begin,
        end=begin + DAY_SECONDS - 1,
        policy=Policy(domain, p, sp, None, "r", "r", 100, None, None, None),
        records=records,
        sources=tuple(SOURCES[ip] for ip in dict.fromkeys(line.ip for line in lines)),
        counted_records=len(records),
        counted_messages=sum(line.messages for line in lines),
        content_hash=hashlib.sha256(repr((domain, days_ago, lines, org)).encode()).hexdigest(),
    )


def reports() -> list[tuple[Report, str]]:
    """Every report with the authenticity of its mail. shop.example.jp: 1,226 messages, 1,204 passed, 3 days."""
    own, cloud, spoof, odd = "192.0.2.10", "198.51.100.7", "203.0.113.66", "2001:db8::25"
    shop, firm, stray = "shop.example.jp", "firm.example.com", "stray.example.net"
    return [
        (report(shop, 3, [Line(own, 600, True, True), Line(cloud, 100, True, False)]), "pass"),
        (report(shop, 2, [Line(own, 400, False, True), Line(spoof, 22, False, False)]), "pass"),
        (report(shop, 1, [Line(own, 104, True, True)], org="Other Mailboxes"), "unverified"),
        (report(shop, 1, [Line(spoof, 9, False, False)], org="Forged Mailboxes"), "fail"),
        (replace(report(shop, 4, []), report_id="empty"), "pass"),
        (
            report(
                firm,
                2,
                [Line(own, 30, True, True), Line(spoof, 10, False, False, "quarantine")],
                p="quarantine",
                sp="reject",
            ),
            "pass",
        ),
        (
            report(firm, 60, [Line(cloud, 5, False, False, "reject")], p="quarantine", sp="reject"),
            "pass",
        ),
        (report(stray, 1, [Line(odd, 7, False, True, header_from="stray.example.net")], org=HOSTILE), "unverified"),
    ]


def name_sender(shape: Shape, source: SourceFacts, ptr: str | None) -> SenderName:
    """The test's own naming: one sender per network."""
    return SenderName(f"as:{source.asn}", source.as_name or "unknown", "network" if source.asn else "unknown", "as")


def make_store(path: Path) -> str:
    """A store at `path` with accounts, customers and every report; its address."""
    url = empty_store(path)
    store = OpenStore(url)

    def fill(connection) -> None:
        writer = ReportWriter(store.writer, name_sender, lambda org_name, _email: org_name)
        run = ledger.start_run(connection, "ingest", now=NOW)
        for number, (found, authenticity) in enumerate(reports()):
            entry = ledger.Entry(f"{number}.xml", f"{number:064d}", 1000, "stored", authenticity=authenticity)
            message = ledger.record_message(connection, entry, run_id=run, now=NOW)
            writer.save(connection, found, message_id=message, authenticity=authenticity, now=NOW)
        writer.finish(connection)
        office.assign_domain(connection, "shop.example.jp", "Sakura", now=NOW)
        office.assign_domain(connection, "firm.example.com", "Tanaka", now=NOW)
        ledger.raise_generation(connection)

    store.write(fill)
    return url


def empty_store(path: Path) -> str:
    """A store with two customers and three accounts (all with PASSWORD), and no report."""
    url = f"sqlite:///{path}"
    upgrade(url)

    def fill(connection) -> None:
        for customer in ("Sakura", "Tanaka"):
            office.add_customer(connection, customer, language="ja", now=NOW)
        for name, role, customer, language in (
            ("operator", "operator", None, "ja"),
            ("staff-en", "staff", None, "en"),
            ("sakura", "customer", "Sakura", "ja"),
        ):
            accounts.add_account(connection, name, PASSWORD, role=role, customer=customer, language=language, now=NOW)

    OpenStore(url).write(fill)
    return url
