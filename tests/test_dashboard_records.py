"""The section "Records" of a domain's page: what stored looks at DNS say, with their age, and when it changed."""

import json

import pytest
from published_dns import publish
from screen_store import HOSTILE, fill_store
from screen_words import cards, figures
from servers_screens import NOW, TODAY, OpenScreen
from streamlit.testing.v1 import AppTest
from test_dashboard_senders import words

from analysis.frames import Period, Scope
from dashboard.views import domain_records
from store.snapshots import Unanswered

SHOP, FIRM = "shop.example.jp", "firm.example.com"
DAY = 86_400


@pytest.fixture
def looked(store_url: str) -> str:
    """A store with two looks at the shop's DNS: the record got broken two days ago."""
    fill_store(store_url, TODAY)
    publish(store_url, SHOP, "v=DMARC1; p=none; rua=mailto:dmarc@shop.example.jp", at=NOW - 10 * DAY)
    publish(store_url, SHOP, "v=DMARC1; p=quarentine; rua=mailto:dmarc@shop.example.jp", at=NOW - 2 * DAY)
    return store_url


@pytest.fixture
def filled_file(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def codes(app: AppTest) -> list[str]:
    return [code.value for code in app.code]


@pytest.mark.parametrize(
    ("name", "error", "age"),
    [("staff", "D5 error", "2 days ago"), ("operator", "D5 エラー", "2 日前")],
)
def test_a_record_its_finding_its_correction_and_its_age(
    looked: str, open_screen: OpenScreen, name: str, error: str, age: str
) -> None:
    app = open_screen(looked, name, "domain", domain=SHOP, tab="records")

    assert "v=DMARC1; p=quarentine; rua=mailto:dmarc@shop.example.jp" in codes(app)
    assert "v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.example.jp" in codes(app)
    assert error in words(app)
    assert age in words(app)


def test_the_figures_say_what_is_found_and_what_is_wrong(looked: str, open_screen: OpenScreen) -> None:
    app = open_screen(looked, "staff", "domain", domain=SHOP, tab="records")

    assert [card[:2] for card in cards(app)][5:7] == [
        ("SPF lookups", "0 / 10"),
        ("DKIM keys", "0"),
    ]
    assert "10 mx.shop.example.jp." in codes(app)


def test_a_change_is_a_rule_on_the_chart_and_a_card_below(looked: str, open_screen: OpenScreen) -> None:
    app = open_screen(looked, "staff", "domain", domain=SHOP, tab="records")

    spec = json.loads(app.get("vega_lite_chart")[0].proto.spec)
    lines, rules = (layer["data"]["values"] for layer in spec["layer"][:2])
    assert [(point["day"], point["rate"]) for point in lines] == [
        ("2026-11-21", 100.0),
        ("2026-11-22", 94.8),
        ("2026-11-23", 100.0),
    ]
    assert rules == [{"day": "2026-11-22", "names": f"_dmarc.{SHOP}"}]
    assert "v=DMARC1; p=none; rua=mailto:dmarc@shop.example.jp" in codes(app)


def test_the_exact_rates_stand_in_a_table_and_in_its_file(looked: str, open_screen: OpenScreen) -> None:
    app = open_screen(looked, "staff", "domain", domain=SHOP, tab="records", period="7")
    app.session_state["timeline_exact"] = True
    app.run()

    frame = next(table.value for table in app.dataframe if table.proto.alt == "Pass rate per day")
    assert frame[["day", "passed", "messages"]].to_numpy().tolist()[:4] == [
        ["2026-11-24", 0, 0],
        ["2026-11-23", 104, 104],
        ["2026-11-22", 400, 422],
        ["2026-11-21", 700, 700],
    ]
    table = domain_records._rates_table(SHOP, Period(TODAY - 6, TODAY), "en", Scope(None))
    assert table is not None
    assert table.frame["messages"].tolist() == frame["messages"].tolist()
    assert domain_records._rates_table(SHOP, Period(TODAY - 6, TODAY), "en", Scope((99,))) is None


def test_a_period_without_a_change_says_so(looked: str, open_screen: OpenScreen) -> None:
    dates = {"period": "dates", "since": "2026-11-23", "until": "2026-11-24"}
    app = open_screen(looked, "staff", "domain", domain=SHOP, tab="records", **dates)

    assert "No look of this period saw another record" in words(app)


@pytest.mark.parametrize(
    ("name", "title", "commands"),
    [
        ("staff", "Nobody has looked at the DNS of this domain yet", [f"sekisho check {SHOP}"]),
        ("operator", "このドメインのDNSはまだ確認されていません", [f"sekisho check {SHOP}"]),
        ("sakura", "このドメインのDNSはまだ確認されていません", []),
    ],
)
def test_before_the_first_look_the_page_says_what_to_do(
    filled_file: str, open_screen: OpenScreen, name: str, title: str, commands: list[str]
) -> None:
    app = open_screen(filled_file, name, "domain", domain=SHOP, tab="records")

    assert title in words(app)
    assert codes(app) == commands


def test_what_dns_did_not_say_is_named_and_not_called_absent(filled_file: str, open_screen: OpenScreen) -> None:
    silent = (Unanswered("dkim", f"s1._domainkey.{FIRM}", "timeout"),)
    publish(filled_file, FIRM, "v=DMARC1; p=none", at=NOW, unanswered=silent)

    app = open_screen(filled_file, "staff", "domain", domain=FIRM, tab="records")

    assert f"dkim s1._domainkey.{FIRM}" in "".join(each.value for each in app.warning).replace("\\", "")


def test_no_record_is_said_in_words(filled_file: str, open_screen: OpenScreen) -> None:
    publish(filled_file, FIRM, None, at=NOW, spf=None)

    app = open_screen(filled_file, "staff", "domain", domain=FIRM, tab="records")

    assert "No record applies" in words(app)
    assert figures(app)[0] == "none"


def test_hostile_records_stay_text(filled_file: str, open_screen: OpenScreen) -> None:
    publish(filled_file, FIRM, f"v=DMARC1; p=none; x={HOSTILE}", at=NOW - DAY, spf=f"v=spf1 include:{HOSTILE} -all")
    publish(filled_file, FIRM, f"v=DMARC1; p=reject; x={HOSTILE}", at=NOW, spf=f"v=spf1 a:{HOSTILE} -all")

    app = open_screen(filled_file, "staff", "domain", domain=FIRM, tab="records")

    assert "![x](https" not in words(app)
    assert "![x](https" in "".join(codes(app))
    assert "\u202e" not in "".join(codes(app))
