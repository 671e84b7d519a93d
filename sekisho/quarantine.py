"""`sekisho quarantine`: the messages that could not be read, why, and another try after a fix."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

import settings
from ingest.reading import Message
from ingest.session import ingest_messages
from sekisho import logs
from sekisho.shell import reading
from store import ledger
from store.errors import StoreError

app = typer.Typer(no_args_is_help=True)
JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_quarantined(as_json: JSON = False) -> None:
    """List every message in quarantine with its reason.

    Example: sekisho quarantine list
    """
    rows = _quarantined()
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
        return
    if not rows:
        typer.echo("nothing is in quarantine", err=True)
    for row in rows:
        seen = datetime.fromtimestamp(row.first_seen_at, UTC).strftime("%Y-%m-%dT%H:%MZ")
        typer.echo(f"{row.id}\t{seen}\t{row.attempts} tries\t{_plain(row.place)}\t{_plain(row.reason)}")


@app.command()
def show(
    message_id: Annotated[int, typer.Argument(help="Number from `sekisho quarantine list`.", metavar="ID")],
    out: Annotated[Path | None, typer.Option(help="Also write the original bytes to this new file.")] = None,
) -> None:
    """Show one quarantined message; with --out also save its original bytes.

    Example: sekisho quarantine show 17 --out message.bin
    """
    row = one(message_id)
    for name, value in asdict(row).items():
        typer.echo(f"{name}: {_plain(str(value))}")
    if out is not None:
        with out.open("xb") as file:
            file.write(_original(row))


@app.command()
def retry(
    message_id: Annotated[
        int | None, typer.Argument(help="Number of one message; all of them when left out.", metavar="[ID]")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Read quarantined messages again from the stored originals, for example after an upgrade or a raised limit.

    Example: sekisho quarantine retry
    """
    rows = _quarantined() if message_id is None else (one(message_id),)
    chosen = settings.load()
    with logs.kept_where_named(chosen.log.file):
        summary = ingest_messages(
            chosen,
            originals(rows),
            command="quarantine retry",
            now=int(time.time()),
            after_commit=lambda _: None,
        )
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))
    else:
        typer.echo(f"{summary.messages} tried, {summary.quarantined} still in quarantine")


def originals(rows: tuple[ledger.Quarantined, ...]) -> Iterator[Message]:
    """Each message as it came, from its stored original; one that was too big to keep cannot be tried."""
    for row in rows:
        if row.sha256 is None:
            typer.echo(f"{row.id}: its bytes were never fetched, ingest it again: {_plain(row.place)}", err=True)
            continue
        yield Message(
            row.place,
            _original(row),
            mailbox=row.mailbox,
            folder=row.folder,
            uidvalidity=row.uidvalidity,
            uid=row.uid,
        )


def _quarantined() -> tuple[ledger.Quarantined, ...]:
    with reading() as connection:
        return ledger.quarantine(connection)


def one(message_id: int) -> ledger.Quarantined:
    """The message in quarantine with this number. Raises StoreError when there is none."""
    for row in _quarantined():
        if row.id == message_id:
            return row
    raise StoreError(f"no message {message_id} is in quarantine: see `sekisho quarantine list`")


def _original(row: ledger.Quarantined) -> bytes:
    if row.sha256 is None:
        raise StoreError(f"the bytes of message {row.id} were never fetched")
    with reading() as connection:
        return ledger.original(connection, row.sha256)


def _plain(text: str) -> str:
    """Hostile text on a terminal: one line, no control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
