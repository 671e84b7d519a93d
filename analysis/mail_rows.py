"""A domain's rows of counted mail as columns (numpy), read out of the text that the store gives.

There may be hundreds of thousands: making a Python object of every value takes longer than everything else. Pure: the
order of the rows does not matter.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from store.evidence import BOTH_ALIGNED

Column = npt.NDArray[np.int64]

ID_BITS = 32
DAY_SHIFT = 20


class MailLists(NamedTuple):
    """Rows of counted mail, as lists of one length: `reporters` a name to a line, the others integers with commas
    between them.

    Each row is mail of one address under one sender on one day with the same marks (store/evidence.py). `addresses`:
    the sender's id and, in the lower ID_BITS bits, the source's. `marks`: the day and, in the lower DAY_SHIFT bits, the
    marks. `reporters`: who saw it; None where a row is of all reporters together.
    """

    addresses: str
    marks: str
    messages: str
    reporters: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MailRows:
    """The rows of all lists, by field. `reporter`: the place of the name in `names`, or -1 of all together."""

    address: Column
    day: Column
    marks: Column
    messages: Column
    reporter: Column
    names: tuple[str, ...]


class Failures(NamedTuple):
    """Addresses (sources by id, in order) that failed, and the first and the last day on which they did."""

    source: Column
    first_day: Column
    last_day: Column


def rows_of(lists: Iterable[MailLists]) -> MailRows:
    """The rows of all lists."""
    numbers: dict[str, int] = {}
    parts = [_columns(each, numbers) for each in lists]
    address, day_marks, messages, reporter = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    marks = day_marks & ((1 << DAY_SHIFT) - 1)
    return MailRows(address, day_marks >> DAY_SHIFT, marks, messages, reporter, tuple(numbers))


def _columns(lists: MailLists, numbers: dict[str, int]) -> list[Column]:
    columns = [_integers(text) for text in (lists.addresses, lists.marks, lists.messages)]
    return [*columns, _numbered(lists.reporters, len(columns[0]), numbers)]


def _integers(text: str) -> Column:
    return np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64)


def _numbered(reporters: str | None, rows: int, numbers: dict[str, int]) -> Column:
    """The number of each reporter; names that are met for the first time get the next ones."""
    if reporters is None or not rows:
        return np.full(rows, -1, np.int64)
    names = reporters.split("\n")
    for name in dict.fromkeys(names):
        numbers.setdefault(name, len(numbers))
    return np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))


def failures(rows: MailRows, senders: Collection[int], since: int) -> Failures:
    """The addresses of these senders that failed from the day `since` on."""
    failed = ((rows.marks & BOTH_ALIGNED) == 0) & (rows.day >= since)
    address, day = rows.address[failed], rows.day[failed]
    mine = np.isin(address >> ID_BITS, np.array(sorted(senders), np.int64))
    source, day = address[mine] & ((1 << ID_BITS) - 1), day[mine]
    order = np.lexsort((day, source))
    source, day = source[order], day[order]
    first = np.flatnonzero(np.diff(source, prepend=-1))
    last = np.flatnonzero(np.diff(source, append=-1))
    return Failures(source[first], day[first], day[last])
