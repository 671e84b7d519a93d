"""The judgement of `sekisho status`, with plain values; and the facts under it, on both databases."""

import json
from dataclasses import replace

from store_builder import DAY_SECONDS, NOW, ask, fill, line, report

from analysis import health_frames
from analysis.frames import Scope
from analysis.health import Facts, Finding, Health, Mailbox, Silence, judge, silences
from analysis.health_frames import DayOfReports, LatestRun, MailboxRow, Quarantine
from store import ledger, office
from store.deliveries import Delivery
from store.engine import open_store, writing

HOUR = 3_600
TODAY = NOW // DAY_SECONDS
STAFF = Scope(None)


def run(
    hours_ago: float, outcome: str | None = "done", *, command: str = "nightly", done_hours_ago: float | None = None
) -> LatestRun:
    """A run that began so long ago and took an hour; when it did not end well, an earlier one may have."""
    started = NOW - int(hours_ago * HOUR)
    finished = None if outcome is None else started + HOUR
    done = finished if outcome == "done" else None
    if done_hours_ago is not None:
        done = NOW - int(done_hours_ago * HOUR)
    return LatestRun(command, started, finished, outcome, None, done)


WELL = Facts(
    night=run(5),
    mailboxes=(Mailbox("main", run(5, command="mailbox main"), more_waits=False),),
    files_read_at=None,
    reporter_days=(),
    domain_days=(),
    quarantine=Quarantine(0, 0),
    copy_at=NOW - 5 * HOUR,
    sqlite_version=(3, 51, 3),
)


def judged(**changes: object) -> Health:
    return judge(replace(WELL, **changes), now=NOW)  # type: ignore[arg-type]


def problems(**changes: object) -> tuple[Finding, ...]:
    return judged(**changes).problems


def test_after_a_good_night_there_is_nothing_to_say() -> None:
    assert judged() == Health((), (), (), ())
    assert judged().well


def put_down(state: str, hours_ago: float) -> Delivery:
    due_at = NOW - int(hours_ago * HOUR)
    return Delivery(1, 1, "Sakura", "sakura", "ja", "report", "2026-10", state, 1, 1, "refused", None, due_at)


def test_files_that_failed_are_a_problem_at_once_and_due_ones_after_a_day_and_a_half() -> None:
    assert problems(deliveries=(put_down("due", 36),)) == ()
    assert problems(deliveries=(put_down("due", 36.1), put_down("due", 60))) == (Finding("delivery-late", number=2),)
    assert problems(deliveries=(put_down("failed", 0), put_down("due", 12))) == (Finding("delivery-failed", number=1),)


def test_a_night_is_expected_as_soon_as_there_is_a_mailbox() -> None:
    assert problems(night=None, copy_at=None) == (Finding("night-missing"),)
    assert problems(night=None, copy_at=None, mailboxes=()) == ()


def test_a_night_may_be_half_a_day_late_and_no_more() -> None:
    assert problems(night=run(37)) == ()
    assert problems(night=run(37.1)) == (Finding("night-late", number=NOW - 37 * HOUR - 6 * 60 + HOUR),)


def test_a_failed_night_is_a_problem_at_once() -> None:
    assert problems(night=run(3, "failed", done_hours_ago=27)) == (Finding("night-failed"),)
    assert problems(night=run(3, "configuration", done_hours_ago=27)) == (Finding("night-failed"),)


def test_a_night_that_will_try_again_is_none_until_it_is_late() -> None:
    assert problems(night=run(3, "later", done_hours_ago=27)) == ()
    assert problems(night=run(3, "later", done_hours_ago=51)) == (Finding("night-late", number=NOW - 51 * HOUR),)


def test_a_night_without_an_end_was_killed_when_it_began_long_ago() -> None:
    assert problems(night=run(11, None, done_hours_ago=35)) == ()
    assert problems(night=run(13, None, done_hours_ago=35)) == (Finding("night-killed", number=NOW - 13 * HOUR),)


def test_during_the_very_first_night_nothing_is_late() -> None:
    first = (Mailbox("main", run(0.1, None), more_waits=False),)

    assert problems(night=run(0.2, None), copy_at=None, mailboxes=first) == ()


def test_each_mailbox_is_judged_alone() -> None:
    mailboxes = (
        Mailbox("broken", run(5, "failed", done_hours_ago=29), more_waits=False),
        Mailbox("busy", run(5, "later", done_hours_ago=29), more_waits=False),
        Mailbox("full", run(5), more_waits=True),
        Mailbox("gone", run(5, "later", done_hours_ago=100), more_waits=False),
        Mailbox("new", None, more_waits=False),
    )

    found = judged(mailboxes=mailboxes)

    assert found.problems == (
        Finding("mailbox-failed", "broken"),
        Finding("mailbox-late", "gone", NOW - 100 * HOUR),
        Finding("mailbox-late", "new"),
    )
    assert found.notes == (Finding("mails-waiting", "full"),)


def test_a_copy_is_expected_from_the_first_night_on() -> None:
    assert problems(copy_at=None) == (Finding("copy-missing"),)
    assert problems(copy_at=NOW - 36 * HOUR) == ()
    assert problems(copy_at=NOW - 37 * HOUR) == (Finding("copy-late", number=NOW - 37 * HOUR),)


def test_quarantine_and_an_old_sqlite_are_notes_and_no_problems() -> None:
    found = judged(quarantine=Quarantine(12, 3), sqlite_version=(3, 40, 1))

    assert found.well
    assert found.notes == (Finding("quarantine", number=12), Finding("sqlite-old", "3.40.1"))
    assert judged(sqlite_version=None).notes == ()


def days(name: str, *ago: int) -> tuple[DayOfReports, ...]:
    """The days on which reports came, counted back from today."""
    return tuple(DayOfReports(name, TODAY - back) for back in sorted(ago, reverse=True))


def test_a_daily_reporter_is_silent_on_the_fifth_day() -> None:
    assert silences(days("google.com", *range(4, 14)), TODAY) == ()
    assert silences(days("google.com", *range(5, 15)), TODAY) == (Silence("google.com", TODAY - 5, 1, 5),)


def test_a_weekly_reporter_may_pause_for_two_weeks() -> None:
    assert silences(days("weekly.example.net", *range(16, 80, 7)), TODAY) == ()
    assert silences(days("weekly.example.net", *range(17, 80, 7)), TODAY) == (
        Silence("weekly.example.net", TODAY - 17, 7, 17),
    )


def test_the_longest_pause_is_the_habit() -> None:
    assert silences(days("office.example.jp", 8, 9, 10, 11, 14, 15, 16, 17, 18), TODAY) == ()


def test_seven_days_of_reports_are_no_habit() -> None:
    assert silences(days("new.example.jp", *range(20, 27)), TODAY) == ()
    assert len(silences(days("new.example.jp", *range(20, 28)), TODAY)) == 1


def test_names_do_not_mix() -> None:
    mixed = (*days("a.example.jp", *range(1, 20)), *days("b.example.jp", *range(9, 30)))

    assert [silence.name for silence in silences(mixed, TODAY)] == ["b.example.jp"]


def test_who_went_silent_is_a_problem_and_who_is_gone_a_note() -> None:
    found = judged(
        reporter_days=(*days("gone.example.net", *range(46, 60)), *days("quiet.example.net", *range(45, 60))),
        domain_days=days("example.jp", *range(10, 30)),
    )

    assert found.problems == (
        Finding("domain-silent", "example.jp", TODAY - 10),
        Finding("reporter-silent", "quiet.example.net", TODAY - 45),
    )
    assert found.notes == (Finding("reporter-gone", "gone.example.net", TODAY - 46),)
    assert [silence.name for silence in found.silent_reporters] == ["gone.example.net", "quiet.example.net"]


def test_nobody_is_called_silent_because_we_did_not_read() -> None:
    daily = days("google.com", *range(9, 30))
    behind = (
        Mailbox("main", run(5), more_waits=False),
        Mailbox("second", run(5, "failed", done_hours_ago=8 * 24), more_waits=False),
    )

    assert problems(reporter_days=daily, mailboxes=behind) == (Finding("mailbox-failed", "second"),)
    assert judged(reporter_days=daily, mailboxes=(Mailbox("new", None, more_waits=False),)).silent_reporters == ()
    assert judged(reporter_days=daily, mailboxes=(), files_read_at=None).silent_reporters == ()


def test_without_a_mailbox_the_files_that_were_read_say_until_when() -> None:
    daily = days("google.com", *range(9, 30))

    assert judged(reporter_days=daily, mailboxes=(), files_read_at=NOW - 6 * DAY_SECONDS).silent_reporters == ()
    assert judged(reporter_days=daily, mailboxes=(), files_read_at=NOW).silent_reporters == (
        Silence("google.com", TODAY - 9, 1, 9),
    )


# ---------------------------------------------------------------------- the facts


def fill_reports(url: str) -> None:
    fill(
        url,
        [
            report("example.jp", 20_000, [line("192.0.2.1", 1)], org="A"),
            report("example.jp", 20_000, [line("192.0.2.1", 1)], org="A", report_id="again"),
            report("example.jp", 20_003, [line("192.0.2.1", 1)], org="B"),
            (report("example.jp", 20_009, [line("192.0.2.1", 1)], org="Forged"), "fail"),
            report("example.com", 20_004, [line("192.0.2.1", 1)], org="A"),
            report("example.com", 19_000, [line("192.0.2.1", 1)], org="Old"),
        ],
        customers={"Sakura": ["example.jp"], "Tanaka": ["example.com"]},
        quarantined=2,
    )
    engine = open_store(url)
    with writing(engine) as connection:
        office.add_customer(connection, "Third", language="ja", now=NOW)
    engine.dispose()


def test_days_of_reporters_are_distinct_counted_and_recent(store_url: str) -> None:
    fill_reports(store_url)

    found = ask(store_url, lambda connection: health_frames.reporter_days(connection, STAFF, 19_500))

    assert found == (DayOfReports("A", 20_000), DayOfReports("A", 20_004), DayOfReports("B", 20_003))


def test_days_of_domains_are_those_of_registered_domains_in_the_scope(store_url: str) -> None:
    fill_reports(store_url)
    engine = open_store(store_url)
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE domain SET registered = (name = 'example.jp')")
    engine.dispose()

    both = ask(store_url, lambda connection: health_frames.domain_days(connection, STAFF, 0))
    other = ask(store_url, lambda connection: health_frames.domain_days(connection, Scope((2,)), 0))

    assert both == (DayOfReports("example.jp", 20_000), DayOfReports("example.jp", 20_003))
    assert other == ()


def test_the_newest_run_of_each_command_knows_when_one_last_ended_well(store_url: str) -> None:
    engine = open_store(store_url)
    with writing(engine) as connection:
        for command, started, outcome in (("nightly", 100, "done"), ("nightly", 200, "failed"), ("nightly", 300, None)):
            number = ledger.start_run(connection, command, now=started)
            if outcome:
                ledger.finish_run(connection, number, outcome, json.dumps({}), now=started + 9)
        ledger.start_run(connection, "ingest", now=400)
    engine.dispose()

    found = ask(store_url, lambda connection: health_frames.latest_runs(connection, STAFF))

    assert found == (
        LatestRun("ingest", 400, None, None, None, None),
        LatestRun("nightly", 300, None, None, None, 109),
    )


def test_mailboxes_are_counted_from_the_ledger(store_url: str) -> None:
    engine = open_store(store_url)
    with writing(engine) as connection:
        number = ledger.start_run(connection, "mailbox main", now=100)
        for uid, state in ((1, "stored"), (2, "quarantined"), (3, "not-a-report")):
            entry = ledger.Entry(f"m/{uid}", f"{uid}", 9, state, None, "main", "INBOX", 1, uid)
            ledger.record_message(connection, entry, run_id=number, now=100 + uid)
        ledger.record_message(connection, ledger.Entry("x.xml", "x", 9, "quarantined"), run_id=number, now=999)
    engine.dispose()

    assert ask(store_url, lambda connection: health_frames.mailboxes(connection, STAFF)) == (
        MailboxRow("main", 3, 1, 103),
    )
    assert ask(store_url, lambda connection: health_frames.quarantine(connection, STAFF, 200)) == Quarantine(2, 1)


def test_the_store_has_a_size(store_url: str) -> None:
    found = ask(store_url, lambda connection: health_frames.store_bytes(connection, STAFF))

    assert found is not None
    assert found > 100_000


def test_a_customer_sees_nothing_of_the_machine(store_url: str) -> None:
    fill_reports(store_url)
    own = Scope((1,))

    assert ask(store_url, lambda connection: health_frames.latest_runs(connection, own)) == ()
    assert ask(store_url, lambda connection: health_frames.mailboxes(connection, own)) == ()
    assert ask(store_url, lambda connection: health_frames.quarantine(connection, own, 0)) == Quarantine(0, 0)
    assert ask(store_url, lambda connection: health_frames.store_bytes(connection, own)) is None
    assert ask(store_url, lambda connection: health_frames.reporter_days(connection, own, 0)) == (
        DayOfReports("A", 20_000),
        DayOfReports("B", 20_003),
    )
