"""The streams of a domain that are judged, as columns (numpy): each sender's addresses as one, and every address that
differs from the others.

There may be tens of thousands: a stream is made an object only where somebody reads why it was judged so. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.mail_rows import Column
from analysis.sender_looks import Look, Looks
from analysis.streams import NOWHERE, Elsewhere, Evidence, Stream
from analysis.verdict import RULES


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of addresses beyond their mail, by source id: what they did in others' names, decisions about
    single ones, and as how many senders each passed, of those that are seen as several.
    """

    elsewhere: Mapping[int, Elsewhere]
    decided: Mapping[int, str]
    shared: Mapping[int, int]


class Columns(Stream):
    """Many streams at once, a column for each field: `key` of their prefixes, `service` of whether there is one,
    `decision` with "" where there is none.
    """

    __slots__ = ()

    @property
    def prefix(self) -> str:
        """The kind of place that each key names."""
        return self.key

    @property
    def has_service(self) -> Any:
        """Whether a known service is behind each."""
        return self.service


@dataclass(frozen=True, slots=True, eq=False)
class Streams:
    """All addresses of each sender as one stream, and the addresses that differ: of each the place of its sender in
    `wholes`, its source's id and the number of its look. A stream's place counts those of senders first.
    """

    wholes: Sequence[Stream]
    sender: Column
    source: Column
    look: Column
    looks: Looks
    around: Around

    def rules(self) -> Column:
        """Of each stream the place in RULES of its rule."""
        wholes = columns_of(self.wholes)
        return np.concatenate((rules_of(wholes), rules_of(self._columns(wholes))))

    def of(self, places: Column) -> Iterator[Stream]:
        """The streams at these places, which are in order."""
        wholes = places[places < len(self.wholes)]
        addresses = places[len(wholes) :] - len(self.wholes)
        looks = self.looks.of(self.look[addresses])
        rows = zip(self.sender[addresses].tolist(), self.source[addresses].tolist(), looks, strict=True)
        return chain((self.wholes[place] for place in wholes.tolist()), (self._address(*row) for row in rows))

    def _address(self, sender: int, source: int, look: Look) -> Stream:
        """One address. Of the key it has no more than the prefix, so that addresses of many senders are alike."""
        whole, around = self.wholes[sender], self.around
        return Stream(
            f"{whole.prefix}:",
            *look[:6],
            look.days,
            look.signed_reporters,
            look.evidence,
            around.elsewhere.get(source, NOWHERE),
            whole.service,
            whole.spf_aligns,
            around.shared.get(source, 0) > (look.passed > 0),
            whole.domain_reporters,
            whole.domain_signs,
            around.decided.get(source, whole.decision),
        )

    def _columns(self, wholes: Columns) -> Columns:
        """All addresses, each as `_address` makes it."""
        figures, sources, around = self.looks.figures[:, self.look], self.source.tolist(), self.around
        values: dict[str, Any] = {name: getattr(wholes, name)[self.sender] for name in _SHARED}
        values |= zip(_FIGURES, (*figures[:6], *figures[_DAYS:_EVIDENCE]), strict=True)
        passed_as = np.array([around.shared.get(source, 0) for source in sources], np.int64)
        decisions = map(around.decided.get, sources, values["decision"].tolist())
        values |= {
            "evidence": Evidence._make(figures[_EVIDENCE:]),
            "elsewhere": _elsewhere(self.source, around.elsewhere),
            "passes_as": passed_as > (figures[1] > 0),
            "decision": np.array(list(decisions), np.str_),
        }
        return Columns(**values)


# What the addresses of a sender have from it.
_SHARED = ("key", "service", "spf_aligns", "domain_reporters", "domain_signs", "decision")
# Where in the figures of a look the days and reporters stand, and the evidence.
_DAYS, _EVIDENCE = Look._fields.index("days"), Look._fields.index("evidence")


# The figures of a stream that its look tells.
_FIGURES = Stream._fields[1:9]


def columns_of(streams: Sequence[Stream]) -> Columns:
    """Streams as columns."""
    values: dict[str, Any] = {name: _column(streams, name, np.int64) for name in (*_FIGURES, "domain_reporters")}
    values |= {name: _column(streams, name, np.bool_) for name in ("spf_aligns", "passes_as", "domain_signs")}
    values |= {
        "key": _column(streams, "prefix", np.str_),
        "evidence": Evidence._make(_turned([each.evidence for each in streams], Evidence._fields)),
        "elsewhere": Elsewhere._make(_turned([each.elsewhere for each in streams], Elsewhere._fields)),
        "service": _column(streams, "has_service", np.bool_),
        "decision": np.array([each.decision or "" for each in streams], np.str_),
    }
    return Columns(**values)


def _column(streams: Sequence[Stream], name: str, kind: type[np.generic]) -> npt.NDArray[Any]:
    return np.array([getattr(each, name) for each in streams], kind)


def _turned(rows: Sequence[Sequence[int]], fields: Sequence[str]) -> Column:
    """A row for each field."""
    return np.array(rows, np.int64).reshape(-1, len(fields)).T


def _elsewhere(source: Column, known: Mapping[int, Elsewhere]) -> Elsewhere:
    found = np.zeros((len(Elsewhere._fields), len(source)), np.int64)
    for place in np.flatnonzero(np.isin(source, list(known))).tolist():
        found[:, place] = known[int(source[place])]
    return Elsewhere._make(found)


def rules_of(streams: Columns) -> Column:
    """Of each stream the place in RULES of the first rule that matches it."""
    places = np.zeros(len(streams.key), np.int64)
    for place in reversed(range(len(RULES))):
        places = np.where(RULES[place].matches(streams), place, places)
    return places
