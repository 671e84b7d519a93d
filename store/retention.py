"""What is kept how long: originals, records, roll-ups and trails are deleted by age, a piece at a time.

Roll-ups outlive records: a report whose records are gone keeps its row and every sum that it is part of. `pruned` has,
per domain, the day before which reports may have lost their records (they are settled: nothing moves or replaces them
any more), and what was taken out of the roll-ups, so that every sum can still be proven.

An original of a message that could not be read stays, since reading it again needs it. A run that is killed is
finished by the next one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from settings import Retention
from store.engine import open_store, writing
from store.ledger import raise_generation
from store.locks import run_lock
from store.schema import audit as audit_table
from store.schema import (
    digest,
    domain,
    event,
    message,
    original,
    pruned,
    record,
    report,
    traffic,
    traffic_day,
    traffic_evidence,
    traffic_source,
)

DAY_SECONDS = 86_400
# What one transaction deletes at most, so that nobody waits long for a turn to write.
RECORDS_AT_ONCE = 5_000
ROWS_AT_ONCE = 5_000
ORIGINALS_AT_ONCE = 200
DAYS_AT_ONCE = 7
ROLL_UPS = (traffic, traffic_source, traffic_day, traffic_evidence)
QUARANTINED = "quarantined"
# Screens show what is over for 90 days, and the digest looks back over less.
FEWEST_EVENT_DAYS = 100


def _over(before: int) -> ColumnElement[bool]:
    return event.c.closed_at < before


def _sent(before: int) -> ColumnElement[bool]:
    return digest.c.sent_at < before


# What goes with the audit trail: what is over, and what was told.
TRAILS: tuple[tuple[Table, Callable[[int], ColumnElement[bool]]], ...] = ((event, _over), (digest, _sent))


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Before when things are deleted: times in epoch seconds, days as UTC day numbers; None: everything is kept."""

    originals: int | None
    records: int | None
    rollups: int | None
    audit: int | None
    events: int | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted, or would be, in rows; `reports` lose their `records`."""

    originals: int = 0
    original_bytes: int = 0
    reports: int = 0
    records: int = 0
    rollup_rows: int = 0
    audit_rows: int = 0
    events: int = 0
    digests: int = 0

    @property
    def words(self) -> str:
        """One line for people."""
        return (
            f"originals {self.originals} ({self.original_bytes} bytes), "
            f"records {self.records} of {self.reports} reports, "
            f"rows of daily sums {self.rollup_rows}, rows of the audit trail {self.audit_rows}, "
            f"events {self.events}, digests {self.digests}"
        )


def cutoffs(keep: Retention, *, now: int) -> Cutoffs:
    """What these settings delete at `now`."""
    today = now // DAY_SECONDS
    return Cutoffs(
        originals=now - keep.originals_days * DAY_SECONDS if keep.originals_days else None,
        records=today - keep.records_days if keep.records_days else None,
        rollups=today - keep.rollups_days if keep.rollups_days else None,
        audit=now - keep.audit_days * DAY_SECONDS if keep.audit_days else None,
        events=now - max(keep.audit_days, FEWEST_EVENT_DAYS) * DAY_SECONDS if keep.audit_days else None,
    )


def settled_before(connection: Connection, domain_id: int) -> int:
    """The UTC day before which reports of a domain may have lost their records; 0 where none has."""
    found = connection.scalar(select(pruned.c.records_before).where(pruned.c.domain_id == domain_id))
    return int(found or 0)


# ---- What would be deleted


def would_prune(connection: Connection, before: Cutoffs) -> Pruned:
    """What `prune` would delete now."""
    found = Pruned()
    if before.originals is not None:
        count, size = connection.execute(_sized().where(_old_original(before.originals))).one()
        found = replace(found, originals=int(count), original_bytes=int(size))
    if before.records is not None:
        count, records = connection.execute(_counted_reports(before.records)).one()
        found = replace(found, reports=int(count), records=int(records))
    if before.rollups is not None:
        rows = (connection.scalar(_count(table).where(table.c.day < before.rollups)) for table in ROLL_UPS)
        found = replace(found, rollup_rows=sum(int(each or 0) for each in rows))
    if before.audit is not None:
        rows_of_audit = connection.scalar(_count(audit_table).where(audit_table.c.at < before.audit))
        found = replace(found, audit_rows=int(rows_of_audit or 0))
    if before.events is not None:
        events, digests = (connection.scalar(_count(table).where(old(before.events))) for table, old in TRAILS)
        found = replace(found, events=int(events or 0), digests=int(digests or 0))
    return found


def _sized() -> Any:
    return select(func.count(), _sum(func.length(original.c.content))).select_from(original)


def _count(table: Table) -> Any:
    return select(func.count()).select_from(table)


def _counted_reports(before_day: int) -> Any:
    return select(func.count(), _sum(report.c.records)).where(_has_old_records(before_day))


def _has_old_records(before_day: int) -> ColumnElement[bool]:
    mine = and_(record.c.domain_id == report.c.domain_id, record.c.report_id == report.c.id)
    return and_(report.c.last_day < before_day, exists(select(record.c.number).where(mine)))


def _old_original(before: int) -> ColumnElement[bool]:
    unread = exists(select(message.c.id).where(message.c.sha256 == original.c.sha256, message.c.state == QUARANTINED))
    return and_(original.c.stored_at < before, ~unread)


# ---- Deleting


def prune(url: str, before: Cutoffs) -> Pruned:
    """Delete what is older, in small transactions, and return what that was.

    Takes the run lock. Raises StoreError, AlreadyRunning.
    """
    with run_lock(url):
        engine = open_store(url)
        try:
            return _prune(engine, before)
        finally:
            engine.dispose()


def _prune(engine: Engine, before: Cutoffs) -> Pruned:
    with engine.connect() as connection:
        expected = would_prune(connection, before)
        domains = tuple(connection.scalars(select(domain.c.id).order_by(domain.c.id)))
    if before.originals is not None:
        _delete_originals(engine, before.originals)
    for domain_id in domains:
        if before.records is not None:
            _delete_records(engine, domain_id, before.records)
        if before.rollups is not None:
            _delete_roll_ups(engine, domain_id, before.rollups)
    if before.audit is not None:
        _delete_rows(engine, audit_table, audit_table.c.at < before.audit)
    if before.events is not None:
        for table, old in TRAILS:
            _delete_rows(engine, table, old(before.events))
    return expected


def _delete_originals(engine: Engine, before: int) -> None:
    chosen = select(original.c.sha256).where(_old_original(before)).limit(ORIGINALS_AT_ONCE)
    _until_none(engine, delete(original).where(original.c.sha256.in_(chosen)))


def _delete_rows(engine: Engine, table: Table, condition: ColumnElement[bool]) -> None:
    chosen = select(table.c.id).where(condition).limit(ROWS_AT_ONCE)
    _until_none(engine, delete(table).where(table.c.id.in_(chosen)))


def _until_none(engine: Engine, statement: Any) -> None:
    deleted = 1
    while deleted:
        with writing(engine) as connection:
            deleted = connection.execute(statement).rowcount


def _delete_records(engine: Engine, domain_id: int, before_day: int) -> None:
    """The auth results and override reasons go with their records (ON DELETE CASCADE)."""
    with engine.connect() as connection:
        mine = (report.c.domain_id == domain_id, _has_old_records(before_day))
        rows = connection.execute(select(report.c.id, report.c.records).where(*mine).order_by(report.c.id)).all()
    for part in _parts((row.id, row.records) for row in rows):
        with writing(engine) as connection:
            _settle(connection, domain_id, before_day)
            for report_id, first, end in part:
                numbered = record.c.number.between(first, end - 1)
                whose = (record.c.domain_id == domain_id, record.c.report_id == report_id)
                connection.execute(delete(record).where(*whose, numbered))
            raise_generation(connection)


def _parts(reports: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """(report id, first number, number behind the last) of reports (id, number of records), RECORDS_AT_ONCE a part."""
    part: list[tuple[int, int, int]] = []
    room = RECORDS_AT_ONCE
    for report_id, records in reports:
        for first in range(0, records, RECORDS_AT_ONCE):
            end = min(records, first + RECORDS_AT_ONCE)
            if part and end - first > room:
                yield part
                part, room = [], RECORDS_AT_ONCE
            part.append((report_id, first, end))
            room -= end - first
    if part:
        yield part


def _settle(connection: Connection, domain_id: int, before_day: int) -> None:
    """Write that records before this day go; a day that was written once never goes back."""
    _ensure_row(connection, domain_id)
    earlier = (pruned.c.domain_id == domain_id, pruned.c.records_before < before_day)
    connection.execute(update(pruned).where(*earlier).values(records_before=before_day))


def _ensure_row(connection: Connection, domain_id: int) -> None:
    if connection.scalar(select(pruned.c.domain_id).where(pruned.c.domain_id == domain_id)) is None:
        nothing = {"records_before": 0, "rollups_before": 0, "records": 0, "messages": 0, "passed": 0}
        connection.execute(insert(pruned).values(domain_id=domain_id, **nothing))


def _delete_roll_ups(engine: Engine, domain_id: int, before_day: int) -> None:
    with engine.connect() as connection:
        days = traffic_day.c
        first = connection.scalar(select(func.min(days.day)).where(days.domain_id == domain_id))
    for start in range(before_day if first is None else first, before_day, DAYS_AT_ONCE):
        end = min(start + DAYS_AT_ONCE, before_day)
        with writing(engine) as connection:
            _take_out_days(connection, domain_id, end)


def _take_out_days(connection: Connection, domain_id: int, before_day: int) -> None:
    """The roll-ups of all days before this one; what they held is added up in `pruned`."""
    old = (traffic_day.c.domain_id == domain_id, traffic_day.c.day < before_day)
    sums = {name: _sum(traffic_day.c[name]) for name in ("records", "messages", "passed")}
    taken = connection.execute(select(*sums.values()).where(*old)).one()
    _ensure_row(connection, domain_id)
    added = (pruned.c[name] + int(value) for name, value in zip(sums, taken, strict=True))
    earlier = pruned.c.rollups_before < before_day
    values = dict(zip(sums, added, strict=True)) | {
        "rollups_before": case((earlier, before_day), else_=pruned.c.rollups_before)
    }
    connection.execute(update(pruned).where(pruned.c.domain_id == domain_id).values(values))
    for table in ROLL_UPS:
        connection.execute(delete(table).where(table.c.domain_id == domain_id, table.c.day < before_day))
    raise_generation(connection)


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums bigint to numeric, which arrives as Decimal.
    return cast(func.coalesce(func.sum(column), 0), BigInteger)
