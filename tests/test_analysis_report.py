"""The monthly report's numbers: whose mail, what became of strangers' mail, and what changed in the month."""

from datetime import date

import pytest
from store_builder import NOW, ask, fill, line, report

from analysis import report as report_analysis
from analysis.frames import Period, Scope
from analysis.report import MonthlyReport, month_before, month_of
from knowledge.tables import load_tables
from store import decisions, office, snapshots
from store.actor import Actor
from store.engine import open_store, writing
from store.snapshots import Look, Observation, Unanswered
from wording.forms import as_day

OCTOBER = Period(20_727, 20_757)  # 2026-10-01 to 2026-10-31
IN_OCTOBER = 20_740 * 86_400
OWN, STRANGER = "192.0.2.10", "203.0.113.66"


def made(url: str, slug: str = "sakura", period: Period = OCTOBER) -> MonthlyReport | None:
    tables = load_tables()
    at = (OCTOBER.last_day + 3) * 86_400
    return ask(url, lambda connection: report_analysis.build(connection, Scope(None), slug, period, tables, at))


def test_a_month_has_its_utc_days() -> None:
    assert month_of("2026-10") == OCTOBER
    assert month_of("2024-02") == Period(as_day_of("2024-02-01"), as_day_of("2024-02-29"))
    assert month_of("2026-12") == Period(as_day_of("2026-12-01"), as_day_of("2026-12-31"))
    assert month_before(OCTOBER) == Period(as_day_of("2026-09-01"), as_day_of("2026-09-30"))


@pytest.mark.parametrize("text", ["2026-13", "2026", "October", "", "2026-1-1"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"month|isoformat"):
        month_of(text)


def test_figures_are_the_months_and_the_month_before_stands_beside_them(store_url: str) -> None:
    fill(
        store_url,
        [
            report("example.jp", OCTOBER.first_day - 1, [line(OWN, 7, dkim=True), line(STRANGER, 1)], org="A"),
            report("example.jp", OCTOBER.first_day, [line(OWN, 40, dkim=True, spf=True)], org="A"),
            report("example.jp", OCTOBER.last_day, [line(STRANGER, 10, disposition="reject")], org="B"),
            report("example.jp", OCTOBER.last_day + 1, [line(OWN, 1_000, dkim=True)], org="A"),
        ],
        customers={"Sakura": ["example.jp"]},
    )

    found = made(store_url)

    assert found is not None
    (domain,) = found.domains
    assert (domain.rate.messages, domain.rate.passed) == (50, 40)
    assert (domain.before.messages, domain.before.passed) == (8, 7)
    assert (domain.own.messages, domain.own.passed) == (40, 40)
    assert [(day.day, day.messages) for day in domain.days if day.messages] == [(20_727, 40), (20_757, 10)]
    assert len(domain.days) == 31
    assert [reporter.reporter for reporter in domain.reporters] == ["A", "B"]


def test_mail_of_strangers_is_told_by_what_receivers_did_with_it(store_url: str) -> None:
    treated = [
        line(STRANGER, 5),
        line(STRANGER, 4, disposition="quarantine"),
        line(STRANGER, 3, disposition="reject"),
        line(STRANGER, 2, disposition="unknown"),
        line(OWN, 100, dkim=True, spf=True, disposition="reject"),
    ]
    fill(store_url, [report("example.jp", OCTOBER.first_day, treated)], customers={"Sakura": ["example.jp"]})

    found = made(store_url)

    assert found is not None
    spoofed = found.domains[0].spoofed
    assert (spoofed.delivered, spoofed.quarantined, spoofed.refused, spoofed.unsaid) == (5, 4, 3, 2)
    assert spoofed.messages == 14


def test_a_forged_report_counts_nowhere(sqlite_url: str) -> None:
    forged = report("example.jp", OCTOBER.first_day, [line(STRANGER, 9, disposition="reject")], org="Forged")
    fill(sqlite_url, [(forged, "fail")], customers={"Sakura": ["example.jp"]})

    found = made(sqlite_url)

    assert found is not None
    assert found.rate.messages == 0
    assert found.domains[0].spoofed.messages == 0


def test_a_month_without_reports_has_no_rate(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"Sakura": ["example.jp"]})

    found = made(sqlite_url)

    assert found is not None
    assert found.domains[0].rate.share is None
    assert found.domains[0].senders == ()


def test_only_changes_of_the_month_are_told_and_a_first_look_is_none(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"Sakura": ["example.jp"]})
    for at, policy in ((IN_OCTOBER - 90 * 86_400, "none"), (IN_OCTOBER, "quarantine"), (NOW, "reject")):
        seen(sqlite_url, "example.jp", f"v=DMARC1; p={policy}", at)

    found = made(sqlite_url)

    assert found is not None
    (change,) = found.domains[0].changes
    assert (change.at, change.name) == (IN_OCTOBER, "_dmarc.example.jp")
    assert (change.before, change.after) == ("v=DMARC1; p=none", "v=DMARC1; p=quarantine")


def test_decisions_of_the_month_are_told_with_who_gave_and_who_withdrew_them(store_url: str) -> None:
    fill(
        store_url,
        [report("example.jp", OCTOBER.first_day, [line(OWN, 5)])],
        customers={"Sakura": ["example.jp"]},
    )
    key = f"test:{OWN}"
    engine = open_store(store_url)
    with writing(engine) as connection:
        where = office.domain_id_of(connection, "example.jp")
        evidence = {"messages": 5}
        early, late = Actor("aiko", IN_OCTOBER), Actor("ben", IN_OCTOBER + 60)
        decisions.decide(connection, where, key, "ours", note="asked", evidence=evidence, actor=early)
        decisions.withdraw(connection, where, key, note="", actor=late)
        decisions.decide(connection, where, key, "ours", note="later", evidence=evidence, actor=Actor("ben", NOW))
    engine.dispose()

    found = made(store_url)

    assert found is not None
    told = [(act.word, act.subject, act.by, act.note, act.withdrawn) for act in found.domains[0].acts]
    assert told == [("ours", key, "aiko", "asked", False), ("ours", key, "ben", "", True)]


def test_a_customer_outside_the_scope_is_answered_like_one_that_does_not_exist(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"Sakura": ["example.jp"], "Tanaka": ["example.com"]})
    tables = load_tables()

    found = ask(
        sqlite_url,
        lambda connection: report_analysis.build(connection, Scope((1,)), "tanaka", OCTOBER, tables, NOW),
    )

    assert found is None
    assert made(sqlite_url, "nobody") is None


def seen(url: str, domain: str, text: str, at: int) -> None:
    """What a look at DNS saw."""
    record = Observation(snapshots.DMARC, f"_dmarc.{domain}", snapshots.FOUND, {"texts": [text]})
    unasked: tuple[Unanswered, ...] = ()
    engine = open_store(url)
    with writing(engine) as connection:
        where = office.domain_id_of(connection, domain)
        snapshots.save_look(connection, where, Look(domain, (record,), unasked), now=at)
    engine.dispose()


def as_day_of(text: str) -> int:
    return as_day(date.fromisoformat(text))
