"""Strangers' texts on every view of the menu in a real browser: shown, never obeyed, and nothing leaves the server.

The views come from the app's own menu, so that a new one is looked at without a change here; what an address needs to
name stands in ADDRESSES. Each page is looked at wide and narrow, and each of its downloads is opened.
"""

import csv
import io
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hostile_store import DOMAIN, MARK, PAYLOADS, fill_hostile, sender_key
from openpyxl import load_workbook
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect
from servers_chromium import idle, log_in, serving

from dashboard.menu import MENU
from dashboard.views.domain import SECTIONS
from store.migrate import upgrade
from wording import translator

pytestmark = pytest.mark.requires_chromium
OF_A_DOMAIN = {"domain": DOMAIN, "period": "90", "show": "all"}
SENDER = "the key of a sender"
# Beside the plain address of each view: what shows more of it.
ADDRESSES: dict[str, list[dict[str, str]]] = {
    "domain": [OF_A_DOMAIN | {"tab": tab} for tab in SECTIONS] + [OF_A_DOMAIN | {"tab": "reports", "report": "1"}],
    "sender": [OF_A_DOMAIN | {"sender": SENDER}],
    "events": [{"state": "all"}],
    "ingest": [
        *({"tab": tab} for tab in ("mailboxes", "quarantine", "silent", "states")),
        *({"tab": "quarantine", "message": str(len(PAYLOADS) + number)} for number in (1, 2)),
        *({"tab": "reports", "why": why} for why in ("unverified", "variant", "partial")),
    ],
    "check": [{"record": start + " ".join(PAYLOADS[:4])} for start in ("v=DMARC1; p=", "v=spf1 ", "")],
    "customers": [{"tab": "domains"}, {"tab": "own"}],
    "accounts": [{"tab": "trail"}],
}
PAGES = [(view.path, query) for view in MENU for query in ({}, *ADDRESSES.get(view.file, []))]
# All text of the page but what its reader typed: a field keeps that as it is.
SHOWN = """() => {
    const copy = document.querySelector("#root").cloneNode(true);
    copy.querySelectorAll("textarea, input, script, style").forEach(each => each.remove());
    return copy.textContent;
}"""
FOLDED = "[data-testid=stExpander] details:not([open])"
UNFILLED = "details[open] > [data-testid=stExpanderDetails]:not(:has([data-testid=stElementContainer]))"
UNFOLD = f"""() => {{
    const closed = [...document.querySelectorAll("{FOLDED} > summary")];
    closed.forEach(each => each.click());
    return closed.length;
}}"""
# By how many pixels the page and its body are wider than what is seen of them, once they have followed a new width:
# charts and tables do so some frames later, here within three seconds.
OVERFLOW = """() => new Promise(done => {
    let frames = 0;
    const look = () => {
        const parts = [document.documentElement, ...document.querySelectorAll("[data-testid=stMain]")];
        const over = parts.map(each => Math.max(0, each.scrollWidth - each.clientWidth));
        return over.some(Boolean) && (frames += 1) < 180 ? requestAnimationFrame(look) : done(over);
    };
    requestAnimationFrame(() => requestAnimationFrame(look));
})"""
# Where a payload has to be seen, so that a page which has nothing to show is no proof.
SHOWING = [
    ("events", {"state": "all"}),
    ("ingest", {"tab": "quarantine"}),
    ("ingest", {"tab": "reports", "why": "unverified"}),
    ("domain", OF_A_DOMAIN | {"tab": "reports"}),
    ("domain", OF_A_DOMAIN | {"tab": "senders"}),
    ("domain", OF_A_DOMAIN | {"tab": "records"}),
    ("customers", {"tab": "domains"}),
]


@dataclass
class Watched:
    """A logged-in browser with a tab, the server's address, and everything strange that the tab did."""

    context: BrowserContext
    page: Page
    url: str
    sender: str
    strange: list[str]

    def look(self, path: str, query: dict[str, str]) -> None:
        """Open a page in a new tab and wait until it is drawn."""
        self.page.close()
        self.page, self.strange = _tab(self.context, self.url)
        chosen = {key: self.sender if value == SENDER else value for key, value in query.items()}
        self.page.goto(f"{self.url}/{path}?{urlencode(chosen)}")
        idle(self.page)
        self.page.locator("h1, h2, h3").first.wait_for()
        idle(self.page)
        expect(self.page.locator("[data-testid=stSkeleton]:visible")).to_have_count(0, timeout=30_000)

    def unfold(self) -> None:
        """Open every fold, those inside others too, one after the other as a reader does."""
        folded = self.page.locator(FOLDED)
        while folded.count():
            folded.first.locator("summary").click()
            idle(self.page)
            expect(self.page.locator(UNFILLED)).to_have_count(0)

    def downloads(self) -> Iterator[tuple[str, bytes]]:
        """Every file that the page offers, with its name; what is folded is opened first."""
        self.unfold()
        # A button with a help text is in the page twice: the second, for touch screens, is seen only there.
        buttons = self.page.locator("[data-testid=stDownloadButton] button:visible")
        for place in range(buttons.count()):
            with self.page.expect_download() as download:
                buttons.nth(place).click()
            yield download.value.suggested_filename, Path(download.value.path()).read_bytes()


@pytest.fixture(scope="module")
def watched(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """An operator's tab on a real server whose store is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    database = f"sqlite:///{folder / 'store.sqlite3'}"
    upgrade(database)
    fill_hostile(database, int(time.time()) // 86_400)
    with serving(folder, database) as url:
        context = chromium.new_context(locale="ja-JP", viewport={"width": 1400, "height": 900}, accept_downloads=True)
        context.set_default_timeout(30_000)
        page, strange = _tab(context, url)
        log_in(page, url, "operator")
        idle(page)
        yield Watched(context, page, url, sender_key(database), strange)
        context.close()


def _tab(context: BrowserContext, url: str) -> tuple[Page, list[str]]:
    """An empty tab, and the list to which it adds what is strange."""
    page = context.new_page()
    strange: list[str] = []
    ours = (url, url.replace("http", "ws", 1), "data:", "blob:")

    def closed(dialog: Dialog) -> None:
        strange.append(f"dialog {dialog.message}")
        dialog.dismiss()

    page.on("dialog", closed)
    page.on("pageerror", lambda error: strange.append(f"script error {error}"))
    page.on("request", lambda asked: None if asked.url.startswith(ours) else strange.append(f"request {asked.url}"))
    return page, strange


def called(part: str | dict[str, str]) -> str:
    """The name of a page in the test's own name."""
    return part if isinstance(part, str) else urlencode(part)[:70]


@pytest.mark.parametrize(("path", "query"), PAGES, ids=called)
def test_no_view_obeys_what_strangers_wrote(watched: Watched, path: str, query: dict[str, str]) -> None:
    watched.look(path, query)
    page = watched.page
    wide = page.evaluate(OVERFLOW)
    page.set_viewport_size({"width": 900, "height": 900})
    narrow = page.evaluate(OVERFLOW)
    page.set_viewport_size({"width": 1400, "height": 900})
    files = list(watched.downloads())

    assert (wide, narrow) == ([0] * len(wide), [0] * len(narrow))
    text = page.evaluate(SHOWN)
    assert translator("ja")("This page could not be drawn. The server's log says why.") not in text
    assert page.get_by_test_id("stException").count() == 0
    assert page.get_by_role("dialog").count() == 0
    assert not set(text) & set("\u202e\u2066\u2028")
    assert page.locator(f".katex, #root script, [href^='javascript:'], img[src*='{MARK}']").count() == 0
    assert [text for file in files for text in _texts(*file) if _is_live(text)] == []
    assert watched.strange == []


@pytest.mark.parametrize(("path", "query"), SHOWING, ids=called)
def test_the_texts_are_really_there(watched: Watched, path: str, query: dict[str, str]) -> None:
    watched.look(path, query)

    watched.page.get_by_text(MARK).first.wait_for(state="attached")


def test_the_texts_are_really_in_a_download(watched: Watched) -> None:
    watched.look("domain", OF_A_DOMAIN | {"tab": "records"})

    assert any(MARK in text for file in watched.downloads() for text in _texts(*file))


def _texts(name: str, content: bytes) -> Iterator[str]:
    """Every text cell of a file, and of the files in it."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from _texts(member, archive.read(member))
    elif name.endswith(".xlsx"):
        for sheet in load_workbook(io.BytesIO(content)):
            for row in sheet.iter_rows():
                assert not [cell.coordinate for cell in row if cell.data_type == "f" or cell.hyperlink]
    elif name.endswith(".csv"):
        for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
            yield from line


def _is_live(text: str) -> bool:
    """Whether a spreadsheet would compute the cell: it begins like a formula, and is no number."""
    begins = text.lstrip(" \u3000\ufeff\u200b\u00a0").startswith(tuple("=+-@\t\r\n|%＝＋－＠"))
    return begins and not re.fullmatch(r"[+-]?[0-9.,]+%?|-", text.strip())
