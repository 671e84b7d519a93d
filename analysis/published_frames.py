"""The SQL about published records: what the last look at a domain's DNS said, and what its reports tell around it."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from analysis.frames import FAILED
from analysis.sender_frames import DomainRow
from store.schema import dns_snapshot, sender, traffic_source
from store.snapshots import LOOK, Look, Observation, Signature, Subdomain, Target, Unanswered, signatures, subdomains

MOST_KEYS = 40
MOST_SUBDOMAINS = 20


@dataclass(frozen=True, slots=True)
class LastLook:
    """The last look at a domain (epoch seconds), and for each (kind, name) it answered, since when this holds."""

    at: int
    look: Look
    since: dict[tuple[str, str], int]


def last_look(connection: Connection, where: DomainRow) -> LastLook | None:
    """What the last look said and did not say, or None when nobody looked yet."""
    columns = dns_snapshot.c
    mine = select(dns_snapshot).where(columns.domain_id == where.id)
    looked = connection.execute(mine.where(columns.kind == LOOK, columns.name == where.name)).one_or_none()
    if looked is None:
        return None
    # An older answer was not given again: it was not asked for any more, or stayed unanswered.
    now = connection.execute(mine.where(columns.last_seen_at == looked.last_seen_at, columns.kind != LOOK))
    newest = {(row.kind, row.name): row for row in sorted(now, key=lambda row: int(row.id))}
    found = [Observation(row.kind, row.name, row.state, json.loads(row.content)) for row in newest.values()]
    unanswered = tuple(Unanswered(*each) for each in json.loads(looked.content)["unanswered"])
    look = Look(where.name, tuple(sorted(found, key=lambda each: (each.kind, each.name))), unanswered)
    return LastLook(looked.last_seen_at, look, {key: row.first_seen_at for key, row in newest.items()})


def seen_signatures(connection: Connection, where: DomainRow, since_day: int) -> tuple[Signature, ...]:
    """The keys that signatures named since that day."""
    return signatures(connection, Target(where.id, where.name), since_day=since_day, limit=MOST_KEYS)


def seen_subdomains(connection: Connection, where: DomainRow, since_day: int) -> tuple[Subdomain, ...]:
    """The names below the domain that were seen in From since that day."""
    return subdomains(connection, Target(where.id, where.name), since_day=since_day, limit=MOST_SUBDOMAINS)


def sender_keys(connection: Connection, where: DomainRow, since_day: int) -> tuple[str, ...]:
    """The senders with counted mail since that day, by key."""
    counted = traffic_source.c
    joined = traffic_source.join(sender, (sender.c.domain_id == counted.domain_id) & (sender.c.id == counted.sender_id))
    wanted = select(sender.c.key).select_from(joined).where(counted.domain_id == where.id)
    recent = wanted.where(counted.day >= since_day, counted.authenticity != FAILED).distinct().order_by(sender.c.key)
    return tuple(connection.execute(recent).scalars())
