"""What is wrong with the text of one DMARC record (RFC 9989, and RFC 7489 where receivers still follow it): D3 to D30.

The record is plain text already (analysis/records/plain.py); places are counted in it.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from analysis.records import tags
from analysis.records.findings import Edit, Effect, Finding, Rule, Severity, finding
from analysis.records.rua import URI_TAGS, has_valid_address, rua_findings, uris
from analysis.records.surroundings import Surroundings
from analysis.records.tags import Tag
from wording import later

POLICIES = ("none", "quarantine", "reject")
# Tags with a fixed list of values, and the value that receivers use for any other (RFC 9989 section 4.7).
CHOICES = {"t": (("y", "n"), "n"), "psd": (("y", "n", "u"), "u"), "adkim": (("r", "s"), "r"), "aspf": (("r", "s"), "r")}
REMOVED = ("pct", "rf", "ri")
KNOWN = ("v", "p", "sp", "np", *CHOICES, *URI_TAGS, "fo", *REMOVED)

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_PART = Effect.PART_IGNORED

SEVERAL = Rule(
    "D1",
    _ERROR,
    later("%(count)s DMARC records exist; receivers then ignore them all. Keep one."),
    Effect.RECORD_IGNORED,
)
WRONG_PLACE = Rule(
    "D2",
    _ERROR,
    later("The DMARC record stands at %(host)s; it only works at _dmarc.%(domain)s."),
    Effect.RECORD_IGNORED,
)
VERSION = Rule(
    "D3",
    _ERROR,
    later("The record must begin exactly with v=DMARC1, in this case and without a space before it."),
    Effect.RECORD_IGNORED,
)
SEPARATOR = Rule("D4", _ERROR, later("Tags must be separated by semicolons; “%(term)s” is not read."))
POLICY = Rule("D5", _ERROR, later("Policy “%(value)s” does not exist. Use none, quarantine or reject."))
FO = Rule("D11", _WARNING, later("“fo=%(value)s” is invalid or, without “ruf”, has no effect."))
REMOVED_TAG = Rule("D12", _INFO, later("“%(tag)s” was removed in RFC 9989; receivers may ignore it."))
PART_OF_MAIL = Rule(
    "D12",
    _INFO,
    later(
        "“%(tag)s” was removed in RFC 9989: receivers that follow it apply the full policy,"
        " and the others never took a dependable share of the mail."
    ),
)
OPEN_SUBDOMAINS = Rule("D13", _WARNING, later("Sub-domains stay open to spoofing (%(tag)s=none)."))
TWICE = Rule("D14", _ERROR, later("“%(tag)s” appears more than once."))
SPF_HERE = Rule("D15", _ERROR, later("An SPF record stands at “_dmarc”."), Effect.RECORD_IGNORED)
STRICT = Rule(
    "D16",
    _ERROR,
    later("Strict alignment (“%(tag)s=s”) makes your own mail through %(service)s fail. Use “%(tag)s=r”."),
)
NO_MAIL = Rule("D17", _WARNING, later("This domain sends no mail. Protect it: “v=spf1 -all” and “p=reject”."))
WEAKER = Rule("D18", _WARNING, later("%(name)s has its own, weaker DMARC record, which wins over the parent's."))
CASE = Rule(
    "D20", _WARNING, later("Write “%(term)s” in lower case: the record is valid, but some receivers tell case apart.")
)
NO_POLICY = Rule("D21", _ERROR, later("There is no policy: “p” is missing."))
ORDER = Rule("D22", _INFO, later("Put “p” right behind “v=DMARC1”: receivers that follow RFC 7489 expect it there."))
VALUE = Rule("D27", _WARNING, later("“%(tag)s=%(value)s” is no valid value; receivers use %(tag)s=%(default)s."))
UNKNOWN = Rule("D28", _WARNING, later("“%(tag)s” is no tag of DMARC."), _PART)
HALF_TEST = Rule(
    "D29",
    _WARNING,
    later(
        "Only some receivers take this policy as a test: those that follow RFC 9989 read “t=y”, those that follow"
        " RFC 7489 read “pct=0”. Publish both or neither."
    ),
)
EMPTY = Rule("D30", _ERROR, later("Two semicolons with nothing between them."), _PART)
FOREIGN = Rule("D31", _ERROR, later("“%(term)s” holds characters that a DMARC record cannot have."), _PART)

_KNOWN_NAME = "|".join(KNOWN)
_GLUED = re.compile(rf"(?<![\s,:.|/&])(?P<gap>[\s,:.|/&]+)(?:{_KNOWN_NAME})\s*=", re.IGNORECASE)
_GLUED_TO_URI = re.compile(rf"(?<![\s,])(?P<gap>[\s,]+)(?:{_KNOWN_NAME})\s*=", re.IGNORECASE)
_COLON = re.compile(rf"(?:{_KNOWN_NAME})\s*(:)", re.IGNORECASE)
_FO = re.compile(r"(?!.*([01ds]).*\1)(?!.*0.*1)(?!.*1.*0)[01ds](?:\s*:\s*[01ds])*")


def findings(record: str, around: Surroundings) -> Iterator[Finding]:
    """Everything that the text and its surroundings show."""
    entries = tags.entries(record)
    yield from _version(record, entries)
    yield from _form(record, entries)
    named = [tag for tag in entries if tag.name and tag.name != "v"]
    yield from _case(named)
    yield from _policies(record, entries, named)
    yield from _values(record, named)
    yield from rua_findings(record, named, around)
    yield from _removed_tags(record, named)
    yield from _subdomains(record)
    yield from _around(record, around)


def _version(record: str, entries: list[Tag]) -> Iterator[Finding]:
    head = entries[0]
    if head.name == "v" and head.value == "DMARC1":
        if head.written != "v":
            yield finding(
                CASE, (head.start, head.start + 1), [Edit(head.start, head.start + 1, "v")], term=head.written
            )
        return
    if head.name == "v" and _glued_gaps(head):
        return
    yield _wrong_version(record, entries)


def _wrong_version(record: str, entries: list[Tag]) -> Finding:
    head = entries[0]
    found = re.search(r"\bv\s*=\s*DMARC[^\s;]*|$", record, re.IGNORECASE)
    place = found.span() if found else (0, 0)
    later_tag = next((tag for tag in entries[1:] if tag.name == "v"), None)
    if head.name == "v":
        return finding(VERSION, head.at, [Edit(head.start, head.end, "v=DMARC1")])
    if later_tag is not None:
        return finding(VERSION, later_tag.at, [Edit(0, 0, "v=DMARC1; "), tags.removed(record, later_tag)])
    if place[0] < place[1]:
        return finding(VERSION, place, [Edit(0, place[0])])
    return finding(VERSION, None, [Edit(0, 0, "v=DMARC1; ")])


def _form(record: str, entries: list[Tag]) -> Iterator[Finding]:
    """Entries that are no tags, tags that run into each other, and characters that no tag may hold."""
    for place, tag in enumerate(entries):
        gaps = _glued_gaps(tag) if tag.name or place else []
        if gaps:
            yield from _glued(tag, gaps, first=place == 0)
        elif not tag.name:
            yield from _no_tag(record, entries, place)
        elif not tag.value.isascii() and tag.name not in ("v", "p", *URI_TAGS):
            yield finding(FOREIGN, tag.at, [tags.removed(record, tag)], term=record[tag.start : tag.end])


def _glued_gaps(tag: Tag) -> list[tuple[int, int]]:
    """Where a semicolon is missing: the places of what stands in its stead."""
    pattern = _GLUED_TO_URI if tag.name in URI_TAGS else _GLUED
    return [
        (tag.value_start + found.start("gap"), tag.value_start + found.end("gap"))
        for found in pattern.finditer(tag.value)
        if found.start("gap")
    ]


def _glued(tag: Tag, gaps: list[tuple[int, int]], *, first: bool) -> Iterator[Finding]:
    effect = Effect.RECORD_IGNORED if first else Effect.PART_IGNORED
    ends = [start for start, _ in gaps[1:]] + [tag.end]
    for (start, after), end in zip(gaps, ends, strict=True):
        term = tag.value[after - tag.value_start : end - tag.value_start]
        yield finding(SEPARATOR, (after, end), [Edit(start, after, "; ")], effect=effect, term=term)


def _no_tag(record: str, entries: list[Tag], place: int) -> Iterator[Finding]:
    tag = entries[place]
    if place == 0:
        return
    if tag.value:
        edits = _as_tag(record, entries[place - 1], tag)
        yield finding(SEPARATOR, tag.at, edits, effect=Effect.PART_IGNORED, term=tag.value)
        return
    semicolon, end = record.rfind(";", 0, tag.start), record.find(";", tag.end) + 1
    yield finding(EMPTY, (semicolon, end), [Edit(semicolon + 1, end)])


def _as_tag(record: str, before: Tag, tag: Tag) -> list[Edit]:
    """What makes an entry without `=` a tag or an address of the tag before it; else the edit that takes it out."""
    colon = _COLON.match(tag.value)
    if colon:
        return [Edit(tag.start + colon.start(1), tag.start + colon.end(1), "=")]
    if before.name in URI_TAGS and "@" in tag.value:
        return [Edit(before.end, tag.start, ",")]
    return [tags.removed(record, tag)]


def _case(named: list[Tag]) -> Iterator[Finding]:
    for tag in named:
        if tag.name not in KNOWN:
            continue
        if tag.written != tag.name:
            end = tag.start + len(tag.written)
            yield finding(CASE, (tag.start, end), [Edit(tag.start, end, tag.name)], term=tag.written)
        if tag.value != tag.value.lower() and tag.value.lower() in _words(tag.name):
            edit = Edit(tag.value_start, tag.end, tag.value.lower())
            yield finding(CASE, tag.value_at, [edit], term=tag.value)


def _words(name: str) -> tuple[str, ...]:
    """The values that a tag may have, where they are listed."""
    if name in ("p", "sp", "np"):
        return POLICIES
    return CHOICES[name][0] if name in CHOICES else ()


def _policies(record: str, entries: list[Tag], named: list[Tag]) -> Iterator[Finding]:
    """RFC 9989 section 4.7: one bad policy switches off the whole record, or leaves it as p=none when it has a rua."""
    effect = Effect.ACTS_AS_NONE if has_valid_address(record, "rua") else Effect.NO_DMARC
    for tag in named:
        if tag.name in ("p", "sp", "np") and tag.value.lower() not in POLICIES and not _glued_gaps(tag):
            edit = Edit(tag.value_start, tag.end, _meant(tag.value))
            yield finding(POLICY, tag.value_at, [edit], effect=effect, value=tag.value)
    policy = tags.first(record, "p")
    if policy is None and not any(_glued_gaps(tag) for tag in entries):
        yield finding(NO_POLICY, None, [tags.added(entries[0], "p=none")], effect=effect)
    elif policy is not None and entries[0].name == "v" and policy != named[0]:
        edits = [tags.added(entries[0], record[policy.start : policy.end]), tags.removed(record, policy)]
        yield finding(ORDER, policy.at, edits)


def _meant(value: str) -> str:
    return next(iter(get_close_matches(value.lower(), POLICIES, 1)), "none")


def _values(record: str, named: list[Tag]) -> Iterator[Finding]:
    seen: dict[str, Tag] = {}
    for tag in named:
        if tag.name in seen:
            yield finding(TWICE, tag.at, _once(record, seen[tag.name], tag), tag=tag.name)
        seen.setdefault(tag.name, tag)
        if tag.name not in KNOWN:
            yield finding(UNKNOWN, tag.at, tag=tag.written)
        elif tag.name in CHOICES and tag.value.lower() not in CHOICES[tag.name][0] and not _glued_gaps(tag):
            default = CHOICES[tag.name][1]
            edits = [tags.removed(record, tag)]
            yield finding(VALUE, tag.value_at, edits, tag=tag.name, value=tag.value, default=default)
        elif tag.name == "fo" and not _glued_gaps(tag):
            yield from _fo(record, tag)


def _once(record: str, kept: Tag, again: Tag) -> list[Edit]:
    """Take the second tag out; addresses that only the second names are kept behind those of the first."""
    edits = [tags.removed(record, again)]
    if again.name in URI_TAGS:
        named = [uri.text for uri in uris(kept)]
        more = "".join(f",{uri.text}" for uri in uris(again) if uri.text not in named)
        edits += [Edit(kept.end, kept.end, more)] if more else []
    return edits


def _fo(record: str, tag: Tag) -> Iterator[Finding]:
    if _FO.fullmatch(tag.value.lower()) is None or tags.first(record, "ruf") is None:
        yield finding(FO, tag.at, [tags.removed(record, tag)], value=tag.value)


def _removed_tags(record: str, named: list[Tag]) -> Iterator[Finding]:
    test, pct = tags.value_of(record, "t") == "y", tags.value_of(record, "pct")
    enforced = tags.value_of(record, "p") in ("quarantine", "reject")
    for tag in named:
        if tag.name not in REMOVED or (tag.name == "pct" and enforced and pct == "0"):
            continue
        partial = tag.name == "pct" and enforced and tag.value.isdecimal() and int(tag.value) < 100
        rule, shown = (PART_OF_MAIL, f"pct={tag.value}") if partial else (REMOVED_TAG, tag.name)
        yield finding(rule, tag.at, [tags.removed(record, tag)], tag=shown)
    if enforced and test != (pct == "0"):
        yield _half_test(record, test)


def _half_test(record: str, test: bool) -> Finding:
    """A test for one generation of receivers only; mended to a test for both, the milder of the two readings."""
    tag = tags.first(record, "t" if test else "pct")
    wanted, value = ("pct", "0") if test else ("t", "y")
    other = tags.first(record, wanted)
    if tag is None:
        return finding(HALF_TEST)
    edit = Edit(other.value_start, other.end, value) if other else tags.added(tag, f"{wanted}={value}")
    return finding(HALF_TEST, tag.at, [edit])


def _subdomains(record: str) -> Iterator[Finding]:
    if tags.value_of(record, "p") not in ("quarantine", "reject"):
        return
    for name in ("sp", "np"):
        tag = tags.first(record, name)
        if tag is not None and tag.value.lower() == "none":
            yield finding(OPEN_SUBDOMAINS, tag.at, tag=name)


def _around(record: str, around: Surroundings) -> Iterator[Finding]:
    if around.records_at_name > 1:
        yield finding(SEVERAL, None, count=around.records_at_name)
    if around.name and around.domain and around.name != f"_dmarc.{around.domain}":
        yield finding(WRONG_PLACE, None, host=around.name, domain=around.domain)
    if around.sends_mail is False and tags.value_of(record, "p") != "reject":
        yield finding(NO_MAIL)
    yield from (finding(WEAKER, None, name=name) for name in around.weaker_subdomains)
    yield from _strict(record, around)


def _strict(record: str, around: Surroundings) -> Iterator[Finding]:
    tag = tags.first(record, "aspf")
    if tag is None or tag.value.lower() != "s":
        return
    for service in around.services_in_use:
        if service.aligns_spf == "relaxed":
            yield finding(STRICT, tag.at, [Edit(tag.value_start, tag.end, "r")], tag="aspf", service=service.title)
