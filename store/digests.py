"""Digests on their way: kept for each address until it took them, so that none is lost and none is told twice.

Works inside the caller's transaction. Addresses are secrets: only a mark of each stands here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select, update

from store import events
from store.schema import digest

_MARK_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Message:
    """A digest to the staff (`customer_id` None) or to a customer, and the ids of the events that it tells of."""

    customer_id: int | None
    title: str
    body: str
    event_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A digest that one address has not taken yet; `attempts`: how often it was sent in vain."""

    id: int
    target: str
    title: str
    body: str
    attempts: int
    made_at: int


def target_of(address: str) -> str:
    """The mark under which an address is known here."""
    return sha256(address.encode()).hexdigest()[:_MARK_LENGTH]


def add(connection: Connection, message: Message, targets: Collection[str], *, now: int) -> None:
    """Keep a digest for each of the targets; its events are told with that."""
    common = {"customer_id": message.customer_id, "title": message.title, "body": message.body}
    counts = {"events": len(message.event_ids), "attempts": 0, "made_at": now}
    connection.execute(insert(digest), [{**common, **counts, "target": target} for target in sorted(targets)])
    told = events.mark_told if message.customer_id is None else events.mark_told_customer
    told(connection, message.event_ids, now=now)


def pass_on(connection: Connection, customer_id: int | None, targets: Sequence[str], *, since: int) -> None:
    """What was made since then, and waits for targets that are no more, goes to those that are new, one for one.

    An address with another password in it is another target; what the old one refused is not lost for that.
    """
    mine = digest.c.customer_id.is_(None) if customer_id is None else digest.c.customer_id == customer_id
    left = (mine, digest.c.sent_at.is_(None), digest.c.made_at >= since, digest.c.target.not_in(targets))
    ordered = select(digest.c.target).where(*left).group_by(digest.c.target).order_by(func.min(digest.c.id))
    known = set(connection.scalars(select(digest.c.target).where(digest.c.target.in_(targets))))
    new = [target for target in targets if target not in known]
    for old, target in zip(connection.scalars(ordered).all(), new, strict=False):
        connection.execute(update(digest).where(*left, digest.c.target == old).values(target=target))


def waiting(connection: Connection, targets: Collection[str]) -> tuple[Waiting, ...]:
    """What these targets have not taken yet, the oldest first."""
    columns = [digest.c[name] for name in Waiting.__dataclass_fields__]
    wanted = (digest.c.sent_at.is_(None), digest.c.target.in_(sorted(targets)))
    return tuple(Waiting(*row) for row in connection.execute(select(*columns).where(*wanted).order_by(digest.c.id)))


def mark_sent(connection: Connection, digest_id: int, *, now: int) -> None:
    """The address took it."""
    connection.execute(update(digest).where(digest.c.id == digest_id).values(sent_at=now))


def mark_refused(connection: Connection, digest_id: int) -> None:
    """The address did not take it; it will be sent again."""
    connection.execute(update(digest).where(digest.c.id == digest_id).values(attempts=digest.c.attempts + 1))


def last_made(connection: Connection) -> int | None:
    """When the newest digest to the staff was made, in epoch seconds."""
    found = select(func.max(digest.c.made_at)).where(digest.c.customer_id.is_(None))
    at: int | None = connection.execute(found).scalar_one()
    return at
