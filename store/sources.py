"""The host names (PTR) of sending addresses: which are due to be asked for, and what was found.

Only a confirmed name counts as a fact. A question that failed changes nothing but its own state and time, so that a
night without DNS does not unname anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, or_, select

from store.ledger import raise_generation
from store.schema import record, source
from store.statements import positional

# Words of `source.ptr_state`. found: the address has a host name, which `ptr_confirmed` says leads back to it;
# absent: it has none; bad-name: it has only names that no host can have (which are not kept); not-asked: only a
# local network could name it; timeout, failed: DNS could not say, and what was known before still stands.
FOUND, ABSENT, BAD_NAME, NOT_ASKED, TIMEOUT, FAILED = "found", "absent", "bad-name", "not-asked", "timeout", "failed"
FAILURES = (TIMEOUT, FAILED)

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds after which an address is asked about again, by how the last question ended."""

    found: int
    absent: int
    failed: int


@dataclass(frozen=True, slots=True)
class Due:
    """An address to ask about, and the confirmed host name that is known of it."""

    id: int
    ip: str
    confirmed: str | None


@dataclass(frozen=True, slots=True)
class Pointer:
    """What DNS said of an address: `ptr` when found; `confirmed` when that name leads back to it."""

    state: str
    ptr: str | None = None
    confirmed: bool = False

    @property
    def name(self) -> str | None:
        """The host name, when it is a fact."""
        return self.ptr if self.confirmed else None


def due_sources(connection: Connection, ages: Ages, *, now: int, limit: int) -> tuple[list[Due], int]:
    """At most `limit` addresses to ask about, those never asked first, then the longest unasked; and how many more."""
    columns = source.c
    due = or_(
        columns.ptr_at.is_(None),
        and_(columns.ptr_state.in_((FOUND, NOT_ASKED)), columns.ptr_at <= now - ages.found),
        and_(columns.ptr_state.in_((ABSENT, BAD_NAME)), columns.ptr_at <= now - ages.absent),
        and_(columns.ptr_state.in_(FAILURES), columns.ptr_at <= now - ages.failed),
    )
    wanted = select(columns.id, columns.ip, columns.ptr, columns.ptr_confirmed).where(due)
    rows = connection.execute(wanted.order_by(func.coalesce(columns.ptr_at, 0), columns.id).limit(limit))
    found = [Due(row.id, row.ip, row.ptr if row.ptr_confirmed else None) for row in rows]
    return found, connection.execute(select(func.count()).where(due)).scalar_one() - len(found)


def save_pointers(connection: Connection, found: Iterable[tuple[Due, Pointer]], *, now: int) -> None:
    """Write what was found; a failure leaves the name that was known."""
    named, failed = [], []
    for due, pointer in found:
        if pointer.state in FAILURES:
            failed.append((pointer.state, now, due.id))
        else:
            named.append((pointer.ptr, pointer.confirmed, pointer.state, now, due.id))
    for sql, rows in ((_NAMED, named), (_FAILED, failed)):
        if rows:
            connection.exec_driver_sql(positional(connection, sql), rows)
    raise_generation(connection)


_NAMED = "UPDATE source SET ptr = ?, ptr_confirmed = ?, ptr_state = ?, ptr_at = ? WHERE id = ?"
_FAILED = "UPDATE source SET ptr_state = ?, ptr_at = ? WHERE id = ?"


def records_by_source(
    connection: Connection, domain_id: int, *, above: int, among: Sequence[int] | None
) -> list[tuple[int, int]]:
    """(source id, number of records) of the next CHUNK sources above an id that sent for the domain, by id.

    `among`: at most CHUNK ids to which the answer is restricted.
    """
    found = record.c
    mine = and_(found.domain_id == domain_id, found.source_id > above)
    if among is not None:
        mine = and_(mine, found.source_id.in_(among))
    counted = select(found.source_id, func.count()).where(mine).group_by(found.source_id)
    return [(row[0], row[1]) for row in connection.execute(counted.order_by(found.source_id).limit(CHUNK))]
