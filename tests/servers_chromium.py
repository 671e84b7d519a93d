"""A real dashboard server in a process of its own, started from another folder, and Debian's Chromium to look at it."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, sync_playwright
from ports import free_port
from screen_store import PASSWORD, fill_store

from store.migrate import upgrade

COMMAND = Path(sys.executable).with_name("sekisho")
START_SECONDS = 60


@dataclass(frozen=True)
class Dashboard:
    """A server that answers at `url`; `database` is the address of its store, `today` its UTC day."""

    url: str
    database: str
    today: int


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names; it asks nobody for anything by itself."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


@pytest.fixture
def profile(chromium: Browser, dashboard: Dashboard) -> Iterator[BrowserContext]:
    """A fresh browser profile; its test fails when it asks another host, opens a dialog or meets a script error."""
    strange: list[str] = []
    profile = chromium.new_context(locale="ja-JP", viewport={"width": 1400, "height": 900})
    profile.set_default_timeout(30_000)
    ours = (dashboard.url, dashboard.url.replace("http", "ws", 1), "data:", "blob:")

    def refuse(dialog: Dialog) -> None:
        strange.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def watch(page: Page) -> None:
        page.on("dialog", refuse)
        page.on("pageerror", lambda error: strange.append(f"script error {error}"))
        page.on("websocket", lambda socket: strange.append(socket.url) if not socket.url.startswith(ours) else None)

    profile.on("page", watch)
    profile.on("request", lambda asked: strange.append(asked.url) if not asked.url.startswith(ours) else None)
    yield profile
    profile.close()
    assert strange == []


@pytest.fixture
def page(profile: BrowserContext) -> Page:
    """An empty tab of that profile."""
    return profile.new_page()


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The server on the store of screen_store. Tests that end sessions end only their own."""
    folder = tmp_path_factory.mktemp("dashboard")
    database = f"sqlite:///{folder / 'store.sqlite3'}"
    today = int(time.time()) // 86_400
    upgrade(database)
    fill_store(database, today)
    with serving(folder, database) as url:
        yield Dashboard(url, database, today)


@contextmanager
def serving(folder: Path, database: str, **options: str) -> Iterator[str]:
    """Run `sekisho dashboard` in `folder` until the block ends; its address. `options` are more variables for it."""
    port = free_port()
    environment = environment_of(database, port) | options
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([COMMAND, "dashboard"], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_healthy(server, f"http://127.0.0.1:{port}", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def environment_of(database: str, port: int) -> dict[str, str]:
    """The environment of a server: only what it needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
    return {**kept, "SEKISHO_DATABASE_URL": database, "SEKISHO_DASHBOARD__PORT": str(port)}


def _wait_until_healthy(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the dashboard did not start: {log.read_text('utf-8')}", pytrace=False)


def idle(page: Page) -> None:
    """Wait until the page is drawn and its script rests."""
    page.locator(
        "[data-testid=stApp][data-test-script-state=notRunning][data-test-connection-state=CONNECTED]"
    ).wait_for()


def drawn(page: Page) -> None:
    """Wait for two frames: what the mouse or a new width changed is on the screen when the second one begins."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def figures(page: Page) -> Locator:
    """The numbers in the cards below a page's head (`dashboard.parts.figures`)."""
    cards = "[data-testid=stMarkdownContainer]:not([class*=st-key-list_] *) table"
    return page.locator(f"{cards} tbody tr:first-child td:not(:has(strong))")


def click_at(page: Page, x: float, y: float) -> None:
    """Click a place of a table, which is a canvas: it has to see the mouse there before it takes a click."""
    idle(page)
    page.mouse.move(x, y, steps=5)
    drawn(page)
    page.mouse.click(x, y)


def log_in(page: Page, url: str, name: str, password: str = PASSWORD) -> None:
    """Fill in the form of the login page and wait for the work queue."""
    page.goto(f"{url}/login")
    page.locator("#name").fill(name)
    page.locator("#password").fill(password)
    page.locator("main button").click()
    page.wait_for_load_state()
