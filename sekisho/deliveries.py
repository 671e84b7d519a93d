"""`sekisho deliveries`: the monthly files of customers, which every night makes when they are due."""

from typing import Annotated

import typer

import settings
from sekisho import deliver, logs, progress, shell
from sekisho.main import DONE, FAILED, LATER
from store import deliveries
from store.deliveries import Delivery
from store.locks import night_lock
from store.office import OfficeError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

COLUMNS = ("period", "customer", "kind", "state", "attempts", "last_error")


@app.command("list")
def list_(json_: shell.Json = False) -> None:
    """List the monthly files that were delivered, are due or have failed, the oldest month first.

    Example: sekisho deliveries list --json
    """
    with shell.reading() as connection:
        found = deliveries.deliveries(connection)
    shell.print_rows(found, COLUMNS, json_)


@app.command()
def run() -> None:
    """Deliver what is due now, as every night does. Exits 75 when something stays due, 1 when something failed.

    Example: sekisho deliveries run
    """
    chosen = settings.load()
    with (
        logs.kept_where_named(chosen.log.file),
        night_lock(chosen.database_url),
        progress.shown("deliveries tried") as advance,
    ):
        done = deliver.deliver(chosen, now=shell.now(), advance=advance)
    for line in done.problems:
        typer.echo(line, err=True)
    typer.echo(f"done {done.done}, still due {done.due}, failed {done.failed}")
    raise typer.Exit(FAILED if done.failed else LATER if done.due else DONE)


@app.command()
def again(
    customer: Annotated[str, typer.Argument(help="The customer's name or short name.")],
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="The month.")],
    kind: Annotated[str | None, typer.Option(help="export or report; both without it.")] = None,
) -> None:
    """Have a month's files made and delivered once more, by the next night or by `sekisho deliveries run`.

    Example: sekisho deliveries again "Example Trading" --month 2026-10
    """
    now = shell.now()
    with shell.changing() as connection:
        chosen = [each for each in deliveries.deliveries(connection) if _is_meant(each, customer, month, kind)]
        if not chosen:
            raise OfficeError(f"nothing of {month} was to be delivered to {customer!r}: see `sekisho deliveries list`")
        for each in chosen:
            deliveries.again(connection, each.id, now=now)
            subject = f"{each.customer} {each.period} {each.kind}"
            shell.audit(connection, "deliver-again", subject, now=now, customer_id=each.customer_id)
            typer.echo(f"due again: {subject}")


def _is_meant(each: Delivery, customer: str, month: str, kind: str | None) -> bool:
    return customer in (each.customer, each.slug) and each.period == month and kind in (None, each.kind)
