"""One sender of one domain: its days, its reporters, its addresses, why its mail did not align, what was decided.

Pure arithmetic over the frames. What the same sender does under other domains is shown to staff only; a domain or a
sender outside the scope is answered like one that does not exist.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from analysis import board_frames, sender_frames
from analysis import senders as senders_analysis
from analysis.alignment import Reason, explain
from analysis.board_frames import ElsewhereRow, PastDecision, ReporterMail
from analysis.days import DayRow, day_row
from analysis.frames import Connection, Period, Scope
from analysis.sender_frames import DomainRow, RecordRow
from analysis.senders import Sender, Senders, Source
from knowledge.tables import Tables
from store.decisions import SOURCE_PREFIX

# Reasons are read from single records, the newest ones: more of them say the same again.
MOST_RECORDS = 2_000


@dataclass(frozen=True, slots=True)
class Cause:
    """Why mail did not align by `reason.way`: the messages and records that this is true of, when and where last."""

    reason: Reason
    messages: int
    records: int
    last_day: int
    ip: str
    reporter: str


@dataclass(frozen=True, slots=True)
class SenderPage:
    """One sender in `period`. `sender` is None when it has no counted mail then; `name` and `kind` are known anyway.

    days            one row per day of the period, oldest first
    causes          from the newest `records` records of the period, of which `more` may exist; most messages first
    history         decisions about the sender and its addresses, newest first; empty for a customer
    elsewhere       the same sender under other domains; empty for a customer
    last_day        the sender's last day with counted mail, whatever the period; None: never
    """

    domain: str
    period: Period
    key: str
    name: str
    kind: str
    sender: Sender | None
    days: tuple[DayRow, ...]
    reporters: tuple[ReporterMail, ...]
    causes: tuple[Cause, ...]
    records: int
    more: bool
    history: tuple[PastDecision, ...]
    elsewhere: tuple[ElsewhereRow, ...]
    last_day: int | None


def build(
    connection: Connection, scope: Scope, name: str, key: str, tables: Tables, period: Period
) -> SenderPage | None:
    """The page of the sender `key` of domain `name` (A-label), or None when either is unknown or out of scope."""
    where = sender_frames.domain_row(connection, scope, name)
    known = None if where is None else board_frames.sender_row(connection, where, key)
    if where is None or known is None:
        return None
    days = board_frames.mail_days(connection, where, period, known.id)
    records = sender_frames.sender_records(connection, where, period, key, MOST_RECORDS)
    found = _sender(_senders(connection, scope, name, tables, period), key)
    page = SenderPage(
        domain=name,
        period=period,
        key=key,
        name=known.name,
        kind=known.kind,
        sender=found,
        days=tuple(days.get(day) or day_row(day, ()) for day in period.days),
        reporters=board_frames.reporters(connection, where, period, known.id),
        causes=causes(records),
        records=len(records),
        more=len(records) == MOST_RECORDS,
        history=(),
        elsewhere=(),
        last_day=board_frames.last_day(connection, where, known.id),
    )
    return _with_staffs_part(connection, scope, where, page) if scope.customer_ids is None else page


def evidence_of(connection: Connection, scope: Scope, name: str, subject: str, tables: Tables) -> Mapping[str, object]:
    """What is known of the subject of a decision at this moment, over all days: of the sender, or of the address as
    each sender that it was seen as. Empty when nothing was."""
    found = senders_analysis.build(connection, scope, name, tables, with_sources=subject.startswith(SOURCE_PREFIX))
    senders = found.senders if found else ()
    if not subject.startswith(SOURCE_PREFIX):
        return next((_figures(each) for each in senders if each.key == subject), {})
    ip = subject.removeprefix(SOURCE_PREFIX)
    return {sender.key: _figures(source) for sender in senders for source in sender.sources if source.ip == ip}


def causes(records: Iterable[RecordRow]) -> tuple[Cause, ...]:
    """Why these records (newest first) did not align, way by way; DKIM and SPF of one record are two causes."""
    found: dict[tuple[str, str, str | None, str | None, bool], Cause] = {}
    for record, reason in _missed(records):
        key = (reason.way, reason.code, reason.domain, reason.selector, reason.reported)
        known = found.get(key)
        if known is None:
            found[key] = Cause(reason, record.messages, 1, record.day, record.ip, record.reporter)
        else:
            found[key] = replace(known, messages=known.messages + record.messages, records=known.records + 1)
    return tuple(sorted(found.values(), key=lambda each: (-each.messages, each.reason.way, each.reason.code)))


def _missed(records: Iterable[RecordRow]) -> Iterator[tuple[RecordRow, Reason]]:
    for record in records:
        both = explain(record.facts)
        yield from ((record, reason) for reason in (both.dkim, both.spf) if not reason.reported)


def _senders(connection: Connection, scope: Scope, name: str, tables: Tables, period: Period) -> Senders | None:
    return senders_analysis.build(
        connection, scope, name, tables, since=period.first_day, until=period.last_day, with_sources=True
    )


def _sender(found: Senders | None, key: str) -> Sender | None:
    return next((each for each in found.senders if each.key == key), None) if found else None


def _with_staffs_part(connection: Connection, scope: Scope, where: DomainRow, page: SenderPage) -> SenderPage:
    addresses = {f"{SOURCE_PREFIX}{each.ip}" for each in page.sender.sources} if page.sender else set()
    past = board_frames.decisions(connection, where)
    return replace(
        page,
        history=tuple(each for each in past if each.subject == page.key or each.subject in addresses),
        elsewhere=board_frames.elsewhere(connection, scope, where, page.period, page.key),
    )


def _figures(found: Sender | Source) -> dict[str, object]:
    return {
        "verdict": found.verdict,
        "rule": found.judgement.rule,
        "messages": found.messages,
        "passed": found.passed,
    }
