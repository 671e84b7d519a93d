"""What mail of one address or of a whole sender looks like in total: one object for each distinct look.

Most addresses of a large domain were seen once and look exactly like hundreds of others, so that each look is counted
and judged once. There may be hundreds of thousands of traces: they are counted as columns (numpy), not one by one.
Pure: order and split of the mail do not matter.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.verdict import Evidence
from store.evidence import BOTH_ALIGNED, MARKS

_DKIM, _SPF = MARKS["dkim_aligned"], MARKS["spf_aligned"]
# Set beside the marks of mail of the period's last days.
_RECENT = 1 << len(MARKS)
_MARKS_BITS = len(MARKS) + 1
_ID_BITS = 32


# Counted messages of one address under one sender, on one day, all with the same marks (store/evidence.py): sender id,
# source id, day, reporter ("" for mail that aligned both ways, which is kept without it), marks, messages.
# Plain tuples: there may be hundreds of thousands, and Python's garbage collector walks through named ones.
Trace = tuple[int, int, int, str, int, int]


class Aligned(NamedTuple):
    """Counted messages, and how many of them passed, and aligned by each way (these overlap)."""

    messages: int
    passed: int
    dkim: int
    spf: int


@dataclass(slots=True, eq=False)
class Look:
    """Counted messages of a period, and of its last days (`recent`); the number of distinct days on which they were
    seen, and of reporters that saw mail aligned by DKIM alone. Two looks are equal only when they are one object.

    Never changed; not frozen, since thousands are made and freezing takes longer than counting.
    """

    total: Aligned
    recent: Aligned
    days: int
    signed_reporters: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Mail:
    """All counted mail of a sender: each address's look by source id, what all of them together look like, and days."""

    addresses: dict[int, Look]
    whole: Look
    first_day: int
    last_day: int


_Column = npt.NDArray[np.int64]
_Table = npt.NDArray[np.void]
_COLUMNS = np.dtype(
    [(name, "O" if name == "reporter" else "i8") for name in "sender source day reporter marks messages".split()]
)


def mail_of(traces: Iterable[Trace], recent_from: int) -> dict[int, Mail]:
    """The mail of each sender by its id; mail is recent from the day `recent_from` on."""
    table = np.fromiter(traces, dtype=_COLUMNS)
    marks = np.where(table["day"] >= recent_from, table["marks"] | _RECENT, table["marks"])
    ids, address = np.unique(table["sender"] << _ID_BITS | table["source"], return_inverse=True)
    senders, starts = np.unique(ids >> _ID_BITS, return_index=True)
    sender = np.searchsorted(starts, address, side="right") - 1
    looks = _looks(_summed(address, marks, table), _days(address, table), _signed_reporters(address, table))
    sources = (ids & ((1 << _ID_BITS) - 1)).tolist()
    found = (dict(zip(sources[a:b], looks[a:b], strict=True)) for a, b in pairwise([*starts.tolist(), len(ids)]))
    # Reporters of a whole sender are known from elsewhere.
    wholes = _looks(_summed(sender, marks, table), _days(sender, table), [0] * len(senders))
    mails = map(Mail, found, wholes, *_ends(sender, table["day"], len(senders)))
    return dict(zip(senders.tolist(), mails, strict=True))


@dataclass(frozen=True, slots=True)
class _Summed:
    """Messages by group and marks, in the order of both; `starts`: where each group begins."""

    marks: _Column
    messages: _Column
    starts: _Column

    def keys(self) -> Iterator[bytes]:
        """Of each group, its marks and messages as bytes: equal where they are."""
        packed = np.stack((self.marks, self.messages), axis=1).tobytes()
        return (packed[a:b] for a, b in pairwise([*(16 * self.starts).tolist(), len(packed)]))

    def figures(self, chosen: Sequence[int]) -> list[tuple[int, ...]]:
        """Of each chosen group, the fields of Aligned over all days and over the last ones, and those of Evidence."""
        aligned = self.marks & BOTH_ALIGNED
        alone = aligned != BOTH_ALIGNED
        ways = (aligned >= 0, aligned > 0, aligned & _DKIM > 0, aligned & _SPF > 0)
        late = self.marks & _RECENT > 0
        evidence = (alone, *(alone & (self.marks & mark > 0) for mark in MARKS.values()))
        counted = (*ways, *(way & late for way in ways), *evidence)
        sums = [np.add.reduceat(self.messages * holds, self.starts)[chosen] for holds in counted]
        return list(zip(*(column.tolist() for column in sums), strict=True))


def _summed(group: _Column, marks: _Column, table: _Table) -> _Summed:
    keys, place = np.unique(group << _MARKS_BITS | marks, return_inverse=True)
    messages = np.zeros(len(keys), np.int64)
    np.add.at(messages, place, table["messages"])
    starts = np.flatnonzero(np.diff(keys >> _MARKS_BITS, prepend=-1))
    return _Summed(keys & ((1 << _MARKS_BITS) - 1), messages, starts)


def _looks(summed: _Summed, days: Iterable[int], signed: Iterable[int]) -> list[Look]:
    """The look of each group; equal ones are one object."""
    numbers: dict[tuple[int, int, bytes], int] = {}
    first: list[int] = []
    place: list[int] = []
    for group, counts in enumerate(zip(days, signed, summed.keys(), strict=True)):
        number = numbers.setdefault(counts, len(first))
        if number == len(first):
            first.append(group)
        place.append(number)
    looks = [_made(*counts[:2], row) for counts, row in zip(numbers, summed.figures(first), strict=True)]
    return [looks[number] for number in place]


def _made(days: int, signed_reporters: int, row: Sequence[int]) -> Look:
    total, recent, evidence = Aligned._make(row[:4]), Aligned._make(row[4:8]), Evidence._make(row[8:])
    return Look(total, recent, days, signed_reporters, evidence)


def _days(group: _Column, table: _Table) -> list[int]:
    """How many distinct days each group was seen on."""
    return _distinct(group, table["day"] - table["day"].min(initial=0), int(group.max(initial=-1)) + 1)


def _signed_reporters(address: _Column, table: _Table) -> list[int]:
    """How many distinct reporters saw mail of each address that is aligned by DKIM alone."""
    signed = (table["marks"] & BOTH_ALIGNED == _DKIM) & (table["messages"] > 0)
    numbers: dict[str, int] = {}
    names = table["reporter"][signed].tolist()
    reporters = np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int64, len(names))
    return _distinct(address[signed], reporters, int(address.max(initial=-1)) + 1)


def _distinct(group: _Column, values: _Column, groups: int) -> list[int]:
    """How many distinct values, none negative, each group has."""
    width = int(values.max(initial=0)) + 1
    pairs = np.sort(group * width + values)
    distinct = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
    counted: Any = np.bincount(distinct // width, minlength=groups)
    return list(counted.tolist())


def _ends(group: _Column, days: _Column, groups: int) -> tuple[list[int], list[int]]:
    """The first and the last day of each group."""
    first, last = np.full(groups, np.iinfo(np.int64).max), np.full(groups, -1)
    np.minimum.at(first, group, days)
    np.maximum.at(last, group, days)
    return list(first.tolist()), list(last.tolist())
