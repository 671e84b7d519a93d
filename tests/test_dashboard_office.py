"""Customers and domains: each state in both languages, each change in the store, by nobody else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from office_pages import rows, submit, visit_of, words, written
from screen_store import HOSTILE, add_people, end, fill_store
from servers_screens import NOW, TODAY, OpenScreen

from dashboard import office_changes, session
from dashboard.session import Visit
from store import office
from store.opened import OpenStore


@pytest.fixture
def filled(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


@pytest.fixture
def people(sqlite_url: str) -> str:
    add_people(sqlite_url)
    return sqlite_url


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


def test_hostile_names_are_text(filled: str, open_screen: OpenScreen) -> None:
    store = OpenStore(filled)
    name = HOSTILE.replace("\u202e", "")
    store.write(lambda connection: office.add_customer(connection, name, language="ja", now=0))
    store.close()

    app = open_screen(filled, "staff", "customers", customer=name)

    assert "![x](https://evil" not in words(app)
    assert "![x](https://evil" not in str([box.proto.options for box in app.selectbox])
    assert [name] in rows(app, "Customers", "name")


def test_a_store_that_is_gone_is_said_on_each_of_these_pages(
    people: str, open_screen: OpenScreen, tmp_path: Path
) -> None:
    app = open_screen(people, "operator", "accounts")
    session.opened().close()
    for file in tmp_path.glob("store.sqlite3*"):
        file.unlink()

    app.run()

    assert "データベースがまだありません" in words(app)
