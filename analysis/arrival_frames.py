"""The SQL behind the page of what arrived: runs, messages by state, the quarantine, reports that are set apart.

The rules of analysis/frames.py hold here too. Runs and messages belong to no customer: in a customer's scope there are
none. Lists come in pages: each takes where the one before it ended, and no page counts what lies before it.
"""

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, tuple_

from analysis.frames import FAILED, Period, Scope
from analysis.sender_frames import allowed
from store.schema import domain, message, original, report, run


class RunRow(NamedTuple):
    """A run as the ledger has it; what follows `started_at` is None while it runs and after it was killed.

    `summary` is JSON.
    """

    id: int
    command: str
    started_at: int
    finished_at: int | None
    outcome: str | None
    summary: str | None


class QuarantineRow(NamedTuple):
    """A message that could not be read. Times are epoch seconds, `size` counts bytes; texts are strangers' words.

    `kept`: its bytes are in the store, so that it can be read again.
    """

    id: int
    place: str
    mailbox: str | None
    size: int
    sha256: str | None
    reason: str
    attempts: int
    arrivals: int
    authenticity: str
    auth_domain: str | None
    first_seen_at: int
    done_at: int | None
    kept: bool


class Apart(StrEnum):
    """Why a report is set apart from those that are simply new and genuine. A report may be in several."""

    FORGED = "forged"
    UNVERIFIED = "unverified"
    VARIANT = "variant"
    PARTIAL = "partial"


class ApartRow(NamedTuple):
    """A report that is set apart. Texts are the reporter's words; its figures are of the whole report.

    `relation` to another report, or None; `standing` is one of schema.STANDINGS.
    """

    stored_at: int
    domain_id: int
    id: int
    domain: str
    reporter: str
    org_name: str
    email: str
    report_id: str
    begin_at: int
    end_at: int
    authenticity: str
    standing: str
    relation: str | None
    records: int
    bad_records: int
    messages: int


# Of the last report of a page: when it was stored, and its number.
ApartKey = tuple[int, int, int]

_APART: dict[Apart, ColumnElement[bool]] = {
    Apart.FORGED: report.c.authenticity == FAILED,
    Apart.UNVERIFIED: report.c.authenticity.in_(("none", "unknown", "unverified")),
    Apart.VARIANT: report.c.relation.is_not(None),
    Apart.PARTIAL: report.c.bad_records > 0,
}


def runs(connection: Connection, scope: Scope, *, before: int | None, limit: int) -> tuple[RunRow, ...]:
    """The newest `limit` runs, of those with a number below `before` when given; newest first."""
    if scope.customer_ids is not None:
        return ()
    columns = (run.c.id, run.c.command, run.c.started_at, run.c.finished_at, run.c.outcome, run.c.summary)
    statement = select(*columns).order_by(run.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(run.c.id < before)
    return tuple(RunRow(*row) for row in connection.execute(statement))


def message_states(connection: Connection, scope: Scope) -> dict[str, int]:
    """How many messages the ledger has in each state (schema.MESSAGE_STATES); a state without any is left out."""
    if scope.customer_ids is not None:
        return {}
    rows = connection.execute(select(message.c.state, func.count()).group_by(message.c.state))
    return {state: count for state, count in rows}  # noqa: C416 - dict() does not take rows


def quarantine(connection: Connection, scope: Scope, *, before: int | None, limit: int) -> tuple[QuarantineRow, ...]:
    """The newest `limit` messages in quarantine, of those with a number below `before` when given; newest first."""
    wanted = [] if before is None else [message.c.id < before]
    return _quarantined(connection, scope, wanted, limit)


def quarantined(connection: Connection, scope: Scope, message_id: int) -> QuarantineRow | None:
    """The message in quarantine with this number, or None."""
    return next(iter(_quarantined(connection, scope, [message.c.id == message_id], 1)), None)


def _quarantined(
    connection: Connection, scope: Scope, wanted: list[ColumnElement[bool]], limit: int
) -> tuple[QuarantineRow, ...]:
    if scope.customer_ids is not None:
        return ()
    columns = (
        *(message.c[name] for name in ("id", "place", "mailbox", "size", "sha256")),
        func.coalesce(message.c.reason, ""),
        *(message.c[name] for name in ("attempts", "arrivals", "authenticity", "auth_domain")),
        *(message.c[name] for name in ("first_seen_at", "done_at")),
        exists().where(original.c.sha256 == message.c.sha256),
    )
    statement = select(*columns).where(message.c.state == "quarantined", *wanted)
    rows = connection.execute(statement.order_by(message.c.id.desc()).limit(limit))
    return tuple(QuarantineRow(*row) for row in rows)


def apart_counts(connection: Connection, scope: Scope, period: Period) -> dict[Apart, int]:
    """How many reports that touch the period are set apart, by reason; each reason is there."""
    columns = [func.count().filter(condition) for condition in _APART.values()]
    joined = domain.join(report, _touching(period))
    row = connection.execute(select(*columns).select_from(joined).where(allowed(scope))).one()
    return dict(zip(_APART, row, strict=True))


def apart(
    connection: Connection, scope: Scope, period: Period, why: Apart, *, before: ApartKey | None, limit: int
) -> tuple[ApartRow, ...]:
    """The newest `limit` reports that touch the period and are set apart for this reason, of those stored before
    `before` when given; by the time they were stored, newest first."""
    order = (report.c.stored_at, report.c.domain_id, report.c.id)
    columns = (*order, domain.c.name, *(report.c[name] for name in ApartRow._fields[4:]))
    statement = select(*columns).select_from(domain.join(report, _touching(period))).where(allowed(scope), _APART[why])
    if before is not None:
        statement = statement.where(tuple_(*order) < before)
    rows = connection.execute(statement.order_by(*(column.desc() for column in order)).limit(limit))
    return tuple(ApartRow(*row) for row in rows)


def _touching(period: Period) -> ColumnElement[bool]:
    return and_(
        report.c.domain_id == domain.c.id,
        report.c.last_day >= period.first_day,
        report.c.first_day <= period.last_day,
    )
