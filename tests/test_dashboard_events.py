"""The page of events: its states in both languages, order, filters, evidence, ways to more."""

from pathlib import Path

import pytest
from screen_store import HOSTILE, add_people, fill_store
from screen_words import figures, rows, words
from servers_screens import NOW, TODAY, OpenScreen, forget_store
from store_builder import ask
from streamlit.testing.v1 import AppTest

from analysis.events import Event
from dashboard.views.events import facts, target
from store import events, office
from store.engine import open_store, writing
from store.events import FoundEvent

DAY = 86_400


@pytest.fixture
def filled(sqlite_url: str) -> str:
    """One event of each severity is open, and one of a reporter; a wave at the shop is past."""
    fill_store(sqlite_url, TODAY)
    shop, firm = (
        ask(sqlite_url, lambda link, name=name: office.domain_id_of(link, name))
        for name in ("shop.example.jp", "firm.example.com")
    )
    wave = {"messages": 900, "days": 7, "day": "2026-11-20", "usual": 10, "enforced": False}
    fell = {
        "name": HOSTILE,
        "passed": 1,
        "messages": 40,
        "day": "2026-11-22",
        "passed_before": 390,
        "messages_before": 400,
    }
    silent = {"name": "Mailboxes", "day": "2026-11-01", "habit": 2}
    changed = {"name": "_dmarc.shop.example.jp", "day": "2026-11-22", "before": "v=DMARC1; p=none", "after": None}
    keep(sqlite_url, FoundEvent(shop, "spoofing-wave", "", "incident", wave), now=NOW - 9 * DAY)
    keep(
        sqlite_url,
        FoundEvent(None, "reporter-silent", "Mailboxes", "noise", silent),
        FoundEvent(shop, "record-changed", "dmarc", "change", changed),
        FoundEvent(firm, "sender-fell", "server:x", "incident", fell),
        now=NOW - DAY,
    )
    return sqlite_url


def keep(url: str, *found: FoundEvent, now: int) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        events.reconcile(connection, found, now=now)
    engine.dispose()


def kinds(app: AppTest) -> list[str]:
    """The heads of the events on the page, in order."""
    return [each.value.split("] ")[1].replace("\\", "") for each in app.markdown if "-badge[" in each.value]


def test_open_events_stand_with_the_gravest_first(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "events")

    assert figures(app) == ["1", "0", "1", "1"]
    assert kinds(app) == [
        "**Sender fails suddenly** firm.example.com · Tanaka",
        "**Record changed** shop.example.jp · Sakura",
        "**Reporter silent**",
    ]
    assert "only 1 of 40 messages passed since 2026-11-22; before, 390 of 400 did." in words(app)
    assert "Take no step before that." in words(app)


def test_the_page_speaks_the_accounts_language(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "operator", "events")

    assert app.title[0].value == "イベント"
    assert "対応：" in words(app)


def test_what_is_over_is_kept_with_its_end(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "events", state="past")

    assert kinds(app) == ["**Wave of spoofing** shop.example.jp · Sakura"]
    assert "From 2026-11-15 21:00 until 2026-11-23 21:00" in words(app)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"severity": "change"}, ["**Record changed** shop.example.jp · Sakura"]),
        ({"kind": "reporter-silent"}, ["**Reporter silent**"]),
        ({"customer": "Tanaka"}, ["**Sender fails suddenly** firm.example.com · Tanaka"]),
        ({"customer": "-"}, ["**Reporter silent**"]),
        ({"find": "SHOP"}, ["**Record changed** shop.example.jp · Sakura"]),
        ({"find": "p=none"}, ["**Record changed** shop.example.jp · Sakura"]),
    ],
)
def test_the_address_chooses_which_events_are_listed(
    filled: str, open_screen: OpenScreen, query: dict[str, str], expected: list[str]
) -> None:
    assert kinds(open_screen(filled, "staff", "events", **query)) == expected


@pytest.mark.parametrize(
    ("name", "title"),
    [("operator", "条件に合うイベントはありません"), ("staff", "No event passes the filters")],
)
def test_filters_that_let_nothing_pass_can_be_cleared(
    filled: str, open_screen: OpenScreen, name: str, title: str
) -> None:
    app = open_screen(filled, name, "events", find="nothing has this")
    assert [each.value for each in app.subheader] == [title]

    app.button(key="clear_filters").click()
    app.run()

    assert len(kinds(app)) == 3


@pytest.mark.parametrize(("name", "title"), [("operator", "イベントはありません"), ("staff", "There is no event")])
def test_without_an_event_the_page_says_where_they_come_from(
    sqlite_url: str, open_screen: OpenScreen, name: str, title: str
) -> None:
    add_people(sqlite_url)

    app = open_screen(sqlite_url, name, "events")

    assert [each.value for each in app.subheader] == [title]
    assert app.code[0].value == "sekisho nightly"


def test_without_a_store_the_page_says_how_to_make_one(
    filled: str, open_screen: OpenScreen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_screen(filled, "staff", "events")
    forget_store()
    monkeypatch.setenv("SEKISHO_DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite3'}")

    app.run()

    assert app.subheader[0].value == "There is no database yet"


def test_a_customer_does_not_reach_the_page(filled: str, open_screen: OpenScreen) -> None:
    assert kinds(open_screen(filled, "sakura", "events")) == []


def test_more_than_a_page_is_paged_and_other_filters_begin_anew(filled: str, open_screen: OpenScreen) -> None:
    many = [
        FoundEvent(None, "reporter-silent", f"R{n}", "noise", {"name": f"R{n}", "day": "x", "habit": 1})
        for n in range(25)
    ]
    keep(filled, *many, now=NOW)
    app = open_screen(filled, "staff", "events")
    first = kinds(app)

    app.button(key="from_older").click()
    app.run()
    second = kinds(app)
    app.selectbox(key="severity").set_value("noise")
    app.run()

    assert (len(first), len(second), len(kinds(app))) == (20, 5, 20)


def test_the_evidence_is_a_table_of_named_figures(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "events", kind="sender-fell")

    assert rows(app, "Evidence", "what", "value") == [
        ["Name", HOSTILE.replace("\u202e", "\ufffd")],
        ["Day (UTC)", "2026-11-22"],
        ["Messages", "40"],
        ["Passed", "1"],
        ["Messages before", "400"],
        ["Passed before", "390"],
    ]


def test_figures_without_a_name_and_empty_ones_are_left_out() -> None:
    assert facts({"messages": 1200, "enforced": True, "values": {}, "after": None}, "en") == [("Messages", "1,200")]


@pytest.mark.parametrize(
    ("domain", "kind", "subject", "expected"),
    [
        ("a.example.jp", "sender-fell", "server:x", ("sender.py", {"domain": "a.example.jp", "sender": "server:x"})),
        ("a.example.jp", "record-broken", "D1", ("domain.py", {"domain": "a.example.jp", "tab": "records"})),
        ("a.example.jp", "step-due", "reject", ("domain.py", {"domain": "a.example.jp", "tab": "next"})),
        (None, "reporter-silent", "R", ("ingest.py", {"tab": "silent"})),
    ],
)
def test_an_event_leads_to_where_more_of_it_stands(
    domain: str | None, kind: str, subject: str, expected: tuple[str, dict[str, str]]
) -> None:
    found = Event(1, domain, None, None, kind, subject, "change", {}, NOW, NOW, None, None, None)

    file, _, query = target(found)

    assert (file, query) == expected
