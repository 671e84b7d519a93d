"""A domain's senders with their figures, what each is and by which rule, and the repair that helps it.

A verdict is judged for each address under a sender; the sender's own is the one that holds most of its messages, and
`split` says how they divide. Pure arithmetic over `sender_frames`; a domain outside the scope is answered exactly like
one that does not exist.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
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
    special = survey.special
    found = (_sender(survey, mailer, special, places) for mailer in survey.mailers)
    return Senders(where.name, period, tuple(sorted(found, key=lambda sender: (-sender.messages, sender.key))))


# ---- What was read


@dataclass(frozen=True, slots=True)
class _Mailer:
    """A sender with its counted mail, and who saw that."""

    row: SenderRow
    mail: Mail
    reporters: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Survey:
    """Everything that was read about a domain and period.

    `reporters`: how many told of the domain. `shared`: the addresses that are seen as several senders, and as how many
    of them each passed. `decided_sources`: decisions about single addresses, by id. `known`: what was judged, first by
    what the addresses of a sender share, then by look.
    """

    tables: Tables
    signs: bool
    reporters: int
    mailers: tuple[_Mailer, ...]
    elsewhere: Mapping[int, Elsewhere]
    decided: Mapping[str, Decided]
    decided_sources: Mapping[int, str]
    shared: Mapping[int, int]
    known: dict[tuple[object, ...], dict[Look, Judgement]]

    @property
    def special(self) -> frozenset[int]:
        """The addresses of which more is known than what they look like."""
        return frozenset().union(self.elsewhere, self.decided_sources, self.shared)


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
        shared=_shared([mailer.mail.addresses for mailer in mailers]),
        known={},
    )


def _shared(senders: Sequence[Mapping[int, Look]]) -> dict[int, int]:
    """Addresses that are seen as several senders, and as how many of them each passed."""
    times = Counter(chain.from_iterable(senders))
    shared = dict.fromkeys((source_id for source_id, count in times.items() if count > 1), 0)
    for addresses in senders:
        for source_id in addresses.keys() & shared:
            shared[source_id] += addresses[source_id].total.passed > 0
    return shared


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


def _sender(survey: _Survey, mailer: _Mailer, special: frozenset[int], places: Mapping[int, Place] | None) -> Sender:
    pooled = _pooled(survey, mailer)
    judged = _Judged(mailer.mail.addresses, _judged(survey, mailer, pooled, special))
    split = judged.split()
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
        own=tuple(judged.own()),
        sources=() if places is None else tuple(_sources(places, judged)),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """The addresses of a sender, and the judgement of each, in the same order."""

    addresses: Mapping[int, Look]
    judgements: Sequence[Judgement]

    def __iter__(self) -> Iterator[tuple[tuple[int, Look], Judgement]]:
        return zip(self.addresses.items(), self.judgements, strict=True)

    def split(self) -> tuple[tuple[str, int], ...]:
        """Messages by verdict, most first."""
        counted: Counter[str] = Counter()
        for (_source_id, look), judgement in self:
            counted[judgement.verdict] += look.total.messages
        return tuple(sorted(counted.items(), key=lambda item: (-item[1], VERDICTS.index(item[0]))))

    def own(self) -> Iterator[OwnAddress]:
        """The addresses whose verdict is ours."""
        for (source_id, look), judgement in self:
            if judgement.verdict in OURS:
                yield OwnAddress(source_id, look.total, look.recent)


def _judged(survey: _Survey, mailer: _Mailer, pooled: Stream, special: frozenset[int]) -> list[Judgement]:
    """The judgement of each address; where too little was seen of one, that of all of them together."""
    address = _address(pooled)
    shared = (address.key, address.service, address.spf_aligns, address.decision)
    known = survey.known.setdefault(shared, {})
    judgements = []
    for source_id, look in mailer.mail.addresses.items():
        found = None if source_id in special else known.get(look)
        if found is None:
            found = judge(_stream(survey, address, source_id, look))
            if source_id not in special:
                known[look] = found
        judgements.append(found)
    if not _is_one_operator(pooled.key):
        return judgements
    whole = judge(pooled)
    looks = mailer.mail.addresses.values()
    return [_completed(found, look, whole) for found, look in zip(judgements, looks, strict=True)]


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


def _stream(survey: _Survey, address: Stream, source_id: int, look: Look) -> Stream:
    """One address as a stream. By place: there are thousands, and names take longer than the judging."""
    total, recent = look.total, look.recent
    return Stream(
        address.key,
        *total,
        recent.messages,
        recent.passed,
        look.days,
        look.signed_reporters,
        look.evidence,
        survey.elsewhere.get(source_id, NOWHERE),
        address.service,
        address.spf_aligns,
        survey.shared.get(source_id, 0) > (total.passed > 0),
        address.domain_reporters,
        address.domain_signs,
        survey.decided_sources.get(source_id, address.decision),
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


def _leading(pooled: Stream, judged: _Judged, verdict: str) -> Judgement:
    """The judgement of this verdict: of all addresses as one where it is the same, else at the one that sent most.

    Strangers that share a network are not one: what is said of them is said of an address.
    """
    if _is_one_operator(pooled.key) or verdict not in ("impostor", "unknown"):
        whole = judge(pooled)
        if whole.verdict == verdict:
            return whole
    most = max(look.total.messages for (_, look), found in judged if found.verdict == verdict)
    holding = (found for (_, look), found in judged if found.verdict == verdict and look.total.messages == most)
    return min(holding, key=lambda found: (found.rule, found.facts))


def _repairs(survey: _Survey, pooled: Stream, verdict: str, recent: Aligned) -> tuple[Repair, ...]:
    """A relay is mended where the service itself is: its set-up belongs to the sender of that name."""
    if pooled.prefix == "relay":
        return ()
    return repairs(verdict, recent, pooled.evidence, service_of(pooled.key, survey.tables))


def _sources(places: Mapping[int, Place], judged: _Judged) -> list[Source]:
    found = [_source(places[source_id], look.total, judgement) for (source_id, look), judgement in judged]
    return sorted(found, key=lambda source: (-source.messages, source.ip))


def _source(place: Place, total: Aligned, judgement: Judgement) -> Source:
    return Source(place.ip, place.ptr, place.country, place.as_name, judgement, total.messages, total.passed)
