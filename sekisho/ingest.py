"""`sekisho ingest`: report files and folders, or the new mails of every mailbox, into the store."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import settings
from ingest.files import count, messages
from ingest.run import RunSummary
from ingest.session import ingest_messages
from sekisho import logs, progress
from sekisho.main import DONE, FAILED, LATER, USAGE

if TYPE_CHECKING:
    from ingest.mailboxes import MailboxOutcome

app = typer.Typer()


@app.command()
def ingest(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Report files, or folders of them.", metavar="PATH...")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Read report files (.xml .gz .zip .eml, mbox, Maildir) or folders of them into the store.

    Without a path: the new mails of every [[mailbox]] of sekisho.toml. A mailbox that fails does not stop the others.
    What cannot be read is quarantined with its reason and never stops the rest.

    Example: sekisho ingest reports/ --json
    """
    chosen = settings.load()
    with logs.kept_where_named(chosen.log.file):
        if paths:
            _ingest_paths(chosen, paths, as_json)
        else:
            _ingest_mailboxes(chosen, as_json)


def _ingest_paths(chosen: settings.Settings, paths: list[Path], as_json: bool) -> None:
    found, total = messages(paths, chosen.limits), count(paths)
    with progress.shown("messages read") as advance:
        summary = ingest_messages(
            chosen,
            found,
            command="ingest",
            now=int(time.time()),
            after_commit=lambda outcomes: advance(len(outcomes), total),
        )
    typer.echo(json.dumps(summary.as_dict()) if as_json else _sentence(summary))


def _ingest_mailboxes(chosen: settings.Settings, as_json: bool) -> None:
    from ingest.mailboxes import ingest_mailboxes  # here: IMAP and OAuth cost a run over files 13 MB and half a second

    if not chosen.mailbox:
        raise settings.SettingsError("name files or folders to read, or add a [[mailbox]] to sekisho.toml")
    with progress.shown("messages read") as advance:
        outcomes = ingest_mailboxes(
            chosen,
            os.environ,
            now=int(time.time()),
            after_commit=lambda done: advance(len(done), None),
        )
    if as_json:
        typer.echo(json.dumps([outcome.as_dict() for outcome in outcomes], ensure_ascii=False))
    for outcome in outcomes:
        if not as_json:
            typer.echo(_mailbox_sentence(outcome))
        if outcome.problem:
            typer.echo(f"sekisho: {outcome.problem}", err=True)
    raise typer.Exit(mailboxes_exit_code(outcomes))


def mailboxes_exit_code(outcomes: Sequence["MailboxOutcome"]) -> int:
    """The exit code that tells cron the worst of what happened: 2, 1, 75 or 0."""
    ended = {outcome.ended for outcome in outcomes}
    return next((code for word, code in _EXIT_CODES if word in ended), DONE)


_EXIT_CODES = (("configuration", USAGE), ("failed", FAILED), ("later", LATER))


def _mailbox_sentence(outcome: "MailboxOutcome") -> str:
    stopped = f"; the rest waits for the next run, for the limit of {outcome.stopped}" if outcome.stopped else ""
    return f"{outcome.mailbox}: {outcome.ended}, {_sentence(outcome.summary)}, filed away {outcome.filed}{stopped}"


def _sentence(summary: RunSummary) -> str:
    counted = ", ".join(f"{name} {value}" for name, value in summary.as_dict().items() if name != "messages" and value)
    return f"messages {summary.messages}: {counted}" if counted else f"messages {summary.messages}"
