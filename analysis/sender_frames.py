"""The SQL about a domain's senders: their figures, the evidence under each address, and what others saw of it.

The rules of analysis/frames.py hold here too: the scope is checked in SQL and only counted mail is summed. The one
exception is said by its name: `elsewhere` looks at every customer's mail, and gives back numbers only.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, and_, case, cast, distinct, func, select, true

from analysis.frames import FAILED, Period, Scope
from analysis.verdict import Elsewhere, Evidence
from store.schema import domain, sender, sender_decision, source, traffic, traffic_day, traffic_evidence, traffic_source

# A domain signs its own mail when this share of what passed did so by DKIM, out of at least so many messages.
SIGNED_SHARE = 0.8
SIGNED_MESSAGES = 50
# Bound variables of one statement: SQLite allows 32,766.
CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain of the scope. `owner` stands for its customer, or for itself while it is unassigned."""

    id: int
    name: str
    owner: int


@dataclass(frozen=True, slots=True)
class DomainMail:
    """How many distinct reporters told of a domain's mail, and whether the domain signs what passes."""

    reporters: int
    signs: bool


@dataclass(frozen=True, slots=True)
class SenderFigures:
    """A sender's counted messages in a period; `days` and `reporters` count the distinct ones that saw its mail."""

    sender_id: int
    key: str
    name: str
    kind: str
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    first_day: int
    last_day: int
    days: int
    reporters: int


class SourceFigures(NamedTuple):
    """One address under one sender: counted messages of the period, and of its last days (`recent*`)."""

    sender_id: int
    source_id: int
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    recent: int
    recent_passed: int
    recent_dkim: int
    recent_spf: int


class Place(NamedTuple):
    """What is known of an address. The country and the AS are hints from parsedmarc's tables."""

    ip: str
    ptr: str | None
    ptr_confirmed: bool | None
    ptr_state: str | None
    country: str | None
    as_name: str | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision that holds. `subject` is a sender key, or `source:<ip>` for one address."""

    subject: str
    decision: str
    note: str
    by: str
    at: int


def domain_row(connection: Connection, scope: Scope, name: str) -> DomainRow | None:
    """The domain, or None when it is not in the scope."""
    columns = (domain.c.id, domain.c.name, _owner())
    row = connection.execute(select(*columns).where(domain.c.name == name, _allowed(scope))).one_or_none()
    return None if row is None else DomainRow(*row)


def last_day(connection: Connection, where: DomainRow) -> int | None:
    """The newest day on which counted mail of the domain was seen."""
    counted = (traffic_day.c.domain_id == where.id, traffic_day.c.authenticity != FAILED)
    found: int | None = connection.scalar(select(func.max(traffic_day.c.day)).where(*counted))
    return found


def domain_mail(connection: Connection, where: DomainRow, period: Period) -> DomainMail:
    """What the whole domain's mail in the period says."""
    counted = select(func.count(distinct(traffic.c.reporter))).where(*_counted(traffic, where.id, period))
    signing = _signing(connection, [where.id], period)
    return DomainMail(connection.scalar(counted) or 0, where.id in signing)


def sender_figures(connection: Connection, where: DomainRow, period: Period) -> tuple[SenderFigures, ...]:
    """Every sender with counted mail in the period, most messages first, equal ones by key."""
    table = traffic.c
    passed = table.spf_aligned | table.dkim_aligned
    columns = (
        sender.c.id,
        sender.c.key,
        sender.c.name,
        sender.c.kind,
        _sum(table.messages),
        _sum(case((passed, table.messages), else_=0)),
        _sum(case((table.dkim_aligned, table.messages), else_=0)),
        _sum(case((table.spf_aligned, table.messages), else_=0)),
        func.min(table.day),
        func.max(table.day),
        func.count(distinct(table.day)),
        func.count(distinct(table.reporter)),
    )
    joined = traffic.join(sender, and_(sender.c.domain_id == table.domain_id, sender.c.id == table.sender_id))
    statement = select(*columns).select_from(joined).where(*_counted(traffic, where.id, period))
    rows = connection.execute(statement.group_by(sender.c.id, sender.c.key, sender.c.name, sender.c.kind))
    return tuple(sorted((SenderFigures(*row) for row in rows), key=lambda row: (-row.messages, row.key)))


def source_figures(
    connection: Connection, where: DomainRow, period: Period, recent_from: int
) -> tuple[SourceFigures, ...]:
    """Every address under every sender with counted mail; `recent*` count from the day `recent_from`. No order."""
    table = traffic_source.c
    recent = table.day >= recent_from
    columns = (
        table.sender_id,
        table.source_id,
        *(_sum(table[name]) for name in _SUMMED),
        *(_sum(case((recent, table[name]), else_=0)) for name in _RECENT),
    )
    statement = select(*columns).where(*_counted(traffic_source, where.id, period))
    rows = connection.execute(statement.group_by(table.sender_id, table.source_id))
    return tuple(SourceFigures(*row) for row in rows)


_SUMMED = ("messages", "passed", "dkim_aligned", "spf_aligned")
_RECENT = ("messages", "passed", "dkim_aligned", "spf_aligned")
_COUNTERS = tuple(each.name for each in fields(Evidence) if each.name not in ("reporters", "days"))


def source_evidence(connection: Connection, where: DomainRow, period: Period) -> dict[tuple[int, int], Evidence]:
    """The evidence by (sender id, source id)."""
    table = traffic_evidence.c
    return _evidence(connection, where, period, (table.sender_id, table.source_id))


def sender_evidence(connection: Connection, where: DomainRow, period: Period) -> dict[tuple[int, ...], Evidence]:
    """The evidence by (sender id,), all addresses of the sender together."""
    return _evidence(connection, where, period, (traffic_evidence.c.sender_id,))


def _evidence(
    connection: Connection, where: DomainRow, period: Period, keys: Sequence[ColumnElement[int]]
) -> dict[Any, Evidence]:
    table = traffic_evidence.c
    counts = (func.count(distinct(table.reporter)), func.count(distinct(table.day)))
    columns = (*keys, *(_sum(table[name]) for name in _COUNTERS), *counts)
    statement = select(*columns).where(*_counted(traffic_evidence, where.id, period)).group_by(*keys)
    rows = connection.execute(statement)
    return {tuple(row[: len(keys)]): Evidence(*row[len(keys) :]) for row in rows}


def places(connection: Connection, where: DomainRow, period: Period) -> dict[int, Place]:
    """What is known of each address with mail of the domain in the period."""
    seen = select(distinct(traffic_source.c.source_id)).where(*_counted(traffic_source, where.id, period))
    columns = (source.c.id, *(source.c[name] for name in Place._fields))
    rows = connection.execute(select(*columns).where(source.c.id.in_(seen)))
    return {row[0]: Place(*row[1:]) for row in rows}


def seen_since(
    connection: Connection, where: DomainRow, day: int, sender_id: int | None, source_id: int | None
) -> tuple[int, int, int]:
    """Counted messages, passed, and SPF aligned after `day`, of a sender or of an address (None: of any)."""
    table = traffic_source.c
    wanted = [table.domain_id == where.id, table.day > day, table.authenticity != FAILED]
    wanted += [] if sender_id is None else [table.sender_id == sender_id]
    wanted += [] if source_id is None else [table.source_id == source_id]
    columns = (_sum(table.messages), _sum(table.passed), _sum(table.spf_aligned))
    messages, passed, spf_aligned = connection.execute(select(*columns).where(*wanted)).one()
    return messages, passed, spf_aligned


def decisions(connection: Connection, where: DomainRow) -> dict[str, DecisionRow]:
    """The decision that holds for each subject of the domain, the newest where there are several."""
    table = sender_decision.c
    columns = (table.sender_key, table.decision, table.note, table.decided_by, table.decided_at)
    holding = (table.domain_id == where.id, table.withdrawn_at.is_(None))
    rows = connection.execute(select(*columns).where(*holding).order_by(table.decided_at, table.id))
    return {row.sender_key: DecisionRow(*row) for row in rows}


def elsewhere(
    connection: Connection, where: DomainRow, period: Period, source_ids: Sequence[int]
) -> dict[int, Elsewhere]:
    """What the addresses did in the names of other owners than this domain's in the period; numbers only."""
    found: dict[int, Elsewhere] = {}
    for start in range(0, len(source_ids), CHUNK):
        found |= _elsewhere(connection, where, period, source_ids[start : start + CHUNK])
    return found


def _elsewhere(
    connection: Connection, where: DomainRow, period: Period, chunk: Sequence[int]
) -> dict[int, Elsewhere]:
    failed = _failed_elsewhere(connection, where, period, chunk)
    passing = _passes_elsewhere(connection, where, period, chunk)
    signing = _signing(connection, sorted({row.domain_id for row in failed}), period)
    by_source: defaultdict[int, list[_Failed]] = defaultdict(list)
    for row in failed:
        by_source[row.source_id].append(row)
    return {source_id: _added(by_source[source_id], passing.get(source_id, set()), signing) for source_id in by_source}


class _Failed(NamedTuple):
    """Mail of one address in one other domain's name: unsigned and failing on the same days, and forwarded."""

    source_id: int
    domain_id: int
    owner: int
    unsigned: int
    forwards: int


def _added(mine: Sequence[_Failed], passes: set[int], signing: frozenset[int]) -> Elsewhere:
    failing = {row.owner for row in mine if row.unsigned} - passes
    return Elsewhere(
        forwards=sum(row.forwards for row in mine),
        failing=len(failing),
        signing=len({row.owner for row in mine if row.domain_id in signing} & failing),
        passes=len(passes),
    )


def _failed_elsewhere(
    connection: Connection, where: DomainRow, period: Period, chunk: Sequence[int]
) -> list[_Failed]:
    table = traffic_evidence.c
    here = (
        select(table.source_id, table.day)
        .where(*_counted(traffic_evidence, where.id, period), table.source_id.in_(chunk))
        .distinct()
        .subquery()
    )
    altered = case((table.dkim_failed <= table.spf_other, table.dkim_failed), else_=table.spf_other)
    unsigned = case((here.c.day.is_not(None), table.dkim_absent - _at_most(table.spf_aligned, table.dkim_absent)), else_=0)
    columns = (
        table.source_id,
        table.domain_id,
        _owner(),
        _sum(unsigned),
        _sum(table.forward_override + table.spf_forwarder + altered),
    )
    same_day = and_(here.c.source_id == table.source_id, here.c.day == table.day)
    joined = traffic_evidence.join(domain, domain.c.id == table.domain_id).outerjoin(here, same_day)
    statement = select(*columns).select_from(joined).where(*_others(traffic_evidence, where, period, chunk))
    rows = connection.execute(statement.group_by(table.source_id, table.domain_id, domain.c.customer_id))
    return [_Failed(*row) for row in rows]


def _at_most(value: ColumnElement[int], bound: ColumnElement[int]) -> ColumnElement[int]:
    return case((value <= bound, value), else_=bound)


def _passes_elsewhere(
    connection: Connection, where: DomainRow, period: Period, chunk: Sequence[int]
) -> dict[int, set[int]]:
    table = traffic_source.c
    joined = traffic_source.join(domain, domain.c.id == table.domain_id)
    wanted = (*_others(traffic_source, where, period, chunk), table.passed > 0)
    rows = connection.execute(select(table.source_id, _owner()).select_from(joined).where(*wanted).distinct())
    found: dict[int, set[int]] = {}
    for source_id, owner in rows:
        found.setdefault(source_id, set()).add(owner)
    return found


def _others(
    table: FromClause, where: DomainRow, period: Period, chunk: Sequence[int]
) -> tuple[ColumnElement[bool], ...]:
    return (
        table.c.source_id.in_(chunk),
        table.c.day.between(period.first_day, period.last_day),
        table.c.authenticity != FAILED,
        _owner() != where.owner,
    )


def _signing(connection: Connection, domain_ids: Sequence[int], period: Period) -> frozenset[int]:
    """Those of the domains that sign their own mail."""
    table = traffic_day.c
    passed, signed = func.sum(table.passed), func.sum(table.both_aligned + table.dkim_only)
    days = (table.day.between(period.first_day, period.last_day), table.authenticity != FAILED)
    statement = select(table.domain_id).where(table.domain_id.in_(domain_ids), *days).group_by(table.domain_id)
    enough = and_(passed >= SIGNED_MESSAGES, signed * 100 >= passed * int(SIGNED_SHARE * 100))
    return frozenset(connection.scalars(statement.having(enough)))


def _owner() -> ColumnElement[int]:
    return func.coalesce(domain.c.customer_id, -domain.c.id)


def _allowed(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.customer_ids is None else domain.c.customer_id.in_(scope.customer_ids)


def _counted(table: FromClause, domain_id: int, period: Period) -> tuple[ColumnElement[bool], ...]:
    days = table.c.day.between(period.first_day, period.last_day)
    return table.c.domain_id == domain_id, days, table.c.authenticity != FAILED


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums bigint to numeric, which arrives as Decimal.
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
