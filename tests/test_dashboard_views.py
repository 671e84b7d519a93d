"""Every view in its states and both languages (AppTest), on the numbers of screen_store and on both databases."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from screen_store import add_people, end, fill_store, token_of
from store_builder import fill, line, report
from streamlit.testing.v1 import AppTest

from analysis.frames import Period
from dashboard import answers, session
from dashboard.views.overview import chosen_domain
from store.ledger import raise_generation
from store.opened import OpenStore

ROOT = Path(__file__).parent.parent
TODAY = 20_781
NOW = TODAY * 86_400 + 43_200
Start = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A dashboard process of its own for each test, at noon of TODAY."""
    monkeypatch.setattr(session, "now", lambda: NOW)
    yield
    forget_store()


def forget_store() -> None:
    """What a new process would not know: answers, settings, connections; what is being written is written first."""
    st.cache_resource.clear()
    wait_for_touches()
    if session.opened.cache_info().currsize:
        session.opened().close()
    session.opened.cache_clear()
    session.settings_in_use.cache_clear()


def wait_for_touches() -> None:
    """The thread that writes the use of sessions has nothing more to do."""
    session._touches().submit(int).result(timeout=60)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Open the app on a store, as somebody, with the query of an address."""

    def open_app(url: str, name: str = "operator", view: str = "", **query: str) -> AppTest:
        monkeypatch.setenv("SEKISHO_DATABASE_URL", url)
        token = token_of(url, name, NOW)
        monkeypatch.setattr(session, "read_token", lambda: token)
        app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=20)
        for key, value in query.items():
            app.query_params[key] = value
        if view:
            app.switch_page(f"views/{view}.py")
        app.run()
        assert not app.exception
        return app

    return open_app


@pytest.fixture
def filled(store_url: str) -> str:
    fill_store(store_url, TODAY)
    return store_url


@pytest.fixture
def filled_file(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def figures(app: AppTest) -> list[str]:
    return [metric.value for metric in app.metric]


def words(app: AppTest) -> str:
    """Everything the page says outside of its tables."""
    groups = (app.title, app.subheader, app.caption, app.markdown, app.warning, app.error)
    return "\n".join(element.value for group in groups for element in group)


def rows(app: AppTest, alt: str, *columns: str) -> list[list[object]]:
    """The cells of the table called `alt` on the screen; an empty number is None."""
    frame = next(table.value for table in app.dataframe if table.proto.alt == alt)
    return [[None if cell != cell else cell for cell in line] for line in frame[list(columns)].itertuples(index=False)]


def test_the_overview_shows_the_stores_numbers(filled: str, start: Start) -> None:
    app = start(filled, "staff")

    assert figures(app) == ["5", "1,273", "97.5%", "32"]
    assert "1,241 / 1,273" in words(app)
    assert rows(app, "Domains", "domain", "customer", "policy", "rate", "passed", "messages", "reporters") == [
        ["shop.example.jp", "Sakura", "p=none", 98.2, 1204, 1226, 2],
        ["firm.example.com", "Tanaka", "p=quarantine (sp=reject)", 75.0, 30, 40, 1],
        ["old.example.com", "Tanaka", "p=reject", None, 0, 0, 0],
        ["quiet.example.jp", "Sakura", "—", None, 0, 0, 0],
        ["stray.example.net", "unassigned", "p=none", 100.0, 7, 7, 1],
    ]
    assert [last for (last,) in rows(app, "Domains", "last_report")] == [
        "2026-11-23 (1 day ago)",
        "2026-11-22 (2 days ago)",
        "2026-10-10 (45 days ago)",
        "none yet",
        "2026-11-23 (1 day ago)",
    ]


def test_the_sparkline_has_one_point_per_day_with_mail(filled_file: str, start: Start) -> None:
    app = start(filled_file)

    assert [list(trend) for trend in app.dataframe[0].value["trend"]] == [[100.0, 94.8, 100.0], [75.0], [], [], [100.0]]


def test_the_overview_speaks_the_accounts_language(filled_file: str, start: Start) -> None:
    japanese, english = start(filled_file, "operator"), start(filled_file, "staff")

    assert (japanese.title[0].value, english.title[0].value) == ("ドメイン一覧", "All domains")
    assert "2026/10/26 ～ 2026/11/24（UTC で 30 日間）" in words(japanese)
    assert "30 UTC days, Oct 26, 2026 – Nov 24, 2026" in words(english)
    assert rows(japanese, "ドメイン", "last_report")[0] == ["2026-11-23 (1 日前)"]


def test_a_customer_sees_only_its_own_domains(filled: str, start: Start) -> None:
    app = start(filled, "sakura")

    assert [domain for (domain,) in rows(app, "ドメイン", "domain")] == ["shop.example.jp", "quiet.example.jp"]
    assert figures(app) == ["2", "1,226", "98.2%", "22"]
    assert "customer" not in app.dataframe[0].value.columns


def test_the_address_filters_and_orders(filled_file: str, start: Start) -> None:
    found = start(filled_file, find="TANAKA", sort="name")
    silent = start(filled_file, sort="silent")

    assert [domain for (domain,) in rows(found, "ドメイン", "domain")] == ["firm.example.com", "old.example.com"]
    assert rows(silent, "ドメイン", "domain")[:2] == [["quiet.example.jp"], ["old.example.com"]]


def test_a_choice_on_the_screen_goes_into_the_address(filled_file: str, start: Start) -> None:
    app = start(filled_file, "staff")

    app.text_input(key="find").set_value("shop").run()

    assert [domain for (domain,) in rows(app, "Domains", "domain")] == ["shop.example.jp"]
    assert app.query_params["find"] == "shop"


def test_nonsense_in_the_address_changes_nothing(filled_file: str, start: Start) -> None:
    overview = start(filled_file, "staff", sort="'; DROP TABLE domain")
    domain = start(filled_file, "staff", "domain", domain="shop.example.jp", period="dates", since="0000", until="x")

    assert len(rows(overview, "Domains", "domain")) == 5
    assert figures(domain)[0] == "1,226"


def test_a_text_that_nothing_matches_is_named(filled_file: str, start: Start) -> None:
    japanese = start(filled_file, find="[x](y)")
    english = start(filled_file, "staff", find="nowhere")

    assert r"「\[x\]\(y\)」に一致するものはありません" in words(japanese)
    assert "None of the 5 domains has this" in words(english)
    assert not english.dataframe


def test_a_store_without_a_report_says_what_to_do(sqlite_url: str, start: Start) -> None:
    add_people(sqlite_url)
    japanese, english = start(sqlite_url), start(sqlite_url, "staff")

    assert "レポートがまだ取り込まれていません" in words(japanese)
    assert "No report has been read yet" in words(english)
    assert english.code[0].value == "sekisho ingest PATH"


def test_a_store_that_is_gone_says_what_to_do(sqlite_url: str, start: Start, tmp_path: Path) -> None:
    add_people(sqlite_url)
    app = start(sqlite_url)
    forget_store()

    for file in tmp_path.glob("store.sqlite3*"):
        file.unlink()
    app.run()

    assert "データベースがまだありません" in words(app)
    assert app.code[0].value == "sekisho db upgrade"
    assert str(tmp_path) not in words(app)


def test_a_store_of_a_newer_version_says_so(sqlite_url: str, start: Start) -> None:
    add_people(sqlite_url)
    app = start(sqlite_url)
    forget_store()

    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of-tomorrow'")
    app.run()

    assert "データベースがこのプログラムより新しい版のものです" in words(app)


def test_a_domain_shows_the_stores_numbers(filled: str, start: Start) -> None:
    app = start(filled, "staff", "domain", domain="shop.example.jp")

    assert figures(app) == ["1,226", "98.2%", "22", "2"]
    assert "1,204 / 1,226" in words(app)
    assert "Messages in reports whose own mail failed authentication: 9. They are not counted here." in words(app)
    assert "such as files: 104 of 1,226 messages." in words(app)
    assert r"p\=none" in words(app)
    assert rows(app, "Sources", "ip", "country", "network", "service", "messages", "passed", "dkim", "spf") == [
        ["192.0.2.10", "Japan (JP)", "Example Network", "Example Mail", 1104, 1104, 704, 1104],
        ["198.51.100.7", "Japan (JP)", "Example Network", "Example Mail", 100, 100, 100, 0],
        ["203.0.113.66", "Japan (JP)", "Example Network", "Example Mail", 22, 0, 0, 0],
    ]
    assert rows(app, "Senders", "name", "messages", "passed") == [
        ["Own server", 1104, 1104],
        ["Cloud", 100, 100],
        ["203.0.113.66", 22, 0],
    ]
    assert "IPinfo Lite" in words(app)


def test_a_report_says_how_it_stands(filled_file: str, start: Start) -> None:
    app = start(filled_file, "staff", "domain", domain="shop.example.jp")

    assert rows(app, "Reports", "reporter", "begin", "end", "records", "messages", "state", "authenticity") == [
        ["Others", "2026-11-23 00:00", "2026-11-23 23:59", 1, 104, "counted", "not checked"],
        [
            "Forged",
            "2026-11-23 00:00",
            "2026-11-23 23:59",
            1,
            9,
            "not counted: its mail failed authentication",
            "failed",
        ],
        ["Mailboxes", "2026-11-22 00:00", "2026-11-22 23:59", 2, 422, "counted", "authenticated"],
        ["Mailboxes", "2026-11-21 00:00", "2026-11-21 23:59", 2, 700, "counted", "authenticated"],
        ["Mailboxes", "2026-11-20 00:00", "2026-11-20 23:59", 0, 0, "without a record", "authenticated"],
    ]


def test_the_chart_and_its_exact_numbers_are_the_same(filled_file: str, start: Start) -> None:
    app = start(filled_file, "staff", "domain", domain="shop.example.jp", period="7")

    spec = json.loads(app.get("vega_lite_chart")[0].proto.spec)
    assert spec["encoding"]["color"]["scale"]["domain"] == ["SPF and DKIM", "DKIM only", "SPF only", "neither"]
    assert figures(app)[0] == "1,226"


@pytest.mark.parametrize(
    ("name", "title"), [("operator", "該当するドメインはありません"), ("staff", "There is no such domain here")]
)
def test_an_unknown_domain_says_so(filled_file: str, start: Start, name: str, title: str) -> None:
    app = start(filled_file, name, "domain", domain="nobody.example.jp")

    assert title in words(app)
    assert not app.dataframe


def test_a_foreign_domain_looks_like_an_unknown_one(filled: str, start: Start) -> None:
    foreign = start(filled, "sakura", "domain", domain="firm.example.com")
    unknown = start(filled, "sakura", "domain", domain="nobody.example.jp")
    unassigned = start(filled, "sakura", "domain", domain="stray.example.net")

    assert words(foreign) == words(unknown) == words(unassigned)
    assert not foreign.dataframe


@pytest.mark.parametrize(
    ("name", "title", "period"),
    [
        ("operator", "この期間に報告されたメールはありません", "2026/10/26 ～ 2026/11/24"),
        ("staff", "No mail was reported in this period", "Oct 26, 2026 – Nov 24, 2026"),
    ],
)
def test_a_period_without_mail_names_itself_and_offers_one_with(
    filled_file: str, start: Start, name: str, title: str, period: str
) -> None:
    app = start(filled_file, name, "domain", domain="old.example.com")
    before = words(app)

    app.button(key="newest").click().run()

    assert title in before
    assert period in before
    assert figures(app) == ["8", "100.0%", "0", "1"]
    assert (app.query_params["since"], app.query_params["until"]) == ("2026-09-11", "2026-10-10")


@pytest.mark.parametrize(("name", "title"), [("operator", "まだ届いていません"), ("staff", "No report has come")])
def test_a_domain_without_a_report_says_where_to_look(filled_file: str, start: Start, name: str, title: str) -> None:
    app = start(filled_file, name, "domain", domain="quiet.example.jp")

    assert title in words(app)
    assert app.code[0].value == "_dmarc.quiet.example.jp"


def test_the_period_of_the_address_is_shown(filled: str, start: Start) -> None:
    week = start(filled, "staff", "domain", domain="firm.example.com", period="7")
    quarter = start(filled, "staff", "domain", domain="firm.example.com", period="90")
    days = start(
        filled, "staff", "domain", domain="firm.example.com", period="dates", since="2026-11-22", until="2026-09-25"
    )

    assert [figures(app)[0] for app in (week, quarter, days)] == ["40", "45", "45"]
    assert "the two were exchanged" in words(days)


def test_an_ended_session_shows_nothing_more(filled_file: str, start: Start) -> None:
    app = start(filled_file)
    token = session.read_token()
    assert token is not None
    assert app.dataframe

    end(filled_file, token, NOW)
    app.run()

    assert not app.dataframe
    assert not app.metric
    assert "セッションが終了しました" in words(app)


def test_the_button_ends_the_session(filled_file: str, start: Start) -> None:
    app = start(filled_file)

    app.button(key="log_out").click().run()

    assert session.find(session.read_token()) is None
    assert "ログアウトしました" in words(app)


def test_an_idle_session_ends(filled_file: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    app = start(filled_file)

    monkeypatch.setattr(session, "now", lambda: NOW + 30 * 60)
    app.run()

    assert not app.dataframe


def test_a_session_in_use_stays(filled_file: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    app = start(filled_file)
    monkeypatch.setattr(session, "now", lambda: NOW + 20 * 60)
    app.run()
    wait_for_touches()
    monkeypatch.setattr(session, "now", lambda: NOW + 45 * 60)
    app.run()

    assert app.dataframe


def test_new_reports_are_seen_at_the_next_click(filled_file: str, start: Start) -> None:
    app = start(filled_file, "staff")

    fill(filled_file, [report("new.example.jp", TODAY - 1, [line("192.0.2.1", 1000, dkim=True)])])
    unraised = figures(app.run())
    store = OpenStore(filled_file)
    store.write(raise_generation)
    store.close()

    assert unraised[1] == "1,273"
    assert figures(app.run())[:2] == ["6", "2,273"]


def test_a_download_is_for_the_scope_of_its_session(filled: str, start: Start) -> None:
    start(filled, "sakura")
    token = session.read_token()
    assert token is not None
    week = Period(TODAY - 6, TODAY)

    own = answers.export_file(token, "shop.example.jp", week, "sources").decode("utf-8-sig").splitlines()

    assert len(own) == 4
    assert own[1].startswith('"shop.example.jp",')
    with pytest.raises(session.Ended):
        answers.export_file(token, "firm.example.com", week, "sources")
    end(filled, token, NOW)
    with pytest.raises(session.Ended):
        answers.export_file(token, "shop.example.jp", week, "sources")
    assert re.fullmatch(
        r"dmarc_shop\.example\.jp_[0-9-]+_[0-9-]+_daily\.csv", answers.export_name("shop.example.jp", week, "daily")
    )


def test_a_click_names_the_domain_of_its_line() -> None:
    lines = [SimpleNamespace(domain="a.example"), SimpleNamespace(domain="b.example")]

    assert chosen_domain(lines, {"cells": [(1, "policy")]}) == "b.example"  # type: ignore[arg-type]
    assert chosen_domain(lines, {"cells": []}) is None  # type: ignore[arg-type]
    assert chosen_domain(lines, {"cells": [(7, "policy")]}) is None  # type: ignore[arg-type]


def test_no_view_draws_foreign_text_as_markup() -> None:
    """Streamlit's ways to draw markup, and a cached answer without its scope, stand in no file of the dashboard."""
    forbidden = re.compile(r"unsafe_allow|st\.table\(|ImageColumn|LinkColumn|MarkdownColumn|st\.iframe|cache_data")
    files = sorted((ROOT / "dashboard").rglob("*.py"))
    html = [file.name for file in files if "st.html(" in file.read_text("utf-8")]

    assert [file.name for file in files if forbidden.search(file.read_text("utf-8"))] == []
    assert html == ["parts.py"]
