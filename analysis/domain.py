"""One domain's page: alignment by day, senders, sources, reporters and reports of a period.

Pure arithmetic over `frames`; a domain outside the scope is answered exactly like one that does not exist.
"""

from collections import defaultdict
from dataclasses import dataclass

from analysis import frames
from analysis.days import DayRow, day_row
from analysis.frames import (
    Connection,
    Day,
    Period,
    PublishedPolicy,
    ReporterRow,
    ReportRow,
    Scope,
    SenderRow,
    SourceRow,
)
from analysis.rates import PassRate, added


@dataclass(frozen=True, slots=True)
class DomainPage:
    """A domain's finished figures for `period`.

    `rate` counts messages of the period in reports in force, without those of `failed_authentication`; `unverified`
    is the part of it whose report came without a verdict on its own mail. `days` has one row per day of the period,
    oldest first, also for days without mail. `senders` and `sources` are the largest by messages, `sender_total` and
    `source_total` how many there are in all. `reports` are the newest, `report_total` how many touch the period,
    those set aside included.
    `policy` and `last_report_end` (epoch seconds) are of the newest report in force whatever the period; None: none.
    """

    domain: str
    customer: str | None
    period: Period
    policy: PublishedPolicy | None
    last_report_end: int | None
    rate: PassRate
    unverified: int
    failed_authentication: int
    days: tuple[DayRow, ...]
    senders: tuple[SenderRow, ...]
    sender_total: int
    sources: tuple[SourceRow, ...]
    source_total: int
    reporters: tuple[ReporterRow, ...]
    reports: tuple[ReportRow, ...]
    report_total: int


def build(connection: Connection, scope: Scope, name: str, period: Period, *, rows: int = 100) -> DomainPage | None:
    """The page of domain `name` (A-label) with at most `rows` senders, sources and reports each.

    None when the domain is unknown or out of scope: nobody can tell the two apart.
    """
    known = frames.domains(connection, scope, name)
    if not known:
        return None
    facts = known[0]
    days = frames.days(connection, scope, period, name)
    counted = [day for day in days if day.authenticity != frames.FAILED]
    senders = frames.senders(connection, scope, name, period)
    top = frames.top_sources(connection, scope, name, period, rows)
    return DomainPage(
        domain=facts.domain,
        customer=facts.customer,
        period=period,
        policy=facts.policy,
        last_report_end=facts.policy.seen_at if facts.policy else None,
        rate=added(PassRate(day.messages, day.passed) for day in counted),
        unverified=sum(day.messages for day in days if day.authenticity == frames.UNVERIFIED),
        failed_authentication=sum(day.messages for day in days if day.authenticity == frames.FAILED),
        days=_whole_period(counted, period),
        senders=senders[:rows],
        sender_total=len(senders),
        sources=frames.sources(connection, scope, name, period, top),
        source_total=frames.source_total(connection, scope, name, period),
        reporters=frames.reporters(connection, scope, name, period),
        reports=frames.reports(connection, scope, name, period, rows),
        report_total=frames.report_total(connection, scope, name, period),
    )


def _whole_period(counted: list[Day], period: Period) -> tuple[DayRow, ...]:
    by_day: defaultdict[int, list[Day]] = defaultdict(list)
    for day in counted:
        by_day[day.day].append(day)
    return tuple(day_row(number, by_day.get(number, [])) for number in period.days)
