"""`sekisho decide`: what staff knows about a sender, which wins over every rule."""

from enum import StrEnum
from typing import Annotated

import typer

import settings
from analysis.frames import Scope
from analysis.sender_page import evidence_of
from ingest.session import tables_of
from sekisho import shell, standings
from store import decisions
from store.actor import Actor
from store.office import OfficeError, a_label, domain_id_of

app = typer.Typer(rich_markup_mode=None)


class Decision(StrEnum):
    """The words of a decision."""

    OURS = "ours"
    NOT_OURS = "not-ours"
    FORWARDER = "forwarder"


@app.command()
def decide(
    domain: Annotated[str, typer.Argument(help="The domain, like example.jp.")],
    sender: Annotated[str, typer.Argument(help="The sender's key or name, or one of its addresses.")],
    decision: Annotated[Decision | None, typer.Argument(help="What it is; left out with --withdraw.")] = None,
    note: Annotated[str, typer.Option(help="Who said so, and why; a decision needs it.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the decision back.")] = False,
) -> None:
    """Say that a sender (or one address) is the customer's, is not, or forwards mail.

    Example: sekisho decide example.jp service:sendgrid ours --note "shop mails, says the customer"
    """
    if withdraw == (decision is not None):
        raise typer.BadParameter("say ours, not-ours or forwarder, or --withdraw")
    if decision is not None and not note.strip():
        raise OfficeError("a decision needs a note: add --note with who said so, and why")
    tables = tables_of(settings.load())
    with shell.changing() as connection:
        domain_id = domain_id_of(connection, domain)
        subject = decisions.subject_of(connection, domain_id, sender)
        actor = Actor(shell.actor(), shell.now())
        if decision is None:
            decisions.withdraw(connection, domain_id, subject, note=note, actor=actor)
        else:
            known = evidence_of(connection, Scope(None), a_label(domain), subject, tables)
            decisions.decide(connection, domain_id, subject, decision.value, note=note, evidence=known, actor=actor)
        standings.refresh_one(connection, a_label(domain), tables, now=actor.at)
    typer.echo(f"{a_label(domain)}: {subject} {'withdrawn' if decision is None else decision.value}", err=True)
