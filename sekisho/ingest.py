"""`sekisho ingest`: report files and folders into the store."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import settings
from ingest.files import count, messages
from ingest.run import Outcome, RunSummary
from ingest.session import ingest_messages

PLAIN_EVERY_SECONDS = 10
app = typer.Typer()


@app.command()
def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Report files, or folders of them.", metavar="PATH...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Read report files (.xml .gz .zip .eml, mbox, Maildir) or folders of them into the store.

    What cannot be read is quarantined with its reason and never stops the rest.

    Example: sekisho ingest reports/ --json
    """
    chosen = settings.load()
    found = messages(paths, chosen.limits)
    with _progress(count(paths)) as advance:
        summary = ingest_messages(chosen, found, command="ingest", now=int(time.time()), after_commit=advance)
    typer.echo(json.dumps(summary.as_dict()) if as_json else _sentence(summary))


def _sentence(summary: RunSummary) -> str:
    counted = ", ".join(f"{name} {value}" for name, value in summary.as_dict().items() if name != "messages" and value)
    return f"messages {summary.messages}: {counted}"


@contextmanager
def _progress(total: int | None) -> Iterator["_Advance"]:
    """A bar on a terminal; elsewhere (cron) one plain line every ten seconds."""
    if not sys.stderr.isatty():
        yield _PlainLines(total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield _Bar(bar, total)


class _Bar:
    def __init__(self, bar: Progress, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task("messages", total=total)

    def __call__(self, outcomes: Sequence[Outcome]) -> None:
        self._bar.advance(self._task, len(outcomes))


class _PlainLines:
    def __init__(self, total: int | None) -> None:
        self._total = total
        self._done = 0
        self._spoken_at = time.monotonic()

    def __call__(self, outcomes: Sequence[Outcome]) -> None:
        self._done += len(outcomes)
        if time.monotonic() - self._spoken_at >= PLAIN_EVERY_SECONDS:
            self._spoken_at = time.monotonic()
            known = f" of {self._total}" if self._total else ""
            typer.echo(f"{self._done}{known} messages read", err=True)


_Advance = _Bar | _PlainLines
