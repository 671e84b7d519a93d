"""`sekisho check`: what a domain publishes in DNS now, and what is wrong with it."""

import json
from typing import Annotated, Any

import typer

import settings
from analysis import ladder, published, sender_frames
from analysis.frames import Connection, Scope
from analysis.published import Checked, Published
from ingest.session import tables_of
from ingest.snapshots import take_snapshot
from knowledge.tables import Tables
from sekisho import shell, standings
from sekisho.lint import finding_fields, finding_line
from sekisho.logs import escaped
from sekisho.main import DONE, LATER
from store.office import a_label

app = typer.Typer(rich_markup_mode=None)


@app.command()
def check(
    domain: Annotated[str, typer.Argument(help="The domain, like example.jp; it need not be in the store.")],
    json_: shell.Json = False,
) -> None:
    """Ask DNS for a domain's DMARC, SPF and DKIM records, and say what is wrong with each and how it should read.

    What is found is kept when the domain is in the store. Exits 75 when DNS said nothing at all.

    Example: sekisho check example.jp --json
    """
    found = _checked(a_label(domain), settings.load(), now=shell.now())
    if json_:
        typer.echo(json.dumps(_fields(found), ensure_ascii=False, indent=2))
    else:
        _print(found)
    raise typer.Exit(LATER if found.unanswered and not found.records else DONE)


def _checked(name: str, chosen: settings.Settings, *, now: int) -> Published:
    look, tables = take_snapshot(chosen, name, now=now), tables_of(chosen)
    with shell.changing() as connection:
        sends = _sends_mail(connection, name, tables, now)
        around = published.facts(connection, Scope(None), name, tables, now=now, sends_mail=sends)
        standings.refresh_one(connection, name, tables, now=now)
    return published.examine(look, around, looked_at=now)


def _sends_mail(connection: Connection, name: str, tables: Tables, now: int) -> bool | None:
    where = sender_frames.domain_row(connection, Scope(None), name)
    return None if where is None else ladder.sends_mail(ladder.facts_of(connection, Scope(None), where, tables, now))


def _fields(found: Published) -> dict[str, Any]:
    return {
        "domain": found.domain,
        "policy_domain": found.policy_domain,
        "records": [_record(each) for each in found.records],
        "unanswered": [{"kind": each.kind, "name": each.name, "state": each.state} for each in found.unanswered],
    }


def _record(each: Checked) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "name": each.name,
        "state": each.state,
        "record": each.text,
        "valid": each.valid,
        "findings": [finding_fields(finding) for finding in each.findings],
        "corrected": each.corrected,
    }


def _print(found: Published) -> None:
    for each in found.records:
        said = each.state if each.valid is None else "valid" if each.valid else "not valid"
        typer.echo(f"{each.kind} at {each.name}: {said}")
        for line in (each.text or "").splitlines():
            typer.echo(f"  {escaped(line)}")
        for finding in each.findings:
            typer.echo(finding_line(finding))
        if each.corrected is not None and each.corrected != each.text:
            typer.echo(f"corrected: {escaped(each.corrected)}")
    for left in found.unanswered:
        typer.echo(f"{left.kind} at {left.name}: could not look ({left.state})")
