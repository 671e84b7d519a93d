"""`sekisho dashboard`: serve the browser app."""

import typer

from sekisho.main import FAILED, USAGE

app = typer.Typer(rich_markup_mode=None)


@app.command()
def dashboard() -> None:
    """Serve the browser app on the address and port of the settings, until Ctrl-C.

    Example: sekisho dashboard
    """
    from dashboard import doors, listening, server, session
    from sekisho.doors import Programs

    doors.open_with(Programs())
    try:
        server.serve(session.settings_in_use().dashboard, _say)
    except server.NoAccount as error:
        typer.echo(f"sekisho: {error}", err=True)
        raise typer.Exit(USAGE) from None
    except listening.PortTaken as error:
        typer.echo(f"sekisho: {error}", err=True)
        raise typer.Exit(FAILED) from None


def _say(address: str) -> None:
    typer.echo(f"The dashboard is at {address} until Ctrl-C.")
