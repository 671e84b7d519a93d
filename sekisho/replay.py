"""`sekisho replay`: what a policy would have done to the mail already reported."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

import settings
from analysis import replay as replay_analysis
from analysis.frames import Scope
from analysis.replay import LIMITS, Agreement, Hit, Policy, Replay
from analysis.replay_record import record_of
from ingest.session import tables_of
from sekisho import shell
from store.office import OfficeError, a_label
from wording import text
from wording.forms import as_date, as_day

app = typer.Typer(rich_markup_mode=None)


class Word(StrEnum):
    """The words of a policy."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Mode(StrEnum):
    """The alignment modes: relaxed and strict."""

    RELAXED = "r"
    STRICT = "s"


_Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First or last UTC day; by default all.")]


@app.command()
def replay(
    domain: Annotated[str, typer.Argument(help="The domain, like example.jp.")],
    policy: Annotated[Word, typer.Option(help="The policy for the domain (p).")],
    sp: Annotated[Word | None, typer.Option(help="For names below it; by default as --policy.")] = None,
    np: Annotated[Word | None, typer.Option(help="For names that do not exist; by default as --sp.")] = None,
    adkim: Annotated[Mode | None, typer.Option(help="DKIM alignment; by default as it was.")] = None,
    aspf: Annotated[Mode | None, typer.Option(help="SPF alignment; by default as it was.")] = None,
    t: Annotated[bool, typer.Option("--t", help="A test record (t=y).")] = False,
    pct: Annotated[int, typer.Option(min=0, max=100, help="RFC 7489's pct.")] = 100,
    since: _Day = None,
    until: _Day = None,
    json_: shell.Json = False,
) -> None:
    """Say what a policy would have done to the mail already reported, as a range.

    Example: sekisho replay example.jp --policy reject --since 2026-10-01 --json
    """
    chosen = settings.load()
    tables = tables_of(chosen)
    name = a_label(domain)
    wanted = Policy(policy, sp, np, adkim, aspf, t, pct)
    days = tuple(None if each is None else as_day(each.date()) for each in (since, until))
    with shell.reading() as connection:
        found = replay_analysis.build(connection, Scope(None), name, tables, wanted, since=days[0], until=days[1])
    if found is None:
        raise OfficeError(f"there is no domain {name} in the store: see `sekisho domains list`")
    if json_:
        typer.echo(json.dumps(fields_of(found, chosen.language), ensure_ascii=False, indent=2))
        return
    _print(found, chosen.language)


def fields_of(found: Replay, language: str) -> dict[str, Any]:
    """The replay as JSON holds it."""
    first, last = (None, None) if found.period is None else (found.period.first_day, found.period.last_day)
    return {
        "policy": record_of(found.policy),
        "since": None if first is None else as_date(first).isoformat(),
        "until": None if last is None else as_date(last).isoformat(),
        "messages": found.messages,
        "delivered": found.delivered,
        "quarantined": found.quarantined,
        "rejectable": {"certain": found.rejectable.certain, "possible": found.rejectable.possible},
        "spared": found.spared,
        "senders": [_hit(each) for each in found.hits],
        "agreement": _agreement(found.agreement),
        "limits": [text(language, each) for each in LIMITS],
    }


def _hit(found: Hit) -> dict[str, Any]:
    return {
        "sender": found.sender,
        "name": found.name,
        "verdict": found.verdict,
        "certain": found.certain,
        "possible": found.possible,
        "days": [as_date(day).isoformat() for day in found.days],
        "reporters": list(found.reporters),
    }


def _agreement(found: Agreement) -> dict[str, Any]:
    return {
        "agreed": found.agreed,
        "overridden": found.overridden,
        "differing": found.differing,
        "share": found.share,
    }


def _print(found: Replay, language: str) -> None:
    for name, value in fields_of(found, language).items():
        if name in ("messages", "delivered", "quarantined", "spared"):
            typer.echo(f"{name:<24}{value:>12,}")
    typer.echo(f"{'rejectable, certain':<24}{found.rejectable.certain:>12,}")
    typer.echo(f"{'rejectable, possible':<24}{found.rejectable.possible:>12,}")
    if found.hits:
        typer.echo(f"{'verdict':<11}{'certain':>9}   {'possible':>9}  sender  [its key]")
    for hit in found.hits:
        typer.echo(f"{hit.verdict:<11}{hit.certain:>9,} - {hit.possible:>9,}  {hit.name}  [{hit.sender}]")
    compared = found.agreement
    typer.echo(f"agreement: {compared.agreed:,} agreed, {compared.overridden:,} overridden, {compared.differing:,} not")
    for limit in LIMITS:
        typer.echo(text(language, limit))
