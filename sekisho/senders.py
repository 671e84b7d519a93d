"""`sekisho senders`: who sends for a domain, and what each sender is."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import typer

import settings
from analysis import senders as senders_analysis
from analysis.frames import Scope
from analysis.repair import Repair
from analysis.senders import Decided, Sender, Senders, Source
from ingest.session import tables_of
from sekisho import shell
from store.office import OfficeError, a_label
from wording.forms import as_date, as_day, moment

app = typer.Typer(rich_markup_mode=None)


@app.command()
def senders(
    domain: Annotated[str, typer.Argument(help="The domain, like example.jp.")],
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First UTC day; by default the first with mail.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last UTC day; by default the last with mail.")
    ] = None,
    sources: Annotated[bool, typer.Option("--sources", help="List the addresses under each sender too.")] = False,
    json_: shell.Json = False,
) -> None:
    """List who sends for a domain: figures, verdict, the rule that gave it, and the repair.

    Example: sekisho senders example.jp --since 2026-10-01 --sources --json
    """
    chosen = settings.load()
    found = _found(a_label(domain), (_day(since), _day(until)), sources, chosen)
    if json_:
        rows = [_row(each, chosen.language, sources) for each in found.senders]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not found.senders:
        typer.echo(f"no mail of {found.domain} was reported in these days", err=True)
        return
    typer.echo(f"{'verdict':<10}{'messages':>10}{'passed':>10}  sender  [its key, for `sekisho decide`]")
    for each in found.senders:
        _print(each, chosen.language, sources)


def _found(name: str, days: tuple[int | None, int | None], with_sources: bool, chosen: settings.Settings) -> Senders:
    tables = tables_of(chosen)
    with shell.reading() as connection:
        found = senders_analysis.build(
            connection, Scope(None), name, tables, since=days[0], until=days[1], with_sources=with_sources
        )
    if found is None:
        raise OfficeError(f"there is no domain {name} in the store: see `sekisho domains list`")
    return found


def _day(moment_: datetime | None) -> int | None:
    return None if moment_ is None else as_day(moment_.date())


def _row(found: Sender, language: str, with_sources: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "sender": found.key,
        "name": found.name,
        "kind": found.kind,
        "verdict": found.verdict,
        "rule": found.judgement.rule,
        "why": found.judgement.why(language),
        "decision": _decision(found.decision, language),
        "messages": found.messages,
        "passed": found.passed,
        "dkim_aligned": found.dkim_aligned,
        "spf_aligned": found.spf_aligned,
        "failed": found.failed,
        "first_day": as_date(found.first_day).isoformat(),
        "last_day": as_date(found.last_day).isoformat(),
        "days_seen": found.days_seen,
        "reporters": found.reporters,
        "repair": [_repair(repair) for repair in found.repairs],
    }
    return row | ({"sources": [_source(each) for each in found.sources]} if with_sources else {})


def _decision(found: Decided | None, language: str) -> dict[str, str | None] | None:
    if found is None:
        return None
    return {
        "decision": found.decision,
        "note": found.note,
        "by": found.by,
        "at": moment(found.at),
        "contradiction": found.contradiction.id if found.contradiction else None,
        "against": found.contradiction.why(language) if found.contradiction else None,
    }


def _repair(found: Repair) -> dict[str, str]:
    return {"repair": found.id, "en": found.words("en"), "ja": found.words("ja")}


def _source(found: Source) -> dict[str, str | int | None]:
    return {
        "ip": found.ip,
        "ptr": found.ptr,
        "country": found.country,
        "as_name": found.as_name,
        "verdict": found.verdict,
        "messages": found.messages,
        "passed": found.passed,
    }


def _print(found: Sender, language: str, with_sources: bool) -> None:
    typer.echo(f"{found.verdict:<10}{found.messages:>10,}{found.passed:>10,}  {found.name}  [{found.key}]")
    typer.echo(f"{'':<32}{found.judgement.why(language)}")
    for line in _notes(found, language):
        typer.echo(f"{'':<32}{line}")
    for each in found.sources if with_sources else ():
        typer.echo(
            f"  {each.verdict:<10}{each.messages:>8,}{each.passed:>10,}  {each.ip or '-'}  {each.ptr or ''}".rstrip()
        )


def _notes(found: Sender, language: str) -> Iterable[str]:
    if found.decision and found.decision.contradiction:
        yield f"! {found.decision.contradiction.why(language)}"
    yield from (repair.words(language) for repair in found.repairs)
