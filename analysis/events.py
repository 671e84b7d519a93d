"""The events that the watch stored, as people read them: whose they are, the sentence, and what to do.

`analysis/watch.py` finds events, and `store/events.py` writes them.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analysis import event_frames
from analysis.event_frames import EventRow
from analysis.event_words import advice_of, sentence_of
from analysis.frames import Connection, Scope
from analysis.gate_words import Sentence
from store.schema import SEVERITIES


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Times are epoch seconds.

    domain, customer  None: of no domain; not assigned
    subject           a sender's key, a record's name, a finding, a reporter, a step, or empty
    sentence, advice  what happened with its figures, and what to do
    opened_at         the first night that found it; `seen_at` the last one; `closed_at` None while it is open
    notified_at       when the digest told of it to the staff, `customer_notified_at` to the customer
    """

    id: int
    domain: str | None
    customer: str | None
    customer_id: int | None
    kind: str
    subject: str
    severity: str
    evidence: Mapping[str, Any]
    opened_at: int
    seen_at: int
    closed_at: int | None
    notified_at: int | None
    customer_notified_at: int | None

    @property
    def is_open(self) -> bool:
        """Whether it still lasts."""
        return self.closed_at is None

    @property
    def sentence(self) -> Sentence:
        """What happened, with its figures."""
        return sentence_of(self.kind, self.evidence)

    @property
    def advice(self) -> Sentence:
        """What to do."""
        return advice_of(self.kind, self.evidence)


def open_events(connection: Connection, scope: Scope, *, name: str | None = None) -> tuple[Event, ...]:
    """The open events of the scope, of domain `name` (A-label) alone when given: the gravest first, then the newest."""
    return _events(event_frames.lasting_events(connection, scope, since=None, name=name))


def all_events(connection: Connection, scope: Scope, *, name: str | None = None, since: int = 0) -> tuple[Event, ...]:
    """The open events and those closed at or after `since` (epoch seconds): open ones first, then as `open_events`."""
    return _events(event_frames.lasting_events(connection, scope, since=since, name=name))


def open_counts(connection: Connection, scope: Scope) -> dict[str, int]:
    """How many open events each domain of the scope has; a domain without any is left out."""
    return event_frames.open_counts(connection, scope)


def untold(connection: Connection, scope: Scope, *, since: int, to_customer: bool = False) -> tuple[Event, ...]:
    """The events of the scope of which no digest told yet: open ones, and those closed at or after `since`."""
    return _events(event_frames.untold_events(connection, scope, since=since, to_customer=to_customer))


def _events(rows: Iterable[EventRow]) -> tuple[Event, ...]:
    found = (Event(**{**row._asdict(), "evidence": json.loads(row.evidence)}) for row in rows)
    return tuple(sorted(found, key=_urgency))


def _urgency(found: Event) -> tuple[bool, int, int, str, int]:
    return not found.is_open, SEVERITIES.index(found.severity), -found.opened_at, found.domain or "", found.id
