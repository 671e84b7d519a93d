"""The work queue: one row per domain of the scope, what needs a person first.

Pure arithmetic over rows that others read (`of_scope`): standings as worked out last, mail by day, open events.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from analysis import events, frames, standings
from analysis.frames import Connection, DayMessages, DomainFacts, Period, Scope
from analysis.ladder import Advice
from analysis.rates import PassRate, added
from analysis.stages import Stage
from analysis.standings import Blocker, Standing
from knowledge.tables import Tables
from wording import forms

DAY_SECONDS = 86_400
DAYS = 30


class State(StrEnum):
    """What a domain waits for, in the order in which it needs a person."""

    INCIDENT = "incident"
    READY = "ready"
    BLOCKED = "blocked"
    NO_REPORTS = "no-reports"
    DONE = "done"


_ORDER = tuple(State)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One domain of the queue.

    stage            None while neither DNS nor a report has said
    blocker          the first gate that keeps it from its next step; `blockers`: how many do
    confirmed        counted messages of its confirmed senders in the 35 days that the gates judge, and those passed
    daily            all counted messages per day of the period, oldest first; a day without mail has no share
    last_report_end  the newest period end (epoch seconds) of any report in force, or None
    as_of            the last UTC day that the standing judges; None: nobody worked it out yet
    stale            something changed since the standing was worked out
    """

    domain: str
    customer: str | None
    state: State
    stage: Stage | None
    next_stage: Stage | None
    blocker: Blocker | None
    blockers: int
    confirmed: PassRate
    daily: tuple[PassRate, ...]
    last_report_end: int | None
    open_events: int
    as_of: int | None
    stale: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """Every domain of the scope, what needs a person first; `period` is that of `QueueRow.daily`."""

    rows: tuple[QueueRow, ...]
    period: Period

    def count(self, state: State) -> int:
        """How many domains are in `state`."""
        return sum(row.state == state for row in self.rows)

    @property
    def customers(self) -> tuple[str, ...]:
        """The customers of the rows, by name."""
        return tuple(sorted({row.customer for row in self.rows if row.customer is not None}))


def build(
    stood: Iterable[Standing],
    facts: Iterable[DomainFacts],
    messages: Iterable[DayMessages],
    open_events: Mapping[str, int],
    period: Period,
) -> Queue:
    """The queue. `open_events` counts by domain; a domain without facts is left out."""
    days = _by_domain(messages)
    known = {each.domain: each for each in facts}
    rows = (
        _row(each, known[each.domain], days.get(each.domain, ()), open_events.get(each.domain, 0), period)
        for each in stood
        if each.domain in known
    )
    return Queue(tuple(sorted(rows, key=_urgency)), period)


def of_scope(connection: Connection, scope: Scope, tables: Tables, now: int) -> Queue:
    """The queue of every domain of the scope, with the mail of the last DAYS days."""
    today = now // DAY_SECONDS
    period = Period(today - DAYS + 1, today)
    return build(
        standings.current(connection, scope, tables, now),
        frames.domains(connection, scope),
        frames.day_messages(connection, scope, period),
        events.open_counts(connection, scope),
        period,
    )


def _by_domain(found: Iterable[DayMessages]) -> dict[str, list[DayMessages]]:
    grouped: defaultdict[str, list[DayMessages]] = defaultdict(list)
    for row in found:
        grouped[row.domain].append(row)
    return grouped


def _row(standing: Standing, facts: DomainFacts, days: Sequence[DayMessages], events: int, period: Period) -> QueueRow:
    last_report_end = facts.policy.seen_at if facts.policy else None
    return QueueRow(
        domain=standing.domain,
        customer=standing.customer,
        state=state_of(standing, seen=is_seen(last_report_end, period)),
        stage=_stage(standing.stage),
        next_stage=_stage(standing.next_stage),
        blocker=standing.blocker,
        blockers=standing.blockers,
        confirmed=PassRate(standing.confirmed_messages, standing.confirmed_passed),
        daily=_daily(days, period),
        last_report_end=last_report_end,
        open_events=events,
        as_of=standing.as_of,
        stale=standing.stale,
    )


def state_of(standing: Standing | Advice, *, seen: bool) -> State:
    """What a domain waits for; `seen`: a report of the last days tells of it. The first rule that holds decides.

    A parked domain may well be without reports; any other one without them shows nothing that could be judged.
    """
    if standing.step_down:
        return State.INCIDENT
    if standing.ready:
        return State.READY
    if standing.stage == Stage.PARKED:
        return State.DONE
    if standing.stage is None or not seen:
        return State.NO_REPORTS
    return State.DONE if standing.next_stage is None else State.BLOCKED


def is_seen(last_report_end: int | None, period: Period) -> bool:
    """Whether the newest report (its end in epoch seconds) reaches into the period."""
    return last_report_end is not None and forms.last_day(last_report_end) >= period.first_day


def _stage(word: str | None) -> Stage | None:
    return None if word is None else Stage(word)


def _daily(messages: Sequence[DayMessages], period: Period) -> tuple[PassRate, ...]:
    """The counted mail of each day of the period."""
    by_day: defaultdict[int, list[PassRate]] = defaultdict(list)
    for row in messages:
        if row.authenticity != frames.FAILED:
            by_day[row.day].append(PassRate(row.messages, row.passed))
    return tuple(added(by_day.get(day, [])) for day in period.days)


def _urgency(row: QueueRow) -> tuple[int, int, int, str]:
    """By state, then the one with more open events, then the one with fewer blockers."""
    return _ORDER.index(row.state), -row.open_events, row.blockers, row.domain
