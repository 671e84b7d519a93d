"""`sekisho db`: make, migrate, check, back up and restore the store, and name its senders again."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import settings
from sekisho import shell
from store import backup as copies
from store import retention
from store.check import findings
from store.engine import open_reader
from store.migrate import upgrade as upgrade_store
from store.transfer import is_transfer, transfer

if TYPE_CHECKING:
    from ingest.reclassify import Changes

app = typer.Typer(no_args_is_help=True, help="Upgrade, check, back up and restore the store.")


@app.command()
def upgrade() -> None:
    """Make the store when there is none, or bring an older one up to this version (after a copy of it).

    Example: sekisho db upgrade
    """
    done = upgrade_store(settings.load().database_url)
    words = {"created": "made a new store", "upgraded": "upgraded the store", "current": "the store is up to date"}
    typer.echo(words[done.outcome], err=True)
    if done.backup:
        typer.echo(f"the store as it was is kept in {done.backup}", err=True)


@app.command()
def check(json_: shell.Json = False) -> None:
    """Prove the file, its references and every sum; print what is wrong and exit 1 when something is.

    Example: sekisho db check
    """
    engine = open_reader(settings.load().database_url)
    found = findings(engine)
    engine.dispose()
    typer.echo(
        json.dumps({"findings": found}, ensure_ascii=False) if json_ else "\n".join(found), nl=bool(found) or json_
    )
    typer.echo(f"{len(found)} findings" if found else "the store is sound", err=True)
    raise typer.Exit(1 if found else 0)


@app.command()
def backup(
    file: Annotated[Path | None, typer.Argument(help="Where to; without it a dated file in backups/.")] = None,
) -> None:
    """Write a verified copy of the store, also while it is in use, and print where it is.

    Example: sekisho db backup /var/backups/sekisho.sqlite3
    """
    typer.echo(copies.backup(settings.load().database_url, file, now=shell.now()))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A copy that `sekisho db backup` made.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the store that is there; it is kept aside.")] = False,
) -> None:
    """Put a copy in the place of the store, after verifying the copy. Stop the dashboard before.

    A copy of a SQLite store may be put into a PostgreSQL store too: so a store moves to a server.

    Example: sekisho db restore /var/backups/sekisho.sqlite3 --force
    """
    url = settings.load().database_url
    put = transfer if is_transfer(url, file) else copies.restore
    aside = put(url, file, force=force, now=shell.now())
    typer.echo(f"restored {file}", err=True)
    if aside:
        typer.echo(f"the store as it was is kept in {aside}", err=True)


@app.command()
def reclassify(
    domain: Annotated[str | None, typer.Option(help="Only this domain.")] = None,
    json_: shell.Json = False,
) -> None:
    """Name the sender of every stored record again, after tables or settings changed, and say what changed.

    Decisions follow their mail where all of it went to one other sender; those that could not are listed.

    Example: sekisho db reclassify --domain example.jp
    """
    from ingest.reclassify import reclassify as name_again  # here: no other command needs what reads reports

    changes = name_again(settings.load(), domain, now=shell.now())
    if json_:
        typer.echo(json.dumps(asdict(changes), ensure_ascii=False, indent=2))
        return
    _print(changes)


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    json_: shell.Json = False,
) -> None:
    """Delete what is older than [retention] of the settings says, and print how many rows of each kind that were.

    Daily sums outlive the records that they were made of. The file of a SQLite store does not shrink: what is freed is
    used for what comes next.

    Example: sekisho db prune --dry-run
    """
    chosen, now = settings.load(), shell.now()
    before = retention.cutoffs(chosen.retention, now=now)
    if dry_run:
        with shell.reading() as connection:
            found = retention.would_prune(connection, before)
    else:
        found = retention.prune(chosen.database_url, before)
        with shell.changing() as connection:
            shell.audit(connection, "prune", found.words, now=now)
    typer.echo(json.dumps(asdict(found)) if json_ else found.words)
    if not chosen.retention.is_set:
        typer.echo("everything is kept: no option of [retention] is set", err=True)


def _print(changes: "Changes") -> None:
    for rows in (changes.moved, changes.renamed, changes.decisions):
        if rows:
            shell.print_rows(rows, tuple(asdict(rows[0])), as_json=False)
            typer.echo()
    typer.echo(f"{changes.records} records read, {changes.moved_records} with another sender", err=True)
    if changes.decisions_left:
        typer.echo(f"{len(changes.decisions_left)} decisions stay with a sender that lost mail: look at them", err=True)
