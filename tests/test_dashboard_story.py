"""One working day in a real browser: from the work queue to a decided sender, a moved gate and the record to publish;
then another firm's customer, who reaches nothing of it."""

import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from published_dns import publish
from screen_store import add_people
from servers_chromium import Dashboard, idle, log_in, serving
from store_builder import DAY_SECONDS, fill, line, report
from test_dashboard_browser import click_row

from store.migrate import upgrade

pytestmark = pytest.mark.requires_chromium

FIRM, SHOP = "firm.example.com", "shop.example.jp"
OWN, INVOICES = "192.0.2.10", "198.51.100.7"
RECORD = f"v=DMARC1; p=none; sp=none; rua=mailto:dmarc@{FIRM}"
REPORTERS = ("one.example", "two.example", "three.example")


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A firm whose invoice system sends at the end of each month, unaligned, and another customer's shop."""
    folder = tmp_path_factory.mktemp("story")
    database = f"sqlite:///{folder / 'store.sqlite3'}"
    now = int(time.time())
    today = now // DAY_SECONDS
    upgrade(database)
    mail = [line(OWN, 30, dkim=True, spf=True)]
    reports = [report(FIRM, today - back, mail, org=org) for back in range(1, 71) for org in REPORTERS]
    reports += [report(FIRM, today - back, [line(INVOICES, 40)], org="one.example", report_id=f"i{back}")
                for back in (5, 6, 35, 36)]  # fmt: skip
    reports += [report(SHOP, today - 2, [line(OWN, 5, dkim=True)])]
    fill(database, reports, customers={"Tanaka": [FIRM], "Sakura": [SHOP]}, senders={INVOICES: "Invoice system"})
    publish(database, FIRM, RECORD, at=now - 60 * DAY_SECONDS)
    publish(database, FIRM, RECORD, at=now)
    add_people(database)
    with serving(folder, database) as url:
        yield Dashboard(url, database, today)


def gate(page: Page, name: str) -> str:
    """What stands in the card of a gate."""
    card = page.locator("[data-testid=stVerticalBlock]").filter(has_text=name).last
    return card.inner_text()


def test_staff_finds_what_blocks_a_firm_decides_it_and_gets_the_record(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    idle(page)
    page.goto(f"{dashboard.url}/?state=blocked&find=firm")
    idle(page)
    click_row(page, 0)
    expect(page.get_by_role("heading", name=FIRM, exact=True)).to_be_visible(timeout=30_000)
    page.get_by_test_id("stButtonGroup").get_by_text("Next step").click()
    idle(page)
    before = gate(page, "G2")
    assert "Invoice system" in before

    page.get_by_test_id("stButtonGroup").get_by_text("Senders").click()
    idle(page)
    card = page.locator("[class*=st-key-card_]").filter(has_text="Invoice system").first
    card.get_by_role("button", name="Decide").click()
    page.get_by_label("Note: who said so, and why").last.fill("The firm uses it for invoices, says its accountant")
    page.locator("[class*=st-key-ours_] button").last.click()
    idle(page)
    expect(page.get_by_text("Invoice system is now decided as")).to_be_visible(timeout=30_000)

    page.goto(f"{dashboard.url}/domain?domain={FIRM}&tab=next")
    idle(page)
    after = gate(page, "G2")
    assert after != before
    assert "Invoice system: only 0 of 120 messages passed" in after
    expect(page.get_by_text("v=DMARC1; p=quarantine").first).to_be_attached()
    copied = page.locator("[data-testid=stCode]").all_text_contents()
    drafted = [text for text in copied if "p=quarantine; " in text]
    assert drafted, copied
    assert "t=y; pct=0" in drafted[0]
    assert f"rua=mailto:dmarc@{FIRM}" in drafted[0]


@pytest.mark.parametrize(
    "address",
    [
        f"/domain?domain={FIRM}",
        *(f"/domain?domain={FIRM}&tab={tab}" for tab in ("senders", "next", "replay", "records", "reports")),
        f"/sender?domain={FIRM}&sender={quote('test:' + INVOICES)}",
        f"/domain?domain={FIRM}&tab=reports&report=1",
        "/events", "/ingest", "/upload", "/customers", "/accounts",
    ],
)  # fmt: skip
def test_the_customer_of_another_firm_reaches_nothing_of_it(page: Page, dashboard: Dashboard, address: str) -> None:
    log_in(page, dashboard.url, "sakura")
    idle(page)
    menu = page.locator("[data-testid=stTopNavLink]").all_inner_texts()

    page.goto(f"{dashboard.url}{address}")
    idle(page)

    assert len(menu) == 2
    shown = page.locator("#root").inner_text()
    assert "Tanaka" not in shown
    assert "Invoice" not in shown
    assert page.locator("h1, h2, h3").filter(has_text=FIRM).count() == 0
