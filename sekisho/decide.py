"""`sekisho decide`: what staff knows about a sender, which wins over every rule."""

from enum import StrEnum
from typing import Annotated, Any

import typer

import settings
from analysis import senders as senders_analysis
from analysis.frames import Connection, Scope
from analysis.senders import Sender, Source
from ingest.session import tables_of
from sekisho import shell
from store import decisions
from store.decisions import SOURCE_PREFIX
from store.office import a_label, domain_id_of

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
    note: Annotated[str, typer.Option(help="Who said so, and why.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take the decision back.")] = False,
) -> None:
    """Say that a sender (or one address) is the customer's, is not, or forwards mail.

    Example: sekisho decide example.jp service:sendgrid ours --note "shop mails, says the customer"
    """
    if withdraw == (decision is not None):
        raise typer.BadParameter("say ours, not-ours or forwarder, or --withdraw")
    with shell.changing() as connection:
        domain_id = domain_id_of(connection, domain)
        subject = decisions.subject_of(connection, domain_id, sender)
        actor = decisions.Actor(shell.actor(), shell.now())
        if decision is None:
            decisions.withdraw(connection, domain_id, subject, note=note, actor=actor)
        else:
            known = _evidence(connection, a_label(domain), subject)
            decisions.decide(connection, domain_id, subject, decision.value, note=note, evidence=known, actor=actor)
    typer.echo(f"{a_label(domain)}: {subject} {'withdrawn' if decision is None else decision.value}", err=True)


def _evidence(connection: Connection, name: str, subject: str) -> dict[str, Any]:
    """The figures and the verdict at this moment, over all days: of the sender, or of the address as each sender."""
    found = senders_analysis.build(connection, Scope(None), name, tables_of(settings.load()), with_sources=True)
    senders = found.senders if found else ()
    if not subject.startswith(SOURCE_PREFIX):
        return next((_figures(sender) for sender in senders if sender.key == subject), {})
    ip = subject.removeprefix(SOURCE_PREFIX)
    return {sender.key: _figures(source) for sender in senders for source in sender.sources if source.ip == ip}


def _figures(found: Sender | Source) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "rule": found.judgement.rule,
        "messages": found.messages,
        "passed": found.passed,
    }
