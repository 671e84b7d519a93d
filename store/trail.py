"""The audit trail, read page by page: who did what to what, newest first. `store.office.audit` writes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from store.schema import audit as audit_table
from store.schema import customer as customer_table


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail. `at` is epoch seconds; `customer`, `address` and `detail` are None where there is none."""

    id: int
    at: int
    actor: str
    action: str
    subject: str
    customer: str | None
    address: str | None
    detail: str | None


def entries(
    connection: Connection,
    *,
    text: str = "",
    actions: Sequence[str] = (),
    before: int | None = None,
    limit: int = 100,
) -> tuple[Entry, ...]:
    """The newest `limit` entries that hold `text` in any of their words, in either case (ASCII), or are of `actions`.

    The next page is that of `before`, the id of the last entry of this one: it stays the same while others write.
    """
    columns = audit_table.c
    words = (columns.actor, columns.action, columns.subject, customer_table.c.name, columns.address, columns.detail)
    question = (
        select(columns.id, columns.at, columns.actor, columns.action, columns.subject, *words[3:])
        .outerjoin_from(audit_table, customer_table)
        .order_by(columns.id.desc())
        .limit(limit)
    )
    if text:
        holds = (word.icontains(text, autoescape=True) for word in words)
        question = question.where(or_(*holds, columns.action.in_(actions)))
    if before is not None:
        question = question.where(columns.id < before)
    return tuple(Entry(*row) for row in connection.execute(question))
