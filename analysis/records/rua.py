"""The report addresses of a DMARC record: `rua` and `ruf` (RFC 9989 section 4.7, RFC 9990 section 4)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.records import tags
from analysis.records.findings import Edit, Finding, Rule, Severity, Span, finding
from analysis.records.surroundings import Surroundings
from analysis.records.tags import Tag
from knowledge.names import a_label
from wording import later

URI_TAGS = ("rua", "ruf")
MOST_ADDRESSES = 2

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

NO_RUA = Rule("D6", _WARNING, later("There is no “rua”, so no reports arrive and failures stay unseen."))
NO_MAILTO = Rule(
    "D7", _ERROR, later("“%(tag)s” needs “mailto:” before the address %(address)s; reports do not arrive now.")
)
NOT_AUTHORISED = Rule(
    "D8",
    _ERROR,
    later(
        "%(rua_domain)s has not agreed to receive your reports (%(domain)s._report._dmarc.%(rua_domain)s is missing)."
    ),
)
NO_MX = Rule("D9", _ERROR, later("%(rua_domain)s cannot receive mail (no MX); reports are lost."))
MANY = Rule("D10", _INFO, later("More than two “rua” addresses; some reporters serve only two."))
OTHER_SCHEME = Rule("D23", _WARNING, later("Reporters send mail only: “%(uri)s” gets no reports."))
NO_ADDRESS = Rule("D24", _ERROR, later("“%(uri)s” in “%(tag)s” is no mail address; nothing is sent there."))
NO_COMMA = Rule("D25", _ERROR, later("Addresses in “%(tag)s” must be separated by commas."))
SIZE = Rule("D26", _INFO, later("The size limit “%(size)s” was removed in RFC 9989; reporters ignore it."))

_ADDRESS = r"[^\s@,;!<>()]+@[^\s@,;!<>()/?:']+"
_MAILTO = re.compile(
    rf"mailto:(?!/)(?P<address>{_ADDRESS})(?P<query>\?[^\s,!]*)?(?P<size>![0-9]+[kmgt]?)?", re.IGNORECASE
)
_WITHOUT_MAILTO = re.compile(rf"['<]?(?:[a-z]{{0,8}}\s*[:=]\s*/*\s*)?['<]?(?P<address>{_ADDRESS})['>]*", re.IGNORECASE)
_NAMED = re.compile(r"\brua\s*[:=]", re.IGNORECASE)
_SCHEME = re.compile(r"(?!mailto:)[a-z][a-z0-9+.-]*://[^\s]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Uri:
    """One entry of the list in a tag, with its place in the record."""

    tag: Tag
    text: str
    start: int
    end: int

    @property
    def at(self) -> Span:
        """Where the entry stands; an empty one is shown as its whole tag."""
        return (self.start, self.end) if self.text else self.tag.at


def uris(tag: Tag) -> list[Uri]:
    """The entries of a tag."""
    found, place = [], tag.value_start
    for text in tag.value.split(","):
        start = place + len(text) - len(text.lstrip())
        stripped = text.strip()
        found.append(Uri(tag, stripped, start, start + len(stripped)))
        place += len(text) + 1
    return found


def rua_domain(uri: str) -> str | None:
    """The domain that this URI sends mail to, as an A-label, or None when it is no valid mailto URI."""
    parts = _MAILTO.fullmatch(uri)
    if parts is None or not uri.isascii():
        return None
    return _host(parts["address"])


def _host(address: str) -> str | None:
    host = a_label(address.rpartition("@")[2])
    return host if host and "." in host else None


def has_valid_address(record: str, name: str) -> bool:
    """Whether a tag of this name holds at least one URI that is valid by its form."""
    return any(
        rua_domain(uri.text) is not None or _SCHEME.fullmatch(uri.text) is not None
        for tag in tags.entries(record)
        if tag.name == name
        for uri in uris(tag)
    )


def rua_findings(record: str, named: list[Tag], around: Surroundings) -> Iterator[Finding]:
    """What is wrong with the addresses: D6 to D10 and D23 to D26."""
    if not _NAMED.search(record):
        yield finding(NO_RUA)
    for tag in named:
        if tag.name not in URI_TAGS:
            continue
        found = uris(tag)
        for place, uri in enumerate(found):
            yield from _uri(record, found, place)
            yield from _known(uri, around)
        if tag.name == "rua" and len(found) > MOST_ADDRESSES:
            yield finding(MANY, tag.at)


def _uri(record: str, found: list[Uri], place: int) -> Iterator[Finding]:
    uri = found[place]
    parts = _MAILTO.fullmatch(uri.text)
    if rua_domain(uri.text) is not None and parts is not None:
        if parts["size"]:
            edits = [Edit(uri.end - len(parts["size"]), uri.end)]
            yield finding(SIZE, uri.at, edits, size=parts["size"])
    elif _SCHEME.fullmatch(uri.text):
        yield finding(OTHER_SCHEME, uri.at, uri=uri.text)
    elif len(uri.text.split()) > 1 and uri.text.count("@") > 1:
        edits = [Edit(uri.start + gap.start(), uri.start + gap.end(), ",") for gap in re.finditer(r"\s+", uri.text)]
        yield finding(NO_COMMA, uri.at, edits, tag=uri.tag.name)
    else:
        yield _not_mailto(record, found, place)


def _not_mailto(record: str, found: list[Uri], place: int) -> Finding:
    uri = found[place]
    parts = _WITHOUT_MAILTO.fullmatch(uri.text)
    host = _host(parts["address"]) if parts else None
    if parts is None or host is None:
        return finding(NO_ADDRESS, uri.at, [_without(record, found, place)], uri=uri.text, tag=uri.tag.name)
    local = parts["address"].rpartition("@")[0]
    if not local.isascii():
        return finding(NO_ADDRESS, uri.at, [_without(record, found, place)], uri=uri.text, tag=uri.tag.name)
    address = parts["address"] if parts["address"].isascii() else f"{local}@{host}"
    edits = [Edit(uri.start, uri.end, f"mailto:{address}")]
    if "mailto:" in uri.text.lower():
        return finding(NO_ADDRESS, uri.at, edits, uri=uri.text, tag=uri.tag.name)
    return finding(NO_MAILTO, uri.at, edits, tag=uri.tag.name, address=parts["address"])


def _without(record: str, found: list[Uri], place: int) -> Edit:
    """The edit that takes one entry out of its list, or the whole tag when it is the only one."""
    if len(found) == 1:
        return tags.removed(record, found[0].tag)
    if place + 1 < len(found):
        return Edit(found[place].start, found[place + 1].start)
    return Edit(found[place - 1].end, found[place].end)


def _known(uri: Uri, around: Surroundings) -> Iterator[Finding]:
    host = rua_domain(uri.text)
    if uri.tag.name != "rua" or host is None or host not in around.rua_domains:
        return
    known = around.rua_domains[host]
    if known.authorised is False:
        yield finding(NOT_AUTHORISED, uri.at, rua_domain=host, domain=around.domain or "…")
    if known.receives_mail is False:
        yield finding(NO_MX, uri.at, rua_domain=host)
