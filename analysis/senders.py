"""A domain's senders with their figures, what each is and by which rule, and the repair that helps it.

A verdict is judged for each address under a sender; the sender's own is the one that holds most of its messages, and
`split` says how they divide. Pure arithmetic over `sender_frames`; a domain outside the scope is answered exactly like
one that does not exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis import sender_frames as frames
from analysis.contradiction import Contradiction, contradiction
from analysis.elsewhere_frames import STRANGER_KINDS, elsewhere
from analysis.frames import Connection, Period, Scope
from analysis.mail_rows import failures, rows_of
from analysis.repair import Repair, repairs
from analysis.sender_frames import DecisionRow, DomainRow, Place, SenderRow
from analysis.sender_looks import Aligned, Look, Mail, Reporters, mail_of, reporters_of
from analysis.sender_verdicts import OwnAddress, Verdicts, shared_sources, verdicts
from analysis.stream_columns import Around
from analysis.streams import Elsewhere, Stream
from analysis.verdict import RECENT_DAYS, Judgement
from knowledge.identify import service_of
from knowledge.rows import Service
from knowledge.tables import Tables
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
        """The word of the judgement."""
        return self.judgement.verdict


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision of staff that holds, and what the mail seen after its day says against it (None: nothing)."""

    decision: str
    note: str
    by: str
    at: int
    contradiction: Contradiction | None


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
        """The word of the judgement."""
        return self.judgement.verdict

    @property
    def failed(self) -> int:
        """Messages that did not pass."""
        return self.messages - self.passed


@dataclass(frozen=True, slots=True)
class Senders:
    """The senders of a domain, most messages first, and who saw their mail.

    `period` is None while no counted mail was ever seen.
    """

    domain: str
    period: Period | None
    senders: tuple[Sender, ...]
    reporters: frozenset[str]


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
        return Senders(where.name, None, (), frozenset())
    first = seen.first_day if since is None else since
    period = Period(first, max(first, seen.last_day) if until is None else until)
    survey = _survey(connection, where, period, tables, with_sources=with_sources)
    found = sorted(_senders(survey), key=lambda sender: (-sender.messages, sender.key))
    return Senders(where.name, period, tuple(found), survey.reporters.everyone)


# ---- What was read


@dataclass(frozen=True, slots=True)
class _Survey:
    """Everything that was read about a domain and period.

    `rows` are of each sender in the order of `mail`. `decided_sources`: decisions about single addresses, by id.
    `places`: None where nobody asked for the addresses.
    """

    tables: Tables
    signs: bool
    mail: Mail
    rows: list[SenderRow]
    reporters: Reporters
    elsewhere: Mapping[int, Elsewhere]
    decided: Mapping[str, Decided]
    decided_sources: Mapping[int, str]
    places: Mapping[int, Place] | None


def _survey(connection: Connection, where: DomainRow, period: Period, tables: Tables, *, with_sources: bool) -> _Survey:
    late = Period(max(period.first_day, period.last_day - ELSEWHERE_DAYS + 1), period.last_day)
    decided = _decided(connection, where)
    read = rows_of(frames.mail_lists(connection, where, period))
    mail = mail_of(read, period.last_day - RECENT_DAYS + 1)
    rows = {row.id: row for row in frames.senders(connection, where)}
    strangers = [row.id for row in rows.values() if row.kind in STRANGER_KINDS]
    return _Survey(
        tables=tables,
        signs=frames.signs(connection, where, period),
        mail=mail,
        rows=[rows[sender_id] for sender_id in mail.senders],
        reporters=reporters_of(read, frames.reporters(connection, where, period)),
        elsewhere=elsewhere(connection, where, late, failures(read, strangers, late.first_day)),
        decided=decided,
        decided_sources=_decided_sources(connection, decided),
        places=frames.places(connection, where, period) if with_sources else None,
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


def _senders(survey: _Survey) -> list[Sender]:
    mail = survey.mail
    wholes = _wholes(survey)
    around = Around(survey.elsewhere, survey.decided_sources, shared_sources(mail))
    found = verdicts(mail, wholes, around)
    sources = _sources(survey.places, found)
    columns = (wholes, mail.wholes, mail.first_days, mail.last_days)
    judged = (found.leading(), found.splits, found.own(), sources)
    return [_sender(survey, *each) for each in zip(survey.rows, *columns, *judged, strict=True)]


def _sender(
    survey: _Survey,
    row: SenderRow,
    whole: Stream,
    look: Look,
    first_day: int,
    last_day: int,
    judgement: Judgement,
    split: tuple[tuple[str, int], ...],
    own: tuple[OwnAddress, ...],
    sources: tuple[Source, ...],
) -> Sender:
    return Sender(
        key=row.key,
        name=row.name,
        kind=row.kind,
        judgement=judgement,
        split=split,
        decision=survey.decided.get(row.key),
        messages=look.messages,
        passed=look.passed,
        dkim_aligned=look.dkim,
        spf_aligned=look.spf,
        recent=look.recent_messages,
        recent_passed=look.recent_passed,
        first_day=first_day,
        last_day=last_day,
        days_seen=look.days,
        reporters=whole.reporters,
        repairs=_repairs(survey.tables, whole, split[0][0], look.recent),
        own=own,
        sources=sources,
    )


def _wholes(survey: _Survey) -> list[Stream]:
    """All addresses of each sender as one stream."""
    return [_whole(survey, row, look) for row, look in zip(survey.rows, survey.mail.wholes, strict=True)]


def _whole(survey: _Survey, row: SenderRow, look: Look) -> Stream:
    service = service_of(row.key, survey.tables)
    decided = survey.decided.get(row.key)
    return Stream(
        row.key,
        *look[:6],
        look.days,
        survey.reporters.of_sender.get(row.id, 0),
        look.evidence,
        service=service.title if service else None,
        spf_aligns=_spf_aligns(service),
        domain_reporters=len(survey.reporters.everyone),
        domain_signs=survey.signs,
        decision=decided.decision if decided else None,
    )


def _spf_aligns(service: Service | None) -> bool:
    if service is None:
        return True
    return service.aligns_spf not in ("no", "relaxed") and service.aligns_spf_condition is None


def _repairs(tables: Tables, whole: Stream, verdict: str, recent: Aligned) -> tuple[Repair, ...]:
    """A relay is mended where the service itself is: its set-up belongs to the sender of that name."""
    if whole.prefix == "relay":
        return ()
    return repairs(verdict, recent, whole.evidence, service_of(whole.key, tables))


def _sources(places: Mapping[int, Place] | None, found: Verdicts) -> list[tuple[Source, ...]]:
    """Of each sender every address, most messages first; none of them where nobody asked."""
    if places is None:
        return [()] * len(found.splits)
    return [
        tuple(
            sorted(
                (_source(places[source_id], look, judgement) for source_id, look, judgement in mine),
                key=lambda source: (-source.messages, source.ip),
            )
        )
        for mine in found.addresses()
    ]


def _source(place: Place, look: Look, judgement: Judgement) -> Source:
    return Source(place.ip, place.ptr, place.country, place.as_name, judgement, look.messages, look.passed)
