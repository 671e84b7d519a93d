"""Accounts behind an OpenID provider: found by issuer and subject, never by name."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from store.accounts import (
    Account,
    Refused,
    account_of,
    accounts,
    add_account,
    create_session,
    find_session,
    login,
    set_password,
)
from store.engine import open_store, writing
from store.office import OfficeError, add_customer, rename_customer
from store.openid import Person, log_in_person
from store.trail import entries

ISSUER = "https://login.example.jp/realms/office"
NOON = 1_800_000_000
HANAKO = Person(ISSUER, "7", "Hanako", "staff", None)


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_store(store_url)
    with writing(engine) as connection:
        add_customer(connection, "見本商事", language="ja", now=NOON)
        add_customer(connection, "Example Trading", language="en", now=NOON)
    yield engine
    engine.dispose()


def log_in(engine: Engine, person: Person) -> Account | None:
    with writing(engine) as connection:
        return log_in_person(connection, person, "192.0.2.1", language="en", now=NOON)


def test_the_first_login_makes_the_account_and_the_next_one_finds_it(engine: Engine) -> None:
    first = log_in(engine, HANAKO)
    second = log_in(engine, replace(HANAKO, name="hanako.married"))

    assert first is not None
    assert (first.name, first.role, first.customer, first.language, first.issuer) == (
        "hanako",
        "staff",
        None,
        "en",
        ISSUER,
    )
    assert second == first


def test_another_subject_or_another_issuer_is_somebody_else(engine: Engine) -> None:
    people = [HANAKO, replace(HANAKO, subject="8"), replace(HANAKO, issuer="https://id.example.net")]
    people.append(replace(HANAKO, subject="9"))

    names = [found.name for person in people if (found := log_in(engine, person))]

    assert names[:3] == ["hanako", "hanako@login.example.jp", "hanako@id.example.net"]
    assert names[3].startswith("openid-")


@pytest.mark.parametrize("name", ["", "Hanako Yamada", "x" * 101, "a\x00b"])
def test_a_name_that_no_account_may_have_makes_another_one(engine: Engine, name: str) -> None:
    found = log_in(engine, replace(HANAKO, name=name))

    assert found is not None
    assert found.name.startswith("openid-") or found.name == "@login.example.jp"


def test_a_local_account_is_neither_taken_over_nor_given_a_provider(engine: Engine) -> None:
    with writing(engine) as connection:
        add_account(connection, "hanako", "a long pass phrase", role="operator", customer=None, language="ja", now=0)

    found = log_in(engine, HANAKO)

    with engine.connect() as connection:
        local = account_of(connection, "hanako")
    assert found is not None
    assert (found.name, found.role) == ("hanako@login.example.jp", "staff")
    assert (local.role, local.issuer) == ("operator", None)


@pytest.mark.parametrize(("named", "customer"), [("見本商事", "見本商事"), ("example-trading", "Example Trading")])
def test_a_customer_is_known_by_its_name_or_the_name_in_its_files(engine: Engine, named: str, customer: str) -> None:
    found = log_in(engine, replace(HANAKO, role="customer", customer=named))

    assert found is not None
    assert (found.role, found.customer) == ("customer", customer)


def test_the_name_of_a_customer_wins_over_the_slug_of_another(engine: Engine) -> None:
    with writing(engine) as connection:
        rename_customer(connection, "見本商事", "example-trading")

    found = log_in(engine, replace(HANAKO, role="customer", customer="example-trading"))

    assert found is not None
    assert found.customer == "example-trading"


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (replace(HANAKO, role=None), "the provider gives no role"),
        (replace(HANAKO, role="customer", customer="Nobody"), "there is no customer 'Nobody'"),
        (replace(HANAKO, role="customer", customer=None), "there is no customer None"),
    ],
)
def test_whom_the_provider_gives_nothing_is_refused_and_loses_every_session(
    engine: Engine, person: Person, reason: str
) -> None:
    found = log_in(engine, HANAKO)
    assert found is not None
    with writing(engine) as connection:
        token = create_session(connection, found.id, now=NOON)

    refused = log_in(engine, person)

    with engine.connect() as connection:
        session = find_session(connection, token, now=NOON, idle_seconds=9, absolute_seconds=9)
        last = entries(connection, limit=1)[0]
        role = account_of(connection, "hanako").role
    assert (refused, session, role) == (None, None, "staff")
    assert (last.action, last.actor, last.address, last.detail) == (
        "login-refused",
        "hanako",
        "192.0.2.1",
        f"OpenID {ISSUER}: {reason}",
    )


def test_nobody_without_a_role_becomes_an_account(engine: Engine) -> None:
    assert log_in(engine, replace(HANAKO, role=None)) is None

    with engine.connect() as connection:
        assert accounts(connection) == ()


def test_an_account_of_a_provider_has_no_password(engine: Engine) -> None:
    log_in(engine, HANAKO)

    with writing(engine) as connection, pytest.raises(OfficeError, match=r"no password to change"):
        set_password(connection, "hanako", "a long pass phrase", now=NOON)

    for password in ("", "a long pass phrase", "None"):
        assert login(engine, "hanako", password, "192.0.2.1", now=NOON) == Refused(0)


def test_the_store_itself_refuses_an_account_without_a_way_in(engine: Engine) -> None:
    columns = "name, role, created_at, password_changed_at, issuer, subject"

    for way in ("NULL, NULL", f"'{ISSUER}', NULL"):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO account ({columns}) VALUES ('x', 'staff', 0, 0, {way})")
