"""Where each domain stands, as it was worked out last: one row per domain, written over. Works inside the caller's
transaction.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from store.ledger import raise_generation
from store.schema import domain_state, generation


@dataclass(frozen=True, slots=True)
class State:
    """What is kept of a domain: columns of `domain_state` (docs/DATA.md), `blocker` as JSON can hold it."""

    domain_id: int
    as_of: int
    stage: str | None
    next_stage: str | None
    ready: bool | None
    step_down: bool
    blockers: int
    blocker: Mapping[str, Any] | None
    own_messages: int
    own_passed: int


def current_generation(connection: Connection) -> int:
    """The number of the store's state that this connection sees."""
    return int(connection.execute(select(generation.c.number)).scalar_one())


def save(connection: Connection, states: Collection[State], *, seen: int, now: int) -> None:
    """Write the states over those of their domains. `seen` is the generation that they were worked out of.

    The rows hold for the new generation only if nobody else changed the store in between.
    """
    if not states:
        return
    raise_generation(connection)
    number = current_generation(connection)
    common = {"generation": number if number == seen + 1 else seen, "worked_out_at": now}
    ids = [each.domain_id for each in states]
    for start in range(0, len(ids), _CHUNK):
        connection.execute(delete(domain_state).where(domain_state.c.domain_id.in_(ids[start : start + _CHUNK])))
    connection.execute(insert(domain_state), [{**_row(each), **common} for each in states])


def renew(connection: Connection, work_out: Callable[[], State | None], *, now: int) -> None:
    """Work out one domain as the caller's transaction sees it and keep what comes of it; None keeps nothing."""
    seen = current_generation(connection)
    state = work_out()
    save(connection, [] if state is None else [state], seen=seen, now=now)


_CHUNK = 5_000


def _row(state: State) -> dict[str, Any]:
    row = {name: getattr(state, name) for name in State.__dataclass_fields__}
    return {**row, "blocker": None if state.blocker is None else json.dumps(state.blocker, ensure_ascii=False)}
