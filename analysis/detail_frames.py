"""The SQL of one report in full: its own words, the mail that brought it, and its records page by page.

The rules of analysis/frames.py hold here too: a domain of the scope is found by `sender_frames.domain_row`.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, select

from analysis.sender_frames import DomainRow
from store.schema import auth_result, message, original, override_reason, record, report, sender, source


class Arrival(NamedTuple):
    """The message that brought a report (docs/DATA.md); `kept`: whether its original bytes are."""

    mailbox: str | None
    place: str
    sha256: str | None
    size: int
    auth_domain: str | None
    first_seen_at: int
    kept: bool


class RecordRow(NamedTuple):
    """One record of a report, repaired, with the sender that it was named as; `bad`, `raw`, `repairs` as in DATA.md."""

    number: int
    ip: str
    ptr: str | None
    sender: str
    messages: int
    header_from: str | None
    envelope_from: str | None
    envelope_to: str | None
    disposition: str
    dkim_aligned: bool
    spf_aligned: bool
    bad: str | None
    raw: str | None
    repairs: str | None


class ResultRow(NamedTuple):
    """One SPF or DKIM result of a record; `result_raw` is the reporter's word where it was repaired."""

    method: str
    domain: str | None
    selector: str | None
    scope: str | None
    result: str
    result_raw: str | None
    human_result: str | None


class ReasonRow(NamedTuple):
    """Why a receiver did not apply the policy; `type_raw` is its own word where it was repaired."""

    type: str
    type_raw: str | None
    comment: str | None


def report_row(connection: Connection, where: DomainRow, report_id: int) -> Mapping[str, Any] | None:
    """Every column of a report (docs/DATA.md), or None when the domain has no report of this number."""
    wanted = select(report).where(report.c.domain_id == where.id, report.c.id == report_id)
    found = connection.execute(wanted).mappings().one_or_none()
    return None if found is None else dict(found)


def arrival(connection: Connection, message_id: int) -> Arrival:
    """The message of this number."""
    columns: list[ColumnElement[Any]] = [message.c[name] for name in Arrival._fields[:-1]]
    kept = exists().where(original.c.sha256 == message.c.sha256)
    return Arrival._make(connection.execute(select(*columns, kept).where(message.c.id == message_id)).one())


def records(
    connection: Connection, where: DomainRow, report_id: int, *, first: int, limit: int
) -> tuple[RecordRow, ...]:
    """At most `limit` records from number `first` on, in the order of the report: a seek, never an offset."""
    table = record.c
    own = [table[name] for name in RecordRow._fields[4:]]
    joined = record.join(source, source.c.id == table.source_id).join(
        sender, and_(sender.c.domain_id == table.domain_id, sender.c.id == table.sender_id)
    )
    wanted = (
        select(table.number, source.c.ip, source.c.ptr, sender.c.name, *own)
        .select_from(joined)
        .where(table.domain_id == where.id, table.report_id == report_id, table.number >= first)
        .order_by(table.number)
        .limit(limit)
    )
    return tuple(RecordRow(*row) for row in connection.execute(wanted))


def results(
    connection: Connection, where: DomainRow, report_id: int, numbers: range
) -> dict[int, tuple[ResultRow, ...]]:
    """The results of the records with these numbers, in the order of the report."""
    return _of_records(connection, auth_result, ResultRow, (where.id, report_id), numbers)


def reasons(
    connection: Connection, where: DomainRow, report_id: int, numbers: range
) -> dict[int, tuple[ReasonRow, ...]]:
    """The reasons of the records with these numbers, in the order of the report."""
    return _of_records(connection, override_reason, ReasonRow, (where.id, report_id), numbers)


def _of_records(connection: Connection, table: Any, kind: Any, of: tuple[int, int], numbers: range) -> dict[int, Any]:
    columns = [table.c[name] for name in kind._fields]
    domain_id, report_id = of
    wanted = (
        select(table.c.record_number, *columns)
        .where(table.c.domain_id == domain_id, table.c.report_id == report_id)
        .where(table.c.record_number.between(numbers.start, numbers.stop - 1))
        .order_by(table.c.record_number, table.c.number)
    )
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for number, *values in connection.execute(wanted):
        found[number].append(kind(*values))
    return {number: tuple(rows) for number, rows in found.items()}
