"""What the commands that look after the store share: the opened store, who acts, and plain tables."""

import json
import os
import pwd
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len
from sqlalchemy import Connection

import settings
from store import office
from store.engine import open_reader, open_store, writing

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@contextmanager
def changing() -> Iterator[Connection]:
    """One writing transaction on the configured store."""
    engine = open_store(settings.load().database_url)
    try:
        with writing(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def reading() -> Iterator[Connection]:
    """One unchanging state of the configured store."""
    engine = open_reader(settings.load().database_url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def now() -> int:
    """The clock of the commands: epoch seconds."""
    return int(time.time())


def audit(connection: Connection, action: str, subject: str, *, now: int, customer_id: int | None = None) -> None:
    """Write what the user of the operating system did to what."""
    office.audit(connection, at=now, actor=actor(), action=action, subject=subject, customer_id=customer_id)


def print_rows(rows: Sequence["DataclassInstance"], columns: Sequence[str], as_json: bool) -> None:
    """Print dataclasses to stdout: all their fields as JSON, or `columns` as a table under a heading."""
    fields = [asdict(row) for row in rows]
    if as_json:
        typer.echo(json.dumps(fields, ensure_ascii=False, indent=2))
        return
    cells = [list(columns), *([_cell(row[column]) for column in columns] for row in fields)]
    widths = [max(cell_len(line[at]) for line in cells) for at in range(len(columns))]
    for line in cells:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(padded).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def actor() -> str:
    """Who sits at the shell: the user of the operating system."""
    try:
        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"shell:{os.getuid()}"
