"""The SQL about a domain's senders: their figures, the evidence under each address, and what others saw of it.

The rules of analysis/frames.py hold here too: the scope is checked in SQL and only counted mail is summed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)

from analysis.alignment import RecordFacts
from analysis.frames import FAILED, IN_FORCE, Period, Scope
from analysis.mail_rows import DAY_SHIFT, ID_BITS, MailLists
from store.decisions import SOURCE_PREFIX
from store.evidence import BOTH_ALIGNED
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
from store.values import AuthResult

# A domain signs its mail when so many messages aligned by DKIM: what it sends elsewhere bears a signature too. Not a
# share of all mail, or hidden unsigned mail would make a domain look better.
SIGNED_MESSAGES = 50
# So many rows are held at once: fewer than make Python's garbage collector look through all of them again and again.
ROWS_AT_ONCE = 500


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
    columns = (domain.c.id, domain.c.name, owner())
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
    return where.id in signing(connection, [where.id], period)


def senders(connection: Connection, where: DomainRow) -> list[SenderRow]:
    """Every sender of the domain, by id."""
    return list(map(SenderRow._make, tuples(connection, _senders(), {"domain_id": where.id})))


@cache
def _senders() -> Select[Any]:
    columns = (sender.c.id, sender.c.key, sender.c.name, sender.c.kind)
    return select(*columns).where(sender.c.domain_id == value("domain_id")).order_by(sender.c.id)


def reporters(connection: Connection, where: DomainRow, period: Period) -> Iterator[tuple[int, str]]:
    """(sender id, reporter) of mail that aligned both ways; of other mail `mail_lists` names them."""
    return tuples(connection, _reporters(), asked(where, period))


@cache
def _reporters() -> Select[Any]:
    table = traffic.c
    both = (table.dkim_aligned, table.spf_aligned)
    return select(table.sender_id, table.reporter).where(*counted(traffic), *both).distinct()


def mail_lists(connection: Connection, where: DomainRow, period: Period) -> Iterator[MailLists]:
    """All counted mail of the domain, in two parts. No order."""
    for statement in (_aligned_both_ways(), _marked_mail()):
        for row in tuples(connection, statement, asked(where, period)):
            yield MailLists(*(text or "" for text in row))


def tuples(connection: Connection, statement: Select[Any], values: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """The driver's own tuples, one at a time: making rows of them, or keeping them, takes longer than counting."""
    with connection.execute(statement, values) as result:
        while result.cursor and (rows := result.cursor.fetchmany(ROWS_AT_ONCE)):
            yield from rows


def asked(mine: DomainRow, period: Period) -> dict[str, Any]:
    """The values of a statement that asks for `counted` rows."""
    return {"domain_id": mine.id, "first_day": period.first_day, "last_day": period.last_day}


def counted(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    """That a row of this roll-up is counted mail of the domain and the days that are `asked` for.

    Statements that are asked for hundreds of domains a night are built once: building one takes longer than SQLite
    needs for a small domain.
    """
    days = table.c.day.between(value("first_day"), value("last_day"))
    return table.c.domain_id == value("domain_id"), days, table.c.authenticity != FAILED


def value(name: str) -> ColumnElement[int]:
    """A number that is asked for by name."""
    return bindparam(name, type_=Integer())


@cache
def _aligned_both_ways() -> Select[Any]:
    """What `traffic_evidence` does not hold; a record of no messages is seen on its day as well."""
    table = traffic_source.c
    both = table.dkim_aligned + table.spf_aligned - table.passed
    lists = _lists(traffic_source, literal_column(str(BOTH_ALIGNED)), both)
    return select(*lists).where(*counted(traffic_source), or_(both > 0, table.messages == 0))


@cache
def _marked_mail() -> Select[Any]:
    table = traffic_evidence.c
    lists = _lists(traffic_evidence, table.marks, table.messages)
    # The name of a reporter is always one line (knowledge/identify.py).
    reporters = func.aggregate_strings(table.reporter, "\n")
    return select(*lists, reporters).where(*counted(traffic_evidence))


def _lists(table: FromClause, marks: ColumnElement[int], messages: ColumnElement[int]) -> list[ColumnElement[Any]]:
    """The numbers of MailLists."""
    address = table.c.sender_id * _power(ID_BITS) + table.c.source_id
    day_marks = table.c.day * _power(DAY_SHIFT) + marks
    return [func.aggregate_strings(cast(each, Text), ",") for each in (address, day_marks, messages)]


def _power(bits: int) -> ColumnElement[int]:
    # Beyond 32 bits: an integer of PostgreSQL times a small number is an integer.
    return cast(literal_column(str(1 << bits)), BigInteger)


def places(connection: Connection, where: DomainRow, period: Period) -> dict[int, Place]:
    """What is known of each address with mail of the domain in the period."""
    seen = select(traffic_source.c.source_id).where(*counted(traffic_source)).distinct()
    columns = (source.c.id, source.c.ip, source.c.ptr, source.c.country, source.c.as_name)
    rows = connection.execute(select(*columns).where(source.c.id.in_(seen)), asked(where, period))
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
    columns = (sum_of(table.messages), sum_of(table.passed), sum_of(table.spf_aligned))
    counted = (table.domain_id == where.id, table.day > day, table.authenticity != FAILED, named)
    return Later(*connection.execute(select(*columns).select_from(joined).where(*counted)).one())


def decisions(connection: Connection, where: DomainRow) -> dict[str, DecisionRow]:
    """The decision that holds for each subject of the domain, the newest where there are several."""
    table = sender_decision.c
    columns = (table.sender_key, table.decision, table.note, table.decided_by, table.decided_at)
    holding = (table.domain_id == where.id, table.withdrawn_at.is_(None))
    rows = connection.execute(select(*columns).where(*holding).order_by(table.decided_at, table.id))
    return {row.sender_key: DecisionRow(*row) for row in rows}


def signing(connection: Connection, domain_ids: Sequence[int], period: Period) -> frozenset[int]:
    """Those of the domains that sign their mail."""
    values = {"domains": domain_ids, "first_day": period.first_day, "last_day": period.last_day}
    return frozenset(connection.scalars(_signing_domains(), values))


@cache
def _signing_domains() -> Select[Any]:
    table = traffic_day.c
    days = table.day.between(value("first_day"), value("last_day"))
    wanted = (table.domain_id.in_(bindparam("domains", expanding=True)), days, table.authenticity != FAILED)
    signed = func.sum(table.both_aligned + table.dkim_only)
    return select(table.domain_id).where(*wanted).group_by(table.domain_id).having(signed >= SIGNED_MESSAGES)


def owner() -> ColumnElement[int]:
    """The owner of a row of `domain`, as in DomainRow."""
    return func.coalesce(domain.c.customer_id, -domain.c.id)


def allowed(scope: Scope) -> ColumnElement[bool]:
    """That a row of `domain` is in the scope."""
    return true() if scope.customer_ids is None else domain.c.customer_id.in_(scope.customer_ids)


def sum_of(column: ColumnElement[Any]) -> ColumnElement[int]:
    """The sum as an integer; 0 without rows."""
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
