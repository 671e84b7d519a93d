"""The proof that a store is sound finds each way in which it can be wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from store.check import findings, require_sound_file
from store.engine import any_version, open_store, writing
from store.errors import StoreDamaged
from store.ledger import Entry, record_message, start_run
from store.schema import domain, record, report, sender, source, traffic, traffic_day, traffic_evidence, traffic_source

REPORT = {
    "domain_id": 1, "id": 1, "key_hash": "k", "content_hash": "c", "standing": "in-force", "part": "",
    "authenticity": "pass", "reporter": "Reporter", "org_name": "Reporter", "email": "r@example.net", "report_id": "1",
    "policy_domain": "example.jp", "begin_at": 0, "end_at": 86_400, "first_day": 0, "last_day": 0,
    "p": "none", "sp": "none", "adkim": "r", "aspf": "r", "records": 2, "bad_records": 0, "messages": 30, "passed": 10,
    "disposition_none": 30, "disposition_quarantine": 0, "disposition_reject": 0, "disposition_unknown": 0,
    "stored_at": 0,
}  # fmt: skip
RECORD = {"domain_id": 1, "report_id": 1, "source_id": 1, "sender_id": 1, "disposition": "none", "override": "none"}
TRAFFIC = {
    "domain_id": 1, "day": 0, "header_from": "example.jp", "sender_id": 1, "reporter": "Reporter",
    "authenticity": "pass", "disposition": "none", "override": "none", "records": 1,
}  # fmt: skip


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """One domain with one report in force: 10 messages with DKIM aligned, 20 with nothing aligned."""
    engine = open_store(store_url)
    with writing(engine) as connection:
        message_id = record_message(
            connection, Entry("x", "a" * 64, 1, "stored"), run_id=start_run(connection, "x", now=0), now=0
        )
        connection.execute(insert(domain), {"id": 1, "name": "example.jp", "created_at": 0})
        connection.execute(insert(source), {"id": 1, "ip": "192.0.2.1", "first_seen_at": 0})
        connection.execute(
            insert(sender),
            {"domain_id": 1, "id": 1, "key": "k", "name": "n", "kind": "k", "basis": "b", "created_at": 0},
        )
        connection.execute(insert(report), REPORT | {"message_id": message_id})
        set_aside = {"id": 2, "content_hash": "d", "standing": "set-aside", "records": 0, "messages": 0, "passed": 0}
        connection.execute(insert(report), REPORT | {"message_id": message_id} | set_aside)
        connection.execute(
            insert(record),
            [
                RECORD | {"number": 0, "messages": 10, "dkim_aligned": True, "spf_aligned": False},
                RECORD | {"number": 1, "messages": 20, "dkim_aligned": False, "spf_aligned": False},
            ],
        )
        connection.execute(
            insert(traffic),
            [
                TRAFFIC | {"messages": 10, "dkim_aligned": True, "spf_aligned": False},
                TRAFFIC | {"messages": 20, "dkim_aligned": False, "spf_aligned": False},
            ],
        )
        sums = {"domain_id": 1, "day": 0, "authenticity": "pass", "messages": 30, "passed": 10, "records": 2}
        connection.execute(
            insert(traffic_source), sums | {"source_id": 1, "sender_id": 1, "dkim_aligned": 10, "spf_aligned": 0}
        )
        parts = {"both_aligned": 0, "dkim_only": 10, "spf_only": 0, "neither": 20}
        disposed = {
            "disposition_none": 30,
            "disposition_quarantine": 0,
            "disposition_reject": 0,
            "disposition_unknown": 0,
        }
        connection.execute(insert(traffic_day), sums | parts | disposed)
        seen = {"sender_id": 1, "source_id": 1, "reporter": "Reporter", "authenticity": "pass", "marks": 0}
        connection.execute(insert(traffic_evidence), {"domain_id": 1, "day": 0, "messages": 30} | seen)
    yield engine
    engine.dispose()


def test_a_store_whose_sums_agree_is_sound(engine: Engine) -> None:
    require_sound_file(engine)

    assert findings(engine) == ()


IN_FORCE = "the reports in force 2 records, 30 messages, 10 passed"
ROWS = "report 1 of example.jp says 2 records, 30 messages, 10 passed, its rows hold"


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("UPDATE record SET messages = 21 WHERE number = 1", f"{ROWS} 2 records, 31 messages, 10 passed"),
        ("DELETE FROM record WHERE number = 0", f"{ROWS} 1 records, 20 messages, 0 passed"),
        ("UPDATE record SET spf_aligned = true WHERE number = 1", f"{ROWS} 2 records, 30 messages, 30 passed"),
        (
            "UPDATE traffic SET messages = 11 WHERE dkim_aligned",
            f"traffic of example.jp holds 2 records, 31 messages, 11 passed, {IN_FORCE}\n"
            "traffic_evidence of example.jp holds 30 messages, in traffic 31 did not align both ways",
        ),
        (
            "DELETE FROM traffic",
            f"traffic of example.jp holds 0 records, 0 messages, 0 passed, {IN_FORCE}\n"
            "traffic_evidence of example.jp holds 30 messages, in traffic 0 did not align both ways",
        ),
        (
            "UPDATE traffic_source SET passed = 9",
            f"traffic_source of example.jp holds 2 records, 30 messages, 9 passed, {IN_FORCE}",
        ),
        (
            "UPDATE traffic_day SET records = 3",
            f"traffic_day of example.jp holds 3 records, 30 messages, 10 passed, {IN_FORCE}",
        ),
        (
            "UPDATE traffic_evidence SET messages = 29",
            "traffic_evidence of example.jp holds 29 messages, in traffic 30 did not align both ways",
        ),
    ],
)
def test_a_sum_that_does_not_agree_is_named(engine: Engine, damage: str, finding: str) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql(damage)

    assert findings(engine) == tuple(finding.split("\n"))


def test_a_row_without_its_parent_is_named(sqlite_url: str) -> None:
    with any_version(sqlite_url) as engine:
        with engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql(
                "INSERT INTO session (token_sha256, account_id, created_at, seen_at) VALUES ('x', 99, 0, 0)"
            )
            connection.commit()

        assert findings(engine) == ("a row of session has lost its parent in account",)


def test_a_damaged_page_stops_the_run_before_it_starts(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    content = bytearray(path.read_bytes())
    content[-4096:] = b"\xa5" * 4096
    path.write_bytes(content)

    with any_version(sqlite_url) as engine, pytest.raises(StoreDamaged, match="sekisho db restore FILE"):
        require_sound_file(engine)
