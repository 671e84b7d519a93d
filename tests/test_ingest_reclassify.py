"""Naming senders again: from stored rows as from reports, exactly, with the decisions that people made."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import DBAPIError
from xml_reports import BEGIN, NOON, record, report

from ingest import reclassify as module
from ingest.files import messages
from ingest.reading import Message
from ingest.reclassify import Change, DecisionChange, Reclassifier, followers, groups, reclassify
from ingest.run import RunSummary
from ingest.session import ingest_messages
from settings import Knowledge, OwnInfrastructure, Settings
from store.assignment import Decision
from store.check import findings
from store.engine import open_store, writing
from store.evidence import MARKS
from store.schema import audit, domain, sender, sender_decision, source, traffic, traffic_evidence, traffic_source
from store.sources import Due, Pointer, save_pointers

HISTORY = Path(__file__).parent.parent / "sample_reports" / "history"
AFTER_HISTORY = 1_796_000_000
Ingest = Callable[..., RunSummary]
FAILED = (
    "<dkim><domain>example.jp</domain><result>fail</result></dkim><spf><domain>{}</domain><result>pass</result></spf>"
)


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    engine = open_store(store_url)
    yield engine
    engine.dispose()


def roll_ups(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the roll-ups that know senders, with the sender's key in the place of its id."""
    found = {}
    with engine.connect() as connection:
        keys = {(row.domain_id, row.id): row.key for row in connection.execute(select(sender))}
        for table in (traffic, traffic_source, traffic_evidence):
            rows = [dict(row) for row in connection.execute(select(table)).mappings()]
            for row in rows:
                row["sender_id"] = keys[row["domain_id"], row["sender_id"]]
            found[table.name] = sorted(tuple(row.values()) for row in rows)
    return found


SUMS = {
    "record": "SELECT domain_id, sender_id, sum(messages) FROM record WHERE EXISTS (SELECT 1 FROM report "
    "WHERE report.domain_id = record.domain_id AND report.id = record.report_id AND standing = 'in-force') "
    "GROUP BY domain_id, sender_id HAVING sum(messages) > 0",
    "traffic": "SELECT domain_id, sender_id, sum(messages) FROM traffic GROUP BY domain_id, sender_id",
    "traffic_source": "SELECT domain_id, sender_id, sum(messages) FROM traffic_source GROUP BY domain_id, sender_id",
}


def sums_by_sender(engine: Engine) -> dict[str, set[tuple[int, ...]]]:
    with engine.connect() as connection:
        return {name: {tuple(map(int, row)) for row in connection.exec_driver_sql(sql)} for name, sql in SUMS.items()}


def sender_keys(engine: Engine) -> dict[str, set[str]]:
    """The keys of the senders of the records of each address."""
    sql = (
        "SELECT source.ip, sender.key FROM record JOIN source ON source.id = record.source_id "
        "JOIN sender ON sender.domain_id = record.domain_id AND sender.id = record.sender_id"
    )
    found: dict[str, set[str]] = {}
    with engine.connect() as connection:
        for ip, key in connection.exec_driver_sql(sql):
            found.setdefault(ip, set()).add(key)
    return found


def record_rows(engine: Engine) -> list[tuple[int, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT domain_id, report_id, number FROM record")]


def source_ids(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {row.ip: row.id for row in connection.execute(select(source.c.ip, source.c.id))}


def settings(url: str, **options: object) -> Settings:
    return Settings(database_url=url, workers=1, **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_stored_rows_name_the_same_senders_as_the_reports_did_and_moving_there_and_back_changes_nothing(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(sqlite_url)
    found = messages([HISTORY], chosen.limits)
    ingest_messages(chosen, found, command="test", now=AFTER_HISTORY, after_commit=lambda outcomes: None)
    engine = open_store(sqlite_url)
    before, addresses = roll_ups(engine), source_ids(engine)
    monkeypatch.setattr(module, "PAGE", 100)

    same = reclassify(chosen, None, now=NOON)

    assert same.records == len(record_rows(engine)) > 9_000
    assert (same.moved, same.renamed, same.decisions, same.evidence) == ([], [], [], 0)
    assert roll_ups(engine) == before

    named = {number: f"mail.host{number % 7}.example.net" for number in addresses.values()}
    moved = Reclassifier(engine, chosen, NOON).sources(named)
    assert moved.moved_records > 1_000
    assert findings(engine) == ()
    assert roll_ups(engine) != before
    sums = sums_by_sender(engine)
    assert sums["record"] == sums["traffic"] == sums["traffic_source"]

    Reclassifier(engine, chosen, NOON).sources(dict.fromkeys(addresses.values()))
    assert roll_ups(engine) == before
    engine.dispose()


def test_mail_ingested_after_a_host_name_was_found_is_named_as_the_mail_before_it(
    store_url: str, engine: Engine, ingest: Ingest
) -> None:
    shapes = [record(auth=FAILED.format("example.net"), spf="fail", dkim="fail"), record("192.0.2.2")]
    ingest(report(*shapes, report_id="1"))
    number = source_ids(engine)["192.0.2.1"]
    found = Pointer("found", "mx1.sendgrid.net", confirmed=True)
    due = Due(number, "192.0.2.1", None)

    Reclassifier(engine, settings(store_url), NOON).sources({number: found.name})
    with writing(engine) as connection:
        save_pointers(connection, [(due, found)], now=NOON)
    ingest(report(*shapes, report_id="2", email="other@receiver.example.com"))

    assert {ip: len(keys) for ip, keys in sender_keys(engine).items()} == {"192.0.2.1": 1, "192.0.2.2": 1}
    assert sender_keys(engine)["192.0.2.1"] == {"service:sendgrid"}
    assert reclassify(settings(store_url), None, now=NOON).moved == []


def test_messages_of_a_week_move_on_each_of_their_days(store_url: str, engine: Engine, ingest: Ingest) -> None:
    ingest(
        report(record(count=10), record("198.51.100.1", 1, auth=""), begin=BEGIN, end=BEGIN + 4 * 86_400 - 1),
        report(record(count=7), begin=BEGIN, end=BEGIN + 86_399, report_id="day"),
    )
    before = roll_ups(engine)
    number = source_ids(engine)["192.0.2.1"]

    changes = Reclassifier(engine, settings(store_url), NOON).sources({number: "mail.example.jp"})

    assert [(change.domain, change.after, change.records, change.messages) for change in changes.moved] == [
        ("example.jp", "server:example.jp", 2, 17)
    ]
    days = {row[1]: row[5] for row in roll_ups(engine)["traffic_source"] if row[3] == "server:example.jp"}
    assert days == {20_716: 10, 20_717: 3, 20_718: 2, 20_719: 2}
    assert {row[3] for row in roll_ups(engine)["traffic_source"]} == {"server:example.jp", "server:198.51.100.0/24"}
    assert len(roll_ups(engine)["traffic"]) == len(before["traffic"])
    assert findings(engine) == ()


def test_a_report_set_aside_moves_and_still_counts_nowhere(store_url: str, engine: Engine, ingest: Ingest) -> None:
    ingest(report(record(count=10)), report(record(count=12)))
    number = source_ids(engine)["192.0.2.1"]

    changes = Reclassifier(engine, settings(store_url), NOON).sources({number: "mail.example.jp"})

    assert [(change.records, change.messages) for change in changes.moved] == [(2, 10)]
    assert sender_keys(engine) == {"192.0.2.1": {"server:example.jp"}}
    assert findings(engine) == ()


def test_own_infrastructure_is_one_sender_by_network_and_by_host_name(
    store_url: str, engine: Engine, ingest: Ingest
) -> None:
    ingest(report(record("192.0.2.1", 5), record("198.51.100.1", 3), record("203.0.113.1", 2)))
    number = source_ids(engine)["198.51.100.1"]
    with writing(engine) as connection:
        found = Pointer("found", "www.hosting.example.net", confirmed=True)
        save_pointers(connection, [(Due(number, "198.51.100.1", None), found)], now=NOON)
    own = OwnInfrastructure(networks=("192.0.2.0/24",), hosts=("hosting.example.net",))
    chosen = settings(store_url, own_infrastructure=own)

    changes = reclassify(chosen, None, now=NOON)
    later = Message(place="later.xml", content=report(record("192.0.2.9"), report_id="later").encode())
    ingest_messages(chosen, [later], command="test", now=NOON, after_commit=lambda outcomes: None)

    found_keys = sender_keys(engine)
    assert {ip for ip, keys in found_keys.items() if keys == {"own-infrastructure"}} == {
        "192.0.2.1",
        "192.0.2.9",
        "198.51.100.1",
    }
    assert found_keys["203.0.113.1"] != {"own-infrastructure"}
    assert sum(change.messages for change in changes.moved) == 8
    assert {change.after for change in changes.moved} == {"own-infrastructure"}


KNOWN = """
[[service]]
id = "blue-invoice"
name = "{}"
kind = "business-app"
sending_domains = ["invoice.example.net"]
source = ["https://example.net/"]
mark = "P"
checked = "2026-11-24"
"""


def test_new_knowledge_renames_senders_and_says_on_whose_behalf_spf_passed(
    store_url: str, engine: Engine, ingest: Ingest, tmp_path: Path
) -> None:
    misaligned = FAILED.format("bounce.invoice.example.net")
    ingest(report(record(count=31, auth=misaligned, dkim="fail", spf="fail"), record("198.51.100.1", 4)))
    file = tmp_path / "senders.toml"
    chosen = settings(store_url, knowledge=Knowledge(senders_file=file))

    file.write_text(KNOWN.format("Blue Invoice"))
    first = reclassify(chosen, "Example.JP", now=NOON)
    file.write_text(KNOWN.format("Blue Invoice 2"))
    second = reclassify(chosen, None, now=NOON)

    assert first.moved == [Change("example.jp", "net:192.0.2.0/24", "service:blue-invoice", 1, 31)]
    assert (first.renamed, first.evidence) == ([], 1)
    assert [(each.sender, each.before, each.after) for each in second.renamed] == [
        ("service:blue-invoice", "Blue Invoice", "Blue Invoice 2")
    ]
    assert (second.moved, second.evidence) == ([], 0)
    with engine.connect() as connection:
        columns = traffic_evidence.c
        counted = connection.execute(select(columns.messages, columns.marks)).all()
        names = set(connection.scalars(select(sender.c.name)))
    assert [tuple(row) for row in counted] == [(31, MARKS["spf_service"] | MARKS["dkim_failed"])]
    assert "Blue Invoice 2" in names
    assert "Blue Invoice" not in names
    assert findings(engine) == ()


def test_one_domain_is_named_again_alone(store_url: str, engine: Engine, ingest: Ingest) -> None:
    ingest(report(record()), report(record(header_from="example.com"), domain="example.com"))
    chosen = settings(store_url, own_infrastructure=OwnInfrastructure(networks=("192.0.2.0/24",)))

    changes = reclassify(chosen, "example.com", now=NOON)

    assert changes.records == 1
    assert [change.domain for change in changes.moved] == ["example.com"]


def decide(engine: Engine, key: str, word: str = "ours") -> None:
    row = {"decision": word, "note": "asked by telephone", "decided_by": "staff", "decided_at": 1_000, "evidence": "{}"}
    with writing(engine) as connection:
        domain_id = connection.execute(select(domain.c.id)).scalar_one()
        connection.execute(insert(sender_decision), row | {"domain_id": domain_id, "sender_key": key})


def decisions(engine: Engine) -> list[tuple[object, ...]]:
    columns = ("sender_key", "decision", "note", "decided_by", "decided_at", "withdrawn_by", "withdrawn_at")
    with engine.connect() as connection:
        wanted = select(*(sender_decision.c[name] for name in columns)).order_by(sender_decision.c.id)
        return [tuple(row) for row in connection.execute(wanted)]


MADE = ("ours", "asked by telephone", "staff", 1_000)
PLACE = "server:192.0.2.0/24"


def test_a_decision_follows_its_mail_in_the_name_of_the_person_who_made_it(
    store_url: str, engine: Engine, ingest: Ingest
) -> None:
    ingest(report(record("192.0.2.1", 5), record("192.0.2.2", 6)))
    decide(engine, PLACE)
    ids = source_ids(engine)

    changes = Reclassifier(engine, settings(store_url), NOON).sources(
        {ids["192.0.2.1"]: "a.example.jp", ids["192.0.2.2"]: "b.example.jp"}
    )

    assert changes.decisions == [DecisionChange("example.jp", "ours", PLACE, "server:example.jp", "followed")]
    assert changes.decisions_left == []
    assert decisions(engine) == [
        (PLACE, *MADE, "reclassify", NOON),
        ("server:example.jp", *MADE, None, None),
    ]
    with engine.connect() as connection:
        rows = connection.execute(select(audit.c.actor, audit.c.action, audit.c.subject, audit.c.detail)).all()
    assert [tuple(row) for row in rows] == [
        ("reclassify", "decision-followed", f"example.jp {PLACE}", "ours -> server:example.jp")
    ]


def test_a_decision_stays_and_is_reported_when_a_part_of_its_mail_leaves(
    store_url: str, engine: Engine, ingest: Ingest
) -> None:
    ingest(report(record("192.0.2.1", 5), record("192.0.2.2", 6)))
    decide(engine, PLACE)
    number = source_ids(engine)["192.0.2.1"]

    changes = Reclassifier(engine, settings(store_url), NOON).sources({number: "a.example.jp"})

    assert changes.decisions_left == [DecisionChange("example.jp", "ours", PLACE, "server:example.jp", "split")]
    assert decisions(engine) == [(PLACE, *MADE, None, None)]


def test_a_decision_is_not_widened_to_mail_that_nobody_decided_about(
    store_url: str, engine: Engine, ingest: Ingest
) -> None:
    ingest(report(record("192.0.2.1", 5), record("198.51.100.1", 6)))
    decide(engine, PLACE)
    ids = source_ids(engine)

    changes = Reclassifier(engine, settings(store_url), NOON).sources(dict.fromkeys(ids.values(), "a.example.jp"))

    assert [change.outcome for change in changes.decisions_left] == ["merged"]
    assert decisions(engine) == [(PLACE, *MADE, None, None)]
    assert sender_keys(engine) == {"192.0.2.1": {"server:example.jp"}, "198.51.100.1": {"server:example.jp"}}


OURS, NOT_OURS = Decision(1, "a", "ours"), Decision(2, "b", "not-ours")


@pytest.mark.parametrize(
    ("held", "moves", "made", "expected"),
    [
        ({"a": 3}, {}, {"a": OURS}, []),
        ({"a": 3}, {("a", "n"): 3}, {"a": OURS}, [("a", "n", "followed")]),
        ({"a": 3}, {("a", "n"): 2}, {"a": OURS}, [("a", "n", "split")]),
        ({"a": 3}, {("a", "n"): 2, ("a", "m"): 1}, {"a": OURS}, [("a", None, "split")]),
        ({"a": 3, "n": 1}, {("a", "n"): 3}, {"a": OURS}, [("a", "n", "merged")]),
        ({"a": 3, "c": 1}, {("a", "n"): 3, ("c", "n"): 1}, {"a": OURS}, [("a", "n", "merged")]),
        (
            {"a": 3, "b": 1},
            {("a", "n"): 3, ("b", "n"): 1},
            {"a": OURS, "b": NOT_OURS},
            [("a", "n", "merged"), ("b", "n", "merged")],
        ),
        (
            {"a": 3, "c": 1},
            {("a", "n"): 3, ("c", "n"): 1},
            {"a": OURS, "c": Decision(3, "c", "ours")},
            [("a", "n", "followed"), ("c", "n", "joined")],
        ),
        ({"a": 3, "n": 1}, {("a", "n"): 3}, {"a": OURS, "n": Decision(4, "n", "ours")}, [("a", "n", "joined")]),
        ({"a": 3, "b": 1}, {("a", "b"): 3}, {"a": OURS, "b": NOT_OURS}, [("a", "b", "conflict")]),
        (
            {"a": 3, "b": 1},
            {("a", "b"): 3, ("b", "n"): 1},
            {"a": OURS, "b": Decision(2, "b", "ours")},
            [("a", "b", "merged"), ("b", "n", "followed")],
        ),
    ],
)
def test_no_decision_is_lost_or_widened(
    held: dict[str, int],
    moves: dict[tuple[str, str], int],
    made: dict[str, Decision],
    expected: list[tuple[str, str | None, str]],
) -> None:
    changes = followers("example.jp", made, moves, held)

    assert [(change.before, change.after, change.outcome) for change in changes] == expected


def test_a_run_that_was_killed_in_between_is_finished_by_the_next(
    store_url: str, engine: Engine, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed by the server or the disk: the second write of a group is refused."""
    ingest(report(record("192.0.2.1", 5), record("192.0.2.2", 6), record("198.51.100.1", 7)))
    decide(engine, PLACE)
    ids = source_ids(engine)
    named = {ids["192.0.2.1"]: "a.example.jp", ids["192.0.2.2"]: "b.example.jp"}
    monkeypatch.setattr(module, "PAGE", 1)
    with writing(engine) as connection:
        connection.exec_driver_sql(REFUSE[engine.dialect.name].format(ids["192.0.2.2"]))

    with pytest.raises(DBAPIError, match="no more"):
        Reclassifier(engine, settings(store_url), NOON).sources(named)
    halfway = sender_keys(engine)
    sound = findings(engine)
    with writing(engine) as connection:
        connection.exec_driver_sql(ALLOW[engine.dialect.name])
    Reclassifier(engine, settings(store_url), NOON).sources(named)

    assert (halfway["192.0.2.1"], halfway["192.0.2.2"]) == ({"server:example.jp"}, {PLACE})
    assert sound == findings(engine) == ()
    assert sender_keys(engine)["192.0.2.2"] == {"server:example.jp"}
    assert [row[0] for row in decisions(engine) if row[-1] is None] == ["server:example.jp"]


REFUSE = {
    "sqlite": "CREATE TRIGGER refuse BEFORE UPDATE ON record WHEN old.source_id = {} "
    "BEGIN SELECT RAISE(ABORT, 'no more'); END",
    "postgresql": "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN RAISE EXCEPTION ''no more''; END'; "
    "CREATE TRIGGER refuse BEFORE UPDATE ON record FOR EACH ROW WHEN (old.source_id = {}) EXECUTE FUNCTION refuse()",
}
ALLOW = {"sqlite": "DROP TRIGGER refuse", "postgresql": "DROP TRIGGER refuse ON record"}


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ([], []),
        ([(1, 2), (2, 2), (3, 2)], [(1, 2), (3,)]),
        ([(1, 9), (2, 1), (3, 9)], [(1,), (2,), (3,)]),
        ([(1, 4), (2, 1)], [(1,), (2,)]),
    ],
)
def test_sources_are_taken_together_up_to_a_page_of_records(
    counted: list[tuple[int, int]], expected: list[tuple[int, ...]]
) -> None:
    assert list(groups(counted, 4)) == expected
