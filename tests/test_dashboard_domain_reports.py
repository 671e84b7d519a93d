"""A domain's section "Reports": the list with its filters, one report in full, the original for staff only."""

import pytest
import xml_reports
from screen_store import HOSTILE, end, fill_store
from screen_words import figures, rows, unfold, words
from servers_ingest import ingest_into
from servers_screens import NOW, TODAY, OpenScreen
from store_builder import ask, line, report
from store_builder import fill as fill_reports
from streamlit.testing.v1 import AppTest

from dashboard import answers_reports, session
from dashboard.text import plain
from ingest.reading import Message
from store.schema import audit
from store.schema import report as report_table

NAME = "shop.example.jp"


@pytest.fixture
def filled(store_url: str) -> str:
    fill_store(store_url, TODAY)
    return store_url


@pytest.fixture
def filled_file(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def open_reports(open_screen: OpenScreen, url: str, name: str = "staff", domain: str = NAME, **query: str) -> AppTest:
    return open_screen(url, name, "domain", domain=domain, tab="reports", **query)


def number_of(url: str, org: str) -> str:
    query = report_table.select().with_only_columns(report_table.c.id).where(report_table.c.org_name == org)
    return ask(url, lambda connection: str(connection.execute(query.limit(1)).scalar_one()))


def test_a_report_says_how_it_stands(filled: str, open_screen: OpenScreen) -> None:
    app = open_reports(open_screen, filled)

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
    assert "All 5 in this period." in words(app)


def test_the_filters_stand_in_the_address(filled_file: str, open_screen: OpenScreen) -> None:
    reporter = open_reports(open_screen, filled_file, reporter="Others")
    forged = open_reports(open_screen, filled_file, standing="failed")
    chosen = open_reports(open_screen, filled_file)
    unfold(chosen, "report_filter")
    chosen.selectbox(key="standing").select("empty").run()

    assert rows(reporter, "Reports", "reporter") == [["Others"]]
    assert rows(forged, "Reports", "reporter") == [["Forged"]]
    assert rows(chosen, "Reports", "reporter", "messages") == [["Mailboxes", 0]]
    assert chosen.query_params["standing"] == "empty"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("operator", "条件に合うレポートはありません"), ("staff", "No report of this period passes the filter.")],
)
def test_a_filter_that_nothing_passes_says_so(
    filled_file: str, open_screen: OpenScreen, name: str, sentence: str
) -> None:
    app = open_reports(open_screen, filled_file, name, standing="partial")

    assert sentence in words(app)
    assert not app.dataframe


def test_one_report_is_shown_in_full(filled: str, open_screen: OpenScreen) -> None:
    app = open_reports(open_screen, filled, report=number_of(filled, "Forged"))

    assert figures(app) == ["9", "0.0%", "1"]
    assert "Report of Forged, Nov 23, 2026" in words(app)
    assert "Mail authentication: failed" in words(app)
    assert ["Report ID", f"Forged-{TODAY - 1}"] in rows(app, "What it says of itself", "name", "value")
    assert rows(app, "The policy that the reporter saw", "name", "value", "raw")[:2] == [
        ["p", "none", "none"],
        ["sp", "none", "none"],
    ]
    assert rows(app, "Records", "number", "ip", "messages", "dkim_aligned", "disposition") == [
        [1, "203.0.113.66", 9, False, "no action (none)"]
    ]
    assert "The original message is not kept any more." in words(app)


def test_the_way_back_leads_to_the_list(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_reports(open_screen, filled_file, report=number_of(filled_file, "Others"))

    app.button(key="all_reports").click().run()

    assert "report" not in app.query_params
    assert len(rows(app, "Reports", "reporter")) == 5


@pytest.mark.parametrize(
    ("name", "title"), [("operator", "該当するレポートはありません"), ("staff", "There is no such report here")]
)
def test_an_unknown_report_says_so(filled_file: str, open_screen: OpenScreen, name: str, title: str) -> None:
    assert title in words(open_reports(open_screen, filled_file, name, report="987654321"))
    assert title in words(open_reports(open_screen, filled_file, name, report="9" * 400))


def test_a_report_number_of_nonsense_shows_the_list(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_reports(open_screen, filled_file, report="1 OR 1=1")

    assert len(rows(app, "Reports", "reporter")) == 5


def test_records_come_page_by_page(sqlite_url: str, open_screen: OpenScreen) -> None:
    fill_store(sqlite_url, TODAY)
    lines = [line(f"192.0.2.{number % 250}", number) for number in range(1, 151)]
    fill_reports(sqlite_url, [report(NAME, TODAY - 1, lines, org="Long")])
    app = open_reports(open_screen, sqlite_url, report=number_of(sqlite_url, "Long"))
    first = rows(app, "Records", "messages")

    app.button(key="next_records").click().run()

    assert [first[0], first[-1]] == [[1], [100]]
    assert [count for (count,) in rows(app, "Records", "messages")] == list(range(101, 151))
    assert "Records 101 to 150 of 150." in words(app)
    assert app.query_params["from"] == "100"


def test_hostile_words_stay_words(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_reports(open_screen, filled_file, domain="stray.example.net", report=number_of(filled_file, HOSTILE))

    assert ["Name in the report", plain(HOSTILE)] in rows(app, "What it says of itself", "name", "value")
    assert "![x](https://evil.example/y.png)" not in "".join(element.value for element in app.markdown)


def test_the_original_is_for_staff_only_and_audited(sqlite_url: str, open_screen: OpenScreen) -> None:
    fill_store(sqlite_url, TODAY)
    begin = (TODAY - 1) * 86_400
    text = xml_reports.report(xml_reports.record(), domain=NAME, org_name="Filed", begin=begin, end=begin + 86_399)
    content = text.encode()
    ingest_into(sqlite_url, Message(place="/in/![x](y).xml", content=content), now=NOW)
    report_id = number_of(sqlite_url, "Filed")

    shown = open_reports(open_screen, sqlite_url, report=report_id)
    token = session.read_token()
    assert token is not None
    taken = answers_reports.original(token, NAME, int(report_id))
    found = answers_reports.detail(session.find(token).scope, NAME, int(report_id), 0)  # type: ignore[union-attr]
    assert found is not None

    customer = open_reports(open_screen, sqlite_url, "sakura", report=report_id)
    own = session.read_token()
    assert own is not None
    with pytest.raises(session.Ended):
        answers_reports.original(own, NAME, int(report_id))
    end(sqlite_url, token, NOW)
    with pytest.raises(session.Ended):
        answers_reports.original(token, NAME, int(report_id))

    assert taken == content
    assert answers_reports.original_name(found).startswith("dmarc_original_")
    assert answers_reports.original_name(found).endswith(".xml")
    assert "It may hold reports about other domains too." in words(shown)
    assert "原本" not in words(customer)
    query = audit.select().with_only_columns(audit.c.actor, audit.c.action, audit.c.subject)
    assert ask(sqlite_url, lambda connection: [tuple(row) for row in connection.execute(query)]) == [
        ("staff", "original", f"{NAME} {report_id}")
    ]


def test_a_report_of_another_customer_is_an_unknown_one(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_reports(open_screen, filled_file, "sakura", domain="firm.example.com", report="1")

    assert "該当するドメインはありません" in words(app)
