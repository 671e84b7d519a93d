"""A domain's senders in the four classes that a person looks through, the most important first.

The classes add up to all counted mail together with bounces, which are only a note. Pure arithmetic over `senders`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis import board_frames, frames, sender_frames
from analysis import senders as senders_analysis
from analysis.board_frames import SenderDay
from analysis.frames import Connection, Period, Scope
from analysis.rates import PassRate, added
from analysis.repair import SENTENCES, Repair
from analysis.senders import Sender
from knowledge.tables import Tables
from wording import text

OK, FIX, FORWARDED, OTHERS, BOUNCES = "ok", "fix", "forwarded", "others", "bounces"
# In the order in which they need a person.
CLASSES: dict[str, tuple[str, ...]] = {
    FIX: ("ours-fix",),
    OTHERS: ("candidate", "unknown", "impostor"),
    OK: ("ours-ok",),
    FORWARDED: ("forwarded",),
    BOUNCES: ("bounce",),
}
# A trend of more days has one point per week, or it could not be read.
MOST_POINTS = 62
WEEK = 7


@dataclass(frozen=True, slots=True)
class Entry:
    """A sender and its counted messages by day or week of the period, oldest first."""

    sender: Sender
    trend: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The senders of one class, the most important first. `candidates`: those of which the customer is to be asked."""

    id: str
    entries: tuple[Entry, ...]

    @property
    def rate(self) -> PassRate:
        """Of all mail of the class."""
        return added(PassRate(each.sender.messages, each.sender.passed) for each in self.entries)

    @property
    def candidates(self) -> int:
        """How many of its senders the customer has to be asked about."""
        return sum(each.sender.verdict == "candidate" for each in self.entries)


@dataclass(frozen=True, slots=True)
class Board:
    """A domain's senders in `period`; `groups` in the order of CLASSES, empty ones too.

    days_per_point   of a trend: 1 or WEEK
    last_report_end  of the newest counted report (epoch seconds), whatever the period; None: there is none
    """

    domain: str
    period: Period
    groups: tuple[Group, ...]
    days_per_point: int
    last_report_end: int | None

    @property
    def messages(self) -> int:
        """Counted messages of all groups."""
        return sum(group.rate.messages for group in self.groups)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every sender, class by class."""
        return tuple(entry for group in self.groups for entry in group.entries)

    def group(self, wanted: str) -> Group:
        """The class of this name."""
        return next(group for group in self.groups if group.id == wanted)


def build(connection: Connection, scope: Scope, name: str, tables: Tables, period: Period) -> Board | None:
    """The senders of domain `name` (A-label) by class, or None when it is unknown or out of scope."""
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return None
    found = senders_analysis.build(connection, scope, name, tables, since=period.first_day, until=period.last_day)
    (facts,) = frames.domains(connection, scope, name)
    days = board_frames.sender_days(connection, where, period)
    last = facts.policy.seen_at if facts.policy else None
    return board(name, period, found.senders if found else (), days, last)


def board(
    name: str, period: Period, senders: Iterable[Sender], days: Iterable[SenderDay], last_report_end: int | None
) -> Board:
    """The board of these senders."""
    step = days_per_point(period)
    trends = _trends(period, days, step)
    entries = [Entry(sender, trends.get(sender.key, ())) for sender in senders]
    groups = tuple(Group(each, _ordered(entries, verdicts)) for each, verdicts in CLASSES.items())
    return Board(name, period, groups, step, last_report_end)


def class_of(verdict: str) -> str:
    """The class that a verdict belongs to."""
    return next(each for each, verdicts in CLASSES.items() if verdict in verdicts)


def days_per_point(period: Period) -> int:
    """How many days one point of a trend stands for."""
    return 1 if len(period.days) <= MOST_POINTS else WEEK


def repair_text(repairs: Sequence[Repair], language: str) -> str:
    """What to do about a sender, one line each; the service's own instruction, which repairs share, once at the end."""
    sentences = [text(language, SENTENCES[repair.id]) for repair in repairs]
    own = (repair.instruction_ja if language == "ja" else repair.instruction_en for repair in repairs)
    return "\n".join(dict.fromkeys([*sentences, *(each for each in own if each)]))


def _trends(period: Period, days: Iterable[SenderDay], step: int) -> Mapping[str, tuple[int, ...]]:
    # The last point ends with the period: a first week that is cut is less wrong to look at than a last one.
    points = -(-len(period.days) // step)
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0] * points)
    for each in days:
        found[each.sender][points - 1 - (period.last_day - each.day) // step] += each.messages
    return {key: tuple(values) for key, values in found.items()}


def _ordered(entries: Iterable[Entry], verdicts: tuple[str, ...]) -> tuple[Entry, ...]:
    mine = (entry for entry in entries if entry.sender.verdict in verdicts)
    return tuple(sorted(mine, key=lambda entry: _importance(entry.sender, verdicts)))


def _importance(sender: Sender, verdicts: tuple[str, ...]) -> tuple[object, ...]:
    """A decision that the facts contradict, then the verdict, then what fails of own mail, else what was sent."""
    contradicted = sender.decision is not None and sender.decision.contradiction is not None
    weight = sender.failed if sender.verdict == "ours-fix" else sender.messages
    return not contradicted, verdicts.index(sender.verdict), -weight, -sender.messages, sender.key
