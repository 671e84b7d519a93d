"""The records of one report, packed: so small that a report of any allowed size fits in memory, twice.

Records are kept in chunks as pickled bytes; reading them unpacks one chunk at a time. Sums and the content hash are
taken while packing, so that nobody needs all records at once.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from knowledge.identify import SenderName
from store.values import Policy, Record, Shape, SourceFacts

CHUNK_RECORDS = 1_000
NAMED_BAD_RECORDS = 10
_HASH_MODULUS = 1 << 256

Name = Callable[[Shape, SourceFacts], SenderName]


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


class Chunk(NamedTuple):
    """Records in the report's order, each with its sender's name as far as it can be told without a host name (None:
    not told), and the facts of their addresses."""

    records: tuple[Record, ...]
    senders: tuple[SenderName | None, ...]
    sources: tuple[SourceFacts, ...]


@dataclass(frozen=True, slots=True)
class PackedRecords:
    """Every record of a report. `content_hash` is equal for the same records in any order and formatting.

    `bad` names the first records that could not be read whole, like `record 2 (count)`.
    """

    packed: tuple[bytes, ...]
    sums: Sums
    content_hash: str
    bad: tuple[str, ...]

    def chunks(self) -> Iterator[Chunk]:
        """The records, a chunk at a time."""
        for packed in self.packed:
            yield pickle.loads(packed)  # noqa: S301 - our own worker process packed it

    def __iter__(self) -> Iterator[Record]:
        for chunk in self.chunks():
            yield from chunk.records


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


class Packing:
    """Packs records as they come. `source` tells the facts of an address, `name` the sender of a record from it."""

    def __init__(self, source: Callable[[str], SourceFacts], name: Name | None = None) -> None:
        self._source = source
        self._name = name
        self._packed: list[bytes] = []
        self._hash = 0
        self._sums = [0] * len(Sums._fields)
        self._bad: list[str] = []

    def add(self, records: Sequence[Record]) -> None:
        """Pack one chunk."""
        for record in records:
            self._count(record)
        facts = {ip: self._source(ip) for ip in dict.fromkeys(record.ip for record in records)}
        senders = [self._name(record.shape, facts[record.ip]) if self._name else None for record in records]
        chunk = Chunk(tuple(records), tuple(senders), tuple(facts.values()))
        self._packed.append(pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL))

    def finish(self, counted_records: int, counted_messages: int) -> PackedRecords:
        """Everything packed, held against the guard's own counts."""
        sums = Sums(*self._sums)
        missing = abs(counted_records - sums.records)
        differs = sums.messages != counted_messages
        whole = sums._replace(bad_records=max(sums.bad_records, missing, int(differs)))
        return PackedRecords(tuple(self._packed), whole, f"{self._hash:064x}", tuple(self._bad))

    def _count(self, record: Record) -> None:
        shape, sums = record.shape, self._sums
        sums[0] += 1
        if record.bad:
            sums[1] += 1
            if len(self._bad) < NAMED_BAD_RECORDS:
                self._bad.append(f"record {sums[0]} ({record.bad})")
        sums[2] += record.messages
        if shape.passed:
            sums[3] += record.messages
        sums[_DISPOSED[shape.disposition]] += record.messages
        # A sum of hashes does not depend on the order, and needs no sorting.
        text = f"{shape.digest} {record.ip} {record.messages} {record.bad or ''}"
        digest = blake2b(text.encode(), digest_size=32).digest()
        self._hash = (self._hash + int.from_bytes(digest)) % _HASH_MODULUS


_DISPOSED = {"none": 4, "pass": 4, "quarantine": 5, "reject": 6, "unknown": 7}


def pack(records: Iterable[Record], source: Callable[[str], SourceFacts]) -> PackedRecords:
    """Records that are all at hand, as if the guard had counted them so."""
    packing, found = Packing(source), tuple(records)
    for start in range(0, len(found), CHUNK_RECORDS):
        packing.add(found[start : start + CHUNK_RECORDS])
    return packing.finish(len(found), sum(record.messages for record in found))
