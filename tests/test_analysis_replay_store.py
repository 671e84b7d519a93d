"""The replay of what a store holds: days, alignment modes, names that do not exist, and senders by their names."""

from typing import Any

import pytest
from histories import FIRST_DAY, report, shape, signed, spf, store_history, tables
from store_builder import ask, fill

from analysis import replay
from analysis.frames import Period, Scope
from analysis.replay import Policy, Range, Replay
from store import office
from store.engine import open_store, writing
from store.snapshots import NO_NAME, SPF, Look, Observation, save_look
from store.values import Record

# Signed as a name below: aligned only where DKIM is relaxed. Then the same by SPF.
SIGNED = Record("192.0.2.20", 4, shape("example.jp", signed("mail.example.jp"), dkim=True))
RETURNED = Record("192.0.2.20", 3, shape("example.jp", spf("bounce.example.jp"), spf=True))
BELOW = Record("203.0.113.1", 2, shape("gone.example.jp", spf("gone.example.jp", "softfail")))
SPOOFED = Record("203.0.113.1", 5, shape("example.jp", spf("example.jp", "fail")))


@pytest.fixture
def url(sqlite_url: str) -> str:
    """Nine messages on the first day, two of which fail, and five failing ones on the second."""
    days = ([SIGNED, RETURNED, BELOW], [SPOOFED])
    store_history(
        sqlite_url, [report("example.jp", FIRST_DAY + n, "google.com", lines) for n, lines in enumerate(days)]
    )
    return sqlite_url


def replayed(url: str, policy: Policy, **period: Any) -> Replay:
    found = ask(url, lambda c: replay.build(c, Scope(None), "example.jp", tables(), policy, **period))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("policy", "possible"),
    [
        (Policy("reject"), 7),
        (Policy("reject", adkim="s"), 11),
        (Policy("reject", aspf="s"), 10),
        (Policy("reject", adkim="s", aspf="s"), 14),
    ],
)
def test_a_stricter_mode_rejects_what_it_no_longer_aligns(url: str, policy: Policy, possible: int) -> None:
    found = replayed(url, policy)

    assert (found.messages, found.rejectable.possible, found.delivered) == (14, possible, 14 - possible)


def test_a_replay_holds_the_days_that_were_asked_for(url: str) -> None:
    first, second = (
        replayed(url, Policy("reject"), until=FIRST_DAY),
        replayed(url, Policy("reject"), since=FIRST_DAY + 1),
    )

    assert (first.messages, first.rejectable) == (9, Range(2, 2))
    assert (second.messages, second.rejectable) == (5, Range(5, 5))
    assert replayed(url, Policy("reject")).period == Period(FIRST_DAY, FIRST_DAY + 1)


def test_a_hit_bears_the_name_and_the_verdict_of_its_sender(url: str) -> None:
    (hit,) = replayed(url, Policy("reject")).hits

    assert (hit.sender, hit.name, hit.verdict) == ("net:203.0.113.0/24", "203.0.113.0/24", "unknown")
    assert (hit.days, hit.reporters) == ((FIRST_DAY, FIRST_DAY + 1), ("google.com",))


def test_own_mail_that_a_stricter_mode_meets_is_the_domains_own(url: str) -> None:
    found = replayed(url, Policy("reject", aspf="s"))

    assert [hit.possible for hit in found.legitimate] == [3]


def test_a_name_of_which_dns_says_that_it_does_not_exist_follows_np(url: str) -> None:
    before = replayed(url, Policy("reject", np="none"))
    engine = open_store(url)
    with writing(engine) as connection:
        looked = Look("example.jp", (Observation(SPF, "gone.example.jp", NO_NAME, {}),), ())
        save_look(connection, office.domain_id_of(connection, "example.jp"), looked, now=1_800_000_000)
    engine.dispose()

    assert before.rejectable == Range(7, 7)
    assert replayed(url, Policy("reject", np="none")).rejectable == Range(5, 5)


def test_without_a_report_nothing_is_replayed(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"Shop": ["example.jp"]})
    found = replayed(sqlite_url, Policy("reject"))

    assert (found.domain, found.policy, found.period) == ("example.jp", Policy("reject"), None)
    assert (found.messages, found.rejectable, found.hits) == (0, Range(0, 0), ())
