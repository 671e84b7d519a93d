"""One streaming pass over a report before anything else reads it: limits, raw identity, its records.

Finds each `<record>`, takes its source IP and count out, and keeps the rest (its *shape*) once per process. expat reads
the document with one `<record/>` in the place of records between which stand only blanks, and each new shape is read
by itself, so equal records cost one look-up. This is safe because a document in which expat sees another number of
such places than were found (comments, CDATA, prefixes, attributes on a record) is refused here with `NotPlain` and
comes back rewritten. Counts and sums are taken from the raw text.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.parsers.expat import errors

from ingest.forms import Form, form_of
from ingest.wall import MAX_RECORD_ELEMENTS, MAX_TEXT, Malformed, Refused, Wall

if TYPE_CHECKING:
    from settings import Limits

MAX_RECORD_BYTES = 1_048_576
MAX_HEADER_BYTES = 262_144
MAX_FORMS = 1_000
# Longer blanks between two records are left for expat, which refuses padding.
MAX_BETWEEN = 1_024
EARLIEST_BEGIN = 1_325_376_000  # 2012-01-01: DMARC was published that January
LATEST_AHEAD_SECONDS = 2 * 86_400

_IDENTITY = {
    "version": "version",
    "report_metadata/org_name": "org_name",
    "report_metadata/email": "email",
    "report_metadata/report_id": "report_id",
    "report_metadata/date_range/begin": "begin",
    "report_metadata/date_range/end": "end",
    "policy_published/domain": "domain",
}
_UNBOUND_PREFIX = errors.codes[errors.XML_ERROR_UNBOUND_PREFIX]
_ONCE = {"report_metadata", "policy_published"}


class NotPlain(Exception):
    """The document needs `rewrite.plain_form` first."""


class RawRecord(NamedTuple):
    """Source IP and count as written (None when the record has none as plain text), the count as a number (None when
    it is none), and the key of the record's shape."""

    ip_text: bytes | None
    count_text: bytes | None
    messages: int | None
    shape: bytes


class NewRecord(NamedTuple):
    """The first record of a new shape: as bytes; as a tree without attributes, or None where its form is known; and
    its form, where it has one."""

    xml: bytes
    tree: Element | None
    form: Form | None = None


@dataclass(slots=True)
class Head:
    """What stands around the records: the bytes, and the identity's raw text (None = absent)."""

    before: bytes = b""
    after: bytes = b""
    texts: dict[str, str] = field(default_factory=dict)
    namespace: str | None = None

    def text(self, name: str) -> str | None:
        """The raw text of one identity field, trimmed; None when the element is absent."""
        return self.texts.get(name)


class _Reader(Wall):
    """Counts records and keeps the texts of the identity."""

    def __init__(self) -> None:
        super().__init__()
        self.records = 0
        self.texts: dict[str, str] = {}
        self.namespace: str | None = None
        self._path: list[str] = []
        self._text: list[str] = []
        self._seen: set[str] = set()
        self.parser.CommentHandler = _not_plain
        self.parser.StartCdataSectionHandler = _not_plain
        self.parser.ProcessingInstructionHandler = _not_plain

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        if ":" in name:
            raise NotPlain
        if self.depth == 1:
            self.namespace = attributes.get("xmlns")
        self._path.append(name)
        self._text.clear()
        if self.depth == 1 and name != "feedback":
            _refuse_root(name)
        if self.depth == 2:
            self._count(name)

    def _count(self, name: str) -> None:
        if name == "record":
            self.records += 1
        elif name in _ONCE:
            if name in self._seen:
                raise Refused("repeated", f"<{name}> stands twice")
            self._seen.add(name)

    def is_introduced(self) -> bool:
        """Whether metadata and policy have come: each comes once."""
        return self._seen >= _ONCE

    def closed(self, name: str) -> None:
        field_name = _IDENTITY.get("/".join(self._path[1:])) if self.depth <= 4 else None
        if field_name:
            if field_name in self.texts and field_name != "version":
                raise Refused("repeated", f"<{name}> stands twice in the header")
            self.texts[field_name] = "".join(self._text).strip()
        self._path.pop()
        self._text.clear()

    def characters(self, text: str) -> None:
        self._text.append(text)


def _refuse_root(name: str) -> None:
    if name.endswith("schema"):  # IKEA's stray <xs:schema> around the report: `mend` knows it
        raise Malformed("a <schema> stands around the report", at_end=False)
    raise Refused("not-a-report", f"the root element is not <feedback> but <{name[:40]}>")


def _not_plain(*_: object) -> None:
    raise NotPlain


class Guard:
    """Feed it the document's steps; it yields the records and collects the head.

    `known` holds the keys of shapes already normalised in this process, `forms` those of forms that expat has read in
    it. `novel` maps the key of each new shape to its first record until the caller takes them away. `full_limits` is
    False for mail that nobody named and whose policy domain is not in `registered`.
    """

    def __init__(
        self,
        limits: "Limits",
        known: Container[bytes],
        registered: Container[str] | None,
        forms: Container[bytes] = frozenset(),
    ) -> None:
        self._limits = limits
        self._known = known
        self._forms = forms
        self._forms_here: set[bytes] = set()
        self._registered = registered
        self._reader = _Reader()
        self._rest = b""
        self._size = 0
        self._before: list[bytes] = []
        self._after: list[bytes] = []
        self._header_bytes = 0
        self._groups = 0
        self.records = 0
        self.messages = 0
        self.novel: dict[bytes, NewRecord] = {}

    def feed(self, step: bytes) -> Iterator[RawRecord]:
        """Records completed by this step, in order. Raises Refused, Malformed or NotPlain."""
        self._size += len(step)
        found, pieces = self._split(self._rest + step)
        self._reader.parse(b"".join(pieces))
        self._require_all_seen()
        self._check_size()
        return iter(found)

    def close(self) -> Head:
        """The head, once the document has ended. Raises Malformed when it was cut."""
        self._keep_between(self._rest)
        self._reader.parse(self._rest)
        self._reader.parse(b"", final=True)
        self._require_all_seen()
        return Head(b"".join(self._before), b"".join(self._after), self._reader.texts, self._reader.namespace)

    def head_so_far(self) -> Head | None:
        """The head, as far as it stands before the first record; None where identity or policy do not stand there."""
        if self._after or not self._reader.is_introduced():
            return None
        return Head(b"".join(self._before), b"</feedback>", dict(self._reader.texts), self._reader.namespace)

    def _require_all_seen(self) -> None:
        if self._reader.records != self._groups:
            raise NotPlain

    def _split(self, text: bytes) -> tuple[list[RawRecord], list[bytes]]:
        """The records, and what expat is to see: the text around them, and one sign for those with blanks between."""
        found: list[RawRecord] = []
        pieces: list[bytes] = []
        position = 0
        while (start := text.find(b"<record>", position)) >= 0:
            end = text.find(b"</record>", start)
            if end < 0:
                break
            end += 9
            between = text[position:start]
            if not found or len(between) > MAX_BETWEEN or between.strip():
                self._keep_between(between)
                pieces += (between, b"<record/>")
                self._groups += 1
            found.append(self._take(text[start:end]))
            position = end
        cut = start if start >= 0 else max(position, len(text) - 8)
        self._keep_between(text[position:cut])
        pieces.append(text[position:cut])
        self._rest = text[cut:]
        return found, pieces

    def _take(self, record: bytes) -> RawRecord:
        ip, count_text, rest = _take_out(record)
        count = read_count(count_text) if count_text is not None else None
        key = blake2b(rest, digest_size=16).digest()
        self.records += 1
        self.messages += count or 0
        if key not in self._known and key not in self.novel:
            self.novel[key] = self._read_new(record)
        return RawRecord(ip, count_text, count, key)

    def _read_new(self, record: bytes) -> NewRecord:
        form = form_of(record)
        if form is None:
            return read_record(record)
        if form.key in self._forms or form.key in self._forms_here:
            return NewRecord(record, None, form)
        new = read_record(record)
        if len(self._forms_here) < MAX_FORMS:
            self._forms_here.add(form.key)
        return new._replace(form=form)

    def _keep_between(self, text: bytes) -> None:
        kept = text if not self.records else text.strip()
        if kept:
            self._header_bytes += len(kept)
            (self._after if self.records else self._before).append(kept)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise Refused("header", "more than 256 KiB outside the records")

    def _refuse_long_record(self) -> None:
        if len(self._rest) > MAX_RECORD_BYTES:
            raise Refused("record", "one record longer than 1 MiB")

    def _check_size(self) -> None:
        full = self._full_limits()
        records = self._limits.records if full else self._limits.unregistered_records
        size = self._limits.inflated_bytes if full else self._limits.unregistered_inflated_bytes
        if self.records > records:
            raise Refused("too_many_records", f"more than {records:,} records")
        if self._size > size:
            raise Refused("too_big", f"more than {size:,} bytes of XML")
        self._refuse_long_record()

    def _full_limits(self) -> bool:
        if self._registered is None:
            return True
        return self._reader.texts.get("domain", "").lower().rstrip(".") in self._registered


def read_record(xml: bytes) -> NewRecord:
    """One record as a tree without attributes. Raises Refused, Malformed or NotPlain, as a whole document does."""
    if xml.count(b"<") > 2 * MAX_RECORD_ELEMENTS or xml.count(b"=") > MAX_RECORD_ELEMENTS:
        raise Refused("elements", "more elements or attributes than any honest record has")
    if b"<record>" in xml[8:]:
        raise Refused("record", "a record inside a record")
    if b"<!" in xml or b"<?" in xml:
        raise NotPlain
    try:
        element = fromstring(xml)  # noqa: S314 - it begins with <record>, so no DOCTYPE can stand in it
    except ParseError as error:
        if error.code == _UNBOUND_PREFIX:
            raise NotPlain from None
        raise Malformed(str(error), at_end=False) from None
    if b"=" in xml or len(xml) > MAX_TEXT:  # else it has neither an attribute nor a long text
        for child in element.iter():
            _check_form(child)
    return NewRecord(xml, element)


def _check_form(element: Element) -> None:
    if "}" in element.tag:
        raise NotPlain
    if element.text and len(element.text) > MAX_TEXT and element.text.strip():
        raise Refused("text", f"a text longer than {MAX_TEXT} characters")
    if element.attrib:
        element.attrib.clear()


def _take_out(record: bytes) -> tuple[bytes | None, bytes | None, bytes]:
    """Source IP, count, and the record without the two; None for one that is not there as plain text."""
    usual = _USUAL_START.match(record)
    if usual is None:
        return _take_out_anywhere(record)
    _, (ip, ip_end), (count, count_end) = usual.regs
    rest = b"".join((record[:ip], b"\0", record[ip_end:count], b"\0", record[count_end:]))
    return usual[1].strip(), usual[2].strip(), rest


# Nearly every reporter begins a record so: no other address or count can stand before these.
_USUAL_START = re.compile(rb"<record>\s*<row>\s*<source_ip>([^<&]*)</source_ip>\s*<count>([^<&]*)</count>")


def _take_out_anywhere(record: bytes) -> tuple[bytes | None, bytes | None, bytes]:
    ip, count = _place(record, b"<source_ip>", b"</source_ip>"), _place(record, b"<count>", b"</count>")
    first, second = (count, ip) if ip and count and count < ip else (ip or count, count if ip else None)
    rest = record
    for place in (second, first):
        if place:
            rest = rest[: place[0]] + b"\0" + rest[place[1] :]
    return _cut(record, ip), _cut(record, count), rest


def _place(record: bytes, opening: bytes, closing: bytes) -> tuple[int, int] | None:
    start = record.find(opening) + len(opening)
    end = record.find(closing, start)
    if start < len(opening) or end < 0 or record.find(b"<", start, end) >= 0 or record.find(b"&", start, end) >= 0:
        return None
    return start, end


def _cut(record: bytes, place: tuple[int, int] | None) -> bytes | None:
    return record[place[0] : place[1]].strip() if place else None


def read_count(text: bytes) -> int | None:
    """A count of messages, 0 to 2^31-1 in ASCII digits; anything else is None."""
    if not text.isdigit() or len(text) > 10:
        return None
    count = int(text)
    return count if count <= 2_147_483_647 else None


def read_period(head: Head, limits: "Limits", now: int, operator_named: bool) -> tuple[int, int, tuple[str, ...]]:
    """begin and end in epoch seconds and the repairs made; raises Refused when no honest report could say so.

    A begin before 2012 is refused out of a mailbox and kept, with a note, in a file that an operator names.
    """
    begin, end = _read_epoch(head, "begin"), _read_epoch(head, "end")
    if end < begin:
        raise Refused("bad_period", "the period ends before it begins")
    if end - begin > limits.span_days * 86_400:
        raise Refused("span", f"a period longer than {limits.span_days} days")
    if begin > now + LATEST_AHEAD_SECONDS:
        raise Refused(
            "bad_period", "the period lies in the future: check the clock of this machine, else the reporter's is wrong"
        )
    if begin >= EARLIEST_BEGIN:
        return begin, end, ()
    if not operator_named:
        raise Refused("bad_period", "the period lies before 2012, when DMARC did not exist")
    return begin, end, ("old-period",)


def _read_epoch(head: Head, name: str) -> int:
    text = head.text(name)
    whole, _, fraction = (text or "").partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 11 and not fraction.strip("0")):
        raise Refused("bad_period", f"<{name}> is not a time in seconds: {(text or 'absent')[:40]!r}")
    return int(whole)
