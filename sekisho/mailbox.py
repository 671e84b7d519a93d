"""`sekisho mailbox`: the mailboxes of the settings, what works and what does not, and consent for their access."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

import settings
from ingest.mailbox_check import check_mailbox
from ingest.mailbox_errors import ConfigurationError
from ingest.mailbox_options import Mailbox
from ingest.mailbox_settings import credential_of, mailbox_of
from ingest.oauth import authorize as ask_consent
from sekisho import shell
from sekisho.main import FAILED

app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the mailbox in sekisho.toml.", metavar="NAME")]


@dataclass(frozen=True, slots=True)
class _Listed:
    name: str
    host: str
    user: str
    login: str
    folders: str
    after: str


@app.command("list")
def list_mailboxes(as_json: shell.Json = False) -> None:
    """List the mailboxes of sekisho.toml.

    Example: sekisho mailbox list
    """
    rows = [_listed(mailbox_of(written)) for written in settings.load().mailbox]
    shell.print_rows(rows, ("name", "host", "user", "login", "folders", "after"), as_json)


def _listed(mailbox: Mailbox) -> _Listed:
    folders = ", ".join(mailbox.folders)
    return _Listed(mailbox.name, mailbox.host, mailbox.user, mailbox.login, folders, mailbox.after)


@app.command("test")
def check(name: Name, as_json: shell.Json = False) -> None:
    """Check each step of reading a mailbox, and say what to do about the one that fails. Nothing is changed there.

    Example: sekisho mailbox test reports
    """
    mailbox = _named(name)
    steps = list(check_mailbox(mailbox, credential_of(mailbox, os.environ)))
    shell.print_rows(steps, ("name", "ok", "found", "advice"), as_json)
    if not all(step.ok for step in steps):
        raise typer.Exit(FAILED)


@app.command()
def authorize(
    name: Name,
    paste: Annotated[
        bool, typer.Option("--paste", help="The browser is on another machine: paste the address it ends at.")
    ] = False,
) -> None:
    """Ask the owner of a mailbox for OAuth consent in a browser, and keep the token for the nightly runs.

    Example: sekisho mailbox authorize reports --paste
    """
    mailbox = _named(name)
    ask_consent(mailbox, os.environ, show=_show, answer=_pasted if paste else None)
    typer.echo(f"mailbox {mailbox.name} may now be read; try: sekisho mailbox test {mailbox.name}")


def _show(address: str) -> None:
    typer.echo(f"Open this address in a browser and give consent:\n{address}", err=True)


def _pasted(start: str) -> str:
    typer.echo(f"The browser ends at an address that begins with {start} and cannot be opened there.", err=True)
    ask: Callable[..., str] = typer.prompt
    return ask("Paste that address", err=True)


def _named(name: str) -> Mailbox:
    mailboxes = {written.name: written for written in settings.load().mailbox}
    if name not in mailboxes:
        there = ", ".join(mailboxes) or "none yet: add a [[mailbox]]"
        raise ConfigurationError(f"sekisho.toml has no mailbox {name}; there are: {there}")
    return mailbox_of(mailboxes[name])
