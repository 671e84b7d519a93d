"""The rows of records, their results and reasons that wait to be inserted, as tuples for the driver.

A column that is empty in a whole chunk is left out of its INSERT: Python's sqlite3 looks for an adapter of every None
that it binds, which takes a fifth of the time of inserting.
"""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Table

from store.packing import Chunk
from store.schema import auth_result, override_reason, record
from store.statements import insert_sql

_Row = tuple[Any, ...]
_TABLES = (record, auth_result, override_reason)


class RecordRows:
    """Rows of records of one transaction, in the order in which they may be inserted."""

    def __init__(self) -> None:
        self._waiting: dict[Table, dict[tuple[str, ...], list[_Row]]] = {table: {} for table in _TABLES}
        self.records = 0

    def add(
        self, ids: tuple[int, int], first: int, chunk: Chunk, source_ids: Sequence[int], sender_ids: Sequence[int]
    ) -> None:
        """A chunk of records. `ids`: of the domain and of the report; `first`: the number of the first record."""
        ends, end_of = _record_ends(chunk)
        rows, ends = self._chosen(record, ends)
        columns = zip(end_of, source_ids, sender_ids, chunk.messages, strict=True)
        rows.extend(
            [
                (*ids, number, source_id, sender_id, messages, *ends[end])
                for number, (end, source_id, sender_id, messages) in enumerate(columns, first)
            ]
        )
        self._add_parts(auth_result, ids, first, chunk.shape_of, [ends.results for ends in chunk.ends])
        self._add_parts(override_reason, ids, first, chunk.shape_of, [ends.reasons for ends in chunk.ends])
        self.records += len(end_of)

    def write(self, connection: Connection, engine: Engine) -> None:
        """Insert what waits."""
        for table, waiting in self._waiting.items():
            for columns, rows in waiting.items():
                connection.exec_driver_sql(insert_sql(table, engine, columns), rows)
            waiting.clear()
        self.records = 0

    def _add_parts(
        self, table: Table, ids: tuple[int, int], first: int, shape_of: Sequence[int], parts: Sequence[tuple[_Row, ...]]
    ) -> None:
        """The rows below the records: `parts` are those of each shape, from their number in the record on."""
        listed = [part for of_shape in parts for part in of_shape]
        if not listed:
            return
        rows, listed = self._chosen(table, listed)
        upcoming = iter(listed)
        ends = [[next(upcoming) for _ in of_shape] for of_shape in parts]
        rows.extend([(*ids, number, *end) for number, shape in enumerate(shape_of, first) for end in ends[shape]])

    def _chosen(self, table: Table, ends: list[_Row]) -> tuple[list[_Row], list[_Row]]:
        """Where rows with these ends wait, and the ends without the columns that are empty in all of them."""
        kept, width = list(_filled(ends)), len(ends[0])
        names = table.c.keys()
        columns = (*names[:-width], *itemgetter(*kept)(names[-width:]))
        return self._waiting[table].setdefault(columns, []), list(map(itemgetter(*kept), ends))


def _record_ends(chunk: Chunk) -> tuple[list[_Row], list[int]]:
    """The ends of record rows, and the place of each record's; one that could not be read whole has its own."""
    ends, end_of = [ends.record for ends in chunk.ends], list(chunk.shape_of)
    for number, (bad, raw) in chunk.odd.items():
        *words, _, shape_raw, repairs = ends[end_of[number]]
        end_of[number] = len(ends)
        ends.append((*words, bad, raw or shape_raw, repairs))
    return ends, end_of


def _filled(ends: list[_Row]) -> Iterator[int]:
    """The places at which some of the rows have a value."""
    for place, column in enumerate(zip(*ends, strict=True)):
        if column.count(None) < len(column):
            yield place
