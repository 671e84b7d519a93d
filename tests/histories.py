"""Generated report histories of several customers' domains, with the truth about every stream in them.

A history is made of one seed and some proportions, so that Hypothesis can vary both: `history(seed, ...)` gives the
reports, `store_history` puts them into a store as an ingest run would, `truth_of` says what each (domain, sender key,
address) really was: `ours`, `forwarded`, `bounce` or `impostor`.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256

from packed_records import pack

from ingest.naming import Namer, sender_facts
from knowledge.envelope import envelope_kind
from knowledge.identify import name_sender
from knowledge.tables import Tables, load_tables
from store import ledger, office
from store.engine import open_store, writing
from store.packing import Report
from store.reports import ReportWriter
from store.values import AuthResult, Policy, Reason, Record, Shape, SourceFacts

FIRST_DAY = 20_600
DAY_SECONDS = 86_400
NOW = 1_800_000_000
REPORTERS = ("google.com", "yahoo.com", "docomo.ne.jp", "outlook.com", "kddi.com", "mail.ru")
DOMAINS = ("example.jp", "example.com", "example.net", "example.org")
UNRELATED = "unrelated.example"

Key = tuple[str, str, str]


@cache
def tables() -> Tables:
    return load_tables()


@dataclass(frozen=True, slots=True)
class Stream:
    """Mail of one kind. `shape` makes a record's content for a domain; `few`: only two receivers ever see it."""

    name: str
    truth: str
    shape: Callable[[str], Shape]
    ips: tuple[str, ...]
    few: bool = False


def shape(
    header_from: str,
    *results: AuthResult,
    dkim: bool = False,
    spf: bool = False,
    envelope: str | None = None,
    override: str = "none",
) -> Shape:
    """One record's content; `dkim` and `spf` are the reporter's evaluation."""
    reasons = () if override == "none" else (Reason(override, None, None),)
    digest = sha256(repr((header_from, results, dkim, spf, envelope, override)).encode()).hexdigest()
    return Shape(header_from, envelope, None, "none", dkim, spf, override, results, reasons, (), digest)


def signed(domain: str, result: str = "pass", selector: str = "s2026") -> AuthResult:
    return AuthResult("dkim", domain, selector, None, result, None, None)


def spf(domain: str, result: str = "pass", scope: str | None = "mfrom") -> AuthResult:
    return AuthResult("spf", domain, None, scope, result, None, None)


def _own(domain: str) -> Shape:
    return shape(domain, signed(domain), spf(domain), dkim=True, spf=True, envelope=domain)


def _mailchimp(domain: str) -> Shape:
    return shape(domain, signed(domain, selector="k2"), signed("mcsv.net"), spf("mail1.mcsv.net"), dkim=True)


def _zendesk(domain: str) -> Shape:
    return shape(domain, signed("zendesk.com"), spf(domain), spf=True, envelope=domain)


def _invoices(domain: str) -> Shape:
    return shape(domain, signed("amazonses.com"), spf("ap-northeast-1.amazonses.com"))


def _not_in_spf(domain: str) -> Shape:
    return shape(domain, signed(domain), spf(domain, "softfail"), dkim=True)


def _forward_kept(domain: str) -> Shape:
    return shape(domain, signed(domain), spf(domain, "softfail"), dkim=True)


def _forward_rewritten(domain: str) -> Shape:
    return shape(domain, signed(domain), spf("alumni.example"), dkim=True, envelope="alumni.example")


def _list(domain: str) -> Shape:
    return shape(
        domain, signed(domain, "fail"), signed("lists.example"), spf("lists.example"), envelope="lists.example"
    )


def _override(domain: str) -> Shape:
    return shape(domain, spf(domain, "softfail"), override="forwarded")


def _bounce(domain: str) -> Shape:
    return shape(domain, spf("gw.branch.example", "none", "helo"), envelope="")


def _spoof(domain: str) -> Shape:
    return shape(domain, spf(domain, "softfail"), envelope=domain)


def _spoof_own_envelope(domain: str) -> Shape:
    return shape(domain, signed("evil.example"), spf("evil.example"), envelope="evil.example")


def _spoof_copied_signature(domain: str) -> Shape:
    return shape(domain, signed(domain, "fail"), spf(domain, "fail"), envelope=domain)


def _spoof_by_service(domain: str) -> Shape:
    return shape(domain, signed("sendgrid.net"), spf("bounces.sendgrid.net"), envelope="bounces.sendgrid.net")


def _spoof_by_tenant(domain: str) -> Shape:
    return shape(domain, signed("evil.onmicrosoft.com"), spf("evil.onmicrosoft.com"))


def _spoof_through_relay(domain: str) -> Shape:
    return shape(domain, spf(domain, "fail"), envelope=domain)


MICROSOFT = "40.107.44.72"
SENDGRID = ("167.89.24.10", "167.89.24.11")

STREAMS = (
    Stream("own server", "ours", _own, ("192.0.2.20",)),
    Stream("Microsoft 365", "ours", _own, (MICROSOFT, "40.107.130.88")),
    Stream("Mailchimp", "ours", _mailchimp, ("198.2.134.7",)),
    Stream("Zendesk", "ours", _zendesk, ("103.151.192.9",)),
    Stream("invoices", "ours", _invoices, ("54.240.11.3",)),
    Stream("missing in SPF", "ours", _not_in_spf, ("192.0.2.77",)),
    Stream("SendGrid", "ours", _own, SENDGRID[:1]),
    Stream("forward, envelope kept", "forwarded", _forward_kept, ("198.51.100.33",), few=True),
    Stream("forward, envelope rewritten", "forwarded", _forward_rewritten, ("198.51.100.49",), few=True),
    Stream("list", "forwarded", _list, ("198.51.100.97",)),
    Stream("forward, said so", "forwarded", _override, ("198.51.100.81",)),
    Stream("bounces", "bounce", _bounce, ("2001:db8:b0::25",)),
    Stream("spoof", "impostor", _spoof, tuple(f"203.0.113.{n}" for n in range(1, 30))),
    Stream("spoof beside the own server", "impostor", _spoof, ("192.0.2.21", "192.0.2.201")),
    Stream("spoof with an own envelope", "impostor", _spoof_own_envelope, ("203.0.113.80", "203.0.113.81")),
    Stream("spoof with a copied signature", "impostor", _spoof_copied_signature, ("203.0.113.90",)),
    Stream("spoof by a service", "impostor", _spoof_by_service, SENDGRID[1:]),
    Stream("spoof by a tenant", "impostor", _spoof_by_tenant, (MICROSOFT,)),
    Stream("spoof through a relay", "impostor", _spoof_through_relay, (MICROSOFT,)),
)


@dataclass(frozen=True, slots=True)
class History:
    """Reports about several customers' domains, and which streams each has."""

    reports: tuple[Report, ...]
    streams: tuple[tuple[str, tuple[Stream, ...]], ...]


def history(
    seed: int, *, domains: int, days: int, busy: float, streams: Sequence[Stream] = STREAMS, steady: bool = False
) -> History:
    """`domains` domains over `days` days; each has some of the streams, each of its own volume.

    `busy`: how likely a stream sends on a day. `steady`: every stream sends every day to each of its receivers.
    """
    chance = random.Random(seed)
    chosen = tuple((name, _chosen(chance, streams, everyone=steady)) for name in DOMAINS[:domains])
    reports = []
    for name, mine in chosen:
        volumes = {stream.name: chance.randint(1, 12) for stream in mine}
        for day in range(FIRST_DAY, FIRST_DAY + days):
            for reporter in REPORTERS:
                lines = [
                    line
                    for stream in mine
                    if _sees(stream, reporter) and (steady or chance.random() < busy)
                    for line in _lines(chance, stream, name, volumes[stream.name])
                ]
                if lines:
                    reports.append(report(name, day, reporter, lines))
    return History(tuple(reports), chosen)


def _chosen(chance: random.Random, streams: Sequence[Stream], *, everyone: bool) -> tuple[Stream, ...]:
    return tuple(stream for stream in streams if everyone or chance.random() < 0.7)


def _sees(stream: Stream, reporter: str) -> bool:
    return reporter in (REPORTERS[:2] if stream.few else REPORTERS)


def _lines(chance: random.Random, stream: Stream, domain: str, volume: int) -> Iterable[Record]:
    for ip in chance.sample(stream.ips, min(len(stream.ips), 2)):
        yield Record(ip, chance.randint(1, volume), stream.shape(domain))


def report(domain: str, day: int, reporter: str, lines: Sequence[Record], part: str = "a") -> Report:
    """One day's report."""
    return Report(
        part="report.xml",
        org_name=reporter,
        email=f"dmarc@{reporter}",
        report_id=f"{domain}-{day}-{part}",
        begin=day * DAY_SECONDS,
        end=day * DAY_SECONDS + DAY_SECONDS - 1,
        policy=Policy(domain, "none", "none", None, "r", "r", 100, None, None, None),
        records=pack(lines, source),
    )


def source(ip: str) -> SourceFacts:
    """Facts of an address; documentation networks belong to nobody."""
    if ip.startswith("40.107."):
        return SourceFacts(ip, "US", 8_075, "Microsoft Corporation", "microsoft.com", "Microsoft", "Email Provider")
    if ip.startswith("167.89."):
        return SourceFacts(ip, "US", 11_377, "Twilio SendGrid", "sendgrid.com", "SendGrid", "Marketing")
    return SourceFacts(ip, None, None, None, None, None, None)


def halved(found: Report) -> tuple[Report, Report]:
    """The same records in two reports; a record of several messages is divided too."""
    first, second = [], []
    for line in found.records:
        half = line.messages // 2
        second.append(line._replace(messages=line.messages - half))
        if half:
            first.append(line._replace(messages=half))
    day = found.begin // DAY_SECONDS
    domain = found.policy.domain
    rest = report(domain, day, found.org_name, second, "b")
    return (report(domain, day, found.org_name, first, "c") if first else replace(rest, report_id="empty")), rest


def unrelated(days: int) -> list[Report]:
    """Another customer's domain, of whose addresses no other domain ever saw one."""
    ours = Record("192.0.2.240", 9, _own(UNRELATED))
    spoof = Record("198.51.100.240", 3, _spoof(UNRELATED))
    return [report(UNRELATED, day, REPORTERS[0], [ours, spoof]) for day in range(FIRST_DAY, FIRST_DAY + days)]


def store_history(url: str, reports: Iterable[Report]) -> None:
    """Save the reports in one transaction, named by the shipped tables; each domain is a customer's of its own."""
    engine = open_store(url)
    known = tables()
    writer = ReportWriter(
        engine, Namer(known), lambda org_name, _email: org_name, lambda domain: envelope_kind(domain, known)
    )
    with writing(engine) as connection:
        run = ledger.start_run(connection, "test", now=NOW)
        for number, found in enumerate(reports):
            entry = ledger.Entry(f"{number}.xml", f"{number:064d}", 1, "stored")
            message = ledger.record_message(connection, entry, run_id=run, now=NOW)
            writer.save(connection, found, message_id=message, authenticity="unverified", now=NOW)
        writer.finish(connection)
        for name in (*DOMAINS, UNRELATED):
            office.add_customer(connection, f"Customer of {name}", language="en", now=NOW)
            office.assign_domain(connection, name, f"Customer of {name}", now=NOW)
    engine.dispose()


def truth_of(found: History) -> dict[Key, frozenset[str]]:
    """What each (domain, sender key, address) really was; several words where streams share all three."""
    truth: defaultdict[Key, set[str]] = defaultdict(set)
    for domain, streams in found.streams:
        for stream in streams:
            for ip in stream.ips:
                facts = sender_facts(stream.shape(domain), source(ip), None)
                truth[domain, name_sender(facts, tables()).key, ip].add(stream.truth)
    return {key: frozenset(words) for key, words in truth.items()}
