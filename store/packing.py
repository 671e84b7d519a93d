"""The records of one report, packed: so small that a report of any allowed size fits in memory, twice.

Records are kept in chunks as bytes (Python's marshal, of plain tuples); reading them unpacks one chunk at a time. Sums
and the content hash are taken while packing, so that nobody needs all records at once.
"""

import marshal
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

from knowledge.identify import SenderName
from store.values import AuthResult, Policy, Reason, Record, Shape, SourceFacts

CHUNK_RECORDS = 1_000
NAMED_BAD_RECORDS = 10
_HASH_MODULUS = 1 << 256

Name = Callable[[Shape, SourceFacts], SenderName]
Marks = Callable[[Shape], int]
Key = TypeVar("Key", bound=Hashable)


class Sums(NamedTuple):
    """Figures of one report, in the order of the columns of `report`; disposition pass acts as none.

    `bad_records`: records not read whole; at least one when records or messages differ from what the guard counted.
    """

    records: int
    bad_records: int
    messages: int
    passed: int
    disposition_none: int
    disposition_quarantine: int
    disposition_reject: int
    disposition_unknown: int


class Ends(NamedTuple):
    """What the rows of a record of one shape end with, in schema order: its own row behind `messages`, those of its
    results and those of its reasons behind the record's number. Plain values, as they came through the pipe."""

    record: tuple[Any, ...]
    results: tuple[tuple[Any, ...], ...]
    reasons: tuple[tuple[Any, ...], ...]
    digest: str


class Chunk(NamedTuple):
    """Records in the report's order, as columns: what several of them share stands in the chunk once.

    `ends` and `marks` (`store.evidence`; None: not told) are those of the shapes, `senders` names as far as they can be
    told without a host name (None: not told). Per record: messages, and the place of its source, shape and sender in
    these. `odd` has what could not be read of a record, and what the reporter wrote there, by the record's place.
    """

    sources: tuple[SourceFacts, ...]
    ends: tuple[Ends, ...]
    senders: tuple[SenderName | None, ...]
    marks: tuple[int | None, ...]
    messages: list[int]
    source_of: list[int]
    shape_of: list[int]
    sender_of: list[int]
    odd: dict[int, tuple[str | None, str | None]]

    def shape(self, place: int) -> Shape:
        """One of the shapes, made of its ends."""
        (*words, bad, raw, repairs), results, reasons, digest = self.ends[place]
        told = tuple([AuthResult._make(result) for _, *result in results])
        why = tuple([Reason._make(reason) for _, *reason in reasons])
        return Shape._make((*words, told, why, tuple(repairs.split("\n")) if repairs else (), digest, bad, raw))

    def records(self) -> Iterator[Record]:
        """The records, one by one."""
        shapes = [self.shape(place) for place in range(len(self.ends))]
        columns = zip(self.messages, self.source_of, self.shape_of, strict=True)
        for number, (messages, source, shape) in enumerate(columns):
            yield Record(self.sources[source].ip, messages, shapes[shape], *self.odd.get(number, _READ))


_READ = (None, None)


@dataclass(frozen=True, slots=True)
class PackedRecords:
    """Every record of a report. `content_hash` is equal for the same records in any order and formatting.

    `bad` names the first records that could not be read whole, like `record 2 (count)`. `sent`: the chunks went ahead
    of the report and are not here.
    """

    packed: tuple[bytes, ...]
    sums: Sums
    content_hash: str
    bad: tuple[str, ...]
    sent: bool = False

    def chunks(self) -> Iterator[Chunk]:
        """The records, a chunk at a time."""
        for packed in self.packed:
            yield unpacked(packed)

    def __iter__(self) -> Iterator[Record]:
        for chunk in self.chunks():
            yield from chunk.records()


UNREAD = PackedRecords((), Sums(0, 0, 0, 0, 0, 0, 0, 0), "", (), sent=True)


@dataclass(frozen=True, slots=True)
class Report:
    """One aggregate report, whole. `org_name`, `email` and `report_id` are the reporter's own text, trimmed."""

    part: str
    org_name: str
    email: str
    report_id: str
    begin: int
    end: int
    policy: Policy
    records: PackedRecords
    xml_version: str | None = None
    xml_namespace: str | None = None
    generator: str | None = None
    extra_contact_info: str | None = None
    errors: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()

    def identity(self) -> tuple[str, ...]:
        """What makes it this report, without its content."""
        period = (str(self.begin), str(self.end))
        return (self.org_name, self.email, self.report_id, self.policy.domain, *period)


class Packing:
    """Packs records as they come. `source` tells the facts of an address, `name` the sender of a record from it, and
    `marks` those of a shape."""

    def __init__(
        self, source: Callable[[str], SourceFacts], name: Name | None = None, marks: Marks | None = None
    ) -> None:
        self._source = source
        self._name = name
        self._marks = marks
        self._packed: list[bytes] = []
        self._sent = False
        self._hash = 0
        self._sums = [0] * len(Sums._fields)
        self._bad: list[str] = []

    def add(self, records: Sequence[Record]) -> None:
        """Pack one chunk."""
        self._count(records)
        source_of, addresses = _places(record.ip for record in records)
        # By identity: equal shapes of one chunk are one object, and comparing their texts takes long.
        shape_of, known = _places(id(record.shape) for record in records)
        by_id = {id(record.shape): record.shape for record in records}
        shapes = tuple(by_id[each] for each in known)
        sources = tuple(self._source(ip) for ip in addresses)
        sender_of, senders = _places(self._named(shapes, shape_of, sources, source_of))
        odd = {number: (record.bad, record.raw) for number, record in enumerate(records) if record.bad or record.raw}
        marks = tuple(self._marks(shape) if self._marks else None for shape in shapes)
        messages = [record.messages for record in records]
        chunk = Chunk(sources, ends_of(shapes), senders, marks, messages, source_of, shape_of, sender_of, odd)
        self._packed.append(_packed(chunk))

    def _named(
        self, shapes: Sequence[Shape], shape_of: list[int], sources: Sequence[SourceFacts], source_of: list[int]
    ) -> Iterator[SenderName | None]:
        if self._name is None:
            yield from [None] * len(shape_of)
            return
        for shape, source in zip(shape_of, source_of, strict=True):
            yield self._name(shapes[shape], sources[source])

    def finish(self, counted_records: int, counted_messages: int) -> PackedRecords:
        """Everything packed, held against the guard's own counts."""
        sums = Sums(*self._sums)
        missing = abs(counted_records - sums.records)
        differs = sums.messages != counted_messages
        whole = sums._replace(bad_records=max(sums.bad_records, missing, int(differs)))
        return PackedRecords(tuple(self._packed), whole, f"{self._hash:064x}", tuple(self._bad), self._sent)

    def waiting(self) -> int:
        """How many chunks are here."""
        return len(self._packed)

    def taken(self) -> list[bytes]:
        """The chunks that are here, for somebody who has them from now on."""
        taken, self._packed, self._sent = self._packed, [], True
        return taken

    def _count(self, records: Sequence[Record]) -> None:
        sums = self._sums
        for ip, messages, shape, bad, _ in records:
            sums[0] += 1
            sums[2] += messages
            if shape.dkim_aligned or shape.spf_aligned:
                sums[3] += messages
            sums[_DISPOSED[shape.disposition]] += messages
            if bad:
                self._note_bad(bad)
            # A sum of hashes does not depend on the order, and needs no sorting.
            digest = blake2b(f"{shape.digest} {ip} {messages} {bad or ''}".encode(), digest_size=32).digest()
            self._hash += int.from_bytes(digest)
        self._hash %= _HASH_MODULUS

    def _note_bad(self, bad: str) -> None:
        self._sums[1] += 1
        if len(self._bad) < NAMED_BAD_RECORDS:
            self._bad.append(f"record {self._sums[0]} ({bad})")


def ends_of(shapes: Iterable[Shape]) -> tuple[Ends, ...]:
    """The ends of each shape. Equal results are one object: marshal packs it once, and it comes out so."""
    known: dict[Hashable, tuple[tuple[Any, ...], ...]] = {}
    return tuple(
        [
            Ends(
                (*shape[:7], shape.bad, shape.raw, "\n".join(shape.repairs) or None),
                _numbered(known, shape.auth_results),
                _numbered(known, shape.reasons),
                shape.digest,
            )
            for shape in shapes
        ]
    )


def _numbered(
    known: dict[Hashable, tuple[tuple[Any, ...], ...]], parts: tuple[tuple[Any, ...], ...]
) -> tuple[tuple[Any, ...], ...]:
    found = known.get(parts)
    if found is None:
        found = known[parts] = tuple([(number, *part) for number, part in enumerate(parts)])
    return found


def _packed(chunk: Chunk) -> bytes:
    senders = [name and tuple(name) for name in chunk.senders]
    return marshal.dumps((list(map(tuple, chunk.sources)), list(map(tuple, chunk.ends)), senders, *chunk[3:]))


def unpacked(packed: bytes) -> Chunk:
    """A chunk as our own worker process packed it."""
    sources, ends, senders, *columns = marshal.loads(packed)  # noqa: S302 - our own worker process packed it
    return Chunk(
        tuple(map(SourceFacts._make, sources)),
        tuple(map(Ends._make, ends)),
        tuple([name and SenderName._make(name) for name in senders]),
        *columns,
    )


def _places(keys: Iterable[Key]) -> tuple[list[int], tuple[Key, ...]]:
    """The distinct keys in the order of their first, and for each key its place among them."""
    places: dict[Key, int] = {}
    return [places.setdefault(key, len(places)) for key in keys], tuple(places)


_DISPOSED = {"none": 4, "pass": 4, "quarantine": 5, "reject": 6, "unknown": 7}
