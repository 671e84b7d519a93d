"""What the pages, files and commands of the analysis make of a scope: a foreign domain is one that does not exist."""

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from histories import tables
from sqlalchemy import Connection
from store_builder import ask
from two_customers import DAY, FOREIGN, OWN, PERIOD, READ_AT, SAKURA, SPOOF, STRAY, fill_alone, fill_shared

import analysis
from analysis import (
    arrivals,
    domain,
    domain_head,
    events,
    export,
    export_facts,
    ladder,
    published,
    queue,
    records_page,
    replay,
    report,
    report_detail,
    sender_board,
    sender_page,
    senders,
    standings,
    totals,
)
from analysis.arrival_frames import Apart
from analysis.frames import Scope

NOW = (DAY + 4) * 86_400
KEY = "service:zendesk"

Page = Callable[[Connection, Scope, str], Any]
Question = Callable[[Connection, Scope], Any]

OF_A_DOMAIN: dict[str, Page] = {
    "domain.build": lambda c, scope, name: domain.build(c, scope, name, PERIOD),
    "domain_head.build": lambda c, scope, name: domain_head.build(c, scope, name, tables(), NOW),
    "domain_head.next_step": lambda c, scope, name: domain_head.next_step(c, scope, name, tables(), NOW),
    "events.open_events": lambda c, scope, name: events.open_events(c, scope, name=name),
    "events.all_events": lambda c, scope, name: events.all_events(c, scope, name=name),
    "export.find": lambda c, scope, name: export.find(c, scope, name),
    "export_facts.gather": lambda c, scope, name: [*export_facts.gather(c, scope, name, PERIOD, tables(), NOW)],
    "ladder.build": lambda c, scope, name: ladder.build(c, scope, name, tables(), NOW),
    "published.build": lambda c, scope, name: published.build(c, scope, name, tables(), now=NOW),
    "published.facts": lambda c, scope, name: published.facts(c, scope, name, tables(), now=NOW),
    "records_page.build": lambda c, scope, name: records_page.build(c, scope, name, tables(), PERIOD, now=NOW),
    "replay.build": lambda c, scope, name: replay.build(c, scope, name, tables(), replay.Policy("reject")),
    "report_detail.build": lambda c, scope, name: report_detail.build(c, scope, name, 1),
    "sender_board.build": lambda c, scope, name: sender_board.build(c, scope, name, tables(), PERIOD),
    "sender_page.build": lambda c, scope, name: sender_page.build(c, scope, name, KEY, tables(), PERIOD),
    "sender_page.evidence_of": lambda c, scope, name: [
        sender_page.evidence_of(c, scope, name, subject, tables()) or None for subject in (KEY, f"source:{SPOOF}")
    ],
    "senders.build": lambda c, scope, name: senders.build(c, scope, name, tables()),
    "standings.worked_out": lambda c, scope, name: standings.worked_out(c, scope, name, tables(), NOW),
    "totals.build": lambda c, scope, name: totals.build(c, scope, name),
}
OF_ALL_DOMAINS: dict[str, Question] = {
    "arrivals.apart": lambda c, scope: [arrivals.apart(c, scope, PERIOD, why, before=None) for why in Apart],
    "arrivals.mailboxes": lambda c, scope: arrivals.mailboxes(c, scope, ("post",)),
    "arrivals.quarantine": lambda c, scope: arrivals.quarantine(c, scope, before=None),
    "events.open_events": lambda c, scope: events.open_events(c, scope),
    "events.all_events": lambda c, scope: events.all_events(c, scope),
    "events.open_counts": lambda c, scope: events.open_counts(c, scope),
    "events.untold": lambda c, scope: events.untold(c, scope, since=0),
    "export.own": lambda c, scope: export.own(c, scope),
    "report.customer_named": lambda c, scope: [report.customer_named(c, scope, n) for n in ("Tanaka", "Sakura")],
    "standings.standings": lambda c, scope: [(each.domain, each.customer) for each in standings.standings(c, scope)],
    "totals.build": lambda c, scope: totals.build(c, scope),
}
# What they say of a domain also depends on numbers from elsewhere; here is asked for the names of domains only.
OF_NAMED_DOMAINS: dict[str, Question] = {
    "export_facts.gather": lambda c, scope: [
        each.domain for each in export_facts.gather(c, scope, None, PERIOD, tables(), NOW)
    ],
    "report.build": lambda c, scope: [
        [each.domain for each in found.domains] if found else None
        for found in (report.build(c, scope, slug, PERIOD, tables(), NOW) for slug in ("tanaka", "sakura"))
    ],
    "queue.of_scope": lambda c, scope: [each.domain for each in queue.of_scope(c, scope, tables(), NOW).rows],
    "standings.current": lambda c, scope: [each.domain for each in standings.current(c, scope, tables(), NOW)],
}
OF_THE_HOUSE: dict[str, Question] = {
    "arrivals.runs": lambda c, scope: arrivals.runs(c, scope, before=None, now=NOW).rows,
    "arrivals.states": lambda c, scope: sum(arrivals.states(c, scope).values()),
    "arrivals.silences": lambda c, scope: arrivals.silences(c, scope, (), now=READ_AT).reporters,
    "arrivals.mailboxes": lambda c, scope: arrivals.mailboxes(c, scope, ()),
    "arrivals.quarantine": lambda c, scope: arrivals.quarantine(c, scope, before=None).rows,
    "arrivals.quarantined": lambda c, scope: [n for n in range(200) if arrivals.quarantined(c, scope, n)],
}
# Takes a domain that was found in a scope.
OF_A_FOUND_DOMAIN = {"ladder.facts_of"}


@pytest.fixture(scope="module")
def alone(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return fill_alone(sqlite_template, tmp_path_factory.mktemp("alone") / "store.sqlite3")


@pytest.fixture(scope="module")
def shared(alone: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return fill_shared(alone, tmp_path_factory.mktemp("shared") / "store.sqlite3")


@pytest.mark.parametrize("name", OF_A_DOMAIN)
@pytest.mark.parametrize("foreign", [FOREIGN, STRAY], ids=["of another", "of nobody"])
def test_a_foreign_domain_is_to_a_customer_what_an_unknown_one_is(shared: str, name: str, foreign: str) -> None:
    page = OF_A_DOMAIN[name]

    unknown = ask(shared, lambda c: page(c, SAKURA, "nope.example.com"))
    assert ask(shared, lambda c: page(c, SAKURA, foreign)) == unknown
    assert ask(shared, lambda c: page(c, Scope(None), foreign)) != unknown
    assert ask(shared, lambda c: page(c, SAKURA, OWN)) != unknown


@pytest.mark.parametrize("name", [*OF_ALL_DOMAINS, *OF_NAMED_DOMAINS])
def test_what_others_have_changes_no_list_that_a_customer_sees(alone: str, shared: str, name: str) -> None:
    question = {**OF_ALL_DOMAINS, **OF_NAMED_DOMAINS}[name]

    mine = ask(alone, lambda c: question(c, SAKURA))
    assert ask(shared, lambda c: question(c, SAKURA)) == mine
    assert ask(shared, lambda c: question(c, Scope(None))) != mine


@pytest.mark.parametrize("name", OF_THE_HOUSE)
def test_what_arrived_is_shown_to_no_customer(shared: str, name: str) -> None:
    assert not ask(shared, lambda c: OF_THE_HOUSE[name](c, SAKURA))
    assert ask(shared, lambda c: OF_THE_HOUSE[name](c, Scope(None)))


def test_every_function_with_a_scope_is_asked_here() -> None:
    stems = (path.stem for path in Path(analysis.__path__[0]).glob("*.py") if not path.stem.endswith("frames"))
    asked = {*OF_A_DOMAIN, *OF_ALL_DOMAINS, *OF_NAMED_DOMAINS, *OF_THE_HOUSE, *OF_A_FOUND_DOMAIN}

    assert {name for stem in stems for name in with_scope(stem)} == asked


def with_scope(stem: str) -> Iterator[str]:
    module = f"analysis.{stem}"
    for name, each in vars(import_module(module)).items():
        own = inspect.isfunction(each) and each.__module__ == module and not name.startswith("_")
        if own and "scope" in inspect.signature(each).parameters:
            yield f"{stem}.{name}"
