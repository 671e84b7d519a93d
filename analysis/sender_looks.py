"""What mail of one address or of a whole sender looks like in total: one column of figures for each distinct look.

Most addresses of a large domain were seen once and look exactly like hundreds of others, so that each look is counted
and judged once. Pure: order and split of the mail do not matter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from analysis.mail_rows import ID_BITS, Column, MailRows
from analysis.streams import Evidence
from store.evidence import BOTH_ALIGNED, MARKS

_DKIM, _SPF = MARKS["dkim_aligned"], MARKS["spf_aligned"]
# Set beside the marks of mail of the period's last days.
_RECENT = 1 << len(MARKS)
_MARKS_BITS = len(MARKS) + 1


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
class Looks:
    """Distinct looks, a column of `figures` for each; its rows are the fields of Look, those of the evidence last.

    There are thousands, of which few are read: each is made an object when it is.
    """

    figures: Column

    def __len__(self) -> int:
        return len(self.figures[0])

    def of(self, numbers: Column) -> Iterator[Look]:
        """The looks of these numbers."""
        return map(_look, zip(*self.figures[:, numbers].tolist(), strict=True))

    def figure(self, name: str) -> Column:
        """One figure of every look."""
        found: Column = self.figures[Look._fields.index(name)]
        return found


def _look(row: Sequence[int]) -> Look:
    return Look._make((*row[:_EVIDENCE], Evidence._make(row[_EVIDENCE:])))


# Where the figures of the evidence begin.
_EVIDENCE = Look._fields.index("evidence")


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
    looks: Looks

    def figure(self, name: str) -> Column:
        """One figure of each address: a field of its look."""
        return self.looks.figure(name)[self.look]


def mail_of(rows: MailRows, recent_from: int) -> Mail:
    """The mail of each sender and address; it is recent from the day `recent_from` on."""
    ids, address = ranks(rows.address)
    senders, starts = np.unique(ids >> ID_BITS, return_index=True)
    sender = np.searchsorted(starts, np.arange(len(ids)), side="right") - 1
    marks = np.where(rows.day >= recent_from, rows.marks | _RECENT, rows.marks)
    summed = _summed(address, marks, rows.messages)
    seen = _distinct(address, rows.day)
    counts = np.stack((_counted(seen.group, len(ids)), _signed_reporters(rows, address, len(ids))))
    look, chosen = _numbered(counts, summed)
    whole = _summed(sender[summed.group], summed.marks, summed.messages)
    known = _distinct(sender[seen.group], seen.value)
    days = _counted(known.group, len(senders))
    return Mail(
        senders=senders.tolist(),
        wholes=list(_looks(whole, np.stack((days, np.zeros_like(days)))).of(np.arange(len(senders)))),
        first_days=known.value[known.starts].tolist(),
        last_days=known.value[known.ends].tolist(),
        sender=sender,
        source=ids & ((1 << ID_BITS) - 1),
        look=look,
        looks=_looks(summed.of(chosen), counts[:, chosen]),
    )


class Reporters(NamedTuple):
    """Who saw mail of a domain, and how many of them saw each sender's, by sender id."""

    everyone: frozenset[str]
    of_sender: Mapping[int, int]


def reporters_of(rows: MailRows, others: Iterable[tuple[int, str]]) -> Reporters:
    """The reporters that `rows` name, and `others`: (sender id, reporter) of mail that they do not tell apart."""
    numbers = {name: number for number, name in enumerate(rows.names)}
    pairs = [(sender_id, numbers.setdefault(name, len(numbers))) for sender_id, name in others]
    named = rows.reporter >= 0
    more = np.array(pairs, np.int64).reshape(-1, 2)
    sender = np.concatenate((rows.address[named] >> ID_BITS, more[:, 0]))
    found = _distinct(sender, np.concatenate((rows.reporter[named], more[:, 1])))
    ids, counts = np.unique(found.group, return_counts=True)
    return Reporters(frozenset(numbers), dict(zip(ids.tolist(), counts.tolist(), strict=True)))


def ranks(values: Column) -> tuple[Column, Column]:
    """The distinct values, none negative, in order, and of each value its place among them."""
    order = np.argsort(values)
    ordered = values[order]
    is_first = np.diff(ordered, prepend=-1) > 0
    places = np.empty(len(values), np.int64)
    places[order] = np.cumsum(is_first) - 1
    return ordered[is_first], places


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


def _signed_reporters(rows: MailRows, address: Column, addresses: int) -> Column:
    """How many distinct reporters saw mail of each address that aligned by DKIM alone."""
    signed = np.flatnonzero(((rows.marks & BOTH_ALIGNED) == _DKIM) & (rows.messages > 0))
    return _counted(_distinct(address[signed], rows.reporter[signed]).group, addresses)


def _numbered(counts: Column, summed: _Summed) -> tuple[Column, Column]:
    """Of each group the number of its look, and of each look its first group, in order: groups look alike where
    their counts are equal, and their messages by marks.
    """
    mail = _places(ranks(summed.messages)[1], summed.marks)
    lengths = np.diff(summed.starts, append=len(summed.group))
    number = _places(counts[0], counts[1])
    longer, free = np.arange(len(lengths)), len(lengths)
    for step in range(int(lengths.max(initial=0))):
        longer = longer[lengths[longer] > step]
        number[longer] = free + _places(number[longer], mail[summed.starts[longer] + step])
        free += len(longer)
    _, first, look = np.unique(number, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return np.argsort(order)[look], first[order]


def _places(one: Column, other: Column) -> Column:
    """Of each pair of numbers, none negative, its place among the distinct pairs."""
    return ranks(one * (int(other.max(initial=0)) + 1) + other)[1]


def _looks(summed: _Summed, counts: Column) -> Looks:
    """`counts`: the numbers of days and of reporters that saw signed mail, of each group."""
    figures = summed.figures()
    messages, evidence = figures[:_COUNTED], figures[_COUNTED:]
    return Looks(np.concatenate((messages, counts, evidence)))


# How many of the figures are counted messages of Look.
_COUNTED = Look._fields.index("days")
