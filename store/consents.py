"""The customer's consent to a step of the ladder: who agreed, who wrote it down, when, and what was known then.

Never deleted, only withdrawn. One consent to a step holds at a time: a new one withdraws the one before.
Every function works inside the caller's transaction and writes its own audit row.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, insert, update

from store.actor import Actor, audit_domain
from store.ledger import raise_generation
from store.office import OfficeError
from store.schema import CONSENT_STAGES, consent

TEXT_LENGTH = 1_000


@dataclass(frozen=True, slots=True)
class Given:
    """Who of the customer agreed, and the note that says how (a mail, a call, a ticket)."""

    by: str
    note: str


def give(
    connection: Connection,
    domain_id: int,
    stage: str,
    given: Given,
    *,
    evidence: Mapping[str, object],
    actor: Actor,
) -> int:
    """Write a consent, withdraw the one before, and return its id. `evidence` is what was known now, kept as JSON.

    Raises OfficeError for an unknown stage and for a name or note that is empty, too long or unprintable.
    """
    _known(stage)
    row = {
        "domain_id": domain_id,
        "stage": stage,
        "given_by": _tidy(given.by, "--by"),
        "note": _tidy(given.note, "--note"),
        "evidence": json.dumps(evidence, ensure_ascii=False, sort_keys=True),
        "recorded_by": actor.name,
        "recorded_at": actor.at,
    }
    _withdraw(connection, domain_id, stage, actor)
    consent_id: int = connection.execute(insert(consent).values(row).returning(consent.c.id)).scalar_one()
    audit_domain(connection, domain_id, f"consent {stage}", actor, f"{row['given_by']}: {row['note']}")
    raise_generation(connection)
    return consent_id


def withdraw(connection: Connection, domain_id: int, stage: str, *, actor: Actor) -> None:
    """Take the consent to a step back. Raises OfficeError when none holds."""
    _known(stage)
    if not _withdraw(connection, domain_id, stage, actor):
        raise OfficeError(f"no consent to {stage} holds: there is nothing to withdraw")
    audit_domain(connection, domain_id, f"consent-withdraw {stage}", actor, None)
    raise_generation(connection)


def _withdraw(connection: Connection, domain_id: int, stage: str, actor: Actor) -> bool:
    holding = (consent.c.domain_id == domain_id, consent.c.stage == stage, consent.c.withdrawn_at.is_(None))
    change = update(consent).where(*holding).values(withdrawn_by=actor.name, withdrawn_at=actor.at)
    return connection.execute(change).rowcount > 0


def _known(stage: str) -> None:
    if stage not in CONSENT_STAGES:
        raise OfficeError(f"{stage!r} is no step that needs consent: say {', '.join(CONSENT_STAGES)}")


def _tidy(text: str, option: str) -> str:
    words = " ".join(text.split())
    if not words or len(words) > TEXT_LENGTH or not words.isprintable():
        raise OfficeError(f"a consent needs {option} with 1 to {TEXT_LENGTH} printable characters")
    return words
