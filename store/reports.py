"""Saving aggregate reports: identity, what is new, what is a duplicate, a variant or a correction.

    same key, same records                        duplicate: nothing is stored
    same key, other records                       correction: kept, set aside, never counted
    same org_name, id, domain, period, other email  variant: kept and counted (GMO Pepabo reports so)
    other key, same reporter, period and records  lookalike: kept, counted, flagged

The key is (org_name, email, report_id, policy domain, begin, end), all raw but trimmed; docs/decisions/0002 says why.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, func, select

from knowledge.identify import SenderName
from store.engine import insert_sql, positional
from store.evidence import EnvelopeKind, unknown_envelope
from store.office import ensure_domain
from store.schema import auth_result, override_reason, record, sender, source
from store.schema import report as report_table
from store.traffic import Placed, RollUp, days_of
from store.values import Report, Shape, SourceFacts

_Namer = Callable[[Shape, SourceFacts, str | None], SenderName]


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of one report: `state` is stored, empty, partial, variant or duplicate."""

    state: str
    domain_id: int
    report_id: int


@dataclass(slots=True)
class _Known:
    """What was met in this run, so that most records need no query. Void after a rollback."""

    domains: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    pointers: dict[str, str | None] = field(default_factory=dict)
    names: dict[tuple[str, str], SenderName] = field(default_factory=dict)
    senders: dict[tuple[int, str], int] = field(default_factory=dict)
    next_report: dict[int, int] = field(default_factory=dict)
    next_sender: dict[int, int] = field(default_factory=dict)


MAX_KNOWN = 200_000


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
        self._rows: dict[Table, list[tuple[object, ...]]] = {record: [], auth_result: [], override_reason: []}

    def save(self, connection: Connection, report: Report, *, message_id: int, authenticity: str, now: int) -> Saved:
        """Store one report with its records, or find that it is here already."""
        domain_id = self._domain(connection, report.policy.domain, now)
        relation, related_id = _relation(connection, domain_id, report)
        if relation == "duplicate":
            return Saved("duplicate", domain_id, related_id or 0)
        report_id = self._next_id(connection, domain_id)
        reporter = self._reporter_label(report.org_name, report.email)
        placed = self._place(connection, domain_id, report, now)
        standing = "set-aside" if relation == "correction" else "in-force"
        facts = _ReportRow(report, reporter, standing, relation, related_id, message_id, authenticity, now)
        self._insert(connection, domain_id, report_id, facts, placed)
        if standing == "in-force":
            self._roll_up.add(domain_id, (report.begin, report.end), reporter, authenticity, placed)
        return Saved(_state(report, relation), domain_id, report_id)

    def finish(self, connection: Connection) -> None:
        """Write the records and roll-ups of all reports saved in this transaction; call right before its commit."""
        for table, rows in self._rows.items():
            if rows:
                connection.exec_driver_sql(insert_sql(table, self._engine), rows)
        self._roll_up.write(connection, self._engine)
        self._start()
        if max(len(self._known.sources), len(self._known.names)) > MAX_KNOWN:
            self._known = _Known()

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

    def _place(self, connection: Connection, domain_id: int, report: Report, now: int) -> list[Placed]:
        self._learn_sources(connection, report.sources, now)
        facts = {found.ip: found for found in report.sources}
        sources = self._known.sources
        placed = []
        for found in report.records:
            name = self._name(found.shape, facts[found.ip])
            sender_id = self._known.senders.get((domain_id, name.key))
            if sender_id is None:
                sender_id = self._add_sender(connection, domain_id, name, now)
            placed.append(Placed(found, sources[found.ip], sender_id))
        return placed

    def _name(self, shape: Shape, facts: SourceFacts) -> SenderName:
        key = (shape.digest, facts.ip)
        name = self._known.names.get(key)
        if name is None:
            name = self._known.names[key] = self._name_sender(shape, facts, self._known.pointers.get(facts.ip))
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
        next_id = (connection.scalar(select(func.max(source.c.id))) or 0) + 1
        rows = []
        for offset, found in enumerate(new):
            self._known.sources[found.ip] = next_id + offset
            rows.append((next_id + offset, *_source_columns(found), None, None, None, None, now))
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

    def _insert(
        self, connection: Connection, domain_id: int, report_id: int, facts: "_ReportRow", placed: list[Placed]
    ) -> None:
        connection.exec_driver_sql(insert_sql(report_table, self._engine), [(domain_id, report_id, *facts.columns())])
        self._rows[record].extend(_record_rows(domain_id, report_id, placed))
        self._rows[auth_result].extend(_auth_rows(domain_id, report_id, placed))
        self._rows[override_reason].extend(_reason_rows(domain_id, report_id, placed))


def key_hash(report: Report) -> str:
    """The identity of a report without its content."""
    parts = (
        report.org_name,
        report.email,
        report.report_id,
        report.policy.domain,
        str(report.begin),
        str(report.end),
    )
    return sha256("\x1f".join(parts).encode()).hexdigest()


def _relation(connection: Connection, domain_id: int, report: Report) -> tuple[str | None, int | None]:
    """What the report is to those stored of the same domain and period, and the id of the one it relates to."""
    period = (domain_id, _first_day(report), report.begin, report.end)
    alike = connection.exec_driver_sql(positional(connection, _ALIKE), period).all()
    for name, test in _RELATIONS:
        found = next((row for row in alike if test(row, report)), None)
        if found is not None:
            return name, found.id
    return None, None


_ALIKE = """
SELECT id, key_hash, content_hash, org_name, report_id FROM report
WHERE domain_id = ? AND first_day = ? AND begin_at = ? AND end_at = ? ORDER BY id
"""
_Alike = Row[Any, Any, Any, Any, Any]
_Test = Callable[[_Alike, Report], bool]


def _same_key(row: _Alike, report: Report) -> bool:
    return bool(row.key_hash == key_hash(report))


_RELATIONS: tuple[tuple[str, _Test], ...] = (
    ("duplicate", lambda row, report: _same_key(row, report) and row.content_hash == report.content_hash),
    ("correction", _same_key),
    ("variant", lambda row, report: row.org_name == report.org_name and row.report_id == report.report_id),
    ("lookalike", lambda row, report: bool(report.records) and row.content_hash == report.content_hash),
)


def _first_day(report: Report) -> int:
    return days_of(report.begin, report.end)[0][0]


def _state(report: Report, relation: str | None) -> str:
    if _bad_records(report):
        return "partial"
    if relation in ("variant", "correction"):
        return "variant"
    return "stored" if report.records else "empty"


def _bad_records(report: Report) -> int:
    """Records not read whole; at least one when records or messages differ from what the guard counted by itself."""
    bad = sum(1 for found in report.records if found.bad)
    missing = abs(report.counted_records - len(report.records))
    differs = sum(found.messages for found in report.records) != report.counted_messages
    return max(bad, missing, int(differs))


@dataclass(frozen=True, slots=True)
class _ReportRow:
    """One row of `report` but for its ids."""

    report: Report
    reporter: str
    standing: str
    relation: str | None
    related_id: int | None
    message_id: int
    authenticity: str
    now: int

    def columns(self) -> tuple[object, ...]:
        """Values in schema order, from key_hash on."""
        report = self.report
        days = days_of(report.begin, report.end)
        return (
            key_hash(report),
            report.content_hash,
            self.standing,
            self.relation,
            self.related_id,
            self.message_id,
            report.part,
            self.authenticity,
            self.reporter,
            report.org_name,
            report.email,
            report.report_id,
            report.policy.domain,
            report.begin,
            report.end,
            days[0][0],
            days[-1][0],
            *_policy_columns(report),
            report.xml_version,
            report.xml_namespace,
            report.generator,
            report.extra_contact_info,
            _lines(report.errors),
            _lines(report.repairs),
            *_sums(report),
            self.now,
        )


def _policy_columns(report: Report) -> tuple[object, ...]:
    policy = report.policy
    raw = json.dumps(dict(policy.raw), ensure_ascii=False) if policy.raw else None
    return (
        policy.p,
        policy.sp,
        policy.np,
        policy.adkim,
        policy.aspf,
        policy.pct,
        policy.fo,
        policy.testing,
        policy.discovery_method,
        raw,
    )


def _sums(report: Report) -> tuple[int, ...]:
    """records, bad_records, messages, passed, and messages by disposition (pass acts as none)."""
    records = report.records
    disposed = {"none": 0, "quarantine": 0, "reject": 0, "unknown": 0}
    for found in records:
        disposition = found.shape.disposition
        disposed["none" if disposition == "pass" else disposition] += found.messages
    return (
        len(records),
        _bad_records(report),
        sum(found.messages for found in records),
        sum(found.messages for found in records if found.shape.passed),
        *disposed.values(),
    )


def _source_columns(found: SourceFacts) -> tuple[object, ...]:
    return (found.ip, found.country, found.asn, found.as_name, found.as_domain, found.service, found.service_kind)


def _lines(texts: Iterable[str]) -> str | None:
    return "\n".join(texts) or None


def _record_rows(domain_id: int, report_id: int, placed: list[Placed]) -> Iterator[tuple[object, ...]]:
    tails: dict[int, tuple[object, ...]] = {}
    for number, found in enumerate(placed):
        shape = found.record.shape
        tail = tails.get(id(shape))
        if tail is None:
            tail = tails[id(shape)] = _shape_columns(shape)
        raw = found.record.raw or shape.raw
        yield (
            domain_id,
            report_id,
            number,
            found.source_id,
            found.sender_id,
            found.record.messages,
            *tail,
            found.record.bad,
            raw,
            _lines(shape.repairs),
        )


def _shape_columns(shape: Shape) -> tuple[object, ...]:
    return (
        shape.header_from,
        shape.envelope_from,
        shape.envelope_to,
        shape.disposition,
        shape.dkim_aligned,
        shape.spf_aligned,
        shape.override,
    )


def _auth_rows(domain_id: int, report_id: int, placed: list[Placed]) -> Iterator[tuple[object, ...]]:
    for number, found in enumerate(placed):
        for order, result in enumerate(found.record.shape.auth_results):
            yield (
                domain_id,
                report_id,
                number,
                order,
                result.method,
                result.domain,
                result.selector,
                result.scope,
                result.result,
                result.result_raw,
                result.human_result,
            )


def _reason_rows(domain_id: int, report_id: int, placed: list[Placed]) -> Iterator[tuple[object, ...]]:
    for number, found in enumerate(placed):
        for order, reason in enumerate(found.record.shape.reasons):
            yield (domain_id, report_id, number, order, reason.type, reason.type_raw, reason.comment)
