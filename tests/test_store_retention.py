"""What is deleted by age, and what stays exact: sums outlive the records that they were made of, on both databases."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, Table, func, select
from sqlalchemy.exc import DBAPIError
from store_builder import fill, line
from store_builder import report as built
from xml_reports import BEGIN, record, report

from analysis import domain as domain_analysis
from analysis import ladder, totals
from analysis import senders as senders_analysis
from analysis.frames import Period, Scope
from ingest.reclassify import reclassify
from ingest.run import RunSummary
from knowledge.tables import load_tables
from settings import OwnInfrastructure, Retention, Settings
from store import decisions, digests, events, office, retention
from store.check import findings
from store.engine import open_store, writing
from store.errors import AlreadyRunning
from store.events import FoundEvent
from store.locks import run_lock
from store.retention import Cutoffs, Pruned, cutoffs, prune, would_prune
from store.schema import (
    audit,
    auth_result,
    event,
    original,
    override_reason,
    pruned,
    traffic,
    traffic_day,
    traffic_evidence,
    traffic_source,
)
from store.schema import record as record_table
from store.schema import report as report_table

DAY = 86_400
OLD, NEW = BEGIN, BEGIN + 100 * DAY
FIRST = OLD // DAY
NOW = NEW + 5 * DAY
NOTHING = Cutoffs(None, None, None, None)
ROLL_UPS = (traffic, traffic_source, traffic_day, traffic_evidence)
FORWARDED = "<reason><type>forwarded</type><comment>a list</comment></reason>"
Ingest = Callable[..., RunSummary]


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_store(store_url)
    yield engine
    engine.dispose()


def history(ingest: Ingest) -> None:
    """Two reports a hundred days apart, alike but for their counts: 3 records each, two of them with evidence."""
    for begin, count, name in ((OLD, 10, "old"), (NEW, 100, "new")):
        records = (
            record("192.0.2.1", count),
            record("192.0.2.1", count + 1, dkim="fail"),
            record("198.51.100.7", count + 2, dkim="fail", spf="fail", reason=FORWARDED),
        )
        ingest(report(*records, begin=begin, end=begin + DAY - 1, report_id=name), now=begin + DAY)


def rows(engine: Engine, *tables: Table) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {table.name: sorted(tuple(row) for row in connection.execute(select(table))) for table in tables}


def count(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def numbers(engine: Engine) -> tuple[object, ...]:
    """Everything that screens and commands say of the domain out of roll-ups and reports."""
    everything, period = Scope(None), Period(FIRST - 1, NOW // DAY)
    tables = load_tables()
    with engine.connect() as connection:
        return (
            domain_analysis.build(connection, everything, "example.jp", period),
            senders_analysis.build(connection, everything, "example.jp", tables, with_sources=True),
            ladder.build(connection, everything, "example.jp", tables, NOW),
            totals.build(connection, everything),
        )


def test_records_go_by_age_and_no_number_changes(ingest: Ingest, engine: Engine, store_url: str) -> None:
    history(ingest)
    said, summed, reports = numbers(engine), rows(engine, *ROLL_UPS), rows(engine, report_table)

    done = prune(store_url, replace(NOTHING, records=FIRST + 1))

    assert done == Pruned(reports=1, records=3)
    assert [count(engine, table) for table in (record_table, auth_result, override_reason)] == [3, 6, 1]
    assert (numbers(engine), rows(engine, *ROLL_UPS), rows(engine, report_table)) == (said, summed, reports)
    assert findings(engine) == ()
    assert prune(store_url, replace(NOTHING, records=FIRST + 1)) == Pruned()


def test_a_report_that_ends_on_the_day_of_the_cutoff_keeps_its_records(
    ingest: Ingest, engine: Engine, store_url: str
) -> None:
    history(ingest)

    assert prune(store_url, replace(NOTHING, records=FIRST)) == Pruned()
    assert count(engine, record_table) == 6


def test_naming_senders_again_leaves_the_sums_of_pruned_days_alone(
    ingest: Ingest, engine: Engine, store_url: str
) -> None:
    history(ingest)
    before = rows(engine, *ROLL_UPS)
    prune(store_url, replace(NOTHING, records=FIRST + 1))
    own = OwnInfrastructure(networks=("192.0.2.0/24", "198.51.100.0/24"))

    changes = reclassify(Settings(database_url=store_url, workers=1, own_infrastructure=own), None, now=NOW)

    after = rows(engine, *ROLL_UPS)
    assert changes.moved_records == 3
    for table in ROLL_UPS:
        assert pruned_days(after[table.name]) == pruned_days(before[table.name]) != []
        assert after[table.name] != before[table.name] or table is traffic_day
    assert findings(engine) == ()


def pruned_days(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows of a roll-up of the days that lost their records."""
    return [row for row in found if row[1] <= FIRST]


def test_a_long_report_over_the_cutoff_keeps_its_records_and_their_senders(
    ingest: Ingest, engine: Engine, store_url: str
) -> None:
    history(ingest)
    ingest(report(record("192.0.2.1", 60, dkim="fail"), begin=OLD, end=OLD + 6 * DAY, report_id="long"), now=NOW)
    before = rows(engine, *ROLL_UPS)
    prune(store_url, replace(NOTHING, records=FIRST + 1))
    own = OwnInfrastructure(networks=("192.0.2.0/24",))

    changes = reclassify(Settings(database_url=store_url, workers=1, own_infrastructure=own), None, now=NOW)

    assert count(engine, record_table) == 4
    assert changes.moved_records == 2
    week = [row for row in rows(engine, traffic_evidence)["traffic_evidence"] if row[1] < FIRST + 7]
    assert week == [row for row in before["traffic_evidence"] if row[1] < FIRST + 7]
    assert findings(engine) == ()


def test_a_decision_does_not_leave_the_mail_of_pruned_days(ingest: Ingest, engine: Engine, store_url: str) -> None:
    history(ingest)
    prune(store_url, replace(NOTHING, records=FIRST + 1))
    with engine.connect() as connection:
        listed = senders_analysis.build(connection, Scope(None), "example.jp", load_tables(), with_sources=True)
    assert listed is not None
    key = next(each.key for each in listed.senders if each.sources[0].ip == "192.0.2.1")
    decide(engine, key)
    own = OwnInfrastructure(networks=("192.0.2.0/24",))

    changes = reclassify(Settings(database_url=store_url, workers=1, own_infrastructure=own), None, now=NOW)

    assert [(each.before, each.outcome) for each in changes.decisions] == [(key, "split")]


def decide(engine: Engine, key: str) -> None:
    with writing(engine) as connection:
        where = office.domain_id_of(connection, "example.jp")
        actor = decisions.Actor("staff", NOW)
        decisions.decide(connection, where, key, "ours", note="asked", evidence={}, actor=actor)


@pytest.mark.parametrize("messages", [10, 11])
@pytest.mark.parametrize("gone", [True, False])
def test_an_authenticated_copy_of_a_report_without_records_changes_no_number(
    store_url: str, engine: Engine, messages: int, gone: bool
) -> None:
    """It takes the place of one that has its records still, be its own ones the same or others."""
    fill(store_url, [(built("example.jp", FIRST, [line("192.0.2.1", 10)]), "fail")])
    if gone:
        prune(store_url, replace(NOTHING, records=FIRST + 1))
    before = rows(engine, *ROLL_UPS)

    fill(store_url, [(built("example.jp", FIRST, [line("192.0.2.1", messages)]), "pass")])

    assert (rows(engine, *ROLL_UPS) == before) is gone
    assert findings(engine) == ()


def test_a_run_that_breaks_off_leaves_a_sound_store_and_the_next_one_finishes(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "RECORDS_AT_ONCE", 2)
    records = [line(f"192.0.2.{number}", 1) for number in range(7)]
    fill(sqlite_url, [built("example.jp", FIRST, records), built("example.jp", FIRST + 1, records)])
    engine = open_store(sqlite_url)
    refuse = "CREATE TRIGGER refuse BEFORE DELETE ON record WHEN OLD.number = 5 BEGIN SELECT RAISE(ABORT, 'now'); END"
    with writing(engine) as connection:
        connection.exec_driver_sql(refuse)

    with pytest.raises(DBAPIError, match="now"):
        prune(sqlite_url, replace(NOTHING, records=FIRST + 2))

    assert count(engine, record_table) == 10
    assert findings(engine) == ()
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER refuse")
    prune(sqlite_url, replace(NOTHING, records=FIRST + 2))
    assert count(engine, record_table) == 0
    assert findings(engine) == ()
    engine.dispose()


def test_a_loss_that_nobody_pruned_is_still_found(ingest: Ingest, engine: Engine, store_url: str) -> None:
    history(ingest)
    prune(store_url, replace(NOTHING, records=FIRST + 1))

    with writing(engine) as connection:
        connection.execute(record_table.delete().where(record_table.c.number == 0))
        connection.execute(
            traffic_day.update().where(traffic_day.c.day == FIRST).values(messages=traffic_day.c.messages + 1)
        )

    assert len(findings(engine)) == 2


def test_daily_sums_go_by_age_and_what_they_held_is_known(ingest: Ingest, engine: Engine, store_url: str) -> None:
    history(ingest)
    reports = rows(engine, report_table)

    done = prune(store_url, replace(NOTHING, records=FIRST + 1, rollups=FIRST + 1))

    assert (done.reports, done.records, done.rollup_rows) == (1, 3, 3 + 2 + 1 + 2)
    assert [sorted({row[1] for row in found}) for found in rows(engine, *ROLL_UPS).values()] == [[FIRST + 100]] * 4
    assert rows(engine, pruned)["pruned"] == [(1, FIRST + 1, FIRST + 1, 3, 33, 21)]
    assert rows(engine, report_table) == reports
    assert findings(engine) == ()


def test_a_later_cutoff_adds_to_what_is_gone_and_an_earlier_one_takes_nothing_back(
    store_url: str, engine: Engine
) -> None:
    fill(store_url, [built("example.jp", FIRST + number, [line("192.0.2.1", 2)]) for number in (0, 20, 40)])

    for days in (1, 21, 5):
        prune(store_url, replace(NOTHING, records=FIRST + days, rollups=FIRST + days))

    assert rows(engine, pruned)["pruned"] == [(1, FIRST + 21, FIRST + 21, 2, 4, 0)]
    assert findings(engine) == ()


def test_an_original_goes_by_age_but_for_one_that_could_not_be_read(
    ingest: Ingest, engine: Engine, store_url: str
) -> None:
    history(ingest)
    ingest("<feedback><broken", now=OLD + DAY)
    assert count(engine, original) == 3

    done = prune(store_url, replace(NOTHING, originals=NEW))

    assert (done.originals, done.original_bytes > 100) == (1, True)
    assert count(engine, original) == 2
    assert ingest("<feedback><broken", now=NOW).messages == 1


def test_the_audit_trail_goes_by_age(store_url: str, engine: Engine) -> None:
    with writing(engine) as connection:
        for at in (NOW - 2 * DAY, NOW - DAY, NOW):
            office.audit(connection, at=at, actor="a", action="b", subject=str(at))

    assert prune(store_url, replace(NOTHING, audit=NOW - DAY)) == Pruned(audit_rows=1)
    assert [row[5] for row in rows(engine, audit)["audit"]] == [str(NOW - DAY), str(NOW)]


def told(engine: Engine) -> None:
    """Events that ended long ago, yesterday and never, and a digest of each day, one of them not taken."""
    names = ("long over", "just over", "open")
    found = [FoundEvent(None, "reporter-silent", name, "change", {}) for name in names]
    with writing(engine) as connection:
        for night in range(3):
            events.reconcile(connection, found[night:], now=NOW + (night - 4) * DAY)
        for at in (NOW - 3 * DAY, NOW - DAY):
            message = digests.Message(None, "title", "body", ())
            digests.add(connection, message, ["taken", "refused"], now=at)
            (_, taken) = digests.waiting(connection, ["taken", "refused"])[-2:]
            digests.mark_sent(connection, taken.id, now=at)


def test_events_that_are_over_and_digests_that_were_taken_go_by_age(store_url: str, engine: Engine) -> None:
    told(engine)
    assert count(engine, event) == 3

    done = prune(store_url, replace(NOTHING, events=NOW - 2 * DAY))

    assert done == Pruned(events=1, digests=1)
    assert {row[3] for row in rows(engine, event)["event"]} == {"just over", "open"}
    with engine.connect() as connection:
        assert len(digests.waiting(connection, ["taken", "refused"])) == 2
        assert digests.last_made(connection) == NOW - DAY


def test_what_would_be_deleted_is_what_is_deleted(ingest: Ingest, engine: Engine, store_url: str) -> None:
    history(ingest)
    told(engine)
    before = Cutoffs(NEW, FIRST + 1, FIRST + 1, NOW, NOW)
    held = rows(engine, record_table, report_table, original, pruned, *ROLL_UPS)

    with engine.connect() as connection:
        planned = would_prune(connection, before)

    assert rows(engine, record_table, report_table, original, pruned, *ROLL_UPS) == held
    assert prune(store_url, before) == planned
    assert (planned.records, planned.events, planned.digests) == (3, 2, 2)


def test_nothing_goes_while_nothing_is_set(ingest: Ingest, engine: Engine, store_url: str) -> None:
    history(ingest)
    held = rows(engine, record_table, original, *ROLL_UPS)

    assert cutoffs(Retention(), now=NOW) == NOTHING
    assert prune(store_url, NOTHING) == Pruned()
    assert rows(engine, record_table, original, *ROLL_UPS) == held


def test_the_settings_are_days_back_from_today() -> None:
    keep = Retention(originals_days=30, records_days=90, rollups_days=400, audit_days=1)

    assert cutoffs(keep, now=1_000 * DAY + 5) == Cutoffs(970 * DAY + 5, 910, 600, 999 * DAY + 5, 900 * DAY + 5)
    assert cutoffs(Retention(audit_days=1_000), now=2_000 * DAY) == Cutoffs(None, None, None, 1_000 * DAY, 1_000 * DAY)


@pytest.mark.parametrize(
    "options",
    [
        {"records_days": 59},
        {"records_days": 60, "rollups_days": 399},
        {"records_days": 500, "rollups_days": 400},
        {"rollups_days": 400},
        {"audit_days": -1},
    ],
)
def test_settings_that_would_blind_the_ladder_or_break_the_sums_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be 0|greater than or equal to 0"):
        Retention(**options)


def test_a_running_ingest_is_not_disturbed(sqlite_url: str) -> None:
    with run_lock(sqlite_url), pytest.raises(AlreadyRunning):
        prune(sqlite_url, NOTHING)
