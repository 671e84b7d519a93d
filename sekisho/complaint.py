"""`sekisho complaint`: the customer says that wanted mail did not arrive, which keeps a domain from reject."""

from typing import Annotated

import typer

import settings
from ingest.session import tables_of
from sekisho import shell, standings
from store import complaints
from store.actor import Actor
from store.office import a_label, domain_id_of

app = typer.Typer(rich_markup_mode=None)


@app.command()
def complaint(
    domain: Annotated[str, typer.Argument(help="The domain whose mail did not arrive, like example.jp.")],
    note: Annotated[str, typer.Option(help="Who said it, and what is missing.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="DMARC was not the reason: let none count.")] = False,
) -> None:
    """Record that wanted mail did not arrive. For 30 days the domain is not ready for reject.

    Example: sekisho complaint example.jp --note "Invoices of October did not arrive, says a client of the customer"
    """
    name, now = a_label(domain), shell.now()
    tables = tables_of(settings.load())
    with shell.changing() as connection:
        domain_id, actor = domain_id_of(connection, domain), Actor(shell.actor(), now)
        if withdraw:
            complaints.withdraw(connection, domain_id, note, actor=actor)
        else:
            complaints.record(connection, domain_id, note, actor=actor)
        standings.refresh_one(connection, name, tables, now=now)
    typer.echo(f"{name}: complaint {'withdrawn' if withdraw else 'recorded'}", err=True)
