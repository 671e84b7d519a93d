"""A domain's own senders as the gates judge them: their mail in the window, without what a forwarder broke.

Only addresses whose verdict is ours count; impostors and forwarders are nobody's readiness. A sender that the window
does not hold is judged by the days on which it was seen last. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analysis.bounds import lower_bound
from analysis.coverage import WINDOW_DAYS
from analysis.ladder_frames import Excused, HeldRow, NameRow, SenderDay
from analysis.sender_verdicts import OwnAddress
from analysis.senders import Sender
from analysis.verdict import FAILING_MESSAGES, FAILING_SHARE, OURS

# Receivers fail to check a few signatures (slow name servers). More than this share is a broken key.
UNCHECKED_SHARE = 0.05
UNREVIEWED = frozenset({"candidate", "unknown"})


@dataclass(frozen=True, slots=True)
class OwnSender:
    """An own sender's counted messages of its last days, those left out that failed and whose receiver says why.

    `explained`: how many those are. `unchecked`: of `messages`, not aligned by DKIM since its receiver could not check
    the signature, UNCHECKED_SHARE of them at most. `last_day`: when it was seen last; `in_window`: whether the figures
    are of the window. `first_passed_day`: its first day with mail that passed in the lookback, None: there is none.
    """

    key: str
    name: str
    messages: int
    passed: int
    dkim_aligned: int
    explained: int
    unchecked: int
    last_day: int
    in_window: bool
    first_passed_day: int | None

    @property
    def failed(self) -> int:
        """Messages that did not pass."""
        return self.messages - self.passed

    @property
    def proves(self) -> float | None:
        """The share that at least passes, at 95 % confidence."""
        return lower_bound(self.passed, self.messages)

    @property
    def checked(self) -> int:
        """Messages of which it is known whether they align by DKIM."""
        return self.messages - self.unchecked

    @property
    def proves_dkim(self) -> float | None:
        """The share of the checked that at least aligns by DKIM, at 95 % confidence."""
        return lower_bound(self.dkim_aligned, self.checked)

    @property
    def fails(self) -> bool:
        """Whether it never passes, or fails like a set-up that is to be mended."""
        clearly = self.failed >= FAILING_MESSAGES and self.failed >= FAILING_SHARE * self.messages
        return clearly or (self.messages > 0 and not self.passed)


@dataclass(frozen=True, slots=True)
class Unreviewed:
    """A sender of which nobody knows whose it is: messages in the lookback whose verdict is candidate or unknown."""

    key: str
    name: str
    verdict: str
    messages: int


@dataclass(frozen=True, slots=True)
class Held:
    """Own mail that a receiver quarantined or rejected on one day."""

    sender: str
    name: str
    day: int
    reporter: str
    messages: int


@dataclass(frozen=True, slots=True)
class Subdomain:
    """Own mail under one name below the domain in the window, as `OwnSender` counts it."""

    name: str
    messages: int
    passed: int

    @property
    def fails(self) -> bool:
        """Whether so much of it fails that somebody has to act."""
        failed = self.messages - self.passed
        clearly = failed >= FAILING_MESSAGES and failed >= FAILING_SHARE * self.messages
        return clearly or (self.messages > 0 and not self.passed)


def own_keys(senders: Iterable[Sender]) -> frozenset[str]:
    """The senders that are the domain's own as a whole."""
    return frozenset(sender.key for sender in senders if sender.verdict in OURS)


def partly_own(senders: Iterable[Sender]) -> frozenset[str]:
    """The senders with at least one address that is the domain's own."""
    return frozenset(sender.key for sender in senders if sender.own)


def own_senders(
    senders: Iterable[Sender], rows: Sequence[SenderDay], excused: Mapping[tuple[str, int], Excused]
) -> tuple[OwnSender, ...]:
    """Every sender with an address that is the domain's own; the one with most failures first."""
    days: defaultdict[str, list[SenderDay]] = defaultdict(list)
    for row in rows:
        days[row.sender].append(row)
    found = [_own(sender, days[sender.key], excused) for sender in senders if sender.own]
    return tuple(sorted(found, key=lambda each: (-each.failed, -each.messages, each.key)))


def _own(sender: Sender, days: Sequence[SenderDay], excused: Mapping[tuple[str, int], Excused]) -> OwnSender:
    in_window = any(source.recent.messages for source in sender.own)
    figures = _recent(sender.key, sender.own, excused) if in_window else _last_seen(sender, days)
    return OwnSender(
        key=sender.key,
        name=sender.name,
        messages=figures.messages,
        passed=figures.passed,
        dkim_aligned=figures.dkim_aligned,
        explained=figures.explained,
        unchecked=figures.unchecked,
        last_day=sender.last_day,
        in_window=in_window,
        first_passed_day=min((row.day for row in days if row.passed), default=None),
    )


class _Figures(NamedTuple):
    messages: int
    passed: int
    dkim_aligned: int
    explained: int = 0
    unchecked: int = 0


def _recent(key: str, mine: Sequence[OwnAddress], excused: Mapping[tuple[str, int], Excused]) -> _Figures:
    explained = unchecked = 0
    for each in mine:
        found = excused.get((key, each.source_id), Excused(0, 0))
        explained += min(found.forwarded, each.recent.messages - each.recent.passed)
        unchecked += found.unchecked
    messages = sum(each.recent.messages for each in mine) - explained
    dkim_aligned = sum(each.recent.dkim for each in mine)
    most = min(int(UNCHECKED_SHARE * messages), messages - dkim_aligned)
    passed = sum(each.recent.passed for each in mine)
    return _Figures(messages, passed, dkim_aligned, explained, min(unchecked, most))


def _last_seen(sender: Sender, days: Sequence[SenderDay]) -> _Figures:
    last = [row for row in days if row.day > sender.last_day - WINDOW_DAYS]
    return _Figures(
        sum(row.messages for row in last), sum(row.passed for row in last), sum(row.dkim_aligned for row in last)
    )


def unreviewed(senders: Iterable[Sender]) -> tuple[Unreviewed, ...]:
    """The senders with messages of which nobody said and no rule knows whose they are; most messages first."""
    found = []
    for sender in senders:
        messages = sum(count for verdict, count in sender.split if verdict in UNREVIEWED)
        if messages:
            verdict = next(verdict for verdict, _ in sender.split if verdict in UNREVIEWED)
            found.append(Unreviewed(sender.key, sender.name, verdict, messages))
    return tuple(sorted(found, key=lambda each: (-each.messages, each.key)))


def held(senders: Iterable[Sender], rows: Iterable[HeldRow], since_day: int) -> tuple[Held, ...]:
    """Own mail that was quarantined or rejected from `since_day` on; oldest first.

    A sender's addresses are not told apart here: one that is ours only in part counts when mail of ours fails.
    """
    names = {sender.key: sender.name for sender in senders if _fails_of_ours(sender)}
    found = (
        Held(row.sender, names[row.sender], row.day, row.reporter, row.messages)
        for row in rows
        if row.day >= since_day and row.sender in names
    )
    return tuple(sorted(found, key=lambda each: (each.day, each.sender, each.reporter)))


def _fails_of_ours(sender: Sender) -> bool:
    return any(source.total.passed < source.total.messages for source in sender.own)


def subdomains(rows: Iterable[NameRow], own: frozenset[str], domain: str) -> tuple[Subdomain, ...]:
    """Own mail by name below the domain; by name."""
    found: defaultdict[str, list[NameRow]] = defaultdict(list)
    for row in rows:
        if row.sender in own and row.header_from.endswith(f".{domain}"):
            found[row.header_from].append(row)
    return tuple(
        Subdomain(name, sum(row.messages - row.explained for row in mine), sum(row.passed for row in mine))
        for name, mine in sorted(found.items())
    )
