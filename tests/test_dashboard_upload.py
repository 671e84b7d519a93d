"""Report files dropped on the real server in a real Chromium: read, said, kept nowhere but in the store."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import REPORT
from playwright.sync_api import Browser, Page, expect
from screen_store import add_people
from servers_chromium import figures, idle, log_in, serving
from store_builder import ask

from store import ledger
from store.locks import run_lock
from store.migrate import upgrade

pytestmark = pytest.mark.requires_chromium
BIG = b"<!-- " + b"x" * 3_000_000 + b" -->"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """The address of a server, its empty store, and the folder in which it keeps its temporary files."""
    folder = tmp_path_factory.mktemp("upload")
    temporary = folder / "tmp"
    temporary.mkdir()
    database = f"sqlite:///{folder / 'store.sqlite3'}"
    upgrade(database)
    add_people(database)
    with serving(folder, database, TMPDIR=str(temporary)) as url:
        yield url, database, temporary


@pytest.fixture
def page(chromium: Browser, server: tuple[str, str, Path]) -> Iterator[Page]:
    """The upload page, open for staff."""
    context = chromium.new_context(locale="en-US", viewport={"width": 1400, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    log_in(page, server[0], "staff")
    page.goto(f"{server[0]}/upload")
    idle(page)
    yield page
    context.close()


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Put the files on the field and have them read."""
    page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
    )
    expect(page.get_by_test_id("stFileChipName")).to_have_count(len(files))
    expect(page.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)
    idle(page)
    page.get_by_role("button", name="Read the files").click()


def test_dropped_files_are_read_and_what_became_of_each_is_said(page: Page, server: tuple[str, str, Path]) -> None:
    drop(page, ("good.xml.gz", gzip.compress(REPORT)), ("cut.xml", REPORT[:200]), ("big.xml", BIG))

    expect(page.get_by_role("heading", name="What became of the files")).to_be_visible(timeout=60_000)
    expect(figures(page)).to_have_text(["3", "1", "1", "1"])
    expect(page.get_by_test_id("stFileChipName")).to_have_count(0)
    assert [row.place for row in ask(server[1], ledger.quarantine)] == ["upload:cut.xml"]
    assert [path for path in server[2].rglob("*") if path.is_file()] == []

    page.get_by_text("See the quarantine").click()
    expect(page.get_by_text("1 messages could not be read")).to_be_visible()


def test_while_another_run_reads_the_files_wait_in_the_browser(page: Page, server: tuple[str, str, Path]) -> None:
    with run_lock(server[1]):
        drop(page, ("again.xml", REPORT))
        expect(page.get_by_text("Another run is reading at this moment")).to_be_visible(timeout=60_000)

    expect(page.get_by_test_id("stFileChipName")).to_have_count(1)
    page.get_by_role("button", name="Read the files").click()
    expect(page.get_by_role("heading", name="What became of the files")).to_be_visible(timeout=60_000)
