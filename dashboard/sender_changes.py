"""What staff decides about senders on the screen: with its evidence and its audit row, in one transaction.

Session and role are looked up again inside `session.change`, whatever the page has drawn. All raise Ended,
OfficeError and StoreError.
"""

from analysis import sender_page
from analysis.frames import Connection
from dashboard import domain_changes, known, session
from dashboard.session import Visit
from store import decisions, office
from store.actor import Actor
from store.decisions import NOTE_LENGTH

STAFF = ("operator", "staff")


def is_note(text: str) -> bool:
    """Whether the store takes the text for the note of a decision."""
    words = " ".join(text.split())
    return 0 < len(words) <= NOTE_LENGTH and words.isprintable()


def decide(visit: Visit, name: str, subject: str, decision: str, note: str) -> None:
    """Write down that a sender (its key) is `decision`: ours, not-ours or forwarder, and why."""

    def write(connection: Connection, actor: Actor) -> None:
        domain_id = office.domain_id_of(connection, name)
        evidence = sender_page.evidence_of(connection, domain_changes.EVERYTHING, name, subject, known.tables())
        decisions.decide(connection, domain_id, subject, decision, note=note, evidence=evidence, actor=actor)
        domain_changes.refresh_standing(connection, name, actor.at)

    session.change(visit, STAFF, write)


def withdraw(visit: Visit, name: str, subject: str, note: str) -> None:
    """Take the decision about a sender back; the note may be empty."""

    def write(connection: Connection, actor: Actor) -> None:
        decisions.withdraw(connection, office.domain_id_of(connection, name), subject, note=note, actor=actor)
        domain_changes.refresh_standing(connection, name, actor.at)

    session.change(visit, STAFF, write)
