"""The audit trail, read page by page."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from store.engine import open_store, writing
from store.office import add_customer, audit
from store.trail import Entry, entries

NOON = 1_800_000_000


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_store(store_url)
    with writing(engine) as connection:
        customer = add_customer(connection, "見本商事", language="ja", now=NOON)
        write(connection, "hanako", "login", "hanako", address="192.0.2.1")
        write(connection, "shell:root", "domain-assign", "Example.jp -> 見本商事", customer_id=customer)
        write(connection, "hanako", "consent reject", "example.jp", detail="100% sure_ by mail")
    yield engine
    engine.dispose()


def write(connection: Connection, actor: str, action: str, subject: str, **more: object) -> None:
    audit(connection, at=NOON, actor=actor, action=action, subject=subject, **more)  # type: ignore[arg-type]


def test_the_newest_entry_comes_first_and_whole(engine: Engine) -> None:
    with engine.connect() as connection:
        rows = entries(connection)

    assert [row.action for row in rows] == ["consent reject", "domain-assign", "login"]
    assert rows[1:] == (
        Entry(rows[1].id, NOON, "shell:root", "domain-assign", "Example.jp -> 見本商事", "見本商事", None, None),
        Entry(rows[2].id, NOON, "hanako", "login", "hanako", None, "192.0.2.1", None),
    )


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("HANAKO", ["consent reject", "login"]),
        ("example.jp", ["consent reject", "domain-assign"]),
        ("見本", ["domain-assign"]),
        ("192.0.2", ["login"]),
        ("100%", ["consent reject"]),
        ("sure_", ["consent reject"]),
        ("o_n", []),
        ("%", ["consent reject"]),
        ("'; DROP TABLE audit", []),
    ],
)
def test_a_text_is_found_in_every_column_and_never_as_a_pattern(engine: Engine, text: str, actions: list[str]) -> None:
    with engine.connect() as connection:
        assert [row.action for row in entries(connection, text=text)] == actions


def test_actions_are_found_beside_the_text(engine: Engine) -> None:
    with engine.connect() as connection:
        found = entries(connection, text="見本", actions=("login",))

    assert [row.action for row in found] == ["domain-assign", "login"]


def test_a_page_stays_the_same_while_others_write(engine: Engine) -> None:
    with writing(engine) as connection:
        first = entries(connection, limit=2)
        write(connection, "taro", "login", "taro")
        second = entries(connection, limit=2, before=first[-1].id)
        found = entries(connection, text="hanako", limit=2, before=first[0].id)

    assert [row.action for row in second] == ["login"]
    assert [row.actor for row in second] == ["hanako"]
    assert [row.action for row in found] == ["login"]
