"""A domain's page: its head, its states in both languages, its sections by address, and the section "Alignment"."""

import json

import pytest
from published_dns import publish
from screen_store import add_people, fill_store
from screen_words import cards, figures, lines_of_list, rows, unfold, words
from servers_screens import NOW, TODAY, OpenScreen
from store_builder import fill as fill_reports
from store_builder import line, report
from streamlit.testing.v1 import AppTest

from dashboard import domain_head, domain_parts
from store import events, office
from store.events import FoundEvent
from store.opened import OpenStore

DAY_SECONDS = 86_400
RECORD = "v=DMARC1; p=quarantine; sp=none; rua=mailto:d@firm.example.com"


def head_cards(app: AppTest) -> list[tuple[str, str, str]]:
    """(label, value, note) of the four cards of the head."""
    return [(label, value.strip("*"), note) for label, value, note in cards(app) if value.startswith("**")]


@pytest.fixture
def filled(store_url: str) -> str:
    fill_store(store_url, TODAY)
    return store_url


@pytest.fixture
def filled_file(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def test_the_head_says_where_the_domain_stands_and_who_says_so(filled: str, open_screen: OpenScreen) -> None:
    publish(filled, "firm.example.com", RECORD, at=NOW - 3600)

    app = open_screen(filled, "staff", "domain", domain="firm.example.com")
    said = words(app)

    assert "Tanaka · last report: 2026-11-22 (2 days ago)" in said
    assert head_cards(app) == [
        ("Policy in DNS", "p=quarantine (sp=none)", "looked up 2026-11-24 11:00 UTC"),
        ("Policy in reports", "p=quarantine (sp=reject)", "newest report of Nov 22, 2026"),
        ("Seen in reports", "1 of 30 days", "Reporter only"),
        ("Own mail passed", "—", "0 of 0 in 35 days"),
    ]
    assert "Not ready for test of reject (t=y): No report has told of own mail that passes yet." in said


def test_reports_that_lag_behind_dns_are_named(filled_file: str, open_screen: OpenScreen) -> None:
    publish(filled_file, "firm.example.com", "v=DMARC1; p=none; rua=mailto:d@firm.example.com", at=NOW - 3600)

    english = head_cards(open_screen(filled_file, "staff", "domain", domain="firm.example.com"))
    japanese = words(open_screen(filled_file, "operator", "domain", domain="firm.example.com"))

    assert english[:2] == [
        ("Policy in DNS", "p=none", "looked up 2026-11-24 11:00 UTC"),
        ("Policy in reports", "p=quarantine (sp=reject)", "Nov 22, 2026: reports lag behind DNS"),
    ]
    assert "2026/11/22 時点（レポートは DNS より遅れて反映されます）" in japanese


def test_open_events_are_linked_for_staff_only(filled_file: str, open_screen: OpenScreen) -> None:
    store = OpenStore(filled_file)
    domain_id = store.read(lambda connection: office.domain_id_of(connection, "shop.example.jp"))
    found = [FoundEvent(domain_id, "new-sender", key, "change", {}) for key in ("test:a", "test:b")]
    store.write(lambda connection: events.reconcile(connection, found, now=NOW))
    store.close()

    staff = open_screen(filled_file, "staff", "domain", domain="shop.example.jp")
    customer = open_screen(filled_file, "sakura", "domain", domain="shop.example.jp")

    links = [[link.proto.label for link in app.get("page_link")] for app in (staff, customer)]
    assert links[0][-1] == "Open events of this domain: 2"
    assert len(links[1]) == len(links[0]) - 1


def test_a_domain_that_nobody_looked_up_says_so(filled_file: str, open_screen: OpenScreen) -> None:
    said = words(open_screen(filled_file, "staff", "domain", domain="shop.example.jp"))

    assert "**not looked up yet**" in said
    assert "Nobody could look at the domain's records in DNS yet. Run “sekisho check”." in said


def test_a_customer_is_not_sent_to_our_command_line(filled_file: str, open_screen: OpenScreen) -> None:
    said = words(open_screen(filled_file, "sakura", "domain", domain="shop.example.jp"))

    assert "DNSのレコードを当方で確認する必要があります" in said
    assert "sekisho" not in said


def test_a_policy_names_what_stands_beside_it() -> None:
    assert domain_head.record_policy("v=DMARC1; p=reject") == "p=reject"
    assert domain_head.record_policy("v=DMARC1; P=Quarantine; t=y; pct=0; sp=none") == (
        "p=quarantine (sp=none, t=y, pct=0)"
    )
    assert domain_head.record_policy("v=spf1 -all") == "p=?"
    assert domain_head.record_policy(None) == ""


@pytest.mark.parametrize(
    ("tab", "present", "absent"),
    [
        ("alignment", "SPF and DKIM alignment by day", "Gates of this step"),
        ("next", "Gates of this step", "SPF and DKIM alignment by day"),
        ("reports", "Click a line to see the report in full.", "Gates of this step"),
        ("nonsense", "SPF and DKIM alignment by day", "Gates of this step"),
    ],
)
def test_the_section_of_the_address_is_drawn_and_no_other(
    filled_file: str, open_screen: OpenScreen, tab: str, present: str, absent: str
) -> None:
    said = words(open_screen(filled_file, "staff", "domain", domain="shop.example.jp", tab=tab))

    assert present in said
    assert absent not in said


def test_a_section_that_is_chosen_goes_into_the_address(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file, "staff", "domain", domain="shop.example.jp")

    app.segmented_control(key="tab").select("next").run()

    assert app.query_params["tab"] == "next"
    assert "Gates of this step" in words(app)


@pytest.mark.parametrize(
    ("name", "title"), [("operator", "該当するドメインはありません"), ("staff", "There is no such domain here")]
)
def test_an_unknown_domain_says_so(filled_file: str, open_screen: OpenScreen, name: str, title: str) -> None:
    app = open_screen(filled_file, name, "domain", domain="nobody.example.jp")

    assert title in words(app)
    assert not app.dataframe


@pytest.mark.parametrize("tab", ["alignment", "senders", "next", "replay", "records", "reports"])
def test_a_foreign_domain_looks_like_an_unknown_one(filled_file: str, open_screen: OpenScreen, tab: str) -> None:
    foreign = open_screen(filled_file, "sakura", "domain", domain="firm.example.com", tab=tab)
    unknown = open_screen(filled_file, "sakura", "domain", domain="nobody.example.jp", tab=tab)

    assert words(foreign) == words(unknown)
    assert not foreign.dataframe
    assert not foreign.code


# ---- Alignment


def test_alignment_shows_the_stores_numbers(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "domain", domain="shop.example.jp")

    assert figures(app) == ["1,226", "98.2%", "22", "2"]
    assert "1,204 / 1,226" in words(app)
    assert "Messages in reports whose own mail failed authentication: 9. They are not counted here." in words(app)
    assert "such as files: 104 of 1,226 messages." in words(app)
    assert lines_of_list(app) == [
        ["Mailboxes", "3", "1,122", "1,100", "98.0%"],
        ["Others", "1", "104", "104", "100.0%"],
    ]
    unfold(app, "reporters_exact")
    assert rows(app, "Reporters", "reporter", "reports", "passed", "messages") == [
        ["Mailboxes", 3, 1100, 1122],
        ["Others", 1, 104, 104],
    ]


def test_of_many_reporters_the_largest_are_listed_and_the_table_has_all(
    sqlite_url: str, open_screen: OpenScreen
) -> None:
    told = [
        report(
            "many.example.jp",
            TODAY - 1,
            [line("192.0.2.1", number, spf=True)],
            org=f"Reporter {number}",
            report_id=str(number),
        )
        for number in range(1, 15)
    ]
    fill_reports(sqlite_url, told)
    add_people(sqlite_url)

    app = open_screen(sqlite_url, "staff", "domain", domain="many.example.jp")

    assert [cells[0] for cells in lines_of_list(app)] == [f"Reporter {number}" for number in range(14, 2, -1)]
    assert "The first 12 of 14 in this period." in words(app)
    unfold(app, "reporters_exact")
    assert len(rows(app, "Reporters", "reporter")) == 14


def test_the_top_of_a_section_is_drawn_first_and_a_click_within_it_does_not_wait(
    filled_file: str, open_screen: OpenScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(domain_parts, "sleep", waited.append)
    counts = []

    app = open_screen(filled_file, "staff", "domain", domain="shop.example.jp")
    for tab in ("senders", "records", "senders", "replay"):
        counts.append(len(waited))
        app.segmented_control(key="tab").select(tab).run()
    counts.append(len(waited))
    unfold(app, "replay_bars")
    counts.append(len(waited))

    assert counts == [1, 2, 2, 3, 4, 4]
    assert max(waited) < 0.1


def test_the_chart_has_the_four_ways_to_align(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file, "staff", "domain", domain="shop.example.jp", period="7")

    spec = json.loads(app.get("vega_lite_chart")[0].proto.spec)
    assert spec["encoding"]["color"]["scale"]["domain"] == ["SPF and DKIM", "DKIM only", "SPF only", "neither"]


def test_the_period_of_the_address_is_shown(filled_file: str, open_screen: OpenScreen) -> None:
    week = open_screen(filled_file, "staff", "domain", domain="firm.example.com", period="7")
    quarter = open_screen(filled_file, "staff", "domain", domain="firm.example.com", period="90")
    days = open_screen(
        filled_file,
        "staff",
        "domain",
        domain="firm.example.com",
        period="dates",
        since="2026-11-22",
        until="2026-09-25",
    )
    nonsense = open_screen(
        filled_file, "staff", "domain", domain="firm.example.com", period="dates", since="0000", until="x"
    )

    assert [figures(app)[0] for app in (week, quarter, days, nonsense)] == ["40", "45", "45", "40"]
    assert "the two were exchanged" in words(days)


@pytest.mark.parametrize(
    ("name", "title", "period"),
    [
        ("operator", "この期間に報告されたメールはありません", "2026/10/26 ～ 2026/11/24"),
        ("staff", "No mail was reported in this period", "Oct 26, 2026 – Nov 24, 2026"),
    ],
)
def test_a_period_without_mail_names_itself_and_offers_one_with(
    filled_file: str, open_screen: OpenScreen, name: str, title: str, period: str
) -> None:
    app = open_screen(filled_file, name, "domain", domain="old.example.com")
    before = words(app)

    app.button(key="newest").click().run()

    assert title in before
    assert period in before
    assert figures(app) == ["8", "100.0%", "0", "1"]
    assert (app.query_params["since"], app.query_params["until"]) == ("2026-09-11", "2026-10-10")


@pytest.mark.parametrize("tab", ["alignment", "reports"])
@pytest.mark.parametrize(("name", "title"), [("operator", "まだ届いていません"), ("staff", "No report has come")])
def test_a_domain_without_a_report_says_where_to_look(
    filled_file: str, open_screen: OpenScreen, name: str, title: str, tab: str
) -> None:
    app = open_screen(filled_file, name, "domain", domain="quiet.example.jp", tab=tab)

    assert title in words(app)
    assert app.code[0].value == "_dmarc.quiet.example.jp"


def test_days_with_mail_of_forged_reports_are_not_days_that_were_seen(sqlite_url: str, open_screen: OpenScreen) -> None:
    fill_store(sqlite_url, TODAY)
    fill_reports(sqlite_url, [(report("old.example.com", TODAY - 1, [line("192.0.2.9", 5)], org="Forged"), "fail")])

    said = words(open_screen(sqlite_url, "staff", "domain", domain="old.example.com"))

    assert "**0 of 30 days**" in said
    assert "no reporter in this time" in said
