"""`sekisho user`: accounts of the browser app. A password comes from a prompt or stdin, never from the arguments."""

import sys
from typing import Annotated

import typer

import settings
from sekisho import shell
from store import accounts

app = typer.Typer(no_args_is_help=True, help="Add and list the accounts of the browser app.")
Name = Annotated[str, typer.Argument(help="The account's name.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a random password and print it once.")]


@app.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help="operator, staff or customer.")],
    customer: Annotated[str | None, typer.Option(help="The customer that a customer account belongs to.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of its screens: ja or en.")] = None,
    generate: Generate = False,
) -> None:
    """Add an account; the password is asked for, or read from stdin, or made with --generate.

    Example: sekisho user add hanako --role staff --generate
    """
    chosen = language or settings.load().language
    if chosen not in ("ja", "en"):
        raise typer.BadParameter("must be ja or en", param_hint="--language")
    password = _password(generate)
    with shell.changing() as connection:
        now = shell.now()
        accounts.add_account(connection, name, password, role=role, customer=customer, language=chosen, now=now)
        shell.audit(connection, "account-add", f"{name} ({role})", now=now)
    _print_once(password, generate)


@app.command("list")
def list_(json_: shell.Json = False) -> None:
    """List every account.

    Example: sekisho user list --json
    """
    with shell.reading() as connection:
        rows = accounts.accounts(connection)
    shell.print_rows(rows, ("name", "role", "customer", "language", "disabled"), json_)


@app.command()
def disable(name: Name) -> None:
    """Shut an account out at once, with all its sessions.

    Example: sekisho user disable hanako
    """
    _switch(name, disabled=True)


@app.command()
def enable(name: Name) -> None:
    """Let a disabled account in again.

    Example: sekisho user enable hanako
    """
    _switch(name, disabled=False)


@app.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help="operator, staff or customer.")],
    customer: Annotated[str | None, typer.Option(help="The customer, for the role customer.")] = None,
) -> None:
    """Give an account another role; that ends its sessions.

    Example: sekisho user role hanako customer --customer "Example Trading"
    """
    with shell.changing() as connection:
        now = shell.now()
        accounts.set_role(connection, name, role, customer, now=now)
        shell.audit(connection, "account-role", f"{name} ({role})", now=now)


@app.command()
def reset(name: Name, generate: Generate = False) -> None:
    """Give an account another password and end its sessions.

    Example: sekisho user reset hanako --generate
    """
    password = _password(generate)
    with shell.changing() as connection:
        now = shell.now()
        accounts.set_password(connection, name, password, now=now)
        shell.audit(connection, "account-reset", name, now=now)
    _print_once(password, generate)


def _switch(name: str, *, disabled: bool) -> None:
    with shell.changing() as connection:
        now = shell.now()
        accounts.set_disabled(connection, name, disabled, now=now)
        shell.audit(connection, "account-disable" if disabled else "account-enable", name, now=now)


def _password(generate: bool) -> str:
    if generate:
        return accounts.new_password()
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")


def _print_once(password: str, generated: bool) -> None:
    if generated:
        typer.echo(password)
