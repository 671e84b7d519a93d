"""What stands above every section of a domain's page: stage and advice, who says which policy, what can be seen.

Pure arithmetic over `ladder` and `frames`; a domain outside the scope is answered like one that does not exist.
"""

from dataclasses import dataclass

from analysis import events, frames, ladder, queue, sender_frames
from analysis.frames import Connection, Period, PublishedPolicy, Scope
from analysis.gates import Facts
from analysis.ladder import Advice
from analysis.queue import State
from knowledge.tables import Tables

DAY_SECONDS = 86_400
DAYS = 30


@dataclass(frozen=True, slots=True)
class DomainHead:
    """A domain on the day `period.last_day`.

    facts      all that the gates looked at; `facts.live` is what DNS said, `facts.witness` what reports say
    reported   the policy of the newest counted report, whatever the period
    days_seen  days of `period` with counted messages
    reporters  who sent counted reports that touch `period`, by messages
    """

    domain: str
    customer: str | None
    state: State
    advice: Advice
    facts: Facts
    reported: PublishedPolicy | None
    period: Period
    days_seen: int
    reporters: tuple[str, ...]
    open_events: int

    @property
    def last_report_end(self) -> int | None:
        """The period end (epoch seconds) of the newest counted report."""
        return self.reported.seen_at if self.reported else None


def build(
    connection: Connection, scope: Scope, name: str, tables: Tables, now: int, *, rua: tuple[str, ...] = ()
) -> DomainHead | None:
    """The head of domain `name` (A-label), or None when it is unknown or out of scope; `rua` as in `ladder.build`."""
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return None
    today = now // DAY_SECONDS
    period = Period(today - DAYS + 1, today)
    facts = ladder.facts_of(connection, scope, where, tables, now)
    advice = ladder.advise(name, facts, rua=rua)
    (known,) = frames.domains(connection, scope, name)
    days = frames.days(connection, scope, period, name)
    seen_at = known.policy.seen_at if known.policy else None
    return DomainHead(
        domain=name,
        customer=known.customer,
        state=queue.state_of(advice, seen=queue.is_seen(seen_at, period)),
        advice=advice,
        facts=facts,
        reported=known.policy,
        period=period,
        days_seen=len({day.day for day in days if day.messages and day.authenticity != frames.FAILED}),
        reporters=tuple(row.reporter for row in frames.reporters(connection, scope, name, period)),
        open_events=len(events.open_events(connection, scope, name=name)),
    )
