"""What any policy would have done to the mail already reported (RFC 9989 sections 4.7, 4.10.1, 5.4; RFC 7489 for pct).

Nobody can know what a receiver does: the result is a range. Possible is every failing message at the strongest reading
of the record; certain leaves out what receivers said they would spare and reads the record at its mildest. Pure, but
for `build`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis import replay_frames, sender_frames
from analysis import senders as senders_analysis
from analysis.alignment import RecordFacts, explain
from analysis.frames import Connection, Period, Scope
from analysis.replay_frames import ReplayRow, ResultsRow
from analysis.sender_frames import DomainRow
from analysis.verdict import OURS
from knowledge.tables import Tables
from wording import later

POLICIES = ("none", "quarantine", "reject")
# Reasons for which a receiver spared a message and would likely spare it again.
SPARING = frozenset({"forwarded", "trusted_forwarder", "mailing_list", "local_policy"})

LIMITS = (
    later("Many receivers send no reports; what they received is in no figure."),
    later("Mail that was refused before its content was sent is never reported."),
    later("Receivers must not reject for p=reject alone: these messages are eligible for rejection, no more."),
    later("Whether a sub-domain exists is judged as of now, not as of then."),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """A record as a hypothesis. `sp` None: as `p`; `np` None: as `sp`. `adkim`, `aspf` None: as they were.

    t: whether the record is a test (t=y). pct: 0 to 100.
    """

    p: str
    sp: str | None = None
    np: str | None = None
    adkim: str | None = None
    aspf: str | None = None
    t: bool = False
    pct: int = 100

    def wanted(self, header_from: str, domain: str, missing: frozenset[str]) -> str:
        """The policy for mail from this name: p for the domain itself, np for a name that does not exist, else sp."""
        if header_from.lower() == domain:
            return self.p
        below = self.sp or self.p
        return self.np or below if header_from.lower() in missing else below

    def actions(self, wanted: str) -> tuple[str, str]:
        """The mildest and the strongest thing that receivers of both generations do to failing mail."""
        lower = POLICIES[max(POLICIES.index(wanted) - 1, 0)]
        new = lower if self.t else wanted
        old = {0: (lower, lower), 100: (wanted, wanted)}.get(self.pct, (lower, wanted))
        found = sorted((new, *old), key=POLICIES.index)
        return found[0], found[-1]


@dataclass(frozen=True, slots=True)
class Range:
    """Messages: those that certainly are, and those that possibly are (certain ones included)."""

    certain: int = 0
    possible: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """Messages of one sender and verdict that the policy would quarantine or reject, on which days, told by whom."""

    sender: str
    name: str
    verdict: str
    certain: int
    possible: int
    days: tuple[int, ...]
    reporters: tuple[str, ...]

    @property
    def legitimate(self) -> bool:
        """Whether it is mail of the domain's own."""
        return self.verdict in OURS


@dataclass(frozen=True, slots=True)
class Agreement:
    """The dispositions that were reported, held against the policy that was published then; in messages.

    agreed         as the formula says
    overridden     otherwise, and the reporter gives a reason
    differing      otherwise, without a reason
    """

    agreed: int
    overridden: int
    differing: int

    @property
    def share(self) -> float | None:
        """Agreed over agreed and differing, or None when there is neither."""
        told = self.agreed + self.differing
        return self.agreed / told if told else None


@dataclass(frozen=True, slots=True)
class Replay:
    """What the policy would have done in `period`; messages = delivered + quarantined + rejectable.possible.

    quarantined    the possible ones; spared: messages in the possible but not in the certain figures
    hits           per sender and verdict, most messages first
    """

    domain: str
    policy: Policy
    period: Period | None
    messages: int
    delivered: int
    quarantined: int
    rejectable: Range
    hits: tuple[Hit, ...]
    agreement: Agreement

    @property
    def spared(self) -> int:
        """Messages that are possibly met and not certainly."""
        return sum(hit.possible - hit.certain for hit in self.hits)

    @property
    def legitimate(self) -> tuple[Hit, ...]:
        """The domain's own senders whose mail is met."""
        return tuple(hit for hit in self.hits if hit.legitimate)


def build(
    connection: Connection,
    scope: Scope,
    name: str,
    tables: Tables,
    policy: Policy,
    *,
    since: int | None = None,
    until: int | None = None,
) -> Replay | None:
    """The replay for domain `name` (A-label) over reports that begin from UTC day `since` to `until`; by default all.

    None when the domain is unknown or out of scope: nobody can tell the two apart.
    """
    where = sender_frames.domain_row(connection, scope, name)
    if where is None:
        return None
    found = senders_analysis.build(connection, scope, name, tables, since=since, until=until, with_sources=True)
    if found is None or found.period is None:
        return replayed(name, policy, None, (), {})
    known = {(sender.key, each.ip): (sender.name, each.verdict) for sender in found.senders for each in sender.sources}
    rows = _rows(connection, where, found.period, policy)
    missing = replay_frames.missing_names(connection, where)
    return replayed(name, policy, found.period, rows, known, missing)


def _rows(connection: Connection, where: DomainRow, period: Period, policy: Policy) -> Sequence[ReplayRow]:
    if policy.adkim is None and policy.aspf is None:
        return replay_frames.rows(connection, where, period)
    return [realigned(each, policy) for each in replay_frames.rows_with_results(connection, where, period)]


def realigned(found: ResultsRow, policy: Policy) -> ReplayRow:
    """The record as it aligns in the policy's modes, computed from its results; an unchanged mode stays as reported."""
    row = found.row
    adkim, aspf = policy.adkim or found.adkim, policy.aspf or found.aspf
    facts = RecordFacts(
        row.header_from, None, adkim, aspf, bool(row.dkim_aligned), bool(row.spf_aligned), found.results
    )
    way = explain(facts)
    return row._replace(
        dkim_aligned=row.dkim_aligned if adkim == found.adkim else way.dkim.aligned,
        spf_aligned=row.spf_aligned if aspf == found.aspf else way.spf.aligned,
    )


# ---- The formula

_Known = Mapping[tuple[str, str], tuple[str, str]]


def replayed(
    name: str,
    policy: Policy,
    period: Period | None,
    rows: Sequence[ReplayRow],
    known: _Known,
    missing: frozenset[str] = frozenset(),
) -> Replay:
    """The replay of rows. `known`: name and verdict of each (sender key, address)."""
    met = [(row, *policy.actions(policy.wanted(row.header_from, name, missing))) for row in rows if not _passed(row)]
    quarantined = sum(row.messages for row, _, strongest in met if strongest == "quarantine")
    possible = sum(row.messages for row, _, strongest in met if strongest == "reject")
    certain = sum(row.messages for row, mildest, _ in met if mildest == "reject" and row.override not in SPARING)
    messages = sum(row.messages for row in rows)
    return Replay(
        domain=name,
        policy=policy,
        period=period,
        messages=messages,
        delivered=messages - quarantined - possible,
        quarantined=quarantined,
        rejectable=Range(certain, possible),
        hits=tuple(_hits(met, known)),
        agreement=agreement(name, rows, missing),
    )


def _passed(row: ReplayRow) -> bool:
    return bool(row.dkim_aligned or row.spf_aligned)


def _hits(met: Iterable[tuple[ReplayRow, str, str]], known: _Known) -> list[Hit]:
    groups: defaultdict[tuple[str, str, str], list[tuple[ReplayRow, str]]] = defaultdict(list)
    for row, mildest, strongest in met:
        if strongest != "none":
            name, verdict = known.get((row.sender, row.ip), (row.sender, "unknown"))
            groups[row.sender, name, verdict].append((row, mildest))
    found = (_hit(key, mine) for key, mine in groups.items())
    return sorted(found, key=lambda hit: (-hit.possible, hit.sender, hit.verdict))


def _hit(key: tuple[str, str, str], mine: Sequence[tuple[ReplayRow, str]]) -> Hit:
    return Hit(
        *key,
        certain=sum(row.messages for row, mildest in mine if mildest != "none" and row.override not in SPARING),
        possible=sum(row.messages for row, _ in mine),
        days=tuple(sorted({row.day for row, _ in mine if row.day})),
        reporters=tuple(sorted({row.reporter for row, _ in mine if row.reporter})),
    )


# ---- The honesty check


def agreement(name: str, rows: Iterable[ReplayRow], missing: frozenset[str] = frozenset()) -> Agreement:
    """The policy that each report names, replayed on its own records; unreadable dispositions are left out."""
    counts = dict.fromkeys(("agreed", "overridden", "differing"), 0)
    for word, messages in _compared(name, rows, missing):
        counts[word] += messages
    return Agreement(**counts)


def _compared(name: str, rows: Iterable[ReplayRow], missing: frozenset[str]) -> Iterator[tuple[str, int]]:
    for row in rows:
        done = "none" if row.disposition == "pass" else row.disposition
        if done in POLICIES:
            yield _word(row, done, _expected(name, row, missing)), row.messages


def _word(row: ReplayRow, done: str, expected: tuple[str, str]) -> str:
    if POLICIES.index(expected[0]) <= POLICIES.index(done) <= POLICIES.index(expected[1]):
        return "agreed"
    return "differing" if row.override == "none" else "overridden"


def _expected(name: str, row: ReplayRow, missing: frozenset[str]) -> tuple[str, str]:
    if _passed(row):
        return "none", "none"
    pct = 100 if row.pct is None else row.pct
    published = Policy(row.p, row.sp, row.np, t=row.testing == "y", pct=min(max(pct, 0), 100))
    return published.actions(published.wanted(row.header_from, name, missing))
