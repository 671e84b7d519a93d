"""What arrived: runs, states, quarantine, mailboxes, silences, reports set apart; on both databases."""

import json

import pytest
from sqlalchemy import Connection
from store_builder import NOW, ask, fill, line, report

from analysis import arrivals
from analysis.arrival_frames import Apart
from analysis.arrivals import PAGE_ROWS, MailboxLine, Silences, Step
from analysis.frames import Period, Scope
from analysis.health import HABIT_DAYS, HABIT_TIMES, NIGHT_SECONDS, Silence
from ingest.mailboxes import command_of
from store import ledger
from store.engine import open_store, writing
from store.schema import MESSAGE_STATES

EVERYTHING, A_CUSTOMER = Scope(None), Scope((1,))
DAY = 20_000


def run(url: str, command: str, started: int, outcome: str | None = None, **summary: object) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        run_id = ledger.start_run(connection, command, now=started)
        if outcome:
            ledger.finish_run(connection, run_id, outcome, json.dumps(summary), now=started + 60)
    engine.dispose()


def quarantine(url: str, *places: str, content: bytes | None = None) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        run_id = ledger.start_run(connection, "ingest", now=NOW)
        for place in places:
            entry = ledger.Entry(place, f"sha-{place}", 9, "quarantined", reason="truncated: cut")
            ledger.record_message(connection, entry, run_id=run_id, now=NOW)
            if content is not None:
                ledger.keep_originals(connection, [(f"sha-{place}", content)], now=NOW)
    engine.dispose()


def test_a_run_says_what_it_counted_and_which_steps_it_took(store_url: str) -> None:
    step = {"name": "backup", "code": 1, "sentence": "no room", "seconds": 3}
    run(store_url, "nightly", NOW, "failed", steps=[step])
    run(store_url, "mailbox main", NOW + 5, "later", stored=12, empty=0, seconds=1.5, problem="busy", stopped="mails")

    mailbox, night = ask(store_url, lambda link: arrivals.runs(link, EVERYTHING, before=None, now=NOW)).rows

    assert (mailbox.command, mailbox.outcome, mailbox.figures) == ("mailbox main", "later", (("stored", 12),))
    assert (mailbox.problem, mailbox.stopped, mailbox.finished_at) == ("busy", "mails", NOW + 65)
    assert (night.outcome, night.steps) == ("failed", (Step("backup", 1, "no room", 3),))


@pytest.mark.parametrize(("age", "word"), [(0, "running"), (NIGHT_SECONDS, "running"), (NIGHT_SECONDS + 1, "killed")])
def test_a_run_without_an_end_runs_until_no_run_takes_so_long(sqlite_url: str, age: int, word: str) -> None:
    run(sqlite_url, "ingest", NOW)

    (row,) = ask(sqlite_url, lambda link: arrivals.runs(link, EVERYTHING, before=None, now=NOW + age)).rows

    assert (row.outcome, row.finished_at) == (word, None)


def test_the_pages_of_runs_hold_each_run_once(store_url: str) -> None:
    for number in range(PAGE_ROWS + 1):
        run(store_url, f"run {number}", NOW)

    first = ask(store_url, lambda link: arrivals.runs(link, EVERYTHING, before=None, now=NOW))
    rest = ask(store_url, lambda link: arrivals.runs(link, EVERYTHING, before=first.next_before, now=NOW))

    assert [row.command for row in first.rows + rest.rows] == [f"run {number}" for number in range(PAGE_ROWS, -1, -1)]
    assert (len(rest.rows), rest.next_before) == (1, None)


def test_every_state_is_counted_also_one_without_a_message(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY)], quarantined=2)

    states = ask(store_url, lambda link: arrivals.states(link, EVERYTHING))

    assert tuple(states) == MESSAGE_STATES
    assert {state: count for state, count in states.items() if count} == {"stored": 1, "quarantined": 2}


def test_the_pages_of_the_quarantine_hold_each_message_once(store_url: str) -> None:
    quarantine(store_url, *map(str, range(PAGE_ROWS + 2)))

    first = ask(store_url, lambda link: arrivals.quarantine(link, EVERYTHING, before=None))
    rest = ask(store_url, lambda link: arrivals.quarantine(link, EVERYTHING, before=first.next_before))

    assert [row.place for row in first.rows + rest.rows] == [str(number) for number in range(PAGE_ROWS + 1, -1, -1)]
    assert (first.total, len(rest.rows), rest.next_before) == (PAGE_ROWS + 2, 2, None)


def test_a_quarantined_message_shows_how_it_begins_where_it_is_kept(store_url: str) -> None:
    quarantine(store_url, "kept.eml", content=b"From: x\r\n\r\n<cut")
    quarantine(store_url, "lost.eml")

    kept = ask(store_url, lambda link: arrivals.quarantined(link, EVERYTHING, 1))
    lost = ask(store_url, lambda link: arrivals.quarantined(link, EVERYTHING, 2))

    assert kept is not None
    assert lost is not None
    assert (kept.row.place, kept.row.kept, kept.beginning) == ("kept.eml", True, ("From: x", "", "<cut"))
    assert (lost.row.place, lost.row.kept, lost.beginning) == ("lost.eml", False, ())
    assert ask(store_url, lambda link: arrivals.quarantined(link, EVERYTHING, 3)) is None


def test_a_message_that_was_read_is_not_found_in_the_quarantine(sqlite_url: str) -> None:
    fill(sqlite_url, [report("example.jp", DAY)])

    assert ask(sqlite_url, lambda link: arrivals.quarantined(link, EVERYTHING, 1)) is None


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08rest", b"PK\x03\x04rest", b"text\0more"])
def test_what_is_no_text_has_no_beginning_to_show(content: bytes) -> None:
    assert arrivals.beginning(content) == ()


def test_a_long_beginning_is_cut() -> None:
    assert arrivals.beginning(b"x" * 10_000) == ("x" * 200,)


def test_a_mailbox_of_the_settings_is_listed_before_one_that_only_the_ledger_knows(store_url: str) -> None:
    run(store_url, "mailbox main", NOW, "done", stored=1)
    run(store_url, "mailbox main", NOW + 100, "failed", problem="refused", stopped="bytes")
    engine = open_store(store_url)
    with writing(engine) as connection:
        for uid, state in enumerate(("stored", "quarantined")):
            entry = ledger.Entry("p", f"{uid}", 1, state, mailbox="old", folder="INBOX", uidvalidity=1, uid=uid)
            ledger.record_message(connection, entry, run_id=1, now=NOW)
    engine.dispose()

    found = ask(store_url, lambda link: arrivals.mailboxes(link, EVERYTHING, ("main", "never")))

    assert found == (
        MailboxLine("main", True, NOW + 60, "failed", "refused", True, 0, 0),
        MailboxLine("never", True, None, None, None, False, 0, 0),
        MailboxLine("old", False, None, None, None, False, 2, 1),
    )


def test_the_ledger_names_the_run_of_a_mailbox_as_ingest_does() -> None:
    assert command_of("main") == arrivals.MAILBOX_COMMAND + "main"


def test_who_paused_far_longer_than_ever_is_silent_once_everything_was_read(store_url: str) -> None:
    regular = [report("example.jp", DAY + number, org="Regular") for number in range(10)]
    fill(store_url, [*regular, report("example.jp", DAY + 20, org="Once")], customers={"Sakura": ["example.jp"]})
    now = (DAY + 30) * 86_400

    nobody_read = ask(store_url, lambda link: arrivals.silences(link, EVERYTHING, (), now=now))
    run(store_url, "ingest", now, "done")
    read = ask(store_url, lambda link: arrivals.silences(link, EVERYTHING, (), now=now))

    assert (nobody_read.reporters, nobody_read.domains) == ((), ())
    assert read.reporters == (Silence("Regular", DAY + 9, 1, 21),)
    assert read.domains == ()


@pytest.mark.parametrize(("first", "silent"), [(DAY - HABIT_DAYS, True), (DAY - HABIT_DAYS - 1, False)])
def test_a_habit_is_one_of_the_last_ninety_days(sqlite_url: str, first: int, silent: bool) -> None:
    days = range(first, first + HABIT_TIMES)
    fill(sqlite_url, [report("example.jp", day) for day in days], customers={"Sakura": ["example.jp"]})
    run(sqlite_url, "ingest", DAY * 86_400, "done")

    found = ask(sqlite_url, lambda link: arrivals.silences(link, EVERYTHING, (), now=DAY * 86_400))

    assert bool(found.reporters) is silent
    assert bool(found.domains) is silent


def test_the_silent_come_by_name_reporters_and_domains_apart(store_url: str) -> None:
    days = range(DAY, DAY + HABIT_TIMES)
    rows = [("b.example.jp", "Zeta", 0), ("a.example.jp", "Beta", 1), ("unassigned.example.jp", "Alpha", 2)]
    reports = [report(name, day + later, org=org) for name, org, later in rows for day in days]
    fill(store_url, reports, customers={"Sakura": ["b.example.jp", "a.example.jp"]})
    now = (DAY + 30) * 86_400
    run(store_url, "ingest", now, "done")

    found = ask(store_url, lambda link: arrivals.silences(link, EVERYTHING, (), now=now))

    assert found.reporters == (
        Silence("Alpha", DAY + 9, 1, 21),
        Silence("Beta", DAY + 8, 1, 22),
        Silence("Zeta", DAY + 7, 1, 23),
    )
    assert found.domains == (Silence("a.example.jp", DAY + 8, 1, 22), Silence("b.example.jp", DAY + 7, 1, 23))


@pytest.mark.parametrize(("read_day", "silent"), [(DAY + 11, ()), (DAY + 12, (Silence("Reporter", DAY + 7, 1, 5),))])
def test_with_mailboxes_the_one_that_is_behind_says_until_when_everything_was_read(
    sqlite_url: str, read_day: int, silent: tuple[Silence, ...]
) -> None:
    fill(sqlite_url, [report("example.jp", DAY + number) for number in range(HABIT_TIMES)])
    now = (DAY + 30) * 86_400
    run(sqlite_url, "mailbox behind", read_day * 86_400, "done")
    run(sqlite_url, "mailbox behind", now, "failed")
    run(sqlite_url, "mailbox main", now, "done")
    run(sqlite_url, "ingest", now, "done")

    found = ask(sqlite_url, lambda link: arrivals.silences(link, EVERYTHING, ("main", "behind"), now=now))

    assert found.reporters == silent


def test_nobody_is_silent_while_one_mailbox_was_never_read(sqlite_url: str) -> None:
    fill(sqlite_url, [report("example.jp", DAY + number) for number in range(HABIT_TIMES)])
    now = (DAY + 30) * 86_400
    run(sqlite_url, "mailbox main", now, "done")

    found = ask(sqlite_url, lambda link: arrivals.silences(link, EVERYTHING, ("main", "never"), now=now))
    main_only = ask(sqlite_url, lambda link: arrivals.silences(link, EVERYTHING, ("main",), now=now))

    assert found.reporters == ()
    assert main_only.reporters == (Silence("Reporter", DAY + 7, 1, 23),)


def test_a_customer_is_told_of_no_silence(sqlite_url: str) -> None:
    reports = [report("example.jp", DAY + number) for number in range(HABIT_TIMES)]
    fill(sqlite_url, reports, customers={"Sakura": ["example.jp"]})
    now = (DAY + 30) * 86_400
    run(sqlite_url, "ingest", now, "done")

    to_a_customer = ask(sqlite_url, lambda link: arrivals.silences(link, A_CUSTOMER, (), now=now))
    to_staff = ask(sqlite_url, lambda link: arrivals.silences(link, EVERYTHING, (), now=now))

    assert to_a_customer == Silences((), ())
    assert to_staff.domains == (Silence("example.jp", DAY + 7, 1, 23),)


def test_reports_are_set_apart_by_reason_and_counted_apart(store_url: str) -> None:
    bad = report("example.jp", DAY, [line("192.0.2.1", 1), line("192.0.2.2", 2, bad="count")], org="Partial")
    fill(
        store_url,
        [
            (report("example.jp", DAY, [line("192.0.2.1", 1)], org="Genuine"), "pass"),
            (report("example.jp", DAY, [line("192.0.2.1", 4)], org="Forged"), "fail"),
            (report("example.jp", DAY, [line("192.0.2.1", 5)], org="File"), "unverified"),
            (report("example.jp", DAY, [line("192.0.2.1", 5)], org="Alike"), "pass"),
            (report("example.jp", DAY + 9, [line("192.0.2.1", 1)], org="Later"), "fail"),
            (bad, "pass"),
        ],
    )
    period = Period(DAY, DAY + 1)

    found = {
        why: ask(store_url, lambda link, why=why: arrivals.apart(link, EVERYTHING, period, why, before=None))
        for why in Apart
    }

    assert {why: [row.org_name for row in page.rows] for why, page in found.items()} == {
        Apart.FORGED: ["Forged"],
        Apart.UNVERIFIED: ["File"],
        Apart.VARIANT: ["Alike"],
        Apart.PARTIAL: ["Partial"],
    }
    assert found[Apart.FORGED].counts == {Apart.FORGED: 1, Apart.UNVERIFIED: 1, Apart.VARIANT: 1, Apart.PARTIAL: 1}
    assert (found[Apart.PARTIAL].rows[0].bad_records, found[Apart.PARTIAL].rows[0].records) == (1, 2)


def test_the_pages_of_reports_set_apart_hold_each_report_once(store_url: str) -> None:
    many = [report("example.jp", DAY, [line("192.0.2.1", 1)], org=f"R{number:02}") for number in range(PAGE_ROWS + 3)]
    fill(store_url, [(each, "fail") for each in many])
    period = Period(DAY, DAY)

    first = ask(store_url, lambda link: arrivals.apart(link, EVERYTHING, period, Apart.FORGED, before=None))
    rest = ask(store_url, lambda link: arrivals.apart(link, EVERYTHING, period, Apart.FORGED, before=first.next_before))

    assert sorted(row.org_name for row in first.rows + rest.rows) == sorted(each.org_name for each in many)
    assert (len(rest.rows), rest.next_before) == (3, None)


def test_a_customer_has_no_runs_and_no_messages(sqlite_url: str) -> None:
    quarantine(sqlite_url, "a.eml", content=b"x")
    fill(sqlite_url, [(report("example.jp", DAY), "fail")])
    period = Period(DAY, DAY)

    def everything(link: Connection) -> list[object]:
        page = arrivals.apart(link, A_CUSTOMER, period, Apart.FORGED, before=None)
        return [
            arrivals.runs(link, A_CUSTOMER, before=None, now=NOW).rows,
            any(arrivals.states(link, A_CUSTOMER).values()),
            arrivals.mailboxes(link, A_CUSTOMER, ()),
            arrivals.quarantine(link, A_CUSTOMER, before=None).total,
            arrivals.quarantined(link, A_CUSTOMER, 1),
            page.rows,
            sum(page.counts.values()),
        ]

    assert ask(sqlite_url, everything) == [(), False, (), 0, None, (), 0]
