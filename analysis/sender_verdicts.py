"""The verdict of each address of a domain, and of its senders, judged once for each distinct look.

There may be a hundred thousand addresses: what is the same for all of them is worked out in columns (numpy), and rules
see only what looks different. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.sender_looks import Aligned, Column, Look, Mail, ranks
from analysis.streams import NOWHERE, Elsewhere, Stream
from analysis.verdict import OURS, THIN_RULES, VERDICTS, Judgement, Rule, judgement, rule_of

_CODES = {verdict: code for code, verdict in enumerate(VERDICTS)}
_OURS = [_CODES[verdict] for verdict in OURS]
_OTHERS = [_CODES["impostor"], _CODES["unknown"]]
_PASSED_ON = [_CODES["forwarded"], _CODES["bounce"]]

_Flags = npt.NDArray[np.bool_]


class OwnAddress(NamedTuple):
    """An address whose verdict is ours: counted messages of the period, and of its last days."""

    source_id: int
    total: Aligned
    recent: Aligned


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of addresses beyond their mail, by source id: what they did in others' names, decisions about
    single ones, and as how many senders each passed, of those that are seen as several.
    """

    elsewhere: Mapping[int, Elsewhere]
    decided: Mapping[int, str]
    shared: Mapping[int, int]


class _Found(NamedTuple):
    """A rule and the stream that it matches: the facts are made into words only where somebody reads them."""

    rule: Rule
    stream: Stream


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What each address and each sender of some mail is.

    `place`: of each address its judgement's place in `found`, after the judgements of whole senders, which stand first.
    `code`: its verdict's place in VERDICTS. `splits`: of each sender the messages by verdict, most first.
    """

    mail: Mail
    found: Sequence[_Found]
    place: Column
    code: Column
    splits: tuple[tuple[tuple[str, int], ...], ...]

    def leading(self) -> list[Judgement]:
        """Of each sender the judgement of its first verdict: of all addresses as one where it is the same, else at the
        one that sent most.

        Strangers that share a network are not one: what is said of them is said of an address.
        """
        lead = np.array([_CODES[split[0][0]] for split in self.splits], np.int64)
        wholes = self.found[: len(self.splits)]
        same = np.array([_CODES[each.rule.verdict] for each in wholes], np.int64) == lead
        same &= _one_operator(each.stream for each in wholes) | ~np.isin(lead, _OTHERS)
        chosen = {sender: _read(wholes[sender]) for sender in np.flatnonzero(same).tolist()}
        for sender, places in self._most(lead, ~same):
            chosen[sender] = min((_read(self.found[place]) for place in places), key=lambda it: (it.rule, it.facts))
        return [chosen[sender] for sender in range(len(self.splits))]

    def _most(self, lead: Column, wanted: _Flags) -> Iterator[tuple[int, Iterable[int]]]:
        """Of each wanted sender the judgements of the addresses with this verdict that sent most."""
        sender, messages = self.mail.sender, self.mail.figure("messages")
        holding = np.flatnonzero((self.code == lead[sender]) & wanted[sender])
        most = np.full(len(lead), -1)
        np.maximum.at(most, sender[holding], messages[holding])
        holding = holding[messages[holding] == most[sender[holding]]]
        pairs, _ = ranks(sender[holding] * len(self.found) + self.place[holding])
        rows = zip((pairs // len(self.found)).tolist(), (pairs % len(self.found)).tolist(), strict=True)
        for number, mine in groupby(rows, key=lambda row: row[0]):
            yield number, [place for _, place in mine]

    def own(self) -> list[tuple[OwnAddress, ...]]:
        """Of each sender the addresses whose verdict is ours."""
        found: list[list[OwnAddress]] = [[] for _ in self.splits]
        for address in np.flatnonzero(np.isin(self.code, _OURS)).tolist():
            look = self.mail.looks[self.mail.look[address]]
            found[self.mail.sender[address]].append(OwnAddress(int(self.mail.source[address]), look.total, look.recent))
        return [tuple(mine) for mine in found]

    def addresses(self) -> list[list[tuple[int, Look, Judgement]]]:
        """Of each sender every address: its source's id, its look and its judgement."""
        found: list[list[tuple[int, Look, Judgement]]] = [[] for _ in self.splits]
        read = {place: _read(self.found[place]) for place in set(self.place.tolist())}
        columns = (self.mail.sender, self.mail.source, self.mail.look, self.place)
        for sender, source_id, look, place in zip(*(column.tolist() for column in columns), strict=True):
            found[sender].append((source_id, self.mail.looks[look], read[place]))
        return found


def verdicts(mail: Mail, wholes: Sequence[Stream], around: Around) -> Verdicts:
    """Judge all mail; `wholes` are all addresses of each sender as one stream, in the order of `mail.senders`.

    Where too little was seen of an address, it is judged as all addresses of its sender together.
    """
    streams, place = _streams(mail, wholes, around)
    found = [_Found(rule_of(stream), stream) for stream in (*wholes, *streams)]
    codes = np.array([_CODES[each.rule.verdict] for each in found], np.int64)
    place = place + len(wholes)
    thin = np.array([each.rule.id in THIN_RULES for each in found], np.bool_)
    completed = thin[place] & _completing(mail, wholes, codes)
    place = np.where(completed, mail.sender, place)
    code = codes[place]
    return Verdicts(mail, found, place, code, _splits(mail, code, len(wholes)))


def shared_sources(mail: Mail) -> dict[int, int]:
    """Addresses that are seen as several senders, and as how many of them each passed."""
    ids, place = ranks(mail.source)
    times = np.bincount(place, minlength=len(ids))
    passed = np.bincount(place[mail.figure("passed") > 0], minlength=len(ids))
    return dict(zip(ids[times > 1].tolist(), passed[times > 1].tolist(), strict=True))


def _streams(mail: Mail, wholes: Sequence[Stream], around: Around) -> tuple[list[Stream], Column]:
    """The streams that differ, and of each address its stream's place. Addresses of which more is known than their
    look stand alone.
    """
    kinds: dict[tuple[object, ...], int] = {}
    kind = np.array([kinds.setdefault(_shares(each), len(kinds)) for each in wholes], np.int64)
    special = np.isin(mail.source, sorted({*around.elsewhere, *around.decided, *around.shared}))
    keys = kind[mail.sender] * len(mail.looks) + mail.look
    keys = np.where(special, len(kinds) * len(mail.looks) + np.arange(len(keys)), keys)
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    shared = [_address(each) for each in wholes]
    rows = zip(*(column[first].tolist() for column in (mail.sender, mail.source, mail.look)), strict=True)
    return [_stream(shared[sender], source, mail.looks[look], around) for sender, source, look in rows], place


def _shares(whole: Stream) -> tuple[object, ...]:
    """What the addresses of a sender share with those of others that are judged alike."""
    return whole.prefix, whole.service, whole.spf_aligns, whole.decision


def _address(whole: Stream) -> Stream:
    """What each address of a sender shares: of the key no more than its prefix, so that senders share judgements."""
    return whole._replace(key=f"{whole.prefix}:")


def _stream(shared: Stream, source_id: int, look: Look, around: Around) -> Stream:
    """One address as a stream. By place: there are thousands, and names take longer than the judging."""
    return Stream(
        shared.key,
        *look[:6],
        look.days,
        look.signed_reporters,
        look.evidence,
        around.elsewhere.get(source_id, NOWHERE),
        shared.service,
        shared.spf_aligns,
        around.shared.get(source_id, 0) > (look.passed > 0),
        shared.domain_reporters,
        shared.domain_signs,
        around.decided.get(source_id, shared.decision),
    )


def _one_operator(wholes: Iterable[Stream]) -> _Flags:
    """Whether all addresses of each sender belong to one operator: a network or an AS has many."""
    return np.array([_is_one_operator(each.key) for each in wholes], np.bool_)


def _is_one_operator(key: str) -> bool:
    prefix, _, place = key.partition(":")
    return prefix not in ("net", "as", "unknown") and "/" not in place


def _completing(mail: Mail, wholes: Sequence[Stream], codes: Column) -> _Flags:
    """Whether each address may be judged as its whole sender is."""
    one, code = _one_operator(wholes), codes[: len(wholes)]
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


def _read(found: _Found) -> Judgement:
    return judgement(found.rule, found.stream)
