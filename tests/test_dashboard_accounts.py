"""Accounts, the audit trail, one's own account: each state in both languages and each change in the store."""

import re

import pytest
from office_pages import account, login, rows, submit, visit_of, words, written
from screen_store import PASSWORD, fill_store, token_of
from servers_screens import NOW, TODAY, OpenScreen
from store_builder import ask
from streamlit.testing.v1 import AppTest

from dashboard import office_changes
from store import accounts, office
from store.accounts import Account, Refused
from store.opened import OpenStore
from wording import LANGUAGES, translator


@pytest.fixture
def filled(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def alive(url: str, token: str) -> bool:
    found = ask(
        url, lambda connection: accounts.find_session(connection, token, now=NOW, idle_seconds=9, absolute_seconds=9)
    )
    return found is not None


def test_an_account_is_added_and_its_password_shown_once(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "operator", "accounts")
    _ = translator("ja")

    app.text_input(key="new_name").set_value("Taro")
    app.selectbox(key="new_role").set_value("customer")
    app.selectbox(key="new_customer").set_value("Tanaka")
    submit(app, _("Add the account"))
    password = app.code[0].value
    app.run()

    assert re.fullmatch("[A-Za-z2-9]{20}", password)
    assert not app.code
    assert password not in str(app.session_state)
    assert (account(filled, "taro").role, account(filled, "taro").customer) == ("customer", "Tanaka")
    assert isinstance(login(filled, "taro", password), Account)
    assert written(filled)[0] == ("operator", "account-add", "Taro", "customer of Tanaka")
    assert password not in str(written(filled))


def test_the_role_customer_needs_a_customer_and_no_other_has_one(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "operator", "accounts")
    _ = translator("ja")

    app.text_input(key="new_name").set_value("taro")
    app.selectbox(key="new_role").set_value("customer")
    submit(app, _("Add the account"))
    refused = words(app)
    app.text_input(key="new_name").set_value("taro")
    app.selectbox(key="new_role").set_value("staff")
    app.selectbox(key="new_customer").set_value("Tanaka")
    submit(app, _("Add the account"))

    assert _("An account of the role customer needs a customer. Nothing was changed.") in refused
    assert (account(filled, "taro").role, account(filled, "taro").customer) == ("staff", None)


def test_an_account_is_shut_out_and_let_in_and_reset_and_logged_out(filled: str, open_screen: OpenScreen) -> None:
    _ = translator("ja")
    token = token_of(filled, "staff", NOW)
    app = open_screen(filled, "operator", "accounts", account="staff")
    assert rows(app, "アカウント", "name", "sessions")[-1] == ["staff", 1]

    submit(app, _("End its sessions"))
    assert not alive(filled, token)
    again = token_of(filled, "staff", NOW)
    submit(app, _("Disable"))
    assert (account(filled, "staff").disabled, alive(filled, again)) == (True, False)
    submit(app, _("Enable"))
    submit(app, _("New password"))
    password = app.code[0].value

    assert isinstance(login(filled, "staff", PASSWORD), Refused)
    assert isinstance(login(filled, "staff", password), Account)
    assert [row[1:3] for row in written(filled)][:4] == [
        ("sessions-end", "staff"),
        ("account-disable", "staff"),
        ("account-enable", "staff"),
        ("account-reset", "staff"),
    ]


def test_another_role_is_audited_and_ends_the_sessions(filled: str, open_screen: OpenScreen) -> None:
    _ = translator("ja")
    token = token_of(filled, "sakura", NOW)
    app = open_screen(filled, "operator", "accounts", account="sakura")
    assert app.selectbox(key="role_customer").value == "Sakura"

    app.selectbox(key="role").set_value("staff")
    submit(app, _("Change the role"))

    assert (account(filled, "sakura").role, account(filled, "sakura").customer) == ("staff", None)
    assert not alive(filled, token)
    assert written(filled) == [("operator", "account-role", "sakura", "staff")]


def test_an_operator_cannot_shut_out_the_own_account(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "operator", "accounts", account="operator")

    assert "switch" not in [button.key for button in app.button]
    with pytest.raises(office.OfficeError):
        office_changes.set_disabled(visit_of(filled, "operator"), "Operator", True)
    assert not account(filled, "operator").disabled


def test_the_trail_says_its_time_zone_and_is_found_by_any_word(filled: str, open_screen: OpenScreen) -> None:
    visit_url = filled
    open_screen(visit_url, "operator")
    office_changes.add_customer(visit_of(filled, "operator"), "Yamada", "ja")
    login(filled, "staff", "wrong")

    app = open_screen(filled, "operator", "accounts", tab="trail")
    found = open_screen(filled, "operator", "accounts", tab="trail", find="YAMADA")
    by_word = open_screen(filled, "operator", "accounts", tab="trail", find="拒否")
    nothing = open_screen(filled, "operator", "accounts", tab="trail", find="100%")

    assert rows(app, "監査ログ", "at", "actor", "action", "subject", "customer", "address") == [
        ["2026-11-24 21:00:00", "staff", "ログイン拒否", "staff", "—", "192.0.2.1"],
        ["2026-11-24 21:00:00", "operator", "顧客を追加", "Yamada", "Yamada", "—"],
    ]
    assert "Asia/Tokyo" in words(app)
    assert rows(found, "監査ログ", "action") == [["顧客を追加"]]
    assert rows(by_word, "監査ログ", "actor") == [["staff"]]
    assert not nothing.dataframe
    assert "100\\%" in words(nothing)


def test_the_trail_is_read_page_by_page_without_gap_or_repetition(filled: str, open_screen: OpenScreen) -> None:
    store = OpenStore(filled)
    for number in range(205):
        store.write(
            lambda connection, number=number: office.audit(
                connection, at=NOW, actor="x", action="y", subject=str(number)
            )
        )
    store.close()
    app = open_screen(filled, "operator", "accounts", tab="trail")
    pages = [rows(app, "監査ログ", "subject")]
    for _number in range(2):
        app.button(key="older").click().run()
        pages.append(rows(app, "監査ログ", "subject"))

    assert [len(page) for page in pages] == [100, 100, 5]
    assert [subject for page in pages for (subject,) in page] == [str(number) for number in range(204, -1, -1)]
    assert "older" not in [button.key for button in app.button]
    app.button(key="newest").click().run()
    assert rows(app, "監査ログ", "subject") == pages[0]


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "１"])
def test_nonsense_in_the_address_shows_the_newest_page(filled: str, open_screen: OpenScreen, before: str) -> None:
    login(filled, "staff", PASSWORD)

    app = open_screen(filled, "operator", "accounts", tab="trail", before=before)

    assert rows(app, "監査ログ", "action") == [["ログイン"]]


def change_password(app: AppTest, old: str, new: str, again: str) -> AppTest:
    for field, value in zip(app.text_input, (old, new, again), strict=True):
        field.set_value(value)
    app.button[-1].click()
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize("name", ["operator", "staff", "sakura"])
def test_everybody_changes_the_own_password_and_stays_only_here(
    filled: str, open_screen: OpenScreen, name: str
) -> None:
    elsewhere = token_of(filled, name, NOW)
    app = open_screen(filled, name, "account")

    change_password(app, PASSWORD, "mou hitotsu no aikotoba", "mou hitotsu no aikotoba")

    assert app.success
    assert not alive(filled, elsewhere)
    assert app.title[0].value in ("自分のアカウント", "Your account")
    assert isinstance(login(filled, name, PASSWORD), Refused)
    assert isinstance(login(filled, name, "mou hitotsu no aikotoba"), Account)
    assert written(filled)[0] == (name, "password-change", name, None)


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong", "mou hitotsu no aikotoba", "mou hitotsu no aikotoba", "The old password is wrong."),
        (PASSWORD, "mou hitotsu no aikotoba", "mou hitotsu no aikotobb", "The two new passwords differ."),
        (PASSWORD, "short", "short", "It needs at least 12 characters"),
        (PASSWORD, PASSWORD, PASSWORD, "nor the old password"),
    ],
)
def test_a_password_is_not_changed_on_a_wrong_word(
    filled: str, open_screen: OpenScreen, old: str, new: str, again: str, said: str
) -> None:
    app = open_screen(filled, "staff", "account")

    change_password(app, old, new, again)

    assert said in words(app)
    assert not app.success
    assert isinstance(login(filled, "staff", PASSWORD), Account)


def test_guessing_the_old_password_is_slowed_down_like_a_login(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "account")
    for _number in range(6):
        change_password(app, "wrong", "mou hitotsu no aikotoba", "mou hitotsu no aikotoba")

    assert "Too many attempts: Wait" in words(app)
    assert [row[1] for row in written(filled)] == ["password-refused"] * 5


def test_the_page_offers_the_other_language(filled: str, open_screen: OpenScreen) -> None:
    links = {
        name: "".join(element.proto.body for element in open_screen(filled, name, "account").get("html"))
        for name in ("operator", "staff")
    }

    assert "/language/en?to=" in links["operator"]
    assert "/language/ja?to=" in links["staff"]
    assert set(LANGUAGES) == {"ja", "en"}
