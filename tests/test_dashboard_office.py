"""Customers, accounts, one's own account: each state in both languages, each change in the store, by nobody else."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from screen_store import HOSTILE, PASSWORD, add_people, end, fill_store, token_of
from servers_screens import NOW, TODAY, OpenScreen
from store_builder import ask
from streamlit.testing.v1 import AppTest

from dashboard import office_changes, session
from dashboard.session import Visit
from store import accounts, office, trail
from store.accounts import Account, Refused
from store.opened import OpenStore
from wording import LANGUAGES, translator


@pytest.fixture
def filled(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


@pytest.fixture
def people(sqlite_url: str) -> str:
    add_people(sqlite_url)
    return sqlite_url


def words(app: AppTest) -> str:
    """Everything the page says outside of its tables."""
    groups = (app.title, app.subheader, app.caption, app.markdown, app.success, app.warning, app.error, app.info)
    return "\n".join(element.value for group in groups for element in group)


def rows(app: AppTest, alt: str, *columns: str) -> list[list[object]]:
    frame = next(table.value for table in app.dataframe if table.proto.alt == alt)
    return [list(line) for line in frame[list(columns)].itertuples(index=False)]


def submit(app: AppTest, label: str) -> AppTest:
    """Press the form's button that is called so."""
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception
    return app


def account(url: str, name: str) -> Account:
    return ask(url, lambda connection: accounts.account_of(connection, name))


def login(url: str, name: str, password: str) -> Account | Refused:
    store = OpenStore(url)
    found = accounts.login(store.writer, name, password, "192.0.2.1", now=NOW)
    store.close()
    return found


def written(url: str) -> list[tuple[str, str, str, str | None]]:
    """The audit trail, oldest first: who, what, about, detail."""
    return [(row.actor, row.action, row.subject, row.detail) for row in reversed(ask(url, trail.entries))]


def alive(url: str, token: str) -> bool:
    found = ask(
        url, lambda connection: accounts.find_session(connection, token, now=NOW, idle_seconds=9, absolute_seconds=9)
    )
    return found is not None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("operator", {"customers", "accounts", "account"}),
        ("staff", {"customers", "account"}),
        ("sakura", {"account"}),
    ],
)
def test_only_the_views_of_the_role_are_reached(
    filled: str, open_screen: OpenScreen, name: str, shown: set[str]
) -> None:
    titles = {"customers": "顧客", "accounts": "アカウント", "account": "自分のアカウント"}
    english = {"customers": "Customers", "accounts": "Accounts", "account": "Your account"}
    start_title = open_screen(filled, name).title[0].value

    reached = {view: open_screen(filled, name, view).title[0].value for view in titles}

    for view, title in reached.items():
        expected = (english if name == "staff" else titles)[view] if view in shown else start_title
        assert title == expected


def test_a_list_for_staff_is_answered_to_nobody_else(filled: str, open_screen: OpenScreen) -> None:
    from dashboard import answers_office

    open_screen(filled, "sakura")
    visit = visit_of(filled, "sakura")
    staff = visit_of(filled, "staff")

    for question in (answers_office.customers, answers_office.domains, answers_office.accounts):
        with pytest.raises(session.Ended):
            question(visit)
    for question in (answers_office.accounts, lambda asking: answers_office.trail(asking, "", None)):
        with pytest.raises(session.Ended):
            question(staff)
    assert len(answers_office.domains(staff)) == 5


CHANGES: list[Callable[[Visit], object]] = [
    lambda visit: office_changes.add_customer(visit, "Mine", "ja"),
    lambda visit: office_changes.rename_customer(visit, "Tanaka", "Mine"),
    lambda visit: office_changes.set_customer_language(visit, "Tanaka", "en"),
    lambda visit: office_changes.assign_domains(visit, ["firm.example.com"], "Sakura"),
    lambda visit: office_changes.add_account(visit, "mine", "operator", None, "ja"),
    lambda visit: office_changes.reset_password(visit, "operator"),
    lambda visit: office_changes.set_disabled(visit, "operator", True),
    lambda visit: office_changes.end_sessions(visit, "operator"),
    lambda visit: office_changes.set_role(visit, "sakura", "operator", None),
]


def visit_of(url: str, name: str, *, role: str | None = None) -> Visit:
    """A visit of an account; `role` is what a forged page may claim."""
    token = token_of(url, name, NOW)
    visitor = session.find(token)
    assert visitor is not None
    claimed = session.Visitor(visitor.name, role or visitor.role, visitor.language, visitor.scope)
    return Visit(claimed, token, "en", TODAY)


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_customer_changes_nothing_whatever_the_page_claims(
    filled: str, open_screen: OpenScreen, change: Callable[[Visit], object]
) -> None:
    open_screen(filled, "sakura")
    before = written(filled)

    with pytest.raises(session.Ended):
        change(visit_of(filled, "sakura", role="operator"))

    assert written(filled) == before


@pytest.mark.parametrize("change", CHANGES[4:], ids=range(4, len(CHANGES)))
def test_staff_changes_no_account(filled: str, open_screen: OpenScreen, change: Callable[[Visit], object]) -> None:
    open_screen(filled, "staff")
    before = written(filled)

    with pytest.raises(session.Ended):
        change(visit_of(filled, "staff", role="operator"))

    assert written(filled) == before


def test_an_ended_session_changes_nothing(filled: str, open_screen: OpenScreen) -> None:
    open_screen(filled, "operator")
    visit = visit_of(filled, "operator")
    end(filled, visit.token, NOW)

    with pytest.raises(session.Ended):
        office_changes.add_customer(visit, "Mine", "ja")


def test_customers_are_listed_added_renamed_and_given_a_language(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "customers")
    assert rows(app, "Customers", "name", "domains", "language") == [["Sakura", 2, "日本語"], ["Tanaka", 2, "日本語"]]

    app.text_input(key="new_name").set_value("  Yamada   Trading ")
    app.selectbox(key="new_language").set_value("en")
    submit(app, "Add the customer")
    assert "The customer Yamada   Trading was added." in words(app)
    app.selectbox(key="customer").set_value("Yamada Trading").run()
    app.text_input[-1].set_value("Yamada Tokyo")
    submit(app, "Rename")
    assert app.query_params["customer"] == "Yamada Tokyo"
    app.selectbox(key="customer_language_choice").set_value("ja")
    submit(app, "Change the language")

    assert rows(app, "Customers", "name", "domains", "language", "slug")[-1] == [
        "Yamada Tokyo",
        0,
        "日本語",
        "yamada-trading",
    ]
    assert [row[:3] for row in written(filled)] == [
        ("staff", "customer-add", "  Yamada   Trading "),
        ("staff", "customer-rename", "Yamada Trading -> Yamada Tokyo"),
        ("staff", "customer-language", "Yamada Tokyo: ja"),
    ]


@pytest.mark.parametrize(
    ("name", "wanted", "said"),
    [
        ("staff", "Sakura", "There is one of this name already."),
        ("operator", "Sakura", "同じ名前がすでにあります"),
        ("staff", " ", "This name cannot be used."),
        ("operator", "", "この名前は使えません"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_the_readers_language(
    filled: str, open_screen: OpenScreen, name: str, wanted: str, said: str
) -> None:
    app = open_screen(filled, name, "customers")

    app.text_input(key="new_name").set_value(wanted)
    submit(app, "Add the customer" if name == "staff" else "顧客を追加")

    assert said in words(app)
    assert written(filled) == []


def test_what_a_change_said_is_said_once(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "customers")
    app.text_input(key="new_name").set_value("Yamada")
    submit(app, "Add the customer")
    assert app.success

    app.run()

    assert not app.success


def test_domains_are_assigned_several_at_once_and_registered(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "customers", tab="domains")
    assert "5 domains, 1 of them unassigned" in words(app)

    app.multiselect(key="assign_domains").set_value(["stray.example.net", "firm.example.com"])
    app.selectbox(key="assign_customer").set_value("Sakura")
    submit(app, "Assign")
    app.text_input(key="register_domain").set_value("Neu.Example.JP.")
    submit(app, "Register")

    assert rows(app, "Domains", "domain", "customer", "registered") == [
        ["firm.example.com", "Sakura", "registration"],
        ["neu.example.jp", "unassigned", "registration"],
        ["old.example.com", "Tanaka", "registration"],
        ["quiet.example.jp", "Sakura", "registration"],
        ["shop.example.jp", "Sakura", "registration"],
        ["stray.example.net", "Sakura", "registration"],
    ]
    assert [row[:3] for row in written(filled)] == [
        ("staff", "domain-assign", "stray.example.net -> Sakura"),
        ("staff", "domain-assign", "firm.example.com -> Sakura"),
        ("staff", "domain-assign", "neu.example.jp -> nobody"),
    ]


def test_unassigned_domains_are_found_and_come_first_in_the_choice(filled: str, open_screen: OpenScreen) -> None:
    app = open_screen(filled, "staff", "customers", tab="domains", show="unassigned")

    assert rows(app, "Domains", "domain", "registered") == [["stray.example.net", "reports only"]]
    assert app.multiselect(key="assign_domains").options[0] == r"stray\.example\.net"


@pytest.mark.parametrize(("wanted", "said"), [("=1+1", "This is not a domain name."), ("", "not a domain name")])
def test_what_is_no_domain_is_not_registered(filled: str, open_screen: OpenScreen, wanted: str, said: str) -> None:
    app = open_screen(filled, "staff", "customers", tab="domains")

    app.text_input(key="register_domain").set_value(wanted)
    submit(app, "Register")

    assert said in words(app)
    assert written(filled) == []


@pytest.mark.parametrize(
    ("name", "tab", "said"),
    [
        ("operator", "customers", "顧客がまだありません"),
        ("staff", "customers", "There is no customer yet"),
        ("operator", "domains", "ドメインがまだありません"),
        ("staff", "domains", "There is no domain yet"),
    ],
)
def test_an_empty_list_says_what_to_do(people: str, open_screen: OpenScreen, name: str, tab: str, said: str) -> None:
    app = open_screen(people, name, "customers", tab=tab)

    assert said in words(app)
    assert not app.dataframe


@pytest.mark.parametrize(
    ("view", "query", "said"),
    [
        ("customers", {"find": "[x](y)"}, r"Nothing matches “\[x\]\(y\)”"),
        ("customers", {"tab": "domains", "find": "nowhere"}, "No domain matches"),
    ],
)
def test_a_filter_that_nothing_matches_is_named(
    filled: str, open_screen: OpenScreen, view: str, query: dict[str, str], said: str
) -> None:
    app = open_screen(filled, "staff", view, **query)

    assert said in words(app)
    assert not app.dataframe


def test_own_infrastructure_is_shown_as_it_is_set(
    people: str, open_screen: OpenScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    unset = open_screen(people, "staff", "customers", tab="own")
    session.settings_in_use.cache_clear()
    monkeypatch.setenv("SEKISHO_OWN_INFRASTRUCTURE__NETWORKS", "192.0.2.0/24,2001:db8::/32")
    monkeypatch.setenv("SEKISHO_OWN_INFRASTRUCTURE__HOSTS", "mail.example.jp")
    given = open_screen(people, "operator", "customers", tab="own")

    assert "Nothing is set" in words(unset)
    assert given.code[0].value == (
        '[own_infrastructure]\nnetworks = ["192.0.2.0/24", "2001:db8::/32"]\nhosts = ["mail.example.jp"]'
    )
    assert not given.info


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


def test_hostile_names_are_text(filled: str, open_screen: OpenScreen) -> None:
    store = OpenStore(filled)
    name = HOSTILE.replace("\u202e", "")
    store.write(lambda connection: office.add_customer(connection, name, language="ja", now=0))
    store.close()

    app = open_screen(filled, "staff", "customers", customer=name)

    assert "![x](https://evil" not in words(app)
    assert "![x](https://evil" not in str([box.proto.options for box in app.selectbox])
    assert [name] in rows(app, "Customers", "name")


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


def test_a_store_that_is_gone_is_said_on_each_of_these_pages(
    people: str, open_screen: OpenScreen, tmp_path: Path
) -> None:
    app = open_screen(people, "operator", "accounts")
    session.opened().close()
    for file in tmp_path.glob("store.sqlite3*"):
        file.unlink()

    app.run()

    assert "データベースがまだありません" in words(app)
