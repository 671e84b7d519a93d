"""A domain's day as screens and files show it: counted mail of every authenticity but `fail` in one row."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from analysis.frames import Day


@dataclass(frozen=True, slots=True)
class DayRow:
    """Counted messages of one UTC day (days since 1970-01-01); all 0 when no report tells of mail on that day.

    `both_aligned`, `dkim_only`, `spf_only` and `neither` add up to `messages`, the first three to `passed`; the four
    dispositions add up to `messages` (`none` includes the reporters' word `pass`).
    """

    day: int
    messages: int
    passed: int
    both_aligned: int
    dkim_only: int
    spf_only: int
    neither: int
    disposition_none: int
    disposition_quarantine: int
    disposition_reject: int
    disposition_unknown: int


def day_row(day: int, parts: Iterable[Day]) -> DayRow:
    """The sum of one day's parts, which must all be of `day`."""
    found = list(parts)
    return DayRow(day, *(sum(getattr(part, field.name) for part in found) for field in fields(DayRow)[1:]))
