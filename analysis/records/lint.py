"""Tells what kind of record a text is, what is wrong with it, and how it should read.

Works on pasted text alone; what is known around the record (analysis/records/surroundings.py) adds findings.
Nothing is looked up. Corrected is what the owner evidently meant: how strict a policy is stays the owner's decision.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from analysis.records import dkim, dmarc, rua, spf, tags
from analysis.records.findings import Effect, Finding, Rule, Severity, edited, finding
from analysis.records.plain import Plain, named, plain
from analysis.records.surroundings import NOTHING_KNOWN, Surroundings
from wording import later

# Every round mends what does not overlap; few texts need more than three.
MOST_ROUNDS = 50
# Far beyond any record that fits into an answer; a longer text is not read at all.
MOST_CHARACTERS = 4_000

ALL_SEVERITIES = frozenset(Severity)
ERRORS_ONLY = frozenset({Severity.ERROR})


class Kind(StrEnum):
    """What a text is meant as."""

    SPF = "spf"
    DMARC = "dmarc"
    DKIM = "dkim"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Linted:
    """A text and what was found. `corrected` is the text itself when nothing is to change, and None when what to write
    cannot be known from the text: a key is too short, an include has to go, an address is incomplete.
    """

    kind: Kind
    findings: tuple[Finding, ...]
    corrected: str | None

    @property
    def valid(self) -> bool:
        """Whether receivers read the record and use it as it is written."""
        broken = any(each.severity == Severity.ERROR or each.effect == Effect.RECORD_IGNORED for each in self.findings)
        return self.kind != Kind.UNKNOWN and not broken


NOT_A_RECORD = Rule("R1", Severity.ERROR, later("This is no SPF, DMARC or DKIM record."))
MIXED = Rule(
    "R2",
    Severity.ERROR,
    later("This text holds records of different kinds. Each has to stand in a TXT record of its own, at its own name."),
    Effect.RECORD_IGNORED,
)
_LOOKS = {
    Kind.SPF: ("S13", later("Characters that only look right (%(characters)s) keep this from being read as SPF.")),
    Kind.DMARC: ("D19", later("Characters that only look right (%(characters)s) keep this from being read as DMARC.")),
    Kind.DKIM: (
        "K15",
        later("Characters that only look right (%(characters)s) keep this from being read as a DKIM key."),
    ),
}
_PART_LOOKS = later("Characters that only look right (%(characters)s) keep a part of this from being read.")
_LATER_DAMAGE = {
    Kind.SPF: Effect.SPF_FAILS,
    Kind.DMARC: Effect.PART_IGNORED,
    Kind.DKIM: Effect.SIGNATURES_FAIL,
}
_LEADS = later("A space before the record keeps it from being read.")
_ZONE_FILE = later(
    "Quotation marks, backslashes and line breaks belong to zone files. In an entry field leave them out."
)

_VERSION = re.compile(r"(?<![A-Za-z0-9])v\s*=\s*(spf1|dmarc1|dkim1)(?![A-Za-z0-9])", re.IGNORECASE)
_STARTS = {
    Kind.SPF: re.compile(r"v\s*=?\s*spf[0-9]|spf2\.0/", re.IGNORECASE),
    Kind.DMARC: re.compile(r"v\s*=?\s*dmarc", re.IGNORECASE),
    Kind.DKIM: re.compile(r"v\s*=?\s*dkim", re.IGNORECASE),
}
_SIGNS = {
    Kind.DMARC: re.compile(r"(?:^|[;\s])(?:(?:p|sp)\s*[=:]\s*(?:none|quarantine|reject)\b|ru[af]\s*=)", re.IGNORECASE),
    Kind.DKIM: re.compile(r"(?:^|;)\s*(?:k\s*=\s*(?:rsa|ed25519)\b|p\s*=\s*[A-Za-z0-9+/]{40})", re.IGNORECASE),
    Kind.SPF: re.compile(r"(?:^|\s)(?:include:|ip[46]:|redirect=|[-~?+]all(?:\s|$))", re.IGNORECASE),
}


def lint(pasted: str, around: Surroundings = NOTHING_KNOWN) -> Linted:
    """What is wrong with a pasted text. Several records of one kind, one per line, are records at the same name."""
    return _settled(_lint(pasted, around, ALL_SEVERITIES), ALL_SEVERITIES)


def lint_errors(pasted: str) -> Linted:
    """The same with a corrected record in which only errors are mended, and all else stays as it is."""
    return _settled(_lint(pasted, NOTHING_KNOWN, ERRORS_ONLY), ERRORS_ONLY)


def _settled(linted: Linted, mend: frozenset[Severity]) -> Linted:
    """The same with a corrected record that is itself found to be right, or with none."""
    wanted = linted.corrected
    for _ in range(MOST_ROUNDS):
        if wanted is None:
            break
        again = _lint(wanted, NOTHING_KNOWN, mend)
        if again.corrected == wanted and again.valid and again.kind == linted.kind:
            return replace(linted, corrected=wanted)
        wanted = again.corrected
    return replace(linted, corrected=None)


def _lint(pasted: str, around: Surroundings, mend: frozenset[Severity]) -> Linted:
    text = plain(pasted)
    kind = kind_of(text.text) if len(pasted) <= MOST_CHARACTERS else Kind.UNKNOWN
    if kind == Kind.UNKNOWN:
        return Linted(kind, (finding(NOT_A_RECORD),), None)
    if len({found[1].lower() for found in _VERSION.finditer(text.text)}) > 1:
        return Linted(kind, (finding(MIXED),), None)
    parts = [_in_spf(part) if kind == Kind.SPF else part for part in _records(text, kind)]
    linted = [_lint_one(part, kind, around, mend) for part in parts]
    if len(parts) == 1:
        return linted[0]
    several = _several(kind, parts)
    corrected = _one_of(kind, [each.corrected for each in linted])
    return Linted(kind, (several, *(each for one in linted for each in one.findings)), corrected)


def kind_of(text: str) -> Kind:
    """What the text is meant as: by its version, also a damaged one, else by the tags and terms in it."""
    for kind, start in _STARTS.items():
        if start.match(text):
            return kind
    version = _VERSION.search(text)
    if version:
        return Kind(version[1].lower().rstrip("1"))
    return next((kind for kind, signs in _SIGNS.items() if signs.search(text)), Kind.UNKNOWN)


def _records(text: Plain, kind: Kind) -> list[Plain]:
    """One text per version in it; what stands before the first belongs to the first."""
    starts = [found.start() for found in _VERSION.finditer(text.text)][1:]
    if kind == Kind.DKIM:
        starts = []
    bounds = [0, *starts, len(text.text)]
    return [text.part(start, end) for start, end in pairwise(bounds)]


def _in_spf(part: Plain) -> Plain:
    """SPF knows one space only (RFC 7208 section 4.6.1); DMARC and DKIM take tabs as well."""
    tabs = [(part.origin[place], letter) for place, letter in enumerate(part.text) if letter == "\t"]
    return replace(part, text=part.text.replace("\t", " "), odd=tuple(sorted({*part.odd, *tabs})))


def _lint_one(part: Plain, kind: Kind, around: Surroundings, mend: frozenset[Severity]) -> Linted:
    def found_in(record: str) -> list[Finding]:
        return list(_FINDERS[kind](record, around))

    found = found_in(part.text)
    placed = [replace(each, at=part.place(each.at)) if each.at else each for each in found]
    corrected = mended(part.text, found_in, mend)
    left = [
        each for each in found_in(corrected) if each.severity == Severity.ERROR and each.rule not in _NOT_IN_THE_TEXT
    ]
    return Linted(kind, (*_looks(part, kind), *placed), None if left else corrected)


def _spf_findings(record: str, around: Surroundings) -> Iterator[Finding]:
    yield from spf.findings(record, around)
    if around.name and around.name.startswith("_dmarc."):
        yield finding(dmarc.SPF_HERE)
    if around.sends_mail is False and record != "v=spf1 -all":
        yield finding(dmarc.NO_MAIL)


_FINDERS: dict[Kind, Callable[[str, Surroundings], Iterable[Finding]]] = {
    Kind.SPF: _spf_findings,
    Kind.DMARC: dmarc.findings,
    Kind.DKIM: dkim.findings,
}
# Errors that another record, another name or another party has to mend: this text may stay as it is.
_NOT_IN_THE_TEXT = frozenset(
    {dmarc.WRONG_PLACE, dmarc.SPF_HERE, dkim.DOMAIN_TWICE, dkim.REVOKED_IN_USE, rua.NOT_AUTHORISED, rua.NO_MX}
)


def mended(record: str, found_in: Callable[[str], list[Finding]], severities: frozenset[Severity]) -> str:
    """The record after the edits of all findings of these severities, repeated until there is nothing more to do."""
    for _ in range(MOST_ROUNDS):
        mendings = [each.edits for each in found_in(record) if each.severity in severities and each.edits]
        if not mendings:
            break
        record = edited(record, mendings)
    return record


def _looks(part: Plain, kind: Kind) -> Iterator[Finding]:
    """Look-alike characters, a leading space, and what zone files add."""
    id_, says = _LOOKS[kind]
    if part.odd:
        place = part.odd[0][0]
        effect = Effect.RECORD_IGNORED if place <= _end_of_version(part) else _LATER_DAMAGE[kind]
        said = _PART_LOOKS if effect == Effect.PART_IGNORED else says
        yield finding(Rule(id_, Severity.ERROR, said, effect), (place, place + 1), characters=named(part.odd))
    if part.leads and kind != Kind.DKIM:
        yield finding(Rule(id_, Severity.ERROR, _LEADS, Effect.RECORD_IGNORED), part.leads)
    if part.zone_file:
        place = part.zone_file[0][0]
        severity = Severity.INFO if kind == Kind.DKIM else Severity.WARNING
        yield finding(Rule(id_, severity, _ZONE_FILE), (place, place + 1))


def _end_of_version(part: Plain) -> int:
    """The place behind the version in the pasted text: receivers look no further to tell whose record it is."""
    version = _VERSION.search(part.text)
    return part.origin[version.end() - 1] + 1 if version else part.origin[-1]


def _several(kind: Kind, parts: list[Plain]) -> Finding:
    rule = spf.SEVERAL if kind == Kind.SPF else dmarc.SEVERAL
    second = parts[1]
    return finding(rule, second.place((0, len(second.text))), count=len(parts))


def _one_of(kind: Kind, corrected: list[str | None]) -> str | None:
    """The one record that should stand instead of several, or None when one of them cannot be mended."""
    records = [record for record in corrected if record is not None]
    if len(records) < len(corrected):
        return None
    if kind == Kind.SPF:
        return lint(spf.merged(records)).corrected
    return min(records, key=_strictness)


def _strictness(record: str) -> tuple[int, bool]:
    """Receivers ignore all of several records: the mildest is the smallest step, with reports first."""
    policy = tags.value_of(record, "p") or "none"
    return dmarc.POLICIES.index(policy), tags.first(record, "rua") is None
