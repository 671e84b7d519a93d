"""Numbers, shares, days and ages in the reader's habit (Babel's CLDR tables).

Days are UTC days since 1970-01-01, times are epoch seconds; nothing here converts a time zone.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal, format_percent

from wording import text

_EPOCH = date(1970, 1, 1)


def as_date(day: int) -> date:
    """The calendar date of a UTC day number."""
    return _EPOCH + timedelta(days=day)


def as_day(calendar_date: date) -> int:
    """The UTC day number of a calendar date."""
    return (calendar_date - _EPOCH).days


def last_day(end_at: int) -> int:
    """The last UTC day of a period that ends at `end_at`: midnight belongs to the day before it."""
    return (end_at - 1) // 86_400


# A page writes hundreds of numbers and days, and mostly those of the click before.
@lru_cache(maxsize=8192)
def number(language: str, value: int) -> str:
    """`1204` as `1,204`."""
    return format_decimal(value, locale=language)


def counted(language: str, values: Iterable[tuple[str, int | str]]) -> dict[str, str]:
    """What fills the places of a sentence whose numbers are counts: those as `number` writes them."""
    return {name: number(language, value) if type(value) is int else str(value) for name, value in values}


def held_percent(part: int, whole: int) -> float | None:
    """`part` of `whole` in per cent with one decimal; only all is 100 and only nothing is 0. None of nothing."""
    if not whole:
        return None
    tenths = round(1000 * part / whole)
    return min(max(tenths, 1 if part else 0), 1000 if part == whole else 999) / 10


def share(language: str, part: int, whole: int) -> str:
    """`held_percent` in words: `98.2%`. Of nothing it is a dash."""
    held = held_percent(part, whole)
    return "—" if held is None else format_percent(held / 100, "#,##0.0%", locale=language)


@lru_cache(maxsize=4096)
def day(language: str, value: int) -> str:
    """A UTC day as `2026/11/24` or `Nov 24, 2026`."""
    return format_date(as_date(value), "medium", locale=language)


def moment(at: int) -> str:
    """A time in UTC as `2026-11-24 03:17`, the same in every language."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def age_of_day(language: str, value: int, today: int) -> str:
    """How long ago a UTC day was: `today`, `3 days ago`."""
    if value >= today:
        return text(language, "today")
    return format_timedelta(
        timedelta(days=value - today), granularity="day", threshold=9999, add_direction=True, locale=language
    )
