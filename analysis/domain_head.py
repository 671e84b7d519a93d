"""What stands above every section of a domain's page, and what the section "Next step" is made of.

Where a domain stands is taken from what the night kept as long as nothing changed since; else it is worked out.
Pure arithmetic over `standings`, `ladder` and `frames`; a domain outside the scope is answered like one that does not
exist.
"""

from dataclasses import dataclass

from analysis import coverage, events, frames, ladder, ladder_frames, queue, sender_frames, stages, standings
from analysis.frames import Connection, Period, PublishedPolicy, Scope
from analysis.gates import Facts
from analysis.ladder import Advice
from analysis.queue import State
from analysis.sender_frames import DomainRow
from analysis.stages import Live, Witness
from analysis.standings import Standing
from knowledge.tables import Tables

DAY_SECONDS = 86_400
DAYS = 30


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is advised for a domain, and all that the gates looked at."""

    domain: str
    advice: Advice
    facts: Facts


@dataclass(frozen=True, slots=True)
class DomainHead:
    """A domain on the day `period.last_day`; its standing is not stale.

    live       what the last look at DNS found, but for errors and keys; `witness`: what reports say
    reported   the policy of the newest counted report, whatever the period
    days_seen  days of `period` with counted messages
    reporters  who sent counted reports that touch `period`, by messages
    """

    standing: Standing
    state: State
    live: Live
    witness: Witness | None
    reported: PublishedPolicy | None
    period: Period
    days_seen: int
    reporters: tuple[str, ...]
    open_events: int

    @property
    def domain(self) -> str:
        """The domain's name."""
        return self.standing.domain

    @property
    def last_report_end(self) -> int | None:
        """The period end (epoch seconds) of the newest counted report."""
        return self.reported.seen_at if self.reported else None


@dataclass(frozen=True, slots=True)
class Opened:
    """The head, and the next step where the head could not be had without it."""

    head: DomainHead
    step: NextStep | None


def build(
    connection: Connection, scope: Scope, name: str, tables: Tables, now: int, *, rua: tuple[str, ...] = ()
) -> Opened | None:
    """The head of domain `name` (A-label), or None when it is unknown or out of scope; `rua` as in `ladder.build`."""
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return None
    (kept,) = standings.standings(connection, scope, now=now, name=name)
    live = stages.live(ladder_frames.snapshots(connection, where), name, now)
    step = None if _holds(kept, live) else _step(connection, scope, where, tables, now, rua)
    standing = standings.renewed(kept, step.facts, step.advice) if step else kept
    return Opened(_head(connection, scope, where, standing, live, now), step)


def _holds(kept: Standing, live: Live) -> bool:
    """Whether what is kept would be worked out again as it is.

    A look at DNS that finds what was there before makes no new generation, and yet a gate asks how old the last one is.
    """
    if kept.stale or kept.worked_out_at is None:
        return False
    return live.looked_at is None or (live.fresh and live.looked_at <= kept.worked_out_at)


def next_step(
    connection: Connection, scope: Scope, name: str, tables: Tables, now: int, *, rua: tuple[str, ...] = ()
) -> NextStep | None:
    """The next step of domain `name` (A-label), or None when it is unknown or out of scope; `rua` as above."""
    where = sender_frames.domain_row(connection, scope, name)
    return None if where is None else _step(connection, scope, where, tables, now, rua)


def _step(
    connection: Connection, scope: Scope, where: DomainRow, tables: Tables, now: int, rua: tuple[str, ...]
) -> NextStep:
    facts = ladder.facts_of(connection, scope, where, tables, now)
    return NextStep(where.name, ladder.advise(where.name, facts, rua=rua), facts)


def _head(
    connection: Connection, scope: Scope, where: DomainRow, standing: Standing, live: Live, now: int
) -> DomainHead:
    today = now // DAY_SECONDS
    period = Period(today - DAYS + 1, today)
    (known,) = frames.domains(connection, scope, where.name)
    days = frames.days(connection, scope, period, where.name)
    seen_at = known.policy.seen_at if known.policy else None
    return DomainHead(
        standing=standing,
        state=queue.state_of(standing, seen=queue.is_seen(seen_at, period)),
        live=live,
        witness=stages.witness(ladder_frames.policies(connection, where, coverage.lookback(today - 1))),
        reported=known.policy,
        period=period,
        days_seen=len({day.day for day in days if day.messages and day.authenticity != frames.FAILED}),
        reporters=tuple(row.reporter for row in frames.reporters(connection, scope, where.name, period)),
        open_events=len(events.open_events(connection, scope, name=where.name)),
    )
