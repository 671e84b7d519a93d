"""What can and cannot be seen of a domain's mail: days, month ends, reporters, and senders that have a season.

A day counts as seen when a report tells of own mail that passed on it. So neither a stranger's mail nor failing mail
ever makes a domain look better observed. Pure; days are UTC day numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from analysis.frames import Period
from analysis.ladder_frames import ReporterDay, SenderDay
from wording.forms import as_date, as_day

# Like verdict.RECENT_DAYS: any 35 days hold a whole month end.
WINDOW_DAYS = 35
# Reports about a day may come so many days later.
LAG_DAYS = 3
# A calendar year: whoever sends once a quarter, or for the New Year, was seen in it.
LOOKBACK_DAYS = 366
INDEPENDENT_REPORTERS = 3
# A reporter that told of own mail on so many days has a habit; after so many days without one it is silent.
HABIT_DAYS = 5
SILENT_DAYS = 14
# The month end is its last three days and the first of the next month.
LAST_DAYS = 3

# How near to the turn of a month a sender of month ends stays: holidays move the last business day.
_BEFORE_TURN, _AFTER_TURN = 5, 3
_FEWEST_TIMES = 2
_QUARTER_GAP = 60


@dataclass(frozen=True, slots=True)
class ReporterShare:
    """A reporter's messages of own senders in the window that passed, and the last day that it told of one."""

    name: str
    messages: int
    last_day: int


@dataclass(frozen=True, slots=True)
class Seasonal:
    """An own sender that is not seen all the time. `rhythm`: weekly, month-end or quarterly.

    `seen_since`: whether it was seen after the domain's records last changed; None: it is not known when that was.
    """

    sender: str
    rhythm: str
    last_day: int
    seen_since: bool | None


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """The turn after a month (its first day, as a UTC day): whether each of its days was seen."""

    month: int
    seen: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the reports of a domain show of its own mail.

    due              the days of the window that reports should have come for by now
    first_day        the first day of the lookback with own mail that passed (None: there is none)
    missing          days of `due` on which no report told of such mail
    month_ends       those that lie wholly in `due`
    reporters        in the window, most messages first
    silent           reporters of the lookback that had a habit and told of nothing for SILENT_DAYS
    seasonal         own senders with a season
    """

    due: Period
    first_day: int | None
    missing: tuple[int, ...]
    month_ends: tuple[MonthEnd, ...]
    reporters: tuple[ReporterShare, ...]
    silent: tuple[ReporterShare, ...]
    seasonal: tuple[Seasonal, ...]

    @property
    def only(self) -> str | None:
        """The one reporter that tells of the domain, where there is only one."""
        return self.reporters[0].name if len(self.reporters) == 1 else None


def window(as_of: int) -> Period:
    """The days that the gates judge, the last being `as_of`."""
    return Period(as_of - WINDOW_DAYS + 1, as_of)


def lookback(as_of: int) -> Period:
    """The days in which senders are remembered."""
    return Period(as_of - LOOKBACK_DAYS + 1, as_of)


def build(
    days: Iterable[SenderDay],
    told: Sequence[ReporterDay],
    own: Collection[str],
    as_of: int,
    *,
    changed_day: int | None = None,
) -> Coverage:
    """The coverage out of the lookback: `own` are the keys of the domain's own senders, and `told` is of them only."""
    mine = [row for row in days if row.sender in own]
    seen = {row.day for row in mine if row.passed}
    due = Period(as_of - WINDOW_DAYS + 1, as_of - LAG_DAYS + 1)
    return Coverage(
        due=due,
        first_day=min(seen, default=None),
        missing=tuple(day for day in due.days if day not in seen),
        month_ends=tuple(_month_ends(due, seen)),
        reporters=_shares([row for row in told if row.day >= due.first_day]),
        silent=tuple(_silent(told, as_of)),
        seasonal=tuple(_seasonal(mine, as_of, changed_day)),
    )


def month_ends(period: Period) -> list[tuple[int, tuple[int, ...]]]:
    """(first day of the month, days of its end) for each month end that lies wholly in the period."""
    found = []
    for day in period.days:
        first = as_date(day)
        if first.day == 1 and day - LAST_DAYS >= period.first_day:
            found.append((as_day(_first_of_month(first - timedelta(days=1))), tuple(range(day - LAST_DAYS, day + 1))))
    return found


def _month_ends(due: Period, seen: Collection[int]) -> Iterable[MonthEnd]:
    for month, days in month_ends(due):
        yield MonthEnd(month, all(day in seen for day in days))


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _shares(rows: Sequence[ReporterDay]) -> tuple[ReporterShare, ...]:
    messages: Counter[str] = Counter()
    last: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        messages[row.reporter] += row.passed
        last[row.reporter] = max(last[row.reporter], row.day)
    found = (ReporterShare(name, count, last[name]) for name, count in messages.items())
    return tuple(sorted(found, key=lambda each: (-each.messages, each.name)))


def _silent(rows: Sequence[ReporterDay], as_of: int) -> Iterable[ReporterShare]:
    days: defaultdict[str, set[int]] = defaultdict(set)
    for row in rows:
        days[row.reporter].add(row.day)
    for share in _shares(rows):
        if len(days[share.name]) >= HABIT_DAYS and as_of - share.last_day >= SILENT_DAYS:
            yield share


def _seasonal(rows: Sequence[SenderDay], as_of: int, changed_day: int | None) -> Iterable[Seasonal]:
    days: defaultdict[str, set[int]] = defaultdict(set)
    for row in rows:
        days[row.sender].add(row.day)
    for key, seen in sorted(days.items()):
        rhythm = rhythm_of(sorted(seen), as_of)
        if rhythm:
            yield Seasonal(key, rhythm, max(seen), None if changed_day is None else max(seen) > changed_day)


def rhythm_of(days: Sequence[int], as_of: int) -> str | None:
    """The season of a sender that was seen on these days, in order: month-end, weekly, quarterly, or none."""
    dates = [as_date(day) for day in days]
    if all(_near_turn(each) for each in dates) and len({_turn(each) for each in dates}) >= _FEWEST_TIMES:
        return "month-end"
    if len(days) > _FEWEST_TIMES and len({each.weekday() for each in dates}) == 1:
        return "weekly"
    gaps = [later - day for day, later in zip(days, [*days[1:], as_of], strict=True)]
    return "quarterly" if len(days) > 1 and max(gaps) >= _QUARTER_GAP else None


def _near_turn(day: date) -> bool:
    return day.day <= _AFTER_TURN or (day + timedelta(days=_BEFORE_TURN)).month != day.month


def _turn(day: date) -> date:
    """The first of the month whose beginning is nearest."""
    return _first_of_month(day + timedelta(days=_BEFORE_TURN))
