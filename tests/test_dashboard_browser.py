"""The real server in a real Chromium: the numbers, the clicks, the way in and out, and nothing from elsewhere."""

import re
import time
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from screen_store import HOSTILE, PASSWORD
from servers_chromium import Dashboard, click_at, drawn, figures, idle, log_in
from store_builder import ask

from analysis import domain as domain_analysis
from analysis.domain import DomainPage
from analysis.frames import Period, Scope
from store.office import assign_domain
from store.opened import OpenStore

pytestmark = pytest.mark.requires_chromium
EVERYTHING = Scope(None)
# A row of the work queue is as high as three lines of text, its head as one (dashboard/views/queue.py).
HEAD_PIXELS, ROW_PIXELS = 36, 66

ROWS_OF_TABLE = """table => {
    const drawn = document.querySelectorAll("[data-testid=stDataFrame]")[table];
    const rows = drawn ? [...drawn.querySelectorAll("table[role=grid] tbody tr")] : [];
    return rows.length && rows.map(row => [...row.querySelectorAll("td")].map(cell => cell.textContent));
}"""


def cells(page: Page, table: int = 0) -> list[list[str]]:
    """The texts of a table's rows, which Streamlit mirrors for screen readers, all of one moment."""
    idle(page)
    found: list[list[str]] = page.wait_for_function(ROWS_OF_TABLE, arg=table).json_value()
    return found


def click_row(page: Page, number: int) -> None:
    """Click the second column of a row of the work queue: the table is a canvas."""
    box = page.get_by_test_id("stDataFrame").first.locator("canvas").first.bounding_box()
    assert box is not None
    click_at(page, box["x"] + 200, box["y"] + HEAD_PIXELS + ROW_PIXELS * number + ROW_PIXELS // 2)


def domain_page(dashboard: Dashboard, name: str, days: int) -> DomainPage:
    period = Period(dashboard.today - days + 1, dashboard.today)
    found = ask(dashboard.database, lambda connection: domain_analysis.build(connection, EVERYTHING, name, period))
    assert found is not None
    return found


def test_both_views_show_the_stores_numbers(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    shown = figures(page)

    expect(shown).to_have_text(["0", "0", "3", "2", "0"])
    lines = cells(page)
    number = next(number for number, line in enumerate(lines) if line[1] == "shop.example.jp")
    assert lines[number][2:4] == ["Sakura", "■□□□□ p=none"]
    assert lines[number][5:7] == ["100", "1104"]
    click_row(page, number)
    expect(page.get_by_role("heading", name="shop.example.jp")).to_be_visible()

    shop = domain_page(dashboard, "shop.example.jp", 30)
    expect(shown).to_have_text([f"{shop.rate.messages:,}", "98.2%", "22", "2"])
    expect(page.get_by_text("1,204 / 1,226")).to_be_visible()
    page.get_by_text("no action (none): ").click()
    expect(page.locator("[data-testid=stVegaLiteChart] :is(canvas, svg)")).to_have_count(2)
    assert parse_qs(urlsplit(page.url).query) == {"domain": ["shop.example.jp"]}


def test_the_address_survives_reload_and_back(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/domain?domain=firm.example.com&period=90")
    messages = figures(page).first
    expect(messages).to_have_text("45")

    page.get_by_text("7 days", exact=True).click()
    expect(messages).to_have_text("40")
    page.reload()
    expect(messages).to_have_text("40")
    assert parse_qs(urlsplit(page.url).query) == {"domain": ["firm.example.com"], "period": ["7"]}

    page.go_back()
    expect(messages).to_have_text("45")


def test_the_list_is_found_again_as_it_was_left(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/?find=tanaka&state=no-reports")
    idle(page)

    click_row(page, 0)
    expect(page.get_by_role("heading", name="old.example.com")).to_be_visible()
    page.get_by_text("All domains").click()
    expect(page.get_by_role("heading", name="Work queue")).to_be_visible()
    idle(page)

    assert parse_qs(urlsplit(page.url).query) == {"find": ["tanaka"], "state": ["no-reports"]}
    assert [row[1] for row in cells(page)] == ["old.example.com"]


def test_the_language_changes_on_the_screen_and_stays(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "operator")
    page.goto(f"{dashboard.url}/domain?domain=shop.example.jp&period=7")
    idle(page)
    languages = [page.evaluate("document.documentElement.lang")]

    page.get_by_test_id("stPopover").get_by_role("button").click()
    page.get_by_text("English").click()
    expect(page.get_by_text("SPF and DKIM alignment by day")).to_be_visible()
    languages.append(page.evaluate("document.documentElement.lang"))

    assert languages == ["ja", "en"]
    assert parse_qs(urlsplit(page.url).query) == {"domain": ["shop.example.jp"], "period": ["7"]}
    # It is the account's now, and other tests expect the account as it was.
    page.goto(f"{dashboard.url}/language/ja")


def test_a_download_is_the_file_of_the_page(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/domain?domain=stray.example.net")
    idle(page)

    page.get_by_text("Exact numbers").first.click()
    with page.expect_download() as daily:
        page.locator(".st-key-alignment_csv button").click()

    content = Path(daily.value.path()).read_bytes()
    lines = content.decode("utf-8-sig").splitlines()
    assert daily.value.suggested_filename.startswith("dmarc_stray.example.net_")
    assert content.startswith(b"\xef\xbb\xbf")
    assert [line.split(",")[2:4] for line in lines[1:]] == [["7", "7"]]


@pytest.mark.parametrize(
    ("path", "tables", "times"),
    [("/", 1, 0), ("/domain?domain=stray.example.net", 1, 1), ("/domain?domain=stray.example.net&tab=reports", 1, 2)],
)
def test_foreign_text_stays_text(page: Page, dashboard: Dashboard, path: str, tables: int, times: int) -> None:
    """Reporter and the name in the report are hostile: cells of the page's table that are in sight."""
    page.set_viewport_size({"width": 1900, "height": 3000})
    log_in(page, dashboard.url, "staff")
    page.goto(dashboard.url + path)
    idle(page)
    for folded in page.get_by_text("All reporters in one table").all():
        folded.click()
    expect(page.get_by_test_id("stDataFrame")).to_have_count(tables, timeout=30_000)

    texts = [cell for table in range(tables) for row in cells(page, table) for cell in row]
    assert texts.count(HOSTILE.replace("\u202e", "\ufffd")) == times
    assert page.locator("img[src*='evil'], a[href*='evil'], .katex").count() == 0


def test_a_forged_search_stays_text(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/?find=![x](https://evil.example/y.png)")

    expect(page.get_by_text("![x](https:\u2060//evil.example/y.png)")).to_be_visible()
    assert page.locator("a[href*='evil']").count() == 0
    assert page.locator("img[src*='evil']").count() == 0


def test_a_wrong_password_is_refused(page: Page, dashboard: Dashboard) -> None:
    page.goto(f"{dashboard.url}/language/en?to=/login")
    page.locator("#name").fill("sakura")
    page.locator("#password").fill("wrong")
    page.locator("main button").click()

    expect(page.get_by_role("alert")).to_contain_text("The account or the password is wrong.")
    page.goto(dashboard.url)
    assert page.url == f"{dashboard.url}/login"


def test_logging_out_ends_the_session_in_every_open_tab(profile: BrowserContext, dashboard: Dashboard) -> None:
    first, second = profile.new_page(), profile.new_page()
    log_in(first, dashboard.url, "staff", PASSWORD)
    second.goto(dashboard.url)
    idle(first)
    idle(second)

    second.get_by_test_id("stPopover").get_by_role("button").click()
    second.get_by_text("Log out").click()
    expect(second.get_by_text("You are logged out")).to_be_visible()
    first.get_by_test_id("stButtonGroup").get_by_text("blocked").click()

    expect(first.get_by_text("You are logged out")).to_be_visible()
    expect(first.get_by_test_id("stDataFrame")).to_have_count(0)
    first.get_by_role("link", name="Log in").click()
    expect(first.locator("#password")).to_be_visible()
    first.goto(dashboard.url)
    assert first.url == f"{dashboard.url}/login"


def test_a_customer_reaches_nothing_of_another(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "sakura")
    idle(page)
    listed = [row[1] for row in cells(page)]

    page.goto(f"{dashboard.url}/domain?domain=firm.example.com&period=365")
    expect(page.get_by_text("該当するドメインはありません")).to_be_visible()

    assert listed == ["shop.example.jp", "quiet.example.jp"]
    assert page.get_by_test_id("stDataFrame").count() == 0
    assert "Tanaka" not in page.content()


def own(dashboard: Dashboard, name: str, customer: str | None) -> None:
    """Give the domain to a customer, or to nobody."""
    store = OpenStore(dashboard.database)
    store.write(lambda connection: assign_domain(connection, name, customer, now=int(time.time())))
    store.close()


def test_a_section_of_a_domain_that_was_taken_away_shows_nothing_of_it(page: Page, dashboard: Dashboard) -> None:
    """A click on a section does not draw the page anew, and yet asks once more whose domain it is."""
    log_in(page, dashboard.url, "sakura")
    page.goto(f"{dashboard.url}/domain?domain=quiet.example.jp")
    sections = page.get_by_test_id("stButtonGroup").first
    expect(sections).to_be_visible()
    own(dashboard, "quiet.example.jp", None)

    try:
        sections.get_by_text("送信元").click()
        expect(page.get_by_text("該当するドメインはありません")).to_be_visible()
        expect(page.get_by_role("heading", name="quiet.example.jp")).to_have_count(0)
    finally:
        own(dashboard, "quiet.example.jp", "Sakura")


def test_a_section_is_not_drawn_for_a_session_that_has_ended(profile: BrowserContext, dashboard: Dashboard) -> None:
    first, second = profile.new_page(), profile.new_page()
    log_in(first, dashboard.url, "staff", PASSWORD)
    first.goto(f"{dashboard.url}/domain?domain=shop.example.jp")
    second.goto(dashboard.url)
    idle(first)
    idle(second)
    second.get_by_test_id("stPopover").get_by_role("button").click()
    second.get_by_text("Log out").click()
    expect(second.get_by_text("You are logged out")).to_be_visible()

    first.get_by_test_id("stButtonGroup").first.get_by_text("Reports").click()

    expect(first.get_by_text("You are logged out")).to_be_visible()
    expect(first.get_by_test_id("stDataFrame")).to_have_count(0)


def test_a_report_opens_by_a_click_and_by_its_address(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/domain?domain=shop.example.jp&tab=reports&standing=failed")
    idle(page)
    box = page.get_by_test_id("stDataFrame").first.locator("canvas").first.bounding_box()
    assert box is not None

    click_at(page, box["x"] + 60, box["y"] + 52)
    heading = page.get_by_role("heading", name="Report of Forged")
    expect(heading).to_be_visible()
    page.reload()
    expect(heading).to_be_visible()
    page.get_by_text("All reports").click()

    expect(heading).to_have_count(0)
    assert [row[0] for row in cells(page)] == ["Forged"]


def test_each_sender_shows_its_days_as_a_picture(page: Page, dashboard: Dashboard) -> None:
    """Streamlit takes some elements out of HTML: what the browser drew is what counts."""
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/domain?domain=shop.example.jp&tab=senders")
    idle(page)
    pictures = page.locator(".sekisho-sender img")
    expect(pictures.first).to_be_visible()

    widths = pictures.evaluate_all("all => all.map(each => each.naturalWidth * each.clientHeight)")

    assert len(widths) == page.locator(".sekisho-sender").count()
    assert all(widths)


def contrast(page: Page, selector: str) -> float:
    """How far an element's words stand out from its ground (WCAG 2.2, relative luminance and contrast ratio), once its
    colours have come to rest.
    """
    drawn(page)
    colours = page.locator(selector).first.evaluate(
        """async each => {
            await Promise.all(each.getAnimations({ subtree: true }).map(one => one.finished));
            return [getComputedStyle(each.querySelector("p") || each).color, getComputedStyle(each).backgroundColor];
        }"""
    )
    lights = sorted(luminance(*map(int, re.findall(r"[0-9]+", colour)[:3])) for colour in colours)
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(*channels: int) -> float:
    linear = [c / 12.92 if (c := each / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_of_the_main_button_stand_out(
    page: Page, dashboard: Dashboard, scheme: Literal["light", "dark"]
) -> None:
    button = "[data-testid=stBaseButton-primary]"
    page.emulate_media(color_scheme=scheme)
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/check")
    idle(page)

    resting = contrast(page, button)
    page.locator(button).first.hover()

    assert resting >= 4.5
    assert contrast(page, button) >= 4.5


LAST_CHART_IS_WITHIN_THE_PAGE = """() => {
    const last = [...document.querySelectorAll("[data-testid=stVegaLiteChart]")].at(-1)?.getBoundingClientRect();
    return last && last.height > 0 && last.bottom + window.scrollY <= document.documentElement.scrollHeight;
}"""


def test_a_printed_list_of_senders_names_the_classes_that_are_folded(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/domain?domain=shop.example.jp&tab=senders")
    idle(page)

    page.emulate_media(media="print")

    expect(page.get_by_text("Own, set up well (1)")).to_be_visible()
    expect(page.get_by_text("All senders in one table")).to_be_hidden()


def test_a_printed_domain_page_is_whole_and_without_controls(page: Page, dashboard: Dashboard) -> None:
    log_in(page, dashboard.url, "staff")
    page.goto(f"{dashboard.url}/domain?domain=shop.example.jp")
    idle(page)
    shown = page.get_by_test_id("stButtonGroup").first
    expect(shown).to_be_visible()

    page.emulate_media(media="print")

    expect(shown).to_be_hidden()
    expect(page.get_by_test_id("stPopover")).to_be_hidden()
    expect(page.get_by_role("img", name="Stage: watching only (p=none), rung 1 of 5")).to_be_visible()
    page.wait_for_function(LAST_CHART_IS_WITHIN_THE_PAGE)
