"""The page that checks a record: its states in both languages, hostile text, nothing of the store."""

import pytest
from screen_store import HOSTILE, fill_store
from screen_words import rows, words
from servers_screens import TODAY, OpenScreen, forget_store
from streamlit.testing.v1 import AppTest

from dashboard.views.check import LONGEST_IN_ADDRESS

BROKEN = "v=spf1 +ipv4:203.0.113.5 -all"


@pytest.fixture
def filled(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def paste(app: AppTest, text: str) -> AppTest:
    app.text_area(key="record").set_value(text)
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize(
    ("name", "title", "caption"),
    [("operator", "レコードの確認", "例で試すこともできます"), ("staff", "Check a record", "take an example")],
)
def test_an_empty_field_offers_examples(
    filled: str, open_screen: OpenScreen, name: str, title: str, caption: str
) -> None:
    app = open_screen(filled, name, "check")

    assert app.title[0].value == title
    assert caption in words(app)
    app.button(key="example_DMARC").click()
    app.run()
    assert "D" in words(app)
    assert app.text_area(key="record").value == "v=DMARC1; p=none; rua=dmarc@example.jp"


@pytest.mark.parametrize("name", ["operator", "staff", "sakura"])
def test_every_role_checks_a_record(filled: str, open_screen: OpenScreen, name: str) -> None:
    app = open_screen(filled, name, "check", record=BROKEN)

    assert [code.value for code in app.code] == ["+ipv4:203.0.113.5", "v=spf1 +ip4:203.0.113.5 -all"]


def test_findings_stand_with_place_sentence_correction_and_meaning(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "check", record=BROKEN)

    said = words(app)
    assert "SPF: receivers do not use this record as it is meant." in said
    assert "Characters 8 to 24:" in said
    assert "SPF ends with a permanent error for every message (permerror)." in said
    assert rows(app, "What it means", "part", "meaning") == [
        ["v=spf1", "This is an SPF record: which servers may send for the domain."],
        ["+ip4:203.0.113.5", "The address or network 203.0.113.5 may send."],
        ["-all", "Mail from all other servers fails SPF."],
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("operator", "SPF：この文字列に問題はありません。"), ("staff", "SPF: nothing is wrong with this text.")],
)
def test_a_right_record_is_said_to_be_right(filled: str, open_screen: OpenScreen, name: str, sentence: str) -> None:
    app = open_screen(filled, name, "check", record="v=spf1 ip4:192.0.2.0/24 -all")

    assert [each.value for each in app.success] == [sentence]
    assert app.code == []


def test_where_nothing_can_be_corrected_the_page_says_so(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "check", record="v=DKIM1; k=rsa")

    assert "What to write cannot be known from the text alone" in words(app)


def test_only_a_short_text_stands_in_the_address(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "check")
    long = "v=spf1 " + "ip4:192.0.2.1 " * 40 + "-all"

    paste(app, BROKEN)
    short_address = app.query_params.get("record")
    paste(app, long)

    assert len(long) > LONGEST_IN_ADDRESS
    assert short_address == BROKEN
    assert "record" not in app.query_params


@pytest.mark.parametrize("start", ["", "v=spf1 ", "v=DMARC1; p=", "v=DKIM1; p="])
def test_hostile_text_is_shown_and_never_obeyed(filled: str, open_screen: OpenScreen, start: str) -> None:
    app = open_screen(filled, "staff", "check", record=start + HOSTILE)

    marked = "\n".join(each.value for group in (app.markdown, app.caption, app.error, app.warning) for each in group)
    assert "![x](" not in marked
    assert "<img" not in marked.replace("\\<img", "")
    assert "\u202e" not in marked + "".join(code.value for code in app.code)


def test_without_a_store_nobody_is_known_and_the_page_says_what_to_do(
    filled: str, open_screen: OpenScreen, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_screen(filled, "staff", "check")
    forget_store()
    monkeypatch.setenv("SEKISHO_DATABASE_URL", f"sqlite:///{tmp_path_factory.mktemp('none') / 'none.sqlite3'}")

    app.run()

    assert app.subheader[0].value == "There is no database yet"
