"""Complaints that wanted mail of a domain did not arrive: what was said, who wrote it down, and when.

Never deleted, only withdrawn. Every function works inside the caller's transaction and writes its own audit row.
"""

from sqlalchemy import Connection, insert, select, update

from store.decisions import Actor
from store.ledger import raise_generation
from store.office import OfficeError, audit
from store.schema import complaint, domain

NOTE_LENGTH = 1_000


def record(connection: Connection, domain_id: int, note: str, *, actor: Actor) -> int:
    """Write a complaint down; its id. Raises OfficeError for a note that is empty, too long or unprintable."""
    words = _tidy(note)
    row = {"domain_id": domain_id, "note": words, "recorded_by": actor.name, "recorded_at": actor.at}
    complaint_id: int = connection.execute(insert(complaint).values(row).returning(complaint.c.id)).scalar_one()
    _audit(connection, domain_id, "complaint", actor, words)
    raise_generation(connection)
    return complaint_id


def withdraw(connection: Connection, domain_id: int, note: str, *, actor: Actor) -> int:
    """Say that DMARC was not the reason of any complaint that counts; how many there were. Raises OfficeError."""
    words = _tidy(note)
    holding = (complaint.c.domain_id == domain_id, complaint.c.withdrawn_at.is_(None))
    change = update(complaint).where(*holding).values(withdrawn_by=actor.name, withdrawn_at=actor.at)
    count = connection.execute(change).rowcount
    if not count:
        raise OfficeError("no complaint counts: there is nothing to withdraw")
    _audit(connection, domain_id, "complaint-withdraw", actor, words)
    raise_generation(connection)
    return count


def _audit(connection: Connection, domain_id: int, action: str, actor: Actor, detail: str) -> None:
    row = connection.execute(select(domain.c.name, domain.c.customer_id).where(domain.c.id == domain_id)).one()
    audit(
        connection,
        at=actor.at,
        actor=actor.name,
        action=action,
        subject=row.name,
        customer_id=row.customer_id,
        address=actor.address,
        detail=detail,
    )


def _tidy(note: str) -> str:
    words = " ".join(note.split())
    if not words or len(words) > NOTE_LENGTH or not words.isprintable():
        raise OfficeError(f"a complaint needs a note of 1 to {NOTE_LENGTH} printable characters: who said what")
    return words
