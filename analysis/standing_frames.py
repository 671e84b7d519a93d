"""The SQL of the list of standings. The rules of analysis/frames.py hold here too: the scope is checked in SQL."""

from typing import NamedTuple

from sqlalchemy import Connection, select, true

from analysis.frames import Scope
from analysis.sender_frames import allowed
from store.schema import customer, domain, domain_state


class StateRow(NamedTuple):
    """A domain, whose it is, and its row of `domain_state` (docs/DATA.md); `as_of` is None where there is none."""

    name: str
    customer: str | None
    as_of: int | None
    generation: int
    stage: str | None
    next_stage: str | None
    ready: bool | None
    step_down: bool
    blockers: int
    blocker: str | None
    own_messages: int
    own_passed: int
    worked_out_at: int


def states(connection: Connection, scope: Scope, name: str | None = None) -> tuple[StateRow, ...]:
    """Every domain of the scope, or the one called `name`, with what is kept of it; by name."""
    kept = [domain_state.c[name] for name in StateRow._fields[2:]]
    joined = domain.outerjoin(domain_state, domain_state.c.domain_id == domain.c.id).outerjoin(
        customer, customer.c.id == domain.c.customer_id
    )
    named = true() if name is None else domain.c.name == name
    statement = select(domain.c.name, customer.c.name, *kept).select_from(joined).where(allowed(scope), named)
    return tuple(StateRow(*row) for row in connection.execute(statement.order_by(domain.c.name)))
