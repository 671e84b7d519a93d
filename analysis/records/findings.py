"""A finding about a record text: which rule, how bad, where, what receivers do, and the edits that mend it.

The rules themselves stand beside the code that finds them. Sentences are looked up in the catalogues when asked for.
"""

from bisect import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wording import later, text

LONGEST_SHOWN = 60

Span = tuple[int, int]


class Severity(StrEnum):
    """Error: the record is not used as meant, or mail fails. Warning: it works, with a risk. Info: for tidiness."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Effect(StrEnum):
    """What receivers do because of a finding."""

    RECORD_IGNORED = "record-ignored"
    SPF_FAILS = "spf-fails"
    ACTS_AS_NONE = "acts-as-none"
    NO_DMARC = "no-dmarc"
    PART_IGNORED = "part-ignored"
    SIGNATURES_FAIL = "signatures-fail"


_EFFECTS = {
    Effect.RECORD_IGNORED: later("Receivers ignore the whole record."),
    Effect.SPF_FAILS: later("SPF ends with a permanent error for every message (permerror)."),
    Effect.ACTS_AS_NONE: later("Receivers act as if the policy were p=none."),
    Effect.NO_DMARC: later("Receivers do not apply DMARC at all, since no rua tells them where to report."),
    Effect.PART_IGNORED: later("Receivers ignore this part and use its default."),
    Effect.SIGNATURES_FAIL: later("Signatures made with this key do not count."),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition that the linter knows. `says` is the key of its sentence in the catalogues.

    Rules with the same id are variants of one finding: as bad as their cause, and worded for it.
    """

    id: str
    severity: Severity
    says: str
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the characters from `start` up to `end` by `new`."""

    start: int
    end: int
    new: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a text breaks. `at` is the place (start, end) in the text, None where something is missing.

    `edits` mend the text; without any, what to write cannot be known from the text alone.
    """

    rule: Rule
    at: Span | None = None
    edits: tuple[Edit, ...] = field(default=(), compare=False)
    effect: Effect | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The finding's name: S SPF, D DMARC, K DKIM, R any record."""
        return self.rule.id

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.rule.severity

    def sentence(self, language: str) -> str:
        """What is found, and what receivers do because of it, in one of wording.LANGUAGES."""
        found = text(language, self.rule.says, **self.values)
        if self.effect is None:
            return found
        effect = text(language, _EFFECTS[self.effect])
        return text(language, later("%(finding)s %(effect)s"), finding=found, effect=effect)


def finding(
    rule: Rule, at: Span | None = None, edits: Iterable[Edit] = (), *, effect: Effect | None = None, **values: object
) -> Finding:
    """A finding of `rule`, its values made fit to be shown. `effect` replaces the rule's own."""
    shown_values = {name: shown(str(value)) for name, value in values.items()}
    return Finding(rule, at, tuple(edits), effect or rule.effect, shown_values)


def shown(value: str) -> str:
    """A stranger's text for a sentence: what cannot be printed as its code point, and cut to LONGEST_SHOWN."""
    cut = value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"
    return "".join(each if each.isprintable() else f"U+{ord(each):04X}" for each in cut)


def edited(record: str, mendings: Iterable[tuple[Edit, ...]]) -> str:
    """The record after the mendings: each with all of its edits, or with none where one overlaps an earlier mending."""
    taken: list[Edit] = []
    for mending in mendings:
        before = list(taken)
        if not all(_take(taken, edit) for edit in mending):
            taken = before
    parts, place = [], 0
    for edit in taken:
        parts += [record[place : edit.start], edit.new]
        place = edit.end
    return ("".join(parts) + record[place:]).strip(" \t")


def _take(taken: list[Edit], edit: Edit) -> bool:
    """Put the edit at its place among those taken, unless it overlaps one or inserts where one does."""
    place = bisect(taken, (edit.start, edit.end), key=lambda each: (each.start, each.end))
    before, after = taken[max(place - 1, 0) : place], taken[place : place + 1]
    if any(each.end > edit.start or _same_place(each, edit) for each in before):
        return False
    if any(edit.end > each.start for each in after):
        return False
    taken.insert(place, edit)
    return True


def _same_place(one: Edit, other: Edit) -> bool:
    return (one.start, one.end) == (other.start, other.end)
