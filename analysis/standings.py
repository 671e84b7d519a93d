"""Where every domain stands on the ladder, out of what was worked out last; lists of many domains are made of it.

`standings` only reads what is kept. `worked_out` is what one domain's row is made of; the caller saves it
(store/standings.py). Days are UTC day numbers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis import ladder, sender_frames, standing_frames
from analysis.frames import Connection, Scope
from analysis.gate_words import Sentence
from analysis.gates import Facts, Gate
from analysis.ladder import Advice
from analysis.standing_frames import StateRow
from knowledge.tables import Tables
from store.standings import State, current_generation

DAY_SECONDS = 86_400
# A list works so many old standings out anew before it is shown: each takes well under a tenth of a second.
FEW = 20


@dataclass(frozen=True, slots=True)
class Blocker:
    """The first gate that keeps a domain from its next step: `state` is fail or unknown, `why` its sentences."""

    gate: str
    state: str
    why: tuple[Sentence, ...]

    def words(self, language: str) -> str:
        """The sentences in `language`."""
        return " ".join(sentence.words(language) for sentence in self.why)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a domain stands, by the last UTC day `as_of` (None: nobody worked it out yet, and all else is empty).

    customer            None: unassigned
    ready               None: it cannot be said, or there is no next step
    step_down           the next step leads down, today
    blockers            how many gates keep it from the next step
    confirmed_messages  counted messages of its own senders in the 35 days that the gates judge (coverage.WINDOW_DAYS),
                        without failing ones that a forwarder explains; `confirmed_passed` of them passed
    stale               something in the store changed since, or a day has ended since
    worked_out_at       epoch seconds at which what is kept was worked out; None: it is not what is kept
    """

    domain: str
    customer: str | None
    stage: str | None
    next_stage: str | None
    ready: bool | None
    step_down: bool
    blockers: int
    blocker: Blocker | None
    confirmed_messages: int
    confirmed_passed: int
    as_of: int | None
    stale: bool
    worked_out_at: int | None = None


def standings(
    connection: Connection, scope: Scope, *, now: int | None = None, name: str | None = None
) -> tuple[Standing, ...]:
    """Every domain of the scope by name, or the one called `name`, as it was worked out last.

    Without `now` no row is stale by its age.
    """
    number, today = current_generation(connection), None if now is None else now // DAY_SECONDS
    return tuple(_standing(row, number, today) for row in standing_frames.states(connection, scope, name))


def _standing(row: StateRow, generation: int, today: int | None) -> Standing:
    if row.as_of is None:
        return Standing(row.name, row.customer, None, None, None, False, 0, None, 0, 0, None, True)
    late = today is not None and row.as_of < today - 1
    return Standing(
        domain=row.name,
        customer=row.customer,
        stage=row.stage,
        next_stage=row.next_stage,
        ready=row.ready,
        step_down=row.step_down,
        blockers=row.blockers,
        blocker=None if row.blocker is None else _blocker(json.loads(row.blocker)),
        confirmed_messages=row.own_messages,
        confirmed_passed=row.own_passed,
        as_of=row.as_of,
        stale=row.generation != generation or late,
        worked_out_at=row.worked_out_at,
    )


def _blocker(kept: Mapping[str, Any]) -> Blocker:
    why = (Sentence(key, tuple(values.items())) for key, values in kept["why"])
    return Blocker(kept["gate"], kept["state"], tuple(why))


def current(connection: Connection, scope: Scope, tables: Tables, now: int) -> tuple[Standing, ...]:
    """`standings`, those that are stale worked out anew where they are FEW; nothing is kept of it."""
    found = standings(connection, scope, now=now)
    if sum(each.stale for each in found) > FEW:
        return found
    return tuple(_anew(connection, scope, each, tables, now) if each.stale else each for each in found)


def _anew(connection: Connection, scope: Scope, old: Standing, tables: Tables, now: int) -> Standing:
    where = sender_frames.domain_row(connection, scope, old.domain)
    if where is None:
        return old
    facts = ladder.facts_of(connection, scope, where, tables, now)
    return renewed(old, facts, ladder.advise(old.domain, facts))


def renewed(old: Standing, facts: Facts, advice: Advice) -> Standing:
    """The standing that these facts and their advice make of a stale one."""
    messages, passed = _recent(facts)
    return replace(
        old,
        stage=advice.stage,
        next_stage=advice.next_stage,
        ready=advice.ready,
        step_down=advice.step_down,
        blockers=len(advice.blockers),
        blocker=_first(advice.blockers),
        confirmed_messages=messages,
        confirmed_passed=passed,
        as_of=advice.as_of,
        stale=False,
        worked_out_at=None,
    )


def _recent(facts: Facts) -> tuple[int, int]:
    """Messages of the domain's own senders in the days that the gates judge, and how many of them passed."""
    recent = [each for each in facts.own if each.in_window]
    return sum(each.messages for each in recent), sum(each.passed for each in recent)


def _first(blockers: Sequence[Gate]) -> Blocker | None:
    return Blocker(blockers[0].id, blockers[0].state, blockers[0].why) if blockers else None


def worked_out(connection: Connection, scope: Scope, name: str, tables: Tables, now: int) -> State | None:
    """Where domain `name` stands now; None when it is unknown or out of scope."""
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return None
    facts = ladder.facts_of(connection, scope, where, tables, now)
    return _state(where.id, facts, ladder.advise(name, facts))


def _state(domain_id: int, facts: Facts, advice: Advice) -> State:
    messages, passed = _recent(facts)
    return State(
        domain_id=domain_id,
        as_of=advice.as_of,
        stage=advice.stage,
        next_stage=advice.next_stage,
        ready=advice.ready,
        step_down=advice.step_down,
        blockers=len(advice.blockers),
        blocker=_kept(advice.blockers[0]) if advice.blockers else None,
        own_messages=messages,
        own_passed=passed,
    )


def _kept(gate: Gate) -> dict[str, Any]:
    return {"gate": gate.id, "state": gate.state, "why": [[each.key, dict(each.values)] for each in gate.why]}
