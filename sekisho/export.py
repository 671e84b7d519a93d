"""`sekisho export`: the CSV files of a domain or a customer."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from analysis import export as export_analysis
from analysis.export import ExportFile, Subject
from analysis.frames import Connection, Period, Scope
from sekisho import shell
from sekisho.main import FAILED
from store.office import OfficeError

app = typer.Typer(rich_markup_mode=None)

USUAL_DAYS = 30
DAY_SECONDS = 86_400


@app.command()
def export(
    subject: Annotated[str, typer.Argument(metavar="DOMAIN_OR_CUSTOMER", help="A domain, or a customer's name.")],
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First UTC day; 30 days up to --until without it.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last UTC day; today without it.")
    ] = None,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the files.")] = Path(),
) -> None:
    """Write the daily figures and the sources as CSV, and print the names of the two files.

    Example: sekisho export example.jp --since 2026-09-01 --until 2026-09-30 --out csv/
    """
    period = _period(since, until, today=shell.now() // DAY_SECONDS)
    with shell.reading() as connection:
        files = export_analysis.files(connection, _found(connection, subject), period)
    for path in _written(out, files):
        typer.echo(path)


def _period(since: datetime | None, until: datetime | None, *, today: int) -> Period:
    last = today if until is None else export_analysis.day_number(until.date())
    first = last - USUAL_DAYS + 1 if since is None else export_analysis.day_number(since.date())
    if first > last:
        raise typer.BadParameter("the first day lies after the last one", param_hint="--since")
    return Period(first, last)


def _found(connection: Connection, wanted: str) -> Subject:
    found = export_analysis.find(connection, Scope(None), wanted)
    if found is None:
        raise OfficeError(f"there is no domain and no customer {wanted!r}: see `sekisho domains list`")
    return found


def _written(folder: Path, files: tuple[ExportFile, ...]) -> tuple[Path, ...]:
    try:
        return export_analysis.write(folder, files)
    except OSError as error:
        typer.echo(f"sekisho: cannot write into {folder}: {error.strerror}", err=True)
        raise typer.Exit(FAILED) from None
