"""Decisions of staff: one holds at a time, none is deleted, all are in the audit log."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select
from store_builder import fill, line, report

from store.actor import Actor
from store.decisions import decide, subject_of, withdraw
from store.engine import open_store, writing
from store.office import OfficeError, domain_id_of
from store.schema import audit, sender_decision

DAY = 20_000
YAMADA = Actor("yamada", 1_700_000_000, "192.0.2.9")


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    """A store where two addresses of example.jp are senders of their own, and example.com has one."""
    lines = [line("192.0.2.1", 5), line("192.0.2.2", 5), line("2001:db8::1", 5)]
    reports = [report("example.jp", DAY, lines), report("example.com", DAY, [line("198.51.100.1", 5)])]
    senders = {"192.0.2.1": "Invoices", "192.0.2.2": "Twin", "2001:db8::1": "Twin"}
    fill(store_url, reports, customers={"Sakura": ["example.jp"]}, senders=senders)
    engine = open_store(store_url)
    with writing(engine) as connection:
        yield connection
    engine.dispose()


def rows(connection: Connection, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    found = connection.execute(select(*(table.c[name] for name in columns)).order_by(table.c.id))
    return [tuple(row) for row in found]


def said(connection: Connection, word: str, subject: str = "test:192.0.2.1", **more: Any) -> int:
    domain_id = domain_id_of(connection, "example.jp")
    values: dict[str, Any] = {"note": "asked by phone", "evidence": {"passed": 0}, "actor": YAMADA, **more}
    return decide(connection, domain_id, subject, word, **values)


def test_a_decision_is_kept_with_who_when_why_and_what_was_known(connection: Connection) -> None:
    said(connection, "ours", note="  asked\n by phone ", evidence={"verdict": "unknown", "passed": 0})

    [row] = rows(connection, sender_decision, "sender_key", "decision", "note", "decided_by", "decided_at", "evidence")
    assert row[:5] == ("test:192.0.2.1", "ours", "asked by phone", "yamada", 1_700_000_000)
    assert json.loads(row[5]) == {"verdict": "unknown", "passed": 0}
    assert rows(connection, audit, "at", "actor", "action", "subject", "address", "detail") == [
        (1_700_000_000, "yamada", "decide-ours", "example.jp test:192.0.2.1", "192.0.2.9", "asked by phone")
    ]


def test_a_new_decision_withdraws_the_one_before_and_keeps_it(connection: Connection) -> None:
    said(connection, "ours")
    said(connection, "not-ours", actor=Actor("suzuki", 1_700_000_500))
    said(connection, "forwarder", "test:192.0.2.2")

    assert rows(connection, sender_decision, "sender_key", "decision", "withdrawn_by", "withdrawn_at") == [
        ("test:192.0.2.1", "ours", "suzuki", 1_700_000_500),
        ("test:192.0.2.1", "not-ours", None, None),
        ("test:192.0.2.2", "forwarder", None, None),
    ]


def test_a_decision_can_be_withdrawn_once(connection: Connection) -> None:
    domain_id = domain_id_of(connection, "example.jp")
    said(connection, "ours")

    withdraw(connection, domain_id, "test:192.0.2.1", note="", actor=Actor("suzuki", 1_700_000_900))

    assert rows(connection, sender_decision, "withdrawn_by", "withdrawn_at") == [("suzuki", 1_700_000_900)]
    assert rows(connection, audit, "action")[-1] == ("decide-withdraw",)
    with pytest.raises(OfficeError, match="nothing to withdraw"):
        withdraw(connection, domain_id, "test:192.0.2.1", note="", actor=YAMADA)


@pytest.mark.parametrize(
    ("wanted", "subject"),
    [
        ("test:192.0.2.2", "test:192.0.2.2"),
        ("invoices", "test:192.0.2.1"),
        ("192.0.2.2", "source:192.0.2.2"),
        ("source:192.0.2.2", "source:192.0.2.2"),
        ("2001:DB8:0::1", "source:2001:db8::1"),
    ],
)
def test_a_sender_is_named_by_key_name_or_address(connection: Connection, wanted: str, subject: str) -> None:
    assert subject_of(connection, domain_id_of(connection, "example.jp"), wanted) == subject


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ("Twin", "more than one sender"),
        ("nobody", "no sender and no address"),
        ("198.51.100.1", "no sender and no address"),
        ("test:198.51.100.1", "no sender and no address"),
    ],
)
def test_what_another_domain_has_is_not_found(connection: Connection, wanted: str, complaint: str) -> None:
    with pytest.raises(OfficeError, match=complaint):
        subject_of(connection, domain_id_of(connection, "example.jp"), wanted)


@pytest.mark.parametrize(
    ("word", "note"), [("maybe", "asked"), ("ours", ""), ("ours", " \n "), ("ours", "a\x07b"), ("ours", "a" * 1_001)]
)
def test_a_decision_without_a_word_or_a_reason_is_refused(connection: Connection, word: str, note: str) -> None:
    with pytest.raises(OfficeError):
        said(connection, word, note=note)

    assert rows(connection, sender_decision, "id") == []
