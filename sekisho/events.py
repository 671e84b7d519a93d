"""`sekisho events`: what the watch of the night found, and what to do about it."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

import settings
from analysis import events
from analysis.event_words import severity_name
from analysis.events import Event
from analysis.frames import Scope
from sekisho import logs, shell
from store import office
from wording.forms import moment

app = typer.Typer()


@app.command("events")
def list_(
    domain: Annotated[str | None, typer.Argument(help="Only those of this domain.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    json_: shell.Json = False,
) -> None:
    """List what the nights found: incidents first, each with what to do. Times are UTC.

    Example: sekisho events example.jp --all
    """
    chosen = settings.load()
    with shell.reading() as connection:
        if domain is not None:
            office.domain_id_of(connection, domain)
        name = None if domain is None else office.a_label(domain)
        ask = events.all_events if all_ else events.open_events
        found = ask(connection, Scope(None), name=name)
    if json_:
        typer.echo(json.dumps([_as_json(each) for each in found], ensure_ascii=False, indent=2))
        return
    for each in found:
        typer.echo(_line(each, chosen.language))
    if not found:
        typer.echo("no events", err=True)


def _as_json(found: Event) -> dict[str, Any]:
    words = {language: found.sentence.words(language) for language in ("en", "ja")}
    advice = {language: found.advice.words(language) for language in ("en", "ja")}
    return {**asdict(found), "sentence": words, "advice": advice}


def _line(found: Event, language: str) -> str:
    ended = "" if found.closed_at is None else f"…{moment(found.closed_at)}"
    where = found.domain or "-"
    words = f"{found.sentence.words(language)} {found.advice.words(language)}"
    return logs.escaped(
        f"{severity_name(language, found.severity)}  {where}  {moment(found.opened_at)}{ended}  {words}"
    )
