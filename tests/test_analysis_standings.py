"""Where every domain stands: what is kept of it, for whom, and until when it holds, on both databases."""

import pytest
from published_dns import publish
from store_builder import DAY_SECONDS, ask, fill, line, report

from analysis import ladder, standings
from analysis.frames import Scope
from analysis.standings import Standing
from knowledge.tables import load_tables
from store import office
from store import standings as kept
from store.engine import open_store, writing

LAST = 20_069
NOW = (LAST + 1) * DAY_SECONDS + 3_600
EVERYBODY = Scope(None)
RECORD = "v=DMARC1; p=none; sp=none; np=none; rua=mailto:dmarc@{}"
TABLES = load_tables()


@pytest.fixture
def url(store_url: str) -> str:
    """Seventy days of a shop's mail that passes, and a domain of somebody else without any."""
    mail = [line("192.0.2.1", 2, dkim=True, spf=True)]
    days = range(LAST - 69, LAST + 1)
    reports = [report("example.jp", day, mail, org=org) for day in days for org in ("one.example", "two.example")]
    fill(store_url, reports, customers={"Shop": ["example.jp"], "Other": ["example.com"]})
    publish(store_url, "example.jp", RECORD.format("example.jp"), at=NOW - 3_600)
    return store_url


def keep(url: str, *names: str) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        seen = kept.current_generation(connection)
        states = [standings.worked_out(connection, EVERYBODY, name, TABLES, NOW) for name in names]
        kept.save(connection, [state for state in states if state], seen=seen, now=NOW)
    engine.dispose()


def read(url: str, scope: Scope = EVERYBODY, now: int | None = None) -> dict[str, Standing]:
    return {each.domain: each for each in ask(url, lambda c: standings.standings(c, scope, now=now))}


def test_before_the_first_night_a_domain_stands_nowhere(url: str) -> None:
    found = read(url)["example.jp"]

    assert (found.customer, found.stage, found.ready, found.as_of, found.stale) == ("Shop", None, None, None, True)


def test_what_is_kept_is_what_the_advice_says(url: str) -> None:
    keep(url, "example.jp", "example.com")
    found = read(url)["example.jp"]
    advice = ask(url, lambda connection: ladder.build(connection, EVERYBODY, "example.jp", TABLES, NOW))

    assert advice is not None
    assert (found.stage, found.next_stage, found.as_of) == ("none", "quarantine-test", LAST)
    assert (found.ready, found.blockers) == (None, len(advice.blockers)) == (None, 1)
    assert found.blocker is not None
    assert (found.blocker.gate, found.blocker.state) == ("G1", "unknown")
    assert found.blocker.words("ja") == advice.blockers[0].words("ja")
    assert found.blocker.words("en") == advice.blockers[0].words("en")
    assert (found.confirmed_messages, found.confirmed_passed) == (140, 140)


def test_a_customer_sees_its_own_domains_only(url: str) -> None:
    keep(url, "example.jp", "example.com")
    shop = ask(url, lambda connection: office.customer_id_of(connection, "Shop"))

    assert list(read(url, Scope((shop,)))) == ["example.jp"]
    assert list(read(url, Scope(()))) == []


def test_a_standing_is_stale_after_a_change_and_after_a_day(url: str) -> None:
    keep(url, "example.jp", "example.com")
    fresh, tomorrow = read(url, now=NOW)["example.jp"], read(url, now=NOW + DAY_SECONDS)["example.jp"]
    fill(url, [], customers={"Third": []})
    changed = read(url, now=NOW)["example.jp"]

    assert (fresh.stale, tomorrow.stale, changed.stale) == (False, True, True)


def test_a_standing_that_was_worked_out_before_a_change_does_not_hold_after_it(url: str) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        seen = kept.current_generation(connection)
        state = standings.worked_out(connection, EVERYBODY, "example.jp", TABLES, NOW)
        office.add_customer(connection, "Third", language="ja", now=NOW)
        assert state is not None
        kept.save(connection, [state], seen=seen, now=NOW)
    engine.dispose()

    assert read(url, now=NOW)["example.jp"].stale


def test_few_stale_standings_are_worked_out_when_they_are_read(url: str) -> None:
    found = ask(url, lambda connection: standings.current(connection, EVERYBODY, TABLES, NOW))

    assert [(each.domain, each.as_of, each.stale) for each in found] == [
        ("example.com", LAST, False),
        ("example.jp", LAST, False),
    ]
