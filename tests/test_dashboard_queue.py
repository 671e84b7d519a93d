"""The work queue on the screen: its states in both languages, filters, scope, and its numbers by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from published_dns import publish
from screen_store import add_people, fill_store
from screen_words import cards, figures, rows, words
from servers_screens import NOW, TODAY, OpenScreen

from analysis.gate_words import NO_CONSENT, WEAKEST, say
from analysis.queue import QueueRow, State
from analysis.rates import PassRate
from analysis.stages import Stage
from analysis.standings import Blocker
from dashboard import queue_tables
from dashboard.views.queue import chosen_domain, matching
from store import events, office
from store.events import FoundEvent
from store.opened import OpenStore

PROOF = say(WEAKEST, name="A", good=1, messages=1, proves=5)
ROW = QueueRow(
    domain="example.jp",
    customer="Sakura",
    state=State.BLOCKED,
    stage=Stage.NONE,
    next_stage=Stage.QUARANTINE,
    blocker=Blocker("G3", "fail", (PROOF, say(NO_CONSENT, stage="quarantine"))),
    blockers=1,
    confirmed=PassRate(8, 7),
    daily=(PassRate(4, 3), PassRate(0, 0), PassRate(1, 1)),
    last_report_end=20_000 * 86_400,
    open_events=2,
    as_of=20_000,
    stale=False,
)


@pytest.fixture
def filled(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def domains(found: Sequence[list[object]]) -> list[object]:
    return [line[0] for line in found]


def test_the_queue_shows_the_stores_numbers(filled: str, open_screen: OpenScreen) -> None:
    publish(filled, "shop.example.jp", "v=DMARC1; p=none; rua=mailto:d@shop.example.jp", at=NOW - 3600)

    app = open_screen(filled, "staff")

    assert [card[:2] for card in cards(app)] == [
        ("act today", "0"),
        ("ready", "0"),
        ("blocked", "3"),
        ("no reports", "2"),
        ("protected", "0"),
    ]
    assert rows(app, "Domains", "domain", "customer", "state", "stage", "confirmed", "of", "events", "last_report") == [
        ["shop.example.jp", "Sakura", "blocked", "■□□□□ p=none", 100.0, 1104, 0, "2026-11-23"],
        ["stray.example.net", "unassigned", "blocked", "■□□□□ p=none", 100.0, 7, 0, "2026-11-23"],
        ["firm.example.com", "Tanaka", "blocked", "■■■□□ quarantine", None, 0, 0, "2026-11-22"],
        ["old.example.com", "Tanaka", "no reports", "■■■■■ reject", None, 0, 0, "2026-10-10"],
        ["quiet.example.jp", "Sakura", "no reports", "—", None, 0, 0, "none yet"],
    ]
    waits = [str(wait) for (wait,) in rows(app, "Domains", "blocker")]
    assert waits[0] == "Own server: seen for the first time within 14 days. Watch that long."
    assert "Nobody could look at the domain's records in DNS yet" in waits[1]
    assert [list(trend) for trend in app.dataframe[0].value["trend"]] == [[100.0, 94.8, 100.0], [100.0], [75.0], [], []]


def test_an_open_event_is_counted_and_lifts_its_domain(filled: str, open_screen: OpenScreen) -> None:
    store = OpenStore(filled)
    domain_id = store.read(lambda connection: office.domain_id_of(connection, "firm.example.com"))
    found = FoundEvent(domain_id, "new-sender", "test:x", "change", {})
    store.write(lambda connection: events.reconcile(connection, [found], now=NOW))
    store.close()

    app = open_screen(filled, "staff")

    assert rows(app, "Domains", "domain", "events")[:2] == [["firm.example.com", 1], ["stray.example.net", 0]]


def test_the_queue_speaks_the_accounts_language(filled: str, open_screen: OpenScreen) -> None:
    japanese, english = open_screen(filled, "operator"), open_screen(filled, "staff")

    assert (japanese.title[0].value, english.title[0].value) == ("作業一覧", "Work queue")
    assert "2026/11/23 までのメールで判定しています" in words(japanese)
    assert "Judged by the mail up to Nov 23, 2026." in words(english)
    assert rows(japanese, "ドメイン", "state", "stage")[2] == ["対応待ち", "■■■□□ 隔離"]


def test_a_customer_sees_only_its_own_domains_and_no_customers(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "sakura", customer="Tanaka")

    assert domains(rows(app, "ドメイン", "domain")) == ["shop.example.jp", "quiet.example.jp"]
    assert figures(app) == ["0", "0", "1", "1", "0"]
    assert "customer" not in app.dataframe[0].value.columns
    assert [box.label for box in app.selectbox] == ["段階"]
    assert "sekisho check" not in str(rows(app, "ドメイン", "blocker"))


def test_the_address_filters(filled: str, open_screen: OpenScreen) -> None:
    text = open_screen(filled, "staff", find="TANAKA")
    both = open_screen(filled, "staff", customer="Tanaka", stage="reject")
    state = open_screen(filled, "staff", state="no-reports")
    nobodys = open_screen(filled, "staff", customer="-")
    nonsense = open_screen(filled, "staff", state="'; DROP", stage="x", customer="y")

    assert domains(rows(text, "Domains", "domain")) == ["firm.example.com", "old.example.com"]
    assert domains(rows(both, "Domains", "domain")) == ["old.example.com"]
    assert domains(rows(state, "Domains", "domain")) == ["old.example.com", "quiet.example.jp"]
    assert domains(rows(nobodys, "Domains", "domain")) == ["stray.example.net"]
    assert len(rows(nonsense, "Domains", "domain")) == 5


def test_a_choice_on_the_screen_goes_into_the_address(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff")

    app.text_input(key="find").set_value("example.com").run()
    app.selectbox(key="stage").select("reject").run()

    assert domains(rows(app, "Domains", "domain")) == ["old.example.com"]
    assert (app.query_params["find"], app.query_params["stage"]) == ("example.com", "reject")


def test_a_filter_that_nothing_passes_is_named_and_can_be_cleared(filled: str, open_screen: OpenScreen) -> None:
    japanese = open_screen(filled, "operator", find="[x](y)")
    english = open_screen(filled, "staff", find="nowhere", state="ready")
    said = words(english)

    english.button(key="clear_filters").click().run()

    assert "「[x](y)」に一致するものはありません" in words(japanese)
    assert "“nowhere, ready”" in said
    assert "None of the 5 domains passes all filters" in said
    assert len(rows(english, "Domains", "domain")) == 5


def test_a_store_without_a_domain_says_what_to_do(sqlite_url: str, open_screen: OpenScreen) -> None:
    add_people(sqlite_url)
    japanese, english = open_screen(sqlite_url), open_screen(sqlite_url, "staff")

    assert "レポートがまだ取り込まれていません" in words(japanese)
    assert "No report has been read yet" in words(english)
    assert english.code[0].value == "sekisho ingest PATH"


def test_a_line_says_the_reason_and_not_the_proof_before_it() -> None:
    staff = queue_tables.queue([ROW], "en", for_customer=False).frame.iloc[0]
    customer = queue_tables.queue([ROW], "ja", for_customer=True).frame.iloc[0]

    assert staff.blocker == "The customer's consent to “quarantine” is not recorded yet (“sekisho consent”)."
    assert (staff.confirmed, staff.of, staff.events) == (87.5, 8, 2)
    assert staff.trend == [75.0, 100.0]
    assert "sekisho" not in customer.blocker


def test_every_filter_has_to_let_a_row_pass() -> None:
    other = replace(ROW, domain="example.com", customer=None, stage=None, state=State.READY)
    every = {"find": "", "state": "all", "stage": "all", "customer": "all"}

    assert matching([ROW, other], **every) == [ROW, other]
    assert matching([ROW, other], **(every | {"find": " SAKURA "})) == [ROW]
    assert matching([ROW, other], **(every | {"state": "ready"})) == [other]
    assert matching([ROW, other], **(every | {"stage": "none"})) == [ROW]
    assert matching([ROW, other], **(every | {"customer": "-"})) == [other]
    assert matching([ROW, other], **(every | {"customer": "Sakura", "state": "ready"})) == []


def test_a_click_names_the_domain_of_its_line() -> None:
    lines = [ROW, replace(ROW, domain="b.example")]

    assert chosen_domain(lines, {"cells": [(1, "stage")]}) == "b.example"
    assert chosen_domain(lines, {"cells": []}) is None
    assert chosen_domain(lines, {"cells": [(7, "stage")]}) is None
