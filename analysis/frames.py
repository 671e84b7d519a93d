"""The only SQL of the analysis layer: scope and period in, rows of documented columns out.

Every query takes the allowed scope and filters by it in SQL. All rows come sorted by a complete order, so that
SQLite and PostgreSQL give equal answers. "Counted" mail is that of reports in force whose own mail did not fail
authentication; the rest is given apart. Days are UTC day numbers since 1970-01-01, times epoch seconds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, and_, cast, func, select, true
from sqlalchemy import Connection as Connection

from analysis.rates import PassRate
from store.schema import customer, domain, report, sender, source, traffic_day, traffic_source

FAILED = "fail"
UNVERIFIED = "unverified"
IN_FORCE = "in-force"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose domains may be seen: None = every domain, unassigned ones too; otherwise these customers' only."""

    customer_ids: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Period:
    """UTC days from `first_day` to `last_day`, both included."""

    first_day: int
    last_day: int

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise ValueError("the last day of a period lies before its first day")

    @property
    def days(self) -> range:
        """Every day number of the period, oldest first."""
        return range(self.first_day, self.last_day + 1)


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """What a domain published as the newest report in force saw it; `seen_at` is that report's period end (epoch)."""

    p: str
    sp: str
    seen_at: int


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """A domain, whose it is (None: unassigned), and the policy it published when last seen (None: never seen)."""

    domain: str
    customer: str | None
    policy: PublishedPolicy | None


class DayMessages(NamedTuple):
    """A domain's messages on one day in reports in force of one authenticity; a tuple, since there are many."""

    domain: str
    day: int
    authenticity: str
    messages: int
    passed: int


@dataclass(frozen=True, slots=True)
class Day:
    """A domain's mail on one day in reports in force of one authenticity, in messages.

    The four alignments add up to `messages`, and so do the four dispositions (`none` includes the reporter's `pass`).
    """

    domain: str
    day: int
    authenticity: str
    messages: int
    passed: int
    both_aligned: int
    dkim_only: int
    spf_only: int
    neither: int
    disposition_none: int
    disposition_quarantine: int
    disposition_reject: int
    disposition_unknown: int


@dataclass(frozen=True, slots=True)
class ReporterRow:
    """A reporter's counted reports that touch a period; its messages are those of the whole reports.

    They differ from the messages of the period's days only where a report of more than 36 hours crosses its edge.
    """

    reporter: str
    reports: int
    messages: int
    passed: int
    last_report_end: int

    @property
    def rate(self) -> PassRate:
        """Messages and how many of them passed."""
        return PassRate(self.messages, self.passed)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One report that touches a period; its figures are of the whole report. Texts are the reporter's own words.

    `id`: our number of the report within its domain. `states`, any number of them: set-aside (never counted); variant,
    correction, replaced, lookalike (what it is to another report); partial (has records that could not be read); empty
    (has no record); repaired.
    """

    id: int
    reporter: str
    org_name: str
    email: str
    report_id: str
    begin_at: int
    end_at: int
    p: str
    authenticity: str
    records: int
    bad_records: int
    messages: int
    passed: int
    states: tuple[str, ...] = ()

    @property
    def rate(self) -> PassRate:
        """Messages and how many of them passed."""
        return PassRate(self.messages, self.passed)


REPORT_STATES = ("counted", "set-aside", "failed", "related", "partial", "empty", "repaired")


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Which reports are wanted: of one reporter, in one of REPORT_STATES; None lets all pass."""

    reporter: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class SenderSource:
    """What one address sent as one sender of one domain in a period: counted messages."""

    domain: str
    sender_key: str
    sender: str
    sender_kind: str
    ip: str
    ptr: str | None
    country: str | None
    as_name: str | None
    service: str | None
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer; `slug` is our own short name of it, fit for a file name, `language` the one of its files."""

    id: int
    name: str
    slug: str
    language: str


def domains(connection: Connection, scope: Scope, name: str | None = None) -> tuple[DomainFacts, ...]:
    """Every domain of the scope, or the one called `name`; by name."""
    # A domain's newest report by a correlated look-up, outer-joined: SQLite's planner turns an inner join around and
    # then reads every report of the store.
    newest = report.alias("newest")
    joined = domain.outerjoin(customer).outerjoin(
        newest, and_(newest.c.domain_id == domain.c.id, newest.c.id == _newest_report_id())
    )
    columns = (domain.c.name, customer.c.name, newest.c.p, newest.c.sp, newest.c.end_at)
    rows = connection.execute(select(*columns).select_from(joined).where(_allowed(scope), _named(name)))
    return tuple(sorted((_domain_facts(*row) for row in rows), key=lambda row: row.domain))


def _domain_facts(name: str, customer_name: str | None, p: str | None, sp: str | None, end_at: int) -> DomainFacts:
    policy = None if p is None or sp is None else PublishedPolicy(p, sp, end_at)
    return DomainFacts(name, customer_name, policy)


def _newest_report_id() -> ColumnElement[int]:
    seen = report.alias("seen")
    return (
        select(seen.c.id)
        .where(seen.c.domain_id == domain.c.id, *_counted_report(seen))
        .order_by(seen.c.last_day.desc(), seen.c.end_at.desc(), seen.c.id.desc())
        .limit(1)
        .correlate(domain)
        .scalar_subquery()
    )


def day_messages(connection: Connection, scope: Scope, period: Period) -> tuple[DayMessages, ...]:
    """Messages and passed of every domain of the scope per day and authenticity; by domain, day, authenticity."""
    table = traffic_day.c
    columns = (domain.c.name, table.day, table.authenticity, table.messages, table.passed)
    rows = connection.execute(_by_day(columns, scope, period, None)).all()
    return tuple(sorted(DayMessages(*row) for row in rows if row[1] is not None))


def days(connection: Connection, scope: Scope, period: Period, name: str | None = None) -> tuple[Day, ...]:
    """All figures per domain, day and authenticity; by domain, day, authenticity. Days without mail are missing."""
    table = traffic_day.c
    figures = [table[field.name] for field in fields(Day)[1:]]
    rows = connection.execute(_by_day((domain.c.name, *figures), scope, period, name))
    found = (Day(*row) for row in rows if row[1] is not None)
    return tuple(sorted(found, key=lambda row: (row.domain, row.day, row.authenticity)))


def _by_day(
    columns: Sequence[ColumnElement[Any]], scope: Scope, period: Period, name: str | None
) -> Select[tuple[Any, ...]]:
    # Outer, so that SQLite seeks each domain's range of days instead of reading the whole roll-up.
    joined = domain.outerjoin(
        traffic_day, and_(traffic_day.c.domain_id == domain.c.id, _within(traffic_day.c.day, period))
    )
    return select(*columns).select_from(joined).where(_allowed(scope), _named(name))


def sender_sources(
    connection: Connection, scope: Scope, period: Period, name: str | None = None
) -> tuple[SenderSource, ...]:
    """Every address under every sender of the scope's domains, or of the one called `name`, with counted mail; by
    domain, most messages first, then by address and sender."""
    keys = (traffic_source.c.domain_id, traffic_source.c.sender_id, traffic_source.c.source_id)
    sums = _sums(scope, name, period, *keys)
    columns = (domain.c.name, sender.c.key, sender.c.name, sender.c.kind, *_source_facts(), *_figures(sums))
    joined = (
        sums.join(domain, domain.c.id == sums.c.domain_id)
        .join(sender, and_(sender.c.domain_id == sums.c.domain_id, sender.c.id == sums.c.sender_id))
        .join(source, source.c.id == sums.c.source_id)
    )
    found = (SenderSource(*row) for row in connection.execute(select(*columns).select_from(joined)))
    return tuple(sorted(found, key=lambda row: (row.domain, -row.messages, row.ip, row.sender_key)))


def reporters(connection: Connection, scope: Scope, name: str, period: Period) -> tuple[ReporterRow, ...]:
    """Every reporter whose counted reports about domain `name` touch the period; most messages first, then by name."""
    columns = (
        report.c.reporter,
        func.count(),
        _sum(report.c.messages),
        _sum(report.c.passed),
        func.max(report.c.end_at),
    )
    statement = _reports(columns, scope, name, period).where(*_counted_report(report)).group_by(report.c.reporter)
    found = (ReporterRow(*row) for row in connection.execute(statement))
    return tuple(sorted(found, key=lambda row: (-row.messages, row.reporter)))


def reports(
    connection: Connection, scope: Scope, name: str, period: Period, limit: int, only: ReportFilter = ReportFilter()
) -> tuple[ReportRow, ...]:
    """The newest `limit` reports about domain `name` that touch the period and pass the filter, set aside ones too; by
    period end, newest first."""
    columns = [report.c[field.name] for field in fields(ReportRow)[:-1]]
    marks = (report.c.standing, report.c.relation, report.c.repairs)
    order = (report.c.last_day.desc(), report.c.end_at.desc(), report.c.key_hash, report.c.content_hash)
    rows = connection.execute(
        _reports((*columns, *marks), scope, name, period).where(*_passing(only)).order_by(*order).limit(limit)
    )
    return tuple(_report_row(row[:-3], *row[-3:]) for row in rows)


def _report_row(own: Sequence[Any], standing: str, relation: str | None, repairs: str | None) -> ReportRow:
    row = ReportRow(*own)
    marks = (
        ("set-aside", standing != IN_FORCE),
        (relation or "", relation is not None),
        ("partial", row.bad_records > 0),
        ("empty", row.records == 0),
        ("repaired", repairs is not None),
    )
    return replace(row, states=tuple(word for word, holds in marks if holds))


def reporter_names(connection: Connection, scope: Scope, name: str, period: Period) -> tuple[str, ...]:
    """Every reporter with a report about domain `name` that touches the period, set aside ones too; by name."""
    return tuple(sorted(connection.execute(_reports((report.c.reporter,), scope, name, period).distinct()).scalars()))


def report_total(
    connection: Connection, scope: Scope, name: str, period: Period, only: ReportFilter = ReportFilter()
) -> int:
    """How many reports about domain `name` touch the period and pass the filter, set aside ones too."""
    statement = _reports((func.count(),), scope, name, period).where(*_passing(only))
    found: int = connection.execute(statement).scalar_one()
    return found


def _passing(only: ReportFilter) -> Iterator[ColumnElement[bool]]:
    if only.reporter is not None:
        yield report.c.reporter == only.reporter
    if only.state is not None:
        yield _report_states()[only.state]


def _report_states() -> dict[str, ColumnElement[bool]]:
    """The condition of each word of REPORT_STATES."""
    conditions = (
        and_(*_counted_report(report)),
        report.c.standing != IN_FORCE,
        report.c.authenticity == FAILED,
        report.c.relation.is_not(None),
        report.c.bad_records > 0,
        report.c.records == 0,
        report.c.repairs.is_not(None),
    )
    return dict(zip(REPORT_STATES, conditions, strict=True))


def customers(connection: Connection, scope: Scope) -> tuple[Customer, ...]:
    """The customers of the scope, by slug."""
    allowed = true() if scope.customer_ids is None else customer.c.id.in_(scope.customer_ids)
    columns = (customer.c.id, customer.c.name, customer.c.slug, customer.c.language)
    rows = connection.execute(select(*columns).where(allowed))
    return tuple(sorted((Customer(*row) for row in rows), key=lambda row: row.slug))


_SUMMED = ("messages", "passed", "dkim_aligned", "spf_aligned")


def _allowed(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.customer_ids is None else domain.c.customer_id.in_(scope.customer_ids)


def _named(name: str | None) -> ColumnElement[bool]:
    return true() if name is None else domain.c.name == name


def _within(day: ColumnElement[int], period: Period) -> ColumnElement[bool]:
    return day.between(period.first_day, period.last_day)


def _touching(period: Period) -> tuple[ColumnElement[bool], ...]:
    return report.c.last_day >= period.first_day, report.c.first_day <= period.last_day


def _counted_report(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    return table.c.standing == IN_FORCE, table.c.authenticity != FAILED


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums bigint to numeric, which arrives as Decimal.
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _sums(scope: Scope, name: str | None, period: Period, *keys: ColumnElement[int]) -> FromClause:
    """Counted messages of a period by `keys`: a sub-query of the keys and of _SUMMED."""
    summed = (_sum(traffic_source.c[column]).label(column) for column in _SUMMED)
    return _traffic((*keys, *summed), scope, name, period).group_by(*keys).subquery()


def _traffic(
    columns: Sequence[ColumnElement[Any]], scope: Scope, name: str | None, period: Period
) -> Select[tuple[Any, ...]]:
    joined = domain.join(traffic_source, traffic_source.c.domain_id == domain.c.id)
    counted = (_within(traffic_source.c.day, period), traffic_source.c.authenticity != FAILED)
    return select(*columns).select_from(joined).where(_allowed(scope), _named(name), *counted)


def _reports(columns: Sequence[ColumnElement[Any]], scope: Scope, name: str, period: Period) -> Select[tuple[Any, ...]]:
    joined = domain.join(report, report.c.domain_id == domain.c.id)
    return select(*columns).select_from(joined).where(_allowed(scope), _named(name), *_touching(period))


def _source_facts() -> tuple[ColumnElement[Any], ...]:
    return source.c.ip, source.c.ptr, source.c.country, source.c.as_name, source.c.service


def _figures(sums: FromClause) -> tuple[ColumnElement[int], ...]:
    return tuple(sums.c[column] for column in _SUMMED)
