"""Which days a stream sends on: Japanese business days, month ends, newsletter days."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

DAY_SECONDS = 86_400

# Holidays of Japan from July 2026 to July 2027, and the days around New Year on which offices are closed.
HOLIDAYS = frozenset(
    map(
        date.fromisoformat,
        """2026-07-20 2026-08-11 2026-09-21 2026-09-22 2026-09-23 2026-10-12 2026-11-03 2026-11-23
        2026-12-29 2026-12-30 2026-12-31 2027-01-01 2027-01-02 2027-01-03 2027-01-11 2027-02-11 2027-02-23
        2027-03-22 2027-04-29 2027-05-03 2027-05-04 2027-05-05 2027-07-19""".split(),
    )
)


def epoch(day: date) -> int:
    """00:00 UTC of this day in epoch seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def days(until: date, count: int) -> list[date]:
    """`count` days, the last one being `until`."""
    return [until - timedelta(days=back) for back in reversed(range(count))]


def is_business_day(day: date) -> bool:
    """Monday to Friday, no holiday."""
    return day.weekday() < 5 and day not in HOLIDAYS


def is_last_business_day(day: date) -> bool:
    """The last business day of its month."""
    later = [day + timedelta(days=ahead) for ahead in range(1, 31)]
    rest = [other for other in later if other.month == day.month]
    return is_business_day(day) and not any(map(is_business_day, rest))


def _business(day: date) -> float:
    return 1.0 if is_business_day(day) else 0.04


def _every_day(day: date) -> float:
    return 1.0 if is_business_day(day) else 0.7


def _month_end(day: date) -> float:
    return 1.0 if is_last_business_day(day) or day.day == 1 else 0.0


def _second_tuesday(day: date) -> float:
    return 1.0 if day.weekday() == 1 and day.isocalendar().week % 2 == 0 else 0.0


def _nights(_day: date) -> float:
    return 1.0


CALENDARS: dict[str, Callable[[date], float]] = {
    "business days": _business,
    "every day": _every_day,
    "month end": _month_end,
    "every second tuesday": _second_tuesday,
    "always": _nights,
}
