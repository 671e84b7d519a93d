"""`sekisho demo`: sample reports in a store of their own, one login, and the dashboard on it.

The reports are written anew, up to yesterday, because screens look back thirty days. What is called here are the other
commands, as a person would.
"""

import datetime
import os
from pathlib import Path
from typing import Annotated

import typer

from sekisho.main import FAILED
from sekisho.samples.customers import CUSTOMERS
from sekisho.samples.whole import contents, write

app = typer.Typer(rich_markup_mode=None)

# One of them stands in the folder: while it is being filled, and once everything in it is complete.
BEGUN, READY = Path("begun"), Path("ready")
SAMPLES = Path("samples")


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the store goes; it is made.")] = Path("sekisho-demo"),
    port: Annotated[int, typer.Option(help="TCP port of the dashboard.", min=1, max=65535)] = 8501,
    serve: Annotated[bool, typer.Option(help="Serve the dashboard after reading the reports.")] = True,
) -> None:
    """Show Sekisho with sample reports of three customers, without a mailbox.

    A second run keeps the store and the login.

    Example: sekisho demo --no-serve
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _live_in(folder, port)
        anew = _begin(folder)
    except OSError as error:
        typer.echo(f"sekisho: cannot write into {folder}: {error.strerror}. Name another with --folder", err=True)
        raise typer.Exit(FAILED) from None
    if anew:
        _fill()
        BEGUN.rename(READY)
    else:
        typer.echo(f"The store and the login of the first run are kept. To start anew: rm -r '{Path.cwd()}'")
    if serve:
        from sekisho import dashboard

        dashboard.dashboard()


def _live_in(folder: Path, port: int) -> None:
    """The demonstration has its own settings, whatever this shell and this folder are set up for."""
    from settings import PREFIX

    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        del os.environ[name]
    os.environ[f"{PREFIX}DASHBOARD__PORT"] = str(port)
    os.chdir(folder)


def _begin(folder: Path) -> bool:
    """Whether the demonstration in the current folder has to be filled, its samples lying there; False: it is complete.

    What an interrupted one left is deleted. A folder in which anything else lies is refused.
    """
    from sekisho import db

    if READY.exists():
        db.upgrade()
        return False
    if not BEGUN.exists() and any(Path().iterdir()):
        raise typer.BadParameter(f"{folder} holds other files: name a new folder", param_hint="--folder")
    BEGUN.touch()
    for left in Path().glob("sekisho.sqlite3*"):
        left.unlink()
    typer.echo("Writing sample reports up to yesterday ...")
    yesterday = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
    write(contents(yesterday), SAMPLES)
    return True


def _fill() -> None:
    """A new store with the customers, the reports and one login, in the current folder."""
    from sekisho import customers, db, domains, ingest, user

    typer.echo("Reading them; some are broken on purpose ...")
    db.upgrade()
    for _, customer in CUSTOMERS:
        customers.add(customer)
    domains.import_(SAMPLES / "domains.csv")
    ingest.ingest([SAMPLES / "history", SAMPLES / "broken"])
    domains.refresh()
    typer.echo("Login for the dashboard, shown only this once:\n    name      demo\n    password  ", nl=False)
    user.add("demo", role="operator", generate=True)
