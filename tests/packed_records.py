"""Records for a report that no reader has read."""

from collections.abc import Callable, Iterable

from store.packing import CHUNK_RECORDS, PackedRecords, Packing
from store.values import Record, SourceFacts


def pack(records: Iterable[Record], source: Callable[[str], SourceFacts]) -> PackedRecords:
    """Records that are all at hand, as if the guard had counted them so."""
    packing, found = Packing(source), tuple(records)
    for start in range(0, len(found), CHUNK_RECORDS):
        packing.add(found[start : start + CHUNK_RECORDS])
    return packing.finish(len(found), sum(record.messages for record in found))
