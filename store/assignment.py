"""Which sender each stored record belongs to: reading records back as they were saved, and moving them.

The inverse of `store.reports`: rows become the shapes and sources that named their senders. Moving a record moves its
share of every roll-up, in the caller's transaction, so that sums stay exact. `traffic_day` knows no senders, and
`traffic_evidence`, which depends on knowledge too, is made anew for the sources that were read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, Table, and_, func, insert, select, tuple_, update

from knowledge.identify import SenderName
from store.evidence import Evidence, marks_of
from store.ledger import raise_generation
from store.schema import (
    auth_result,
    domain,
    override_reason,
    record,
    report,
    sender,
    sender_decision,
    source,
    traffic,
    traffic_evidence,
    traffic_source,
)
from store.statements import positional
from store.traffic import Placed, RollUp, days_of, dealt_out
from store.values import AuthResult, Reason, Record, Shape, SourceFacts


@dataclass(frozen=True, slots=True)
class Selection:
    """The records of some sources of one domain: of one source, `limit` at a time; of several, all at once, and then
    they are `limit` at most.

    Reports that begin before UTC day `settled_before` may have lost their records (store/retention.py): what is left
    of them is read, but neither moved nor counted anew.
    """

    domain_id: int
    sources: tuple[int, ...]
    limit: int
    settled_before: int = 0


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it was saved, but for its digest and raw text.

    `ptr` only when it was confirmed forward. `in_force`: it counts in the roll-ups.
    """

    report_id: int
    number: int
    sender_id: int
    source_id: int
    record: Record
    source: SourceFacts
    ptr: str | None
    in_force: bool
    period: tuple[int, int]
    reporter: str
    authenticity: str

    @property
    def first_day(self) -> int:
        """The first UTC day on which the record counts."""
        return days_of(*self.period)[0][0]


@dataclass(frozen=True, slots=True)
class Move:
    """One record and the sender that it belongs to."""

    record: StoredRecord
    name: SenderName


@dataclass(frozen=True, slots=True)
class Decision:
    """What staff decided about a sender and did not take back; the newest when there are several."""

    id: int
    sender_key: str
    decision: str


@dataclass(slots=True)
class Senders:
    """The senders of one domain by id; new ones are added in the transaction that moves mail to them."""

    domain_id: int
    names: dict[int, SenderName]
    ids: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = {name.key: number for number, name in self.names.items()}

    def ensure(self, connection: Connection, name: SenderName, now: int) -> int:
        """The id of the sender of this key."""
        if name.key not in self.ids:
            number = max(self.names, default=0) + 1
            row: dict[str, object] = {"domain_id": self.domain_id, "id": number, "created_at": now}
            row |= {"key": name.key, "name": name.name, "kind": name.kind, "basis": name.basis}
            connection.execute(insert(sender), row)
            self.names[number] = name
            self.ids[name.key] = number
        return self.ids[name.key]


def senders_of(connection: Connection, domain_id: int) -> Senders:
    """Every sender of a domain, also those without mail."""
    columns = (sender.c.id, sender.c.key, sender.c.name, sender.c.kind, sender.c.basis)
    rows = connection.execute(select(*columns).where(sender.c.domain_id == domain_id))
    return Senders(domain_id, {number: SenderName(*name) for number, *name in rows})


def read_records(connection: Connection, selection: Selection, after: tuple[int, int]) -> list[StoredRecord]:
    """The records behind `after` (report id, number), in that order; of one source at most `selection.limit`."""
    return read_page(connection, _page(selection, after))


def read_page(connection: Connection, page: Select[tuple[int, int, int]]) -> list[StoredRecord]:
    """The records that `page` selects by (domain id, report id, number), ordered by report id and number."""
    results: _Parts = _parts(connection, page, auth_result, AuthResult._fields)
    reasons: _Parts = _parts(connection, page, override_reason, Reason._fields)
    return [_stored(tuple(row), results, reasons) for row in connection.execute(_with_facts(page))]


BEFORE_ALL = (0, -1)


_Page = Select[tuple[int, int, int]]


def _page(selection: Selection, after: tuple[int, int]) -> _Page:
    found = record.c
    page = select(found.domain_id, found.report_id, found.number).where(found.domain_id == selection.domain_id)
    if len(selection.sources) > 1:
        # Never reached: a limit keeps SQLite from flattening this query into one that scans the whole domain.
        return page.where(found.source_id.in_(selection.sources)).limit(selection.limit)
    # Equality and the order of the index: SQLite then seeks, and neither sorts nor scans the whole domain.
    page = page.where(found.source_id == selection.sources[0], tuple_(found.report_id, found.number) > after)
    return page.order_by(found.report_id, found.number).limit(selection.limit)


_Parts = dict[tuple[int, int], list[tuple[str | None, ...]]]


def _parts(connection: Connection, page: _Page, table: Table, names: tuple[str, ...]) -> _Parts:
    """The rows of a table below the records of the page, by (report id, record number), in their order."""
    wanted, found = page.subquery(), table.c
    mine = and_(
        found.domain_id == wanted.c.domain_id,
        found.report_id == wanted.c.report_id,
        found.record_number == wanted.c.number,
    )
    columns = (found.report_id, found.record_number, *(found[name] for name in names))
    order = (found.report_id, found.record_number, found.number)
    parts: _Parts = defaultdict(list)
    for report_id, number, *values in connection.execute(select(*columns).join(wanted, mine).order_by(*order)):
        parts[report_id, number].append(tuple(values))
    return parts


def _with_facts(page: _Page) -> Select[tuple[object, ...]]:
    wanted, found = page.subquery(), record.c
    mine = and_(
        found.domain_id == wanted.c.domain_id,
        found.report_id == wanted.c.report_id,
        found.number == wanted.c.number,
    )
    reported = and_(report.c.domain_id == found.domain_id, report.c.id == found.report_id)
    return (
        select(*_COLUMNS)
        .select_from(record)
        .join(wanted, mine)
        .join(report, reported)
        .join(source, source.c.id == found.source_id)
        .order_by(found.report_id, found.number)
    )


_SHAPE = ("header_from", "envelope_from", "envelope_to", "disposition", "dkim_aligned", "spf_aligned", "override")
# What `_stored` takes apart again, in this order.
_COLUMNS = (
    *(record.c[name] for name in ("report_id", "number", "sender_id", "source_id", "messages", "repairs")),
    *(report.c[name] for name in ("standing", "begin_at", "end_at", "reporter", "authenticity")),
    *(source.c[name] for name in ("ptr", "ptr_confirmed", *SourceFacts._fields)),
    *(record.c[name] for name in _SHAPE),
)


def _stored(row: tuple[Any, ...], results: _Parts, reasons: _Parts) -> StoredRecord:
    report_id, number, sender_id, source_id, messages, repairs = row[:6]
    standing, begin, end, reporter, authenticity, ptr, confirmed = row[6:13]
    facts = SourceFacts._make(row[13:-7])
    key = (report_id, number)
    header_from, envelope_from, envelope_to, disposition, dkim_aligned, spf_aligned, override = row[-7:]
    shape = Shape(
        header_from,
        envelope_from,
        envelope_to,
        disposition,
        dkim_aligned,
        spf_aligned,
        override,
        tuple(map(AuthResult._make, results.get(key, ()))),
        tuple(map(Reason._make, reasons.get(key, ()))),
        tuple(repairs.split("\n")) if repairs else (),
        "",
    )
    return StoredRecord(
        report_id,
        number,
        sender_id,
        source_id,
        Record(facts.ip, messages, shape),
        facts,
        ptr if confirmed else None,
        standing == "in-force",
        (begin, end),
        reporter,
        authenticity,
    )


def move_records(connection: Connection, engine: Engine, senders: Senders, moves: Sequence[Move], now: int) -> None:
    """Give each record to its sender, and its messages in the roll-ups but for `traffic_evidence`.

    That one has to be replaced for the sources of these records in the same transaction (`replace_evidence`).
    """
    roll_up, rows = RollUp(), []
    for move in moves:
        found, new = move.record, senders.ensure(connection, move.name, now)
        rows.append((new, senders.domain_id, found.report_id, found.number))
        if found.in_force:
            _count(roll_up, senders.domain_id, found, found.sender_id, -1)
            _count(roll_up, senders.domain_id, found, new, 1)
    connection.exec_driver_sql(positional(connection, _MOVE), rows)
    roll_up.write(connection, engine)
    _remove_emptied(connection, senders.domain_id, moves)
    raise_generation(connection)


_MOVE = "UPDATE record SET sender_id = ? WHERE domain_id = ? AND report_id = ? AND number = ?"


def _count(roll_up: RollUp, domain_id: int, found: StoredRecord, sender_id: int, sign: int) -> None:
    placed = Placed(found.record, found.source_id, sender_id)
    roll_up.add(domain_id, found.period, found.reporter, found.authenticity, [placed], sign)


def _remove_emptied(connection: Connection, domain_id: int, moves: Iterable[Move]) -> None:
    """Rows of the roll-ups that count no record and no message any more."""
    days = [day for move in moves for day, _ in days_of(*move.record.period)]
    for table in (traffic, traffic_source):
        columns = table.c
        emptied = and_(columns.messages == 0, columns.records == 0)
        near = and_(columns.domain_id == domain_id, columns.day.between(min(days), max(days)))
        connection.execute(table.delete().where(near, emptied))


class EvidenceKey(NamedTuple):
    """The key of a row of `traffic_evidence`, in the order of its columns."""

    domain_id: int
    day: int
    sender_id: int
    source_id: int
    reporter: str
    authenticity: str
    marks: int


class EvidenceSums:
    """What `traffic_evidence` holds of the records that are added: messages by key."""

    def __init__(self, domain_id: int, flags_of: Callable[[Shape], Evidence]) -> None:
        self._domain_id = domain_id
        self._flags_of = flags_of
        self.messages: defaultdict[EvidenceKey, int] = defaultdict(int)

    def add(self, found: StoredRecord, sender_id: int) -> None:
        """Count one record as mail of this sender."""
        shape = found.record.shape
        if not found.in_force or (shape.spf_aligned and shape.dkim_aligned):
            return
        told, marks = (found.reporter, found.authenticity), marks_of(self._flags_of(shape))
        for day, messages in dealt_out(found.record.messages, days_of(*found.period)):
            self.messages[EvidenceKey(self._domain_id, day, sender_id, found.source_id, *told, marks)] += messages


_EVIDENCE = (*EvidenceKey._fields, "messages")


def replace_evidence(connection: Connection, selection: Selection, sums: EvidenceSums) -> int:
    """Make `traffic_evidence` of these sources be `sums`; the number of sources for which that is a change.

    Days that are settled stay as they are: the records behind them may be gone.
    """
    columns = traffic_evidence.c
    mine = and_(
        columns.domain_id == selection.domain_id,
        columns.source_id.in_(selection.sources),
        columns.day >= selection.settled_before,
    )
    held = set(map(tuple, connection.execute(select(*(columns[name] for name in _EVIDENCE)).where(mine))))
    made = {(*key, messages) for key, messages in sums.messages.items() if key.day >= selection.settled_before}
    changed = {row[EvidenceKey._fields.index("source_id")] for row in held ^ made}
    if not changed:
        return 0
    connection.execute(traffic_evidence.delete().where(mine))
    if made:
        connection.execute(insert(traffic_evidence), [dict(zip(_EVIDENCE, row, strict=True)) for row in sorted(made)])
    raise_generation(connection)
    return len(changed)


def rename_sender(connection: Connection, domain_id: int, sender_id: int, name: str, kind: str) -> None:
    """Give a sender another name and kind; its key stays."""
    mine = and_(sender.c.domain_id == domain_id, sender.c.id == sender_id)
    connection.execute(update(sender).where(mine).values(name=name, kind=kind))
    raise_generation(connection)


def records_by_sender(connection: Connection, domain_id: int) -> dict[str, int]:
    """Number of records of each sender key of a domain that has any."""
    mine = and_(sender.c.domain_id == record.c.domain_id, sender.c.id == record.c.sender_id)
    counted = select(sender.c.key, func.count()).select_from(record).join(sender, mine)
    rows = connection.execute(counted.where(record.c.domain_id == domain_id).group_by(sender.c.key))
    return {row[0]: row[1] for row in rows}


def settled_senders(connection: Connection, domain_id: int, settled_before: int) -> frozenset[str]:
    """The keys of the senders with mail on a settled day, which stays theirs."""
    mine = and_(sender.c.domain_id == traffic_source.c.domain_id, sender.c.id == traffic_source.c.sender_id)
    old = (traffic_source.c.domain_id == domain_id, traffic_source.c.day < settled_before)
    found = select(sender.c.key).select_from(traffic_source.join(sender, mine)).where(*old).distinct()
    return frozenset(connection.scalars(found))


def decisions_of(connection: Connection, domain_id: int) -> dict[str, Decision]:
    """The decision that holds for each sender key of a domain."""
    found = sender_decision.c
    holding = and_(found.domain_id == domain_id, found.withdrawn_at.is_(None))
    columns = (found.id, found.sender_key, found.decision)
    rows = connection.execute(select(*columns).where(holding).order_by(found.decided_at, found.id))
    return {row.sender_key: Decision(*row) for row in rows}


def customer_of(connection: Connection, domain_id: int) -> int | None:
    """The customer whose domain this is."""
    found: int | None = connection.execute(select(domain.c.customer_id).where(domain.c.id == domain_id)).scalar_one()
    return found


def carry_decision(connection: Connection, decision: Decision, key: str | None, *, by: str, now: int) -> None:
    """Withdraw a decision and state it again for sender `key`, by the same person at the same time; None: withdraw."""
    row = connection.execute(select(sender_decision).where(sender_decision.c.id == decision.id)).mappings().one()
    same = and_(sender_decision.c.domain_id == row["domain_id"], sender_decision.c.sender_key == decision.sender_key)
    held = update(sender_decision).where(same, sender_decision.c.withdrawn_at.is_(None))
    connection.execute(held.values(withdrawn_by=by, withdrawn_at=now))
    if key is not None:
        copied = {name: value for name, value in row.items() if name != "id"}
        connection.execute(insert(sender_decision), copied | {"sender_key": key})
    raise_generation(connection)
