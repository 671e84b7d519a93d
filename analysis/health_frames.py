"""The SQL behind `sekisho status`: runs, mailboxes, the days on which reports came, and the store itself.

The rules of analysis/frames.py hold here too. Runs, mailboxes and the store's size belong to no customer: in a
customer's scope there are none.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, select, text, true

from analysis.frames import FAILED, IN_FORCE, Scope
from store.schema import domain, message, report, run


class LatestRun(NamedTuple):
    """The newest run of a command, and when one of its runs last ended well (None: never).

    `finished_at` and `outcome` are None while it runs and after it was killed; `summary` is JSON.
    """

    command: str
    started_at: int
    finished_at: int | None
    outcome: str | None
    summary: str | None
    last_done_at: int | None


class DayOfReports(NamedTuple):
    """A name (of a reporter or a domain) and a UTC day number on which a counted report about it ended."""

    name: str
    day: int


class MailboxRow(NamedTuple):
    """What the ledger has of a mailbox: its mails, those in quarantine, and when the last one was read."""

    mailbox: str
    messages: int
    quarantined: int
    last_read_at: int


class Quarantine(NamedTuple):
    """Messages that could not be read, and those of them that came at or after the time asked for."""

    messages: int
    new: int


def latest_runs(connection: Connection, scope: Scope) -> tuple[LatestRun, ...]:
    """The newest run of every command that ever ran; by command."""
    if scope.customer_ids is not None:
        return ()
    done_at = func.max(case((run.c.outcome == "done", run.c.finished_at)))
    newest = select(func.max(run.c.id).label("id"), done_at.label("done_at")).group_by(run.c.command).subquery()
    columns = (run.c.command, run.c.started_at, run.c.finished_at, run.c.outcome, run.c.summary, newest.c.done_at)
    rows = connection.execute(select(*columns).select_from(run.join(newest, newest.c.id == run.c.id)))
    return tuple(sorted((LatestRun(*row) for row in rows), key=lambda row: row.command))


def reporter_days(connection: Connection, scope: Scope, since_day: int) -> tuple[DayOfReports, ...]:
    """Every reporter and day since `since_day` with a counted report about a domain of the scope; by name, day."""
    return _days(connection, report.c.reporter, scope, since_day, registered=False)


def domain_days(connection: Connection, scope: Scope, since_day: int) -> tuple[DayOfReports, ...]:
    """Every registered domain of the scope and day since `since_day` with a counted report; by name, day."""
    return _days(connection, domain.c.name, scope, since_day, registered=True)


def mailboxes(connection: Connection, scope: Scope) -> tuple[MailboxRow, ...]:
    """Every mailbox of which the ledger has mails; by name."""
    if scope.customer_ids is not None:
        return ()
    columns = (
        message.c.mailbox,
        func.count(),
        func.count(case((message.c.state == "quarantined", 1))),
        func.max(func.coalesce(message.c.done_at, message.c.first_seen_at)),
    )
    rows = connection.execute(select(*columns).where(message.c.mailbox.is_not(None)).group_by(message.c.mailbox))
    return tuple(sorted(MailboxRow(*row) for row in rows))


def quarantine(connection: Connection, scope: Scope, since: int) -> Quarantine:
    """How many messages could not be read, and how many of them first came at or after `since` (epoch seconds)."""
    if scope.customer_ids is not None:
        return Quarantine(0, 0)
    columns = (func.count(), func.count(case((message.c.first_seen_at >= since, 1))))
    row = connection.execute(select(*columns).where(message.c.state == "quarantined")).one()
    return Quarantine(*row)


def store_bytes(connection: Connection, scope: Scope) -> int | None:
    """The bytes of the store without its journal; None in a customer's scope."""
    if scope.customer_ids is not None:
        return None
    sql = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }[connection.dialect.name]
    found: int = connection.execute(text(sql)).scalar_one()
    return found


def _days(
    connection: Connection, name: ColumnElement[str], scope: Scope, since_day: int, *, registered: bool
) -> tuple[DayOfReports, ...]:
    # Outer, so that SQLite seeks each domain's range of days in the covering index.
    joined = domain.outerjoin(
        report,
        and_(
            report.c.domain_id == domain.c.id,
            report.c.last_day >= since_day,
            report.c.standing == IN_FORCE,
            report.c.authenticity != FAILED,
        ),
    )
    allowed = true() if scope.customer_ids is None else domain.c.customer_id.in_(scope.customer_ids)
    wanted = domain.c.registered if registered else true()
    days = select(name, report.c.last_day).distinct().select_from(joined).where(allowed, wanted)
    rows = connection.execute(days)
    return tuple(sorted(DayOfReports(*row) for row in rows if row[1] is not None))
