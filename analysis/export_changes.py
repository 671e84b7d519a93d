"""The changes file: what was decided and agreed to in the period, and which records and policies changed."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from analysis.customer_words import DECISIONS, STAGES
from analysis.export_facts import DomainFacts
from analysis.export_tables import DOMAIN, NO, YES, Cell, Column, Table, Word, day_cell, one_line, word
from analysis.frames import Period
from analysis.report_frames import Act
from wording import later

DAY_SECONDS = 86_400

KINDS = {
    "decision": later("decision about a sender"),
    "consent": later("consent to a step"),
    "record": later("change in DNS"),
    "reported-policy": later("policy new in reports"),
}

COLUMNS = (
    DOMAIN,
    Column("day", later("Day (UTC)"), later("The UTC day. In Japan it begins at 9 in the morning.")),
    Column("time", later("Time (UTC)"), later("The time of that day. Empty where only the day is known.")),
    Column("change_kind", later("Kind of change"), later("What changed.")),
    Column("subject", later("About"), later("The sender by its code, the name in DNS, or the step.")),
    Column("before", later("Before"), later("What stood there before. Empty: nothing.")),
    Column("after", later("After"), later("What was decided or stands there now. Empty: nothing.")),
    Column("withdrawn", later("Withdrawn"), later("Whether a decision or consent was taken back.")),
    Column("by", later("By"), later("Who decided or agreed.")),
    Column("note", later("Note"), later("The reason that was given.")),
)


class _Change(NamedTuple):
    """A line but for its domain; `second` is None where only the day is known."""

    day: int
    second: int | None
    kind: str
    subject: Cell
    before: Cell = None
    after: Cell = None
    withdrawn: Word | None = None
    by: str | None = None
    note: str | None = None

    def line(self, domain: str) -> tuple[Cell, ...]:
        time = None if self.second is None else datetime.fromtimestamp(self.second, UTC).strftime("%H:%M")
        return domain, day_cell(self.day), time, word(KINDS, self.kind), *self[3:]


def table(facts: Iterable[DomainFacts], period: Period) -> Table:
    """One line per change, of a domain the oldest first."""
    lines = tuple(change.line(found.domain) for found in facts for change in _changes(found, period))
    return Table("changes", later("Changes"), later("One line per change in the period."), COLUMNS, lines)


def _changes(found: DomainFacts, period: Period) -> list[_Change]:
    records = (
        _at(each.at, "record", each.name, one_line([each.before or ""]), one_line([each.after or ""]))
        for each in found.changes
    )
    every = [*map(_act, found.acts), *records, *_policies(found, period)]
    return sorted(every, key=lambda each: (each.day, each.second or 0, each.kind, str(each.subject)))


def _at(at: int, kind: str, subject: Cell, before: Cell = None, after: Cell = None) -> _Change:
    return _Change(at // DAY_SECONDS, at, kind, subject, before, after)


def _act(act: Act) -> _Change:
    stage = act.kind == "consent"
    subject = word(STAGES, act.word) if stage else act.subject
    after = None if stage else word(DECISIONS, act.word)
    withdrawn = YES if act.withdrawn else NO
    return _at(act.at, act.kind, subject, None, after)._replace(withdrawn=withdrawn, by=act.by, note=act.note or None)


def _policies(found: DomainFacts, period: Period) -> Iterator[_Change]:
    """A policy that reports name for the first time; the first of all tells of no change."""
    for before, after in pairwise(found.policies):
        if after.first_day in period.days:
            yield _Change(after.first_day, None, "reported-policy", f"_dmarc.{found.domain}", before.words, after.words)
