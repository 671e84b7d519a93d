"""How far a long command has come: a bar on a terminal; elsewhere (cron) one plain line every ten seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_EVERY_SECONDS = 10

# Takes how many more are done, and of how many; None: that is not known.
Advance = Callable[[int, int | None], None]


@contextmanager
def shown(what: str) -> Iterator[Advance]:
    """Show on stderr how many are done; `what` says of what, as "messages read"."""
    if not sys.stderr.isatty():
        yield _PlainLines(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield _Bar(bar, what)


class _Bar:
    def __init__(self, bar: Progress, what: str) -> None:
        self._bar = bar
        self._task = bar.add_task(what, total=None)

    def __call__(self, more: int, total: int | None) -> None:
        self._bar.update(self._task, advance=more, total=total)


class _PlainLines:
    def __init__(self, what: str) -> None:
        self._what = what
        self._done = 0
        self._spoken_at = time.monotonic()

    def __call__(self, more: int, total: int | None) -> None:
        self._done += more
        if time.monotonic() - self._spoken_at >= PLAIN_EVERY_SECONDS:
            self._spoken_at = time.monotonic()
            known = f" of {total}" if total else ""
            typer.echo(f"{self._done}{known} {self._what}", err=True)
