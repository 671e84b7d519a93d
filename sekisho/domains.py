"""`sekisho domains`: whose domain is whose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import settings
from analysis import standings
from analysis.frames import Scope
from analysis.standings import Standing
from ingest.session import tables_of
from sekisho import shell
from sekisho import standings as standing_steps
from store import office
from wording.forms import as_date

app = typer.Typer(no_args_is_help=True, help="Say whose domain is whose, and list the domains.")


@dataclass(frozen=True, slots=True)
class Line:
    """A domain of the list: whose it is, and where it stood on the day `as_of` (None: nobody worked it out yet).

    `ready` is None where it cannot be said, or where there is no next step; `blockers` counts the gates that keep it
    from that step.
    """

    id: int
    name: str
    customer: str | None
    registered: bool
    stage: str | None
    next_stage: str | None
    ready: bool | None
    blockers: int
    as_of: str | None


@app.command("list")
def list_(json_: shell.Json = False) -> None:
    """List every domain that is registered or was seen in a report: its customer, stage, and what blocks its next step.

    Stages and blockers are those that the night kept; of few domains they are worked out now.

    Example: sekisho domains list --json
    """
    tables, scope = tables_of(settings.load()), Scope(None)
    with shell.reading() as connection:
        found = {each.domain: each for each in standings.current(connection, scope, tables, shell.now())}
        rows = [_line(each, found[each.name]) for each in office.domains(connection)]
    shell.print_rows(rows, ("name", "customer", "registered", "stage", "next_stage", "ready", "blockers"), json_)


def _line(found: office.Domain, standing: Standing) -> Line:
    return Line(
        found.id,
        found.name,
        found.customer,
        found.registered,
        stage=standing.stage,
        next_stage=standing.next_stage,
        ready=standing.ready,
        blockers=standing.blockers,
        as_of=None if standing.as_of is None else as_date(standing.as_of).isoformat(),
    )


@app.command()
def refresh() -> None:
    """Work out anew where every domain stands, as every night does; of use after reports were read by hand.

    Example: sekisho domains refresh
    """
    count = standing_steps.refresh(settings.load(), now=shell.now())
    typer.echo(f"worked out {count} domains", err=True)


@app.command()
def assign(
    domain: Annotated[str, typer.Argument(help="The domain, like example.jp.")],
    customer: Annotated[str | None, typer.Argument(help="The customer's name; without it the domain has none.")] = None,
) -> None:
    """Register a domain and give it to a customer, or to nobody.

    Example: sekisho domains assign example.jp "Example Trading"
    """
    with shell.changing() as connection:
        now = shell.now()
        office.assign_domain(connection, domain, customer, now=now)
        shell.audit(connection, "domain-assign", f"{office.a_label(domain)} -> {customer or 'nobody'}", now=now)


@app.command("import")
def import_(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV: domain,customer.")]) -> None:
    """Assign every line of a CSV (UTF-8 or Shift_JIS): all of it, or nothing when a line is wrong.

    Example: sekisho domains import domains.csv
    """
    lines = _text(file).splitlines()
    with shell.changing() as connection:
        now = shell.now()
        count = office.import_domains(connection, lines, now=now)
        shell.audit(connection, "domain-import", f"{count} domains out of {file.name}", now=now)
    typer.echo(f"assigned {count} domains", err=True)


def _text(file: Path) -> str:
    """The file's text. Excel in Japanese saves CSV as Windows-31J unless told otherwise."""
    content = file.read_bytes()
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise office.OfficeError(f"{file} is neither UTF-8 nor Shift_JIS: save it as UTF-8")
