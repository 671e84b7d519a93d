"""The section "Replay" of a domain's page: its choice stands in the address, its numbers are the replay's own."""

import json

import pytest
from screen_store import add_people, fill_store
from screen_words import figures, unfold
from servers_screens import TODAY, OpenScreen
from store_builder import fill, line, report
from test_dashboard_senders import press, words

from analysis.frames import Period, Scope
from analysis.replay import Hit, Policy
from dashboard import replay_tables
from dashboard.views import domain_replay
from store.engine import open_store, writing
from store.schema import auth_result, override_reason, record

FIRM = "firm.example.com"
OWN, STRANGER = "test:192.0.2.10", "test:203.0.113.66"
MONTH = Period(TODAY - 29, TODAY)


@pytest.fixture
def filled(store_url: str) -> str:
    fill_store(store_url, TODAY)
    return store_url


@pytest.fixture
def filled_file(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def below(url: str) -> None:
    """A domain whose own mail partly fails, and another reporter that spared some."""
    lines = [line("192.0.2.1", 90, dkim=True, spf=True), line("192.0.2.1", 10)]
    fill(url, [report("below.example.jp", TODAY - day, lines, org=f"R{day}") for day in (2, 3)])
    add_people(url)


@pytest.mark.parametrize(
    ("name", "limit", "nobody"),
    [
        ("staff", "Mail that was refused before its content was sent", "No mail of the customer's own senders"),
        ("operator", "レポートに現れません", "対象となるものはありません"),
    ],
)
def test_reject_says_its_range_beside_its_limits(
    filled: str, open_screen: OpenScreen, name: str, limit: str, nobody: str
) -> None:
    app = open_screen(filled, name, "domain", domain=FIRM, tab="replay")

    assert figures(app) == ["40", "30", "0", "10"]
    assert app.code[0].value == "v=DMARC1; p=reject"
    assert limit in words(app)
    assert nobody in words(app)


def test_the_agreement_with_what_receivers_did_is_shown_with_its_parts(filled: str, open_screen: OpenScreen) -> None:
    """The report says sp=reject for this name and quarantine for ten of forty messages."""
    app = open_screen(filled, "staff", "domain", domain=FIRM, tab="replay")

    assert "for 75.0% of messages (30 of 40)" in words(app)


@pytest.mark.parametrize(
    ("query", "record", "numbers"),
    [
        ({"p": "none"}, "v=DMARC1; p=none", ["40", "40", "0", "0"]),
        ({"p": "quarantine"}, "v=DMARC1; p=quarantine", ["40", "30", "10", "0"]),
        ({"sp": "none"}, "v=DMARC1; p=reject; sp=none", ["40", "40", "0", "0"]),
        ({"t": "y"}, "v=DMARC1; p=reject; t=y", ["40", "30", "0", "0 – 10"]),
        (
            {"p": "quarantine", "t": "y", "pct": "0", "aspf": "s"},
            "v=DMARC1; p=quarantine; aspf=s; t=y; pct=0",
            ["40", "40", "0", "0"],
        ),
        ({"p": "'; DROP TABLE", "pct": "-1"}, "v=DMARC1; p=reject", ["40", "30", "0", "10"]),
    ],
)
def test_the_policy_of_the_address_is_replayed(
    filled_file: str, open_screen: OpenScreen, query: dict[str, str], record: str, numbers: list[str]
) -> None:
    app = open_screen(filled_file, "staff", "domain", domain=FIRM, tab="replay", **query)

    assert app.code[0].value == record
    assert figures(app) == numbers


def test_a_choice_goes_into_the_address(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file, "staff", "domain", domain=FIRM, tab="replay")

    unfold(app, "replay_rest")
    app.selectbox(key="sp").set_value("quarantine").run()

    assert app.query_params["sp"] == "quarantine"
    assert app.code[0].value == "v=DMARC1; p=reject; sp=quarantine"


def test_the_chart_the_table_and_the_file_hold_the_same(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file, "staff", "domain", domain=FIRM, tab="replay")

    unfold(app, "replay_bars")

    frame = next(table.value for table in app.dataframe if table.proto.alt == "Whom the policy meets")
    spec = json.loads(app.get("vega_lite_chart")[0].proto.spec)
    table = domain_replay._file_table(FIRM, Policy("reject"), MONTH, "en", Scope(None))
    assert frame[["sender", "verdict", "certain", "possible", "days", "first", "reporters"]].to_numpy().tolist() == [
        ["203.0.113.66", "unknown", 10, 10, 1, "2026-11-22", "Reporter"],
    ]
    assert spec["encoding"]["color"]["scale"]["domain"] == ["certain", "possible"]
    assert table is not None
    assert table.frame.equals(frame)
    assert domain_replay._file_table(FIRM, Policy("reject"), MONTH, "en", Scope((99,))) is None


def test_own_senders_that_are_met_are_named_with_days_and_reporters(sqlite_url: str, open_screen: OpenScreen) -> None:
    below(sqlite_url)
    app = open_screen(sqlite_url, "staff", "domain", domain="below.example.jp", tab="replay")

    assert app.error[0].value.startswith("20 messages of the customer's own senders would have been met")
    assert "20 messages, on Nov 21, 2026, Nov 22, 2026, reported by R2, R3" in words(app).replace("\\", "")


def test_a_decision_changes_whose_mail_is_met(filled_file: str, open_screen: OpenScreen) -> None:
    press(open_screen(filled_file, "staff", "domain", domain=FIRM, tab="senders"), "ours", STRANGER, "their printer")

    app = open_screen(filled_file, "staff", "domain", domain=FIRM, tab="replay")

    assert "10 messages of the customer's own senders would have been met" in words(app)


@pytest.mark.parametrize(("name", "title"), [("operator", "報告されたメールはありません"), ("staff", "No mail was")])
def test_a_period_without_mail_says_so(filled_file: str, open_screen: OpenScreen, name: str, title: str) -> None:
    app = open_screen(filled_file, name, "domain", domain="old.example.com", tab="replay")

    assert title in words(app)
    assert not figures(app)


def test_a_period_whose_records_went_is_not_called_silent(filled_file: str, open_screen: OpenScreen) -> None:
    engine = open_store(filled_file)
    with writing(engine) as connection:
        for table in (override_reason, auth_result, record):
            connection.execute(table.delete())
    engine.dispose()

    replay = open_screen(filled_file, "staff", "domain", domain=FIRM, tab="replay")
    sender = open_screen(filled_file, "staff", "sender", domain=FIRM, sender=OWN)

    assert "The records of this period are not stored any more" in words(replay)
    assert "No record whose report begins in the period is stored" in words(sender)
    assert figures(sender)[0] == "30"


def test_bars_of_one_name_are_told_apart_and_only_the_possible_rest_is_added() -> None:
    hits = [Hit(f"server:{key}", "A", "unknown", 3, 8, (1,), ("R",)) for key in "ab"]

    points = replay_tables.chart(hits, "en")["data"]["values"]

    assert [(each["sender"], each["part"], each["messages"]) for each in points] == [
        ("A · unknown", "certain", 3),
        ("A · unknown", "possible", 5),
        ("A · unknown (2)", "certain", 3),
        ("A · unknown (2)", "possible", 5),
    ]
