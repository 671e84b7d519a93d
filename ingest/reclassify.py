"""Names senders again, after knowledge, settings or host names changed, and moves what has another name now.

Records are read back and moved by groups of sources, each group in one transaction and in pages, so that memory is
bounded and every sum is exact at any time; a run that was killed is finished by running it again.

A decision of staff follows its mail, and only its mail: when all records of a sender go to one other sender, which
gets no mail but such as the same decision holds for, the decision is withdrawn there and stated here, in the name of
the person who made it. When the mail is split, or would be joined with mail that nobody or somebody otherwise decided
about, the decision stays where it is, and the change says so for a person to look at. Both stand in the audit trail.

Mail of reports whose records may be gone already (store/retention.py) keeps the sender that it has.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import Connection, Engine

from ingest.session import namer_of, tables_of
from knowledge.envelope import envelope_kind
from knowledge.identify import SenderName
from settings import Settings
from store import assignment, office
from store.assignment import BEFORE_ALL, Decision, EvidenceSums, Move, Selection, Senders, StoredRecord
from store.engine import open_store, writing
from store.evidence import evidence_of
from store.locks import run_lock
from store.retention import settled_before
from store.sources import CHUNK, records_by_source

ACTOR = "reclassify"
PAGE = 5_000
KNOWN = 50_000
FOLLOWED, JOINED, SPLIT, MERGED, CONFLICT = "followed", "joined", "split", "merged", "conflict"


@dataclass(frozen=True, slots=True)
class Change:
    """Mail of one domain that went from one sender to another: records, and their messages that count."""

    domain: str
    before: str
    after: str
    records: int
    messages: int


@dataclass(frozen=True, slots=True)
class Renamed:
    """A sender that keeps its key and is called otherwise now."""

    domain: str
    sender: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """What became of a decision whose mail went elsewhere.

    outcome: followed (`after` has it now); joined (`after` had the same); split (the mail went to several senders,
    or some stayed); merged (`after` has other mail); conflict (`after` has another decision).
    `after` is None when there is no single sender to name.
    """

    domain: str
    decision: str
    before: str
    after: str | None
    outcome: str


@dataclass(slots=True)
class Changes:
    """Everything that one run changed. `records` were read; `evidence` counts the addresses, once for each domain,
    whose rows of `traffic_evidence` are others now."""

    records: int = 0
    evidence: int = 0
    moved: list[Change] = field(default_factory=list)
    renamed: list[Renamed] = field(default_factory=list)
    decisions: list[DecisionChange] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def moved_records(self) -> int:
        """Records that went to another sender."""
        return sum(change.records for change in self.moved)

    @property
    def decisions_left(self) -> list[DecisionChange]:
        """Decisions that could not follow their mail and need a person."""
        return [change for change in self.decisions if change.outcome in (SPLIT, MERGED, CONFLICT)]


def reclassify(settings: Settings, domain: str | None, *, now: int) -> Changes:
    """Name the senders of every record again, of one domain or of all.

    Takes the run lock. Raises StoreError, AlreadyRunning, OfficeError for an unknown domain, TablesError.
    """
    started = time.monotonic()
    with run_lock(settings.database_url):
        engine = open_store(settings.database_url)
        try:
            changes = Reclassifier(engine, settings, now).all(domain)
        finally:
            engine.dispose()
    changes.seconds = round(time.monotonic() - started, 2)
    return changes


_Moves = dict[tuple[str, str], list[int]]
_Names = dict[str, set[tuple[str, str]]]


class Reclassifier:
    """One run over a store whose run lock the caller holds."""

    def __init__(self, engine: Engine, settings: Settings, now: int) -> None:
        tables = tables_of(settings)
        self._engine = engine
        self._now = now
        self._namer = lru_cache(maxsize=KNOWN)(namer_of(settings, tables))
        self._evidence = lru_cache(maxsize=KNOWN)(
            lambda shape: evidence_of(shape, lambda envelope: envelope_kind(envelope, tables))
        )
        self._pointers: Mapping[int, str | None] = {}
        self._changes = Changes()

    def all(self, domain: str | None) -> Changes:
        """Name the sender of every record of one domain, or of all, and senders by what they are called now."""
        for domain_id, name in self._domains(domain):
            names = self._domain(domain_id, name)
            self._rename(domain_id, name, names)
        return self._changes

    def sources(self, pointers: Mapping[int, str | None]) -> Changes:
        """Name the senders of some sources' records, as if these were the sources' confirmed host names."""
        self._pointers = pointers
        for domain_id, name in self._domains(None) if pointers else ():
            self._domain(domain_id, name)
        return self._changes

    def _domains(self, domain: str | None) -> list[tuple[int, str]]:
        with self._engine.connect() as connection:
            only = None if domain is None else office.domain_id_of(connection, domain)
            found = office.domains(connection)
        return [(each.id, each.name) for each in found if only in (None, each.id)]

    def _domain(self, domain_id: int, domain: str) -> _Names:
        """Move what has another sender now; the names met, by sender key."""
        with self._engine.connect() as connection:
            senders = assignment.senders_of(connection, domain_id)
            decisions = assignment.decisions_of(connection, domain_id)
            settled = settled_before(connection, domain_id)
        if decisions:
            self._carry_decisions(senders, domain, decisions, settled)
        moved: _Moves = defaultdict(lambda: [0, 0])
        names: _Names = defaultdict(set)
        for selection in self._selections(domain_id, settled):
            self._move(senders, selection, moved, names)
        self._changes.moved += [Change(domain, *keys, *sums) for keys, sums in sorted(moved.items())]
        return names

    def _selections(self, domain_id: int, settled: int) -> Iterator[Selection]:
        """The domain's sources, or those with news, in groups of about a page of records."""
        ids = sorted(self._pointers)
        chunks: list[list[int] | None] = [ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK)]
        for among in chunks or [None]:
            above: int | None = 0
            while above is not None:
                with self._engine.connect() as connection:
                    counted = records_by_source(connection, domain_id, above=above, among=among)
                yield from (Selection(domain_id, group, PAGE, settled) for group in groups(counted, PAGE))
                above = counted[-1][0] if len(counted) == CHUNK else None

    def _move(self, senders: Senders, selection: Selection, moved: _Moves, names: _Names) -> None:
        """One transaction: all records of these sources."""
        with writing(self._engine) as connection:
            sums = EvidenceSums(selection.domain_id, self._evidence)
            for page in _pages(connection, selection):
                named = self._named(senders, selection, page)
                moves = _moves(senders, named)
                for move in moves:
                    _count(moved, senders, move)
                if moves:
                    assignment.move_records(connection, self._engine, senders, moves, self._now)
                for found in named:
                    if not _is_settled(selection, found.record):
                        names[found.name.key].add((found.name.name, found.name.kind))
                    sums.add(found.record, senders.ids[found.name.key])
                self._changes.records += len(page)
            self._changes.evidence += assignment.replace_evidence(connection, selection, sums)

    def _named(self, senders: Senders, selection: Selection, page: list[StoredRecord]) -> list[Move]:
        """Each record with the sender that it has now, whether or not that is another."""
        return [
            Move(found, senders.names[found.sender_id] if _is_settled(selection, found) else self._name(found))
            for found in page
        ]

    def _name(self, found: StoredRecord) -> SenderName:
        ptr = self._pointers.get(found.source_id, found.ptr)
        return self._namer(found.record.shape, found.source, ptr)

    def _rename(self, domain_id: int, domain: str, names: _Names) -> None:
        """A name that no record gives any more is replaced by the alphabetically first that one does."""
        with writing(self._engine) as connection:
            for number, sender in assignment.senders_of(connection, domain_id).names.items():
                met = names.get(sender.key)
                if met and (sender.name, sender.kind) not in met:
                    name, kind = min(met)
                    assignment.rename_sender(connection, domain_id, number, name, kind)
                    self._changes.renamed.append(Renamed(domain, sender.key, sender.name, name))

    def _carry_decisions(self, senders: Senders, domain: str, decisions: Mapping[str, Decision], settled: int) -> None:
        """Before the mail moves: a run that is killed then finds them where the rest of the mail will go."""
        planned = self._plan(senders, settled)
        with writing(self._engine) as connection:
            held = _held(connection, senders.domain_id, settled) if planned else {}
            for change in followers(domain, decisions, planned, held):
                self._carry(connection, senders.domain_id, decisions[change.before], change)

    def _plan(self, senders: Senders, settled: int) -> Counter[tuple[str, str]]:
        planned: Counter[tuple[str, str]] = Counter()
        for selection in self._selections(senders.domain_id, settled):
            with self._engine.connect() as connection:
                for page in _pages(connection, selection):
                    moves = _moves(senders, self._named(senders, selection, page))
                    planned.update((senders.names[each.record.sender_id].key, each.name.key) for each in moves)
        return planned

    def _carry(self, connection: Connection, domain_id: int, decision: Decision, change: DecisionChange) -> None:
        if change.outcome in (FOLLOWED, JOINED):
            key = change.after if change.outcome == FOLLOWED else None
            assignment.carry_decision(connection, decision, key, by=ACTOR, now=self._now)
        office.audit(
            connection,
            at=self._now,
            actor=ACTOR,
            action=f"decision-{change.outcome}",
            subject=f"{change.domain} {change.before}",
            customer_id=assignment.customer_of(connection, domain_id),
            detail=f"{change.decision} -> {change.after or 'several senders'}",
        )
        self._changes.decisions.append(change)


def followers(
    domain: str, decisions: Mapping[str, Decision], moves: Mapping[tuple[str, str], int], held: Mapping[str, int]
) -> list[DecisionChange]:
    """What becomes of each decision whose sender loses records.

    `moves`: records that will go from one sender key to another; `held`: records of each key before they do.
    """
    changes: list[DecisionChange] = []
    for key, decision in sorted(decisions.items()):
        targets = sorted(after for before, after in moves if before == key)
        if not targets:
            continue
        whole = len(targets) == 1 and moves[key, targets[0]] == held[key]
        outcome = _outcome(targets[0], decision, decisions, moves, held) if whole else SPLIT
        if outcome == FOLLOWED and any(change.after == targets[0] for change in changes):
            outcome = JOINED
        after = targets[0] if len(targets) == 1 else None
        changes.append(DecisionChange(domain, decision.decision, key, after, outcome))
    return changes


def _outcome(
    target: str,
    decision: Decision,
    decisions: Mapping[str, Decision],
    moves: Mapping[tuple[str, str], int],
    held: Mapping[str, int],
) -> str:
    if any(before == target for before, _ in moves):
        return MERGED
    if target in decisions:
        return JOINED if decisions[target].decision == decision.decision else CONFLICT
    joining = [decisions.get(before) for before, after in moves if after == target]
    alike = all(each and each.decision == decision.decision for each in joining)
    return FOLLOWED if alike and not held.get(target) else MERGED


def groups(counted: Iterable[tuple[int, int]], limit: int) -> Iterator[tuple[int, ...]]:
    """Ids of (id, number of records) in groups that have at most `limit` records together, or are one id alone."""
    group: list[int] = []
    total = 0
    for number, records in counted:
        if group and total + records > limit:
            yield tuple(group)
            group, total = [], 0
        group.append(number)
        total += records
    if group:
        yield tuple(group)


def _pages(connection: Connection, selection: Selection) -> Iterator[list[StoredRecord]]:
    """Every record of the selection, a page at a time."""
    after: tuple[int, int] | None = BEFORE_ALL
    while after is not None:
        page = assignment.read_records(connection, selection, after)
        yield page
        full = len(selection.sources) == 1 and len(page) == selection.limit
        after = (page[-1].report_id, page[-1].number) if full else None


def _is_settled(selection: Selection, found: StoredRecord) -> bool:
    return found.first_day < selection.settled_before


def _held(connection: Connection, domain_id: int, settled: int) -> dict[str, int]:
    """Records of each sender; mail of settled days counts as one more, for it never moves."""
    held = Counter(assignment.records_by_sender(connection, domain_id))
    held.update(assignment.settled_senders(connection, domain_id, settled) if settled else ())
    return dict(held)


def _moves(senders: Senders, named: list[Move]) -> list[Move]:
    """Those whose record belongs to another sender so far."""
    return [each for each in named if each.name.key != senders.names[each.record.sender_id].key]


def _count(moved: _Moves, senders: Senders, move: Move) -> None:
    sums = moved[senders.names[move.record.sender_id].key, move.name.key]
    sums[0] += 1
    sums[1] += move.record.record.messages if move.record.in_force else 0
