"""What can be seen of a domain's mail: days, month ends, reporters, seasons."""

from datetime import date

import pytest

from analysis import coverage
from analysis.coverage import Coverage, MonthEnd, Seasonal
from analysis.ladder_frames import ReporterDay, SenderDay
from wording.forms import as_day

AS_OF = as_day(date(2026, 11, 20))


Row = tuple[SenderDay, ReporterDay]
OWN = {"own", "invoices"}


def row(day: int, *, sender: str = "own", reporter: str = "google.com", passed: int = 1) -> Row:
    return SenderDay(sender, day, 1, passed, passed), ReporterDay(reporter, day, passed)


def built(*rows: Row, changed_day: int | None = None) -> Coverage:
    days = [day for day, _ in rows]
    told = [told for day, told in rows if day.passed and day.sender in OWN]
    return coverage.build(days, told, OWN, AS_OF, changed_day=changed_day)


def every_day(count: int = 60, **facts: str) -> list[Row]:
    return [row(AS_OF - back, **facts) for back in range(count)]  # type: ignore[arg-type]


def test_the_days_that_reports_are_due_for_hold_a_month_end() -> None:
    found = built(*every_day())

    assert (found.due.first_day, found.due.last_day) == (as_day(date(2026, 10, 17)), as_day(date(2026, 11, 18)))
    assert found.missing == ()
    assert found.month_ends == (MonthEnd(as_day(date(2026, 10, 1)), True),)
    assert found.only == "google.com"


def test_a_day_with_failing_or_strangers_mail_alone_is_missing() -> None:
    quiet = as_day(date(2026, 10, 31))
    rows = [each for each in every_day() if each[0].day != quiet]

    found = built(*rows, row(quiet, passed=0), row(quiet, sender="stranger"))

    assert found.missing == (quiet,)
    assert found.month_ends == (MonthEnd(as_day(date(2026, 10, 1)), False),)


def test_no_own_mail_has_no_first_day_and_no_reporter() -> None:
    found = built(row(AS_OF, sender="stranger"))

    assert (found.first_day, found.reporters, found.only) == (None, (), None)
    assert len(found.missing) == 33


def test_a_reporter_with_a_habit_that_stopped_is_silent() -> None:
    stopped = [row(AS_OF - back, reporter="docomo.ne.jp") for back in range(14, 25)]
    once = [row(AS_OF - 30, reporter="mail.ru")]
    going_on = [row(AS_OF - back, reporter="kddi.com") for back in range(13, 25)]

    assert [each.name for each in built(*every_day(), *stopped, *once, *going_on).silent] == ["docomo.ne.jp"]


@pytest.mark.parametrize(
    ("days", "rhythm"),
    [
        (["2026-07-31", "2026-08-31", "2026-09-30", "2026-10-30", "2026-11-01"], "month-end"),
        (["2026-10-30", "2026-11-01"], None),
        (["2026-11-03", "2026-11-10", "2026-11-17"], "weekly"),
        (["2026-03-10", "2026-06-10", "2026-09-10"], "quarterly"),
        (["2026-11-16", "2026-11-17", "2026-11-18"], None),
        (["2026-11-18"], None),
    ],
)
def test_days_with_mail_show_a_monthly_weekly_or_quarterly_rhythm_or_none(days: list[str], rhythm: str | None) -> None:
    assert coverage.rhythm_of([as_day(date.fromisoformat(day)) for day in days], AS_OF) == rhythm


def test_a_seasonal_sender_says_whether_it_was_seen_since_the_records_changed() -> None:
    ends = [as_day(date(2026, month, 30)) for month in (9, 10)]
    rows = [row(day, sender="invoices") for day in ends]

    assert built(*rows).seasonal == (Seasonal("invoices", "month-end", ends[1], None),)
    assert built(*rows, changed_day=ends[1] - 1).seasonal[0].seen_since is True
    assert built(*rows, changed_day=ends[1]).seasonal[0].seen_since is False
