"""Every view in its states and both languages (AppTest), on the numbers of screen_store and on both databases."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from screen_store import add_people, end, fill_store
from screen_words import cards, words
from servers_screens import NOW, TODAY, OpenScreen, forget_store
from store_builder import fill, line, report

from analysis.frames import Period
from dashboard import answers, session
from store.ledger import raise_generation
from store.opened import OpenStore

ROOT = Path(__file__).parent.parent


def wait_for_touches() -> None:
    """The thread that writes the use of sessions has nothing more to do."""
    session._touches().submit(int).result(timeout=60)


@pytest.fixture
def filled(store_url: str) -> str:
    fill_store(store_url, TODAY)
    return store_url


@pytest.fixture
def filled_file(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def test_a_store_that_is_gone_says_what_to_do(sqlite_url: str, open_screen: OpenScreen, tmp_path: Path) -> None:
    add_people(sqlite_url)
    app = open_screen(sqlite_url)
    forget_store()

    for file in tmp_path.glob("store.sqlite3*"):
        file.unlink()
    app.run()

    assert "データベースがまだありません" in words(app)
    assert app.code[0].value == "sekisho db upgrade"
    assert str(tmp_path) not in words(app)


def test_a_store_of_a_newer_version_says_so(sqlite_url: str, open_screen: OpenScreen) -> None:
    add_people(sqlite_url)
    app = open_screen(sqlite_url)
    forget_store()

    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'of-tomorrow'")
    app.run()

    assert "データベースがこのプログラムより新しい版のものです" in words(app)


def test_an_ended_session_shows_nothing_more(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file)
    token = session.read_token()
    assert token is not None
    assert app.dataframe

    end(filled_file, token, NOW)
    app.run()

    assert not app.dataframe
    assert not cards(app)
    assert "セッションが終了しました" in words(app)


def test_the_button_ends_the_session(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file)

    app.button(key="log_out").click().run()

    assert session.find(session.read_token()) is None
    assert "ログアウトしました" in words(app)


def test_an_idle_session_ends(filled_file: str, open_screen: OpenScreen, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(filled_file)

    monkeypatch.setattr(session, "now", lambda: NOW + 30 * 60)
    app.run()

    assert not app.dataframe


def test_a_session_in_use_stays(filled_file: str, open_screen: OpenScreen, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(filled_file)
    monkeypatch.setattr(session, "now", lambda: NOW + 20 * 60)
    app.run()
    wait_for_touches()
    monkeypatch.setattr(session, "now", lambda: NOW + 45 * 60)
    app.run()

    assert app.dataframe


def test_new_reports_are_seen_at_the_next_click(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file, "staff")

    fill(filled_file, [report("new.example.jp", TODAY - 1, [line("192.0.2.1", 1000, dkim=True)])])
    unraised = words(app.run())
    store = OpenStore(filled_file)
    store.write(raise_generation)
    store.close()

    assert "5 of 5 domains" in unraised
    assert "6 of 6 domains" in words(app.run())


def test_a_download_is_for_the_scope_of_its_session(filled: str, open_screen: OpenScreen) -> None:
    open_screen(filled, "sakura")
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


def test_no_view_draws_foreign_text_as_markup() -> None:
    """Streamlit's ways to draw markup, and a cached answer without its scope, stand in no file of the dashboard."""
    forbidden = re.compile(r"unsafe_allow|st\.table\(|ImageColumn|LinkColumn|MarkdownColumn|st\.iframe|cache_data")
    files = sorted((ROOT / "dashboard").rglob("*.py"))
    html = [file.name for file in files if "st.html(" in file.read_text("utf-8")]

    assert [file.name for file in files if forbidden.search(file.read_text("utf-8"))] == []
    assert html == ["markup.py", "parts.py"]
