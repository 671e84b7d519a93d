"""`sekisho consent`: the customer's consent to a step of the ladder, with what was known when it was given."""

from enum import StrEnum
from typing import Annotated, Any

import typer

import settings
from analysis import gates, ladder, sender_frames
from analysis.frames import Connection, Scope
from ingest.session import tables_of
from sekisho import shell, standings
from store import consents
from store.actor import Actor
from store.consents import Given
from store.office import a_label, domain_id_of

app = typer.Typer(rich_markup_mode=None)


class Step(StrEnum):
    """The steps that a customer can consent to."""

    QUARANTINE_TEST = "quarantine-test"
    QUARANTINE = "quarantine"
    REJECT_TEST = "reject-test"
    REJECT = "reject"
    PARKED = "parked"


@app.command()
def consent(
    domain: Annotated[str, typer.Argument(help="The domain, like example.jp.")],
    stage: Annotated[Step, typer.Argument(help="The step that was agreed to.")],
    by: Annotated[str, typer.Option(help="Who of the customer agreed.")] = "",
    note: Annotated[str, typer.Option(help="How: a mail, a call, a ticket.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the consent back.")] = False,
) -> None:
    """Record that the customer agreed to a step, knowing what the reports show and do not show today.

    Example: sekisho consent example.jp quarantine --by "Web staff of the customer" --note "mail of 2026-11-20"
    """
    name, now = a_label(domain), shell.now()
    with shell.changing() as connection:
        domain_id = domain_id_of(connection, domain)
        actor = Actor(shell.actor(), now)
        if withdraw:
            consents.withdraw(connection, domain_id, stage.value, actor=actor)
        else:
            known = _evidence(connection, name, now)
            consents.give(connection, domain_id, stage.value, Given(by, note), evidence=known, actor=actor)
        standings.refresh_one(connection, name, tables_of(settings.load()), now=now)
    typer.echo(f"{name}: {stage.value} {'withdrawn' if withdraw else 'agreed'}", err=True)


def _evidence(connection: Connection, name: str, now: int) -> dict[str, Any]:
    where = sender_frames.domain_row(connection, Scope(None), name)
    if where is None:
        return {}
    return gates.evidence_of(ladder.facts_of(connection, Scope(None), where, tables_of(settings.load()), now))
