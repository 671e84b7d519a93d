"""The events of the watch: a night's findings against those stored, each opened once, touched while it lasts, closed
when it is over. Works inside the caller's transaction.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from store.ledger import raise_generation
from store.schema import domain_state, event, generation

# Of which domain (None: of none), and which kind.
OfKind = tuple[int | None, str]


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """What the watch found now; columns of `event` (docs/DATA.md), `evidence` as JSON can hold it."""

    domain_id: int | None
    kind: str
    subject: str
    severity: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many events were opened, went on, and were closed."""

    opened: int
    continuing: int
    closed: int


def reconcile(
    connection: Connection, found: Iterable[FoundEvent], *, unjudged: Collection[OfKind] = (), now: int
) -> Reconciled:
    """Open what is new, touch what goes on, close what was not found any more, but for what could not be judged."""
    wanted = {(each.domain_id, each.kind, each.subject): each for each in found}
    stored = _open(connection)
    new = [each for key, each in wanted.items() if key not in stored]
    going_on = [(stored[key], each) for key, each in wanted.items() if key in stored]
    over = [event_id for key, event_id in stored.items() if key not in wanted and key[:2] not in unjudged]
    _insert(connection, new, now)
    for event_id, each in going_on:
        _touch(connection, event_id, each, now)
    _close(connection, over, now)
    if wanted or over:
        _raise_generation(connection)
    return Reconciled(len(new), len(going_on), len(over))


def mark_told(connection: Connection, event_ids: Collection[int], *, now: int) -> None:
    """The digest to the staff told of these events."""
    _stamp(connection, event_ids, {"notified_at": now})


def mark_told_customer(connection: Connection, event_ids: Collection[int], *, now: int) -> None:
    """The digest to their customer told of these events."""
    _stamp(connection, event_ids, {"customer_notified_at": now})


def _stamp(connection: Connection, event_ids: Collection[int], values: Mapping[str, int]) -> None:
    ids = sorted(event_ids)
    for start in range(0, len(ids), _CHUNK):
        connection.execute(update(event).where(event.c.id.in_(ids[start : start + _CHUNK])).values(values))


def _open(connection: Connection) -> dict[tuple[int | None, str, str], int]:
    columns = (event.c.domain_id, event.c.kind, event.c.subject, event.c.id)
    rows = connection.execute(select(*columns).where(event.c.closed_at.is_(None)))
    return {(row.domain_id, row.kind, row.subject): row.id for row in rows}


def _insert(connection: Connection, new: Collection[FoundEvent], now: int) -> None:
    if new:
        keys = [{"domain_id": each.domain_id, "kind": each.kind, "subject": each.subject} for each in new]
        rows = [{**key, **_figures(each, now), "opened_at": now} for key, each in zip(keys, new, strict=True)]
        connection.execute(insert(event), rows)


def _touch(connection: Connection, event_id: int, found: FoundEvent, now: int) -> None:
    connection.execute(update(event).where(event.c.id == event_id).values(_figures(found, now)))


def _figures(found: FoundEvent, now: int) -> dict[str, Any]:
    evidence = json.dumps(found.evidence, ensure_ascii=False, sort_keys=True)
    return {"severity": found.severity, "evidence": evidence, "seen_at": now}


def _close(connection: Connection, event_ids: Collection[int], now: int) -> None:
    _stamp(connection, event_ids, {"closed_at": now})


def _raise_generation(connection: Connection) -> None:
    """No standing depends on an event: the rows of `domain_state` that held hold for the new generation too."""
    before = int(connection.execute(select(generation.c.number)).scalar_one())
    raise_generation(connection)
    held = domain_state.c.generation == before
    connection.execute(update(domain_state).where(held).values(generation=before + 1))


_CHUNK = 5_000
