"""What a record says about mail that did not align both ways, and the roll-up that counts it."""

from collections.abc import Iterator

import pytest
from histories import report, shape, signed, spf, tables
from sqlalchemy import Connection, select

from knowledge.envelope import envelope_kind
from store.engine import open_store, writing
from store.evidence import evidence_of, unknown_envelope
from store.office import ensure_domain
from store.schema import sender, source, traffic_evidence
from store.traffic import Placed, RollUp
from store.values import AuthResult, Reason, Record, Shape

OWN = "example.jp"


def words(found: Shape) -> set[str]:
    evidence = evidence_of(found, lambda domain: envelope_kind(domain, tables()))
    return {name for name, holds in evidence._asdict().items() if holds}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([spf(OWN, "fail")], {"dkim_absent", "spf_failed"}),
        ([spf(OWN, "neutral")], {"dkim_absent", "spf_softfail"}),
        ([spf(OWN, "temperror")], {"dkim_absent"}),
        ([spf("bounce.example.jp")], {"dkim_absent", "spf_strict"}),
        ([spf("mail1.mcsv.net")], {"dkim_absent", "spf_service"}),
        ([spf("srs.example.org")], {"dkim_absent", "spf_forwarder"}),
        ([spf("googlegroups.com")], {"dkim_absent", "spf_forwarder"}),
        ([spf("tenant.onmicrosoft.com")], {"dkim_absent", "spf_other"}),
        ([spf("esp.example")], {"dkim_absent", "spf_other"}),
        ([spf("mail-1.outbound.protection.outlook.com")], {"dkim_absent", "spf_service"}),
        ([spf("outlook.com")], {"dkim_absent", "spf_other"}),
        ([signed("mail.example.jp", "fail"), signed("esp.example")], {"dkim_failed"}),
        ([signed(OWN, "permerror")], {"dkim_error"}),
        ([signed("mail.example.jp")], {"dkim_strict"}),
        ([signed("esp.example"), signed("other.example", "fail")], {"dkim_other"}),
        ([signed("esp.example", "fail")], set()),
        ([AuthResult("dkim", None, None, None, "fail", None, None)], {"dkim_absent"}),
        ([spf("mx.example.org", "none", "helo")], {"dkim_absent", "null_sender"}),
        ([AuthResult("spf", None, None, "helo", "none", None, None)], {"dkim_absent"}),
    ],
)
def test_a_record_gets_its_marks(results: list[AuthResult], expected: set[str]) -> None:
    assert words(shape(OWN, *results)) == expected


def test_what_aligned_needs_no_reason() -> None:
    assert words(shape(OWN, signed(OWN), spf("esp.example"), dkim=True)) == {"dkim_aligned", "spf_other"}
    assert words(shape(OWN, signed("esp.example"), spf(OWN), spf=True)) == {"spf_aligned", "dkim_other"}


def test_an_empty_envelope_sender_and_a_named_one_are_told_apart_from_none_at_all() -> None:
    assert "null_sender" in words(shape(OWN, envelope=""))
    assert "named_sender" in words(shape(OWN, envelope="esp.example"))
    assert words(shape(OWN, envelope=None)) == {"dkim_absent"}


@pytest.mark.parametrize(
    ("kind", "comment", "forwarded"),
    [
        ("forwarded", None, True),
        ("mailing_list", None, True),
        ("trusted_forwarder", None, True),
        ("local_policy", "ARC=pass", True),
        ("local_policy", "spared by the administrator", False),
        ("sampled_out", None, False),
        ("policy_test_mode", None, False),
    ],
)
def test_only_a_receiver_that_names_a_forward_says_so(kind: str, comment: str | None, forwarded: bool) -> None:
    plain = shape(OWN)
    found = Shape(OWN, None, None, "none", False, False, kind, (), (Reason(kind, None, comment),), (), plain.digest)

    assert ("forward_override" in words(found)) is forwarded


def test_without_tables_every_envelope_is_somebodys() -> None:
    assert evidence_of(shape(OWN, spf("mcsv.net")), unknown_envelope).spf_other


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    """A store with one domain, one address and one sender."""
    engine = open_store(store_url)
    with writing(engine) as connection:
        ensure_domain(connection, OWN, 0)
        connection.execute(source.insert(), {"id": 1, "ip": "192.0.2.1", "first_seen_at": 0})
        row = {"domain_id": 1, "id": 1, "key": "k", "name": "n", "kind": "server", "basis": "as", "created_at": 0}
        connection.execute(sender.insert(), row)
        yield connection
    engine.dispose()


def counted(connection: Connection) -> list[tuple[int, ...]]:
    table = traffic_evidence.c
    columns = (table.day, table.marks, table.messages)
    return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]


def test_the_roll_up_counts_what_did_not_align_both_ways_and_forgets_what_is_set_aside(connection: Connection) -> None:
    lines = [
        Record("192.0.2.1", 7, shape(OWN, signed(OWN), spf(OWN), dkim=True, spf=True)),
        Record("192.0.2.1", 5, shape(OWN, spf(OWN, "softfail"))),
        Record("192.0.2.1", 3, shape(OWN, signed(OWN), spf("esp.example"), dkim=True)),
    ]
    found = report(OWN, 20_000, "google.com", lines)

    def add(sign: int) -> None:
        roll_up = RollUp()
        placed = [Placed(line, 1, 1) for line in lines]
        roll_up.add(1, (found.begin, found.end), "google.com", "unverified", placed, sign)
        roll_up.write(connection, connection.engine)

    add(1)
    once = counted(connection)
    add(-1)

    signed_elsewhere, softfail_unsigned = 1 + 128, 8 + 256
    assert once == [(20_000, signed_elsewhere, 3), (20_000, softfail_unsigned, 5)]
    assert [messages for *_, messages in counted(connection)] == [0, 0]
