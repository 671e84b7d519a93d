"""Whole runs: what reaches the store, what the ledger says, what the totals are."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from forked_runs import ForkedRuns
from servers_ingest import Ingest, ingest_into, message
from sqlalchemy import Engine, Table, select
from xml_reports import BEGIN, END, NOON, record, report

from analysis import totals
from analysis.frames import Scope
from ingest.session import ingest_messages
from settings import Limits, Settings
from store import check, schema
from store.engine import open_reader
from store.errors import AlreadyRunning
from store.locks import run_lock
from store.migrate import upgrade

EVERYTHING = Scope(None)


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = open_reader(url)
    try:
        yield engine
    finally:
        engine.dispose()


def counted(url: str) -> totals.Totals:
    """The totals, after proof that roll-ups, records and reports agree."""
    with opened(url) as engine:
        assert check.findings(engine) == ()
        with engine.connect() as connection:
            found = totals.build(connection, EVERYTHING)
    assert found is not None
    return found


def rows(url: str, table: Table, *columns: str) -> list[tuple[Any, ...]]:
    query = select(*(table.c[name] for name in columns)).order_by(*table.primary_key.columns)
    with opened(url) as engine, engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the runs, whose times differ, and the number of transactions, as times do."""
    tables = [table for table in schema.metadata.sorted_tables if table.name not in ("run", "generation")]
    return {table.name: rows(url, table, *table.c.keys()) for table in tables}


def test_one_row_counts_as_many_messages_as_it_reports(store_url: str, ingest: Ingest) -> None:
    summary = ingest(report(record(count=41), record("192.0.2.2", 1, dkim="fail", spf="fail", disposition="reject")))

    assert (summary.messages, summary.stored, summary.records, summary.reported_messages) == (1, 1, 2, 42)
    found = counted(store_url)
    assert (found.reports, found.records, found.messages, found.passed) == (1, 2, 42, 41)
    assert (found.dispositions.none, found.dispositions.reject) == (41, 1)


def test_the_same_file_three_times_counts_once(store_url: str, ingest: Ingest) -> None:
    text = report(record(count=5))

    summary = ingest(text, text, text)

    assert (summary.stored, summary.duplicates) == (1, 2)
    assert (counted(store_url).reports, counted(store_url).messages) == (1, 5)
    assert rows(store_url, schema.message, "state", "arrivals") == [("stored", 3)]


def test_the_same_report_formatted_anew_counts_once(store_url: str, ingest: Ingest) -> None:
    text = report(record(count=5), record("192.0.2.7", 2))

    assert ingest(text).stored == 1
    assert ingest(text.replace("><", ">\n<")).duplicates == 1
    assert (counted(store_url).reports, counted(store_url).messages) == (1, 7)


def test_three_brands_that_share_everything_but_the_address_all_count(store_url: str, ingest: Ingest) -> None:
    """GMO Pepabo: one id, domain and period; told apart only by e-mail: 8 + 14 + 2 of 24 messages."""
    brands = {"heteml.example.jp": (2, 2, 2, 2), "lolipop.example.jp": (3, 3, 3, 3, 2), "muumuu.example.jp": (1, 1)}
    texts = [
        report(*(record(f"192.0.2.{n}", count) for n, count in enumerate(counts)), org_name="Brands", email=f"a@{host}")
        for host, counts in brands.items()
    ]

    first, second = ingest(*texts), ingest(*texts)

    assert (first.stored, first.variants, second.duplicates) == (1, 2, 3)
    assert (counted(store_url).reports, counted(store_url).messages) == (3, 24)


def test_one_id_for_two_periods_is_two_reports(store_url: str, ingest: Ingest) -> None:
    """GoDaddy reuses an id; the second period is a single second."""
    ingest(report(record(count=12)), report(record(count=1), begin=BEGIN + 100, end=BEGIN + 100))

    assert (counted(store_url).reports, counted(store_url).messages) == (2, 13)


def test_a_correction_is_kept_and_shown_but_never_added(store_url: str, ingest: Ingest) -> None:
    summary = ingest(report(record(count=5)), report(record(count=6)))

    assert (summary.stored, summary.variants) == (1, 1)
    found = counted(store_url)
    assert (found.reports, found.messages, found.variants, found.set_aside) == (1, 5, 1, 1)
    columns = ("messages", "standing", "relation", "related_id")
    assert rows(store_url, schema.report, *columns) == [
        (5, "in-force", None, None),
        (6, "set-aside", "correction", 1),
    ]


def test_one_id_for_two_domains_is_two_reports(store_url: str, ingest: Ingest) -> None:
    ingest(report(record(count=2)), report(record(count=3, header_from="example.com"), domain="example.com"))

    assert [(line.domain, line.messages) for line in counted(store_url).domains] == [
        ("example.com", 3),
        ("example.jp", 2),
    ]


def test_an_empty_report_is_kept_as_a_sign_of_life(store_url: str, ingest: Ingest) -> None:
    assert ingest(report()).empty == 1
    assert (counted(store_url).reports, counted(store_url).empty, counted(store_url).messages) == (1, 1, 0)


def test_a_report_about_a_stranger_is_stored_and_unassigned(store_url: str, ingest: Ingest) -> None:
    ingest(report(record()))

    assert rows(store_url, schema.domain, "name", "customer_id", "registered") == [("example.jp", None, False)]


def test_a_partial_report_says_which_record_and_hides_none(store_url: str, ingest: Ingest) -> None:
    summary = ingest(report(record(count=4), record("192.0.2.2", -5), record("not an address", 3)))

    assert (summary.partial, summary.records, summary.reported_messages) == (1, 3, 7)
    found = rows(store_url, schema.record, "number", "messages", "bad", "raw")
    assert found == [(0, 4, None, None), (1, 0, "count", "192.0.2.2 -5"), (2, 3, "source_ip", "not an address 3")]
    assert "record 2 (count), record 3 (source_ip)" in rows(store_url, schema.message, "reason")[0][0]


def test_what_cannot_be_read_is_quarantined_with_its_bytes_and_stops_nothing(store_url: str, ingest: Ingest) -> None:
    cut = report(record(), record())[:-30]

    summary = ingest(report(record(count=3)), cut, report(record(count=4), report_id="r-2"))

    assert (summary.stored, summary.quarantined) == (2, 1)
    assert counted(store_url).messages == 7
    assert [row[0] for row in rows(store_url, schema.message, "state")].count("quarantined") == 1
    assert len(rows(store_url, schema.original, "sha256")) == 3


def test_a_quarantined_message_that_comes_again_is_tried_again_and_listed_once(store_url: str, ingest: Ingest) -> None:
    cut = report(record())[:-30]

    ingest(cut)
    ingest(cut)

    assert rows(store_url, schema.message, "state", "attempts") == [("quarantined", 2)]


def test_a_message_larger_than_the_limit_is_named_and_listed_once(store_url: str, ingest: Ingest) -> None:
    big = message("", "big.xml", size=40_000_000)

    ingest(big)
    ingest(big)

    assert counted(store_url).quarantined == 1
    assert "too_big" in rows(store_url, schema.message, "reason")[0][0]


def test_a_report_longer_than_36_hours_is_spread_over_its_days_with_an_exact_sum(
    store_url: str, ingest: Ingest
) -> None:
    ingest(report(record(count=10), record("192.0.2.2", 1), end=BEGIN + 3 * 86_400))

    day = BEGIN // 86_400
    assert rows(store_url, schema.traffic_day, "day", "messages", "records") == [
        (day, 5, 2),
        (day + 1, 3, 0),
        (day + 2, 3, 0),
    ]


def test_a_report_of_a_japanese_day_counts_whole_on_that_day(store_url: str, ingest: Ingest) -> None:
    ingest(report(record(count=10), begin=BEGIN - 9 * 3_600, end=BEGIN + 15 * 3_600))

    assert rows(store_url, schema.traffic_day, "day", "messages") == [(BEGIN // 86_400, 10)]


def test_a_second_run_at_the_same_time_ends_at_once(store_url: str, ingest: Ingest) -> None:
    with run_lock(store_url), pytest.raises(AlreadyRunning):
        ingest(report(record()))
    assert counted(store_url).reports == 0


def test_a_killed_worker_costs_one_message_and_says_so(store_url: str) -> None:
    heavy = report(*(record(f"192.0.2.{n % 250}", n, header_from=f"h{n}.example.jp") for n in range(60_000)))
    chosen = Settings(database_url=store_url, workers=1, limits=Limits(cpu_seconds=1))
    contents = [
        message(report(record(count=2)), "a"),
        message(heavy, "b"),
        message(report(record(), report_id="c"), "c"),
    ]

    summary = ingest_messages(chosen, contents, command="test", now=NOON, after_commit=lambda outcomes: None)

    assert (summary.stored, summary.quarantined) == (2, 1)
    assert "cpu" in rows(store_url, schema.message, "reason")[1][0]


def test_a_report_that_the_database_refuses_is_set_aside_alone(sqlite_url: str) -> None:
    refuse = """CREATE TRIGGER refuse BEFORE INSERT ON report WHEN new.report_id = 'poison'
        BEGIN SELECT RAISE(ABORT, 'not this one'); END"""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute(refuse)
    texts = [report(record(count=n + 1), report_id=name) for n, name in enumerate(["a", "poison", "b", "a"])]

    summary = ingest_into(sqlite_url, *texts)

    assert (summary.stored, summary.quarantined, summary.variants) == (2, 1, 1)
    assert counted(sqlite_url).messages == 1 + 3
    states = rows(sqlite_url, schema.message, "state", "reason")
    assert [state for state, _ in states] == ["stored", "quarantined", "stored", "variant"]
    assert "not this one" in states[1][1]


def test_a_file_name_that_is_no_text_is_stored_written_out(store_url: str, ingest: Ingest) -> None:
    ingest(message(report(record()), "caf\udce9\0.xml"))

    assert rows(store_url, schema.message, "place") == [("caf\\udce9\\0.xml",)]


@pytest.mark.requires_corpus
def test_every_report_of_the_corpus_is_stored_as_an_independent_reader_counts_it(
    store_url: str, ingest: Ingest, corpus: Path
) -> None:
    expected = json.loads((corpus / "EXPECTED.json").read_text())
    names = sorted(expected)
    contents = [message((corpus / name).read_bytes(), name) for name in names]

    summary = ingest(*contents)

    assert summary.messages == 65
    assert summary.stored + summary.variants + summary.partial + summary.duplicates == 46
    assert (summary.tls_reports, summary.failure_reports, summary.not_reports, summary.quarantined) == (9, 8, 2, 0)
    distinct = {}
    for name in names:
        for told in expected[name].get("reports", ()):
            distinct.setdefault((told["content"], told["org_name"], told["report_id"], told["begin"]), told)
    columns = ("org_name", "email", "report_id", "begin_at", "end_at", "records", "messages", "passed")
    dispositions = ("disposition_none", "disposition_quarantine", "disposition_reject")
    stored = sorted(rows(store_url, schema.report, *columns, *dispositions))
    assert stored == sorted(_as_stored(told) for told in distinct.values())
    assert len(stored) == 43
    before = counted(store_url)
    again = ingest(*contents)
    assert (again.duplicates, again.stored, again.variants, again.partial) == (46, 0, 0, 0)
    assert counted(store_url) == before


def _as_stored(told: dict[str, Any]) -> tuple[Any, ...]:
    disposed = {word.lower(): count for word, count in told["dispositions"].items()}
    return (
        told["org_name"] or "",
        told["email"] or "",
        (told["report_id"] or "").strip("<> "),
        told["begin"],
        told["end"],
        told["records"],
        told["messages"],
        told["messages_passing"],
        disposed.get("none", 0) + disposed.get("pass", 0),
        disposed.get("quarantine", 0),
        disposed.get("reject", 0),
    )


def many_reports(number: int) -> list[str]:
    chance = random.Random(7)
    return [
        report(
            *(
                record(f"192.0.2.{chance.randrange(250)}", chance.randrange(1, 9), dkim=chance.choice(["pass", "fail"]))
                for _ in range(chance.randrange(1, 30))
            ),
            report_id=f"r-{n}",
            begin=BEGIN - 86_400 * (n % 60),
            end=END - 86_400 * (n % 60),
            domain=f"d{n % 7}.example.jp",
        )
        for n in range(number)
    ]


SCRIPT = """
import sys
from pathlib import Path
from servers_ingest import ingest_into, message
if __name__ == "__main__":
    folder = Path(sys.argv[2])
    files = (message(path.read_bytes(), path.name) for path in sorted(folder.iterdir()))
    ingest_into(sys.argv[1], *files, workers=2)
"""


def start_ingest(url: str, folder: Path, script: Path, **environment: str) -> subprocess.Popen[bytes]:
    script.write_text(SCRIPT)
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    return subprocess.Popen(
        [sys.executable, script, url, folder],
        env={**os.environ, "PYTHONPATH": path, **environment},
        start_new_session=True,
    )


@pytest.mark.slow
def test_kill_9_in_a_loop_during_an_ingest_of_1000_files_changes_no_total(
    tmp_path: Path, sqlite_template: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number, text in enumerate(many_reports(1_000)):
        (folder / f"{number:04}.xml").write_text(text)
    undisturbed = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'undisturbed.sqlite3')}"
    chance = random.Random(11)

    with ForkedRuns() as runs:
        started = time.monotonic()
        runs.start_folder(undisturbed, folder, workers=2)
        assert runs.finish() == 0
        lasts = time.monotonic() - started
        kills = between = 0
        # How far a run gets before its kill depends on the machine: new stores until enough kills fell within the work.
        for number in range(20):
            url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / f'killed{number}.sqlite3')}"
            stored = 0
            while stored < 1_000:
                runs.start_folder(url, folder, workers=2)
                time.sleep(chance.uniform(0, lasts * 0.8))
                kills += runs.kill()
                stored = len(rows(url, schema.report, "id"))
                between += 0 < stored < 1_000
            runs.start_folder(url, folder, workers=2)
            assert runs.finish() == 0
            assert counted(url) == counted(undisturbed)
            assert counted(url).reports == 1_000
            if kills >= 25 and between >= 5:
                break

    assert (kills >= 25, between >= 5) == (True, True)


def test_the_host_s_time_zone_changes_nothing_in_the_store(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number, text in enumerate(many_reports(20)):
        (folder / f"{number:04}.xml").write_text(text)

    stores = []
    for zone in ("Asia/Tokyo", "UTC", "America/New_York"):
        url = f"sqlite:///{tmp_path / zone.replace('/', '-')}.sqlite3"
        upgrade(url)
        assert start_ingest(url, folder, tmp_path / "run.py", TZ=zone).wait() == 0
        stores.append(everything(url))
    assert stores[0] == stores[1] == stores[2]


@pytest.mark.requires_postgresql
def test_sqlite_and_postgresql_hold_equal_rows(sqlite_url: str, postgresql_store_url: str) -> None:
    texts = [*many_reports(20), report(record(count=-1), record("", 3)), report(), report(record())[:-30]]
    stores = []
    for url in (sqlite_url, postgresql_store_url):
        ingest_into(url, *texts)
        stores.append(everything(url))
    assert stores[0] == stores[1]


def test_work_goes_on_when_many_messages_wait_for_few_workers(store_url: str) -> None:
    started = time.monotonic()

    summary = ingest_into(store_url, *many_reports(200), workers=2)

    assert summary.stored == 200
    assert time.monotonic() - started < 60
