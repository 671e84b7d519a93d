"""Saving aggregate reports: identity, what is new, what is a duplicate, a variant or a correction.

    same key, same records                        duplicate: nothing is stored
    same key, other records                       correction: kept, set aside, never counted
    same key, authenticated, the other was not    takes over: the other is kept, set aside as replaced
    same org_name, id, domain, period, other email  variant: kept and counted (GMO Pepabo reports so)
    other key, same reporter, period and records  lookalike: kept, counted, flagged

The key is (org_name, email, report_id, policy domain, begin, end), all raw but trimmed; docs/decisions/0002 says why.
An authenticated report of the same records upgrades the stored one in place (store/takeover.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, select, update

from knowledge.identify import SenderName
from store import takeover
from store.evidence import EnvelopeKind, unknown_envelope
from store.office import ensure_domain
from store.packing import Chunk, Report, unpacked
from store.record_rows import RecordRows
from store.report_rows import ReportRow, first_day, key_hash, source_columns
from store.retention import settled_before
from store.schema import report as report_table
from store.schema import sender, source
from store.statements import fetched, insert_sql, positional
from store.takeover import AUTHENTICATED, IN_FORCE, REPLACED, SET_ASIDE, Counted, is_better
from store.traffic import Line, RollUp, Words
from store.values import Shape, SourceFacts

_Namer = Callable[[Shape, SourceFacts, str | None], SenderName]


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one report: `state` is stored, empty, partial, variant or duplicate."""

    state: str
    domain_id: int
    report_id: int


@dataclass(slots=True)
class Begun:
    """A report whose row is stored and whose records follow; `records` is how many have."""

    domain_id: int
    report_id: int
    row: ReportRow
    alike: list["_Alike"]
    records: int = 0

    @property
    def ids(self) -> tuple[int, int]:
        """What leads the key of every row of the report."""
        return self.domain_id, self.report_id


@dataclass(slots=True)
class _Known:
    """What was met in this run, so that most records need no query. Void after a rollback."""

    domains: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    pointers: dict[str, str | None] = field(default_factory=dict)
    names: dict[tuple[str, str], SenderName] = field(default_factory=dict)
    senders: dict[tuple[int, str], int] = field(default_factory=dict)
    next_source: int = 0
    next_report: dict[int, int] = field(default_factory=dict)
    next_sender: dict[int, int] = field(default_factory=dict)

    def bound(self) -> None:
        """Forget what the store can tell again, before it grows large."""
        if len(self.names) > KNOWN_NAMES:
            self.names.clear()
        if len(self.sources) > KNOWN_SOURCES:
            self.sources.clear()
            self.pointers.clear()


KNOWN_NAMES = 20_000
KNOWN_SOURCES = 50_000
# So few records, that the worker's pipe takes what comes while they are written; sums of a whole report, if they fit.
WAITING_RECORDS = 1_000
WAITING_SUMS = 5_000


class ReportWriter:
    """Saves reports into open transactions of one run. `name_sender` names the sender of a shape from a source;
    `kind_of` says whose an envelope domain is that is not the author's."""

    def __init__(
        self,
        engine: Engine,
        name_sender: _Namer,
        reporter_label: Callable[[str, str], str],
        kind_of: EnvelopeKind = unknown_envelope,
    ) -> None:
        self._kind_of = kind_of
        self._engine = engine
        self._name_sender = name_sender
        self._reporter_label = reporter_label
        self.forget()

    def forget(self) -> None:
        """Call after a rollback: ids of rows that were not committed are void."""
        self._known = _Known()
        self._start()

    def _start(self) -> None:
        """What is written at the end of a transaction, for all its reports together."""
        self._roll_up = RollUp(self._kind_of)
        self._rows = RecordRows()
        self._taken_out: list[Counted] = []

    def save(self, connection: Connection, report: Report, *, message_id: int, authenticity: str, now: int) -> Saved:
        """Store one report with its records, or find that it is here already.

        Where the stored one of its key is not authenticated and this one is, this one counts from now on.
        """
        domain_id = self._domain(connection, report.policy.domain, now)
        alike = _alike(connection, domain_id, report)
        stored = _compared(report, alike)
        if stored.same:
            better = is_better(authenticity, stored.same.authenticity)
            if better and not self._is_settled(connection, domain_id, report):
                self._upgrade(connection, domain_id, stored, stored.same.id, message_id=message_id, part=report.part)
            return Saved("duplicate", domain_id, stored.same.id)
        takes_over = bool(stored.holder and is_better(authenticity, stored.holder.authenticity))
        takes_over = takes_over and not self._is_settled(connection, domain_id, report)
        relation, related_id = stored.relation(takes_over=takes_over)
        reporter = self._reporter_label(report.org_name, report.email)
        standing = SET_ASIDE if relation == "correction" else IN_FORCE
        row = ReportRow(report, reporter, standing, relation, related_id, message_id, authenticity, now)
        begun = self._insert(connection, domain_id, row, alike)
        for chunk in report.records.chunks():
            self._add(connection, begun, chunk)
        if stored.holder and takes_over:
            self._replace(connection, domain_id, stored.holder.id, begun.report_id)
        return Saved(_state(report, relation), domain_id, begun.report_id)

    def begin(
        self, connection: Connection, report: Report, *, message_id: int, authenticity: str, now: int
    ) -> Begun | None:
        """Store a report whose records come later and are not known yet: `add` them and `end` it in this transaction.

        None where one of its key is stored: what it is to that one depends on all its records, so `save` it then.
        """
        domain_id = self._domain(connection, report.policy.domain, now)
        alike, key = _alike(connection, domain_id, report), key_hash(report)
        if any(row.key_hash == key for row in alike):
            return None
        reporter = self._reporter_label(report.org_name, report.email)
        row = ReportRow(report, reporter, IN_FORCE, None, None, message_id, authenticity, now)
        return self._insert(connection, domain_id, row, alike)

    def add(self, connection: Connection, begun: Begun, packed: bytes) -> None:
        """Store a chunk of records of a report that has begun."""
        self._add(connection, begun, unpacked(packed))

    def end(self, connection: Connection, begun: Begun, report: Report) -> Saved:
        """All records of a report were added: store what is known of it now."""
        relation, related_id = _compared(report, begun.alike).relation(takes_over=False)
        row = replace(begun.row, report=report, relation=relation, related_id=related_id)
        mine = (report_table.c.domain_id == begun.domain_id, report_table.c.id == begun.report_id)
        names = [column.name for column in report_table.columns][len(begun.ids) :]
        known = dict(zip(names, row.columns(), strict=True))
        connection.execute(update(report_table).where(*mine).values(known))
        return Saved(_state(report, relation), *begun.ids)

    def _insert(self, connection: Connection, domain_id: int, row: ReportRow, alike: list["_Alike"]) -> Begun:
        begun = Begun(domain_id, self._next_id(connection, domain_id), row, alike)
        fetched(connection, insert_sql(report_table, self._engine), (*begun.ids, *row.columns()))
        return begun

    def _is_settled(self, connection: Connection, domain_id: int, report: Report) -> bool:
        """Whether a stored report of this period may have lost its records: nothing takes its place then."""
        return first_day(report) < settled_before(connection, domain_id)

    def finish(self, connection: Connection) -> None:
        """Write the records and roll-ups of all reports saved in this transaction; call right before its commit."""
        self._rows.write(connection, self._engine)
        self._roll_up.write(connection, self._engine)
        takeover.settle(connection, self._engine, self._taken_out, self._kind_of)
        self._start()

    def _upgrade(
        self, connection: Connection, domain_id: int, stored: "_Stored", report_id: int, **now: object
    ) -> None:
        """A stored report has come again, authenticated; `now` is the message that brought it, and the part of it."""
        now["authenticity"] = AUTHENTICATED
        if stored.holder is None or not is_better(AUTHENTICATED, stored.holder.authenticity):
            takeover.change(connection, domain_id, report_id, **now)
            return
        if stored.holder.id == report_id:
            self._take_out(connection, domain_id, report_id)
        else:
            self._replace(connection, domain_id, stored.holder.id, report_id)
            now["relation"], now["related_id"] = stored.relation(takes_over=True)
        takeover.change(connection, domain_id, report_id, standing=IN_FORCE, **now)
        takeover.count(connection, self._roll_up, takeover.stored(connection, domain_id, report_id), 1)

    def _replace(self, connection: Connection, domain_id: int, report_id: int, by: int) -> None:
        self._take_out(connection, domain_id, report_id)
        takeover.change(connection, domain_id, report_id, standing=SET_ASIDE, relation=REPLACED, related_id=by)

    def _take_out(self, connection: Connection, domain_id: int, report_id: int) -> None:
        """Its records may still wait to be written, where it was saved in this transaction."""
        self._rows.write(connection, self._engine)
        counted = takeover.stored(connection, domain_id, report_id)
        takeover.count(connection, self._roll_up, counted, -1)
        self._taken_out.append(counted)

    def _domain(self, connection: Connection, name: str, now: int) -> int:
        if name not in self._known.domains:
            self._known.domains[name] = ensure_domain(connection, name, now=now)
        return self._known.domains[name]

    def _next_id(self, connection: Connection, domain_id: int) -> int:
        if domain_id not in self._known.next_report:
            newest = select(func.max(report_table.c.id)).where(report_table.c.domain_id == domain_id)
            self._known.next_report[domain_id] = (connection.scalar(newest) or 0) + 1
        found = self._known.next_report[domain_id]
        self._known.next_report[domain_id] = found + 1
        return found

    def _add(self, connection: Connection, begun: Begun, chunk: Chunk) -> None:
        """A chunk of records: named, counted, and left to be written with the others of the transaction."""
        row = begun.row
        source_ids = self._source_ids(connection, chunk, row.now)
        sender_ids = self._sender_ids(connection, begun.domain_id, chunk, row.now)
        self._rows.add(begun.ids, begun.records, chunk, source_ids, sender_ids)
        if row.standing == IN_FORCE:
            period = (row.report.begin, row.report.end)
            lines = self._lines(chunk, source_ids, sender_ids)
            self._roll_up.add_lines(begun.domain_id, period, row.reporter, row.authenticity, lines)
        begun.records += len(source_ids)
        if self._rows.records >= WAITING_RECORDS:
            self._rows.write(connection, self._engine)
        if self._roll_up.rows() > WAITING_SUMS:
            self._roll_up.write(connection, self._engine)
        self._known.bound()

    def _lines(self, chunk: Chunk, source_ids: list[int], sender_ids: list[int]) -> Iterable[Line]:
        """What the roll-ups count of each record."""
        words = [Words(ends.record[0] or "", *itemgetter(5, 4, 3, 6)(ends.record)) for ends in chunk.ends]
        marks = [
            self._roll_up.marks_of(chunk.shape(place)) if told is None else told
            for place, told in enumerate(chunk.marks)
        ]
        told = ([words[shape] for shape in chunk.shape_of], chunk.messages, source_ids, sender_ids)
        return map(Line, *told, [marks[shape] for shape in chunk.shape_of])

    def _source_ids(self, connection: Connection, chunk: Chunk, now: int) -> list[int]:
        """The source of each record."""
        self._learn_sources(connection, chunk.sources, now)
        ids = [self._known.sources[found.ip] for found in chunk.sources]
        return [ids[place] for place in chunk.source_of]

    def _sender_ids(self, connection: Connection, domain_id: int, chunk: Chunk, now: int) -> list[int]:
        """The sender of each record; a confirmed host name may tell another than the worker could."""
        if None not in chunk.senders and not any(self._known.pointers.get(found.ip) for found in chunk.sources):
            told = [self._sender_id(connection, domain_id, name, now) for name in chunk.senders if name]
            return [told[number] for number in chunk.sender_of]
        columns = zip(chunk.shape_of, chunk.source_of, chunk.sender_of, strict=True)
        names = [
            self._told(chunk, shape, chunk.sources[place], chunk.senders[number]) for shape, place, number in columns
        ]
        return [self._sender_id(connection, domain_id, name, now) for name in names]

    def _told(self, chunk: Chunk, shape: int, facts: SourceFacts, told: SenderName | None) -> SenderName:
        return self._name(chunk, shape, facts) if told is None or self._known.pointers.get(facts.ip) else told

    def _sender_id(self, connection: Connection, domain_id: int, name: SenderName, now: int) -> int:
        sender_id = self._known.senders.get((domain_id, name.key))
        return self._add_sender(connection, domain_id, name, now) if sender_id is None else sender_id

    def _name(self, chunk: Chunk, shape: int, facts: SourceFacts) -> SenderName:
        key = (chunk.ends[shape].digest, facts.ip)
        name = self._known.names.get(key)
        if name is None:
            pointer = self._known.pointers.get(facts.ip)
            name = self._known.names[key] = self._name_sender(chunk.shape(shape), facts, pointer)
        return name

    def _learn_sources(self, connection: Connection, sources: Iterable[SourceFacts], now: int) -> None:
        unknown = [found for found in sources if found.ip not in self._known.sources]
        for start in range(0, len(unknown), 500):
            chunk = unknown[start : start + 500]
            self._remember_sources(connection, [found.ip for found in chunk])
            new = [found for found in chunk if found.ip not in self._known.sources]
            if new:
                self._insert_sources(connection, new, now)

    def _remember_sources(self, connection: Connection, addresses: list[str]) -> None:
        marks = ", ".join("?" * len(addresses))
        sql = positional(connection, f"SELECT id, ip, ptr, ptr_confirmed FROM source WHERE ip IN ({marks})")  # noqa: S608 - marks only
        for source_id, ip, ptr, confirmed in connection.exec_driver_sql(sql, tuple(addresses)):
            self._known.sources[ip] = source_id
            self._known.pointers[ip] = ptr if confirmed else None

    def _insert_sources(self, connection: Connection, new: list[SourceFacts], now: int) -> None:
        if not self._known.next_source:
            self._known.next_source = (connection.scalar(select(func.max(source.c.id))) or 0) + 1
        rows = []
        for source_id, found in enumerate(new, self._known.next_source):
            self._known.sources[found.ip] = source_id
            rows.append((source_id, *source_columns(found), None, None, None, None, now))
        self._known.next_source += len(new)
        connection.exec_driver_sql(insert_sql(source, self._engine), rows)

    def _add_sender(self, connection: Connection, domain_id: int, name: SenderName, now: int) -> int:
        key = (domain_id, name.key)
        self._load_senders(connection, domain_id)
        if key not in self._known.senders:
            self._known.senders[key] = self._known.next_sender[domain_id]
            self._known.next_sender[domain_id] += 1
            row = (domain_id, self._known.senders[key], name.key, name.name, name.kind, name.basis, now)
            connection.exec_driver_sql(insert_sql(sender, self._engine), [row])
        return self._known.senders[key]

    def _load_senders(self, connection: Connection, domain_id: int) -> None:
        if domain_id in self._known.next_sender:
            return
        rows = connection.execute(select(sender.c.id, sender.c.key).where(sender.c.domain_id == domain_id)).all()
        for row in rows:
            self._known.senders[(domain_id, row.key)] = row.id
        self._known.next_sender[domain_id] = max((row.id for row in rows), default=0) + 1


_ALIKE = """
SELECT id, key_hash, content_hash, org_name, report_id, standing, authenticity FROM report
WHERE domain_id = ? AND first_day = ? AND begin_at = ? AND end_at = ? ORDER BY id
"""


class _Alike(NamedTuple):
    """A stored report of the same domain and period."""

    id: int
    key_hash: str
    content_hash: str
    org_name: str
    report_id: str
    standing: str
    authenticity: str


@dataclass(frozen=True, slots=True)
class _Stored:
    """Of the stored reports of the same domain and period: the one of the same key and records; the one of the same
    key that counts; one of another key that counts and is a variant or a lookalike of the report."""

    same: _Alike | None
    holder: _Alike | None
    variant: _Alike | None
    lookalike: _Alike | None

    def relation(self, *, takes_over: bool) -> tuple[str | None, int | None]:
        """What the report is to those stored, and the id of the one it relates to."""
        if self.holder and not takes_over:
            return "correction", self.holder.id
        if self.variant:
            return "variant", self.variant.id
        return ("lookalike", self.lookalike.id) if self.lookalike else (None, None)


def _alike(connection: Connection, domain_id: int, report: Report) -> list[_Alike]:
    """The stored reports of the same domain and period."""
    period = (domain_id, first_day(report), report.begin, report.end)
    return [_Alike(*row) for row in fetched(connection, _ALIKE, period)]


def _compared(report: Report, alike: list[_Alike]) -> _Stored:
    """Which of them are what to the report."""
    key, records = key_hash(report), report.records
    of_key = [row for row in alike if row.key_hash == key]
    others = [row for row in alike if row.key_hash != key and row.standing == IN_FORCE]
    return _Stored(
        same=_first(row for row in of_key if row.content_hash == records.content_hash),
        holder=_first(row for row in of_key if row.standing == IN_FORCE),
        variant=_first(row for row in others if (row.org_name, row.report_id) == (report.org_name, report.report_id)),
        lookalike=_first(row for row in others if records.sums.records and row.content_hash == records.content_hash),
    )


def _first(rows: Iterable[_Alike]) -> _Alike | None:
    return next(iter(rows), None)


def _state(report: Report, relation: str | None) -> str:
    if report.records.sums.bad_records:
        return "partial"
    if relation in ("variant", "correction"):
        return "variant"
    return "stored" if report.records.sums.records else "empty"
