"""A domain's senders with their figures, what each is and by which rule, and the repair that helps it.

A verdict is judged for each address under a sender; the sender's own is the one that holds most of its messages, and
`split` says how they divide. Pure arithmetic over `sender_frames`; a domain outside the scope is answered exactly like
one that does not exist.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis import sender_frames as frames
from analysis.frames import Connection, Period, Scope
from analysis.repair import Aligned, Repair, repairs
from analysis.sender_frames import DecisionRow, DomainRow, Place, SenderFigures, SourceFigures
from analysis.verdict import (
    NO_EVIDENCE,
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
from store.decisions import SOURCE_PREFIX

# The cross-customer rules look at so many last days of a period: what an address did long ago says little of it now.
ELSEWHERE_DAYS = 90
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Source:
    """One address under a sender, in counted messages; `ip` is "" when reporters gave no usable address."""

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
    """A decision of staff that holds, and what the mail seen after its day says against it (None: nothing)."""

    decision: str
    note: str
    by: str
    at: int
    contradiction: str | None


@dataclass(frozen=True, slots=True)
class Sender:
    """One sender in a period, in counted messages. `dkim_aligned` and `spf_aligned` overlap.

    `split`: messages by verdict of their addresses, most first. `recent`, `recent_passed`: of the last RECENT_DAYS days
    of the period. `reporters` and `days_seen` count distinct ones. `own`: the addresses whose verdict is ours.
    `sources`: every address, most messages first, when they were asked for.
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
    own: tuple[SourceFigures, ...]
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
    connection: Connection,
    scope: Scope,
    name: str,
    tables: Tables,
    *,
    since: int | None = None,
    until: int | None = None,
    with_sources: bool = False,
) -> Senders | None:
    """The senders of domain `name` (A-label) from UTC day `since` to `until`; by default on all days with mail.

    The addresses are listed only `with_sources`; verdicts are the same either way. None when the domain is unknown or
    out of scope: nobody can tell the two apart.
    """
    where = frames.domain_row(connection, scope, name)
    if where is None:
        return None
    seen = frames.days_with_mail(connection, where)
    if seen is None:
        return Senders(where.name, None, ())
    first = seen.first_day if since is None else since
    period = Period(first, max(first, seen.last_day) if until is None else until)
    survey = _survey(connection, where, period, tables)
    places = frames.places(connection, where, period) if with_sources else None
    return Senders(where.name, period, tuple(_sender(survey, figures, places) for figures in survey.senders))


# ---- What was read


@dataclass(frozen=True, slots=True)
class _Survey:
    """Everything that was read about a domain and period.

    `reporters`: how many told of the domain. `signed`: how many saw mail of an address aligned by DKIM alone.
    `passing`: as how many senders each address passed. `decided_sources`: decisions about single addresses, by id.
    """

    tables: Tables
    signs: bool
    reporters: int
    senders: tuple[SenderFigures, ...]
    sources: Mapping[int, Sequence[SourceFigures]]
    evidence: Mapping[tuple[int, int], Evidence]
    signed: Mapping[tuple[int, int], int]
    elsewhere: Mapping[int, Elsewhere]
    decided: Mapping[str, Decided]
    decided_sources: Mapping[int, str]
    passing: Mapping[int, int]


def _survey(connection: Connection, where: DomainRow, period: Period, tables: Tables) -> _Survey:
    rows = frames.source_figures(connection, where, period, period.last_day - RECENT_DAYS + 1)
    sources: defaultdict[int, list[SourceFigures]] = defaultdict(list)
    for row in rows:
        sources[row.sender_id].append(row)
    late = Period(max(period.first_day, period.last_day - ELSEWHERE_DAYS + 1), period.last_day)
    decided = _decided(connection, where)
    senders = frames.sender_figures(connection, where, period)
    return _Survey(
        tables=tables,
        signs=frames.signs(connection, where, period),
        reporters=len(frozenset().union(*(figures.reporters for figures in senders))),
        senders=senders,
        sources=sources,
        evidence=frames.source_evidence(connection, where, period),
        signed=frames.signed_reporters(connection, where, period),
        elsewhere=frames.elsewhere(connection, where, late),
        decided=decided,
        decided_sources=_decided_sources(connection, decided),
        passing=Counter(row.source_id for row in rows if row.passed),
    )


def _decided(connection: Connection, where: DomainRow) -> dict[str, Decided]:
    rows = frames.decisions(connection, where)
    return {subject: _with_contradiction(connection, where, row) for subject, row in rows.items()}


def _with_contradiction(connection: Connection, where: DomainRow, row: DecisionRow) -> Decided:
    later = frames.seen_since(connection, where, row.subject, row.at // DAY_SECONDS)
    against = contradiction(row.decision, later.messages, later.passed, later.spf_aligned)
    return Decided(row.decision, row.note, row.by, row.at, against)


def _decided_sources(connection: Connection, decided: Mapping[str, Decided]) -> dict[int, str]:
    addresses = {
        subject.removeprefix(SOURCE_PREFIX): found.decision
        for subject, found in decided.items()
        if subject.startswith(SOURCE_PREFIX)
    }
    ids = frames.source_ids(connection, addresses) if addresses else {}
    return {source_id: addresses[ip] for ip, source_id in ids.items()}


# ---- Judging

_Judged = list[tuple[SourceFigures, Judgement]]


def _sender(survey: _Survey, figures: SenderFigures, places: Mapping[int, Place] | None) -> Sender:
    rows = survey.sources[figures.sender_id]
    pooled = _pooled(survey, figures, rows)
    judged = _judged(survey, figures, rows, pooled)
    split = _split(judged)
    recent = _recent(rows)
    return Sender(
        key=figures.key,
        name=figures.name,
        kind=figures.kind,
        judgement=_leading(pooled, judged, split[0][0]),
        split=split,
        decision=survey.decided.get(figures.key),
        messages=figures.messages,
        passed=figures.passed,
        dkim_aligned=figures.dkim_aligned,
        spf_aligned=figures.spf_aligned,
        recent=recent.messages,
        recent_passed=recent.passed,
        first_day=figures.first_day,
        last_day=figures.last_day,
        days_seen=figures.days,
        reporters=len(figures.reporters),
        repairs=_repairs(survey, pooled, split[0][0], recent),
        own=tuple(row for row, judgement in judged if judgement.verdict in OURS),
        sources=() if places is None else tuple(_sources(places, judged)),
    )


def _judged(survey: _Survey, figures: SenderFigures, rows: Sequence[SourceFigures], pooled: Stream) -> _Judged:
    """Each address of a sender with its verdict; where too little was seen of one, that of all of them together.

    Most addresses of a large domain look exactly like another one: each look is judged once.
    """
    whole = judge(pooled) if _is_one_operator(figures.key) else None
    known: dict[tuple[object, ...], Judgement] = {}
    judged = []
    for row in rows:
        look = (row[2:], *_facts(survey, row))
        judgement = known.get(look)
        if judgement is None:
            judgement = known[look] = _completed(judge(_stream(survey, pooled, row)), row, whole)
        judged.append((row, judgement))
    return judged


def _facts(survey: _Survey, row: SourceFigures) -> tuple[Evidence, int, Elsewhere, bool, str | None]:
    """What is known of an address beside its figures: evidence, reporters, elsewhere, passing as another sender, and
    the decision about it."""
    key = (row.sender_id, row.source_id)
    return (
        survey.evidence.get(key, NO_EVIDENCE),
        survey.signed.get(key, 0),
        survey.elsewhere.get(row.source_id, NOWHERE),
        survey.passing.get(row.source_id, 0) > (row.passed > 0),
        survey.decided_sources.get(row.source_id),
    )


def _is_one_operator(key: str) -> bool:
    """Whether all addresses of a sender belong to one operator: a network or an AS has many."""
    prefix, _, place = key.partition(":")
    return prefix not in ("net", "as", "unknown") and "/" not in place


def _completed(judgement: Judgement, row: SourceFigures, whole: Judgement | None) -> Judgement:
    if whole is None or judgement.rule not in THIN_RULES:
        return judgement
    if whole.verdict in OURS:
        return whole if row.passed else judgement
    return whole if whole.verdict in ("forwarded", "bounce") else judgement


def _stream(survey: _Survey, pooled: Stream, row: SourceFigures) -> Stream:
    evidence, reporters, elsewhere, passes_as, decision = _facts(survey, row)
    return pooled._replace(
        messages=row.messages,
        passed=row.passed,
        dkim_aligned=row.dkim_aligned,
        spf_aligned=row.spf_aligned,
        recent=row.recent,
        recent_passed=row.recent_passed,
        days=row.days,
        reporters=reporters,
        evidence=evidence,
        elsewhere=elsewhere,
        passes_as=passes_as,
        decision=decision or pooled.decision,
    )


def _pooled(survey: _Survey, figures: SenderFigures, rows: Sequence[SourceFigures]) -> Stream:
    """All addresses of a sender as one stream."""
    service = service_of(figures.key, survey.tables)
    decided = survey.decided.get(figures.key)
    recent = _recent(rows)
    return Stream(
        key=figures.key,
        messages=figures.messages,
        passed=figures.passed,
        dkim_aligned=figures.dkim_aligned,
        spf_aligned=figures.spf_aligned,
        recent=recent.messages,
        recent_passed=recent.passed,
        days=figures.days,
        reporters=len(figures.reporters),
        evidence=_added(survey, rows),
        service=service.name if service else None,
        spf_aligns=_spf_aligns(service),
        domain_reporters=survey.reporters,
        domain_signs=survey.signs,
        decision=decided.decision if decided else None,
    )


def _added(survey: _Survey, rows: Iterable[SourceFigures]) -> Evidence:
    found = (survey.evidence.get((row.sender_id, row.source_id), NO_EVIDENCE) for row in rows)
    return Evidence(*(sum(counts) for counts in zip(*found, strict=True)))


def _spf_aligns(service: Service | None) -> bool:
    if service is None:
        return True
    return service.aligns_spf not in ("no", "relaxed") and service.aligns_spf_condition is None


def _recent(rows: Sequence[SourceFigures]) -> Aligned:
    return Aligned(
        messages=sum(row.recent for row in rows),
        passed=sum(row.recent_passed for row in rows),
        dkim=sum(row.recent_dkim for row in rows),
        spf=sum(row.recent_spf for row in rows),
    )


def _split(judged: _Judged) -> tuple[tuple[str, int], ...]:
    counted: Counter[str] = Counter()
    for row, judgement in judged:
        counted[judgement.verdict] += row.messages
    return tuple(sorted(counted.items(), key=lambda item: (-item[1], VERDICTS.index(item[0]))))


def _leading(pooled: Stream, judged: _Judged, verdict: str) -> Judgement:
    """The judgement of this verdict: of all addresses as one where it is the same, else at the one that sent most.

    Strangers that share a network are not one: what is said of them is said of an address.
    """
    whole = judge(pooled)
    if whole.verdict == verdict and (_is_one_operator(pooled.key) or verdict not in ("impostor", "unknown")):
        return whole
    holding = (pair for pair in judged if pair[1].verdict == verdict)
    return min(holding, key=lambda pair: (-pair[0].messages, pair[1].rule, pair[1].facts))[1]


def _repairs(survey: _Survey, pooled: Stream, verdict: str, recent: Aligned) -> tuple[Repair, ...]:
    """A relay is mended where the service itself is: its set-up belongs to the sender of that name."""
    if pooled.prefix == "relay":
        return ()
    return repairs(verdict, recent, pooled.evidence, service_of(pooled.key, survey.tables))


def _sources(places: Mapping[int, Place], judged: _Judged) -> list[Source]:
    found = [_source(places[row.source_id], row, judgement) for row, judgement in judged]
    return sorted(found, key=lambda source: (-source.messages, source.ip))


def _source(place: Place, row: SourceFigures, judgement: Judgement) -> Source:
    return Source(place.ip, place.ptr, place.country, place.as_name, judgement, row.messages, row.passed)
