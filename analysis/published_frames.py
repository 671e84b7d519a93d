"""The SQL about published records: what the last look at a domain's DNS said, and what its reports tell around it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, or_, select

from analysis.frames import FAILED, IN_FORCE
from analysis.sender_frames import DomainRow
from store.schema import auth_result, dns_snapshot, record, report, sender, sender_decision, traffic_source
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


def foreign_signatures(connection: Connection, where: DomainRow, since_day: int) -> Iterator[tuple[str, str]]:
    """Own services none of whose mail aligned by DKIM since that day, and the domain that they signed as: (key, d).

    Own is what staff decided to be, or what the domain's SPF names.
    """
    for sender_id, key in connection.execute(_unsigned_services(where, since_day)).all():
        found = connection.execute(_signed_as(where, sender_id, since_day)).scalar()
        if found is not None:
            yield key, found


def _unsigned_services(where: DomainRow, since_day: int) -> Select[Any]:
    counted, decided = traffic_source.c, sender_decision.c
    ours = exists().where(
        decided.domain_id == where.id,
        decided.sender_key == sender.c.key,
        decided.decision == "ours",
        decided.withdrawn_at.is_(None),
    )
    joined = sender.join(
        traffic_source, and_(counted.domain_id == sender.c.domain_id, counted.sender_id == sender.c.id)
    )
    days = (counted.day >= since_day, counted.authenticity != FAILED)
    statement = select(sender.c.id, sender.c.key).select_from(joined)
    statement = statement.where(sender.c.domain_id == where.id, sender.c.key.like("service:%"), *days)
    unsigned = and_(func.sum(counted.dkim_aligned) == 0, or_(func.sum(counted.spf_aligned) > 0, ours))
    return statement.group_by(sender.c.domain_id, sender.c.id, sender.c.key).having(unsigned).order_by(sender.c.key)


def _signed_as(where: DomainRow, sender_id: int, since_day: int) -> Select[Any]:
    """The domain of most of a sender's good signatures."""
    found = auth_result.c
    reported = and_(report.c.domain_id == record.c.domain_id, report.c.id == record.c.report_id)
    told = and_(
        found.domain_id == record.c.domain_id,
        found.report_id == record.c.report_id,
        found.record_number == record.c.number,
    )
    joined = report.join(record, reported).join(auth_result, told)
    counted = (report.c.last_day >= since_day, report.c.standing == IN_FORCE, report.c.authenticity != FAILED)
    good = (found.method == "dkim", found.result == "pass", found.domain.is_not(None))
    statement = select(found.domain).select_from(joined)
    statement = statement.where(record.c.domain_id == where.id, record.c.sender_id == sender_id, *counted, *good)
    return statement.group_by(found.domain).order_by(func.sum(record.c.messages).desc(), found.domain).limit(1)
