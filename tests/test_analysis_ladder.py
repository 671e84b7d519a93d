"""The ladder over the sample history: which step is safe, which sender blocks it, and the records to publish."""

import csv
import shutil
from datetime import UTC, date, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from histories import tables
from published_dns import publish
from store_builder import ask, fill, line, report

from analysis import gates, ladder, sender_frames, senders
from analysis.frames import Connection, Scope
from analysis.ladder import Advice
from ingest.files import messages
from ingest.session import ingest_messages
from settings import Limits, Settings
from store import consents, decisions, office
from store.consents import Given
from store.engine import open_store, writing
from store.snapshots import DKIM, Look, Observation, Unanswered, save_look

SAMPLES = Path(__file__).parent.parent / "sample_reports"
DAY_SECONDS = 86_400


def at(day: str) -> int:
    """04:00 UTC on the day after `day`, which is then the last one judged."""
    return int(datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp()) + DAY_SECONDS + 14_400


NONE = "v=DMARC1; p=none; sp=none; np=reject; rua=mailto:dmarc@{}"


@pytest.fixture(scope="module")
def samples_url(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> str:
    """A store with the whole sample history, no decision and no look at DNS."""
    path = tmp_path_factory.mktemp("samples") / "store.sqlite3"
    shutil.copy(sqlite_template, path)
    chosen = Settings(database_url=f"sqlite:///{path}", workers=2)
    found = messages([SAMPLES / "history"], Limits())
    ingest_messages(chosen, found, command="test", now=at("2026-11-23"), after_commit=lambda _outcomes: None)
    return chosen.database_url


@pytest.fixture
def undecided_url(samples_url: str, tmp_path: Path) -> str:
    path = tmp_path / "copy.sqlite3"
    shutil.copy(samples_url.removeprefix("sqlite:///"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def url(undecided_url: str) -> str:
    """The same store after staff has decided every sender as its label says."""
    decide_everything(undecided_url)
    return undecided_url


def decide_everything(url: str) -> None:
    with (SAMPLES / "senders.csv").open(encoding="utf-8", newline="") as file:
        labels = [label for label in csv.DictReader(file) if label["decision"]]
    engine = open_store(url)
    with writing(engine) as connection:
        for label in labels:
            networks = [ip_network(text) for text in label["networks"].split()]
            found = senders.build(connection, Scope(None), label["domain"], tables(), with_sources=True)
            for sender in found.senders if found else ():
                if any(ip_address(each.ip) in network for each in sender.sources for network in networks):
                    decide(connection, label["domain"], sender.key, label["decision"])
    engine.dispose()


def decide(connection: Connection, domain: str, key: str, word: str) -> None:
    actor = decisions.Actor("test", at("2026-07-25"))
    domain_id = office.domain_id_of(connection, domain)
    decisions.decide(connection, domain_id, key, word, note="asked", evidence={}, actor=actor)


def agree(url: str, domain: str, stage: str, *, day: str) -> None:
    """The customer agrees to a step, knowing what is known on that day."""
    engine = open_store(url)
    with writing(engine) as connection:
        where = sender_frames.domain_row(connection, Scope(None), domain)
        assert where is not None
        known = gates.evidence_of(ladder.facts_of(connection, Scope(None), where, tables(), at(day)))
        actor = decisions.Actor("test", at(day))
        consents.give(connection, where.id, stage, Given("Web staff", "mail"), evidence=known, actor=actor)
    engine.dispose()


def advice(url: str, domain: str, day: str) -> Advice:
    found = ask(url, lambda connection: ladder.build(connection, Scope(None), domain, tables(), at(day)))
    assert found is not None
    return found


def states(found: Advice) -> dict[str, str]:
    return {gate.id: gate.state for gate in found.gates}


def blockers(found: Advice) -> list[str]:
    return [gate.id for gate in found.blockers]


def look(url: str, domain: str, record: str | None, *days: str, spf: str | None = "v=spf1 mx -all") -> None:
    for day in days:
        publish(url, domain, record.format(domain) if record else None, at=at(day), spf=spf)


# ---- The samples


def test_the_shop_walks_from_none_to_reject(url: str) -> None:
    look(url, "example.jp", NONE, "2026-07-26", "2026-09-05")
    first = advice(url, "example.jp", "2026-09-05")

    assert (first.stage, first.next_stage, first.ready, blockers(first)) == ("none", "quarantine-test", True, [])
    assert first.record_next is not None
    test = "v=DMARC1; p=quarantine; t=y; pct=0; sp=none; np=reject; rua=mailto:dmarc@example.jp"
    assert first.record_next.record == test

    look(url, "example.jp", test, "2026-09-06", "2026-09-07")
    second = advice(url, "example.jp", "2026-09-07")
    assert (second.stage, second.next_stage, second.ready, blockers(second)) == (
        "quarantine-test",
        "quarantine",
        False,
        ["G3"],
    )
    agree(url, "example.jp", "quarantine", day="2026-09-07")
    second = advice(url, "example.jp", "2026-09-07")
    assert (second.ready, blockers(second)) == (True, [])
    assert second.record_next is not None
    real = "v=DMARC1; p=quarantine; sp=none; np=reject; rua=mailto:dmarc@example.jp"
    assert second.record_next.record == real

    look(url, "example.jp", real, "2026-09-08", "2026-09-20")
    agree(url, "example.jp", "reject-test", day="2026-09-20")
    assert blockers(advice(url, "example.jp", "2026-09-20")) == ["G4"]
    look(url, "example.jp", real, "2026-10-10")
    third = advice(url, "example.jp", "2026-10-10")
    assert (third.stage, third.next_stage, third.ready, blockers(third)) == ("quarantine", "reject-test", True, [])

    test = "v=DMARC1; p=reject; t=y; pct=0; sp=none; np=reject; rua=mailto:dmarc@example.jp"
    assert third.record_next is not None
    assert third.record_next.record == test
    look(url, "example.jp", test, "2026-10-11", "2026-11-22")
    agree(url, "example.jp", "reject", day="2026-11-22")
    fourth = advice(url, "example.jp", "2026-11-22")
    assert (fourth.stage, fourth.next_stage, fourth.ready, blockers(fourth)) == ("reject-test", "reject", True, [])
    assert fourth.record_next is not None
    assert fourth.record_next.record == "v=DMARC1; p=reject; sp=none; np=reject; rua=mailto:dmarc@example.jp"


def test_the_firm_is_blocked_by_exactly_its_invoices(url: str) -> None:
    look(url, "example.com", NONE, "2026-07-26", "2026-11-22")
    agree(url, "example.com", "quarantine-test", day="2026-11-22")
    found = advice(url, "example.com", "2026-11-22")

    assert (found.ready, blockers(found)) == (False, ["G2"])
    (gate,) = found.blockers
    assert [row[:2] for row in gate.figures["failing"]] == [["service:amazon-ses", "Amazon SES"]]
    assert gate.figures["unreviewed"] == []
    assert "Amazon SES" in gate.words("en")
    assert "Amazon SES" in gate.words("ja")
    assert "先にこの送信元の設定を修正してください" in gate.words("ja")
    (season,) = [each for each in found.coverage.seasonal if each.sender == "service:amazon-ses"]
    assert season.rhythm == "month-end"


def test_a_sender_that_passes_by_spf_alone_keeps_the_firm_from_reject(url: str) -> None:
    look(url, "example.com", NONE, "2026-07-26", "2026-11-22")
    signed = next(gate for gate in advice(url, "example.com", "2026-11-22").gates if gate.id == "G5")

    assert (signed.state, signed.figures["weakest"]) == ("fail", "service:amazon-ses")
    short = [row[0] for row in signed.figures["senders"] if row[2] < row[3]]
    assert "service:zendesk" in short


def test_the_parked_domain_gets_both_of_its_records(url: str) -> None:
    look(url, "example.net", NONE, "2026-07-26", "2026-11-22")
    before = advice(url, "example.net", "2026-11-22")
    agree(url, "example.net", "parked", day="2026-11-22")
    found = advice(url, "example.net", "2026-11-22")

    assert (before.ready, blockers(before)) == (False, ["Parked"])
    assert (found.stage, found.next_stage, found.ready, blockers(found)) == ("none", "parked", True, [])
    assert found.record_next is not None
    assert found.record_next.record == "v=DMARC1; p=reject; sp=reject; np=reject; rua=mailto:dmarc@example.net"
    assert found.record_next.spf == "v=spf1 -all"

    look(url, "example.net", found.record_next.record, "2026-11-23", spf="v=spf1 -all")
    parked = advice(url, "example.net", "2026-11-23")
    assert (parked.stage, parked.next_stage, parked.ready) == ("parked", None, None)


def test_an_unreviewed_sender_blocks_every_domain(undecided_url: str) -> None:
    for domain, gate in {"example.jp": "G2", "example.com": "G2", "example.net": "Parked"}.items():
        look(undecided_url, domain, NONE, "2026-07-26", "2026-11-22")
        found = advice(undecided_url, domain, "2026-11-22")
        assert (found.ready, blockers(found)) == (None, [gate])


def test_without_a_look_at_dns_nothing_is_ready(url: str) -> None:
    found = advice(url, "example.jp", "2026-11-22")

    assert (found.stage, found.ready, found.record_next) == ("none", None, None)
    assert blockers(found) == ["G0"]


def test_an_old_look_and_one_without_an_answer_are_no_ground_for_advice(url: str) -> None:
    look(url, "example.jp", NONE, "2026-07-26", "2026-11-10")
    assert blockers(advice(url, "example.jp", "2026-11-22")) == ["G0"]

    silent = (Unanswered("spf", "example.jp", "timeout"),)
    publish(url, "example.jp", NONE.format("example.jp"), at=at("2026-11-22"), unanswered=silent)
    assert blockers(advice(url, "example.jp", "2026-11-22")) == ["G0"]


def test_a_broken_live_record_blocks_and_is_mended_in_the_next(url: str) -> None:
    look(url, "example.jp", "v=DMARC1; p=none; rua=dmarc@example.jp", "2026-11-22")
    found = advice(url, "example.jp", "2026-11-22")

    assert blockers(found) == ["G0"]
    assert found.blockers[0].figures["errors"] == ["D7"]
    assert found.record_next is not None
    assert "rua=mailto:dmarc@example.jp" in found.record_next.record


def test_a_domain_without_a_record_is_told_the_first_one(url: str) -> None:
    look(url, "example.jp", None, "2026-11-22")
    found = advice(url, "example.jp", "2026-11-22")

    assert (found.stage, found.next_stage, found.ready) == ("no-record", "none", True)
    assert found.record_next is not None
    assert found.record_next.record == "v=DMARC1; p=none"


def test_reports_that_contradict_dns_are_shown_with_their_day(url: str) -> None:
    look(url, "example.jp", "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.jp", "2026-11-22")
    gate = next(each for each in advice(url, "example.jp", "2026-11-22").gates if each.id == "G0")

    assert (gate.figures["reports_say"], gate.figures["reports_say_until"]) == ("none", "2026-11-22")
    assert "DNS says quarantine, but reports until 2026-11-22 say none." in gate.words("en")


# ---- Small stores

FIRST = 20_000


def small(url: str, days: int = 70, *, fail: dict[int, str] | None = None, each: int = 1, p: str = "none") -> None:
    """One sender's mail, seen by three reporters every day; on some days a message fails with a disposition."""
    reports = [
        report("example.jp", day, _lines(day, each, fail or {}), org=org, p=p)
        for day in range(FIRST, FIRST + days)
        for org in ("one.example", "two.example", "three.example")
    ]
    fill(url, reports, customers={"Shop": ["example.jp"]})
    engine = open_store(url)
    with writing(engine) as connection:
        decide(connection, "example.jp", "test:192.0.2.1", "ours")
    engine.dispose()


def _lines(day: int, each: int, fail: dict[int, str]) -> list[object]:
    lines = [line("192.0.2.1", each, dkim=True, spf=True)]
    return [*lines, line("192.0.2.1", 1, disposition=fail[day])] if day in fail else lines  # type: ignore[return-value]


def day_of(number: int) -> str:
    return datetime.fromtimestamp(number * DAY_SECONDS, UTC).date().isoformat()


def test_own_mail_in_quarantine_sends_the_domain_one_step_down_today(store_url: str) -> None:
    last = FIRST + 69
    small(store_url, each=30, fail={last - 2: "quarantine"}, p="quarantine")
    look(store_url, "example.jp", NONE.replace("p=none", "p=quarantine", 1), day_of(FIRST), day_of(last))
    found = advice(store_url, "example.jp", day_of(last))

    assert (found.stage, found.next_stage, found.ready, found.step_down) == (
        "quarantine",
        "quarantine-test",
        True,
        True,
    )
    assert blockers(found) == ["Back"]
    assert found.blockers[0].figures["held"] == [
        ["test:192.0.2.1", "192.0.2.1", day_of(last - 2), name, 1]
        for name in ("one.example", "three.example", "two.example")
    ]
    assert found.record_next is not None
    assert "p=quarantine; t=y; pct=0" in found.record_next.record


def test_few_messages_need_no_failure_and_a_consent(store_url: str) -> None:
    """The same sender seen on twelve of the days: so little can prove 78 % only."""
    last = FIRST + 69
    lines = {day: [line("192.0.2.1", 1, dkim=True, spf=True)] for day in range(FIRST, last + 1)}
    fill(
        store_url,
        [report("example.jp", day, lines[day], org=f"r{day % 3}") for day in range(FIRST, last + 1, 3)],
        customers={"Shop": ["example.jp"]},
    )
    look(store_url, "example.jp", "v=DMARC1; p=quarantine; t=y; pct=0; rua=mailto:dmarc@{}", day_of(last))
    before = advice(store_url, "example.jp", day_of(last))
    agree(store_url, "example.jp", "quarantine", day=day_of(last))
    after = advice(store_url, "example.jp", day_of(last))

    assert states(before)["G1"] == "unknown"
    assert (before.ready, after.ready) == (False, True)
    gate = next(each for each in after.gates if each.id == "G3")
    assert "12 of 12 messages passed, which proves 78%." in gate.words("en")
    assert "12通のうち12通が合格しており、78%以上と裏付けられます。" in gate.words("ja")


def test_a_domain_waits_until_its_dkim_has_worked_for_two_days(sqlite_url: str) -> None:
    """Seventy days of mail that SPF alone carries; then the first key."""
    last = FIRST + 69
    mail = [line("192.0.2.1", 2, spf=True)]
    fill(
        sqlite_url, [report("example.jp", day, mail) for day in range(FIRST, last + 1)], customers={"S": ["example.jp"]}
    )
    look(sqlite_url, "example.jp", NONE, day_of(last))
    without = advice(sqlite_url, "example.jp", day_of(last))
    keyed(sqlite_url, "v=DKIM1; p=", at=at(day_of(last - 5)))
    revoked = advice(sqlite_url, "example.jp", day_of(last))
    keyed(sqlite_url, "v=DKIM1; p=MIIB", at=at(day_of(last)))
    young = advice(sqlite_url, "example.jp", day_of(last + 1))
    look(sqlite_url, "example.jp", NONE, day_of(last + 3))
    grown = advice(sqlite_url, "example.jp", day_of(last + 3))

    assert [states(found)["G0"] for found in (without, revoked, young, grown)] == ["unknown"] * 3 + ["pass"]
    assert "48" in without.gates[0].words("ja")


def keyed(url: str, key: str, *, at: int) -> None:
    """Somebody looks and finds this key."""
    engine = open_store(url)
    with writing(engine) as connection:
        found = Observation(DKIM, "s1._domainkey.example.jp", "found", {"texts": [key]})
        save_look(connection, office.domain_id_of(connection, "example.jp"), Look("example.jp", (found,), ()), now=at)
    engine.dispose()


def test_a_month_of_strangers_or_a_customers_word_say_that_a_domain_sends_no_mail(url: str) -> None:
    def sends(domain: str) -> bool | None:
        def question(connection: Connection) -> bool | None:
            where = sender_frames.domain_row(connection, Scope(None), domain)
            assert where is not None
            return ladder.sends_mail(ladder.facts_of(connection, Scope(None), where, tables(), at("2026-11-22")))

        return ask(url, question)

    assert (sends("example.jp"), sends("example.net")) == (True, False)


def test_a_domain_without_any_mail_cannot_be_judged(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"Shop": ["example.jp"]})
    look(sqlite_url, "example.jp", NONE, day_of(FIRST))
    found = advice(sqlite_url, "example.jp", day_of(FIRST))

    assert (found.next_stage, found.ready) == ("quarantine-test", None)
    assert states(found) == {
        "G0": "pass",
        "G1": "unknown",
        "G2": "unknown",
        "G3": "unknown",
        "G4": "unknown",
        "G5": "unknown",
        "Parked": "unknown",
        "Back": "pass",
    }


def test_a_domain_out_of_scope_is_answered_like_one_that_does_not_exist(url: str) -> None:
    def answers(connection: Connection) -> list[Advice | None]:
        return [
            ladder.build(connection, Scope((99,)), "example.com", tables(), at("2026-11-22")),
            ladder.build(connection, Scope(None), "nowhere.example", tables(), at("2026-11-22")),
        ]

    assert ask(url, answers) == [None, None]
