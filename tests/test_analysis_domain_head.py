"""The head of a domain's page: as the night kept it while that holds, worked out anew when it does not."""

import pytest
from published_dns import publish
from store_builder import DAY_SECONDS, ask, fill, line, report

from analysis import domain_head, standings
from analysis.domain_head import DomainHead, NextStep, Opened
from analysis.frames import Scope
from knowledge.tables import load_tables
from store import standings as kept
from store.engine import open_store, writing

LAST = 20_069
NOW = (LAST + 1) * DAY_SECONDS + 3_600
FRESH_DAYS = 3
HOUR = 3_600
EVERYBODY = Scope(None)
RECORD = "v=DMARC1; p=none; sp=none; np=none; rua=mailto:dmarc@example.jp"
TABLES = load_tables()


@pytest.fixture
def url(store_url: str) -> str:
    """Seventy days of a shop's mail, one message in ten of which fails."""
    mail = [line("192.0.2.1", 9, dkim=True, spf=True), line("192.0.2.1", 1)]
    days = range(LAST - 69, LAST + 1)
    reports = [report("example.jp", day, mail, org=org) for day in days for org in ("one.example", "two.example")]
    fill(store_url, reports, customers={"Shop": ["example.jp"]})
    return store_url


def look(url: str, at: int) -> None:
    publish(url, "example.jp", RECORD, at=at)


def keep(url: str, now: int = NOW) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        seen = kept.current_generation(connection)
        state = standings.worked_out(connection, EVERYBODY, "example.jp", TABLES, now)
        kept.save(connection, [state] if state else [], seen=seen, now=now)
    engine.dispose()


def opened(url: str, now: int = NOW) -> Opened:
    found = ask(url, lambda c: domain_head.build(c, EVERYBODY, "example.jp", TABLES, now))
    assert found is not None
    return found


def step(url: str, now: int = NOW) -> NextStep:
    found = ask(url, lambda c: domain_head.next_step(c, EVERYBODY, "example.jp", TABLES, now))
    assert found is not None
    return found


def shown(head: DomainHead) -> tuple[object, ...]:
    stood = head.standing
    blocker = stood.blocker and (stood.blocker.gate, stood.blocker.state, stood.blocker.words("ja"))
    own = (stood.confirmed_messages, stood.confirmed_passed)
    around = (head.live, head.witness, head.reported, head.days_seen, head.reporters, head.open_events)
    return head.domain, stood.customer, head.state, stood.stage, stood.next_stage, stood.blockers, blocker, own, around


def test_what_the_night_kept_is_what_would_be_worked_out(url: str) -> None:
    look(url, NOW - HOUR)
    before = opened(url)
    keep(url)
    after = opened(url)

    assert before.step == step(url)
    assert after.step is None
    assert shown(after.head) == shown(before.head)
    assert (after.head.standing.customer, after.head.standing.stage, after.head.days_seen) == ("Shop", "none", 29)
    assert after.head.standing.blockers == len(step(url).advice.blockers) > 0


def test_after_a_change_the_head_is_worked_out(url: str) -> None:
    keep(url)
    fill(url, [], customers={"Third": []})

    assert opened(url).step is not None


def test_a_look_at_dns_that_has_grown_old_since_the_night_is_seen(url: str) -> None:
    look(url, NOW + HOUR - FRESH_DAYS * DAY_SECONDS)
    keep(url)
    fresh, old = opened(url), opened(url, NOW + 2 * HOUR)

    assert (fresh.step, fresh.head.live.fresh) == (None, True)
    assert old.head.standing.blocker is not None
    assert (old.head.standing.blocker.gate, old.head.live.fresh) == ("G0", False)
    assert old.head.standing.blockers == fresh.head.standing.blockers + 1


def test_a_look_at_dns_that_found_nothing_new_after_the_night_is_seen(url: str) -> None:
    look(url, NOW - (FRESH_DAYS + 1) * DAY_SECONDS)
    keep(url)
    look(url, NOW + HOUR)
    found = opened(url, NOW + 2 * HOUR)

    assert found.step is not None
    assert found.head.standing.blockers == len(step(url, NOW + 2 * HOUR).advice.blockers)
    assert "G0" not in [gate.id for gate in found.step.advice.blockers]
