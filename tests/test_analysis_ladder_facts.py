"""What the gates look at, read from a store: days, own senders, complaints, and since when the stage holds."""

import pytest
from histories import tables
from published_dns import publish
from store_builder import ask, fill, line, report

from analysis import ladder, sender_frames
from analysis.frames import Connection, Period, Scope
from analysis.gates import Facts
from analysis.stages import Stage, Witness
from store import complaints, consents, decisions, office
from store.consents import Given
from store.engine import open_store, writing

DAY_SECONDS = 86_400
FIRST, LAST = 20_000, 20_039
ORGS = ("one.example", "two.example", "three.example")
RECORD = "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.jp"


def at(day: int) -> int:
    """04:00 UTC on the day after `day`, which is then the last one judged."""
    return (day + 1) * DAY_SECONDS + 14_400


@pytest.fixture
def url(sqlite_url: str) -> str:
    """Forty days of a confirmed sender under p=quarantine; SPF alone on the first. One message was quarantined."""
    reports = [
        report("example.jp", day, [line("192.0.2.1", 2, dkim=day > FIRST, spf=True)], org=org, p="quarantine")
        for day in range(FIRST, LAST + 1)
        for org in ORGS
    ]
    held = [line("192.0.2.1", 1, disposition="quarantine")]
    stranger = [line("203.0.113.1", 3)]
    extra = [
        report("example.jp", LAST - 2, held, org="four.example", p="quarantine"),
        report("example.jp", LAST - 5, stranger, org="four.example", p="quarantine"),
        report("example.jp", LAST - 50, [], org="one.example", p="none"),
    ]
    fill(sqlite_url, [*reports, *extra], customers={"Shop": ["example.jp"]})
    engine = open_store(sqlite_url)
    actor = decisions.Actor("test", at(LAST - 1))
    with writing(engine) as connection:
        domain_id = office.domain_id_of(connection, "example.jp")
        decisions.decide(connection, domain_id, "test:192.0.2.1", "ours", note="asked", evidence={}, actor=actor)
        complaints.record(connection, domain_id, "an order is missing", actor=actor)
        given = Given("Web staff", "mail")
        consents.give(connection, domain_id, "quarantine", given, evidence={"reporters": 3}, actor=actor)
    engine.dispose()
    return sqlite_url


def facts(url: str, day: int = LAST) -> Facts:
    def question(connection: Connection) -> Facts:
        where = sender_frames.domain_row(connection, Scope(None), "example.jp")
        assert where is not None
        return ladder.facts_of(connection, Scope(None), where, tables(), at(day))

    return ask(url, question)


def test_the_facts_of_a_store_are_those_of_its_days(url: str) -> None:
    publish(url, "example.jp", RECORD, at=at(LAST))
    found = facts(url)

    assert (found.as_of, found.reported, found.passed, found.signed_day) == (LAST, (LAST - 50, LAST), 240, FIRST + 1)
    assert (found.stage, found.witness) == ("quarantine", Witness(Stage.QUARANTINE, FIRST, LAST))
    (own,) = found.own
    assert (own.key, own.messages, own.passed, own.dkim_aligned) == ("test:192.0.2.1", 211, 210, 210)
    assert (own.last_day, own.in_window, own.first_passed_day) == (LAST, True, FIRST)
    assert [(each.key, each.messages) for each in found.unreviewed] == [("test:203.0.113.1", 3)]
    assert (found.subdomains, found.list_messages) == ((), 0)
    assert [(each.note, each.at) for each in found.complaints] == [("an order is missing", at(LAST - 1))]
    assert [(each.by, each.evidence) for each in found.consents.values()] == [("Web staff", {"reporters": 3})]


def test_mail_after_the_last_judged_day_is_left_out(url: str) -> None:
    found = facts(url, LAST - 3)

    assert (found.passed, found.held, found.reported) == (222, (), (LAST - 50, LAST - 3))
    assert (found.own[0].messages, found.own[0].last_day) == (210, LAST - 3)


def test_coverage_is_of_own_mail_in_the_window(url: str) -> None:
    found = facts(url).coverage

    assert (found.due, found.first_day, found.missing) == (Period(LAST - 34, LAST - 2), FIRST, ())
    assert [(each.name, each.messages, each.last_day) for each in found.reporters] == [
        (name, 70, LAST) for name in ("one.example", "three.example", "two.example")
    ]
    assert found.silent == ()


def test_a_reporter_that_stopped_before_the_window_is_silent(url: str) -> None:
    """Twenty days after the last report all three are silent; after fifty the window no longer holds them."""
    soon, later = facts(url, LAST + 20).coverage, facts(url, LAST + 50).coverage

    assert [each.name for each in soon.silent] == ["one.example", "three.example", "two.example"]
    assert [each.last_day for each in later.silent] == [LAST] * 3
    assert later.reporters == ()
    assert facts(url, LAST + 13).coverage.silent == ()


def test_the_stage_holds_since_reports_named_it_where_dns_was_first_looked_at_later(url: str) -> None:
    publish(url, "example.jp", RECORD, at=at(LAST - 10))
    found = facts(url)

    assert (found.stage_since, found.live.first) == (FIRST, True)


def test_a_stage_that_dns_saw_begin_holds_since_then_only(url: str) -> None:
    publish(url, "example.jp", RECORD.replace("quarantine", "none"), at=at(LAST - 12))
    publish(url, "example.jp", RECORD, at=at(LAST - 10))
    found = facts(url)

    assert (found.stage_since, found.live.first, found.live.changed_at) == (LAST - 9, False, at(LAST - 10))


def test_a_first_look_that_reports_contradict_begins_on_its_own_day(url: str) -> None:
    publish(url, "example.jp", RECORD.replace("quarantine", "reject"), at=at(LAST - 10))

    assert facts(url).stage_since == LAST - 9


def test_without_a_look_the_reports_tell_the_stage(url: str) -> None:
    found = facts(url)

    assert (found.stage, found.stage_since, found.live.stage) == ("quarantine", FIRST, None)


def test_without_a_look_or_a_report_the_stage_is_unknown(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"Shop": ["example.jp"]})
    found = facts(sqlite_url)

    assert (found.stage, found.stage_since, found.reported, found.signed_day) == (None, None, None, None)


@pytest.mark.parametrize(("since", "held"), [(LAST - 2, 1), (LAST - 1, 0)])
def test_own_mail_was_held_only_since_the_stage_holds(url: str, since: int, held: int) -> None:
    publish(url, "example.jp", RECORD.replace("quarantine", "none"), at=at(LAST - 20))
    publish(url, "example.jp", RECORD, at=since * DAY_SECONDS)

    found = facts(url)
    assert (found.stage_since, len(found.held)) == (since, held)


def test_errors_are_of_the_records_that_apply_and_not_of_warnings(url: str) -> None:
    publish(
        url, "example.jp", "v=DMARC1; p=quarantine; rua=dmarc@example.jp; rf=afrf", at=at(LAST), spf="v=spf1 mx -al"
    )

    assert [each.id for each in facts(url).live.errors] == ["D7", "S18"]


def test_the_advice_of_a_store_adds_the_address_for_reports_that_was_given(url: str) -> None:
    publish(url, "example.jp", "v=DMARC1; p=quarantine", at=at(LAST))
    found = ask(
        url,
        lambda connection: ladder.build(
            connection, Scope(None), "example.jp", tables(), at(LAST), rua=("new@example.net",)
        ),
    )

    assert found is not None
    assert found.record_next is not None
    assert found.record_next.record == "v=DMARC1; p=quarantine; t=y; pct=0; rua=mailto:new@example.net"


def test_a_sender_of_month_ends_is_told_to_be_seen_before_or_after_the_last_change(sqlite_url: str) -> None:
    """Seen at the turns to September and October 2024."""
    turns = (19_967, 19_997)
    mail = [line("192.0.2.1", 2, dkim=True, spf=True)]
    fill(sqlite_url, [report("example.jp", day, mail) for day in turns], customers={"Shop": ["example.jp"]})
    publish(sqlite_url, "example.jp", RECORD, at=at(19_960))
    unchanged = facts(sqlite_url, 20_000).coverage.seasonal
    publish(sqlite_url, "example.jp", RECORD.replace("quarantine", "none"), at=at(19_980))
    before = facts(sqlite_url, 20_000).coverage.seasonal
    publish(sqlite_url, "example.jp", RECORD, at=at(19_998))
    after = facts(sqlite_url, 20_000).coverage.seasonal

    assert [(each.rhythm, each.last_day, each.seen_since) for each in (*unchanged, *before, *after)] == [
        ("month-end", 19_997, None),
        ("month-end", 19_997, True),
        ("month-end", 19_997, False),
    ]
