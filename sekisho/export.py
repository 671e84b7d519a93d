"""`sekisho export`: the CSV set of a customer or a domain, and the workbook of the same tables."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import settings
from analysis import export as export_analysis
from analysis.export import ExportFile, Subject
from analysis.export_tables import Style
from analysis.frames import Connection, Period, Scope
from analysis.report import month_of
from ingest.session import tables_of
from sekisho import shell
from sekisho.main import FAILED
from settings import Settings
from store.office import OfficeError
from wording.forms import as_day

app = typer.Typer(rich_markup_mode=None)

USUAL_DAYS = 30
DAY_SECONDS = 86_400


class Language(StrEnum):
    """The languages of sentences and headings."""

    JA = "ja"
    EN = "en"


class Encoding(StrEnum):
    """How CSV files are encoded: for any Excel of today, or for systems that know nothing but Shift_JIS."""

    UTF_8_SIG = "utf-8-sig"
    CP932 = "cp932"


class Headers(StrEnum):
    """Headings and codes in words for people, or as stable English names for programs."""

    WORDS = "words"
    NAMES = "names"


@app.command()
def export(
    subject: Annotated[str, typer.Argument(metavar="DOMAIN_OR_CUSTOMER", help="A domain, or a customer's name.")],
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="The UTC days of one month.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First UTC day; 30 days up to --until without it.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last UTC day; today without it.")
    ] = None,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the files.")] = Path(),
    language: Annotated[Language | None, typer.Option(help="Without it the customer's.")] = None,
    encoding: Annotated[Encoding, typer.Option(help="Encoding of the CSV files.")] = Encoding.UTF_8_SIG,
    headers: Annotated[
        Headers, typer.Option(help="Headings and codes in words, or as stable English names.")
    ] = Headers.WORDS,
    xlsx: Annotated[bool, typer.Option("--xlsx", help="Write a workbook of the same tables too.")] = False,
) -> None:
    """Write the CSV set of a customer or a domain, with a text that explains it, and print the names of the files.

    Example: sekisho export Sakura --month 2026-10 --out csv/ --xlsx
    """
    period = _period(month, since, until, today=shell.now() // DAY_SECONDS)
    chosen = settings.load()

    def style(found: Subject) -> Style:
        spoken = language or found.language or chosen.language
        return Style(str(spoken), encoding.value, headers.value)

    for path in _written(out, _files(subject, period, chosen, style, xlsx)):
        typer.echo(path)


def _files(
    wanted: str, period: Period, chosen: Settings, style: Callable[[Subject], Style], xlsx: bool
) -> tuple[ExportFile, ...]:
    knowledge = tables_of(chosen)
    with shell.reading() as connection:
        found = _found(connection, wanted)
        return export_analysis.files(
            connection, found, period, knowledge, style(found), now=shell.now(), rua=chosen.rua, xlsx=xlsx
        )


def _period(month: str | None, since: datetime | None, until: datetime | None, *, today: int) -> Period:
    if month is not None:
        if since or until:
            raise typer.BadParameter("say a month, or the first and the last day", param_hint="--month")
        return _month(month)
    last = today if until is None else as_day(until.date())
    first = last - USUAL_DAYS + 1 if since is None else as_day(since.date())
    if first > last:
        raise typer.BadParameter("the first day lies after the last one", param_hint="--since")
    return Period(first, last)


def _month(month: str) -> Period:
    try:
        return month_of(month)
    except ValueError:
        raise typer.BadParameter(f"{month!r} is no month like 2026-10", param_hint="--month") from None


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
