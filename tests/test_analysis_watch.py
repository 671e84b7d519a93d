"""The watch of the night on real stores: each kind opens for its history, is stored once, and closes when over."""

from collections.abc import Callable, Sequence

import pytest
from histories import report as history_report
from histories import shape, signed, spf, store_history
from published_dns import publish
from store_builder import ask, fill, line, report

from analysis import events
from analysis.events import Event
from analysis.frames import Scope
from analysis.health import Silence
from analysis.watch import watch_silences
from sekisho import standings
from sekisho.watch import keep_watch
from settings import Settings
from store import complaints, ledger, office
from store.actor import Actor
from store.engine import open_store, writing
from store.events import FoundEvent, Reconciled
from store.packing import Report
from store.snapshots import SPF, Unanswered
from store.values import Reason, Record

DOMAIN = "example.jp"
TODAY = 20_700
OWN, OTHER, SPOOF = "192.0.2.10", "198.51.100.7", "203.0.113.66"
NAMES = {OWN: "Own server", OTHER: "Other server"}
CUSTOMERS = {"Sakura": [DOMAIN]}
NONE = "v=DMARC1; p=none; rua=mailto:dmarc@example.jp"
QUARANTINE = "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.jp"


def at(day: int) -> int:
    return day * 86_400 + 20_000


def night(url: str, day: int = TODAY, *, with_standings: bool = True) -> Reconciled:
    """The steps of the night of a UTC day that judge."""
    chosen = Settings(database_url=url)
    if with_standings:
        standings.refresh(chosen, now=at(day))
    return keep_watch(chosen, now=at(day))


def found(url: str) -> dict[str, Event]:
    """The open events by kind, of which each is there once."""
    opened = ask(url, lambda connection: events.open_events(connection, Scope(None)))
    assert len({each.kind for each in opened}) == len(opened)
    return {each.kind: each for each in opened}


def words(event: Event) -> str:
    return event.sentence.words("en")


def daily(days: range, lines: Callable[[int], Sequence[Record]], p: str = "none") -> list[Report]:
    return [report(DOMAIN, day, lines(day), p=p) for day in days]


def steady(day: int) -> list[Record]:
    return [line(OWN, 10, dkim=True, spf=True)]


def test_a_steady_domain_has_no_event(store_url: str) -> None:
    fill(store_url, daily(range(TODAY - 40, TODAY), steady), customers=CUSTOMERS, senders=NAMES)

    assert night(store_url) == Reconciled(0, 0, 0)


def test_nothing_opens_without_any_evidence(store_url: str) -> None:
    fill(store_url, [], customers=CUSTOMERS)

    assert night(store_url) == Reconciled(0, 0, 0)


def test_a_sender_that_passed_and_now_fails_is_an_incident_until_it_passes_again(store_url: str) -> None:
    good = daily(range(TODAY - 40, TODAY - 3), steady)
    bad = daily(range(TODAY - 3, TODAY), lambda day: [line(OWN, 10)])
    fill(store_url, [*good, *bad], customers=CUSTOMERS, senders=NAMES)

    assert night(store_url) == Reconciled(1, 0, 0)
    fell = found(store_url)["sender-fell"]
    assert (fell.severity, fell.subject, fell.domain, fell.customer) == ("incident", f"test:{OWN}", DOMAIN, "Sakura")
    assert words(fell) == ("Own server: only 40 of 70 messages passed since 2026-08-28; before, 280 of 280 did.")
    assert night(store_url, TODAY + 1) == Reconciled(0, 1, 0)

    fill(store_url, daily(range(TODAY, TODAY + 8), steady), senders=NAMES)
    assert night(store_url, TODAY + 8) == Reconciled(0, 0, 1)
    assert found(store_url) == {}


def test_one_bad_day_of_a_few_messages_is_no_event(store_url: str) -> None:
    bad = report(DOMAIN, TODAY - 1, [line(OWN, 8, dkim=True), line(OWN, 2)])
    fill(store_url, [*daily(range(TODAY - 40, TODAY - 1), steady), bad], customers=CUSTOMERS, senders=NAMES)

    night(store_url)
    assert found(store_url) == {}


def test_a_sender_that_always_failed_in_part_is_a_misconfiguration(store_url: str) -> None:
    half = daily(range(TODAY - 40, TODAY), lambda day: [line(OWN, 6, spf=True), line(OWN, 4)])
    fill(store_url, half, customers=CUSTOMERS, senders=NAMES)

    night(store_url)
    fails = found(store_url)["sender-fails"]
    assert (fails.severity, words(fails)) == (
        "misconfiguration",
        "Own server: only 42 of 70 messages passed since 2026-08-28.",
    )


def test_a_month_end_sender_stays_an_event_while_it_is_not_seen(store_url: str) -> None:
    """It failed a week and a half ago, and was not seen since: it is not mended by that."""
    failed = range(TODAY - 14, TODAY - 11)
    own = daily(range(TODAY - 40, TODAY), steady)
    other = [report(DOMAIN, day, [line(OTHER, 5, spf=day % 2 == 0)], org="Second") for day in failed]
    fill(store_url, [*own, *other], customers=CUSTOMERS, senders=NAMES)

    night(store_url)
    assert found(store_url)["sender-fails"].evidence["name"] == "Other server"


def test_what_receivers_call_forwarded_is_no_failure_of_a_sender(store_url: str) -> None:
    def forwarded(day: int) -> list[Record]:
        failed = line(OWN, 5)
        excuse = failed.shape._replace(override="forwarded", reasons=(Reason("forwarded", None, None),), digest="f")
        return [line(OWN, 10, dkim=True), failed._replace(shape=excuse)]

    fill(store_url, daily(range(TODAY - 40, TODAY), forwarded), customers=CUSTOMERS, senders=NAMES)

    night(store_url)
    assert "sender-fails" not in found(store_url)


def services(first_day: int) -> list[Report]:
    """40 days of an own server, and a service that nobody reviewed from `first_day` on."""
    own = shape(DOMAIN, signed(DOMAIN), spf(DOMAIN), dkim=True, spf=True, envelope=DOMAIN)
    invoices = shape(DOMAIN, signed("amazonses.com"), spf("ap-northeast-1.amazonses.com"))
    reports = []
    for day in range(TODAY - 40, TODAY):
        lines = [Record("192.0.2.20", 10, own)]
        lines += [Record("54.240.11.3", 3, invoices)] if day >= first_day else []
        reports.append(history_report(DOMAIN, day, "google.com", lines))
    return reports


def test_a_known_service_that_is_new_is_asked_about(store_url: str) -> None:
    store_history(store_url, services(TODAY - 5))

    night(store_url)
    new = found(store_url)["new-sender"]
    assert (new.severity, new.evidence["verdict"]) == ("change", "candidate")
    assert words(new) == "Amazon SES sends in the domain's name for the first time: 15 messages since 2026-08-30."
    assert new.advice.words("en") == "Ask the customer whether it uses this service, and record the decision."


def test_a_service_seen_since_the_first_reports_is_not_new(store_url: str) -> None:
    store_history(store_url, services(TODAY - 40))

    night(store_url)
    assert "new-sender" not in found(store_url)


def test_an_event_of_a_new_sender_closes_when_it_is_new_no_more(store_url: str) -> None:
    store_history(store_url, services(TODAY - 13))
    night(store_url)
    assert "new-sender" in found(store_url)

    fill(store_url, daily(range(TODAY, TODAY + 2), lambda day: [line("192.0.2.20", 1, dkim=True)]))
    night(store_url, TODAY + 2)
    assert "new-sender" not in found(store_url)


def test_a_stranger_is_asked_about_only_once_it_shows_a_habit(store_url: str) -> None:
    def with_stranger(day: int) -> list[Record]:
        return [*steady(day), *([line(OTHER, 4, spf=False)] if day >= TODAY - 2 else [])]

    fill(store_url, daily(range(TODAY - 40, TODAY), with_stranger), customers=CUSTOMERS, senders=NAMES)

    night(store_url)
    assert found(store_url) == {}


def spoofed(day: int) -> list[Record]:
    return [*steady(day), line(SPOOF, 200 if day >= TODAY - 2 else 2)]


def test_a_wave_of_spoofing_is_an_incident_where_no_policy_meets_it(store_url: str) -> None:
    fill(store_url, daily(range(TODAY - 40, TODAY), spoofed), customers=CUSTOMERS, senders=NAMES)

    night(store_url)
    wave = found(store_url)["spoofing-wave"]
    assert (wave.severity, words(wave)) == (
        "incident",
        "402 messages of strangers failed in the 3 days up to 2026-09-03; 6 in so many days are usual.",
    )


def test_a_wave_that_the_policy_meets_is_a_change(store_url: str) -> None:
    fill(store_url, daily(range(TODAY - 40, TODAY), spoofed, "reject"), customers=CUSTOMERS, senders=NAMES)

    night(store_url)
    assert found(store_url)["spoofing-wave"].severity == "change"


def test_spoofing_as_every_day_is_no_wave(store_url: str) -> None:
    always = daily(range(TODAY - 40, TODAY), lambda day: [*steady(day), line(SPOOF, 200)])
    fill(store_url, always, customers=CUSTOMERS, senders=NAMES)

    night(store_url)
    assert "spoofing-wave" not in found(store_url)


def test_own_mail_that_was_quarantined_raises_the_alarm(store_url: str) -> None:
    def held(day: int) -> list[Record]:
        return [line(OWN, 10, spf=True), *([line(OWN, 4, disposition="quarantine")] if day == TODAY - 2 else [])]

    fill(store_url, daily(range(TODAY - 40, TODAY), held, "quarantine"), customers=CUSTOMERS, senders=NAMES)
    for day in (TODAY - 39, TODAY):
        publish(store_url, DOMAIN, QUARANTINE, at=at(day))

    night(store_url)
    alarm = found(store_url)["own-mail-held"]
    assert (alarm.severity, words(alarm)) == (
        "incident",
        "4 messages of own senders (Own server) were quarantined or rejected (2026-09-02…2026-09-02, by Reporter).",
    )
    assert alarm.advice.words("en") == "Go one step down today, and mend the sender."

    assert night(store_url, TODAY + 3, with_standings=False).closed == 0, "a stale standing closes nothing"
    assert "own-mail-held" in found(store_url)


def test_a_step_that_the_evidence_allows_is_due_until_it_was_taken(store_url: str) -> None:
    fill(store_url, daily(range(TODAY - 40, TODAY), steady), customers=CUSTOMERS, senders=NAMES)
    publish(store_url, DOMAIN, None, at=at(TODAY))

    night(store_url)
    due = found(store_url)["step-due"]
    assert (due.severity, due.subject, words(due)) == (
        "change",
        "none",
        "The evidence allows the next step, “none”.",
    )

    publish(store_url, DOMAIN, NONE, at=at(TODAY + 1))
    night(store_url, TODAY + 1)
    assert "step-due" not in found(store_url)


def complain(url: str, day: int, note: str) -> None:
    """Write a complaint down, as `sekisho complaint` does; an empty note withdraws those that count."""
    engine = open_store(url)
    with writing(engine) as connection:
        domain_id, actor = office.domain_id_of(connection, DOMAIN), Actor("staff", at(day))
        if note:
            complaints.record(connection, domain_id, note, actor=actor)
        else:
            complaints.withdraw(connection, domain_id, "a filter at the client", actor=actor)
    engine.dispose()


def test_a_complaint_is_an_incident_for_as_long_as_it_keeps_the_domain_from_reject(store_url: str) -> None:
    fill(store_url, daily(range(TODAY - 40, TODAY), steady), customers=CUSTOMERS, senders=NAMES)
    publish(store_url, DOMAIN, QUARANTINE, at=at(TODAY - 60))
    complain(store_url, TODAY - 3, "Invoices are missing, says a client")
    complain(store_url, TODAY, "Orders are missing too")

    night(store_url)
    told = found(store_url)["complaint"]
    assert (told.severity, words(told), told.advice.words("ja")) == (
        "incident",
        "On 2026-09-04 the customer said that wanted mail did not arrive: Orders are missing too",
        "原因をご確認ください。DMARCが原因でなければ申告を取り下げてください(「sekisho complaint --withdraw」)。"
        "DMARCが原因の場合は修正のうえ、申告のない期間が30日必要です。",
    )

    assert night(store_url, TODAY + 30, with_standings=False).closed == 0, "G4 counts it for 30 whole days"
    night(store_url, TODAY + 31, with_standings=False)
    assert "complaint" not in found(store_url)


def test_a_complaint_is_over_when_it_is_withdrawn(store_url: str) -> None:
    fill(store_url, daily(range(TODAY - 40, TODAY), steady), customers=CUSTOMERS, senders=NAMES)
    complain(store_url, TODAY - 3, "Invoices are missing, says a client")
    night(store_url)
    assert "complaint" in found(store_url)

    complain(store_url, TODAY, "")
    night(store_url, TODAY + 1)

    assert "complaint" not in found(store_url)


def test_a_complaint_is_over_when_the_domain_stepped_down_after_it(store_url: str) -> None:
    fill(store_url, daily(range(TODAY - 40, TODAY), steady), customers=CUSTOMERS, senders=NAMES)
    publish(store_url, DOMAIN, QUARANTINE, at=at(TODAY - 60))
    complain(store_url, TODAY - 3, "Invoices are missing, says a client")
    night(store_url)
    assert "complaint" in found(store_url)

    publish(store_url, DOMAIN, NONE, at=at(TODAY + 1))
    night(store_url, TODAY + 1)

    assert "complaint" not in found(store_url)


def test_a_record_that_changed_is_news_for_a_week(store_url: str) -> None:
    fill(store_url, [], customers=CUSTOMERS)
    publish(store_url, DOMAIN, NONE, at=at(TODAY - 20))
    publish(store_url, DOMAIN, QUARANTINE, at=at(TODAY))

    night(store_url)
    changed = found(store_url)["record-changed"]
    assert (changed.severity, changed.subject) == ("change", f"dmarc _dmarc.{DOMAIN} 2026-09-04")
    assert words(changed) == f"The record at _dmarc.example.jp changed on 2026-09-04 from “{NONE}” to “{QUARANTINE}”."

    night(store_url, TODAY + 7)
    assert "record-changed" in found(store_url)
    night(store_url, TODAY + 8)
    assert "record-changed" not in found(store_url)


def test_a_weaker_policy_and_a_lost_record_are_incidents(store_url: str) -> None:
    fill(store_url, [], customers=CUSTOMERS)
    publish(store_url, DOMAIN, QUARANTINE, at=at(TODAY - 20))
    publish(store_url, DOMAIN, NONE, at=at(TODAY))
    night(store_url)
    assert found(store_url)["record-changed"].severity == "incident"

    publish(store_url, DOMAIN, NONE, at=at(TODAY + 20), spf=None)
    night(store_url, TODAY + 20)
    gone = found(store_url)["record-changed"]
    assert (gone.severity, words(gone)) == (
        "incident",
        "The record at example.jp is gone since 2026-09-24. It was “v=spf1 ip4:192.0.2.1 -all”.",
    )


def test_a_broken_record_stays_an_event_while_nobody_can_look(store_url: str) -> None:
    fill(store_url, [], customers=CUSTOMERS)
    publish(store_url, DOMAIN, NONE, at=at(TODAY), spf="v=spf1 ip4:192.0.2.1,198.51.100.1 -all")
    night(store_url)
    broken = found(store_url)["record-broken"]
    assert (broken.severity, broken.subject) == ("misconfiguration", f"S2 {DOMAIN}")
    assert "192.0.2.1,198.51.100.1" in words(broken)

    night(store_url, TODAY + 10)
    assert "record-broken" in found(store_url), "the look is too old"
    publish(store_url, DOMAIN, NONE, at=at(TODAY + 11), unanswered=(Unanswered(SPF, DOMAIN, "timeout"),))
    night(store_url, TODAY + 11)
    assert "record-broken" in found(store_url), "the look did not learn all"
    publish(store_url, DOMAIN, NONE, at=at(TODAY + 12))
    night(store_url, TODAY + 12)
    assert "record-broken" not in found(store_url)


def read_everything(url: str, day: int) -> None:
    """A run over files ends well on that day."""
    engine = open_store(url)
    with writing(engine) as connection:
        run = ledger.start_run(connection, "ingest", now=at(day))
        ledger.finish_run(connection, run, "done", "{}", now=at(day))
    engine.dispose()


def test_a_domain_and_a_reporter_without_reports_are_said_to_be_silent(store_url: str) -> None:
    fill(store_url, daily(range(TODAY - 60, TODAY - 20), steady), customers=CUSTOMERS, senders=NAMES)
    night(store_url)
    assert found(store_url) == {}, "nobody knows that everything was read"

    read_everything(store_url, TODAY)
    night(store_url)
    silent = found(store_url)
    assert {kind: (each.domain, each.severity) for kind, each in silent.items()} == {
        "domain-silent": (DOMAIN, "misconfiguration"),
        "reporter-silent": (None, "noise"),
    }
    assert words(silent["domain-silent"]) == (
        "No report about the domain has come since 2026-08-14. Longest pause before: 1 days."
    )


def test_nobody_is_judged_silent_while_nothing_is_read() -> None:
    silence = Silence(DOMAIN, TODAY - 20, habit_days=1, quiet_days=20)

    unread = watch_silences([silence], [silence], {DOMAIN: 7}, None)
    assert unread.found == ()
    assert unread.unjudged == {(7, "domain-silent"), (None, "reporter-silent")}
    read = watch_silences([], [silence], {DOMAIN: 7}, TODAY)
    evidence = {"name": DOMAIN, "day": "2026-08-15", "habit": 1}
    assert read.found == (FoundEvent(7, "domain-silent", "", "misconfiguration", evidence),)


@pytest.mark.parametrize("gone", [46, 400])
def test_who_is_gone_for_good_is_no_event(gone: int) -> None:
    silence = Silence(DOMAIN, TODAY - gone, habit_days=1, quiet_days=gone)

    assert watch_silences([silence], [silence], {DOMAIN: 7}, TODAY).found == ()


def test_a_customer_reads_the_events_of_its_own_domains_only(store_url: str) -> None:
    both = {"Sakura": [DOMAIN], "Tanaka": ["example.com"]}
    other = [report("example.com", day, [line(OWN, 10, dkim=True)]) for day in range(TODAY - 60, TODAY - 20)]
    fill(store_url, [*daily(range(TODAY - 60, TODAY - 20), steady), *other], customers=both)
    read_everything(store_url, TODAY)
    night(store_url)

    def of(scope: Scope) -> list[tuple[str | None, str]]:
        return ask(store_url, lambda link: [(each.domain, each.kind) for each in events.open_events(link, scope)])

    ids = ask(store_url, lambda link: {each.name: each.id for each in office.customers(link)})
    assert of(Scope((ids["Tanaka"],))) == [("example.com", "domain-silent")]
    assert of(Scope(())) == []
    assert len(of(Scope(None))) == 3
    counts = ask(store_url, lambda link: events.open_counts(link, Scope((ids["Sakura"],))))
    assert counts == {DOMAIN: 1}
