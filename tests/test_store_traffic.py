"""The daily roll-ups: on which day a report counts, and what each record adds to each of the four tables."""

from collections.abc import Iterator
from typing import Any

import pytest
from histories import shape, signed, spf
from sqlalchemy import Connection, Table, select

from store.engine import open_store, writing
from store.office import ensure_domain
from store.schema import sender, source, traffic, traffic_day, traffic_evidence, traffic_source
from store.traffic import Line, Placed, RollUp, days_of, dealt_out, words_of
from store.values import Record, Shape

DAY = 20_000
MIDNIGHT = DAY * 86_400
HOUR = 3_600
ONE_DAY = (MIDNIGHT, MIDNIGHT + 86_399)
THREE_DAYS = (MIDNIGHT, MIDNIGHT + 3 * 86_400 - 1)


@pytest.mark.parametrize(
    ("begin", "end", "day"),
    [
        (MIDNIGHT, MIDNIGHT + 86_399, DAY),
        (MIDNIGHT, MIDNIGHT + 86_400, DAY),
        (MIDNIGHT - 9 * HOUR, MIDNIGHT + 15 * HOUR, DAY),
        (MIDNIGHT - 13 * HOUR, MIDNIGHT + 11 * HOUR, DAY - 1),
        (MIDNIGHT - HOUR, MIDNIGHT + 86_400 + 11 * HOUR, DAY),
        (MIDNIGHT + 5, MIDNIGHT + 5, DAY),
    ],
    ids=["whole", "to midnight", "Japan", "New Zealand", "36 hours", "one second"],
)
def test_a_report_of_up_to_36_hours_counts_whole_on_the_day_of_its_middle(begin: int, end: int, day: int) -> None:
    assert repr(days_of(begin, end)) == repr([(day, 1)])


def test_a_longer_report_is_spread_over_its_days_by_the_seconds_in_each() -> None:
    noon = MIDNIGHT + 12 * HOUR

    assert days_of(noon, noon + 36 * HOUR) == [(DAY + 1, 1)]
    assert days_of(noon, noon + 36 * HOUR + 1) == [(DAY, 12 * HOUR), (DAY + 1, 86_400), (DAY + 2, 1)]
    assert days_of(noon, noon + 37 * HOUR) == [(DAY, 12 * HOUR), (DAY + 1, 86_400), (DAY + 2, HOUR)]
    assert days_of(MIDNIGHT, MIDNIGHT + 48 * HOUR) == [(DAY, 86_400), (DAY + 1, 86_400)]


@pytest.mark.parametrize(
    ("messages", "weights", "dealt"),
    [
        (10, [(1, 43_200), (2, 86_400), (3, 3_600)], [(1, 3), (2, 7)]),
        (5, [(1, 1), (2, 2)], [(1, 2), (2, 3)]),
        (4, [(1, 1), (2, 2)], [(1, 1), (2, 3)]),
        (3, [(1, 1), (2, 1)], [(1, 2), (2, 1)]),
        (2, [(1, 3), (2, 1)], [(1, 2)]),
        (1, [(1, 2), (2, 5), (3, 4)], [(2, 1)]),
        (0, [(1, 1), (2, 1)], [(1, 0)]),
        (7, [(1, 1), (2, 1), (3, 1)], [(1, 3), (2, 2), (3, 2)]),
    ],
)
def test_messages_are_dealt_out_by_largest_remainder_and_the_earlier_day_of_equals(
    messages: int, weights: list[tuple[int, int]], dealt: list[tuple[int, int]]
) -> None:
    assert dealt_out(messages, weights) == dealt


BOTH = shape("example.jp", signed("example.jp"), spf("example.jp"), dkim=True, spf=True)
DKIM = shape("example.jp", signed("example.jp"), dkim=True)._replace(disposition="pass")
SPF = shape("shop.example.jp", spf("shop.example.jp"), spf=True)._replace(disposition="quarantine")
NEITHER = shape("example.jp", override="forwarded")._replace(disposition="reject")
NAMELESS = shape("example.jp")._replace(header_from=None, disposition="unknown")
# The bits of store/evidence.py: dkim_aligned 1, spf_aligned 2, dkim_absent 256, forward_override 32,768.
UNSIGNED, FORWARDED = 256, 256 + 32_768


@pytest.fixture
def connection(store_url: str) -> Iterator[Connection]:
    """A store with one domain, three addresses and two senders."""
    engine = open_store(store_url)
    with writing(engine) as connection:
        ensure_domain(connection, "example.jp", 0)
        connection.execute(source.insert(), [{"id": n, "ip": f"192.0.2.{n}", "first_seen_at": 0} for n in (1, 2, 3)])
        row = {"domain_id": 1, "name": "n", "kind": "server", "basis": "as", "created_at": 0}
        connection.execute(sender.insert(), [row | {"id": n, "key": f"k{n}"} for n in (7, 8)])
        yield connection
    engine.dispose()


def stored(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """The rows without the number of the domain, in order."""
    return sorted(tuple(row)[1:] for row in connection.execute(select(table)))


def placed(*lines: tuple[Shape, int, int, int]) -> list[Placed]:
    """Records of a shape, so many messages, from a source, as a sender."""
    return [Placed(Record("192.0.2.1", messages, each), source, by) for each, messages, source, by in lines]


EVERY_KIND = placed((BOTH, 50, 1, 7), (DKIM, 30, 1, 7), (SPF, 20, 2, 7), (NEITHER, 7, 2, 8), (NAMELESS, 1, 2, 8))


def test_every_record_adds_to_all_four_roll_ups(connection: Connection) -> None:
    roll_up = RollUp()
    roll_up.add(1, ONE_DAY, "google.com", "pass", EVERY_KIND)
    roll_up.add(1, ONE_DAY, "google.com", "pass", placed((BOTH, 4, 1, 7), (NEITHER, 2, 2, 8)))
    roll_up.write(connection, connection.engine)

    assert stored(connection, traffic) == [
        (DAY, "", 8, "google.com", "pass", False, False, "unknown", "none", 1, 1),
        (DAY, "example.jp", 7, "google.com", "pass", False, True, "pass", "none", 30, 1),
        (DAY, "example.jp", 7, "google.com", "pass", True, True, "none", "none", 54, 2),
        (DAY, "example.jp", 8, "google.com", "pass", False, False, "reject", "forwarded", 9, 2),
        (DAY, "shop.example.jp", 7, "google.com", "pass", True, False, "quarantine", "none", 20, 1),
    ]
    assert stored(connection, traffic_source) == [
        (DAY, 1, 7, "pass", 84, 84, 84, 54, 3),
        (DAY, 2, 7, "pass", 20, 20, 0, 20, 1),
        (DAY, 2, 8, "pass", 10, 0, 0, 0, 3),
    ]
    assert stored(connection, traffic_day) == [(DAY, "pass", 114, 104, 54, 30, 20, 10, 84, 20, 9, 1, 7)]
    assert stored(connection, traffic_evidence) == [
        (DAY, 7, 1, "google.com", "pass", 1, 30),
        (DAY, 7, 2, "google.com", "pass", 2 + UNSIGNED, 20),
        (DAY, 8, 2, "google.com", "pass", UNSIGNED, 1),
        (DAY, 8, 2, "google.com", "pass", FORWARDED, 9),
    ]


def test_reports_of_other_reporters_grades_and_days_are_kept_apart(connection: Connection) -> None:
    roll_up = RollUp()
    for period, reporter, grade in ((ONE_DAY, "a", "pass"), (ONE_DAY, "b", "pass"), (ONE_DAY, "b", "fail")):
        roll_up.add(1, period, reporter, grade, placed((NEITHER, 2, 3, 8)))
    roll_up.add(1, (MIDNIGHT + 86_400, MIDNIGHT + 2 * 86_400 - 1), "b", "fail", placed((NEITHER, 2, 3, 8)))
    roll_up.write(connection, connection.engine)

    assert [(row[0], *row[3:5], *row[-2:]) for row in stored(connection, traffic)] == [
        (DAY, "a", "pass", 2, 1),
        (DAY, "b", "fail", 2, 1),
        (DAY, "b", "pass", 2, 1),
        (DAY + 1, "b", "fail", 2, 1),
    ]
    assert [(row[0], *row[3:5], row[-1]) for row in stored(connection, traffic_source)] == [
        (DAY, "fail", 2, 1),
        (DAY, "pass", 4, 2),
        (DAY + 1, "fail", 2, 1),
    ]
    assert [row[:3] for row in stored(connection, traffic_day)] == [
        (DAY, "fail", 2),
        (DAY, "pass", 4),
        (DAY + 1, "fail", 2),
    ]
    assert [(row[0], *row[3:5], row[-1]) for row in stored(connection, traffic_evidence)] == [
        (DAY, "a", "pass", 2),
        (DAY, "b", "fail", 2),
        (DAY, "b", "pass", 2),
        (DAY + 1, "b", "fail", 2),
    ]


def test_a_record_of_a_long_report_has_its_messages_on_each_day_and_is_one_record_on_the_first(
    connection: Connection,
) -> None:
    roll_up = RollUp()
    roll_up.add(1, THREE_DAYS, "google.com", "pass", placed((DKIM, 7, 1, 7), (SPF, 1, 2, 7), (NEITHER, 0, 2, 8)))
    roll_up.write(connection, connection.engine)

    assert [(row[0], row[2], row[-1]) for row in stored(connection, traffic_day)] == [
        (DAY, 4, 3),
        (DAY + 1, 2, 0),
        (DAY + 2, 2, 0),
    ]
    assert [(row[0], row[1], *row[-2:]) for row in stored(connection, traffic)] == [
        (DAY, "example.jp", 3, 1),
        (DAY, "example.jp", 0, 1),
        (DAY, "shop.example.jp", 1, 1),
        (DAY + 1, "example.jp", 2, 0),
        (DAY + 2, "example.jp", 2, 0),
    ]


def test_lines_whose_marks_are_told_count_as_their_records_do(connection: Connection) -> None:
    roll_up = RollUp()
    two_days = (MIDNIGHT, MIDNIGHT + 2 * 86_400 - 1)
    roll_up.add_lines(
        1,
        two_days,
        "google.com",
        "pass",
        [Line(words_of(NEITHER), 5, 1, 8, 512), Line(words_of(NEITHER), 4, 1, 8, 512)],
    )
    roll_up.write(connection, connection.engine)

    assert stored(connection, traffic_evidence) == [
        (DAY, 8, 1, "google.com", "pass", 512, 5),
        (DAY + 1, 8, 1, "google.com", "pass", 512, 4),
    ]
    assert [(row[0], row[2], row[-1]) for row in stored(connection, traffic_day)] == [(DAY, 5, 2), (DAY + 1, 4, 0)]


@pytest.mark.parametrize("period", [ONE_DAY, THREE_DAYS], ids=["a day", "three days"])
def test_what_is_taken_out_leaves_nothing_but_zeros(connection: Connection, period: tuple[int, int]) -> None:
    roll_up = RollUp()
    roll_up.add(1, period, "google.com", "pass", EVERY_KIND)
    roll_up.write(connection, connection.engine)
    before = {table: stored(connection, table) for table in (traffic, traffic_source, traffic_day, traffic_evidence)}
    roll_up.add(1, period, "google.com", "pass", EVERY_KIND, -1)
    roll_up.write(connection, connection.engine)

    figures = {traffic: 2, traffic_source: 5, traffic_day: 11, traffic_evidence: 1}
    for table, rows in before.items():
        left = stored(connection, table)
        assert len(left) == len(rows) > 0
        assert {row[-figures[table] :] for row in left} == {(0,) * figures[table]}


def test_sums_are_written_once_and_added_to_those_that_are_stored(connection: Connection) -> None:
    roll_up = RollUp()
    for _ in range(2):
        roll_up.add(1, ONE_DAY, "google.com", "pass", placed((NEITHER, 5, 1, 8)))
        roll_up.write(connection, connection.engine)
    roll_up.write(connection, connection.engine)

    assert roll_up.rows() == 0
    assert [row[-2:] for row in stored(connection, traffic)] == [(10, 2)]
    assert [row[-5:] for row in stored(connection, traffic_source)] == [(10, 0, 0, 0, 2)]
    assert [row[-1] for row in stored(connection, traffic_evidence)] == [10]


@pytest.mark.parametrize(
    "lines",
    [
        [Line(words_of(BOTH), 1, source, 7, 0) for source in (1, 2, 3)],
        [Line(words_of(BOTH._replace(disposition=word)), 1, 1, 7, 0) for word in ("none", "quarantine", "reject")],
        [Line(words_of(NEITHER), 1, 1, 7, marks) for marks in (256, 512, 1_024)],
    ],
    ids=["sources", "words", "marks"],
)
def test_the_largest_roll_up_tells_how_many_rows_wait(lines: list[Line]) -> None:
    roll_up = RollUp()
    roll_up.add_lines(1, ONE_DAY, "google.com", "pass", lines)

    assert roll_up.rows() == 3


def test_a_shape_is_looked_at_once_and_one_that_aligned_both_ways_never() -> None:
    asked: list[str] = []

    def kind_of(domain: str) -> Any:
        asked.append(domain)
        return "forwarder"

    roll_up, foreign = RollUp(kind_of), shape("example.jp", spf("lists.example"))

    # The bits of store/evidence.py: spf_forwarder 64, dkim_absent 256.
    assert [roll_up.marks_of(foreign), roll_up.marks_of(foreign), roll_up.marks_of(BOTH)] == [64 + 256, 64 + 256, 0]
    assert asked == ["lists.example"]
