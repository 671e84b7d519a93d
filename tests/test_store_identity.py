"""What makes a report the same as another, and that every word of it and of its records is kept where it belongs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from packed_records import pack
from sqlalchemy import Engine, Table, select, update
from store_builder import NOW, ask, line, report

from knowledge.identify import SenderName
from store import ledger
from store.engine import open_store, writing
from store.packing import CHUNK_RECORDS, Report
from store.reports import ReportWriter, Saved
from store.schema import (
    auth_result,
    domain,
    override_reason,
    record,
    sender,
    source,
    traffic,
    traffic_day,
    traffic_evidence,
    traffic_source,
)
from store.schema import report as report_table
from store.values import AuthResult, Policy, Reason, Record, Shape, SourceFacts

DAY = 20_000
BEGIN, END = DAY * 86_400, DAY * 86_400 + 86_399
Namer = Callable[[Shape, SourceFacts, str | None], SenderName]


def by_address(_shape: Shape, facts: SourceFacts, _pointer: str | None) -> SenderName:
    return SenderName(f"test:{facts.ip}", f"Sender {facts.ip}", "server", "as")


def save(
    url: str, *runs: Sequence[Report], name_sender: Namer = by_address, grade: str = "none", now: int = NOW
) -> list[Saved]:
    """Each run saves its reports in one transaction, out of one message each, all of one authenticity."""
    saved = []
    for reports in runs:
        engine = open_store(url)
        writer = ReportWriter(engine, name_sender, lambda org_name, email: f"{org_name} at {email}")
        with writing(engine) as connection:
            run = ledger.start_run(connection, "test", now=now)
            for found in reports:
                number = len(connection.execute(select(report_table.c.id)).all()) + len(saved) + run * 1_000
                entry = ledger.Entry(f"{number}.eml", f"{number:064d}", 1, "stored", authenticity=grade)
                message = ledger.record_message(connection, entry, run_id=run, now=now)
                saved.append(writer.save(connection, found, message_id=message, authenticity=grade, now=now))
            writer.finish(connection)
        engine.dispose()
    return saved


def rows(url: str, table: Table, *names: str) -> list[tuple[Any, ...]]:
    """The rows of a table in the order of its columns; all columns, or those of these names."""
    columns = [table.c[name] for name in names] or list(table.c)
    return sorted((tuple(row) for row in ask(url, lambda c: c.execute(select(*columns)).all())), key=repr)


def relations(url: str) -> list[tuple[Any, ...]]:
    return [row[1:] for row in rows(url, report_table, "id", "standing", "relation", "related_id")]


LINES = [line("192.0.2.1", 10, dkim=True), line("192.0.2.2", 3)]
FIRST = report("example.jp", DAY, LINES, org="Org", email="a@example.net", report_id="r")
OTHER_LINES = report("example.jp", DAY, [line("192.0.2.1", 11, dkim=True), line("192.0.2.2", 3)]).records


@pytest.mark.parametrize(
    ("change", "alike", "different"),
    [
        ({"org_name": "Other"}, ("in-force", "lookalike", 1), ("in-force", None, None)),
        ({"report_id": "other"}, ("in-force", "lookalike", 1), ("in-force", None, None)),
        ({"email": "b@example.net"}, ("in-force", "variant", 1), ("in-force", "variant", 1)),
        ({"begin": BEGIN + 1}, ("in-force", None, None), ("in-force", None, None)),
        ({"end": END - 1}, ("in-force", None, None), ("in-force", None, None)),
    ],
    ids=["org_name", "report_id", "email", "begin", "end"],
)
def test_each_word_of_the_key_makes_another_report(
    sqlite_url: str, change: dict[str, Any], alike: tuple[Any, ...], different: tuple[Any, ...]
) -> None:
    other = replace(FIRST, **change)
    saved = save(sqlite_url, [FIRST, other])
    assert [each.report_id for each in saved] == [1, 2]
    assert relations(sqlite_url) == [("in-force", None, None), alike]

    apart = replace(
        report("example.com", DAY), org_name="Org", email="a@example.net", report_id="r", records=LINES_OF_2
    )
    save(sqlite_url, [apart], [replace(apart, **change, records=OTHER_LINES)])
    assert relations(sqlite_url)[-1] == different


LINES_OF_2 = report("example.com", DAY, [line("192.0.2.9", 2)]).records


def test_the_same_report_of_another_domain_is_another_report(sqlite_url: str) -> None:
    saved = save(sqlite_url, [FIRST, replace(FIRST, policy=replace(FIRST.policy, domain="example.com"))])

    assert [(each.domain_id, each.report_id, each.state) for each in saved] == [(1, 1, "stored"), (2, 1, "stored")]
    assert relations(sqlite_url) == [("in-force", None, None)] * 2


def test_a_report_comes_again_in_any_order_of_its_records_and_is_a_duplicate(sqlite_url: str) -> None:
    turned = replace(FIRST, records=report("example.jp", DAY, LINES[::-1]).records)
    saved = save(sqlite_url, [FIRST, turned], [FIRST])

    assert [(each.state, each.report_id) for each in saved] == [("stored", 1), ("duplicate", 1), ("duplicate", 1)]
    assert rows(sqlite_url, traffic_day, "messages", "records") == [(13, 2)]


def test_a_correction_is_kept_in_every_version_and_never_counted(sqlite_url: str) -> None:
    second = replace(FIRST, records=OTHER_LINES)
    third = replace(FIRST, records=report("example.jp", DAY, [line("192.0.2.1", 99)]).records)
    saved = save(sqlite_url, [FIRST, second], [third, second])

    assert [(each.state, each.report_id) for each in saved] == [
        ("stored", 1),
        ("variant", 2),
        ("variant", 3),
        ("duplicate", 2),
    ]
    assert relations(sqlite_url) == [
        ("in-force", None, None),
        ("set-aside", "correction", 1),
        ("set-aside", "correction", 1),
    ]
    assert rows(sqlite_url, traffic_day, "messages", "records") == [(13, 2)]
    assert len(rows(sqlite_url, record)) == 5


def test_a_variant_is_told_before_a_lookalike_and_neither_of_what_is_set_aside(sqlite_url: str) -> None:
    looks = replace(FIRST, org_name="Other", report_id="x")
    aside = replace(FIRST, records=OTHER_LINES)
    save(sqlite_url, [looks, FIRST, aside])

    save(sqlite_url, [replace(FIRST, email="b@example.net")])
    save(sqlite_url, [replace(aside, org_name="Third", report_id="y")])

    assert relations(sqlite_url) == [
        ("in-force", None, None),
        ("in-force", "lookalike", 1),
        ("set-aside", "correction", 2),
        ("in-force", "variant", 2),
        ("in-force", None, None),
    ]


def test_a_takeover_touches_nothing_of_another_domain(sqlite_url: str) -> None:
    tables = (traffic, traffic_source, traffic_day, traffic_evidence)

    def of_the_other() -> list[list[tuple[Any, ...]]]:
        return [[row for row in rows(sqlite_url, table) if row[0] == 2] for table in tables]

    lines = [line("192.0.2.1", 500), line("203.0.113.9", 7, spf=True)]
    forged = [report(name, DAY, lines, report_id="r", days=3) for name in ("example.jp", "example.com")]
    save(sqlite_url, forged)
    before = of_the_other()
    genuine = report("example.jp", DAY, [line("192.0.2.1", 2), line("192.0.2.5", 1)], report_id="r", days=3)
    (saved,) = save(sqlite_url, [genuine], grade="pass")

    assert saved == Saved("stored", 1, 2)
    assert all(before)
    assert of_the_other() == before
    assert rows(sqlite_url, report_table, "domain_id", "id", "standing", "relation", "related_id") == [
        (1, 1, "set-aside", "replaced", 2),
        (1, 2, "in-force", None, None),
        (2, 1, "in-force", None, None),
    ]
    assert [row[:4] for row in rows(sqlite_url, traffic_day) if row[0] == 1] == [
        (1, DAY, "pass", 2),
        (1, DAY + 1, "pass", 1),
    ]


def test_reports_without_records_are_no_lookalikes(sqlite_url: str) -> None:
    empty = report("example.jp", DAY, [], org="Org")
    saved = save(sqlite_url, [empty, replace(empty, org_name="Other", report_id="x")])

    assert [each.state for each in saved] == ["empty", "empty"]
    assert relations(sqlite_url) == [("in-force", None, None)] * 2


def test_a_report_of_which_a_record_could_not_be_read_is_partial_whatever_else_it_is(sqlite_url: str) -> None:
    bad = [line("192.0.2.1", 0, bad="count"), line("192.0.2.2", 3)]
    partial = report("example.jp", DAY, bad, org="Org", email="a@example.net", report_id="r")

    saved = save(sqlite_url, [partial, replace(partial, email="b@example.net"), FIRST])
    assert [each.state for each in saved] == ["partial", "partial", "variant"]


def test_numbers_go_on_within_each_domain_over_all_runs(sqlite_url: str) -> None:
    def numbered(name: str, number: int) -> Report:
        return report(name, DAY + number, [line(f"192.0.2.{number}", 1)])

    first = save(sqlite_url, [numbered("example.jp", 1), numbered("example.com", 1), numbered("example.jp", 2)])
    second = save(sqlite_url, [numbered("example.com", 2), numbered("example.jp", 3), numbered("example.jp", 2)])

    assert [(each.domain_id, each.report_id) for each in first] == [(1, 1), (2, 1), (1, 2)]
    assert [(each.domain_id, each.report_id) for each in second] == [(2, 2), (1, 3), (1, 2)]
    assert rows(sqlite_url, source, "id", "ip") == [(1, "192.0.2.1"), (2, "192.0.2.2"), (3, "192.0.2.3")]
    assert rows(sqlite_url, sender, "domain_id", "id", "key") == [
        (1, 1, "test:192.0.2.1"),
        (1, 2, "test:192.0.2.2"),
        (1, 3, "test:192.0.2.3"),
        (2, 1, "test:192.0.2.1"),
        (2, 2, "test:192.0.2.2"),
    ]


POLICY = Policy("example.jp", "reject", "none", "quarantine", "s", "r", 50, "1:d", "y", "treewalk", (("p", "Reject"),))
RESULTS = (
    AuthResult("dkim", "example.jp", "s1", None, "pass", "Pass", "good signature"),
    AuthResult("spf", "bounce.example.jp", None, "mfrom", "softfail", None, None),
)
REASONS = (Reason("forwarded", "Forwarded", "known forwarder"), Reason("local_policy", None, None))
RICH = Shape(
    "example.jp",
    "bounce.example.jp",
    "example.net",
    "quarantine",
    True,
    False,
    "forwarded",
    RESULTS,
    REASONS,
    ("dkim-word", "blank"),
    "0" * 64,
)
BARE = Shape(None, None, None, "reject", False, True, "none", (), (), (), "1" * 64, raw="<record>shape</record>")


def facts_of(ip: str) -> SourceFacts:
    return SourceFacts(ip, "JP", 64_496, "Example Network", "example.net", "Example Mail", "hosting")


WHOLE = Report(
    part="2.1/report.xml",
    org_name="Org",
    email="a@example.net",
    report_id="r",
    begin=BEGIN,
    end=END + 2 * 86_400,
    policy=POLICY,
    records=pack(
        [
            Record("192.0.2.1", 7, RICH),
            Record("192.0.2.2", 2, BARE, bad="spf", raw="<record/>"),
            Record("192.0.2.1", 1, BARE, bad="dkim"),
        ],
        facts_of,
    ),
    xml_version="1.0",
    xml_namespace="urn:x",
    generator="Generator 1",
    extra_contact_info="https://example.net",
    errors=("an error", "another"),
    repairs=("old-period",),
)


def test_every_word_of_a_report_is_kept_in_its_column(store_url: str) -> None:
    saved = save(store_url, [WHOLE])

    assert saved == [Saved("partial", 1, 1)]
    (found,) = ask(store_url, lambda c: c.execute(select(report_table)).mappings().all())
    key = "\x1f".join(("Org", "a@example.net", "r", "example.jp", str(BEGIN), str(END + 2 * 86_400)))
    assert dict(found) == {
        "domain_id": 1,
        "id": 1,
        "key_hash": sha256(key.encode()).hexdigest(),
        "content_hash": WHOLE.records.content_hash,
        "standing": "in-force",
        "relation": None,
        "related_id": None,
        "message_id": 1,
        "part": "2.1/report.xml",
        "authenticity": "none",
        "reporter": "Org at a@example.net",
        "org_name": "Org",
        "email": "a@example.net",
        "report_id": "r",
        "policy_domain": "example.jp",
        "begin_at": BEGIN,
        "end_at": END + 2 * 86_400,
        "first_day": DAY,
        "last_day": DAY + 2,
        "p": "reject",
        "sp": "none",
        "np": "quarantine",
        "adkim": "s",
        "aspf": "r",
        "pct": 50,
        "fo": "1:d",
        "testing": "y",
        "discovery_method": "treewalk",
        "policy_raw": '{"p": "Reject"}',
        "xml_version": "1.0",
        "xml_namespace": "urn:x",
        "generator": "Generator 1",
        "extra_contact_info": "https://example.net",
        "errors": "an error\nanother",
        "repairs": "old-period",
        "records": 3,
        "bad_records": 2,
        "messages": 10,
        "passed": 10,
        "disposition_none": 0,
        "disposition_quarantine": 7,
        "disposition_reject": 3,
        "disposition_unknown": 0,
        "stored_at": NOW,
    }


def test_every_word_of_a_record_is_kept_in_its_column(store_url: str) -> None:
    save(store_url, [WHOLE])

    shape = (None, None, None, "reject", False, True, "none")
    rich = ("example.jp", "bounce.example.jp", "example.net", "quarantine", True, False, "forwarded")
    assert rows(store_url, record) == [
        (1, 1, 0, 1, 1, 7, *rich, None, None, "dkim-word\nblank"),
        (1, 1, 1, 2, 2, 2, *shape, "spf", "<record/>", None),
        (1, 1, 2, 1, 1, 1, *shape, "dkim", "<record>shape</record>", None),
    ]
    assert rows(store_url, auth_result) == [
        (1, 1, 0, 0, "dkim", "example.jp", "s1", None, "pass", "Pass", "good signature"),
        (1, 1, 0, 1, "spf", "bounce.example.jp", None, "mfrom", "softfail", None, None),
    ]
    assert rows(store_url, override_reason) == [
        (1, 1, 0, 0, "forwarded", "Forwarded", "known forwarder"),
        (1, 1, 0, 1, "local_policy", None, None),
    ]
    known = ("JP", 64_496, "Example Network", "example.net", "Example Mail", "hosting", None, None, None, None, NOW)
    assert rows(store_url, source) == [(1, "192.0.2.1", *known), (2, "192.0.2.2", *known)]
    assert rows(store_url, sender) == [
        (1, 1, "test:192.0.2.1", "Sender 192.0.2.1", "server", "as", NOW),
        (1, 2, "test:192.0.2.2", "Sender 192.0.2.2", "server", "as", NOW),
    ]
    assert rows(store_url, domain, "name", "customer_id", "registered", "created_at") == [
        ("example.jp", None, False, NOW)
    ]


def test_a_report_without_words_of_its_own_keeps_none(sqlite_url: str) -> None:
    save(sqlite_url, [replace(WHOLE, policy=replace(POLICY, raw=()), errors=(), repairs=())])

    assert rows(sqlite_url, report_table, "policy_raw", "errors", "repairs") == [(None, None, None)]


def test_a_report_of_several_chunks_keeps_the_order_of_its_records(sqlite_url: str) -> None:
    count = 2 * CHUNK_RECORDS + 1
    lines = [Record(f"10.0.{n // 250}.{n % 250}", n, RICH) for n in range(count)]
    save(sqlite_url, [replace(WHOLE, records=pack(lines, facts_of))])

    found = ask(sqlite_url, lambda c: c.execute(select(record.c.number, record.c.messages)).all())
    assert sorted(tuple(row) for row in found) == [(n, n) for n in range(count)]
    for table, each in ((auth_result, 2), (override_reason, 2)):
        numbers = [row[0] for row in rows(sqlite_url, table, "record_number")]
        assert sorted(numbers) == sorted(n for n in range(count) for _ in range(each))
    named = ask(
        sqlite_url,
        lambda c: c.execute(
            select(source.c.ip, sender.c.key)
            .select_from(record.join(source).join(sender, sender.c.id == record.c.sender_id))
            .where(record.c.number == record.c.messages)
        ).all(),
    )
    assert len(named) == count
    assert all(key == f"test:{ip}" for ip, key in named)


def test_a_sender_is_named_by_a_host_name_only_once_it_is_confirmed(sqlite_url: str) -> None:
    told: list[tuple[str, str | None]] = []

    def by_pointer(_shape: Shape, facts: SourceFacts, pointer: str | None) -> SenderName:
        told.append((facts.ip, pointer))
        return SenderName(pointer or "nameless", "Name", "server", "ptr")

    both = [line("192.0.2.1", 1), line("192.0.2.2", 1)]
    save(sqlite_url, [report("example.jp", DAY, both)], name_sender=by_pointer)
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        for number, confirmed in ((1, True), (2, False)):
            words = {"ptr": f"mx{number}.example.jp", "ptr_confirmed": confirmed}
            connection.execute(update(source).where(source.c.id == number).values(words))
    engine.dispose()
    again = [report("example.jp", DAY + day, both) for day in (1, 2)]
    save(sqlite_url, again, name_sender=by_pointer)

    first = [("192.0.2.1", None), ("192.0.2.2", None)]
    assert told == [*first, ("192.0.2.1", "mx1.example.jp"), ("192.0.2.2", None)]
    assert rows(sqlite_url, sender, "id", "key") == [(1, "nameless"), (2, "mx1.example.jp")]
    assert rows(sqlite_url, record, "report_id", "source_id", "sender_id") == [
        (1, 1, 1),
        (1, 2, 1),
        (2, 1, 2),
        (2, 2, 1),
        (3, 1, 2),
        (3, 2, 1),
    ]


def test_what_a_transaction_that_was_rolled_back_knew_is_forgotten(sqlite_url: str) -> None:
    engine = open_store(sqlite_url)
    writer = ReportWriter(engine, by_address, lambda org_name, _email: org_name)
    with writing(engine) as connection:
        run = ledger.start_run(connection, "test", now=NOW)
        message = ledger.record_message(connection, ledger.Entry("a.eml", "a", 1, "stored"), run_id=run, now=NOW)
    with pytest.raises(KeyboardInterrupt):
        save_and_stop(engine, writer, message)
    writer.forget()
    with writing(engine) as connection:
        saved = writer.save(connection, WHOLE, message_id=message, authenticity="none", now=NOW)
        writer.finish(connection)
    engine.dispose()

    assert saved == Saved("partial", 1, 1)
    assert [row[1] for row in rows(sqlite_url, source, "id", "ip")] == ["192.0.2.1", "192.0.2.2"]
    assert rows(sqlite_url, traffic_day, "messages") == [(2,), (3,), (5,)]


def save_and_stop(engine: Engine, writer: ReportWriter, message: int) -> None:
    with writing(engine) as connection:
        writer.save(connection, FIRST, message_id=message, authenticity="none", now=NOW)
        raise KeyboardInterrupt
