"""The page of one sender in its states and languages; what of it only staff sees."""

import pytest
from screen_store import HOSTILE, OWN, fill_store
from screen_words import figures
from servers_screens import TODAY, OpenScreen
from streamlit.testing.v1 import AppTest
from test_dashboard_senders import decisions, press, words

from analysis.frames import Period, Scope
from dashboard.text import md
from dashboard.views import sender

SHOP, FIRM = "shop.example.jp", "firm.example.com"
OWN_KEY, CLOUD = f"test:{OWN}", "test:198.51.100.7"
MONTH = Period(TODAY - 29, TODAY)


@pytest.fixture
def filled(store_url: str) -> str:
    fill_store(store_url, TODAY)
    return store_url


@pytest.fixture
def filled_file(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def rows(app: AppTest, alt: str, *columns: str) -> list[list[object]]:
    frame = next(table.value for table in app.dataframe if table.proto.alt == alt)
    return [list(cells) for cells in frame[list(columns)].itertuples(index=False)]


def test_the_figures_the_reporters_and_the_addresses_are_the_senders_own(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "sender", domain=SHOP, sender=OWN_KEY)

    assert figures(app) == ["1,104", "100.0%", "63.8%", "100.0%", "3"]
    assert "704 / 1,104" in words(app)
    assert rows(app, "Reporters", "reporter", "messages", "passed", "dkim", "spf") == [
        ["Mailboxes", 1000, 1000, 600, 1000],
        ["Others", 104, 104, 104, 104],
    ]
    assert rows(app, "Sources", "ip", "country", "network", "verdict", "messages") == [
        [OWN, "Japan (JP)", "Example Network", "own, set up well", 1104],
    ]
    assert "IPinfo Lite" in words(app)


def test_why_mail_did_not_align_is_counted_by_way(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "sender", domain=SHOP, sender=OWN_KEY)

    assert rows(app, "Why mail did not align", "way", "reason", "messages", "records", "ip", "reporter") == [
        ["DKIM", "No DKIM signature.", 400, 1, OWN, "Mailboxes"],
    ]


def test_the_days_of_the_chart_stand_in_its_table(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file, "staff", "sender", domain=SHOP, sender=OWN_KEY, period="7")
    app.session_state["sender_exact"] = True
    app.run()

    assert rows(app, "Messages per day", "day", "band0", "band1", "band2", "band3", "messages") == [
        ["2026-11-24", 0, 0, 0, 0, 0],
        ["2026-11-23", 104, 0, 0, 0, 104],
        ["2026-11-22", 0, 0, 400, 0, 400],
        ["2026-11-21", 600, 0, 0, 0, 600],
        ["2026-11-20", 0, 0, 0, 0, 0],
        ["2026-11-19", 0, 0, 0, 0, 0],
        ["2026-11-18", 0, 0, 0, 0, 0],
    ]


def test_staff_sees_the_same_sender_under_other_domains(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "sender", domain=SHOP, sender=OWN_KEY)

    columns = ("domain", "customer", "messages", "passed")
    assert rows(app, "The same sender under other domains", *columns) == [["firm.example.com", "Tanaka", 30, 30]]


def test_a_customer_never_sees_another_customers_domain(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "sakura", "sender", domain=SHOP, sender=OWN_KEY)
    shown = words(app) + "".join(table.value.to_csv() for table in app.dataframe)

    assert figures(app)[0] == "1,104"
    assert FIRM not in shown
    assert "Tanaka" not in shown
    assert "決定の履歴" not in shown


@pytest.mark.parametrize(
    ("name", "domain", "key", "title"),
    [
        ("staff", SHOP, "test:nobody", "There is no such sender here"),
        ("operator", "nobody.example.jp", OWN_KEY, "該当する送信元はありません"),
        ("sakura", FIRM, OWN_KEY, "該当する送信元はありません"),
    ],
)
def test_an_unknown_sender_and_a_foreign_domain_look_the_same(
    filled_file: str, open_screen: OpenScreen, name: str, domain: str, key: str, title: str
) -> None:
    app = open_screen(filled_file, name, "sender", domain=domain, sender=key)

    assert title in words(app)
    assert not app.dataframe
    assert not figures(app)


@pytest.mark.parametrize(("name", "title"), [("staff", "No mail of this sender"), ("operator", "報告されていません")])
def test_a_silent_period_offers_the_senders_last_days(
    filled_file: str, open_screen: OpenScreen, name: str, title: str
) -> None:
    app = open_screen(filled_file, name, "sender", domain=FIRM, sender=CLOUD)
    before = words(app)

    app.button(key="newest").click().run()

    assert title in before
    assert figures(app)[0] == "5"
    assert (app.query_params["since"], app.query_params["until"]) == ("2026-08-27", "2026-09-25")


def test_every_decision_stays_in_the_history(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file, "staff", "sender", domain=SHOP, sender=CLOUD)
    assert "Nothing was decided" in words(app)

    press(app, "ours", CLOUD, "their newsletter")
    press(app, "forwarder", CLOUD, "no, a school")

    assert rows(app, "Decisions", "by", "decision", "note", "about") == [
        ["staff", "a forwarder", "no, a school", "the whole sender"],
        ["staff", "the customer's own", "their newsletter", "the whole sender"],
    ]
    assert [row[6] for row in decisions(filled_file)] == ["staff", None]


def test_the_files_are_for_the_scope_that_holds(filled_file: str, open_screen: OpenScreen) -> None:
    open_screen(filled_file, "staff", "sender", domain=SHOP, sender=OWN_KEY)

    own = sender._file_table(SHOP, OWN_KEY, MONTH, "en", sender._sources_table, Scope(None))
    foreign = sender._file_table(SHOP, OWN_KEY, MONTH, "en", sender._sources_table, Scope((99,)))

    assert own is not None
    assert own.frame["messages"].tolist() == [1104]
    assert foreign is None


def test_a_hostile_name_stays_text(filled_file: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled_file, "staff", "sender", domain="stray.example.net", sender="test:2001:db8::25")

    assert app.title[0].value == md(HOSTILE)
