"""The numbers of a customer's monthly report; `dashboard/monthly.py` puts them on paper.

Figures are those of the month's UTC days; what is advised is as of the day on which the report is made. A customer
outside the scope is answered like one that does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from analysis import domain as domain_analysis
from analysis import frames, ladder, ladder_frames, published, report_frames, sender_frames
from analysis import senders as senders_analysis
from analysis.days import DayRow
from analysis.frames import Connection, Customer, Period, ReporterRow, Scope
from analysis.ladder import Advice
from analysis.published import Checked
from analysis.rates import PassRate, added
from analysis.record_changes import RecordChange, record_changes
from analysis.records.findings import Severity
from analysis.report_frames import Act, Treated
from analysis.senders import Sender
from knowledge.tables import Tables
from wording.forms import as_date, as_day

DAY_SECONDS = 86_400
OURS = ("ours-ok", "ours-fix")
BAD = (Severity.ERROR, Severity.WARNING)


@dataclass(frozen=True, slots=True)
class Spoofed:
    """Failing messages of senders whose verdict is impostor or unknown, by what receivers did with them."""

    delivered: int
    quarantined: int
    refused: int
    unsaid: int

    @property
    def messages(self) -> int:
        """All of them, whatever receivers did."""
        return self.delivered + self.quarantined + self.refused + self.unsaid


@dataclass(frozen=True, slots=True)
class DomainReport:
    """One domain in a month.

    rate, before   all counted messages of the month, and of the month before
    own            messages of confirmed senders, and how many of them passed
    senders        of the month, most messages first
    forwarded      messages that others passed on
    records        what DNS said at the last look
    """

    domain: str
    advice: Advice
    rate: PassRate
    before: PassRate
    own: PassRate
    days: tuple[DayRow, ...]
    reporters: tuple[ReporterRow, ...]
    senders: tuple[Sender, ...]
    spoofed: Spoofed
    forwarded: int
    records: tuple[Checked, ...]
    changes: tuple[RecordChange, ...]
    acts: tuple[Act, ...]

    @property
    def approved(self) -> tuple[Sender, ...]:
        """The senders that are the customer's own."""
        return tuple(sender for sender in self.senders if sender.verdict in OURS)

    @property
    def faults(self) -> tuple[Checked, ...]:
        """The published records with an error or a warning."""
        return tuple(record for record in self.records if any(each.severity in BAD for each in record.findings))

    @property
    def asked(self) -> tuple[Sender, ...]:
        """The senders about which the customer has to say yes or no."""
        return tuple(sender for sender in self.senders if sender.verdict == "candidate")

    @property
    def failing(self) -> tuple[Sender, ...]:
        """The own senders that need a repair before reject: they fail, or SPF alone carries their mail."""
        return tuple(sender for sender in self.approved if sender.verdict == "ours-fix" or _wants_dkim(sender))


@dataclass(frozen=True, slots=True)
class MonthlyReport:
    """A customer's month: `period` has its UTC days, `made_on` is the UTC day of the advice. Domains by name."""

    customer: str
    slug: str
    period: Period
    made_on: int
    domains: tuple[DomainReport, ...]

    @property
    def rate(self) -> PassRate:
        """Messages of all its domains and how many of them passed."""
        return added(each.rate for each in self.domains)


def month_of(text: str) -> Period:
    """The UTC days of a month written as 2026-10. Raises ValueError when it is none."""
    first = date.fromisoformat(f"{text}-01")
    return Period(as_day(first), as_day(_next_month(first)) - 1)


def last_month(today: int) -> Period:
    """The last month that is over on the UTC day `today`."""
    return month_before(Period(as_day(as_date(today).replace(day=1)), today))


def month_before(period: Period) -> Period:
    """The month before the one that begins `period`."""
    last = period.first_day - 1
    return Period(as_day(as_date(last).replace(day=1)), last)


def build(
    connection: Connection,
    scope: Scope,
    slug: str,
    period: Period,
    tables: Tables,
    now: int,
    *,
    rua: tuple[str, ...] = (),
) -> MonthlyReport | None:
    """The month of the customer with this slug; None when there is no such customer in the scope."""
    found = [each for each in frames.customers(connection, scope) if each.slug == slug]
    if not found:
        return None
    customer, only = found[0], Scope((found[0].id,))
    names = [each.domain for each in frames.domains(connection, only)]
    parts = (_domain(connection, only, name, period, tables, now, rua) for name in sorted(names))
    domains = tuple(part for part in parts if part is not None)
    return MonthlyReport(customer.name, customer.slug, period, now // DAY_SECONDS, domains)


def customer_named(connection: Connection, scope: Scope, wanted: str) -> Customer | None:
    """The customer with this slug or name."""
    known = frames.customers(connection, scope)
    return next((each for each in known if wanted in (each.slug, each.name)), None)


def _domain(
    connection: Connection,
    scope: Scope,
    name: str,
    period: Period,
    tables: Tables,
    now: int,
    rua: tuple[str, ...],
) -> DomainReport | None:
    where = sender_frames.domain_row(connection, scope, name)
    page = domain_analysis.build(connection, scope, name, period)
    advice = ladder.build(connection, scope, name, tables, now, rua=rua)
    if where is None or page is None or advice is None:
        return None
    listed = senders_analysis.build(connection, scope, name, tables, since=period.first_day, until=period.last_day)
    senders = listed.senders if listed else ()
    looked = published.build(connection, scope, name, tables, now=now)
    return DomainReport(
        domain=name,
        advice=advice,
        rate=page.rate,
        before=_rate(connection, scope, name, month_before(period)),
        own=added(PassRate(each.messages, each.passed) for each in senders if each.verdict in OURS),
        days=page.days,
        reporters=page.reporters,
        senders=senders,
        spoofed=_spoofed(senders, report_frames.treated(connection, where, period)),
        forwarded=sum(messages for each in senders for verdict, messages in each.split if verdict == "forwarded"),
        records=looked.records if looked else (),
        changes=tuple(record_changes(ladder_frames.snapshots(connection, where), period)),
        acts=report_frames.acts(connection, where, period),
    )


def _wants_dkim(sender: Sender) -> bool:
    return any(repair.id.startswith("dkim") for repair in sender.repairs)


def _rate(connection: Connection, scope: Scope, name: str, period: Period) -> PassRate:
    days = frames.days(connection, scope, period, name)
    return added(PassRate(day.messages, day.passed) for day in days if day.authenticity != frames.FAILED)


def _spoofed(senders: Iterable[Sender], rows: Iterable[Treated]) -> Spoofed:
    strange = {each.key for each in senders if each.verdict in ("impostor", "unknown")}
    mine = [row for row in rows if row.sender in strange]
    return Spoofed(
        sum(row.delivered for row in mine),
        sum(row.quarantined for row in mine),
        sum(row.refused for row in mine),
        sum(row.unsaid for row in mine),
    )


def _next_month(first: date) -> date:
    return first.replace(year=first.year + 1, month=1) if first.month == 12 else first.replace(month=first.month + 1)
