"""What a newcomer sees after `scripts/demo`: the sample reports in a real Chromium, with the samples' own numbers."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from screen_store import add_people
from servers_chromium import Dashboard, figures, idle, log_in, serving
from servers_ingest import ingest_into
from test_dashboard_browser import cells

from ingest.files import messages
from settings import Limits
from store.engine import open_store, writing
from store.migrate import upgrade
from store.office import add_customer, import_domains

SAMPLES = Path(__file__).parent.parent / "sample_reports"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text())
UNTIL = date.fromisoformat(EXPECTED["until"])
NOON = 1_795_348_800  # 2026-11-23T12:00:00Z, the day after the samples end

pytestmark = [pytest.mark.requires_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The server on a store that holds the sample history, with the sample customers."""
    folder = tmp_path_factory.mktemp("samples")
    database = f"sqlite:///{folder / 'store.sqlite3'}"
    upgrade(database)
    ingest_into(database, *messages([SAMPLES / "history"], Limits()), workers=2, now=NOON)
    _assign(database)
    add_people(database)
    with serving(folder, database) as url:
        yield Dashboard(url, database, NOON // 86_400)


def _assign(database: str) -> None:
    lines = (SAMPLES / "domains.csv").read_text().splitlines()
    engine = open_store(database)
    with writing(engine) as connection:
        for customer in sorted({line.split(",")[1] for line in lines[1:]}):
            add_customer(connection, customer, language="ja", now=NOON)
        import_domains(connection, lines, now=NOON)
    engine.dispose()


def test_both_views_show_the_samples_as_their_generator_counted_them(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    idle(page)
    assert {row[1] for row in cells(page)} == set(EXPECTED["history"]["domains"])

    for name, told in EXPECTED["history"]["domains"].items():
        page.goto(f"{dashboard.url}/domain?domain={name}&period=dates&since=2026-01-01&until={UNTIL}")
        idle(page)
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        passed = round(100 * told["passed"] / told["messages"], 1)
        shown = figures(page)
        failed = told["messages"] - told["passed"]
        expect(shown.nth(0)).to_have_text(f"{told['messages']:,}")
        expect(shown.nth(1)).to_have_text(f"{passed}%")
        expect(shown.nth(2)).to_have_text(f"{failed:,}")
