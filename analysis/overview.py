"""The overview: one row per domain of the scope, with the figures of the last days.

Pure arithmetic over `frames`; draws nothing and knows no role beyond the scope it is given.
"""

from collections import defaultdict
from dataclasses import dataclass

from analysis import frames
from analysis.frames import Connection, DayMessages, DomainFacts, Period, PublishedPolicy, ReportCounts, Scope
from analysis.rates import PassRate, added


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One domain of the overview.

    `policy` is what the newest report in force says was published; None before the first report.
    `rate` counts messages of the period in reports in force, without those of `failed_authentication`.
    `unverified` is the part of `rate.messages` whose report came without a verdict on its own mail (as files do).
    `failed_authentication` counts messages of the period in reports whose own mail failed authentication.
    `daily` has one PassRate per day of the period, oldest first; a day without mail has no share.
    `last_report_end` is the newest period end (epoch seconds) of any report in force, or None.
    `reports`, `reporters` (distinct), `partial` and `variants` count reports of the period: the first three those in
    force, `variants` those kept beside another report of the same key, counted or set aside.
    """

    domain: str
    customer: str | None
    policy: PublishedPolicy | None
    rate: PassRate
    unverified: int
    failed_authentication: int
    daily: tuple[PassRate, ...]
    last_report_end: int | None
    reports: int
    reporters: int
    partial: int
    variants: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Every domain of the scope, by name; `first_day` and `last_day` are the period, UTC days, both included.

    `rate` is the sum over all rows: messages of the scope and period, in reports in force.
    """

    rows: tuple[DomainRow, ...]
    first_day: int
    last_day: int
    rate: PassRate


def build(connection: Connection, scope: Scope, *, today: int, days: int = 30) -> Overview:
    """The overview of the `days` UTC days that end with `today`, included."""
    period = Period(today - days + 1, today)
    messages = _by_domain(frames.day_messages(connection, scope, period))
    counts = {row.domain: row for row in frames.report_counts(connection, scope, period)}
    rows = tuple(
        _row(facts, messages.get(facts.domain, []), counts[facts.domain], period)
        for facts in frames.domains(connection, scope)
    )
    return Overview(rows, period.first_day, period.last_day, added(row.rate for row in rows))


def _by_domain(found: tuple[DayMessages, ...]) -> dict[str, list[DayMessages]]:
    grouped: defaultdict[str, list[DayMessages]] = defaultdict(list)
    for row in found:
        grouped[row.domain].append(row)
    return grouped


def _row(facts: DomainFacts, messages: list[DayMessages], counts: ReportCounts, period: Period) -> DomainRow:
    daily = _daily(messages, period)
    return DomainRow(
        domain=facts.domain,
        customer=facts.customer,
        policy=facts.policy,
        rate=added(daily),
        unverified=sum(row.messages for row in messages if row.authenticity == frames.UNVERIFIED),
        failed_authentication=sum(row.messages for row in messages if row.authenticity == frames.FAILED),
        daily=daily,
        last_report_end=facts.policy.seen_at if facts.policy else None,
        reports=counts.reports,
        reporters=counts.reporters,
        partial=counts.partial,
        variants=counts.variants,
    )


def _daily(messages: list[DayMessages], period: Period) -> tuple[PassRate, ...]:
    """The counted mail of each day of the period."""
    by_day: defaultdict[int, list[PassRate]] = defaultdict(list)
    for row in messages:
        if row.authenticity != frames.FAILED:
            by_day[row.day].append(PassRate(row.messages, row.passed))
    return tuple(added(by_day.get(day, [])) for day in period.days)
