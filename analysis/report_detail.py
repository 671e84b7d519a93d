"""One report in full: what it says in its own words beside what was made of them, and a page of its records."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis import detail_frames, sender_frames
from analysis.detail_frames import Arrival, ReasonRow, RecordRow, ResultRow
from analysis.frames import Connection, Scope

# Words of policy_published, in the order of the report.
POLICY = ("p", "sp", "np", "adkim", "aspf", "pct", "fo", "testing", "discovery_method")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the report: as it is counted, and as the reporter wrote it where that is another one."""

    name: str
    value: str
    raw: str | None


@dataclass(frozen=True, slots=True)
class FullRecord:
    """A record with its results and reasons."""

    record: RecordRow
    results: tuple[ResultRow, ...]
    reasons: tuple[ReasonRow, ...]


@dataclass(frozen=True, slots=True)
class ReportDetail:
    """A report and the records from number `first` on.

    facts    every column of the report (docs/DATA.md)
    policy   the policy that the reporter saw, word by word
    repairs  what was repaired to read it; `errors`: the reporter's own error texts
    next     the number of the first record of the next page; None: this is the last one
    """

    domain: str
    facts: Mapping[str, Any]
    policy: tuple[Word, ...]
    repairs: tuple[str, ...]
    errors: tuple[str, ...]
    arrival: Arrival
    first: int
    records: tuple[FullRecord, ...]
    next: int | None


def build(
    connection: Connection, scope: Scope, name: str, report_id: int, *, first: int = 0, rows: int = 100
) -> ReportDetail | None:
    """The report of this number of domain `name`, with at most `rows` records.

    None when the domain is unknown or out of scope, or has no such report: nobody can tell these apart.
    """
    where = sender_frames.domain_row(connection, scope, name)
    facts = None if where is None else detail_frames.report_row(connection, where, report_id)
    if where is None or facts is None:
        return None
    found = detail_frames.records(connection, where, report_id, first=first, limit=rows + 1)
    shown = found[:rows]
    numbers = range(shown[0].number, shown[-1].number + 1) if shown else range(0)
    results = detail_frames.results(connection, where, report_id, numbers)
    reasons = detail_frames.reasons(connection, where, report_id, numbers)
    return ReportDetail(
        domain=name,
        facts=facts,
        policy=_policy(facts),
        repairs=_lines(facts["repairs"]),
        errors=_lines(facts["errors"]),
        arrival=detail_frames.arrival(connection, facts["message_id"]),
        first=first,
        records=tuple(FullRecord(row, results.get(row.number, ()), reasons.get(row.number, ())) for row in shown),
        next=found[rows].number if len(found) > rows else None,
    )


def _policy(facts: Mapping[str, Any]) -> tuple[Word, ...]:
    raw = json.loads(facts["policy_raw"]) if facts["policy_raw"] else {}
    words = (Word(name, _text(facts[name]), _raw(raw.get(name))) for name in POLICY)
    return tuple(word for word in words if word.value or word.raw is not None)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _raw(value: object) -> str | None:
    return None if value is None else str(value)


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(text.splitlines()) if text else ()
