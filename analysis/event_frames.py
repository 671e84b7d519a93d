"""The SQL about stored events. The rules of analysis/frames.py hold here too: the scope is checked in SQL.

An event without a domain (a reporter that went silent) belongs to no customer and stands in no customer's scope.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from analysis.frames import Scope
from analysis.sender_frames import allowed
from store.schema import customer, domain, event


class EventRow(NamedTuple):
    """A row of `event` (docs/DATA.md), whose it is, and its evidence as JSON. No domain, not assigned: None."""

    domain: str | None
    customer: str | None
    customer_id: int | None
    id: int
    kind: str
    subject: str
    severity: str
    evidence: str
    opened_at: int
    seen_at: int
    closed_at: int | None
    notified_at: int | None
    customer_notified_at: int | None


def lasting_events(
    connection: Connection, scope: Scope, *, since: int | None, name: str | None = None
) -> tuple[EventRow, ...]:
    """The open events, of domain `name` alone when given, and those closed at or after `since` (None: none of them)."""
    return _events(connection, scope, _lasting(since), *(() if name is None else (domain.c.name == name,)))


def untold_events(connection: Connection, scope: Scope, *, since: int, to_customer: bool) -> tuple[EventRow, ...]:
    """The same, of which no digest to the staff (or to their customer) told yet."""
    told_at = event.c.customer_notified_at if to_customer else event.c.notified_at
    return _events(connection, scope, and_(told_at.is_(None), _lasting(since)))


def open_counts(connection: Connection, scope: Scope) -> dict[str, int]:
    """How many open events each domain of the scope has; a domain without any is left out."""
    joined = event.join(domain, domain.c.id == event.c.domain_id)
    counts = select(domain.c.name, func.count()).select_from(joined).where(_lasting(None), allowed(scope))
    return dict(connection.execute(counts.group_by(domain.c.name)).all())


def _lasting(since: int | None) -> ColumnElement[bool]:
    is_open = event.c.closed_at.is_(None)
    return is_open if since is None else or_(is_open, event.c.closed_at >= since)


def _events(connection: Connection, scope: Scope, *wanted: ColumnElement[bool]) -> tuple[EventRow, ...]:
    joined = event.outerjoin(domain, domain.c.id == event.c.domain_id).outerjoin(
        customer, customer.c.id == domain.c.customer_id
    )
    stored = (event.c[each] for each in EventRow._fields[3:])
    columns = (domain.c.name, customer.c.name, customer.c.id, *stored)
    rows = connection.execute(select(*columns).select_from(joined).where(allowed(scope), *wanted))
    return tuple(EventRow(*row) for row in rows)
