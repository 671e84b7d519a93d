"""A long report is written while it is still being read: it is stored whole or not at all, like any other."""

import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forked_runs import ForkedRuns
from servers_ingest import Ingest, ingest_into, message
from sqlalchemy import Engine, func, select
from test_ingest_read import mail
from xml_reports import NOON, record, report

from analysis import totals
from analysis.frames import Scope
from ingest.read import LONG_REPORT_CHUNKS, Reader
from ingest.reading import Beginning, Reading
from store import check, schema
from store.engine import open_reader
from store.packing import CHUNK_RECORDS, Report

LONG = LONG_REPORT_CHUNKS * CHUNK_RECORDS + 1_500


def records(number: int = LONG) -> list[str]:
    """Records of one message each, from 200 addresses, every tenth of a shape of its own."""
    return [
        record(f"192.0.2.{n % 200 + 1}", 1, identifiers=f"<envelope_to>t{n}.example.net</envelope_to>" * (n % 10 == 0))
        for n in range(number)
    ]


TEXT = report(*records(), report_id="long")


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = open_reader(url)
    try:
        assert check.findings(engine) == ()
        yield engine
    finally:
        engine.dispose()


def counted(url: str) -> totals.Totals:
    with opened(url) as engine, engine.connect() as connection:
        found = totals.build(connection, Scope(None))
    assert found is not None
    return found


def states(url: str) -> list[tuple[str, str | None]]:
    query = select(schema.message.c.state, schema.message.c.reason).order_by(schema.message.c.id)
    with opened(url) as engine, engine.connect() as connection:
        return [(state, reason) for state, reason in connection.execute(query)]


def sent_by(reader: Reader, content: str) -> tuple[list[Beginning | bytes], Reading]:
    sent: list[Beginning | bytes] = []
    return sent, reader.read(message(content), NOON, sent.append)


def whole(reader: Reader, content: str) -> Report:
    return reader.read(message(content), NOON).reports[0]


def test_what_is_sent_ahead_is_what_the_whole_report_holds(reader: Reader) -> None:
    sent, reading = sent_by(reader, TEXT)

    first, *chunks = sent
    found, expected = reading.reports[0], whole(reader, TEXT)
    assert isinstance(first, Beginning)
    assert first.report.identity() == expected.identity()
    assert tuple(chunks) == expected.records.packed
    assert (found.records.sent, found.records.packed) == (True, ())
    assert (found.records.sums, found.records.content_hash) == (expected.records.sums, expected.records.content_hash)


@pytest.mark.parametrize(
    "text",
    [
        report(*records(4_000)),
        TEXT.replace("<report_metadata>", "<x/>", 1).replace("</report_metadata>", "", 1),
        report(*records(), begin=NOON + 90 * 86_400, end=NOON + 91 * 86_400),
        report(*records(), domain="a b"),
    ],
    ids=["short", "no metadata", "of the future", "of no domain"],
)
def test_what_is_short_or_cannot_be_begun_is_not_sent_ahead(text: str, reader: Reader) -> None:
    assert sent_by(reader, text)[0] == []


def test_a_header_behind_the_records_is_waited_for(reader: Reader) -> None:
    head, tail = TEXT.index("<policy_published>"), TEXT.index("<record>")
    late = TEXT[:head] + TEXT[tail:].replace("</feedback>", TEXT[head:tail] + "</feedback>")

    sent, reading = sent_by(reader, late)

    assert sent == []
    assert reading.reports[0].records.content_hash == whole(reader, TEXT).records.content_hash


def test_only_the_first_report_of_a_message_is_sent_ahead(reader: Reader) -> None:
    several = mail(report(record()).encode(), TEXT.encode())
    sent: list[Beginning | bytes] = []
    reading = reader.read(message(several), NOON, sent.append)

    assert sent == []
    assert [found.records.sums.records for found in reading.reports] == [1, LONG]
    assert not any(found.records.sent for found in reading.reports)


def test_a_report_that_must_be_read_anew_is_answered_whole(reader: Reader) -> None:
    sent, reading = sent_by(reader, TEXT.replace("</feedback>", "<!-- late --></feedback>"))

    assert isinstance(sent[0], Beginning)
    found = reading.reports[0].records
    assert not found.sent
    assert found.packed == whole(reader, TEXT).records.packed


def test_a_long_report_is_stored_whole_once_among_others_and_its_correction_is_set_aside(
    store_url: str, ingest: Ingest
) -> None:
    correction = TEXT.replace("<count>1</count>", "<count>3</count>", 1)
    commented = report(*records(), report_id="commented").replace("</feedback>", "<!-- late --></feedback>")
    texts = [report(record(count=7)), TEXT, TEXT, correction, commented, report(record(count=8), report_id="last")]

    summary = ingest(*texts)

    assert (summary.stored, summary.duplicates, summary.variants) == (4, 1, 1)
    found = counted(store_url)
    assert (found.reports, found.set_aside, found.messages) == (4, 1, 7 + LONG + LONG + 8)
    with opened(store_url) as engine, engine.connect() as connection:
        stored = schema.report.c
        columns = (stored.report_id, stored.standing, stored.relation, stored.records, stored.messages)
        rows = connection.execute(select(*columns).order_by(stored.id)).all()
        assert connection.scalar(select(func.count()).select_from(schema.record)) == 3 * LONG + 2
    assert [tuple(row) for row in rows] == [
        ("r-1", "in-force", None, 1, 7),
        ("long", "in-force", None, LONG, LONG),
        ("long", "set-aside", "correction", LONG, LONG + 2),
        ("commented", "in-force", "lookalike", LONG, LONG),
        ("last", "in-force", None, 1, 8),
    ]


def test_of_a_long_report_that_is_cut_nothing_is_stored_and_the_next_one_is(store_url: str, ingest: Ingest) -> None:
    summary = ingest(TEXT[: -len("</record></feedback>")], report(record(count=5)))

    assert (summary.stored, summary.quarantined, summary.records) == (1, 1, 1)
    assert states(store_url) == [("quarantined", "truncated: the XML stops in the middle"), ("stored", None)]
    assert (counted(store_url).reports, counted(store_url).messages) == (1, 5)
    with opened(store_url) as engine, engine.connect() as connection:
        for table in (schema.record, schema.source, schema.sender):
            assert connection.scalar(select(func.count()).select_from(table)) == 1


def test_a_long_report_that_the_database_refuses_late_is_set_aside_alone(sqlite_url: str) -> None:
    refuse = f"""CREATE TRIGGER refuse BEFORE INSERT ON record WHEN new.number = {LONG - 10}
        BEGIN SELECT RAISE(ABORT, 'not this one'); END"""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute(refuse)

    summary = ingest_into(sqlite_url, report(record(count=2)), TEXT, report(record(count=3), report_id="b"), workers=2)

    assert (summary.stored, summary.quarantined) == (2, 1)
    assert counted(sqlite_url).messages == 5
    assert [state for state, _ in states(sqlite_url)] == ["stored", "quarantined", "stored"]
    assert "not this one" in str(states(sqlite_url)[1][1])


@pytest.mark.slow
def test_kill_9_while_a_long_report_arrives_leaves_all_of_it_or_nothing(
    sqlite_url: str, tmp_path: Path, sqlite_template: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "long.xml").write_text(TEXT)
    undisturbed = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'undisturbed.sqlite3')}"
    chance, kills = random.Random(5), 0

    with ForkedRuns() as runs:
        started = time.monotonic()
        runs.start_folder(undisturbed, folder)
        assert runs.finish() == 0
        lasts = time.monotonic() - started
        for _ in range(6):
            runs.start_folder(sqlite_url, folder)
            time.sleep(chance.uniform(0.2, 0.9) * lasts)
            kills += runs.kill()
            assert counted(sqlite_url).messages in (0, LONG)
        runs.start_folder(sqlite_url, folder)
        assert runs.finish() == 0

    assert kills
    assert counted(sqlite_url) == counted(undisturbed)
