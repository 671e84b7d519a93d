"""The verdict of each address of a domain, and of its senders, judged once for each distinct look.

There may be a hundred thousand addresses: what is the same for all of them is worked out in columns (numpy), and rules
see only what looks different. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.mail_rows import Column
from analysis.sender_looks import Aligned, Look, Mail, ranks
from analysis.stream_columns import Around, Streams
from analysis.streams import Stream
from analysis.verdict import OURS, RULES, THIN_RULES, VERDICTS, Judgement, judgement

_CODES = {verdict: code for code, verdict in enumerate(VERDICTS)}
_OURS = [_CODES[verdict] for verdict in OURS]
_OTHERS = [_CODES["impostor"], _CODES["unknown"]]
_PASSED_ON = [_CODES["forwarded"], _CODES["bounce"]]
# Of each of RULES its verdict's place in VERDICTS, and whether too little was seen where it matches.
_VERDICT = np.array([_CODES[rule.verdict] for rule in RULES], np.int64)
_IS_THIN = np.array([rule.id in THIN_RULES for rule in RULES], np.bool_)

# The figures of a look begin with those of all days and those of the last days.
_ALIGNED = len(Aligned._fields)

_Flags = npt.NDArray[np.bool_]


class OwnAddress(NamedTuple):
    """An address whose verdict is ours: counted messages of the period, and of its last days."""

    source_id: int
    total: Aligned
    recent: Aligned


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What each address and each sender of some mail is.

    `rules`: of each stream its rule's place in RULES. `place`: of each address its stream's place. `code`: its
    verdict's place in VERDICTS. `splits`: of each sender the messages by verdict, most first.
    """

    mail: Mail
    streams: Streams
    rules: Column
    place: Column
    code: Column
    splits: tuple[tuple[tuple[str, int], ...], ...]

    def leading(self) -> list[Judgement]:
        """Of each sender the judgement of its first verdict: of all addresses as one where it is the same, else at the
        one that sent most.

        Strangers that share a network are not one: what is said of them is said of an address.
        """
        lead = np.array([_CODES[split[0][0]] for split in self.splits], np.int64)
        same = _VERDICT[self.rules[: len(lead)]] == lead
        same &= _one_operator(self.streams.wholes) | ~np.isin(lead, _OTHERS)
        chosen = self._read(np.flatnonzero(same))
        senders, places = self._most(lead, ~same)
        read = self._read(places)
        for sender, mine in groupby(zip(senders.tolist(), places.tolist(), strict=True), key=lambda row: row[0]):
            chosen[sender] = min((read[place] for _, place in mine), key=lambda it: (it.rule, it.facts))
        return [chosen[sender] for sender in range(len(self.splits))]

    def _most(self, lead: Column, wanted: _Flags) -> tuple[Column, Column]:
        """Of each wanted sender the addresses with this verdict that sent most: sender and stream's place, in order."""
        sender, messages = self.mail.sender, self.mail.figure("messages")
        holding = np.flatnonzero((self.code == lead[sender]) & wanted[sender])
        most = np.full(len(lead), -1)
        np.maximum.at(most, sender[holding], messages[holding])
        holding = holding[messages[holding] == most[sender[holding]]]
        pairs, _ = ranks(sender[holding] * len(self.rules) + self.place[holding])
        return pairs // len(self.rules), pairs % len(self.rules)

    def own(self) -> list[tuple[OwnAddress, ...]]:
        """Of each sender the addresses whose verdict is ours."""
        found: list[list[OwnAddress]] = [[] for _ in self.splits]
        mine = np.flatnonzero(np.isin(self.code, _OURS))
        figures = self.mail.looks.figures[: 2 * _ALIGNED, self.mail.look[mine]].tolist()
        rows = zip(self.mail.sender[mine].tolist(), self.mail.source[mine].tolist(), *figures, strict=True)
        for sender, source_id, *counts in rows:
            total, recent = counts[:_ALIGNED], counts[_ALIGNED:]
            found[sender].append(OwnAddress(source_id, Aligned._make(total), Aligned._make(recent)))
        return [tuple(each) for each in found]

    def addresses(self) -> list[list[tuple[int, Look, Judgement]]]:
        """Of each sender every address: its source's id, its look and its judgement."""
        found: list[list[tuple[int, Look, Judgement]]] = [[] for _ in self.splits]
        read = self._read(self.place)
        looks = list(self.mail.looks.of(np.arange(len(self.mail.looks))))
        columns = (self.mail.sender, self.mail.source, self.mail.look, self.place)
        for sender, source_id, look, place in zip(*(column.tolist() for column in columns), strict=True):
            found[sender].append((source_id, looks[look], read[place]))
        return found

    def _read(self, places: Column) -> dict[int, Judgement]:
        """The judgements of the streams at these places."""
        wanted, _ = ranks(places)
        read = zip(wanted.tolist(), self.streams.of(wanted), strict=True)
        return {place: judgement(RULES[self.rules[place]], stream) for place, stream in read}


def verdicts(mail: Mail, wholes: Sequence[Stream], around: Around) -> Verdicts:
    """Judge all mail; `wholes` are all addresses of each sender as one stream, in the order of `mail.senders`.

    Where too little was seen of an address, it is judged as all addresses of its sender together.
    """
    streams, place = _streams(mail, wholes, around)
    rules = streams.rules()
    completed = _IS_THIN[rules[place]] & _completing(mail, wholes, _VERDICT[rules[: len(wholes)]])
    place = np.where(completed, mail.sender, place)
    code = _VERDICT[rules[place]]
    return Verdicts(mail, streams, rules, place, code, _splits(mail, code, len(wholes)))


def shared_sources(mail: Mail) -> dict[int, int]:
    """Addresses that are seen as several senders, and as how many of them each passed."""
    ids, place = ranks(mail.source)
    times = np.bincount(place, minlength=len(ids))
    passed = np.bincount(place[mail.figure("passed") > 0], minlength=len(ids))
    return dict(zip(ids[times > 1].tolist(), passed[times > 1].tolist(), strict=True))


def _streams(mail: Mail, wholes: Sequence[Stream], around: Around) -> tuple[Streams, Column]:
    """The streams, and of each address its stream's place. Addresses of which more is known than their look stand
    alone.
    """
    kinds: dict[tuple[object, ...], int] = {}
    kind = np.array([kinds.setdefault(_shares(each), len(kinds)) for each in wholes], np.int64)
    special = np.isin(mail.source, sorted({*around.elsewhere, *around.decided, *around.shared}))
    keys = kind[mail.sender] * len(mail.looks) + mail.look
    keys = np.where(special, len(kinds) * len(mail.looks) + np.arange(len(keys)), keys)
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    streams = Streams(wholes, mail.sender[first], mail.source[first], mail.look[first], mail.looks, around)
    return streams, len(wholes) + place


def _shares(whole: Stream) -> tuple[object, ...]:
    """What the addresses of a sender share with those of others that are judged alike."""
    return whole.prefix, whole.service, whole.spf_aligns, whole.decision


def _one_operator(wholes: Iterable[Stream]) -> _Flags:
    """Whether all addresses of each sender belong to one operator: a network or an AS has many."""
    return np.array([_is_one_operator(each.key) for each in wholes], np.bool_)


def _is_one_operator(key: str) -> bool:
    prefix, _, place = key.partition(":")
    return prefix not in ("net", "as", "unknown") and "/" not in place


def _completing(mail: Mail, wholes: Sequence[Stream], code: Column) -> _Flags:
    """Whether each address may be judged as its whole sender is, whose verdict is `code`."""
    one = _one_operator(wholes)
    as_ours, passed_on = one & np.isin(code, _OURS), one & np.isin(code, _PASSED_ON)
    flags: Any = passed_on[mail.sender] | (as_ours[mail.sender] & (mail.figure("passed") > 0))
    return np.asarray(flags, np.bool_)


def _splits(mail: Mail, code: Column, senders: int) -> tuple[tuple[tuple[str, int], ...], ...]:
    slot = mail.sender * len(VERDICTS) + code
    messages = np.zeros(senders * len(VERDICTS), np.int64)
    np.add.at(messages, slot, mail.figure("messages"))
    seen = np.bincount(slot, minlength=len(messages)) > 0
    tables = (column.reshape(senders, len(VERDICTS)).tolist() for column in (messages, seen))
    return tuple(_split(*rows) for rows in zip(*tables, strict=True))


def _split(messages: Sequence[int], seen: Sequence[bool]) -> tuple[tuple[str, int], ...]:
    found = [(verdict, count) for verdict, count, holds in zip(VERDICTS, messages, seen, strict=True) if holds]
    return tuple(sorted(found, key=lambda item: -item[1]))
