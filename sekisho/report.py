"""`sekisho report`: the monthly report of a customer as PDF or HTML."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import settings
from analysis import export
from analysis import report as report_analysis
from analysis.frames import Customer, Period, Scope
from analysis.report import MonthlyReport
from dashboard import monthly
from ingest.session import tables_of
from sekisho import shell
from sekisho.main import FAILED
from store.office import OfficeError
from wording import LANGUAGES

app = typer.Typer(rich_markup_mode=None)

MAKERS: dict[str, Callable[[MonthlyReport, str], bytes]] = {
    ".pdf": monthly.pdf,
    ".html": lambda found, language: monthly.html(found, language).encode(),
}


@app.command()
def report(
    customer: Annotated[str, typer.Argument(help="A customer's name or short name.")],
    month: Annotated[str, typer.Option(help="The month, as 2026-10.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="The file to write: .pdf or .html.")],
    language: Annotated[str, typer.Option(help="ja or en; the customer's own without it.")] = "",
) -> None:
    """Write the monthly report of a customer, and print the name of the file.

    Example: sekisho report "Example Trading" --month 2026-10 --out report.pdf
    """
    make = MAKERS.get(out.suffix.lower())
    if make is None:
        raise typer.BadParameter("must end with .pdf or .html", param_hint="--out")
    period = _month(month)
    owner, found = _built(customer, period)
    content = make(found, _language(language, owner))
    try:
        export.write(out.parent, [export.ExportFile(out.name, content)])
    except OSError as error:
        typer.echo(f"sekisho: cannot write {out}: {error.strerror}", err=True)
        raise typer.Exit(FAILED) from None
    typer.echo(out)


def _month(text: str) -> Period:
    try:
        period = report_analysis.month_of(text)
    except ValueError:
        raise typer.BadParameter("must be a month like 2026-10", param_hint="--month") from None
    if period.first_day > shell.now() // report_analysis.DAY_SECONDS:
        raise typer.BadParameter("lies in the future", param_hint="--month")
    return period


def _built(wanted: str, period: Period) -> tuple[Customer, MonthlyReport]:
    chosen = settings.load()
    tables = tables_of(chosen)
    with shell.reading() as connection:
        owner = report_analysis.customer_named(connection, Scope(None), wanted)
        if owner is None:
            raise OfficeError(f"there is no customer {wanted!r}: see `sekisho customers list`")
        found = report_analysis.build(connection, Scope(None), owner.slug, period, tables, shell.now(), rua=chosen.rua)
    if found is None:
        raise OfficeError(f"there is no customer {wanted!r}: see `sekisho customers list`")
    return owner, found


def _language(wanted: str, owner: Customer) -> str:
    if wanted and wanted not in LANGUAGES:
        raise typer.BadParameter(f"must be one of {', '.join(LANGUAGES)}", param_hint="--language")
    return wanted or owner.language
