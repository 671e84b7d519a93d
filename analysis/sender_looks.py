"""What mail of one address or of a whole sender looks like in total: one object for each distinct look.

Most addresses of a large domain were seen once and look exactly like hundreds of others, so that each look is counted
and judged once. Pure: order and split of the mail do not matter.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from analysis.verdict import Evidence
from store.evidence import BOTH_ALIGNED, MARKS

_DKIM, _SPF = MARKS["dkim_aligned"], MARKS["spf_aligned"]
# Set beside the marks of mail of the period's last days.
_RECENT = 1 << len(MARKS)


# Counted messages of one address under one sender, on one day, all with the same marks (store/evidence.py): sender id,
# source id, day, reporter ("" for mail that aligned both ways, which is kept without it), marks, messages.
# Plain tuples: there may be hundreds of thousands, and Python's garbage collector walks through named ones.
Trace = tuple[int, int, int, str, int, int]
# Messages by marks, in the order of the marks.
_Sums = tuple[tuple[int, int], ...]


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
    sums: _Sums


@dataclass(frozen=True, slots=True)
class Mail:
    """All counted mail of a sender: each address's look by source id, what all of them together look like, and days."""

    addresses: dict[int, Look]
    whole: Look
    first_day: int
    last_day: int


def mail_of(traces: Iterable[Trace], recent_from: int) -> dict[int, Mail]:
    """The mail of each sender by its id; mail is recent from the day `recent_from` on."""
    found: defaultdict[int, defaultdict[int, list[Trace]]] = defaultdict(lambda: defaultdict(list))
    for trace in traces:
        found[trace[0]][trace[1]].append(trace)
    looks = _Looks(recent_from)
    return {sender_id: looks.mail(addresses) for sender_id, addresses in found.items()}


class _Looks:
    """Makes looks, each distinct one once."""

    def __init__(self, recent_from: int) -> None:
        self._recent_from = recent_from
        self._known: dict[tuple[int, int, _Sums], Look] = {}
        self._single: dict[tuple[int, int], Look] = {}

    def mail(self, seen: Mapping[int, Sequence[Trace]]) -> Mail:
        of_one, of_many = self._of_one, self._of_many
        addresses = {
            source_id: of_one(traces[0]) if len(traces) == 1 else of_many(traces) for source_id, traces in seen.items()
        }
        days = {trace[2] for traces in seen.values() for trace in traces}
        sums: defaultdict[int, int] = defaultdict(int)
        for look, times in Counter(addresses.values()).items():
            for marks, messages in look.sums:
                sums[marks] += messages * times
        # Reporters of a whole sender are known from elsewhere.
        return Mail(addresses, self._look(len(days), 0, sums), min(days), max(days))

    def _of_one(self, trace: Trace) -> Look:
        """The look of an address with one trace."""
        _sender, _source, day, _reporter, marks, messages = trace
        key = (marks | _RECENT if day >= self._recent_from else marks, messages)
        look = self._single.get(key)
        if look is None:
            look = self._single[key] = self._of_many((trace,))
        return look

    def _of_many(self, traces: Iterable[Trace]) -> Look:
        """The look of an address."""
        recent_from = self._recent_from
        days, reporters = set(), set()
        sums: defaultdict[int, int] = defaultdict(int)
        for _sender, _source, day, reporter, marks, messages in traces:
            days.add(day)
            sums[marks | _RECENT if day >= recent_from else marks] += messages
            if messages and marks & BOTH_ALIGNED == _DKIM:
                reporters.add(reporter)
        return self._look(len(days), len(reporters), sums)

    def _look(self, days: int, signed_reporters: int, sums: Mapping[int, int]) -> Look:
        counts = days, signed_reporters, tuple(sorted(sums.items()))
        look = self._known.get(counts)
        if look is None:
            look = self._known[counts] = _made(*counts)
        return look


def _made(days: int, signed_reporters: int, sums: _Sums) -> Look:
    total = _aligned(sums)
    recent = tuple(one for one in sums if one[0] & _RECENT)
    late = total if len(recent) == len(sums) else _aligned(recent)
    return Look(total, late, days, signed_reporters, _evidence(sums), sums)


def _aligned(sums: _Sums) -> Aligned:
    both = dkim = spf = failed = 0
    for marks, messages in sums:
        aligned = marks & BOTH_ALIGNED
        if not aligned:
            failed += messages
        elif aligned == _DKIM:
            dkim += messages
        elif aligned == _SPF:
            spf += messages
        else:
            both += messages
    passed = both + dkim + spf
    return Aligned(passed + failed, passed, both + dkim, both + spf)


def _evidence(sums: _Sums) -> Evidence:
    counters = [0] * len(Evidence._fields)
    for marks, messages in sums:
        if marks & BOTH_ALIGNED != BOTH_ALIGNED:
            for place in _places(marks):
                counters[place] += messages
    return Evidence._make(counters)


@cache
def _places(marks: int) -> tuple[int, ...]:
    """Which fields of Evidence mail with these marks counts in; there are no more sets of marks than reporters send."""
    names = ["messages", *(name for name, mark in MARKS.items() if marks & mark)]
    return tuple(Evidence._fields.index(name) for name in names)
