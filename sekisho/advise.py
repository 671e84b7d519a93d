"""`sekisho advise`: where a domain stands, whether the next step is safe, and the exact record to publish."""

import json
from collections.abc import Iterator
from typing import Any

import typer

import settings
from analysis import ladder
from analysis.coverage import ReporterShare, Seasonal
from analysis.frames import Scope
from analysis.gates import Gate
from analysis.ladder import Advice
from analysis.ladder_frames import ConsentRow
from ingest.session import tables_of
from sekisho import shell
from sekisho.logs import escaped
from store.office import OfficeError, a_label
from wording import later, text
from wording.forms import as_date, moment

app = typer.Typer(rich_markup_mode=None)


@app.command()
def advise(domain: str, json_: shell.Json = False) -> None:
    """Say where a domain stands, whether the next step is safe, what blocks it, and what to publish.

    Example: sekisho advise example.jp --json
    """
    chosen = settings.load()
    tables = tables_of(chosen)
    name = a_label(domain)
    with shell.reading() as connection:
        found = ladder.build(connection, Scope(None), name, tables, shell.now(), rua=chosen.rua)
    if found is None:
        raise OfficeError(f"there is no domain {name} in the store: see `sekisho domains list`")
    if json_:
        typer.echo(json.dumps(fields_of(found), ensure_ascii=False, indent=2))
        return
    _print(found, chosen.language)


def fields_of(found: Advice) -> dict[str, Any]:
    """The advice as JSON holds it."""
    return {
        "domain": found.domain,
        "stage": found.stage,
        "next_stage": found.next_stage,
        "ready": found.ready,
        "gates": [_gate(each) for each in found.gates],
        "blockers": [each.id for each in found.blockers],
        "record_now": found.record_now,
        "record_next": None if found.record_next is None else found.record_next.record,
        "spf_next": None if found.record_next is None else found.record_next.spf,
        "consent": _consent(found.consent),
        "silent_reporters": [_silent(each) for each in found.coverage.silent],
        "seasonal": [_seasonal(each) for each in found.coverage.seasonal],
        "as_of": as_date(found.as_of).isoformat(),
    }


def _gate(found: Gate) -> dict[str, Any]:
    why = {language: found.words(language) for language in ("en", "ja")}
    return {"gate": found.id, "state": found.state, "why": why, "figures": found.figures}


def _consent(found: ConsentRow | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"stage": found.stage, "by": found.by, "note": found.note, "at": moment(found.at)}


def _silent(found: ReporterShare) -> dict[str, Any]:
    return {"reporter": found.name, "messages": found.messages, "last_day": as_date(found.last_day).isoformat()}


def _seasonal(found: Seasonal) -> dict[str, Any]:
    return {
        "sender": found.sender,
        "rhythm": found.rhythm,
        "last_day": as_date(found.last_day).isoformat(),
        "seen_since_change": found.seen_since,
    }


_READY = {True: later("ready"), False: later("not ready"), None: later("cannot be said")}


def _print(found: Advice, language: str) -> None:
    stages = f"{found.stage or '-'} -> {found.next_stage or '-'}"
    typer.echo(f"{found.domain}  {stages}  {text(language, _READY[found.ready])}  ({as_date(found.as_of)})")
    blocking = {each.id for each in found.blockers}
    for gate in found.gates:
        mark = "!" if gate.id in blocking else " "
        typer.echo(f"{mark} {gate.id:<7}{gate.state:<8} {gate.words(language)}")
    for line in _unseen(found, language):
        typer.echo(line)
    if found.record_next is not None:
        typer.echo(f"_dmarc.{found.domain}  {found.record_next.record}")
        typer.echo(text(language, found.record_next.reason))
        if found.record_next.spf is not None:
            typer.echo(f"{found.domain}  {found.record_next.spf}")


_SILENT = later("%(reporter)s has told of no own mail since %(day)s.")
_RHYTHMS = {
    "weekly": later("%(sender)s sends weekly, last on %(day)s."),
    "month-end": later("%(sender)s sends at month ends, last on %(day)s."),
    "quarterly": later("%(sender)s sends with long pauses, last on %(day)s."),
}
_NOT_SINCE = later("Since then the records have changed.")


def _unseen(found: Advice, language: str) -> Iterator[str]:
    """What the reports do not show all the time: reporters gone silent, and senders that have a season."""
    for share in found.coverage.silent:
        yield text(language, _SILENT, reporter=escaped(share.name), day=as_date(share.last_day).isoformat())
    for each in found.coverage.seasonal:
        day = as_date(each.last_day).isoformat()
        said = text(language, _RHYTHMS[each.rhythm], sender=escaped(each.sender), day=day)
        yield f"{said} {text(language, _NOT_SINCE)}" if each.seen_since is False else said
