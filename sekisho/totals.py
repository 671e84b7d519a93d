"""`sekisho totals`: what the store holds, counted."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from analysis import totals as totals_analysis
from analysis.frames import Scope
from analysis.totals import Totals
from sekisho import shell
from store.office import OfficeError, a_label

app = typer.Typer(rich_markup_mode=None)


@app.command()
def totals(
    domain: Annotated[str | None, typer.Option(help="Count this domain only.")] = None,
    json_: shell.Json = False,
) -> None:
    """Count reports, records, messages and what their receivers did.

    Example: sekisho totals --domain example.jp --json
    """
    name = None if domain is None else a_label(domain)
    with shell.reading() as connection:
        found = totals_analysis.build(connection, Scope(None), name)
    if found is None:
        raise OfficeError(f"there is no domain {name} in the store: see `sekisho domains list`")
    if json_:
        typer.echo(json.dumps(asdict(found), indent=2))
        return
    _print(found)


def _print(found: Totals) -> None:
    for name, number in _sums(found):
        typer.echo(f"{name:<24}{number:>15,}")
    typer.echo()
    shell.print_rows(found.domains, ("domain", "reports", "records", "messages", "passed"), as_json=False)


def _sums(found: Totals) -> Iterator[tuple[str, int]]:
    for name, value in asdict(found).items():
        if name == "dispositions":
            yield from ((f"disposition_{word}", messages) for word, messages in value.items())
        elif name != "domains":
            yield name, value
