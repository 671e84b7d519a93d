"""What is wrong with the text of one SPF record (RFC 7208), and around it: the findings S1 to S24.

The record is plain text already (analysis/records/plain.py); places are counted in it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from analysis.records import spf_terms
from analysis.records.findings import Edit, Effect, Finding, Rule, Severity, finding
from analysis.records.spf_terms import Term
from analysis.records.surroundings import Surroundings
from wording import later

MOST_LOOKUPS = 10
MOST_VOID_LOOKUPS = 2
# RFC 7208 section 3.4: with headers and question an answer of this size still fits into 512 bytes.
LONGEST_BYTES = 450
# A network with a shorter prefix holds more addresses than one firm sends from.
SHORTEST_PREFIX = {"ip4": 9, "ip6": 19}

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_FAILS = Effect.SPF_FAILS

SEVERAL = Rule(
    "S1",
    _ERROR,
    later("%(count)s SPF records exist. Only one is allowed, so SPF fails. Please merge them into one."),
    _FAILS,
)
ADDRESS = Rule("S2", _ERROR, later("“%(term)s” is not valid SPF. Write “ip4:” and use dots, not commas."), _FAILS)
NO_SPACE = Rule(
    "S3", _ERROR, later("A space is missing near “%(term)s”, so the record is not read as intended."), _FAILS
)
LOOKUPS = Rule(
    "S4",
    _ERROR,
    later("SPF needs %(count)s DNS lookups; the limit is 10, beyond it SPF fails. Remove includes no longer in use."),
    _FAILS,
)
VOID_LOOKUPS = Rule("S5", _ERROR, later("%(count)s names in SPF no longer exist; the limit is 2. Remove them."), _FAILS)
DEAD_INCLUDE = Rule("S6", _ERROR, later("“include:%(host)s” has no SPF record or leads back to itself."), _FAILS)
PTR = Rule("S7", _WARNING, later("“ptr” is discouraged (RFC 7208). Name the addresses or the include instead."))
ALL_PASS = Rule(
    "S8", _ERROR, later("The record ends with “%(all)s”: anyone may send as you. End it with “~all” or “-all”.")
)
ALL_NEUTRAL = Rule(
    "S8", _WARNING, later("The record ends with “?all”: nothing is decided. End it with “~all” or “-all”.")
)
NO_ALL = Rule("S8", _WARNING, later("The record has no “all”: nothing is decided. End it with “~all” or “-all”."))
AFTER_ALL = Rule("S9", _WARNING, later("Everything after “all” is ignored. Move “all” to the end."))
OLD_RECORD = Rule("S10", _INFO, later("An old SPF record type or “spf2.0” exists; it is no longer used."))
LONG = Rule("S11", _WARNING, later("The record is %(bytes)s bytes long; some receivers may cut it."))
USELESS_INCLUDE = Rule(
    "S12",
    _WARNING,
    later("%(service)s does not use your domain as return address, so “include:%(host)s” only costs lookups."),
)
SUBDOMAIN = Rule("S14", _WARNING, later("%(name)s sends mail but has no SPF record of its own."))
REDIRECT_BESIDE_ALL = Rule("S15", _WARNING, later("“%(term)s” is ignored, because the record has an “all”."))
VERSION_CASE = Rule(
    "S16", _WARNING, later("Write “v=spf1” in lower case: some receivers do not recognise it otherwise.")
)
VERSION = Rule("S17", _ERROR, later("The record must begin exactly with “v=spf1” and a space."), Effect.RECORD_IGNORED)
UNKNOWN_TERM = Rule("S18", _ERROR, later("“%(term)s” is not valid SPF."), _FAILS)
SPACE_INSIDE = Rule("S19", _ERROR, later("There is a space too many inside “%(term)s”."), _FAILS)
TWICE = Rule("S20", _WARNING, later("“%(term)s” appears more than once."))
MODIFIER_TWICE = Rule("S21", _ERROR, later("“%(term)s”: this modifier may appear only once."), _FAILS)
WIDE = Rule("S22", _WARNING, later("“%(term)s” lets a very large part of the Internet send as you."))
HOST_BITS = Rule("S23", _INFO, later("“%(term)s” means the whole network %(network)s."))
UNKNOWN_MODIFIER = Rule("S24", _INFO, later("“%(term)s” has no meaning in SPF."), Effect.PART_IGNORED)

_VERSION = re.compile(r"v\s*=\s*spf1(?=[\s+~?-]|$)", re.IGNORECASE)
_BROKEN_VERSION = re.compile(r"v\s*=?\s*spf[0-9.]*[:;,=]*", re.IGNORECASE)
_GLUED_TO_VERSION = re.compile(
    r"v\s*=\s*spf1(?=[;,:]*(?:[+\-~?]|include:|ip4:|ip6:|mx|a[: ]|exists:|redirect=))", re.IGNORECASE
)
_ALL = re.compile(r"all\W*$", re.IGNORECASE)
_GLUED = re.compile(
    r"(?<=[\w./])(?:(?=[+\-~?]?(?:include:|ip4:|ip6:|exists:|redirect=|exp=))(?<![+\-~?])|(?=[+\-~?]all$))",
    re.IGNORECASE,
)


def findings(record: str, around: Surroundings) -> Iterator[Finding]:
    """Everything that the text and its surroundings show, in the order of the text where it has a place."""
    if record.lower().startswith("spf2.0"):
        yield finding(OLD_RECORD, (0, len(record)), effect=Effect.RECORD_IGNORED)
        return
    yield from _version(record)
    words = _joined(spf_terms.terms(record, _body(record)))
    yield from _syntax(record, words)
    valid = [word for word in words if spf_terms.is_valid(word)]
    yield from _meaning(record, valid, meant_all=any(_ALL.search(word.text) for word in words))
    yield from _networks(valid)
    yield from _length(record)
    yield from _around(record, valid, around)


def _version(record: str) -> Iterator[Finding]:
    if record == "v=spf1" or record.startswith("v=spf1 "):
        return
    start, end = _version_place(record)
    written = record[start:end]
    if start == 0 and written.lower() == "v=spf1" and record[end : end + 1] in ("", " "):
        yield finding(VERSION_CASE, (0, end), [Edit(0, end, "v=spf1")])
    elif start == 0 and written == "v=spf1" and _GLUED_TO_VERSION.match(record):
        after = end + len(record[end:]) - len(record[end:].lstrip(";,:"))
        near = record[: after + 10].split()[0]
        yield finding(NO_SPACE, (0, len(near)), [Edit(end, after, " ")], effect=Effect.RECORD_IGNORED, term=near)
    else:
        new = "v=spf1" if record[end : end + 1] in ("", " ") else "v=spf1 "
        yield finding(VERSION, (0, end) if end else None, [Edit(0, end, new if end else "v=spf1 ")])


def _version_place(record: str) -> tuple[int, int]:
    """Where the version stands, an empty place at the start when nowhere."""
    for pattern in (_VERSION, _GLUED_TO_VERSION):
        found = pattern.search(record)
        if found:
            return found.span()
    broken = _BROKEN_VERSION.match(record)
    return broken.span() if broken else (0, 0)


def _body(record: str) -> int:
    """Where the terms begin."""
    _, end = _version_place(record)
    return end


def _joined(words: list[Term]) -> list[Term]:
    """The words, where a space divides one that was meant as a whole put together; its place then spans the space."""
    found: list[Term] = []
    for word in words:
        if found and _belong_together(found[-1], word):
            whole = spf_terms.term(found[-1].text + word.text, found[-1].start)
            found[-1] = replace(whole, end=word.end)
        else:
            found.append(word)
    return found


def _syntax(record: str, words: list[Term]) -> Iterator[Finding]:
    for word in words:
        written = record[word.start : word.end]
        if written != word.text:
            yield finding(SPACE_INSIDE, _at(word), [Edit(word.start, word.end, word.text)], term=written)
        elif not spf_terms.is_valid(word):
            yield _broken(word)


def _belong_together(word: Term, following: Term) -> bool:
    if spf_terms.is_valid(following) and following.separator != "/":
        return word.text in tuple("+-~?") and not following.qualifier
    if word.text in tuple("+-~?"):
        return following.name in spf_terms.MECHANISMS
    return word.text.endswith((":", "=")) and spf_terms.is_valid(spf_terms.term(word.text + following.text))


def _broken(word: Term) -> Finding:
    gaps = [gap.start() for gap in _GLUED.finditer(word.text) if gap.start()]
    if gaps:
        edits = [Edit(word.start + gap, word.start + gap, " ") for gap in gaps]
        return finding(NO_SPACE, (word.start, word.end), edits, term=word.text)
    new = spf_terms.meant(word)
    edits = [] if new is None else [Edit(word.start, word.end, new)]
    rule = ADDRESS if spf_terms.is_about_addresses(word) else UNKNOWN_TERM
    return finding(rule, (word.start, word.end), edits, term=word.text)


def _meaning(record: str, words: list[Term], *, meant_all: bool) -> Iterator[Finding]:
    alls = [word for word in words if word.name == "all"]
    redirects = [word for word in words if word.name == "redirect"]
    if alls:
        yield from _all(record, words, alls)
        yield from (
            finding(REDIRECT_BESIDE_ALL, _at(word), [_removed(record, word)], term=word.text) for word in redirects
        )
    elif not redirects and not meant_all:
        yield finding(NO_ALL, None, [Edit(len(record), len(record), " ~all")])
    yield from _repeated(record, words)
    yield from _discouraged(words)
    lookups = sum(word.name in spf_terms.LOOKUPS for word in words)
    if lookups > MOST_LOOKUPS:
        yield finding(LOOKUPS, None, count=lookups)


def _all(record: str, words: list[Term], alls: list[Term]) -> Iterator[Finding]:
    first = alls[0]
    after = [word for word in words if word.start > first.start and word.name in spf_terms.MECHANISMS]
    if after:
        last = words[-1]
        edits = [_removed(record, each) for each in alls if each != last]
        yield finding(AFTER_ALL, (after[0].start, after[-1].end), [*edits, _at_the_end(first, last)])
    if first.qualifier in ("", "+"):
        yield finding(ALL_PASS, _at(first), [Edit(first.start, first.end, "~all")], all=first.text)
    elif first.qualifier == "?":
        yield finding(ALL_NEUTRAL, _at(first), [Edit(first.start, first.end, "~all")])


def _at_the_end(first: Term, last: Term) -> Edit:
    if last.name == "all":
        return Edit(last.start, last.end, first.text)
    return Edit(last.end, last.end, f" {first.text}")


def _repeated(record: str, words: list[Term]) -> Iterator[Finding]:
    seen: set[str] = set()
    for word in words:
        modifier = word.name in spf_terms.MODIFIERS
        key = word.name if modifier else word.text.lower()
        if key in seen and word.name != "all":
            yield finding(MODIFIER_TWICE if modifier else TWICE, _at(word), [_removed(record, word)], term=word.text)
        seen.add(key)


def _discouraged(words: list[Term]) -> Iterator[Finding]:
    for word in words:
        if word.name == "ptr":
            yield finding(PTR, _at(word))
        elif word.name not in spf_terms.MECHANISMS and word.name not in spf_terms.MODIFIERS:
            yield finding(UNKNOWN_MODIFIER, _at(word), term=word.text)


def _networks(words: list[Term]) -> Iterator[Finding]:
    for word in words:
        if word.name not in ("ip4", "ip6"):
            continue
        network = ip_network(word.value, strict=False)
        if network.prefixlen < SHORTEST_PREFIX[word.name]:
            yield finding(WIDE, _at(word), term=word.text)
        if "/" in word.value and str(network.network_address) != str(spf_terms.address(word.value.partition("/")[0])):
            new = f"{word.qualifier}{word.name}:{network}"
            yield finding(HOST_BITS, _at(word), [Edit(word.start, word.end, new)], term=word.text, network=network)


def _length(record: str) -> Iterator[Finding]:
    size = len(record.encode())
    if size > LONGEST_BYTES:
        yield finding(LONG, None, bytes=size)


def _around(record: str, words: list[Term], around: Surroundings) -> Iterator[Finding]:
    if around.records_at_name > 1:
        yield finding(SEVERAL, None, count=around.records_at_name)
    if around.old_spf_record:
        yield finding(OLD_RECORD, None)
    yield from _tree(record, words, around)
    yield from _useless(record, words, around)
    yield from (finding(SUBDOMAIN, None, name=name) for name in around.subdomains_without_spf)


def _tree(record: str, words: list[Term], around: Surroundings) -> Iterator[Finding]:
    tree = around.spf_tree
    if tree is None:
        return
    own = sum(word.name in spf_terms.LOOKUPS for word in words)
    if tree.lookups > MOST_LOOKUPS >= own:
        yield finding(LOOKUPS, None, count=tree.lookups)
    if tree.void_lookups > MOST_VOID_LOOKUPS:
        yield finding(VOID_LOOKUPS, None, count=tree.void_lookups)
    for word in words:
        if word.name == "include" and word.domain in (*tree.missing, *tree.looping):
            yield finding(DEAD_INCLUDE, _at(word), [_removed(record, word)], host=word.domain)


def _useless(record: str, words: list[Term], around: Surroundings) -> Iterator[Finding]:
    hosts = {
        host: service.title
        for service in around.services_known
        if service.aligns_spf == "no"
        for host in (*service.spf_include, *service.spf_include_legacy)
    }
    for word in words:
        if word.name == "include" and word.domain in hosts:
            edits = [_removed(record, word)]
            yield finding(USELESS_INCLUDE, _at(word), edits, service=hosts[word.domain], host=word.domain)


def merged(records: list[str]) -> str:
    """One record of several that are correct alone: every term once, in order, and the mildest `all` at the end.

    A redirect becomes an include, since the terms of the other records stand beside it.
    """
    words = [word for record in records for word in spf_terms.terms(record, _body(record))]
    alls = [word.text for word in words if word.name == "all"]
    kept = dict.fromkeys(_merged(word) for word in words if word.name != "all")
    mildest = next((text for text in ("?all", "~all", "-all") if text in alls), "~all")
    return " ".join(["v=spf1", *kept, mildest])


def _merged(word: Term) -> str:
    return f"include:{word.value}" if word.name == "redirect" else word.text


def _at(word: Term) -> tuple[int, int]:
    return word.start, word.end


def _removed(record: str, word: Term) -> Edit:
    """The edit that takes a term out together with the space before it."""
    before = record[: word.start]
    return Edit(len(before.rstrip(" \t")), word.end)
