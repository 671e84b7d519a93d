"""An authenticated report takes the place of one that is not: which of them counts, and every roll-up with it.

Sums are taken out as the rows of the report say, read back from the store, so that they are exact whatever was named
otherwise since. `traffic_evidence` alone also depends on our tables, which may have changed: it is made anew for the
sources and days of the report that was taken out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Select, and_, select, update

from store.assignment import EvidenceSums, StoredRecord, read_page
from store.evidence import EnvelopeKind, evidence_of
from store.schema import record, report, traffic, traffic_day, traffic_evidence, traffic_source
from store.statements import insert_sql
from store.traffic import Placed, RollUp
from store.values import Shape

AUTHENTICATED = "pass"
IN_FORCE, SET_ASIDE, REPLACED = "in-force", "set-aside", "replaced"
PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Counted:
    """A stored report that counts in the roll-ups, or did when it was looked at: its days, and under which words."""

    domain_id: int
    report_id: int
    period: tuple[int, int]
    days: tuple[int, int]
    reporter: str
    authenticity: str
    records: int


def is_better(new: str, old: str) -> bool:
    """Whether a report of the first authenticity replaces one of the second."""
    return new == AUTHENTICATED and old != AUTHENTICATED


def stored(connection: Connection, domain_id: int, report_id: int) -> Counted:
    """A report as it is stored now."""
    found = report.c
    days = (found.begin_at, found.end_at, found.first_day, found.last_day)
    mine = and_(found.domain_id == domain_id, found.id == report_id)
    words = (found.reporter, found.authenticity, found.records)
    begin, end, first, last, *said = connection.execute(select(*days, *words).where(mine)).one()
    return Counted(domain_id, report_id, (begin, end), (first, last), *said)


def change(connection: Connection, domain_id: int, report_id: int, **values: object) -> None:
    """Write other values of `standing`, `relation`, `related_id`, `authenticity`, `message_id` or `part`."""
    mine = and_(report.c.domain_id == domain_id, report.c.id == report_id)
    connection.execute(update(report).where(mine).values(**values))


def count(connection: Connection, roll_up: RollUp, counted: Counted, sign: int) -> None:
    """Add a stored report to the roll-ups; with sign -1 take it out, and call `settle` after they were written."""
    shapes: dict[Shape, Shape] = {}
    for found in _records(connection, _own(counted)):
        shape = shapes.setdefault(found.record.shape, found.record.shape)
        placed = Placed(found.record._replace(shape=shape), found.source_id, found.sender_id)
        roll_up.add(counted.domain_id, counted.period, counted.reporter, counted.authenticity, [placed], sign)


def settle(connection: Connection, engine: Engine, taken_out: Iterable[Counted], kind_of: EnvelopeKind) -> None:
    """After roll-ups were written: remove what counts nothing any more, and make `traffic_evidence` anew."""
    for counted in taken_out:
        for table in (traffic, traffic_source, traffic_day):
            near = and_(table.c.domain_id == counted.domain_id, table.c.day.between(*counted.days))
            connection.execute(table.delete().where(near, table.c.messages == 0, table.c.records == 0))
        _renew_evidence(connection, engine, counted, kind_of)


def _renew_evidence(connection: Connection, engine: Engine, counted: Counted, kind_of: EnvelopeKind) -> None:
    sums = EvidenceSums(counted.domain_id, lambda shape: evidence_of(shape, kind_of))
    for found in _records(connection, _beside(connection, counted)):
        sums.add(found, found.sender_id)
    first, last = counted.days
    columns = traffic_evidence.c
    mine = and_(columns.domain_id == counted.domain_id, columns.source_id.in_(_sources(counted)))
    connection.execute(traffic_evidence.delete().where(mine, columns.day.between(first, last)))
    rows = [(*key, messages) for key, messages in sorted(sums.messages.items()) if first <= key.day <= last]
    if rows:
        connection.exec_driver_sql(insert_sql(traffic_evidence, engine), rows)


def _sources(counted: Counted) -> Select[tuple[int]]:
    found = record.alias().c
    return select(found.source_id).where(found.domain_id == counted.domain_id, found.report_id == counted.report_id)


_Page = Select[tuple[int, int, int]]


def _own(counted: Counted) -> Iterator[_Page]:
    """The records of the report, in pages."""
    yield from _pages(counted.domain_id, [(counted.report_id, counted.records)])


def _beside(connection: Connection, counted: Counted) -> Iterator[_Page]:
    """The records in force that share a source and a day with the report, in pages."""
    found, first, last = report.c, *counted.days
    near = and_(found.domain_id == counted.domain_id, found.last_day >= first, found.first_day <= last)
    counting = and_(near, found.standing == IN_FORCE, found.records > 0)
    reports = connection.execute(select(found.id, found.records).where(counting).order_by(found.id)).all()
    for page in _pages(counted.domain_id, reports):
        yield page.where(record.c.source_id.in_(_sources(counted)))


def _pages(domain_id: int, reports: Iterable[Sequence[int]]) -> Iterator[_Page]:
    """The records of reports (id, number of records): of several that are small, or of one a part at a time.

    By report ids and not behind the last record that was read, which SQLite would look for in the whole domain.
    """
    found = record.c
    for ids, records in _groups(reports):
        for start in range(0, records, PAGE):
            part = and_(found.report_id.in_(ids), found.number >= start, found.number < start + PAGE)
            page = select(found.domain_id, found.report_id, found.number).where(found.domain_id == domain_id, part)
            yield page.order_by(found.report_id, found.number).limit(PAGE)


def _groups(reports: Iterable[Sequence[int]]) -> Iterator[tuple[list[int], int]]:
    """Ids of reports that have a page of records together at most, or of one report, and how many records they have."""
    ids: list[int] = []
    total = 0
    for number, records in reports:
        if ids and total + records > PAGE:
            yield ids, total
            ids, total = [], 0
        ids.append(number)
        total += records
    yield ids, total


def _records(connection: Connection, pages: Iterable[_Page]) -> Iterator[StoredRecord]:
    for page in pages:
        yield from read_page(connection, page)
