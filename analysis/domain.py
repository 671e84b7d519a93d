"""One domain's mail in a period: alignment and dispositions by day, and who reported it.

Pure arithmetic over `frames`; a domain outside the scope is answered exactly like one that does not exist.
"""

from collections import defaultdict
from dataclasses import dataclass

from analysis import frames
from analysis.days import DayRow, day_row
from analysis.frames import Connection, Day, Period, PublishedPolicy, ReporterRow, Scope
from analysis.rates import PassRate, added


@dataclass(frozen=True, slots=True)
class DomainPage:
    """A domain's finished figures for `period`.

    `rate` counts messages of the period in reports in force, without those of `failed_authentication`; `unverified`
    is the part of it whose report came without a verdict on its own mail. `days` has one row per day of the period,
    oldest first, also for days without mail. `report_total` is how many reports touch the period, those set aside
    included.
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
    reporters: tuple[ReporterRow, ...]
    report_total: int


def build(connection: Connection, scope: Scope, name: str, period: Period) -> DomainPage | None:
    """The page of domain `name` (A-label).

    None when the domain is unknown or out of scope: nobody can tell the two apart.
    """
    known = frames.domains(connection, scope, name)
    if not known:
        return None
    facts = known[0]
    days = frames.days(connection, scope, period, name)
    counted = [day for day in days if day.authenticity != frames.FAILED]
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
        reporters=frames.reporters(connection, scope, name, period),
        report_total=frames.report_total(connection, scope, name, period),
    )


def _whole_period(counted: list[Day], period: Period) -> tuple[DayRow, ...]:
    by_day: defaultdict[int, list[Day]] = defaultdict(list)
    for day in counted:
        by_day[day.day].append(day)
    return tuple(day_row(number, by_day.get(number, [])) for number in period.days)
