"""Which report of a key counts, whatever came first: identity, and the takeover by an authenticated report.

Every sum is proved twice: the store's own check finds nothing, and the roll-ups are those of a store that never held
what was replaced.
"""

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select
from store_builder import NOW, ask, line, report

from knowledge.envelope import Envelope
from knowledge.identify import SenderName
from store import check, ledger, schema
from store.engine import open_reader, open_store, writing
from store.evidence import EnvelopeKind, unknown_envelope
from store.migrate import upgrade
from store.packing import Report
from store.reports import ReportWriter, Saved
from store.values import AuthResult, Record, Shape

DAY = 20_000
GRADES = ("fail", "none", "unknown", "unverified", "pass")
Graded = tuple[Report, str]


def save(url: str, *batches: Sequence[Graded], kind_of: EnvelopeKind = unknown_envelope) -> list[Saved]:
    """Save each batch in one transaction and by one run; a sender is called like its address."""
    saved = []
    number = ask(url, lambda connection: len(connection.execute(select(schema.message.c.id)).all()))
    for batch in batches:
        engine = open_store(url)
        writer = ReportWriter(engine, _sender, lambda org_name, _email: org_name, kind_of)
        with writing(engine) as connection:
            run = ledger.start_run(connection, "test", now=NOW)
            for found, grade in batch:
                number += 1
                entry = ledger.Entry(f"{number}.eml", f"{number:064d}", 1, "stored", authenticity=grade)
                message = ledger.record_message(connection, entry, run_id=run, now=NOW)
                saved.append(writer.save(connection, found, message_id=message, authenticity=grade, now=NOW))
            writer.finish(connection)
        engine.dispose()
    engine = open_reader(url)
    assert check.findings(engine) == ()
    engine.dispose()
    return saved


def _sender(_shape: Shape, facts: Any, _ptr: str | None) -> SenderName:
    return SenderName(f"test:{facts.ip}", facts.ip, "server", "ptr")


def reports(url: str) -> list[tuple[Any, ...]]:
    """(messages, standing, relation, related report, authenticity) of every report, in order of arrival."""
    names = ("messages", "standing", "relation", "related_id", "authenticity")
    query = select(*(schema.report.c[name] for name in names)).order_by(schema.report.c.domain_id, schema.report.c.id)
    return ask(url, lambda connection: [tuple(row) for row in connection.execute(query)])


def roll_ups(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the four roll-ups, with names for ids, which depend on the order of arrival."""
    return ask(url, _roll_ups)


def _roll_ups(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    sources = {row.id: row.ip for row in connection.execute(select(schema.source))}
    senders = {(row.domain_id, row.id): row.key for row in connection.execute(select(schema.sender))}
    found = {}
    for table in (schema.traffic, schema.traffic_source, schema.traffic_day, schema.traffic_evidence):
        rows = []
        for row in connection.execute(select(table)).mappings():
            named = dict(row)
            if "source_id" in named:
                named["source_id"] = sources[named["source_id"]]
            if "sender_id" in named:
                named["sender_id"] = senders[named["domain_id"], named["sender_id"]]
            rows.append(tuple(named.values()))
        found[table.name] = sorted(rows, key=repr)
    return found


def days(url: str) -> list[tuple[Any, ...]]:
    columns = (schema.traffic_day.c.day, schema.traffic_day.c.authenticity, schema.traffic_day.c.messages)
    return ask(url, lambda connection: [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))])


@pytest.fixture
def alone(tmp_path: Path, sqlite_template: Path) -> Any:
    """The roll-ups of a store that got these reports only."""
    numbers = itertools.count()

    def roll_ups_of(*graded: Graded, kind_of: EnvelopeKind = unknown_envelope) -> dict[str, list[tuple[Any, ...]]]:
        url = f"sqlite:///{tmp_path / f'alone-{next(numbers)}.sqlite3'}"
        upgrade(url)
        save(url, graded, kind_of=kind_of)
        return roll_ups(url)

    return roll_ups_of


GENUINE = report("example.jp", DAY, [line("192.0.2.1", 10, dkim=True), line("192.0.2.2", 3)], report_id="r")
FORGED = report("example.jp", DAY, [line("192.0.2.1", 500), line("203.0.113.9", 7, spf=True)], report_id="r")
OTHER = report("example.jp", DAY, [line("192.0.2.1", 4), line("203.0.113.9", 2)], org="Other")


@pytest.mark.parametrize("grade", GRADES[:-1])
def test_a_forged_report_that_comes_first_is_replaced_by_the_genuine_one(
    store_url: str, alone: Any, grade: str
) -> None:
    saved = save(store_url, [(FORGED, grade)], [(GENUINE, "pass")])

    assert [each.state for each in saved] == ["stored", "stored"]
    assert reports(store_url) == [
        (507, "set-aside", "replaced", 2, grade),
        (13, "in-force", None, None, "pass"),
    ]
    assert days(store_url) == [(DAY, "pass", 13)]
    assert roll_ups(store_url) == alone((GENUINE, "pass"))


@pytest.mark.parametrize("grade", GRADES)
def test_nothing_replaces_an_authenticated_report(store_url: str, grade: str) -> None:
    saved = save(store_url, [(GENUINE, "pass")], [(FORGED, grade)])

    assert saved[1].state == "variant"
    assert reports(store_url) == [
        (13, "in-force", None, None, "pass"),
        (507, "set-aside", "correction", 1, grade),
    ]
    assert days(store_url) == [(DAY, "pass", 13)]


@pytest.mark.parametrize("first", GRADES[:-1])
@pytest.mark.parametrize("second", GRADES[:-1])
def test_of_two_reports_that_are_not_authenticated_the_first_stays(sqlite_url: str, first: str, second: str) -> None:
    save(sqlite_url, [(GENUINE, first)], [(FORGED, second)])

    assert reports(sqlite_url) == [
        (13, "in-force", None, None, first),
        (507, "set-aside", "correction", 1, second),
    ]
    assert days(sqlite_url) == [(DAY, first, 13)]


def test_the_same_report_that_comes_authenticated_is_authenticated_and_counted_once(store_url: str, alone: Any) -> None:
    saved = save(store_url, [(GENUINE, "unverified"), (OTHER, "unverified")], [(GENUINE, "pass")])

    assert saved[2] == Saved("duplicate", saved[0].domain_id, saved[0].report_id)
    assert reports(store_url)[0] == (13, "in-force", None, None, "pass")
    assert days(store_url) == [(DAY, "pass", 13), (DAY, "unverified", 6)]
    assert roll_ups(store_url) == alone((GENUINE, "pass"), (OTHER, "unverified"))


def test_an_authenticated_report_names_the_message_that_proved_it(store_url: str) -> None:
    save(store_url, [(GENUINE, "unverified")], [(replace(GENUINE, part="2.1"), "pass")])

    columns = (schema.report.c.message_id, schema.report.c.part)
    assert ask(store_url, lambda connection: connection.execute(select(*columns)).one()) == (2, "2.1")


@pytest.mark.parametrize("grade", GRADES[:-1])
def test_a_worse_copy_changes_nothing(store_url: str, grade: str) -> None:
    save(store_url, [(GENUINE, "pass")], [(GENUINE, grade)])

    assert reports(store_url) == [(13, "in-force", None, None, "pass")]
    assert days(store_url) == [(DAY, "pass", 13)]


def test_a_report_that_was_set_aside_takes_over_when_it_comes_authenticated(store_url: str, alone: Any) -> None:
    save(store_url, [(FORGED, "none")], [(GENUINE, "none")], [(GENUINE, "pass")])

    assert reports(store_url) == [
        (507, "set-aside", "replaced", 2, "none"),
        (13, "in-force", None, None, "pass"),
    ]
    assert roll_ups(store_url) == alone((GENUINE, "pass"))


def test_an_authenticated_correction_is_marked_so_and_still_not_counted(store_url: str) -> None:
    save(store_url, [(GENUINE, "pass")], [(FORGED, "none")], [(FORGED, "pass")])

    assert reports(store_url) == [
        (13, "in-force", None, None, "pass"),
        (507, "set-aside", "correction", 1, "pass"),
    ]
    assert days(store_url) == [(DAY, "pass", 13)]


def test_what_else_counts_on_the_same_day_and_from_the_same_source_stays(store_url: str, alone: Any) -> None:
    save(store_url, [(FORGED, "none"), (OTHER, "none")], [(GENUINE, "pass")])

    assert days(store_url) == [(DAY, "none", 6), (DAY, "pass", 13)]
    assert roll_ups(store_url) == alone((OTHER, "none"), (GENUINE, "pass"))


SPREAD = report("example.jp", DAY, [line("192.0.2.1", 11), line("192.0.2.2", 5, spf=True)], days=4, report_id="s")
SPREAD_FORGED = report("example.jp", DAY, [line("192.0.2.1", 1_000), line("192.0.2.3", 1)], days=4, report_id="s")
WITHOUT_RECORDS = report("example.jp", DAY, [], report_id="r")
UNREADABLE = report("example.jp", DAY, [line("192.0.2.1", 0, bad="count"), line("192.0.2.2", 3)], report_id="r")


@pytest.mark.parametrize("together", [True, False], ids=["one transaction", "one run each"])
def test_the_order_of_arrival_changes_no_sum(tmp_path: Path, sqlite_template: Path, alone: Any, together: bool) -> None:
    arrivals = [(FORGED, "none"), (GENUINE, "unverified"), (GENUINE, "pass"), (OTHER, "none"), (SPREAD, "pass")]
    expected = alone((GENUINE, "pass"), (OTHER, "none"), (SPREAD, "pass"))

    for number, order in enumerate(itertools.permutations([*arrivals, (SPREAD_FORGED, "fail")])):
        if number % 29:
            continue
        url = f"sqlite:///{tmp_path / f'{number}.sqlite3'}"
        Path(url.removeprefix("sqlite:///")).write_bytes(sqlite_template.read_bytes())
        save(url, *([order] if together else [[each] for each in order]))
        assert roll_ups(url) == expected, order


@pytest.mark.parametrize("together", [True, False], ids=["one transaction", "one run each"])
def test_a_few_orders_of_arrival_change_no_sum_on_either_database(store_url: str, alone: Any, together: bool) -> None:
    order = [(SPREAD_FORGED, "fail"), (FORGED, "none"), (SPREAD, "pass"), (GENUINE, "pass"), (OTHER, "none")]

    save(store_url, *([order] if together else [[each] for each in order]))

    assert roll_ups(store_url) == alone((GENUINE, "pass"), (OTHER, "none"), (SPREAD, "pass"))


@pytest.mark.parametrize("genuine", [WITHOUT_RECORDS, UNREADABLE], ids=["empty", "partial"])
def test_reports_without_messages_replace_and_are_replaced(store_url: str, alone: Any, genuine: Report) -> None:
    saved = save(store_url, [(FORGED, "none")], [(genuine, "pass")])

    assert saved[1].state == ("partial" if genuine.records.sums.records else "empty")
    assert roll_ups(store_url) == alone((genuine, "pass"))
    other = replace(genuine, report_id="r2")
    save(store_url, [(other, "none")], [(replace(FORGED, report_id="r2"), "pass")])
    assert reports(store_url)[2][1:3] == ("set-aside", "replaced")
    assert days(store_url)[-1] == (DAY, "pass", 507 + (3 if genuine.records.sums.records else 0))


def test_three_brands_that_share_all_but_the_address_still_all_count(store_url: str, alone: Any) -> None:
    """GMO Pepabo: a forged report of one brand must not touch the others, nor must its replacement."""
    brands = [replace(GENUINE, email=f"dmarc@{name}.example.jp") for name in ("heteml", "lolipop", "muumuu")]
    forged = replace(FORGED, email=brands[1].email)

    save(store_url, [(brands[0], "pass"), (forged, "none")], [(brands[2], "pass"), (brands[1], "pass")])

    assert [row[:3] for row in reports(store_url)] == [
        (13, "in-force", None),
        (507, "set-aside", "replaced"),
        (13, "in-force", "variant"),
        (13, "in-force", "variant"),
    ]
    assert days(store_url) == [(DAY, "pass", 39)]
    assert roll_ups(store_url) == alone(*((brand, "pass") for brand in brands))


def test_a_takeover_is_exact_when_the_tables_have_changed_since(store_url: str, alone: Any) -> None:
    """What counted as another's envelope is a known forwarder's now: taking it out must not leave a debt behind."""

    def forwarder(_domain: str) -> Envelope:
        return "forwarder"

    forged = report("example.jp", DAY, [_foreign("192.0.2.1", 9)], report_id="r")
    genuine = report("example.jp", DAY, [_foreign("192.0.2.1", 2), line("192.0.2.2", 1)], report_id="r")

    save(store_url, [(forged, "none")])
    save(store_url, [(genuine, "pass")], kind_of=forwarder)

    assert roll_ups(store_url) == alone((genuine, "pass"), kind_of=forwarder)


def _foreign(ip: str, messages: int) -> Record:
    results = (AuthResult("spf", "lists.example.net", None, "mfrom", "pass", None, None),)
    shape = Shape("example.jp", None, None, "none", False, False, "none", results, (), (), sha256(b"x").hexdigest())
    return Record(ip, messages, shape)


def test_a_report_of_more_than_a_page_of_records_is_taken_out_whole(sqlite_url: str, alone: Any) -> None:
    chance = random.Random(5)
    lines = [
        line(f"192.0.2.{n % 50}", chance.randrange(1, 9), spf=chance.random() < 0.5, dkim=chance.random() < 0.3)
        for n in range(11_000)
    ]
    large = report("example.jp", DAY, lines, days=3, report_id="s")

    save(sqlite_url, [(large, "none"), (OTHER, "none")], [(SPREAD_FORGED, "pass")])
    assert reports(sqlite_url)[0][1:3] == ("in-force", None)
    save(sqlite_url, [(replace(SPREAD, end=large.end), "pass")])

    assert reports(sqlite_url)[0][1:3] == ("set-aside", "replaced")
    assert roll_ups(sqlite_url) == alone(
        (OTHER, "none"), (SPREAD_FORGED, "pass"), (replace(SPREAD, end=large.end), "pass")
    )
