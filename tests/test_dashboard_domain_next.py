"""A domain's section "Next step": gates, the drafted record, consents by staff only, both languages."""

import pytest
from published_dns import publish
from screen_store import fill_store, token_of
from screen_words import rows, unfold, words
from servers_screens import NOW, TODAY, OpenScreen
from store_builder import ask
from streamlit.testing.v1 import AppTest

from analysis import standings
from analysis.frames import Scope
from analysis.stages import Stage
from dashboard import domain_changes, session
from dashboard.session import Visit
from store.consents import Given
from store.schema import audit, consent

DAY_SECONDS = 86_400
RECORD = "v=DMARC1; p=none; rua=mailto:d@shop.example.jp"


@pytest.fixture
def filled(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    publish(sqlite_url, "shop.example.jp", RECORD, at=NOW - 3600)
    return sqlite_url


def open_next(open_screen: OpenScreen, url: str, name: str = "staff", domain: str = "shop.example.jp") -> AppTest:
    return open_screen(url, name, "domain", domain=domain, tab="next")


def record_consent(app: AppTest, stage: str, by: str, note: str) -> AppTest:
    unfold(app, "record_consent")
    app.selectbox(key="consent_stage").select(stage)
    app.text_input(key="consent_by").set_value(by)
    app.text_input(key="consent_note").set_value(note)
    next(button for button in app.button if button.label in ("Record the consent", "記録する")).click()
    app.run()
    assert not app.exception
    return app


def holding(url: str) -> list[tuple[str, str, str, str]]:
    """(stage, by, note, recorded by) of the consents that hold."""
    columns = (consent.c.stage, consent.c.given_by, consent.c.note, consent.c.recorded_by)
    query = consent.select().with_only_columns(*columns).where(consent.c.withdrawn_at.is_(None))
    return ask(url, lambda connection: [tuple(row) for row in connection.execute(query)])


def audited(url: str) -> list[tuple[str, str, str]]:
    query = audit.select().with_only_columns(audit.c.actor, audit.c.action, audit.c.subject).order_by(audit.c.id)
    return ask(url, lambda connection: [tuple(row) for row in connection.execute(query)])


def test_the_drafted_record_stands_beside_the_live_one(filled: str, open_screen: OpenScreen) -> None:
    app = open_next(open_screen, filled)

    assert [code.value for code in app.code] == [
        RECORD,
        "v=DMARC1; p=quarantine; t=y; pct=0; rua=mailto:d@shop.example.jp",
    ]
    assert "Do not publish this yet: not all gates of this step are passed." in words(app)
    unfold(app, "record_changes")
    assert rows(app, "What changes in the record", "tag", "before", "after") == [
        ["p", "none", "quarantine"],
        ["t", "—", "y"],
        ["pct", "—", "0"],
    ]


def test_every_gate_says_its_state_and_its_figures(filled: str, open_screen: OpenScreen) -> None:
    app = open_next(open_screen, filled)
    said = words(app)

    assert "1 of 3 passed. Judged by the mail of 35 days up to Nov 23, 2026 (UTC)." in said
    unfold(app, "other_gates", "gate_G1_0_rows", "gate_G2_0_rows", "gate_G3_0_rows")
    assert "**G0 · Records are valid**" in said
    assert "Own server: seen for the first time within 14 days. Watch that long." in said
    assert "Days with own mail that passed: 1 of 33" in said
    assert rows(app, "Senders to decide", "sender", "messages") == [["Cloud", 100], ["203.0.113.66", 22]]
    assert rows(app, "Own senders, and what their mail proves", "sender", "good", "messages")[0] == [
        "Own server",
        1104,
        1104,
    ]


def test_the_section_speaks_japanese(filled: str, open_screen: OpenScreen) -> None:
    said = words(open_next(open_screen, filled, "operator"))

    assert "この段階の関門をまだすべて通過していません" in said
    assert "次の段階: 隔離のテスト(t=y)" in said
    assert "同意の記録はありません" in said


def test_without_a_look_at_dns_there_is_no_draft(filled: str, open_screen: OpenScreen) -> None:
    app = open_next(open_screen, filled, domain="firm.example.com")

    assert not app.code
    assert "The record can be drafted as soon as the live one was looked up in DNS." in words(app)


def test_at_the_top_there_is_no_further_step(filled: str, open_screen: OpenScreen) -> None:
    publish(filled, "old.example.com", "v=DMARC1; p=reject; rua=mailto:d@old.example.com", at=NOW - 3600)

    english = words(open_next(open_screen, filled, domain="old.example.com"))
    unknown = words(open_next(open_screen, filled, domain="quiet.example.jp"))

    assert "There is no further step" in english
    assert "The domain stands at the top of the ladder." in english
    assert "Neither DNS nor a report has said yet which policy the domain publishes." in unknown


def test_a_consent_is_recorded_audited_and_shown(filled: str, open_screen: OpenScreen) -> None:
    app = record_consent(open_next(open_screen, filled), "quarantine", "Web staff", "mail of today")

    assert holding(filled) == [("quarantine", "Web staff", "mail of today", "staff")]
    assert audited(filled) == [("staff", "consent quarantine", "shop.example.jp")]
    assert "The consent is recorded." in words(app)
    assert "quarantine (p=quarantine): Web staff, Nov 24, 2026. mail of today" in words(app)


def test_a_consent_without_a_name_or_a_note_is_not_recorded(filled: str, open_screen: OpenScreen) -> None:
    app = record_consent(open_next(open_screen, filled), "quarantine", "  ", "mail")

    assert holding(filled) == []
    assert "Say who agreed, and how." in words(app)


def test_a_consent_is_withdrawn(filled: str, open_screen: OpenScreen) -> None:
    app = record_consent(open_next(open_screen, filled), "reject", "Web staff", "call")

    app.button(key="withdraw_reject").click().run()

    assert holding(filled) == []
    assert "The consent is withdrawn." in words(app)
    assert "No consent is recorded." in words(app)


def test_a_consent_renews_the_standing_of_its_domain(filled: str, open_screen: OpenScreen) -> None:
    record_consent(open_next(open_screen, filled), "quarantine", "Web staff", "mail")

    found = ask(filled, lambda connection: standings.standings(connection, Scope(None), now=NOW))
    shop = next(each for each in found if each.domain == "shop.example.jp")

    assert (shop.as_of, shop.stale, shop.stage) == (TODAY - 1, False, "none")


def test_a_customer_reads_and_does_not_write(filled: str, open_screen: OpenScreen) -> None:
    app = open_next(open_screen, filled, "sakura")
    visitor = session.find(session.read_token())
    assert visitor is not None
    visit = Visit(visitor, session.read_token() or "", "ja", TODAY)

    with pytest.raises(session.Ended):
        domain_changes.give_consent(visit, "shop.example.jp", Stage.QUARANTINE, Given("me", "myself"))

    unfold(app, "record_consent")
    assert [box.key for box in app.selectbox] == []
    assert [button.label for button in app.button] == ["ログアウト"]
    assert app.code[1].value.startswith("v=DMARC1; p=quarantine")
    assert holding(filled) == []


def test_staff_whose_session_ended_writes_nothing(filled: str, open_screen: OpenScreen) -> None:
    open_next(open_screen, filled)
    visitor = session.find(session.read_token())
    assert visitor is not None
    gone = Visit(visitor, token_of(filled, "staff", NOW - 90 * DAY_SECONDS), "en", TODAY)

    with pytest.raises(session.Ended):
        domain_changes.withdraw_consent(gone, "shop.example.jp", Stage.QUARANTINE)


def test_a_consent_that_is_gone_meanwhile_is_said_so(filled: str, open_screen: OpenScreen) -> None:
    app = record_consent(open_next(open_screen, filled), "reject", "Web staff", "call")
    visitor = session.find(session.read_token())
    assert visitor is not None
    domain_changes.withdraw_consent(
        Visit(visitor, session.read_token() or "", "en", TODAY), "shop.example.jp", Stage.REJECT
    )

    app.button(key="withdraw_reject").click().run()

    assert not app.exception
    assert "not possible any more" in words(app) or "No consent is recorded." in words(app)
