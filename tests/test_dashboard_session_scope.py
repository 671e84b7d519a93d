"""Whose domains a session may see and what it may change, asked again of the store at every run and every write."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from screen_store import PASSWORD, add_people, token_of
from servers_screens import forget_store
from sqlalchemy import select
from store_builder import ask

from analysis.frames import Scope
from dashboard import session
from dashboard.session import Ended, Visit
from store import accounts, office
from store.accounts import Refused, WeakPassword
from store.actor import Actor
from store.opened import OpenStore
from store.schema import audit
from store.schema import session as session_table

TODAY = 20_781
NOW = TODAY * 86_400 + 43_200
IDLE, ABSOLUTE = 30 * 60, 12 * 3_600


@pytest.fixture
def url(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store with two customers, Sakura having number 2, and an account of each role; it is noon."""
    write(sqlite_url, lambda c: office.add_customer(c, "Tanaka", language="en", now=0))
    write(sqlite_url, lambda c: office.add_customer(c, "Sakura", language="ja", now=0))
    add_people(sqlite_url)
    monkeypatch.setenv("SEKISHO_DATABASE_URL", sqlite_url)
    at(monkeypatch, NOW)
    yield sqlite_url
    forget_store()


def at(monkeypatch: pytest.MonkeyPatch, now: int) -> None:
    monkeypatch.setattr(session, "now", lambda: now)


def write(url: str, change: Callable[[Any], Any]) -> Any:
    store = OpenStore(url)
    try:
        return store.write(change)
    finally:
        store.close()


def visit(url: str, name: str, *, token: str | None = None) -> Visit:
    token = token or token_of(url, name, NOW)
    visitor = session.find(token)
    assert visitor is not None
    return Visit(visitor, token, "en", TODAY)


@pytest.mark.parametrize(
    ("name", "role", "language", "scope"),
    [
        ("operator", "operator", "ja", Scope(None)),
        ("staff", "staff", "en", Scope(None)),
        ("sakura", "customer", "ja", Scope((2,))),
    ],
)
def test_staff_sees_every_domain_and_a_customer_its_own(
    url: str, name: str, role: str, language: str, scope: Scope
) -> None:
    found = visit(url, name)

    assert found.visitor == session.Visitor(name, role, language, scope, None)
    assert found.scope == scope


def test_nobody_is_behind_no_token_and_one_that_nobody_has(url: str) -> None:
    token_of(url, "staff", NOW)

    assert session.find(None) is None
    assert session.find("x" * 43) is None


@pytest.mark.parametrize(
    ("later", "clicks", "alive"),
    [
        (IDLE - 1, (), True),
        (IDLE, (), False),
        (ABSOLUTE - 1, range(0, ABSOLUTE, 1_200), True),
        (ABSOLUTE, range(0, ABSOLUTE, 1_200), False),
    ],
)
def test_a_session_ends_after_half_an_hour_without_a_click_and_after_twelve_hours(
    url: str, monkeypatch: pytest.MonkeyPatch, later: int, clicks: range, alive: bool
) -> None:
    token = token_of(url, "staff", NOW)
    for click in clicks:
        at(monkeypatch, NOW + click)
        assert session.find(token) is not None
        session._touches().submit(int).result(timeout=60)
    at(monkeypatch, NOW + later)

    assert (session.find(token) is not None) is alive


def test_a_click_is_written_down_once_a_minute(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_of(url, "staff", NOW)
    seen = []
    for later in (59, 60, 119):
        at(monkeypatch, NOW + later)
        session.find(token)
        session._touches().submit(int).result(timeout=60)
        seen.append(ask(url, lambda c: c.execute(select(session_table.c.seen_at)).scalar_one() - NOW))

    assert seen == [0, 60, 60]


@pytest.mark.parametrize(
    "change",
    [
        lambda c: accounts.set_disabled(c, "staff", True, now=NOW),
        lambda c: accounts.set_role(c, "staff", "customer", "Sakura", now=NOW),
        lambda c: accounts.set_password(c, "staff", "another long password", now=NOW),
    ],
    ids=["disabled", "another role", "another password"],
)
def test_a_session_is_over_as_soon_as_its_account_is_changed(url: str, change: Callable[[Any], Any]) -> None:
    staff = visit(url, "staff")
    write(url, change)

    assert session.find(staff.token) is None
    with pytest.raises(Ended):
        session.change(staff, ("staff", "operator"), lambda _connection, actor: actor)
    with pytest.raises(Ended):
        session.change_password(staff, PASSWORD, "yet another password")


@pytest.mark.parametrize(
    ("name", "roles", "may"),
    [
        ("operator", ("operator",), True),
        ("operator", ("operator", "staff"), True),
        ("staff", ("operator", "staff"), True),
        ("staff", ("operator",), False),
        ("sakura", ("operator", "staff"), False),
        ("sakura", (), False),
    ],
)
def test_only_the_roles_that_may_change_something_do(url: str, name: str, roles: tuple[str, ...], may: bool) -> None:
    seen = visit(url, name)

    def change(connection: Any, actor: Actor) -> Actor:
        office.add_customer(connection, "New", language="ja", now=actor.at)
        return actor

    if may:
        assert session.change(seen, roles, change) == Actor(name, NOW, None)
    else:
        with pytest.raises(Ended):
            session.change(seen, roles, change)
    names = [each.name for each in ask(url, office.customers)]
    assert ("New" in names) is may


@pytest.mark.parametrize(("name", "customer_id"), [("operator", None), ("staff", None), ("sakura", 2)])
def test_what_a_visitor_took_away_is_written_down_for_its_customer(
    url: str, name: str, customer_id: int | None
) -> None:
    session.audit(visit(url, name).visitor, action="export", subject="file.csv")

    columns = (audit.c.at, audit.c.actor, audit.c.action, audit.c.subject, audit.c.customer_id, audit.c.address)
    last = ask(url, lambda c: c.execute(select(*columns).order_by(audit.c.id.desc())).first())
    assert tuple(last) == (NOW, name, "export", "file.csv", customer_id, None)


def test_a_page_is_entered_by_a_live_session_only(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_of(url, "sakura", NOW)
    monkeypatch.setattr(session, "read_token", lambda: token)
    entered = session.enter()

    assert entered == Visit(session.Visitor("sakura", "customer", "ja", Scope((2,)), None), token, "ja", TODAY)
    assert session.page_language() == "ja"
    session.end(token)
    with pytest.raises(Ended):
        session.enter()
    monkeypatch.setattr(session, "read_token", lambda: None)
    with pytest.raises(Ended):
        session.enter()


def test_who_logs_in_gets_a_session_in_its_own_language_and_a_wrong_password_none(url: str) -> None:
    entry = session.log_in("staff", PASSWORD, "192.0.2.1")

    assert (entry.wait_seconds, entry.language) == (0, "en")
    found = session.find(entry.token)
    assert found is not None
    assert found.name == "staff"
    for _ in range(5):
        refused = session.log_in("staff", "wrong", "192.0.2.1")
    assert refused == session.Entry(None, 1, None)
    assert session.any_account()


def test_a_new_password_leaves_the_session_that_asked_for_it(url: str) -> None:
    here, there = visit(url, "staff"), visit(url, "staff")

    assert session.change_password(here, "wrong password", "a new long password") == Refused(0)
    with pytest.raises(WeakPassword):
        session.change_password(here, PASSWORD, PASSWORD)
    assert session.change_password(here, PASSWORD, "a new long password") is None
    assert session.find(here.token) is not None
    assert session.find(there.token) is None
    assert session.log_in("staff", "a new long password", "192.0.2.1").token is not None


def test_a_chosen_language_becomes_that_of_the_account_behind_the_token_alone(url: str) -> None:
    staff = visit(url, "staff")
    session.keep_language(staff.token, "ja")
    session.keep_language(None, "en")
    session.keep_language("x" * 43, "en")

    languages = {each.name: each.language for each in ask(url, accounts.accounts)}
    assert languages == {"operator": "ja", "staff": "ja", "sakura": "ja"}
