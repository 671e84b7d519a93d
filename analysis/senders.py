"""A domain's senders with their figures, what each is and by which rule, and the repair that helps it.

A verdict is judged for each address under a sender; the sender's own is the one that holds most of its messages, and
`split` says how they divide. Pure arithmetic over `sender_frames`; a domain outside the scope is answered exactly like
one that does not exist.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from analysis import sender_frames as frames
from analysis.frames import Connection, Period, Scope
from analysis.repair import Repair, repairs
from analysis.sender_frames import DecisionRow, DomainRow, Place, SenderRow
from analysis.sender_looks import Aligned, Look, Mail, mail_of
from analysis.verdict import (
    NOWHERE,
    OURS,
    RECENT_DAYS,
    THIN_RULES,
    VERDICTS,
    Contradiction,
    Elsewhere,
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
    contradiction: Contradiction | None


class OwnAddress(NamedTuple):
    """An address whose verdict is ours: counted messages of the period, and of its last days."""

    source_id: int
    total: Aligned
    recent: Aligned


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
    own: tuple[OwnAddress, ...]
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
    found = (_sender(survey, mailer, places) for mailer in survey.mailers)
    return Senders(where.name, period, tuple(sorted(found, key=lambda sender: (-sender.messages, sender.key))))


# ---- What was read


@dataclass(frozen=True, slots=True)
class _Mailer:
    """A sender with its counted mail, and who saw that."""

    row: SenderRow
    mail: Mail
    reporters: frozenset[str]


# What may differ between two addresses of a sender.
_Facts = tuple[Look, Elsewhere | None, bool, str | None]


@dataclass(frozen=True, slots=True)
class _Survey:
    """Everything that was read about a domain and period.

    `reporters`: how many told of the domain. `passing`: as how many senders each address passed.
    `decided_sources`: decisions about single addresses, by id. `known`: what was judged, first by what all addresses of
    a sender share, then by what may differ.
    """

    tables: Tables
    signs: bool
    reporters: int
    mailers: tuple[_Mailer, ...]
    elsewhere: Mapping[int, Elsewhere]
    decided: Mapping[str, Decided]
    decided_sources: Mapping[int, str]
    passing: Mapping[int, int]
    known: dict[tuple[object, ...], dict[_Facts, Judgement]]


def _survey(connection: Connection, where: DomainRow, period: Period, tables: Tables) -> _Survey:
    late = Period(max(period.first_day, period.last_day - ELSEWHERE_DAYS + 1), period.last_day)
    decided = _decided(connection, where)
    mailers = _mailers(connection, where, period)
    return _Survey(
        tables=tables,
        signs=frames.signs(connection, where, period),
        reporters=len(frozenset().union(*(mailer.reporters for mailer in mailers))),
        mailers=mailers,
        elsewhere=frames.elsewhere(connection, where, late),
        decided=decided,
        decided_sources=_decided_sources(connection, decided),
        passing=Counter(
            source_id for mailer in mailers for source_id, look in mailer.mail.addresses.items() if look.total.passed
        ),
        known={},
    )


def _mailers(connection: Connection, where: DomainRow, period: Period) -> tuple[_Mailer, ...]:
    mail = mail_of(frames.traces(connection, where, period), period.last_day - RECENT_DAYS + 1)
    reporters = frames.reporters(connection, where, period)
    return tuple(
        _Mailer(row, mail[row.id], reporters.get(row.id, frozenset()))
        for row in frames.senders(connection, where)
        if row.id in mail
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

_Judged = list[tuple[int, Look, Judgement]]


def _sender(survey: _Survey, mailer: _Mailer, places: Mapping[int, Place] | None) -> Sender:
    pooled = _pooled(survey, mailer)
    judged = _judged(survey, mailer, pooled)
    split = _split(judged)
    total, recent = mailer.mail.whole.total, mailer.mail.whole.recent
    return Sender(
        key=mailer.row.key,
        name=mailer.row.name,
        kind=mailer.row.kind,
        judgement=_leading(pooled, judged, split[0][0]),
        split=split,
        decision=survey.decided.get(mailer.row.key),
        messages=total.messages,
        passed=total.passed,
        dkim_aligned=total.dkim,
        spf_aligned=total.spf,
        recent=recent.messages,
        recent_passed=recent.passed,
        first_day=mailer.mail.first_day,
        last_day=mailer.mail.last_day,
        days_seen=mailer.mail.whole.days,
        reporters=len(mailer.reporters),
        repairs=_repairs(survey, pooled, split[0][0], recent),
        own=tuple(_own_addresses(judged)),
        sources=() if places is None else tuple(_sources(places, judged)),
    )


def _own_addresses(judged: _Judged) -> Iterator[OwnAddress]:
    for source_id, look, judgement in judged:
        if judgement.verdict in OURS:
            yield OwnAddress(source_id, look.total, look.recent)


def _judged(survey: _Survey, mailer: _Mailer, pooled: Stream) -> _Judged:
    """Each address of a sender with its verdict; where too little was seen of one, that of all of them together."""
    whole = judge(pooled) if _is_one_operator(pooled.key) else None
    address = _address(pooled)
    known = survey.known.setdefault((address.key, address.service, address.spf_aligns), {})
    judged = []
    for source_id, look in mailer.mail.addresses.items():
        elsewhere = survey.elsewhere.get(source_id)
        passes_as = source_id in survey.passing and survey.passing[source_id] > (look.total.passed > 0)
        decision = survey.decided_sources.get(source_id, pooled.decision)
        facts = (look, elsewhere, passes_as, decision)
        judgement = known.get(facts)
        if judgement is None:
            judgement = known[facts] = judge(_stream(address, look, elsewhere or NOWHERE, passes_as, decision))
        judged.append((source_id, look, judgement if whole is None else _completed(judgement, look, whole)))
    return judged


def _address(pooled: Stream) -> Stream:
    """What each address of a sender shares: of the key no more than its prefix, so that senders share judgements."""
    return pooled._replace(key=f"{pooled.prefix}:")


def _is_one_operator(key: str) -> bool:
    """Whether all addresses of a sender belong to one operator: a network or an AS has many."""
    prefix, _, place = key.partition(":")
    return prefix not in ("net", "as", "unknown") and "/" not in place


def _completed(judgement: Judgement, look: Look, whole: Judgement) -> Judgement:
    if judgement.rule not in THIN_RULES:
        return judgement
    if whole.verdict in OURS:
        return whole if look.total.passed else judgement
    return whole if whole.verdict in ("forwarded", "bounce") else judgement


def _stream(address: Stream, look: Look, elsewhere: Elsewhere, passes_as: bool, decision: str | None) -> Stream:
    return address._replace(
        messages=look.total.messages,
        passed=look.total.passed,
        dkim_aligned=look.total.dkim,
        spf_aligned=look.total.spf,
        recent=look.recent.messages,
        recent_passed=look.recent.passed,
        days=look.days,
        reporters=look.signed_reporters,
        evidence=look.evidence,
        elsewhere=elsewhere,
        passes_as=passes_as,
        decision=decision,
    )


def _pooled(survey: _Survey, mailer: _Mailer) -> Stream:
    """All addresses of a sender as one stream."""
    service = service_of(mailer.row.key, survey.tables)
    decided = survey.decided.get(mailer.row.key)
    look = mailer.mail.whole
    return Stream(
        key=mailer.row.key,
        messages=look.total.messages,
        passed=look.total.passed,
        dkim_aligned=look.total.dkim,
        spf_aligned=look.total.spf,
        recent=look.recent.messages,
        recent_passed=look.recent.passed,
        days=look.days,
        reporters=len(mailer.reporters),
        evidence=look.evidence,
        service=service.name if service else None,
        spf_aligns=_spf_aligns(service),
        domain_reporters=survey.reporters,
        domain_signs=survey.signs,
        decision=decided.decision if decided else None,
    )


def _spf_aligns(service: Service | None) -> bool:
    if service is None:
        return True
    return service.aligns_spf not in ("no", "relaxed") and service.aligns_spf_condition is None


def _split(judged: _Judged) -> tuple[tuple[str, int], ...]:
    counted: Counter[str] = Counter()
    for _source_id, look, judgement in judged:
        counted[judgement.verdict] += look.total.messages
    return tuple(sorted(counted.items(), key=lambda item: (-item[1], VERDICTS.index(item[0]))))


def _leading(pooled: Stream, judged: _Judged, verdict: str) -> Judgement:
    """The judgement of this verdict: of all addresses as one where it is the same, else at the one that sent most.

    Strangers that share a network are not one: what is said of them is said of an address.
    """
    if _is_one_operator(pooled.key) or verdict not in ("impostor", "unknown"):
        whole = judge(pooled)
        if whole.verdict == verdict:
            return whole
    holding = ((look.total.messages, judgement) for _, look, judgement in judged if judgement.verdict == verdict)
    return min(holding, key=lambda pair: (-pair[0], pair[1].rule, pair[1].facts))[1]


def _repairs(survey: _Survey, pooled: Stream, verdict: str, recent: Aligned) -> tuple[Repair, ...]:
    """A relay is mended where the service itself is: its set-up belongs to the sender of that name."""
    if pooled.prefix == "relay":
        return ()
    return repairs(verdict, recent, pooled.evidence, service_of(pooled.key, survey.tables))


def _sources(places: Mapping[int, Place], judged: _Judged) -> list[Source]:
    found = [_source(places[source_id], look.total, judgement) for source_id, look, judgement in judged]
    return sorted(found, key=lambda source: (-source.messages, source.ip))


def _source(place: Place, total: Aligned, judgement: Judgement) -> Source:
    return Source(place.ip, place.ptr, place.country, place.as_name, judgement, total.messages, total.passed)
