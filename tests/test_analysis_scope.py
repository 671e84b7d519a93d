"""Nobody sees another customer's mail: to a customer, a store that holds others' domains too is like one without them.

Every query of the analysis that takes a scope, or a domain found in one, is asked of both (tests/two_customers.py).
"""

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from histories import tables
from sqlalchemy import Connection, select
from store_builder import NOW, ask
from two_customers import DAY, FOREIGN, OWN, OWN_TOO, PERIOD, SAKURA, SPOOF, fill_alone, fill_shared

from analysis import (
    arrival_frames,
    board_frames,
    detail_frames,
    event_frames,
    export_frames,
    frames,
    health_frames,
    ladder_frames,
    published_frames,
    replay_frames,
    report_frames,
    sender_frames,
    senders,
    standing_frames,
    standings,
    totals_frames,
    watch_frames,
)
from analysis.arrival_frames import Apart
from analysis.frames import Period, Scope
from analysis.sender_frames import DomainRow
from store.schema import report

Question = Callable[[Connection, Scope, DomainRow], Any]
FRAMES = sorted(path.stem for path in Path(arrival_frames.__file__).parent.glob("*frames.py"))


@pytest.fixture(scope="module")
def alone(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return fill_alone(sqlite_template, tmp_path_factory.mktemp("alone") / "store.sqlite3")


@pytest.fixture(scope="module")
def shared(alone: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return fill_shared(alone, tmp_path_factory.mktemp("shared") / "store.sqlite3")


KEYS = ("service:zendesk", "service:mailchimp", "ip:198.51.100.97")

QUESTIONS: dict[str, Question] = {
    "frames.domains": lambda c, scope, _: frames.domains(c, scope),
    "frames.day_messages": lambda c, scope, _: frames.day_messages(c, scope, PERIOD),
    "frames.days": lambda c, scope, _: frames.days(c, scope, PERIOD),
    "frames.sender_sources": lambda c, scope, _: frames.sender_sources(c, scope, PERIOD),
    "frames.reporters": lambda c, scope, where: frames.reporters(c, scope, where.name, PERIOD),
    "frames.reports": lambda c, scope, where: frames.reports(c, scope, where.name, PERIOD, 1_000),
    "frames.reporter_names": lambda c, scope, where: frames.reporter_names(c, scope, where.name, PERIOD),
    "frames.report_total": lambda c, scope, where: frames.report_total(c, scope, where.name, PERIOD),
    "totals_frames.domain_totals": lambda c, scope, _: totals_frames.domain_totals(c, scope),
    "totals_frames.quarantined": lambda c, scope, _: totals_frames.quarantined(c, scope),
    "frames.customers": lambda c, scope, _: frames.customers(c, scope),
    "arrival_frames.runs": lambda c, scope, _: arrival_frames.runs(c, scope, before=None, limit=9),
    "arrival_frames.message_states": lambda c, scope, _: arrival_frames.message_states(c, scope),
    "arrival_frames.quarantine": lambda c, scope, _: arrival_frames.quarantine(c, scope, before=None, limit=9),
    "arrival_frames.quarantined": lambda c, scope, _: [
        found for number in range(200) if (found := arrival_frames.quarantined(c, scope, number))
    ],
    "arrival_frames.apart_counts": lambda c, scope, _: arrival_frames.apart_counts(c, scope, PERIOD),
    "arrival_frames.apart": lambda c, scope, _: [
        arrival_frames.apart(c, scope, PERIOD, why, before=None, limit=1_000) for why in Apart
    ],
    "board_frames.sender_days": lambda c, _, where: board_frames.sender_days(c, where, PERIOD),
    "board_frames.sender_row": lambda c, _, where: board_frames.sender_row(c, where, "service:zendesk"),
    "board_frames.last_day": lambda c, _, where: board_frames.last_day(c, where, 2),
    "board_frames.mail_days": lambda c, _, where: board_frames.mail_days(c, where, PERIOD, 2),
    "board_frames.reporters": lambda c, _, where: board_frames.reporters(c, where, PERIOD, 2),
    "board_frames.decisions": lambda c, _, where: board_frames.decisions(c, where),
    "board_frames.elsewhere": lambda c, scope, where: board_frames.elsewhere(c, scope, where, PERIOD, KEYS[0]),
    "detail_frames.report_row": lambda c, _, where: detail_frames.report_row(c, where, 1),
    "detail_frames.records": lambda c, _, where: detail_frames.records(c, where, 1, first=0, limit=1_000),
    "detail_frames.results": lambda c, _, where: detail_frames.results(c, where, 1, range(100)),
    "detail_frames.reasons": lambda c, _, where: detail_frames.reasons(c, where, 1, range(100)),
    "event_frames.lasting_events": lambda c, scope, _: event_frames.lasting_events(c, scope, since=None),
    "event_frames.untold_events": lambda c, scope, _: [
        event_frames.untold_events(c, scope, since=0, to_customer=told) for told in (True, False)
    ],
    "event_frames.open_counts": lambda c, scope, _: event_frames.open_counts(c, scope),
    "export_frames.policies": lambda c, _, where: export_frames.policies(c, where, DAY + 50),
    "health_frames.latest_runs": lambda c, scope, _: health_frames.latest_runs(c, scope),
    "health_frames.reporter_days": lambda c, scope, _: health_frames.reporter_days(c, scope, 0),
    "health_frames.domain_days": lambda c, scope, _: health_frames.domain_days(c, scope, 0),
    "health_frames.mailboxes": lambda c, scope, _: health_frames.mailboxes(c, scope),
    "health_frames.quarantine": lambda c, scope, _: [n for n in health_frames.quarantine(c, scope, 0) if n],
    "health_frames.store_bytes": lambda c, scope, _: health_frames.store_bytes(c, scope),
    "ladder_frames.sender_days": lambda c, _, where: ladder_frames.sender_days(c, where, PERIOD, KEYS),
    "ladder_frames.reporter_days": lambda c, _, where: ladder_frames.reporter_days(
        c, where, PERIOD, all_keys(c, where)[2:], all_reporters(c)
    ),
    "ladder_frames.held_mail": lambda c, _, where: ladder_frames.held_mail(c, where, PERIOD, all_keys(c, where)),
    "ladder_frames.sender_names": lambda c, _, where: ladder_frames.sender_names(c, where, PERIOD, all_keys(c, where)),
    "ladder_frames.list_messages": lambda c, _, where: ladder_frames.list_messages(c, where, PERIOD),
    "ladder_frames.excused": lambda c, _, where: ladder_frames.excused(c, where, PERIOD),
    "ladder_frames.report_days": lambda c, _, where: ladder_frames.report_days(c, where, PERIOD),
    "ladder_frames.policies": lambda c, _, where: ladder_frames.policies(c, where, PERIOD),
    "ladder_frames.snapshots": lambda c, _, where: ladder_frames.snapshots(c, where),
    "ladder_frames.consents": lambda c, _, where: ladder_frames.consents(c, where),
    "ladder_frames.complaints": lambda c, _, where: ladder_frames.complaints(c, where),
    "published_frames.last_look": lambda c, _, where: published_frames.last_look(c, where),
    "published_frames.seen_signatures": lambda c, _, where: published_frames.seen_signatures(c, where, 0),
    "published_frames.seen_subdomains": lambda c, _, where: published_frames.seen_subdomains(c, where, 0),
    "published_frames.sender_keys": lambda c, _, where: published_frames.sender_keys(c, where, 0),
    "published_frames.foreign_signatures": lambda c, _, where: published_frames.foreign_signatures(c, where, 0),
    "replay_frames.rows": lambda c, _, where: replay_frames.rows(c, where, PERIOD),
    "replay_frames.rows_with_results": lambda c, _, where: replay_frames.rows_with_results(c, where, PERIOD),
    "replay_frames.missing_names": lambda c, _, where: replay_frames.missing_names(c, where),
    "report_frames.treated": lambda c, _, where: report_frames.treated(c, where, PERIOD),
    "report_frames.acts": lambda c, _, where: report_frames.acts(c, where, Period(0, NOW // 86_400)),
    "sender_frames.domain_row": lambda c, scope, where: sender_frames.domain_row(c, scope, where.name),
    "sender_frames.days_with_mail": lambda c, _, where: sender_frames.days_with_mail(c, where),
    "sender_frames.signs": lambda c, _, where: sender_frames.signs(c, where, PERIOD),
    "sender_frames.senders": lambda c, _, where: sender_frames.senders(c, where),
    "sender_frames.reporters": lambda c, _, where: sender_frames.reporters(c, where, PERIOD),
    "sender_frames.mail_lists": lambda c, _, where: sender_frames.mail_lists(c, where, PERIOD),
    "sender_frames.places": lambda c, _, where: sender_frames.places(c, where, PERIOD),
    "sender_frames.seen_since": lambda c, _, where: [
        sender_frames.seen_since(c, where, subject, DAY) for subject in (KEYS[0], f"source:{SPOOF}")
    ],
    "sender_frames.decisions": lambda c, _, where: sender_frames.decisions(c, where),
    "sender_frames.sender_records": lambda c, _, where: sender_frames.sender_records(c, where, PERIOD, KEYS[0], 1_000),
    "standing_frames.states": lambda c, scope, _: standing_frames.states(c, scope),
    "watch_frames.own_days": lambda c, _, where: watch_frames.own_days(c, where, PERIOD, own_senders(c, where)),
    "watch_frames.first_days": lambda c, _, where: watch_frames.first_days(c, where, all_keys(c, where)),
    "watch_frames.stranger_days": lambda c, _, where: watch_frames.stranger_days(c, where, PERIOD, KEYS),
}
# What belongs to no customer, so that a customer sees nothing of it.
OF_THE_HOUSE = {
    "totals_frames.quarantined",
    "arrival_frames.runs",
    "arrival_frames.message_states",
    "arrival_frames.quarantine",
    "arrival_frames.quarantined",
    "health_frames.latest_runs",
    "health_frames.mailboxes",
    "health_frames.quarantine",
    "health_frames.store_bytes",
}
# Looks at every customer's mail on purpose, and gives back numbers only (tests/test_analysis_senders.py).
ON_PURPOSE = {"elsewhere_frames.elsewhere"}
# Tested by itself below: what it says of a domain also depends on the numbers from elsewhere.
BY_ITSELF = {"watch_frames.seen"}
# The condition itself.
CONDITION = {"sender_frames.allowed"}


def all_keys(connection: Connection, where: DomainRow) -> list[str]:
    return [each.key for each in sender_frames.senders(connection, where)]


def all_reporters(connection: Connection) -> list[str]:
    """Who reported about anybody's domain."""
    return sorted(connection.scalars(select(report.c.reporter).distinct()))


def own_senders(connection: Connection, where: DomainRow) -> tuple[Any, ...]:
    """The senders of the domain, of which one is staff's own and failed in part."""
    found = senders.build(connection, Scope(None), where.name, tables())
    assert found is not None
    return found.senders


def asked(url: str, question: Question, scope: Scope, name: str = OWN) -> Any:
    def answer(connection: Connection) -> Any:
        where = sender_frames.domain_row(connection, Scope(None), name)
        assert where is not None
        found = question(connection, scope, where)
        return sorted(found, key=repr) if isinstance(found, Iterator) else found

    return ask(url, answer)


@pytest.mark.parametrize("name", [name for name in QUESTIONS if name not in OF_THE_HOUSE])
def test_what_others_have_in_the_store_changes_no_answer_to_a_customer(alone: str, shared: str, name: str) -> None:
    mine = asked(alone, QUESTIONS[name], SAKURA)

    assert mine
    assert asked(shared, QUESTIONS[name], SAKURA) == mine


@pytest.mark.parametrize("name", sorted(OF_THE_HOUSE))
def test_what_belongs_to_the_house_is_shown_to_no_customer(shared: str, name: str) -> None:
    assert not asked(shared, QUESTIONS[name], SAKURA)
    assert asked(shared, QUESTIONS[name], Scope(None))


BY_NAME: dict[str, Question] = {
    **{name: QUESTIONS[f"frames.{name}"] for name in ("reporters", "reports", "reporter_names", "report_total")},
    "domains": lambda c, scope, where: frames.domains(c, scope, where.name),
    "days": lambda c, scope, where: frames.days(c, scope, PERIOD, where.name),
    "sender_sources": lambda c, scope, where: frames.sender_sources(c, scope, PERIOD, where.name),
    "domain_totals": lambda c, scope, where: totals_frames.domain_totals(c, scope, where.name),
    "lasting_events": lambda c, scope, where: event_frames.lasting_events(c, scope, since=None, name=where.name),
    "domain_row": QUESTIONS["sender_frames.domain_row"],
}


@pytest.mark.parametrize("name", BY_NAME)
def test_who_asks_for_a_foreign_domain_by_its_name_gets_nothing(shared: str, name: str) -> None:
    assert not asked(shared, BY_NAME[name], SAKURA, FOREIGN)
    assert asked(shared, BY_NAME[name], Scope(None), FOREIGN)
    assert asked(shared, BY_NAME[name], SAKURA, OWN) == asked(shared, BY_NAME[name], Scope(None), OWN)


def asks_by_scope(question: Callable[..., Any]) -> bool:
    return not {"scope", "where"}.isdisjoint(inspect.signature(question).parameters)


@pytest.mark.parametrize("module", FRAMES)
def test_every_query_with_a_scope_or_a_domain_is_asked_here(module: str) -> None:
    found = vars(import_module(f"analysis.{module}"))
    queries = {
        f"{module}.{name}"
        for name, each in found.items()
        if inspect.isfunction(each)
        and each.__module__ == f"analysis.{module}"
        and not name.startswith("_")
        and asks_by_scope(each)
    }

    known = {*QUESTIONS, *ON_PURPOSE, *BY_ITSELF, *CONDITION}
    assert queries == {name for name in known if name.startswith(f"{module}.")}


def test_the_watch_of_a_customers_scope_sees_its_own_domains_only(shared: str) -> None:
    def seen(connection: Connection, scope: Scope, name: str) -> Any:
        (standing,) = (each for each in standings.standings(connection, Scope(None)) if each.domain == name)
        return watch_frames.seen(connection, scope, standing, tables(), NOW)

    assert ask(shared, lambda connection: seen(connection, SAKURA, FOREIGN)) is None
    assert ask(shared, lambda connection: seen(connection, Scope(None), FOREIGN).name) == FOREIGN
    assert ask(shared, lambda connection: seen(connection, SAKURA, OWN).senders)


def test_the_same_sender_elsewhere_is_that_of_the_customers_other_domains(shared: str) -> None:
    found = asked(shared, QUESTIONS["board_frames.elsewhere"], SAKURA)

    assert [(row.domain, row.customer) for row in found] == [(OWN_TOO, "Sakura")]
