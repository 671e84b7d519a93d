"""`sekisho domains`: whose domain is whose."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho import shell
from store import office

app = typer.Typer(no_args_is_help=True, help="Say whose domain is whose, and list the domains.")


@app.command("list")
def list_(json_: shell.Json = False) -> None:
    """List every domain that is registered or was seen in a report, with its customer.

    Example: sekisho domains list --json
    """
    with shell.reading() as connection:
        rows = office.domains(connection)
    shell.print_rows(rows, ("name", "customer", "registered"), json_)


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
