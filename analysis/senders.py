"""A domain's senders with their figures, what each is and by which rule, and the repair that helps it.

The verdict is judged for each address under a sender; the sender's own is the one that holds most of its messages, and
`split` says how they divide. Pure arithmetic over `sender_frames`; a domain outside the scope is answered exactly like
one that does not exist.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from analysis import sender_frames as frames
from analysis.frames import Connection, Period, Scope
from analysis.repair import Repair, repairs
from analysis.sender_frames import DecisionRow, DomainMail, DomainRow, Place, SenderFigures, SourceFigures
from analysis.verdict import (
    NOWHERE,
    OURS,
    RECENT_DAYS,
    THIN_RULES,
    VERDICTS,
    Elsewhere,
    Evidence,
    Judgement,
    Stream,
    contradiction,
    judge,
)
from knowledge.identify import service_of
from knowledge.tables import Service, Tables

# The cross-customer rules look at so many last days of a period: what an address was long ago says little of it now.
ELSEWHERE_DAYS = 90
DAY_SECONDS = 86_400
NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True)
class Source:
    """One address under a sender, in counted messages."""

    ip: str
    ptr: str | None
    country: str | None
    as_name: str | None
    judgement: Judgement
    messages: int
    passed: int

    @property
    def verdict(self) -> str:
        return self.judgement.verdict


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision of staff that holds, and what the mail seen after it says against it (None: nothing)."""

    decision: str
    note: str
    by: str
    at: int
    contradiction: str | None


@dataclass(frozen=True, slots=True)
class Sender:
    """One sender in a period, in counted messages. `dkim_aligned` and `spf_aligned` overlap; `failed` is the rest.

    `split`: messages by verdict of their addresses, largest first. `recent*`: of the period's last RECENT_DAYS days.
    """

    key: str
    name: str
    kind: str
    judgement: Judgement
    split: tuple[tuple[str, int], ...]
    decision: Decided | None
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    recent: int
    recent_passed: int
    first_day: int
    last_day: int
    days_seen: int
    reporters: int
    repairs: tuple[Repair, ...]
    sources: tuple[Source, ...]

    @property
    def verdict(self) -> str:
        return self.judgement.verdict

    @property
    def failed(self) -> int:
        return self.messages - self.passed


@dataclass(frozen=True, slots=True)
class Senders:
    """The senders of a domain, most messages first. `period` is None while no counted mail was ever seen."""

    domain: str
    period: Period | None
    senders: tuple[Sender, ...]


def build(
    connection: Connection, scope: Scope, name: str, tables: Tables, since: int | None = None, until: int | None = None
) -> Senders | None:
    """The senders of domain `name` (A-label) from UTC day `since` to `until`; by default all days with mail.

    None when the domain is unknown or out of scope: nobody can tell the two apart.
    """
    where = frames.domain_row(connection, scope, name)
    if where is None:
        return None
    days = frames.seen_days(connection, where)
    if days is None:
        return Senders(where.name, None, ())
    first = days.first_day if since is None else since
    period = Period(first, max(first, days.last_day if until is None else until))
    return Senders(where.name, period, _Survey(connection, where, period, tables).senders())


class _Survey:
    """What was read of one domain and period, and the judging of it."""

    def __init__(self, connection: Connection, where: DomainRow, period: Period, tables: Tables) -> None:
        self._connection, self._where, self._period, self._tables = connection, where, period, tables
        self._mail: DomainMail = frames.domain_mail(connection, where, period)
        self._figures = frames.sender_figures(connection, where, period)
        self._decisions = frames.decisions(connection, where)
        self._places = frames.places(connection, where, period)
        self._evidence = frames.source_evidence(connection, where, period)
        self._pooled = frames.sender_evidence(connection, where, period)
        self._sources: defaultdict[int, list[SourceFigures]] = defaultdict(list)
        for row in frames.source_figures(connection, where, period, period.last_day - RECENT_DAYS + 1):
            self._sources[row.sender_id].append(row)
        self._passing = self._passing_senders()
        self._elsewhere: Mapping[int, Elsewhere] = {}

    def senders(self) -> tuple[Sender, ...]:
        """Every sender; first without the other customers' mail, which only matters where nothing else is known."""
        undecided = sorted(
            {
                row.source_id
                for figures in self._figures
                for row, judged in self._judged(figures)
                if judged.rule in THIN_RULES
            }
        )
        late = max(self._period.first_day, self._period.last_day - ELSEWHERE_DAYS + 1)
        period = Period(late, self._period.last_day)
        self._elsewhere = frames.elsewhere(self._connection, self._where, period, undecided)
        return tuple(self._sender(figures) for figures in self._figures)

    def _passing_senders(self) -> dict[int, set[int]]:
        passing: defaultdict[int, set[int]] = defaultdict(set)
        for sender_id, rows in self._sources.items():
            for row in rows:
                if row.passed:
                    passing[row.source_id].add(sender_id)
        return passing

    def _sender(self, figures: SenderFigures) -> Sender:
        judged = self._judged(figures)
        split = _split(judged)
        verdict = split[0][0]
        leading = max((row.messages, -row.source_id, judgement) for row, judgement in judged if judgement.verdict == verdict)
        recent = _recent(self._sources[figures.sender_id])
        service = service_of(figures.key, self._tables)
        evidence = self._pooled.get((figures.sender_id,), NO_EVIDENCE)
        return Sender(
            key=figures.key,
            name=figures.name,
            kind=figures.kind,
            judgement=leading[2],
            split=split,
            decision=self._decided(figures),
            messages=figures.messages,
            passed=figures.passed,
            dkim_aligned=figures.dkim_aligned,
            spf_aligned=figures.spf_aligned,
            recent=recent.recent,
            recent_passed=recent.recent_passed,
            first_day=figures.first_day,
            last_day=figures.last_day,
            days_seen=figures.days,
            reporters=figures.reporters,
            repairs=repairs(verdict, recent, evidence, service),
            sources=self._listed(judged),
        )
