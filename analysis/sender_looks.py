"""What mail of one address or of a whole sender looks like in total: one object for each distinct look.

Most addresses of a large domain were seen once and look exactly like hundreds of others, so that each look is counted
and judged once. There may be hundreds of thousands of rows of mail: they come as text and are counted as columns
(numpy), since making a Python object of every value takes longer than everything else.
Pure: order and split of the mail do not matter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.streams import Evidence
from store.evidence import BOTH_ALIGNED, MARKS

Column = npt.NDArray[np.int64]

_DKIM, _SPF = MARKS["dkim_aligned"], MARKS["spf_aligned"]
# Set beside the marks of mail of the period's last days.
_RECENT = 1 << len(MARKS)
_MARKS_BITS = len(MARKS) + 1
ID_BITS = 32
DAY_SHIFT = 20


class MailLists(NamedTuple):
    """Rows of counted mail, as lists of integers with commas between them, all of one length.

    Each row is mail of one address under one sender on one day with the same marks (store/evidence.py). `addresses`:
    the sender's id and, in the lower ID_BITS bits, the source's. `marks`: the day and, in the lower DAY_SHIFT bits, the
    marks.
    """

    addresses: str
    marks: str
    messages: str


class SignedRow(NamedTuple):
    """A reporter that saw mail of an address, under one sender, that aligned by DKIM alone."""

    sender_id: int
    source_id: int
    reporter: str


class Aligned(NamedTuple):
    """Counted messages, and how many of them passed, and aligned by each way (these overlap)."""

    messages: int
    passed: int
    dkim: int
    spf: int


class Look(NamedTuple):
    """Counted messages of a period (the fields of Aligned), and of its last days (`recent_*`); the number of distinct
    days on which they were seen, and of reporters that saw mail aligned by DKIM alone.
    """

    messages: int
    passed: int
    dkim: int
    spf: int
    recent_messages: int
    recent_passed: int
    recent_dkim: int
    recent_spf: int
    days: int
    signed_reporters: int
    evidence: Evidence

    @property
    def total(self) -> Aligned:
        """The figures of all days."""
        return Aligned._make(self[:4])

    @property
    def recent(self) -> Aligned:
        """The figures of the last days."""
        return Aligned._make(self[4:8])


@dataclass(frozen=True, slots=True, eq=False)
class Mail:
    """All counted mail of a domain, by sender and address.

    senders, wholes, first_days, last_days   of each sender its id, the look of all its addresses together (whose
                                             reporters are known from elsewhere: here none), and the ends of its mail
    sender, source, look                     of each address the place of its sender in `senders`, its source's id, and
                                             the number of its look in `looks`; in the order of sender and source
    """

    senders: list[int]
    wholes: list[Look]
    first_days: list[int]
    last_days: list[int]
    sender: Column
    source: Column
    look: Column
    looks: list[Look]

    def figure(self, name: str) -> Column:
        """One figure of each address: a field of its look."""
        return np.array(list(map(attrgetter(name), self.looks)), np.int64)[self.look]


def mail_of(lists: Iterable[MailLists], signed: Iterable[SignedRow], recent_from: int) -> Mail:
    """The mail of each sender and address; it is recent from the day `recent_from` on."""
    table = _table(lists)
    ids, address = ranks(table.address)
    senders, starts = np.unique(ids >> ID_BITS, return_index=True)
    sender = np.searchsorted(starts, np.arange(len(ids)), side="right") - 1
    marks = np.where(table.day >= recent_from, table.marks | _RECENT, table.marks)
    summed = _summed(address, marks, table.messages)
    seen = _distinct(address, table.day)
    counts = np.stack((_counted(seen.group, len(ids)), _signed_reporters(ids, signed)))
    look, chosen = _numbered(counts, summed)
    whole = _summed(sender[summed.group], summed.marks, summed.messages)
    known = _distinct(sender[seen.group], seen.value)
    return Mail(
        senders=senders.tolist(),
        wholes=_looks(whole.figures(), _counted(known.group, len(senders)).tolist(), [0] * len(senders)),
        first_days=known.value[known.starts].tolist(),
        last_days=known.value[known.ends].tolist(),
        sender=sender,
        source=ids & ((1 << ID_BITS) - 1),
        look=look,
        looks=_looks(summed.of(chosen).figures(), *counts[:, chosen].tolist()),
    )


def ranks(values: Column) -> tuple[Column, Column]:
    """The distinct values, none negative, in order, and of each value its place among them."""
    order = np.argsort(values)
    ordered = values[order]
    is_first = np.diff(ordered, prepend=-1) > 0
    places = np.empty(len(values), np.int64)
    places[order] = np.cumsum(is_first) - 1
    return ordered[is_first], places


class _Table(NamedTuple):
    address: Column
    day: Column
    marks: Column
    messages: Column


def _table(lists: Iterable[MailLists]) -> _Table:
    addresses, marks, messages = (np.concatenate(parts) for parts in zip(*map(_integers, lists), strict=True))
    return _Table(addresses, marks >> DAY_SHIFT, marks & ((1 << DAY_SHIFT) - 1), messages)


def _integers(lists: MailLists) -> list[Column]:
    return [np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64) for text in lists]


@dataclass(frozen=True, slots=True)
class _Summed:
    """Messages by group and marks, in the order of both; `starts`: where each group begins."""

    group: Column
    marks: Column
    messages: Column
    starts: Column

    def of(self, groups: Column) -> "_Summed":
        """Of these groups, given in order."""
        wanted = np.zeros(len(self.starts), np.bool_)
        wanted[groups] = True
        rows = wanted[self.group]
        return _in_groups(self.group[rows], self.marks[rows], self.messages[rows])

    def figures(self) -> Column:
        """A column for each group; the rows are the counted messages of Look, and the fields of Evidence."""
        aligned = self.marks & BOTH_ALIGNED
        alone = aligned != BOTH_ALIGNED
        ways = (aligned >= 0, aligned > 0, aligned & _DKIM > 0, aligned & _SPF > 0)
        late = self.marks & _RECENT > 0
        evidence = (alone, *(alone & (self.marks & mark > 0) for mark in MARKS.values()))
        counted = (*ways, *(way & late for way in ways), *evidence)
        return np.stack([_sums(self.messages * holds, self.starts) for holds in counted])


def _sums(values: Column, starts: Column) -> Column:
    return np.add.reduceat(values, starts) if len(starts) else values


def _summed(group: Column, marks: Column, messages: Column) -> _Summed:
    keys = group << _MARKS_BITS | marks
    order = np.argsort(keys)
    keys = keys[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    group, marks = keys[firsts] >> _MARKS_BITS, keys[firsts] & ((1 << _MARKS_BITS) - 1)
    return _in_groups(group, marks, _sums(messages[order], firsts))


def _in_groups(group: Column, marks: Column, messages: Column) -> _Summed:
    return _Summed(group, marks, messages, np.flatnonzero(np.diff(group, prepend=-1)))


@dataclass(frozen=True, slots=True)
class _Distinct:
    """Distinct values by group, in the order of both; `starts`, `ends`: the first and the last place of each group."""

    group: Column
    value: Column
    starts: Column
    ends: Column


def _distinct(group: Column, values: Column) -> _Distinct:
    low = values.min(initial=0)
    width = int(values.max(initial=0) - low) + 1
    pairs = np.sort(group * width + (values - low))
    pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
    group = pairs // width
    starts, ends = (np.flatnonzero(np.diff(group, **{side: -1})) for side in ("prepend", "append"))
    return _Distinct(group, pairs - group * width + low, starts, ends)


def _counted(group: Column, groups: int) -> Column:
    counted: Any = np.bincount(group, minlength=groups)
    return np.asarray(counted, np.int64)


def _signed_reporters(ids: Column, signed: Iterable[SignedRow]) -> Column:
    """How many distinct reporters saw mail of each address that aligned by DKIM alone."""
    addresses = [row[0] << ID_BITS | row[1] for row in set(signed)]
    return _counted(np.searchsorted(ids, np.array(addresses, np.int64)), len(ids))


def _numbered(counts: Column, summed: _Summed) -> tuple[Column, Column]:
    """Of each group the number of its look, and of each look its first group, in order: groups look alike where
    their counts are equal, and their messages by marks.
    """
    mail = _places(ranks(summed.messages)[1], summed.marks)
    lengths = np.diff(summed.starts, append=len(summed.group))
    number = _places(counts[0], counts[1])
    for step in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > step)
        number[longer] = number.max() + 1 + _places(number[longer], mail[summed.starts[longer] + step])
    _, first, look = np.unique(number, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return np.argsort(order)[look], first[order]


def _places(one: Column, other: Column) -> Column:
    """Of each pair of numbers, none negative, its place among the distinct pairs."""
    return ranks(one * (int(other.max(initial=0)) + 1) + other)[1]


def _looks(figures: Column, days: Iterable[int], signed: Iterable[int]) -> list[Look]:
    return list(map(_look, figures.T.tolist(), days, signed))


def _look(row: Sequence[int], days: int, signed_reporters: int) -> Look:
    return Look._make((*row[:8], days, signed_reporters, Evidence._make(row[8:])))
