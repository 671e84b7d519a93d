"""The SQL about a domain's senders: their figures, the evidence under each address, and what others saw of it.

The rules of analysis/frames.py hold here too: the scope is checked in SQL and only counted mail is summed. The one
exception is said by its name: `elsewhere` looks at every customer's mail, and gives back numbers only.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from analysis.alignment import RecordFacts
from analysis.frames import FAILED, IN_FORCE, Period, Scope
from analysis.sender_looks import Trace
from analysis.verdict import Elsewhere
from store.decisions import SOURCE_PREFIX
from store.evidence import BOTH_ALIGNED, MARKS
from store.schema import (
    auth_result,
    domain,
    record,
    report,
    sender,
    sender_decision,
    source,
    traffic,
    traffic_day,
    traffic_evidence,
    traffic_source,
)
from store.sources import ABSENT, BAD_NAME, FOUND
from store.values import AuthResult

# A domain signs its mail when so many messages aligned by DKIM: what it sends elsewhere bears a signature too. Not a
# share of all mail, or hidden unsigned mail would make a domain look better.
SIGNED_MESSAGES = 50
# Bound variables of one statement: SQLite allows 32,766.
CHUNK = 5_000
# So many rows are held at once: fewer than make Python's garbage collector look through all of them again and again.
ROWS_AT_ONCE = 500
# Kinds of sender of which nobody vouches for the address.
STRANGER_KINDS = ("network", "unknown")


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain of the scope. `owner` stands for its customer, or for itself while it is unassigned."""

    id: int
    name: str
    owner: int


class SenderRow(NamedTuple):
    """A sender of a domain, with or without mail in a period."""

    id: int
    key: str
    name: str
    kind: str


class Place(NamedTuple):
    """What is known of an address. The country and the AS are hints from parsedmarc's tables."""

    ip: str
    ptr: str | None
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
    row = connection.execute(select(*columns).where(domain.c.name == name, allowed(scope))).one_or_none()
    return None if row is None else DomainRow(*row)


def days_with_mail(connection: Connection, where: DomainRow) -> Period | None:
    """From the oldest to the newest day with counted mail of the domain, or None when there is none."""
    counted = (traffic_day.c.domain_id == where.id, traffic_day.c.authenticity != FAILED)
    days = select(func.min(traffic_day.c.day), func.max(traffic_day.c.day)).where(*counted)
    first, last = connection.execute(days).one()
    return None if first is None else Period(first, last)


def signs(connection: Connection, where: DomainRow, period: Period) -> bool:
    """Whether the domain signs its mail."""
    return where.id in _signing(connection, [where.id], period)


def senders(connection: Connection, where: DomainRow) -> list[SenderRow]:
    """Every sender of the domain, by id."""
    columns = (sender.c.id, sender.c.key, sender.c.name, sender.c.kind)
    rows = connection.execute(select(*columns).where(sender.c.domain_id == where.id).order_by(sender.c.id))
    return [SenderRow(*row) for row in rows]


def reporters(connection: Connection, where: DomainRow, period: Period) -> dict[int, frozenset[str]]:
    """Who saw mail of each sender, by sender id."""
    columns = (traffic.c.sender_id, traffic.c.reporter)
    statement = select(*columns).where(*_counted(traffic, where.id, period)).distinct()
    found: defaultdict[int, set[str]] = defaultdict(set)
    for sender_id, reporter in tuples(connection, statement):
        found[sender_id].add(reporter)
    return {sender_id: frozenset(names) for sender_id, names in found.items()}


def traces(connection: Connection, where: DomainRow, period: Period) -> Iterator[Trace]:
    """All counted mail of the domain. No order."""
    for statement in (_aligned_both_ways(where, period), _marked_mail(where, period)):
        yield from tuples(connection, statement)


def tuples(connection: Connection, statement: Select[Any]) -> Iterator[Any]:
    """The driver's own tuples, one at a time: making rows of them, or keeping them, takes longer than counting."""
    with connection.execute(statement) as result:
        while result.cursor and (rows := result.cursor.fetchmany(ROWS_AT_ONCE)):
            yield from rows


def _aligned_both_ways(where: DomainRow, period: Period) -> Select[Any]:
    """What `traffic_evidence` does not hold; a record of no messages is seen on its day as well."""
    table = traffic_source.c
    both = table.dkim_aligned + table.spf_aligned - table.passed
    columns = (table.sender_id, table.source_id, table.day)
    constants: tuple[ColumnElement[Any], ...] = (literal_column("''"), literal_column(str(BOTH_ALIGNED)))
    counted = _counted(traffic_source, where.id, period)
    return select(*columns, *constants, both).where(*counted, or_(both > 0, table.messages == 0))


def _marked_mail(where: DomainRow, period: Period) -> Select[Any]:
    table = traffic_evidence.c
    columns = (table.sender_id, table.source_id, table.day, table.reporter, table.marks, table.messages)
    return select(*columns).where(*_counted(traffic_evidence, where.id, period))


def places(connection: Connection, where: DomainRow, period: Period) -> dict[int, Place]:
    """What is known of each address with mail of the domain in the period."""
    seen = select(traffic_source.c.source_id).where(*_counted(traffic_source, where.id, period)).distinct()
    columns = (source.c.id, source.c.ip, source.c.ptr, source.c.country, source.c.as_name)
    rows = connection.execute(select(*columns).where(source.c.id.in_(seen)))
    return {source_id: Place(ip, ptr, country, as_name) for source_id, ip, ptr, country, as_name in rows}


def source_ids(connection: Connection, addresses: Collection[str]) -> dict[str, int]:
    """The ids of the addresses that are known."""
    rows = connection.execute(select(source.c.ip, source.c.id).where(source.c.ip.in_(sorted(addresses))))
    return {row.ip: row.id for row in rows}


class Later(NamedTuple):
    """Counted messages about the subject of a decision after its day."""

    messages: int
    passed: int
    spf_aligned: int


def seen_since(connection: Connection, where: DomainRow, subject: str, day: int) -> Later:
    """What came after `day` from the sender (by key) or the address (`source:<ip>`) that a decision is about."""
    table = traffic_source.c
    named = sender.c.key == subject
    if subject.startswith(SOURCE_PREFIX):
        named = source.c.ip == subject.removeprefix(SOURCE_PREFIX)
    joined = traffic_source.join(source, source.c.id == table.source_id).join(
        sender, and_(sender.c.domain_id == table.domain_id, sender.c.id == table.sender_id)
    )
    columns = (_sum(table.messages), _sum(table.passed), _sum(table.spf_aligned))
    counted = (table.domain_id == where.id, table.day > day, table.authenticity != FAILED, named)
    return Later(*connection.execute(select(*columns).select_from(joined).where(*counted)).one())


def decisions(connection: Connection, where: DomainRow) -> dict[str, DecisionRow]:
    """The decision that holds for each subject of the domain, the newest where there are several."""
    table = sender_decision.c
    columns = (table.sender_key, table.decision, table.note, table.decided_by, table.decided_at)
    holding = (table.domain_id == where.id, table.withdrawn_at.is_(None))
    rows = connection.execute(select(*columns).where(*holding).order_by(table.decided_at, table.id))
    return {row.sender_key: DecisionRow(*row) for row in rows}


def elsewhere(connection: Connection, where: DomainRow, period: Period) -> dict[int, Elsewhere]:
    """What the addresses that failed for this domain did in the names of other owners in the period; numbers only.

    Only addresses of networks that nobody vouches for: through a service's own go many people's mail.
    """
    failed = _failed_elsewhere(connection, where, period)
    by_source: defaultdict[int, list[_Failed]] = defaultdict(list)
    for row in failed:
        by_source[row.source_id].append(row)
    passing: defaultdict[int, set[int]] = defaultdict(set)
    nameless: set[int] = set()
    # Whose mail fails nowhere else unsigned is judged by what it forwards alone.
    for chunk in _chunks(sorted({row.source_id for row in failed if row.unsigned})):
        nameless |= _nameless(connection, chunk)
        for source_id, owner in _passes_elsewhere(connection, where, period, chunk):
            passing[source_id].add(owner)
    signing = _signing(connection, sorted({row.domain_id for row in failed}), period)
    return {
        source_id: _added(rows, passing[source_id], signing, source_id in nameless)
        for source_id, rows in by_source.items()
    }


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


class _Failed(NamedTuple):
    """Mail of one address in one other domain's name on the same days: unsigned and failing, and forwarded."""

    source_id: int
    domain_id: int
    owner: int
    unsigned: int
    forwards: int


def _added(mine: Sequence[_Failed], passes: set[int], signing: frozenset[int], nameless: bool) -> Elsewhere:
    failing = {row.owner for row in mine if row.unsigned} - passes
    return Elsewhere(
        forwards=sum(row.forwards for row in mine),
        failing=len(failing),
        signing=len({row.owner for row in mine if row.domain_id in signing} & failing),
        passes=len(passes),
        nameless=nameless,
    )


def _failed_elsewhere(connection: Connection, where: DomainRow, period: Period) -> list[_Failed]:
    table = traffic_evidence.c
    here = _failed_here(where, period)
    forwards = (_marked("forward_override"), _marked("spf_forwarder"), _marked("dkim_failed", "spf_other"))
    columns = (
        table.source_id,
        table.domain_id,
        _owner(),
        _sum(case((and_(_marked("dkim_absent"), ~_marked("spf_aligned")), table.messages), else_=0)),
        sum((_sum(case((marked, table.messages), else_=0)) for marked in forwards), literal(0)),
    )
    near = and_(table.source_id == here.c.source_id, table.day.between(here.c.first_day, here.c.last_day))
    joined = here.join(traffic_evidence, near).join(domain, domain.c.id == table.domain_id)
    others = (table.domain_id != where.id, table.authenticity != FAILED, _owner() != where.owner)
    statement = select(*columns).select_from(joined).where(_is_elsewhere(where, here), *others)
    rows = connection.execute(statement.group_by(table.source_id, table.domain_id, domain.c.customer_id, domain.c.id))
    return [_Failed(*row) for row in rows]


def _is_elsewhere(where: DomainRow, here: FromClause) -> ColumnElement[bool]:
    """That the address has mail in another domain's name on those days. Most have not, and the index alone tells.

    The sub-query names its column: `SELECT *` would read the table as well.
    """
    other = traffic_evidence.alias("other").c
    near = (other.source_id == here.c.source_id, other.day.between(here.c.first_day, here.c.last_day))
    return select(other.domain_id).where(*near, other.domain_id != where.id).exists()


def _marked(*names: str) -> ColumnElement[bool]:
    """That a row of `traffic_evidence` has all of these marks."""
    mask = sum(MARKS[name] for name in names)
    return traffic_evidence.c.marks.bitwise_and(mask) == mask


def _failed_here(where: DomainRow, period: Period) -> FromClause:
    """Addresses of strangers' networks that failed for this domain, and the days between which they did."""
    table = traffic_evidence.c
    strangers = and_(
        sender.c.domain_id == table.domain_id, sender.c.id == table.sender_id, sender.c.kind.in_(STRANGER_KINDS)
    )
    columns = (table.source_id, func.min(table.day).label("first_day"), func.max(table.day).label("last_day"))
    nothing = table.marks.bitwise_and(BOTH_ALIGNED) == 0
    joined = traffic_evidence.join(sender, strangers)
    statement = select(*columns).select_from(joined).where(*_counted(traffic_evidence, where.id, period), nothing)
    return statement.group_by(table.source_id).subquery()


def _passes_elsewhere(
    connection: Connection, where: DomainRow, period: Period, chunk: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """(address, owner) of mail that passed in another owner's name."""
    table = traffic_source.c
    joined = traffic_source.join(domain, domain.c.id == table.domain_id)
    wanted = (
        table.source_id.in_(chunk),
        table.day.between(period.first_day, period.last_day),
        table.authenticity != FAILED,
        table.passed > 0,
        _owner() != where.owner,
    )
    rows = connection.execute(select(table.source_id, _owner()).select_from(joined).where(*wanted).distinct())
    return ((source_id, owner) for source_id, owner in rows)


def _nameless(connection: Connection, chunk: Sequence[int]) -> set[int]:
    """Those of which DNS was asked and said that no host name leads back to them."""
    table = source.c
    unconfirmed = and_(table.ptr_state == FOUND, table.ptr_confirmed.is_not(True))
    wanted = or_(table.ptr_state.in_((ABSENT, BAD_NAME)), unconfirmed)
    return set(connection.scalars(select(table.id).where(table.id.in_(chunk), wanted)))


def _signing(connection: Connection, domain_ids: Sequence[int], period: Period) -> frozenset[int]:
    """Those of the domains that sign their mail."""
    table = traffic_day.c
    days = (table.day.between(period.first_day, period.last_day), table.authenticity != FAILED)
    statement = select(table.domain_id).where(table.domain_id.in_(domain_ids), *days).group_by(table.domain_id)
    signed = func.sum(table.both_aligned + table.dkim_only)
    return frozenset(connection.scalars(statement.having(signed >= SIGNED_MESSAGES)))


def _owner() -> ColumnElement[int]:
    return func.coalesce(domain.c.customer_id, -domain.c.id)


def allowed(scope: Scope) -> ColumnElement[bool]:
    """That a row of `domain` is in the scope."""
    return true() if scope.customer_ids is None else domain.c.customer_id.in_(scope.customer_ids)


def _counted(table: FromClause, domain_id: int, period: Period) -> tuple[ColumnElement[bool], ...]:
    days = table.c.day.between(period.first_day, period.last_day)
    return table.c.domain_id == domain_id, days, table.c.authenticity != FAILED


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums bigint to numeric, which arrives as Decimal.
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


class RecordRow(NamedTuple):
    """One counted record of a sender: what it says, and the policy it was evaluated under."""

    day: int
    reporter: str
    ip: str
    messages: int
    disposition: str
    facts: RecordFacts


def sender_records(
    connection: Connection, where: DomainRow, period: Period, key: str, limit: int
) -> tuple[RecordRow, ...]:
    """The newest `limit` counted records of a sender whose reports begin in the period; newest first."""
    reported = and_(report.c.domain_id == record.c.domain_id, report.c.id == record.c.report_id)
    named = and_(sender.c.domain_id == record.c.domain_id, sender.c.id == record.c.sender_id)
    joined = record.join(report, reported).join(sender, named).join(source, source.c.id == record.c.source_id)
    own = (record.c.report_id, record.c.number)
    shown = (report.c.first_day, report.c.reporter, source.c.ip, record.c.messages, record.c.disposition)
    words = (record.c.header_from, record.c.envelope_from, report.c.adkim, report.c.aspf)
    flags = (record.c.dkim_aligned, record.c.spf_aligned)
    counted = (report.c.standing == IN_FORCE, report.c.authenticity != FAILED)
    days = report.c.first_day.between(period.first_day, period.last_day)
    statement = select(*own, *shown, *words, *flags).select_from(joined)
    statement = statement.where(record.c.domain_id == where.id, sender.c.key == key, days, *counted)
    order = (report.c.first_day.desc(), record.c.report_id.desc(), record.c.number)
    rows: Sequence[Sequence[Any]] = connection.execute(statement.order_by(*order).limit(limit)).all()
    results = _results(connection, where, {row[0] for row in rows})
    return tuple(_record_row(row, results.get((row[0], row[1]), ())) for row in rows)


def _record_row(row: Sequence[Any], results: tuple[AuthResult, ...]) -> RecordRow:
    day, reporter, ip, messages, disposition, header_from, envelope_from, adkim, aspf, dkim, spf = row[2:]
    facts = RecordFacts(header_from, envelope_from, adkim, aspf, dkim, spf, results)
    return RecordRow(day, reporter, ip, messages, disposition, facts)


def _results(
    connection: Connection, where: DomainRow, report_ids: set[int]
) -> dict[tuple[int, int], tuple[AuthResult, ...]]:
    table = auth_result.c
    columns = [table[name] for name in AuthResult._fields]
    wanted = (table.domain_id == where.id, table.report_id.in_(sorted(report_ids)))
    order = (table.report_id, table.record_number, table.number)
    found: defaultdict[tuple[int, int], list[AuthResult]] = defaultdict(list)
    for report_id, number, *values in connection.execute(
        select(table.report_id, table.record_number, *columns).where(*wanted).order_by(*order)
    ):
        found[report_id, number].append(AuthResult(*values))
    return {key: tuple(values) for key, values in found.items()}
