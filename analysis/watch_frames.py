"""What the watch looks at, read from the store: one domain's mail of the last weeks, its records, and its standing.

The rules of analysis/frames.py hold here too. Made for every domain of the store in one night: only the last
WINDOW_DAYS days are read, and details only of senders that need them.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, and_, cast, func, or_, select

from analysis import ladder_frames, published, published_frames, sender_frames, senders
from analysis.coverage import WINDOW_DAYS
from analysis.frames import FAILED, Period, Scope
from analysis.ladder_frames import FORWARDS, ComplaintRow, SnapshotRow
from analysis.own_mail import UNREVIEWED
from analysis.published_frames import LastLook
from analysis.records.findings import Finding, Severity
from analysis.records.lint import Kind
from analysis.sender_frames import DomainRow
from analysis.senders import Sender
from analysis.stages import FRESH_SECONDS
from analysis.standings import Standing
from analysis.verdict import OURS
from knowledge.identify import service_of
from knowledge.tables import Tables
from store import snapshots
from store.evidence import MARKS
from store.schema import sender, traffic, traffic_evidence, traffic_source


class OwnDay(NamedTuple):
    """Counted messages of a sender's own addresses on one day, without failing ones that a receiver calls forwarded."""

    sender: str
    day: int
    messages: int
    passed: int


class BrokenRecord(NamedTuple):
    """A record with an error."""

    name: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Seen:
    """What the watch judges of a domain. Days are UTC day numbers.

    first_day, last_day  days with counted mail of the domain; None: there was none
    senders              those of the WINDOW_DAYS days up to `last_day`
    own_days             the days of own senders of which any message failed; in order of sender and day
    first_days           the first day ever of the senders that nobody reviewed yet
    stranger_days        failing messages by day, without those of known senders and of forwarders
    answers              everything that DNS said, oldest first
    broken               errors in the records of the last look; None: it is too old, or there was none
    unanswered           whether the last look could not learn all about the records
    complaints           those that count, oldest first
    """

    id: int
    name: str
    standing: Standing
    first_day: int | None
    last_day: int | None
    senders: tuple[Sender, ...]
    own_days: tuple[OwnDay, ...]
    first_days: dict[str, int]
    stranger_days: dict[int, int]
    answers: tuple[SnapshotRow, ...]
    broken: tuple[BrokenRecord, ...] | None
    unanswered: bool
    complaints: tuple[ComplaintRow, ...]


def seen(connection: Connection, scope: Scope, standing: Standing, tables: Tables, now: int) -> Seen | None:
    """What the watch judges of the domain of a standing; None when it is out of scope."""
    where = sender_frames.domain_row(connection, scope, standing.domain)
    if where is None:
        return None
    days = sender_frames.days_with_mail(connection, where)
    period = None if days is None else Period(days.last_day - WINDOW_DAYS + 1, days.last_day)
    found = () if period is None else _senders(connection, scope, where, tables, period)
    last = published_frames.last_look(connection, where)
    return Seen(
        id=where.id,
        name=where.name,
        standing=standing,
        first_day=days.first_day if days else None,
        last_day=days.last_day if days else None,
        senders=found,
        own_days=() if period is None else own_days(connection, where, period, found),
        first_days=first_days(connection, where, [each.key for each in found if each.verdict in UNREVIEWED]),
        stranger_days={} if period is None else stranger_days(connection, where, period, _known(found)),
        answers=ladder_frames.snapshots(connection, where),
        broken=None if last is None or now - last.at > FRESH_SECONDS else broken_records(last, found, tables),
        unanswered=last is not None and any(each.kind in _RECORD_KINDS for each in last.look.unanswered),
        complaints=ladder_frames.complaints(connection, where),
    )


_RECORD_KINDS = (snapshots.DMARC, snapshots.WALK, snapshots.SPF, snapshots.SPF_TREE)


def _senders(
    connection: Connection, scope: Scope, where: DomainRow, tables: Tables, period: Period
) -> tuple[Sender, ...]:
    found = senders.build(connection, scope, where.name, tables, since=period.first_day, until=period.last_day)
    return found.senders if found else ()


def _known(found: Sequence[Sender]) -> list[str]:
    """The senders that are no strangers."""
    return [each.key for each in found if each.verdict not in ("impostor", "unknown")]


def broken_records(last: LastLook, found: Sequence[Sender], tables: Tables) -> tuple[BrokenRecord, ...]:
    """The errors in the DMARC and SPF records that apply to the domain's mail."""
    keys = sorted(each.key for each in found if each.verdict in OURS)
    used = tuple(service for key in keys if (service := service_of(key, tables)))
    looked = published.examine(last.look, published.Facts(tuple(tables.services.values()), used), looked_at=last.at)
    names = (looked.domain, f"_dmarc.{looked.domain}", f"_dmarc.{looked.policy_domain}")
    records = (each for each in looked.records if each.kind != Kind.DKIM and each.name in names)
    return tuple(
        BrokenRecord(record.name, each)
        for record in records
        for each in record.findings
        if each.severity == Severity.ERROR
    )


def own_days(connection: Connection, where: DomainRow, period: Period, found: Sequence[Sender]) -> tuple[OwnDay, ...]:
    """The days of own senders of which any message failed, their own addresses only."""
    mine = {each.key: {own.source_id for own in each.own} for each in found if each.verdict in OURS and each.failed}
    if not mine:
        return ()
    explained = _explained(connection, where, period, mine)
    table = traffic_source.c
    columns = (sender.c.key, table.source_id, table.day, table.messages, table.passed)
    counted = _counted(traffic_source, where, period)
    rows = connection.execute(select(*columns).select_from(_named(traffic_source)).where(*counted, _among(mine)))
    sums: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for key, source_id, day, messages, passed in rows:
        if source_id in mine[key]:
            left_out = min(explained.get((key, source_id, day), 0), messages - passed)
            sums[key, day][0] += messages - left_out
            sums[key, day][1] += passed
    return tuple(OwnDay(*place, *counts) for place, counts in sorted(sums.items()) if counts[0])


def _explained(
    connection: Connection, where: DomainRow, period: Period, keys: Collection[str]
) -> dict[tuple[str, int, int], int]:
    """Failing messages that a receiver calls forwarded, by sender, address and day."""
    table = traffic_evidence.c
    marked = [table.marks.bitwise_and(MARKS[name]) for name in ("forward_override", "dkim_aligned", "spf_aligned")]
    forwarded = and_(marked[0] > 0, marked[1] == 0, marked[2] == 0)
    places = (sender.c.key, table.source_id, table.day)
    wanted = (*_counted(traffic_evidence, where, period), _among(keys), forwarded)
    statement = select(*places, _sum(table.messages)).select_from(_named(traffic_evidence)).where(*wanted)
    return {
        (key, source_id, day): count for key, source_id, day, count in connection.execute(statement.group_by(*places))
    }


def first_days(connection: Connection, where: DomainRow, keys: Collection[str]) -> dict[str, int]:
    """The first day on which each of these senders was ever seen."""
    if not keys:
        return {}
    table = traffic_source.c
    wanted = (table.domain_id == where.id, table.authenticity != FAILED, _among(keys))
    statement = select(sender.c.key, func.min(table.day)).select_from(_named(traffic_source)).where(*wanted)
    return dict(connection.execute(statement.group_by(sender.c.key)).all())


def stranger_days(connection: Connection, where: DomainRow, period: Period, known: Collection[str]) -> dict[int, int]:
    """Failing messages by day that no receiver calls forwarded, of senders other than the known ones."""
    table = traffic.c
    failing = and_(~or_(table.dkim_aligned, table.spf_aligned), ~table.override.in_(FORWARDS))
    ours = select(sender.c.id).where(sender.c.domain_id == where.id, sender.c.key.in_(sorted(known)))
    wanted = (*_counted(traffic, where, period), failing, table.sender_id.not_in(ours))
    rows = connection.execute(select(table.day, _sum(table.messages)).where(*wanted).group_by(table.day))
    return dict(rows.all())


def _named(table: FromClause) -> FromClause:
    return table.join(sender, and_(sender.c.domain_id == table.c.domain_id, sender.c.id == table.c.sender_id))


def _among(keys: Collection[str]) -> ColumnElement[bool]:
    return sender.c.key.in_(sorted(keys))


def _counted(table: FromClause, where: DomainRow, period: Period) -> tuple[ColumnElement[bool], ...]:
    days = table.c.day.between(period.first_day, period.last_day)
    return table.c.domain_id == where.id, days, table.c.authenticity != FAILED


def _sum(column: ColumnElement[Any]) -> ColumnElement[int]:
    # PostgreSQL sums bigint to numeric, which arrives as Decimal.
    return cast(func.sum(column), BigInteger)
