"""Complaints that wanted mail of a domain did not arrive: what was said, who wrote it down, and when.

Never deleted, only withdrawn. Every function works inside the caller's transaction and writes its own audit row.
"""

from sqlalchemy import Connection, insert, update

from store.actor import Actor, audit_domain
from store.ledger import raise_generation
from store.office import OfficeError
from store.schema import complaint

NOTE_LENGTH = 1_000


def record(connection: Connection, domain_id: int, note: str, *, actor: Actor) -> int:
    """Write a complaint down; its id. Raises OfficeError for a note that is empty, too long or unprintable."""
    words = _tidy(note)
    row = {"domain_id": domain_id, "note": words, "recorded_by": actor.name, "recorded_at": actor.at}
    complaint_id: int = connection.execute(insert(complaint).values(row).returning(complaint.c.id)).scalar_one()
    audit_domain(connection, domain_id, "complaint", actor, words)
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
    audit_domain(connection, domain_id, "complaint-withdraw", actor, words)
    raise_generation(connection)
    return count


def _tidy(note: str) -> str:
    words = " ".join(note.split())
    if not words or len(words) > NOTE_LENGTH or not words.isprintable():
        raise OfficeError(f"a complaint needs a note of 1 to {NOTE_LENGTH} printable characters: who said what")
    return words
