"""`sekisho lookup`: the host names of the addresses that send."""

import json
from dataclasses import asdict

import typer

import settings
from ingest.lookup import look_up_sources
from sekisho import shell

app = typer.Typer()


@app.command()
def lookup(json_: shell.Json = False) -> None:
    """Ask DNS for the host names of new addresses, and of those asked long ago, and name their senders again.

    How many, how long and which name servers: the table [lookup] of sekisho.toml.

    Example: sekisho lookup --json
    """
    summary = asdict(look_up_sources(settings.load(), now=shell.now()))
    words = ", ".join(f"{name} {value}" for name, value in summary.items())
    typer.echo(json.dumps(summary) if json_ else words)
