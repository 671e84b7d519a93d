"""The SQL of the ladder: mail by sender, day and reporter, what DNS and reports said of the policy, and consents.

The rules of analysis/frames.py hold here too: a domain of the scope is found by `sender_frames.domain_row`, and only
counted mail is summed.
"""

import json
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Text, and_, bindparam, case, func, or_, select

from analysis.frames import FAILED, IN_FORCE, Period
from analysis.sender_frames import DomainRow, asked, counted, sum_of, tuples, value
from store.evidence import MARKS
from store.schema import (
    complaint,
    consent,
    dns_snapshot,
    report,
    sender,
    traffic,
    traffic_evidence,
    traffic_source,
)

FORWARDS = ("forwarded", "mailing_list", "trusted_forwarder")
HELD = ("quarantine", "reject")


class SenderDay(NamedTuple):
    """One sender's counted messages on one day."""

    sender: str
    day: int
    messages: int
    passed: int
    dkim_aligned: int


class ReporterDay(NamedTuple):
    """Counted messages of chosen senders that passed on one day, as one reporter told of them; never 0."""

    reporter: str
    day: int
    passed: int


class HeldRow(NamedTuple):
    """One sender's failing messages that one reporter's server quarantined or rejected on one day."""

    sender: str
    day: int
    reporter: str
    messages: int


class NameRow(NamedTuple):
    """One sender's counted messages under one name in From; `explained`: failing, and the receiver says forwarded."""

    header_from: str
    sender: str
    messages: int
    passed: int
    explained: int


class PolicyRow(NamedTuple):
    """A policy that counted reports name, and the first and last day of those reports."""

    p: str
    sp: str
    np: str | None
    testing: str | None
    pct: int | None
    first_day: int
    last_day: int


class SnapshotRow(NamedTuple):
    """What DNS said at one name, from when to when (epoch seconds); see store/snapshots.py for the words."""

    kind: str
    name: str
    state: str
    content: str | None
    first_seen_at: int
    last_seen_at: int


class ConsentRow(NamedTuple):
    """A consent that holds. `evidence` is what was known when it was written down."""

    stage: str
    by: str
    note: str
    at: int
    evidence: dict[str, Any]


class ComplaintRow(NamedTuple):
    """A complaint that counts, and when it was written down (epoch seconds)."""

    note: str
    at: int


def sender_days(
    connection: Connection, where: DomainRow, period: Period, chosen: Collection[str]
) -> tuple[SenderDay, ...]:
    """The days of the senders with these keys; in order of sender and day."""
    rows = tuples(connection, _sender_days(), _asked_of(where, period, chosen))
    return tuple(SenderDay._make(row) for row in sorted(row for row in rows if row[1] is not None))


@cache
def _sender_days() -> Select[Any]:
    table = traffic_source.c
    sums = (sum_of(table.messages), sum_of(table.passed), sum_of(table.dkim_aligned))
    sent = (table.domain_id == sender.c.domain_id, table.sender_id == sender.c.id)
    # Outer, so that SQLite reads each sender's days in the order of the covering index and never sorts.
    joined = sender.outerjoin(traffic_source, and_(*sent, *_days(traffic_source)))
    statement = select(sender.c.key, table.day, *sums).select_from(joined).where(*_chosen())
    return statement.group_by(sender.c.domain_id, sender.c.id, table.day)


def reporter_days(
    connection: Connection, where: DomainRow, period: Period, chosen: Collection[str], reporters: Collection[str]
) -> tuple[ReporterDay, ...]:
    """What each of these reporters told of these senders' mail that passed; in order of reporter and day."""
    values = _asked_of(where, period, chosen) | {"reporters": sorted(reporters)}
    return tuple(ReporterDay._make(row) for row in sorted(tuples(connection, _reporter_days(), values)))


@cache
def _reporter_days() -> Select[Any]:
    table = traffic.c
    told = table.reporter.in_(bindparam("reporters", expanding=True))
    wanted = (told, table.messages > 0, _passed(), _of_chosen())
    statement = select(table.reporter, table.day, sum_of(table.messages)).where(*counted(traffic), *wanted)
    return statement.group_by(table.reporter, table.day)


def held_mail(connection: Connection, where: DomainRow, period: Period, chosen: Collection[str]) -> tuple[HeldRow, ...]:
    """Failing mail of these senders that was quarantined or rejected; in order of sender, day, reporter."""
    rows = tuples(connection, _held_mail(), _asked_of(where, period, chosen))
    return tuple(HeldRow._make(row) for row in sorted(rows))


@cache
def _held_mail() -> Select[Any]:
    table = traffic.c
    keys = (sender.c.key, table.day, table.reporter)
    held = (~_passed(), table.disposition.in_(HELD), table.messages > 0, _of_chosen())
    return _of_senders((*keys, sum_of(table.messages))).where(*held).group_by(*keys)


def sender_names(
    connection: Connection, where: DomainRow, period: Period, chosen: Collection[str]
) -> tuple[NameRow, ...]:
    """The mail of these senders by the name in From, of names below the domain; in order of name and sender."""
    values = _asked_of(where, period, chosen) | {"below": f".{where.name}"}
    return tuple(NameRow._make(row) for row in sorted(tuples(connection, _sender_names(), values)))


@cache
def _sender_names() -> Select[Any]:
    table = traffic.c
    keys = (table.header_from, sender.c.key)
    figures = (
        sum_of(table.messages),
        sum_of(case((_passed(), table.messages), else_=0)),
        sum_of(case((and_(~_passed(), table.override.in_(FORWARDS)), table.messages), else_=0)),
    )
    below = bindparam("below", type_=Text())
    ending = func.substr(table.header_from, func.length(table.header_from) - func.length(below) + 1) == below
    return _of_senders((*keys, *figures)).where(ending, _of_chosen()).group_by(*keys)


def list_messages(connection: Connection, where: DomainRow, period: Period) -> int:
    """Failing messages of which receivers say that a mailing list passed them on."""
    return int(connection.execute(_list_messages(), asked(where, period)).scalar_one())


@cache
def _list_messages() -> Select[Any]:
    listed = (~_passed(), traffic.c.override == "mailing_list")
    return _of_senders((sum_of(traffic.c.messages),)).where(*listed)


class Excused(NamedTuple):
    """Messages of one address that prove nothing against it.

    forwarded: failing, and the receiver took them for forwarded or list mail. unchecked: not aligned by DKIM, with a
    signature of the domain that the receiver could not check.
    """

    forwarded: int
    unchecked: int


def excused(connection: Connection, where: DomainRow, period: Period) -> dict[tuple[str, int], Excused]:
    """What proves nothing against an address, by (sender key, source id)."""
    rows = tuples(connection, _excused(), asked(where, period))
    return {(key, source_id): Excused(*counts) for key, source_id, *counts in rows}


@cache
def _excused() -> Select[Any]:
    table = traffic_evidence.c
    forwarded = and_(_marked("forward_override"), ~_marked("dkim_aligned"), ~_marked("spf_aligned"))
    unchecked = and_(_marked("dkim_error"), ~_marked("dkim_aligned"))
    named = and_(sender.c.domain_id == table.domain_id, sender.c.id == table.sender_id)
    joined = traffic_evidence.join(sender, named)
    keys = (sender.c.key, table.source_id)
    figures = (sum_of(case((proof, table.messages), else_=0)) for proof in (forwarded, unchecked))
    statement = select(*keys, *figures).select_from(joined)
    return statement.where(*counted(traffic_evidence), or_(forwarded, unchecked)).group_by(*keys)


def _marked(name: str) -> ColumnElement[bool]:
    """That a row of `traffic_evidence` has this mark."""
    return traffic_evidence.c.marks.bitwise_and(MARKS[name]) > 0


def report_days(connection: Connection, where: DomainRow, period: Period) -> Period | None:
    """From the first day of the oldest counted report that touches the period to the last day of the newest."""
    first, last = connection.execute(_report_days(), asked(where, period)).one()
    return None if first is None else Period(first, last)


@cache
def _report_days() -> Select[Any]:
    return select(func.min(report.c.first_day), func.max(report.c.last_day)).where(*_reported())


def policies(connection: Connection, where: DomainRow, period: Period) -> tuple[PolicyRow, ...]:
    """The policies that counted reports of the period name, the one named last first."""
    found = (PolicyRow._make(row) for row in connection.execute(_policies(), asked(where, period)))
    return tuple(sorted(found, key=lambda row: (-row.last_day, -row.first_day, row.p, row.sp)))


@cache
def _policies() -> Select[Any]:
    table = report.c
    keys = (table.p, table.sp, table.np, table.testing, table.pct)
    days = (func.min(table.first_day), func.max(table.last_day))
    return select(*keys, *days).where(*_reported()).group_by(*keys)


def snapshots(connection: Connection, where: DomainRow) -> tuple[SnapshotRow, ...]:
    """Everything that DNS said about the domain, oldest first."""
    columns = [dns_snapshot.c[name] for name in SnapshotRow._fields]
    rows = connection.execute(select(*columns).where(dns_snapshot.c.domain_id == where.id).order_by(dns_snapshot.c.id))
    return tuple(SnapshotRow(*row) for row in rows)


def consents(connection: Connection, where: DomainRow) -> dict[str, ConsentRow]:
    """The consents that hold, by stage."""
    table = consent.c
    columns = (table.stage, table.given_by, table.note, table.recorded_at, table.evidence)
    holding = (table.domain_id == where.id, table.withdrawn_at.is_(None))
    rows = connection.execute(select(*columns).where(*holding).order_by(table.recorded_at, table.id))
    return {row.stage: ConsentRow(*row[:-1], json.loads(row.evidence)) for row in rows}


def complaints(connection: Connection, where: DomainRow) -> tuple[ComplaintRow, ...]:
    """The complaints that count, oldest first."""
    table = complaint.c
    counting = (table.domain_id == where.id, table.withdrawn_at.is_(None))
    statement = select(table.note, table.recorded_at).where(*counting).order_by(table.recorded_at, table.id)
    return tuple(ComplaintRow(*row) for row in connection.execute(statement))


def _passed() -> ColumnElement[bool]:
    return or_(traffic.c.dkim_aligned, traffic.c.spf_aligned)


def _asked_of(where: DomainRow, period: Period, chosen: Collection[str]) -> dict[str, Any]:
    return asked(where, period) | {"chosen": sorted(chosen)}


def _chosen() -> tuple[ColumnElement[bool], ...]:
    """That a row of `sender` is one of the domain with one of the chosen keys."""
    return sender.c.domain_id == value("domain_id"), sender.c.key.in_(bindparam("chosen", expanding=True))


def _of_chosen() -> ColumnElement[bool]:
    """That a row of `traffic` is of a chosen sender."""
    return traffic.c.sender_id.in_(select(sender.c.id).where(*_chosen()))


def _days(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    return table.c.day.between(value("first_day"), value("last_day")), table.c.authenticity != FAILED


def _of_senders(columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    named = and_(sender.c.domain_id == traffic.c.domain_id, sender.c.id == traffic.c.sender_id)
    return select(*columns).select_from(traffic.join(sender, named)).where(*counted(traffic))


def _reported() -> tuple[ColumnElement[bool], ...]:
    return (
        report.c.domain_id == value("domain_id"),
        report.c.last_day >= value("first_day"),
        report.c.first_day <= value("last_day"),
        report.c.standing == IN_FORCE,
        report.c.authenticity != FAILED,
    )
