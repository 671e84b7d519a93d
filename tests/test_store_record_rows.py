"""Rows of records on their way into the store: columns that are left out where they are empty, shapes made again."""

import pytest
from histories import report, shape, signed
from packed_records import pack
from sqlalchemy import select

from knowledge.identify import SenderName
from store import ledger
from store.engine import open_store, writing
from store.reports import ReportWriter
from store.schema import auth_result, override_reason, record
from store.values import AuthResult, Reason, Record, Shape, SourceFacts

OWN = "example.jp"
PLAIN = shape(OWN, signed(OWN), dkim=True)._replace(digest="plain")
WORDY = shape(OWN, AuthResult("spf", OWN, None, "mfrom", "fail", "FAIL", "no"), signed(OWN, selector="s1"))._replace(
    digest="wordy", envelope_to="example.net", reasons=(Reason("other", "Other", "said"),), repairs=("a", "b")
)
NAME = SenderName("test:1", "Sender", "server", "as")
EMPTY = Shape(None, None, None, "none", False, False, "none", (), (), (), "empty", "header_from", "<record/>")


def facts_of(ip: str) -> SourceFacts:
    return SourceFacts(ip, None, None, None, None, None, None)


def test_records_come_out_of_the_packing_as_they_went_in() -> None:
    records = [
        Record("192.0.2.1", 7, WORDY),
        Record("192.0.2.2", 1, PLAIN),
        Record("192.0.2.1", 0, EMPTY, "header_from"),
        Record("", 2, WORDY, "source_ip", "nowhere 2"),
    ]

    (chunk,) = pack(records, facts_of).chunks()

    assert list(chunk.records()) == records
    assert [type(each) for each in chunk.shape(0).auth_results] == [AuthResult, AuthResult]
    assert [type(each) for each in chunk.shape(0).reasons] == [Reason]


@pytest.mark.parametrize("together", [True, False], ids=["in one chunk", "in chunks of their own"])
def test_a_column_that_is_empty_in_one_chunk_is_kept_in_another(store_url: str, together: bool) -> None:
    records = [Record("192.0.2.1", 1, PLAIN), Record("192.0.2.1", 2, WORDY), Record("", 3, PLAIN, "source_ip", "raw")]
    packed = [records] if together else [[each] for each in records]
    engine = open_store(store_url)
    writer = ReportWriter(engine, lambda *_: NAME, lambda *_: "google.com")

    with writing(engine) as connection:
        run = ledger.start_run(connection, "test", now=0)
        message = ledger.record_message(connection, ledger.Entry("1.eml", "0" * 64, 1, "stored"), run_id=run, now=0)
        for day, each in enumerate(packed, 20_000):
            found = report(OWN, day, "google.com", each)
            writer.save(connection, found, message_id=message, authenticity="none", now=0)
        writer.finish(connection)

    with engine.connect() as connection:
        kept = [tuple(row[5:]) for row in connection.execute(select(record).order_by(record.c.messages))]
        results = sorted((row[4:] for row in connection.execute(select(auth_result))), key=repr)
        reasons = [tuple(row[3:]) for row in connection.execute(select(override_reason))]
    engine.dispose()
    dkim = ("none", True, False, "none")
    assert kept == [
        (1, OWN, None, None, *dkim, None, None, None),
        (2, OWN, None, "example.net", "none", False, False, "none", None, None, "a\nb"),
        (3, OWN, None, None, *dkim, "source_ip", "raw", None),
    ]
    assert [tuple(row) for row in results] == [
        ("dkim", OWN, "s1", None, "pass", None, None),
        ("dkim", OWN, "s2026", None, "pass", None, None),
        ("dkim", OWN, "s2026", None, "pass", None, None),
        ("spf", OWN, None, "mfrom", "fail", "FAIL", "no"),
    ]
    assert reasons == [(0, "other", "Other", "said")]
