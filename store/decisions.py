"""What staff decided about senders: stored with who, when, why and the evidence then; never deleted, only withdrawn.

A subject is a sender's key, or one address as `source:<ip>`. One decision about a subject holds at a time: a new one
withdraws the one before. Every function works inside the caller's transaction and writes its own audit row.
"""

import json
from collections.abc import Mapping
from ipaddress import ip_address

from sqlalchemy import Connection, insert, select, update

from store.actor import Actor, audit_domain
from store.ledger import raise_generation
from store.office import OfficeError
from store.schema import DECISIONS, sender, sender_decision, source, traffic_source

SOURCE_PREFIX = "source:"
NOTE_LENGTH = 1_000


def subject_of(connection: Connection, domain_id: int, wanted: str) -> str:
    """The subject that a person names: a sender's key or name, or an address that sent mail of the domain.

    Raises OfficeError when nothing or more than one sender is called so.
    """
    keys = connection.execute(
        select(sender.c.key, sender.c.name).where(sender.c.domain_id == domain_id).order_by(sender.c.key)
    ).all()
    if any(row.key == wanted for row in keys):
        return wanted
    named = [row.key for row in keys if row.name.casefold() == wanted.casefold()]
    if len(named) == 1:
        return str(named[0])
    if len(named) > 1:
        raise OfficeError(f"more than one sender is called {wanted!r}: say {' or '.join(named)}")
    ip = _canonical(wanted.removeprefix(SOURCE_PREFIX))
    if ip is not None and _has_sent(connection, domain_id, ip):
        return f"{SOURCE_PREFIX}{ip}"
    raise OfficeError(f"no sender and no address of the domain is called {wanted!r}: see `sekisho senders`")


def decide(
    connection: Connection,
    domain_id: int,
    subject: str,
    decision: str,
    *,
    note: str,
    evidence: Mapping[str, object],
    actor: Actor,
) -> int:
    """Write a decision, withdraw the one before, and return its id. `evidence` is what was known now, kept as JSON.

    Raises OfficeError for an unknown word and for a note that is empty, too long or unprintable.
    """
    if decision not in DECISIONS:
        raise OfficeError(f"{decision!r} is no decision: say {', '.join(DECISIONS)}")
    words = _tidy(note)
    row = {
        "domain_id": domain_id,
        "sender_key": subject,
        "decision": decision,
        "note": words,
        "decided_by": actor.name,
        "decided_at": actor.at,
        "evidence": json.dumps(evidence, ensure_ascii=False, sort_keys=True),
    }
    _withdraw(connection, domain_id, subject, actor)
    decision_id: int = connection.execute(
        insert(sender_decision).values(row).returning(sender_decision.c.id)
    ).scalar_one()
    audit_domain(connection, domain_id, f"decide-{decision}", actor, words, about=subject)
    raise_generation(connection)
    return decision_id


def withdraw(connection: Connection, domain_id: int, subject: str, *, note: str, actor: Actor) -> None:
    """Take the decision about a subject back. Raises OfficeError when none holds."""
    if not _withdraw(connection, domain_id, subject, actor):
        raise OfficeError(f"no decision about {subject} holds: there is nothing to withdraw")
    words = _tidy(note) if note else None
    audit_domain(connection, domain_id, "decide-withdraw", actor, words, about=subject)
    raise_generation(connection)


def _withdraw(connection: Connection, domain_id: int, subject: str, actor: Actor) -> bool:
    columns = sender_decision.c
    holding = (columns.domain_id == domain_id, columns.sender_key == subject, columns.withdrawn_at.is_(None))
    change = update(sender_decision).where(*holding).values(withdrawn_by=actor.name, withdrawn_at=actor.at)
    return connection.execute(change).rowcount > 0


def _has_sent(connection: Connection, domain_id: int, ip: str) -> bool:
    joined = traffic_source.join(source, source.c.id == traffic_source.c.source_id)
    sent = select(traffic_source.c.day).select_from(joined).where(traffic_source.c.domain_id == domain_id)
    return connection.execute(sent.where(source.c.ip == ip).limit(1)).first() is not None


def _canonical(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _tidy(note: str) -> str:
    words = " ".join(note.split())
    if not words or len(words) > NOTE_LENGTH or not words.isprintable():
        raise OfficeError(f"a decision needs a note of 1 to {NOTE_LENGTH} printable characters that says why")
    return words
