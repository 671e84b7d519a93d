"""The text of the digest: order, length, and when there is something to say."""

from dataclasses import replace

from analysis.digest import MOST_TOLD, for_customer, for_staff
from analysis.events import Event

NOW = 1_800_000_000
EVIDENCE = {"name": "Own server", "passed": 1, "messages": 9, "day": "2026-08-28"}


def event(number: int, customer: str | None, severity: str) -> Event:
    """A sender that fails at a domain of its own."""
    domain = f"d{number}.example.jp"
    start = Event(number, domain, customer, 1, "sender-fails", "x", severity, EVIDENCE, NOW, NOW, None, None, None)
    return replace(start, customer_id=None) if customer is None else start


def order(body: str) -> list[str]:
    """Customers, and the domains under each, as they stand in the text."""
    return [
        line.removeprefix("■ ") if line[0] == "■" else line.split(": ")[1]
        for line in body.splitlines()
        if line[:1] in ("■", "-")
    ]


def test_the_customer_with_an_incident_comes_first_and_in_it_the_incident() -> None:
    told = [
        event(1, None, "incident"),
        event(2, "Alpha", "change"),
        event(3, "Sakura", "change"),
        event(4, "Sakura", "incident"),
        event(5, "Alpha", "misconfiguration"),
    ]

    digest = for_staff(told, "en", open_count=5, last_at=NOW, now=NOW)
    assert digest is not None
    assert order(digest.body) == [
        "Sakura",
        "d4.example.jp",
        "d3.example.jp",
        "Without a customer",
        "d1.example.jp",
        "Alpha",
        "d5.example.jp",
        "d2.example.jp",
    ]
    assert sorted(digest.event_ids) == [1, 2, 3, 4, 5]


def test_a_long_list_tells_the_gravest_and_how_many_more_there_are() -> None:
    told = [event(number, "Sakura", "change") for number in range(MOST_TOLD + 4)]
    told.append(event(999, "Sakura", "incident"))

    digest = for_staff(told, "en", open_count=65, last_at=NOW, now=NOW)
    assert digest is not None
    assert digest.body.count("\n- ") == MOST_TOLD
    assert order(digest.body)[1] == "d999.example.jp"
    assert digest.body.endswith("5 more: see “sekisho events”.\n")
    assert len(digest.event_ids) == MOST_TOLD + 5, "what is left out is told by that line"
    assert digest.title == "Sekisho: incidents: 1, new events: 65"


def test_nothing_new_is_nothing_to_say_within_a_week() -> None:
    assert for_staff([], "ja", open_count=3, last_at=NOW - 6 * 86_400, now=NOW) is None
    assert for_staff([event(1, None, "noise")], "ja", open_count=3, last_at=NOW - 6 * 86_400, now=NOW) is None

    quiet = for_staff([], "en", open_count=1_204, last_at=NOW - 7 * 86_400, now=NOW)
    assert quiet is not None
    assert quiet.body == "The watch has found nothing new for a week. Events that are still open: 1,204.\n"
    assert quiet.event_ids == ()


def test_a_customer_hears_nothing_of_noise_and_never_that_all_is_quiet() -> None:
    assert for_customer([], "ja") is None
    assert for_customer([event(1, "Sakura", "noise")], "ja") is None
