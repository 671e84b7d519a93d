"""From streams and days to reports: who saw how many messages of which kind, and what each reporter made of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sekisho.samples import chance
from sekisho.samples.calendars import CALENDARS, epoch
from sekisho.samples.customers import POLICIES, SPOOFING, STREAMS, WAVE_EVERY, Spoofing
from sekisho.samples.reporters import AUDIENCES, BY_KEY, REPORTERS, Reporter
from sekisho.samples.streams import Dkim, Policy, Sender, Spf, Stream, Way


@dataclass(frozen=True, slots=True)
class Row:
    """One `<record>`. `reasons` are (type, comment); `sender` is the truth and never written into a report."""

    sender: Sender
    ip: str
    count: int
    header_from: str
    envelope_from: str
    envelope_to: str
    disposition: str
    dkim_aligned: bool
    spf_aligned: bool
    reasons: tuple[tuple[str, str], ...]
    dkim: tuple[Dkim, ...]
    spf: Spf

    @property
    def passed(self) -> bool:
        """Whether the reporter saw DKIM or SPF aligned."""
        return self.dkim_aligned or self.spf_aligned


@dataclass(frozen=True, slots=True)
class Report:
    """One aggregate report before anybody wrote it down; `day` is the day it is about, times are epoch seconds."""

    reporter: Reporter
    org_name: str
    email: str
    report_id: str
    domain: str
    day: date
    begin: int
    end: int
    policy: Policy
    rows: tuple[Row, ...]

    @property
    def messages(self) -> int:
        """Sum of the counts."""
        return sum(row.count for row in self.rows)


@dataclass(frozen=True, slots=True)
class _Lot:
    """Messages that one receiver got from one address on one day in one way."""

    sender: Sender
    ip: str
    count: int
    header_from: str
    way: Way
    reason: str = ""


def policy_on(domain: str, day: date) -> Policy:
    """The record that was published on that day."""
    return [policy for policy in POLICIES[domain] if policy.since <= day][-1]


def organisation(name: str) -> str:
    """The organisational domain of the names used here: all of them are registered directly below a suffix."""
    return ".".join(name.split(".")[-2:])


def _is_aligned(name: str, header_from: str) -> bool:
    return organisation(name) == organisation(header_from)


def reports(days: Sequence[date], streams: Sequence[Stream] = STREAMS) -> list[Report]:
    """Every honest report about these days, each once, ordered by reporter, day and domain."""
    return [
        report
        for reporter in REPORTERS
        for day in days
        for domain in dict.fromkeys(stream.sender.domain for stream in (*streams, *SPOOFING_STREAMS))
        for report in _of_day(reporter, day, domain, streams)
    ]


SPOOFING_STREAMS = tuple(Stream(spoofing.sender, 0, "always", "spoofing", (), ()) for spoofing in SPOOFING)


def _of_day(reporter: Reporter, day: date, domain: str, streams: Sequence[Stream]) -> Iterator[Report]:
    lots = [lot for stream in streams if stream.sender.domain == domain for lot in _stream_lots(stream, reporter, day)]
    lots += [
        lot for spoofing in SPOOFING if spoofing.sender.domain == domain for lot in _spoofed(spoofing, reporter, day)
    ]
    policy = policy_on(domain, day)
    rows = [row for lot in lots for row in _rows(lot, reporter, policy)]
    for number, (first, last) in enumerate(reporter.slices):
        inside = [row for at, row in enumerate(rows) if at % len(reporter.slices) == number]
        for brand in reporter.brands or (reporter.email.split("@")[1],):
            own = tuple(row for row in inside if _brand(reporter, row, day) in ("", brand))
            if own:
                yield _report(reporter, brand, domain, day, (epoch(day) + first, epoch(day) + last), policy, own)


def _brand(reporter: Reporter, row: Row, day: date) -> str:
    if not reporter.brands:
        return ""
    return reporter.brands[chance.below(len(reporter.brands), "brand", day, row.ip, row.sender.name)]


def _report(
    reporter: Reporter,
    brand: str,
    domain: str,
    day: date,
    period: tuple[int, int],
    policy: Policy,
    rows: tuple[Row, ...],
) -> Report:
    return Report(
        reporter=reporter,
        org_name=reporter.org_name,
        email=reporter.email.split("@")[0] + "@" + brand,
        report_id=_report_id(reporter.id_style, domain, period, reporter.key),
        domain=domain,
        day=day,
        begin=period[0],
        end=period[1],
        policy=policy,
        rows=rows,
    )


def _report_id(style: str, domain: str, period: tuple[int, int], key: str) -> str:
    name = ("report", key, domain, *period)
    hexadecimal = chance.digest(*name)
    return {
        "decimal": chance.digits(19, *name),
        "short decimal": chance.digits(9, *name),
        "decimal pair": f"{period[1] + 3_000}.{chance.digits(6, *name)}",
        "hex": hexadecimal[:32],
        "long hex": hexadecimal,
        "timestamp": f"{period[1]}{chance.digits(10, *name)}",
        "domain and period": f"{domain}.{period[0]}.{period[1]}",
        "uuid": "-".join(
            (hexadecimal[:8], hexadecimal[8:12], hexadecimal[12:16], hexadecimal[16:20], hexadecimal[20:32])
        ),
        "hex at host": f"{hexadecimal[:24]}@{key}.example",
    }[style]


def _stream_lots(stream: Stream, reporter: Reporter, day: date) -> Iterator[_Lot]:
    part = AUDIENCES[stream.audience].get(reporter.key, 0.0) * CALENDARS[stream.calendar](day)
    ways = [way for way in stream.ways if way.since <= day <= way.until]
    header_from = stream.header_from or stream.sender.domain
    name = (stream.sender.domain, stream.sender.name, header_from, reporter.key, day)
    swing = 1 - stream.spread + 2 * stream.spread * chance.share("swing", *name)
    left = chance.rounded(stream.per_day * part * swing, "count", *name)
    for place, way in enumerate(reversed(ways)):
        is_last = place == len(ways) - 1
        count = left if is_last else min(left, chance.rounded(left * way.weight, "way", place, *name))
        left -= count
        for ip, some in _over_addresses(stream.addresses, count, name):
            yield _Lot(stream.sender, ip, some, header_from, way, stream.reason)


def _over_addresses(addresses: Sequence[str], count: int, name: tuple[object, ...]) -> Iterator[tuple[str, int]]:
    """A few messages come from one address, more from all of them."""
    start = chance.below(len(addresses), "address", *name)
    used = len(addresses) if count >= 12 * len(addresses) else 1
    for place in range(used):
        some = count // used + (count % used if place == 0 else 0)
        if some:
            yield addresses[(start + place) % len(addresses)], some


def wave_strength(day: date) -> float:
    """0 on most days; up to 1 on the days of a wave of spoofed mail."""
    number = day.toordinal() // WAVE_EVERY
    first = number * WAVE_EVERY + chance.below(WAVE_EVERY - 3, "wave starts", number)
    age = day.toordinal() - first
    lasts = 1 + chance.below(3, "wave lasts", number)
    return (1.0, 0.6, 0.3)[age] if 0 <= age < lasts else 0.0


def _spoofed(spoofing: Spoofing, reporter: Reporter, day: date) -> Iterator[_Lot]:
    strength = wave_strength(day)
    mean = spoofing.per_day + spoofing.per_wave_day * strength
    name = (spoofing.sender.domain, "spoofed", reporter.key, day)
    count = chance.rounded(mean * AUDIENCES["spoofing"].get(reporter.key, 0.0), "count", *name)
    hosts = max(1, min(14, count // 6))
    for place in range(hosts if count else 0):
        some = count // hosts + (count % hosts if place == 0 else 0)
        host = _spoofing_host(day, place if strength else chance.below(200, "quiet host", *name))
        header_from = spoofing.names[chance.below(len(spoofing.names), "name", place, *name)]
        yield _Lot(spoofing.sender, host, some, header_from, _spoofing_way(header_from, host))


def _spoofing_host(day: date, place: int) -> str:
    """The address number `place` of this wave: the same for every domain."""
    number = chance.below(254, "host", day.toordinal() // WAVE_EVERY, place)
    return f"2001:db8:bad:{number:x}::{number + 1:x}" if number % 9 == 0 else f"203.0.113.{number + 1}"


def _spoofing_way(header_from: str, host: str) -> Way:
    """An address always pretends in the same manner."""
    manner = chance.below(10, "manner", host)
    bulk = f"bulk{chance.below(20, 'bulk', host)}.example"
    if manner < 5:
        return Way(1, header_from, Spf(header_from, "softfail"))
    if manner < 7:
        return Way(1, bulk, Spf(bulk))
    if manner < 9:
        return Way(1, bulk, Spf(bulk, "none"), (Dkim(bulk, "s"),))
    return Way(1, header_from, Spf(header_from, "fail"), (Dkim(header_from, "forged", "fail"),))


def _rows(lot: _Lot, reporter: Reporter, policy: Policy) -> Iterator[Row]:
    recipients = reporter.recipients or ("",)
    for place, recipient in enumerate(recipients):
        count = lot.count // len(recipients) + (lot.count % len(recipients) if place == 0 else 0)
        if count:
            yield _row(lot, reporter, policy, count, recipient)


def _row(lot: _Lot, reporter: Reporter, policy: Policy, count: int, recipient: str) -> Row:
    way = lot.way
    row = Row(
        sender=lot.sender,
        ip=lot.ip,
        count=count,
        header_from=lot.header_from,
        envelope_from=way.envelope,
        envelope_to=recipient,
        disposition="none",
        dkim_aligned=any(sign.result == "pass" and _is_aligned(sign.domain, lot.header_from) for sign in way.dkim),
        spf_aligned=way.spf.result == "pass"
        and way.spf.scope == "mfrom"
        and _is_aligned(way.spf.domain, lot.header_from),
        reasons=_reasons(lot.reason, reporter),
        dkim=way.dkim,
        spf=way.spf,
    )
    return row if row.passed else _under_policy(row, policy)


def _reasons(reason: str, reporter: Reporter) -> tuple[tuple[str, str], ...]:
    said = {"": "", "forward": reporter.shape.forward_reason, "list": reporter.shape.list_reason}[reason]
    kind, _, comment = said.partition(":")
    return ((kind, comment),) if kind else ()


def _under_policy(row: Row, policy: Policy) -> Row:
    """What the published policy does to a failing row that nothing spared."""
    asked = policy.p if row.header_from == row.sender.domain else policy.sp
    if row.reasons or asked == "none":
        return row
    if policy.pct == 0 or policy.t == "y":
        spared = {"reject": "quarantine", "quarantine": "none"}[asked]
        return replace(row, disposition=spared, reasons=(("sampled_out", ""),))
    return replace(row, disposition=asked)


def single_reports(streams: Sequence[Stream], reporter_key: str, day: date, span: timedelta) -> list[Report]:
    """Reports of one reporter about one day, of `span`, for mistakes and odd packings."""
    reporter = BY_KEY[reporter_key]
    found = [
        report
        for domain in dict.fromkeys(stream.sender.domain for stream in streams)
        for report in _of_day(reporter, day, domain, streams)
    ]
    return [replace(report, end=report.begin + int(span.total_seconds()) - 1) for report in found]
