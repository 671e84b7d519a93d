"""`sekisho customers`: add, list and rename the customers."""

from typing import Annotated

import typer

import settings
from sekisho import shell
from store import office

app = typer.Typer(no_args_is_help=True, help="Add, rename and list the customers.")
Name = Annotated[str, typer.Argument(help="The customer's name.")]


@app.command()
def add(
    name: Name,
    language: Annotated[str | None, typer.Option(help="Language of its files: ja or en.")] = None,
) -> None:
    """Add a customer.

    Example: sekisho customers add "Example Trading"
    """
    chosen = language or settings.load().language
    if chosen not in ("ja", "en"):
        raise typer.BadParameter("must be ja or en", param_hint="--language")
    with shell.changing() as connection:
        now = shell.now()
        customer_id = office.add_customer(connection, name, language=chosen, now=now)
        shell.audit(connection, "customer-add", name, customer_id=customer_id, now=now)


@app.command("list")
def list_(json_: shell.Json = False) -> None:
    """List every customer and how many domains it has.

    Example: sekisho customers list --json
    """
    with shell.reading() as connection:
        rows = office.customers(connection)
    shell.print_rows(rows, ("name", "language", "domains"), json_)


@app.command()
def rename(old: Name, new: Annotated[str, typer.Argument(help="The name from now on.")]) -> None:
    """Give a customer another name; its domains, accounts and file names stay.

    Example: sekisho customers rename "Example Trading" "Example Trading Tokyo"
    """
    with shell.changing() as connection:
        customer_id = office.customer_id_of(connection, old)
        office.rename_customer(connection, old, new)
        shell.audit(connection, "customer-rename", f"{old} -> {new}", customer_id=customer_id, now=shell.now())
