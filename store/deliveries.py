"""Which monthly files customers are to get, and what became of each. Every function works in the caller's transaction.

A row is made once for a customer, kind and month. Only `again` makes one due a second time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from store.schema import customer, delivery

DUE, DONE, FAILED = "due", "done", "failed"
LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Delivery:
    """One month's files of one kind for one customer; see docs/DATA.md for the words. Times are epoch seconds."""

    id: int
    customer_id: int
    customer: str
    slug: str
    language: str
    kind: str
    period: str
    state: str
    edition: int
    attempts: int
    last_error: str | None
    made_at: int | None
    due_at: int


def deliveries(connection: Connection, *, state: str | None = None) -> tuple[Delivery, ...]:
    """All of them, or those of a state; the oldest month first, then by customer and kind."""
    wanted = _all() if state is None else _all().where(delivery.c.state == state)
    ordered = wanted.order_by(delivery.c.period, customer.c.slug, delivery.c.kind)
    return tuple(Delivery(*row) for row in connection.execute(ordered))


def _all() -> Select[Any]:
    owner = (delivery.c.customer_id, customer.c.name, customer.c.slug, customer.c.language)
    own = ("kind", "period", "state", "edition", "attempts", "last_error", "made_at", "due_at")
    columns = (delivery.c.id, *owner, *(delivery.c[name] for name in own))
    return select(*columns).select_from(delivery.join(customer))


def newest_period(connection: Connection, customer_id: int, kind: str) -> str | None:
    """The last month that was ever put down for a customer; None: none was."""
    mine = (delivery.c.customer_id == customer_id, delivery.c.kind == kind)
    newest = select(delivery.c.period).where(*mine).order_by(delivery.c.period.desc()).limit(1)
    found: str | None = connection.scalar(newest)
    return found


def put_down(connection: Connection, customer_id: int, kind: str, periods: Iterable[str], *, now: int) -> None:
    """Make these months due. None of them may be put down already."""
    for period in periods:
        row = {"customer_id": customer_id, "kind": kind, "period": period, "state": DUE, "due_at": now}
        connection.execute(insert(delivery).values(**row, edition=1, attempts=0))


def done(connection: Connection, delivery_id: int, *, now: int) -> None:
    """Write that the files have reached everybody who gets them."""
    _change(connection, delivery_id, state=DONE, made_at=now, last_error=None)


def tried(connection: Connection, delivery_id: int, state: str, error: str) -> None:
    """Write that it could not be delivered: it stays due, or has failed for good."""
    _change(connection, delivery_id, state=state, attempts=delivery.c.attempts + 1, last_error=error[:LONGEST_ERROR])


def again(connection: Connection, delivery_id: int, *, now: int) -> None:
    """Have a delivery made once more, as another edition that is due from now on."""
    fresh = {"edition": delivery.c.edition + 1, "attempts": 0, "last_error": None, "due_at": now}
    _change(connection, delivery_id, state=DUE, **fresh)


def _change(connection: Connection, delivery_id: int, **values: object) -> None:
    connection.execute(update(delivery).where(delivery.c.id == delivery_id).values(**values))
