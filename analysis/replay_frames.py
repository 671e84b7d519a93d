"""The SQL of the replay: a domain's counted records with the policy that they were evaluated under.

A record counts whole on the day on which its report begins. The rules of analysis/frames.py hold here too.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, Select, and_, cast, func, literal, or_, select

from analysis.frames import FAILED, IN_FORCE, Period
from analysis.sender_frames import DomainRow
from store.schema import auth_result, dns_snapshot, record, report, sender, source
from store.snapshots import NO_NAME, SPF
from store.values import AuthResult

CHUNK = 20_000


class ReplayRow(NamedTuple):
    """Messages that are alike in everything that a policy depends on.

    `day` and `reporter` are 0 and "" on mail that passed, and so is `ip`: nobody asks where that came from.
    """

    sender: str
    ip: str
    header_from: str
    day: int
    reporter: str
    disposition: str
    override: str
    dkim_aligned: bool
    spf_aligned: bool
    p: str
    sp: str
    np: str | None
    pct: int | None
    testing: str | None
    messages: int


def rows(connection: Connection, where: DomainRow, period: Period) -> tuple[ReplayRow, ...]:
    """Every counted record of the period, summed where nothing tells them apart."""
    passed = or_(record.c.dkim_aligned, record.c.spf_aligned)
    of_passed = _grouped((literal(""), literal(0), literal("")), where, period).where(passed)
    of_failed = _grouped((source.c.ip, report.c.first_day, report.c.reporter), where, period).where(~passed)
    found = [*connection.execute(of_passed), *connection.execute(of_failed)]
    return tuple(sorted((ReplayRow(*row) for row in found), key=_order))


def _order(row: ReplayRow) -> tuple[Any, ...]:
    return (*row[:9], row.p, row.sp, row.np or "", row.pct or 0, row.testing or "")


def _grouped(place: Sequence[ColumnElement[Any]], where: DomainRow, period: Period) -> Select[Any]:
    keys = (sender.c.key, *place, record.c.header_from, *_words())
    shown = (sender.c.key, place[0], func.coalesce(record.c.header_from, ""), *place[1:], *_words())
    summed = cast(func.sum(record.c.messages), BigInteger)
    return select(*shown, summed).select_from(_joined()).where(*_counted(where, period)).group_by(*keys)


class ResultsRow(NamedTuple):
    """One counted record with what its reporter found: `row.messages` are its own."""

    row: ReplayRow
    adkim: str
    aspf: str
    results: tuple[AuthResult, ...]


def rows_with_results(connection: Connection, where: DomainRow, period: Period) -> Iterator[ResultsRow]:
    """Every counted record of the period with its DKIM and SPF results, one by one."""
    place = (source.c.ip, func.coalesce(record.c.header_from, ""), report.c.first_day, report.c.reporter)
    key = (record.c.report_id, record.c.number)
    shown = (*key, report.c.adkim, report.c.aspf, sender.c.key, *place, *_words(), record.c.messages)
    statement = select(*shown).select_from(_joined()).where(*_counted(where, period)).order_by(*key)
    found = connection.execute(statement.execution_options(yield_per=CHUNK))
    for part in found.partitions(CHUNK):
        results = _results(connection, where, part[0][0], part[-1][0])
        for row in part:
            yield ResultsRow(ReplayRow(*row[4:]), row[2], row[3], tuple(results.get((row[0], row[1]), ())))


def _results(
    connection: Connection, where: DomainRow, first: int, last: int
) -> dict[tuple[int, int], list[AuthResult]]:
    table = auth_result.c
    columns = [table[name] for name in AuthResult._fields]
    wanted = (table.domain_id == where.id, table.report_id.between(first, last))
    found: dict[tuple[int, int], list[AuthResult]] = {}
    for report_id, number, *values in connection.execute(
        select(table.report_id, table.record_number, *columns).where(*wanted)
    ):
        found.setdefault((report_id, number), []).append(AuthResult(*values))
    return found


def missing_names(connection: Connection, where: DomainRow) -> frozenset[str]:
    """Names below the domain of which DNS said last that they do not exist."""
    columns = (dns_snapshot.c.name, dns_snapshot.c.state)
    rows = connection.execute(
        select(*columns)
        .where(dns_snapshot.c.domain_id == where.id, dns_snapshot.c.kind == SPF)
        .order_by(dns_snapshot.c.id)
    )
    last = {row.name: row.state for row in rows}
    return frozenset(name for name, state in last.items() if state == NO_NAME)


def _joined() -> FromClause:
    reported = and_(report.c.domain_id == record.c.domain_id, report.c.id == record.c.report_id)
    named = and_(sender.c.domain_id == record.c.domain_id, sender.c.id == record.c.sender_id)
    return record.join(report, reported).join(sender, named).join(source, source.c.id == record.c.source_id)


def _counted(where: DomainRow, period: Period) -> tuple[ColumnElement[bool], ...]:
    return (
        record.c.domain_id == where.id,
        report.c.domain_id == where.id,
        report.c.first_day.between(period.first_day, period.last_day),
        report.c.standing == IN_FORCE,
        report.c.authenticity != FAILED,
    )


def _words() -> tuple[ColumnElement[Any], ...]:
    flags = (record.c.disposition, record.c.override, record.c.dkim_aligned, record.c.spf_aligned)
    return (*flags, report.c.p, report.c.sp, report.c.np, report.c.pct, report.c.testing)
