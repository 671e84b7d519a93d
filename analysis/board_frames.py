"""The SQL about senders as screens show them: mail by day and by reporter, decisions that were ever made, and the
same sender under other domains of the scope.

The rules of analysis/frames.py hold here too: `DomainRow` is a domain of the scope, and only counted mail is summed.
"""

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, and_, case, cast, func, or_, select

from analysis.days import DayRow
from analysis.frames import FAILED, Period, Scope
from analysis.sender_frames import DomainRow, SenderRow, allowed
from store.schema import customer, domain, sender, sender_decision, traffic, traffic_source

MOST_ELSEWHERE = 200


class SenderDay(NamedTuple):
    """One sender's counted messages on one UTC day."""

    sender: str
    day: int
    messages: int


class ReporterMail(NamedTuple):
    """What one reporter counted of a sender, and between which UTC days."""

    reporter: str
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    first_day: int
    last_day: int


class PastDecision(NamedTuple):
    """A decision, whether or not it still holds (`withdrawn_at` None). `subject` as in store/decisions.py."""

    subject: str
    decision: str
    note: str
    by: str
    at: int
    evidence: str
    withdrawn_by: str | None
    withdrawn_at: int | None


class ElsewhereRow(NamedTuple):
    """The same sender under another domain of the scope; counted messages of the period."""

    domain: str
    customer: str | None
    messages: int
    passed: int
    last_day: int


def sender_days(connection: Connection, where: DomainRow, period: Period) -> tuple[SenderDay, ...]:
    """The days of every sender of the domain; no order."""
    table = traffic_source.c
    named = and_(sender.c.domain_id == table.domain_id, sender.c.id == table.sender_id)
    keys = (sender.c.key, table.day)
    statement = select(*keys, _sum(table.messages)).select_from(traffic_source.join(sender, named))
    rows = connection.execute(statement.where(*_counted(traffic_source, where, period)).group_by(*keys))
    return tuple(SenderDay(*row) for row in rows)


def sender_row(connection: Connection, where: DomainRow, key: str) -> SenderRow | None:
    """The sender with this key, with or without mail in a period."""
    columns = (sender.c.id, sender.c.key, sender.c.name, sender.c.kind)
    row = connection.execute(select(*columns).where(sender.c.domain_id == where.id, sender.c.key == key)).one_or_none()
    return None if row is None else SenderRow(*row)


def last_day(connection: Connection, where: DomainRow, sender_id: int) -> int | None:
    """The sender's last day with counted mail, or None when it has none."""
    table = traffic_source.c
    counted = (table.domain_id == where.id, table.sender_id == sender_id, table.authenticity != FAILED)
    found: int | None = connection.execute(select(func.max(table.day)).where(*counted)).scalar_one()
    return found


def mail_days(connection: Connection, where: DomainRow, period: Period, sender_id: int) -> dict[int, DayRow]:
    """The days on which reports tell of a sender's mail."""
    dkim, spf = traffic.c.dkim_aligned, traffic.c.spf_aligned
    ways = (or_(dkim, spf), and_(dkim, spf), and_(dkim, ~spf), and_(~dkim, spf), and_(~dkim, ~spf))
    done = [traffic.c.disposition.in_(words) for words in (("none", "pass"), ("quarantine",), ("reject",))]
    parts = (*ways, *done, traffic.c.disposition == "unknown")
    figures = (_sum(traffic.c.messages), *(_sum_where(part) for part in parts))
    of_sender = (*_counted(traffic, where, period), traffic.c.sender_id == sender_id)
    rows = connection.execute(select(traffic.c.day, *figures).where(*of_sender).group_by(traffic.c.day))
    return {row[0]: DayRow(*row) for row in rows}


def reporters(connection: Connection, where: DomainRow, period: Period, sender_id: int) -> tuple[ReporterMail, ...]:
    """Who told of a sender's mail, most messages first."""
    table = traffic.c
    figures = (
        _sum(table.messages),
        _sum_where(or_(table.dkim_aligned, table.spf_aligned)),
        _sum_where(table.dkim_aligned),
        _sum_where(table.spf_aligned),
        func.min(table.day),
        func.max(table.day),
    )
    of_sender = (*_counted(traffic, where, period), table.sender_id == sender_id)
    rows = connection.execute(select(table.reporter, *figures).where(*of_sender).group_by(table.reporter))
    return tuple(sorted((ReporterMail(*row) for row in rows), key=lambda row: (-row.messages, row.reporter)))


def decisions(connection: Connection, where: DomainRow) -> tuple[PastDecision, ...]:
    """Every decision about senders and addresses of the domain, newest first."""
    table = sender_decision.c
    columns = (table.sender_key, table.decision, table.note, table.decided_by, table.decided_at, table.evidence)
    withdrawn = (table.withdrawn_by, table.withdrawn_at)
    rows = connection.execute(
        select(*columns, *withdrawn)
        .where(table.domain_id == where.id)
        .order_by(table.decided_at.desc(), table.id.desc())
    )
    return tuple(PastDecision(*row) for row in rows)


def elsewhere(
    connection: Connection, scope: Scope, where: DomainRow, period: Period, key: str
) -> tuple[ElsewhereRow, ...]:
    """The same sender under the other domains of the scope, most messages first, at most MOST_ELSEWHERE."""
    table = traffic_source.c
    named = and_(sender.c.domain_id == table.domain_id, sender.c.id == table.sender_id, sender.c.key == key)
    joined = traffic_source.join(sender, named).join(domain, domain.c.id == table.domain_id)
    joined = joined.outerjoin(customer, customer.c.id == domain.c.customer_id)
    messages = _sum(table.messages)
    columns = (domain.c.name, customer.c.name, messages, _sum(table.passed), func.max(table.day))
    days = (table.day.between(period.first_day, period.last_day), table.authenticity != FAILED)
    wanted = (allowed(scope), table.domain_id != where.id, *days)
    statement = select(*columns).select_from(joined).where(*wanted).group_by(domain.c.name, customer.c.name)
    rows = connection.execute(statement.order_by(messages.desc(), domain.c.name).limit(MOST_ELSEWHERE))
    return tuple(ElsewhereRow(*row) for row in rows)


def _counted(table: FromClause, where: DomainRow, period: Period) -> tuple[ColumnElement[bool], ...]:
    days = table.c.day.between(period.first_day, period.last_day)
    return table.c.domain_id == where.id, days, table.c.authenticity != FAILED


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums bigint to numeric, which arrives as Decimal.
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _sum_where(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return _sum(case((condition, traffic.c.messages), else_=0))
