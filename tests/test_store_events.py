"""Stored events: opened once, touched while they last, closed when over, on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError
from store_builder import ask, fill

from store import events, office, standings
from store.engine import open_store, writing
from store.events import FoundEvent, OfKind, Reconciled
from store.schema import event
from store.standings import State

NIGHT = 1_800_000_000
DAY = 86_400
REPORTER = FoundEvent(None, "reporter-silent", "Reporter", "noise", {"habit": 1})


def change(url: str, what: Callable[[Connection], object]) -> None:
    engine = open_store(url)
    try:
        with writing(engine) as connection:
            what(connection)
    finally:
        engine.dispose()


def reconcile(url: str, *found: FoundEvent, now: int, unjudged: frozenset[OfKind] = frozenset()) -> Reconciled:
    done: list[Reconciled] = []
    change(url, lambda link: done.append(events.reconcile(link, found, unjudged=unjudged, now=now)))
    return done[0]


def rows(url: str) -> list[tuple[str, str, str, int, int, int | None]]:
    columns = [event.c[name] for name in ("subject", "severity", "evidence", "opened_at", "seen_at", "closed_at")]
    return ask(url, lambda link: [tuple(row) for row in link.execute(select(*columns).order_by(event.c.id))])


@pytest.fixture
def domain(store_url: str) -> int:
    fill(store_url, [], customers={"Sakura": ["example.jp"]})
    return ask(store_url, lambda link: office.domain_id_of(link, "example.jp"))


def fell(domain: int, passed: int = 1) -> FoundEvent:
    return FoundEvent(domain, "sender-fell", "server:x", "incident", {"passed": passed, "name": "会社"})


def test_an_event_is_stored_once_over_two_nights_with_the_newest_figures(store_url: str, domain: int) -> None:
    assert reconcile(store_url, fell(domain), REPORTER, now=NIGHT) == Reconciled(2, 0, 0)
    assert reconcile(store_url, fell(domain, 3), REPORTER, now=NIGHT + DAY) == Reconciled(0, 2, 0)

    assert rows(store_url) == [
        ("server:x", "incident", '{"name": "会社", "passed": 3}', NIGHT, NIGHT + DAY, None),
        ("Reporter", "noise", '{"habit": 1}', NIGHT, NIGHT + DAY, None),
    ]


def test_the_same_night_twice_changes_nothing(store_url: str, domain: int) -> None:
    reconcile(store_url, fell(domain), now=NIGHT)
    before = rows(store_url)

    assert reconcile(store_url, fell(domain), now=NIGHT) == Reconciled(0, 1, 0)
    assert rows(store_url) == before


def test_an_event_that_is_over_is_closed_and_one_that_comes_back_is_a_new_one(store_url: str, domain: int) -> None:
    reconcile(store_url, fell(domain), now=NIGHT)
    assert reconcile(store_url, now=NIGHT + DAY) == Reconciled(0, 0, 1)
    assert reconcile(store_url, fell(domain), now=NIGHT + 2 * DAY) == Reconciled(1, 0, 0)

    assert [(row[3], row[4], row[5]) for row in rows(store_url)] == [
        (NIGHT, NIGHT, NIGHT + DAY),
        (NIGHT + 2 * DAY, NIGHT + 2 * DAY, None),
    ]


def test_what_could_not_be_judged_stays_open(store_url: str, domain: int) -> None:
    reconcile(store_url, fell(domain), REPORTER, now=NIGHT)

    unjudged = frozenset({(domain, "sender-fell")})
    assert reconcile(store_url, now=NIGHT + DAY, unjudged=unjudged) == Reconciled(0, 0, 1)
    assert [(row[0], row[5]) for row in rows(store_url)] == [("server:x", None), ("Reporter", NIGHT + DAY)]


@pytest.mark.parametrize("of_domain", [True, False])
def test_the_database_itself_allows_one_open_event(store_url: str, domain: int, of_domain: bool) -> None:
    row = {"domain_id": domain if of_domain else None, "kind": "reporter-silent", "subject": "x", "severity": "noise"}
    row |= {"evidence": "{}", "opened_at": 1, "seen_at": 1}
    change(store_url, lambda link: link.execute(insert(event), [{**row, "closed_at": 2}, {**row, "closed_at": None}]))

    with pytest.raises(IntegrityError):
        change(store_url, lambda link: link.execute(insert(event).values(**row)))


def test_screens_notice_and_no_standing_grows_stale_by_an_event(store_url: str, domain: int) -> None:
    state = State(domain, 20_833, "none", None, None, False, 0, None, 0, 0)
    change(store_url, lambda link: standings.save(link, [state], seen=standings.current_generation(link), now=NIGHT))
    before = ask(store_url, standings.current_generation)

    reconcile(store_url, fell(domain), now=NIGHT)
    after = ask(store_url, standings.current_generation)
    kept = ask(store_url, lambda link: link.exec_driver_sql("SELECT generation FROM domain_state").scalar_one())
    assert (after, kept) == (before + 1, before + 1)


def test_a_night_without_events_wakes_nobody(store_url: str, domain: int) -> None:
    before = ask(store_url, standings.current_generation)

    reconcile(store_url, now=NIGHT)
    assert ask(store_url, standings.current_generation) == before
