"""The section "Senders" of a domain's page, in its states and languages, and what a decision there changes."""

import json
from typing import Any

import pytest
from screen_store import HOSTILE, add_people, end, fill_store
from screen_words import cards, reader, unfold
from servers_screens import NOW, TODAY, OpenScreen
from sqlalchemy import select
from store_builder import ask, fill, line, report
from streamlit.testing.v1 import AppTest

from analysis import ladder
from analysis.frames import Period, Scope
from dashboard import sender_changes, session
from dashboard.sender_parts import key_of
from dashboard.session import Visit
from dashboard.text import md
from dashboard.views import domain_senders
from knowledge.tables import load_tables
from store import decisions as decisions_store
from store import office, trail
from store.actor import Actor
from store.engine import open_store, writing
from store.schema import sender_decision

SHOP, FIRM = "shop.example.jp", "firm.example.com"
OWN, CLOUD, STRANGER = "test:192.0.2.10", "test:198.51.100.7", "test:203.0.113.66"
WEEK = Period(TODAY - 6, TODAY)


@pytest.fixture
def filled(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def words(app: AppTest) -> str:
    """Everything the page says outside of its tables."""
    groups = (app.title, app.subheader, app.caption, app.markdown, app.success, app.warning, app.error)
    return "\n".join(element.value for group in groups for element in group)


def figures(app: AppTest) -> dict[str, str]:
    """The number under each label of the cards above the list."""
    return {label: value for label, value, _note in cards(app)}


def drawn(app: AppTest) -> str:
    """The numbers and pictures of the senders in the list, as HTML."""
    return "\n".join(each.proto.body for each in app.get("html") if 'class="sekisho-sender"' in each.proto.body)


def decisions(url: str) -> list[tuple[Any, ...]]:
    """Sender, decision, note, who, when, evidence and whether it was withdrawn, oldest first."""
    table = sender_decision.c
    columns = (table.sender_key, table.decision, table.note, table.decided_by, table.decided_at, table.evidence)
    rows = ask(url, lambda connection: connection.execute(select(*columns, table.withdrawn_by)).all())
    return [(*row[:5], json.loads(row[5]), row[6]) for row in rows]


def gate(url: str, name: str, wanted: str) -> str:
    """The state of a gate of a domain."""
    advice = ask(url, lambda connection: ladder.build(connection, Scope(None), name, load_tables(), NOW))
    assert advice is not None
    return next(each.state for each in advice.gates if each.id == wanted)


def open_form(app: AppTest, sender: str) -> None:
    """Open a sender's form, where it is not open yet."""
    if f"decide_{key_of(sender)}" not in app.session_state or not app.session_state[f"decide_{key_of(sender)}"]:
        app.session_state[f"decide_{key_of(sender)}"] = True
        app.run()


def press(app: AppTest, button: str, sender: str, note: str) -> AppTest:
    """Open a sender's form, write a note and press one of its buttons."""
    open_form(app, sender)
    app.text_input(key=f"note_{key_of(sender)}").set_value(note)
    app.button(key=f"{button}_{key_of(sender)}").click().run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("name", "classes", "why"),
    [
        ("staff", ["Own, set up well", "Own, needs a repair", "Forwarded", "Unknown or spoofed"], "names it"),
        ("operator", ["正規・設定OK", "正規・要設定", "転送", "不明・なりすまし"], "SPF"),
    ],
)
def test_the_four_classes_say_how_many_and_each_sender_says_why(
    filled: str, open_screen: OpenScreen, name: str, classes: list[str], why: str
) -> None:
    app = open_screen(filled, name, "domain", domain=SHOP, tab="senders")
    unfold(app, "class_ok")

    assert [figures(app)[each] for each in classes] == ["1", "0", "0", "2"]
    assert why in words(app)
    assert "1,104" in words(app)
    assert "<b>1,104</b>" in drawn(app)
    assert "<b>100.0%</b>" in drawn(app)


def test_the_table_and_its_file_hold_every_sender(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "domain", domain=SHOP, tab="senders")
    app.session_state["senders_exact"] = True
    app.run()

    frame = app.dataframe[0].value
    assert frame[["sender", "class", "messages", "passed", "dkim", "spf"]].to_numpy().tolist() == [
        ["Cloud", "Unknown or spoofed", 100, 100, 100, 0],
        ["203.0.113.66", "Unknown or spoofed", 22, 0, 0, 0],
        ["Own server", "Own, set up well", 1104, 1104, 704, 1104],
    ]
    table = domain_senders._file_table(SHOP, WEEK, "en", Scope(None))
    assert table is not None
    assert table.frame["sender"].tolist() == frame["sender"].tolist()
    assert domain_senders._file_table(SHOP, WEEK, "en", Scope((99,))) is None


def test_senders_that_ask_for_nobody_are_folded_where_others_ask(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "domain", domain=SHOP, tab="senders")
    folded = "<b>1,104</b>" in drawn(app)

    unfold(app, "class_ok")

    assert "Own, set up well (1)" in {each.label for each in app.expander}
    assert (folded, "<b>1,104</b>" in drawn(app)) == (False, True)


def test_a_folded_class_is_open_where_the_mail_speaks_against_a_decision(filled: str, open_screen: OpenScreen) -> None:
    decided = Actor("staff", NOW - 60 * 86_400)
    engine = open_store(filled)
    with writing(engine) as connection:
        domain = office.domain_id_of(connection, SHOP)
        decisions_store.decide(connection, domain, OWN, "forwarder", note="so he said", evidence={}, actor=decided)
    engine.dispose()

    app = open_screen(filled, "staff", "domain", domain=SHOP, tab="senders")

    assert "Decided as a forwarder, but since then SPF passed aligned for 1,104 messages" in reader(words(app))


def test_many_senders_show_the_largest_first_and_the_rest_at_a_click(sqlite_url: str, open_screen: OpenScreen) -> None:
    lines = [line(f"192.0.2.{number}", number, spf=True) for number in range(1, 10)]
    fill(sqlite_url, [report("many.example.jp", TODAY - 1, lines)])
    add_people(sqlite_url)
    app = open_screen(sqlite_url, "staff", "domain", domain="many.example.jp", tab="senders")
    first = [each for each in range(1, 10) if f"**{md(f'192.0.2.{each}')}**" in words(app)]

    app.button(key="more_ok").click().run()

    assert first == [7, 8, 9]
    assert [each for each in range(1, 10) if f"**{md(f'192.0.2.{each}')}**" in words(app)] == list(range(1, 10))


def test_no_button_stands_for_one_sender_more(sqlite_url: str, open_screen: OpenScreen) -> None:
    lines = [line(f"192.0.2.{number}", number, spf=True) for number in range(1, 5)]
    fill(sqlite_url, [report("many.example.jp", TODAY - 1, lines)])
    add_people(sqlite_url)

    app = open_screen(sqlite_url, "staff", "domain", domain="many.example.jp", tab="senders")

    assert [each for each in range(1, 5) if f"**{md(f'192.0.2.{each}')}**" in words(app)] == [1, 2, 3, 4]
    assert "more_ok" not in {button.key for button in app.button}


def test_a_decision_is_stored_with_who_note_and_evidence_and_moves_the_gate(
    filled: str, open_screen: OpenScreen
) -> None:
    app = open_screen(filled, "staff", "domain", domain=FIRM, tab="senders", period="90")
    before = gate(filled, FIRM, "G2")

    press(app, "ours", OWN, "  their mail server,\nsays the customer ")
    press(app, "not-ours", CLOUD, "nobody knows it")
    press(app, "not-ours", STRANGER, "nobody knows it either")

    own = {"verdict": "unknown", "rule": "signed-thin", "messages": 30, "passed": 30}
    cloud = {"verdict": "unknown", "rule": "nothing-known", "messages": 5, "passed": 0}
    stranger = {"verdict": "unknown", "rule": "nothing-known", "messages": 10, "passed": 0}
    assert decisions(filled) == [
        (OWN, "ours", "their mail server, says the customer", "staff", NOW, own, None),
        (CLOUD, "not-ours", "nobody knows it", "staff", NOW, cloud, None),
        (STRANGER, "not-ours", "nobody knows it either", "staff", NOW, stranger, None),
    ]
    assert [(row.actor, row.action, row.subject) for row in ask(filled, trail.entries)][:3] == [
        ("staff", "decide-not-ours", f"{FIRM} {STRANGER}"),
        ("staff", "decide-not-ours", f"{FIRM} {CLOUD}"),
        ("staff", "decide-ours", f"{FIRM} {OWN}"),
    ]
    assert (before, gate(filled, FIRM, "G2")) == ("unknown", "pass")
    assert "not the customer's" in words(app)


def test_a_decision_can_be_withdrawn(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "operator", "domain", domain=SHOP, tab="senders")
    assert f"withdraw_{key_of(CLOUD)}" not in {button.key for button in app.button}
    press(app, "forwarder", CLOUD, "a school's alumni addresses")
    unfold(app, "class_forwarded")

    press(app, "withdraw", CLOUD, "")

    assert [(row[1], row[3], row[6]) for row in decisions(filled)] == [("forwarder", "operator", "operator")]
    assert "取り消しました" in words(app)


@pytest.mark.parametrize("note", ["", "   ", "bell \a"])
def test_without_a_proper_note_nothing_is_decided(filled: str, open_screen: OpenScreen, note: str) -> None:
    app = open_screen(filled, "staff", "domain", domain=SHOP, tab="senders")

    press(app, "ours", CLOUD, note)

    assert decisions(filled) == []
    assert "Not decided" in words(app)


def test_a_customer_reads_and_decides_nothing(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "sakura", "domain", domain=SHOP, tab="senders")
    token = session.read_token()
    visitor = session.find(token)
    assert visitor is not None
    assert token is not None

    assert "Cloud" in words(app)
    assert not [button for button in app.button if (button.key or "").startswith(("ours_", "not-ours_"))]
    with pytest.raises(session.Ended):
        sender_changes.decide(Visit(visitor, token, "ja", TODAY), SHOP, CLOUD, "ours", "it is mine")
    assert decisions(filled) == []


def test_a_customer_sees_a_decision_without_its_note(filled: str, open_screen: OpenScreen) -> None:
    press(open_screen(filled, "staff", "domain", domain=SHOP, tab="senders"), "ours", CLOUD, "overheard at lunch")

    app = open_screen(filled, "sakura", "domain", domain=SHOP, tab="senders")
    unfold(app, "class_ok")

    assert "お客様の正規の送信元" in words(app)
    assert "overheard" not in words(app)


def test_a_session_that_ended_decides_nothing(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "domain", domain=SHOP, tab="senders")
    open_form(app, CLOUD)
    token = session.read_token()
    assert token is not None
    end(filled, token, NOW)

    press(app, "ours", CLOUD, "too late")

    assert decisions(filled) == []


def test_a_decision_that_the_mail_contradicts_is_flagged_and_comes_first(
    sqlite_url: str, open_screen: OpenScreen
) -> None:
    lines = [line("192.0.2.1", 500, spf=True), line("192.0.2.2", 20)]
    fill(sqlite_url, [report("odd.example.jp", TODAY - 1, lines)])
    add_people(sqlite_url)
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        domain_id = office.domain_id_of(connection, "odd.example.jp")
        connection.execute(
            sender_decision.insert().values(
                domain_id=domain_id, sender_key="test:192.0.2.2", decision="ours", note="their server",
                decided_by="staff", decided_at=(TODAY - 5) * 86_400, evidence="{}",
            )
        )  # fmt: skip
    engine.dispose()

    app = open_screen(sqlite_url, "staff", "domain", domain="odd.example.jp", tab="senders")

    assert "none of its 20 messages since then passed" in app.warning[-1].value.replace("\\", "")


@pytest.mark.parametrize(("name", "title"), [("operator", "報告されたメールはありません"), ("staff", "No mail was")])
def test_a_period_without_mail_says_so(filled: str, open_screen: OpenScreen, name: str, title: str) -> None:
    app = open_screen(filled, name, "domain", domain="old.example.com", tab="senders")

    assert title in words(app)


def test_a_hostile_name_stays_text(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "domain", domain="stray.example.net", tab="senders")

    assert md(HOSTILE) in words(app)
    assert HOSTILE not in words(app)
