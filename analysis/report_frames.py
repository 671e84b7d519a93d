"""The SQL of the monthly report: what receivers did with each sender's failing mail, and what people decided.

The rules of analysis/frames.py hold here too: a domain of the scope is found by `sender_frames.domain_row`, and only
counted mail is summed.
"""

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, case, cast, func, literal, not_, or_, select

from analysis.frames import FAILED, Period
from analysis.sender_frames import DomainRow
from store.schema import consent, sender, sender_decision, traffic

DAY_SECONDS = 86_400


class Treated(NamedTuple):
    """One sender's messages that passed neither way, by the disposition that receivers applied."""

    sender: str
    delivered: int
    quarantined: int
    refused: int
    unsaid: int

    @property
    def messages(self) -> int:
        """All of them, whatever receivers did."""
        return self.delivered + self.quarantined + self.refused + self.unsaid


class Act(NamedTuple):
    """A decision or a consent, given or withdrawn: `kind` is decision or consent, `word` what was decided or the stage
    agreed to, `subject` the sender ("" for a consent)."""

    at: int
    kind: str
    word: str
    subject: str
    by: str
    note: str
    withdrawn: bool


def treated(connection: Connection, where: DomainRow, period: Period) -> tuple[Treated, ...]:
    """What receivers did with failing mail, by sender key, in order of the key."""
    figures = (_applied("none", "pass"), _applied("quarantine"), _applied("reject"), _applied("unknown"))
    named = and_(sender.c.domain_id == traffic.c.domain_id, sender.c.id == traffic.c.sender_id)
    failing = (
        traffic.c.domain_id == where.id,
        traffic.c.day.between(period.first_day, period.last_day),
        traffic.c.authenticity != FAILED,
        not_(or_(traffic.c.dkim_aligned, traffic.c.spf_aligned)),
    )
    statement = select(sender.c.key, *figures).select_from(traffic.join(sender, named)).where(*failing)
    return tuple(Treated(*row) for row in connection.execute(statement.group_by(sender.c.key).order_by(sender.c.key)))


def acts(connection: Connection, where: DomainRow, period: Period) -> tuple[Act, ...]:
    """The decisions and consents that people gave or withdrew on these UTC days, oldest first."""
    first, end = period.first_day * DAY_SECONDS, (period.last_day + 1) * DAY_SECONDS
    found = [
        Act._make(row) for statement in (*_decisions(where), *_consents(where)) for row in connection.execute(statement)
    ]
    return tuple(sorted(act for act in found if first <= act.at < end))


def _applied(*words: str) -> ColumnElement[int]:
    messages = case((traffic.c.disposition.in_(words), traffic.c.messages), else_=0)
    # PostgreSQL sums bigint to numeric, which arrives as Decimal.
    return cast(func.coalesce(func.sum(messages), 0), BigInteger)


def _decisions(where: DomainRow) -> tuple[Select[Any], ...]:
    table = sender_decision.c
    said = (table.decision, table.sender_key)
    given = select(table.decided_at, literal("decision"), *said, table.decided_by, table.note, literal(value=False))
    taken = select(table.withdrawn_at, literal("decision"), *said, table.withdrawn_by, literal(""), literal(value=True))
    mine = table.domain_id == where.id
    return given.where(mine), taken.where(mine, table.withdrawn_at.is_not(None))


def _consents(where: DomainRow) -> tuple[Select[Any], ...]:
    table = consent.c
    given = select(
        table.recorded_at,
        literal("consent"),
        table.stage,
        literal(""),
        table.given_by,
        table.note,
        literal(value=False),
    )
    taken = select(
        table.withdrawn_at,
        literal("consent"),
        table.stage,
        literal(""),
        table.withdrawn_by,
        literal(""),
        literal(value=True),
    )
    mine = table.domain_id == where.id
    return given.where(mine), taken.where(mine, table.withdrawn_at.is_not(None))
