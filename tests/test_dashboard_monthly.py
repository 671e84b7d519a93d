"""The monthly report on paper: what it says first, that nothing is fetched, and that its text can be copied."""

import io
import json
import re
import subprocess
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader
from store_builder import ask, fill, line, report

from analysis import report as report_analysis
from analysis.frames import Period, Scope
from analysis.report import MonthlyReport
from dashboard import charts, monthly
from dashboard.press import CHARTS, Press
from knowledge.tables import load_tables

OCTOBER = Period(20_727, 20_757)  # 2026-10-01 to 2026-10-31
OWN, STRANGER = "192.0.2.10", "203.0.113.66"
HOSTILE = "<script>alert(1)</script> <img src=https://evil.example/x.png> \u202e=cmd"


def made(url: str) -> MonthlyReport:
    tables = load_tables()
    at = (OCTOBER.last_day + 3) * 86_400
    found = ask(url, lambda connection: report_analysis.build(connection, Scope(None), "k1", OCTOBER, tables, at))
    assert found is not None
    return found


def shop(url: str) -> MonthlyReport:
    """A shop with own mail on every day of the month, and a stranger whose mail some receivers refused."""
    days = [
        report("example.jp", day, [line(OWN, 40, dkim=True, spf=True), line(STRANGER, 2, disposition="reject")])
        for day in OCTOBER.days
    ]
    fill(url, days, customers={"k1": ["example.jp"]}, senders={OWN: "見本のサーバー"})
    return made(url)


def test_the_first_thing_said_is_the_verdict(sqlite_url: str) -> None:
    found = shop(sqlite_url)

    page = monthly.html(found, "en")

    assert page.index(monthly.verdict(found, "en")) < page.index("<table")
    assert "1,240 / 1,240" in page  # own mail that passed
    assert "62 / 62" in page  # strangers' mail that was refused


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_page_names_its_language_and_month(sqlite_url: str, language: str) -> None:
    page = monthly.html(shop(sqlite_url), language)

    assert f'<html lang="{language}">' in page
    assert {"ja": "2026年10月", "en": "October 2026"}[language] in page


def test_the_page_is_safe_to_mail_it_fetches_nothing_and_obeys_no_foreign_text(sqlite_url: str) -> None:
    reports = [report("example.jp", OCTOBER.first_day, [line(OWN, 5, dkim=True)], org=HOSTILE)]
    fill(sqlite_url, reports, customers={"k1": ["example.jp"]}, senders={OWN: HOSTILE})

    page = monthly.html(made(sqlite_url), "en")

    found = Elements()
    found.feed(page)
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(found.tags)
    assert found.addresses == []
    assert "url(" not in page
    assert "&lt;img src=" in page
    assert "\u202e" not in page


class Elements(HTMLParser):
    """The elements of a page, and every address that one of them would fetch or open."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href", "action")]


def test_the_trend_is_the_chart_of_the_screen_drawn_as_svg(sqlite_url: str) -> None:
    found = shop(sqlite_url)
    (domain,) = found.domains

    page = monthly.html(found, "ja")
    spec, screen = monthly.trend(domain, "ja"), charts.alignment_by_day(domain.days, "ja")

    with closing(Press(CHARTS)) as press:
        drawn = press.draw(json.dumps(spec)).decode()
    assert page.count("<svg ") == 1
    assert f'<div class="chart">{drawn}</div>' in page
    assert {name: spec[name] for name in ("data", "mark", "encoding")} == {
        name: screen[name] for name in ("data", "mark", "encoding")
    }
    bars = re.findall(r'<path aria-label="[^"]*" role="graphics-symbol" aria-roledescription="bar" [^>]*>', page)
    assert len(bars) == 2 * 31  # what passed and what did not, on each day
    assert sum('fill="#0b5cad"' in bar for bar in bars) == 31


def test_a_month_without_reports_says_so_and_why_that_may_be(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"k1": ["example.jp"]})

    page = monthly.html(made(sqlite_url), "en")

    assert "No report told of mail of example.jp in this month." in page
    assert "the address for reports (rua)" in page


def test_a_customer_without_domains_is_told_so(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"k1": []})

    assert "No domain is assigned to you yet" in monthly.html(made(sqlite_url), "en")


def test_a_customer_is_never_told_to_run_a_command(sqlite_url: str) -> None:
    assert "sekisho " not in monthly.html(shop(sqlite_url), "en")


@pytest.mark.requires_paper
def test_the_pdf_has_its_fonts_inside_and_japanese_text_that_can_be_copied(sqlite_url: str) -> None:
    found = shop(sqlite_url)

    drawn = PdfReader(io.BytesIO(monthly.pdf(found, "ja")))

    text = "".join(page.extract_text() for page in drawn.pages)
    assert "2026年10月" in text
    assert monthly.verdict(found, "ja") in text.replace("\n", "")
    assert "見本のサーバー" in text
    assert [round(float(side) / 72 * 25.4) for side in drawn.pages[0].mediabox[2:]] == [210, 297]
    fonts = [font.get_object() for page in drawn.pages for font in page["/Resources"]["/Font"].values()]
    described = [font["/DescendantFonts"][0].get_object()["/FontDescriptor"] for font in fonts]
    assert described
    assert all({"/FontFile", "/FontFile2", "/FontFile3"} & set(each) for each in described)


@pytest.mark.requires_paper
def test_no_page_is_empty_and_nothing_runs_over_its_edge(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(monthly.pdf(shop(sqlite_url), "ja"))

    subprocess.run(["pdftoppm", "-r", "50", "-gray", "report.pdf", "page"], cwd=tmp_path, check=True)

    pages = sorted(tmp_path.glob("page*.pgm"))
    assert 1 <= len(pages) <= 3
    for page in pages:
        with Image.open(page) as picture:
            width = picture.width
            inked = picture.point(lambda level: 255 if level < 160 else 0).getbbox()
        assert inked is not None
        assert inked[0] > 0.05 * width
        assert inked[2] < 0.95 * width
