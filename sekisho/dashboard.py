"""`sekisho dashboard`: serve the browser app."""

import typer

from sekisho.main import USAGE

app = typer.Typer(rich_markup_mode=None)


@app.command()
def dashboard() -> None:
    """Serve the browser app on the address and port of the settings, until Ctrl-C.

    Example: sekisho dashboard
    """
    from dashboard import server, session

    try:
        server.serve(session.settings_in_use().dashboard)
    except server.NoAccount as error:
        typer.echo(f"sekisho: {error}", err=True)
        raise typer.Exit(USAGE) from None
