"""What staff changes on a domain's page: consents to its steps. Each change is audited, in one transaction.

Session and role are looked up again inside `session.change`, whatever the page has drawn. All raise Ended,
OfficeError and StoreError.
"""

from collections.abc import Mapping
from functools import partial

from analysis import gates, ladder, sender_frames, standings
from analysis.frames import Connection, Scope
from analysis.stages import Stage
from dashboard import known, session
from dashboard.session import Visit
from store import consents, office
from store import standings as kept
from store.actor import Actor
from store.consents import Given

STAFF = ("operator", "staff")
EVERYTHING = Scope(None)


def give_consent(visit: Visit, name: str, stage: Stage, given: Given) -> None:
    """Write down that the customer agreed to a step, with what is known at this moment."""

    def write(connection: Connection, actor: Actor) -> None:
        domain_id = office.domain_id_of(connection, name)
        evidence = _evidence(connection, name, actor.at)
        consents.give(connection, domain_id, stage, given, evidence=evidence, actor=actor)
        refresh_standing(connection, name, actor.at)

    session.change(visit, STAFF, write)


def withdraw_consent(visit: Visit, name: str, stage: Stage) -> None:
    """Take the consent to a step back."""

    def write(connection: Connection, actor: Actor) -> None:
        consents.withdraw(connection, office.domain_id_of(connection, name), stage, actor=actor)
        refresh_standing(connection, name, actor.at)

    session.change(visit, STAFF, write)


def refresh_standing(connection: Connection, name: str, now: int) -> None:
    """Keep where the domain stands after a change, so that the work queue shows it; in the caller's transaction."""
    kept.renew(connection, partial(standings.worked_out, connection, EVERYTHING, name, known.tables(), now), now=now)


def _evidence(connection: Connection, name: str, now: int) -> Mapping[str, object]:
    where = sender_frames.domain_row(connection, EVERYTHING, name)
    if where is None:
        return {}
    return gates.evidence_of(ladder.facts_of(connection, EVERYTHING, where, known.tables(), now))
