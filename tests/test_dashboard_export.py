"""The download of a whole set: for the scope that its session has at the click, and audited."""

import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from screen_store import end, fill_store, token_of
from servers_screens import OpenScreen
from store_builder import ask
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest

from analysis.frames import Period
from dashboard import answers_export, known, monthly, session
from dashboard.press import NotDrawn
from store.schema import audit

TODAY = 20_781
NOW = TODAY * 86_400 + 43_200
WEEK = Period(TODAY - 6, TODAY)
OTHERS = ("firm.example.com", "old.example.com", "stray.example.net", "Tanaka")


@pytest.fixture
def filled(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A dashboard process of its own on the small store, at noon of TODAY."""
    fill_store(sqlite_url, TODAY)
    monkeypatch.setattr(session, "now", lambda: NOW)
    monkeypatch.setenv("SEKISHO_DATABASE_URL", sqlite_url)
    yield sqlite_url
    session._touches().submit(int).result(timeout=60)
    session.opened().close()
    for kept in (session.opened, session.settings_in_use, known.tables):
        kept.cache_clear()


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def taken(url: str) -> list[tuple[str, str, str]]:
    """Who took which file, as the audit trail says."""
    columns = (audit.c.actor, audit.c.action, audit.c.subject)
    rows = ask(url, lambda connection: connection.execute(audit.select().with_only_columns(*columns)).all())
    return [(row[0], row[1], row[2]) for row in rows if row[1] == "export"]


def test_a_customer_gets_the_own_set_and_nothing_of_others(filled: str) -> None:
    token = token_of(filled, "sakura", NOW)

    found = members(answers_export.export_set(token, "", WEEK))

    assert len(found) == 8
    assert all(name.startswith("dmarc_sakura_") for name in found)
    texts = [content for name, content in found.items() if not name.endswith(".xlsx")]
    assert [other for other in OTHERS if any(other.encode() in text for text in texts)] == []
    assert any(b"shop.example.jp" in text for text in texts)
    assert taken(filled) == [("sakura", "export", "dmarc_sakura_2026-11-18_2026-11-24_set.zip")]


@pytest.mark.parametrize("wanted", ["firm.example.com", "Tanaka", "tanaka", "nobody"])
def test_a_customer_gets_no_set_of_another(filled: str, wanted: str) -> None:
    token = token_of(filled, "sakura", NOW)

    with pytest.raises(session.Ended):
        answers_export.export_set(token, wanted, WEEK)

    assert taken(filled) == []


def test_a_session_that_ended_gets_no_file(filled: str) -> None:
    token = token_of(filled, "staff", NOW)
    assert members(answers_export.export_set(token, "Tanaka", WEEK))
    end(filled, token, NOW)

    with pytest.raises(session.Ended):
        answers_export.export_set(token, "Tanaka", WEEK)


def page_with_buttons() -> None:
    from analysis.frames import Period
    from dashboard import answers_export, session

    visit = session.enter()
    for number, wanted in enumerate(("", "shop.example.jp", "firm.example.com")):
        answers_export.export_button(visit, wanted, Period(20_775, 20_781), key=f"set{number}")


@pytest.mark.parametrize(("name", "shown"), [("sakura", 2), ("staff", 2)])
def test_the_button_stands_where_there_is_something_to_take(
    filled: str, monkeypatch: pytest.MonkeyPatch, name: str, shown: int
) -> None:
    """A customer has the own set and that of an own domain; staff have no own customer, but every domain."""
    token = token_of(filled, name, NOW)
    monkeypatch.setattr(session, "read_token", lambda: token)

    app = AppTest.from_function(page_with_buttons).run()

    assert not app.exception
    words = {"sakura": "全ファイル（CSV・Excel）", "staff": "All files (CSV, Excel)"}
    assert [button.label for button in app.get("download_button")] == [words[name]] * shown


@pytest.mark.parametrize(
    ("name", "view", "query", "said", "sets"),
    [
        (
            "staff",
            "customers",
            {"customer": "Sakura"},
            "Debian: apt-get install libpango-1.0-0",
            "All files (CSV, Excel)",
        ),
        ("sakura", "", {}, "月次レポートの PDF を作成できません", "全ファイル（CSV・Excel）"),
    ],
)
def test_without_pango_the_page_says_so_and_offers_no_broken_download(
    sqlite_url: str,
    open_screen: OpenScreen,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    view: str,
    query: dict[str, str],
    said: str,
    sets: str,
) -> None:
    """The stand-in says what the real package says on a machine without the library."""
    (tmp_path / "weasyprint.py").write_text("raise OSError(\"cannot load library 'libpango-1.0-0'\")\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monthly.can_draw.cache_clear()
    fill_store(sqlite_url, TODAY)

    app = open_screen(sqlite_url, name, view, **query)
    monthly.can_draw.cache_clear()

    assert said in app.warning[0].value
    assert [button.label for button in app.get("download_button")] == [sets]


@pytest.mark.requires_paper
def test_a_pdf_that_is_not_drawn_is_noted_and_the_next_page_says_what_to_do(
    sqlite_url: str, open_screen: OpenScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the process that draws cannot start. Streamlit keeps what a click calls away from a test: it is caught."""
    clicks: list[Callable[[], bytes]] = []
    add = MediaFileManager.add_deferred

    def caught(self: MediaFileManager, data_callable: Callable[[], bytes], *rest: Any, **named: Any) -> str:
        clicks.append(data_callable)
        return add(self, data_callable, *rest, **named)

    monkeypatch.setattr(MediaFileManager, "add_deferred", caught)
    fill_store(sqlite_url, TODAY)
    app = open_screen(sqlite_url, "sakura")
    working = sys.executable

    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(NotDrawn):
        clicks[-1]()
    monkeypatch.setattr(sys, "executable", working)
    app.run()

    assert "先ほど、月次レポートを作成できませんでした。数分待って" in app.warning[0].value
    assert len(app.get("download_button")) == 2
    assert taken(sqlite_url) == []
    assert clicks[-1]().startswith(b"%PDF-")
    assert not app.run().warning
    assert taken(sqlite_url) == [("sakura", "export", "dmarc_sakura_2026-10-01_2026-10-31_report.pdf")]
