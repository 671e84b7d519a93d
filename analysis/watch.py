"""What changed since the last night and needs a person: pure judgement over `watch_frames`, one domain at a time.

Every kind of event asks for something that was seen; what could not be judged (a look at DNS that is too old, a
standing that is stale, a mailbox that was not read) is named, so that nothing opens and nothing closes by it.
Mail is judged by the newest days that reports tell of: where none came, nothing new is known. Days are UTC day numbers.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.frames import Period
from analysis.gate_words import OWN_HELD
from analysis.gates import HELD_DAYS, NEW_DAYS
from analysis.health import Silence
from analysis.own_mail import UNREVIEWED
from analysis.record_changes import SHOWN_KINDS, RecordChange, record_changes
from analysis.records.findings import shown
from analysis.senders import Sender
from analysis.stages import ENFORCING, Stage, live, stage_of
from analysis.verdict import FAILING_MESSAGES, FAILING_SHARE, HABIT_DAYS, HABIT_MESSAGES
from analysis.watch_frames import BrokenRecord, OwnDay, Seen
from store import snapshots
from store.events import FoundEvent, OfKind
from wording.forms import as_date

# A domain's mail is judged while reports tell of the last weeks: five, so that a month end is always among them.
CURRENT_DAYS = 35
# What a sender does now is what it did in the last week in which it was seen: business has weekends.
NOW_DAYS = 7
# Before a sender fell it passed: the bar of the step to quarantine, over enough mail that this was no chance.
FELL_FROM_SHARE = 0.95
FELL_FROM_MESSAGES = 20
# Falling is more than a bad day: at least so much of the mail must fail now.
FELL_SHARE = 0.2
# Nobody is new to a domain that was not watched for so long before: after a first import everybody would be.
KNOWN_DAYS = 14
# A single reader's forward brings a handful of messages: a stranger shows a habit before anybody is asked about it.
STRANGER_MESSAGES = 10
# A wave: so many failing messages of strangers in WAVE_DAYS days, and so many times what is usual in as many days.
WAVE_DAYS = 3
WAVE_MESSAGES = 100
WAVE_TIMES = 5
# What is usual is seen over four weeks, of which the domain must have been watched for half at least.
USUAL_DAYS = 28
USUAL_SEEN_DAYS = 14
# A change of a record is news for a week.
NEWS_DAYS = 7
# A record's text in a sentence.
LONGEST_RECORD = 300
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Watched:
    """What was found, and of which domain (None: of none) and kind nothing could be said."""

    found: tuple[FoundEvent, ...]
    unjudged: frozenset[OfKind]


def watch_domain(seen: Seen, *, now: int) -> Watched:
    """The events of a domain at `now` (epoch seconds)."""
    today = now // DAY_SECONDS
    found = (
        *_of_standing(seen),
        *_complaint(seen, now),
        *_of_records(seen, today),
        *(_of_mail(seen, seen.first_day, seen.last_day) if _is_current(seen, today) else ()),
    )
    return Watched(tuple(FoundEvent(seen.id, *each) for each in found), frozenset(_unjudged(seen)))


def watch_silences(
    reporters: Iterable[Silence], domains: Iterable[Silence], ids: Mapping[str, int], until_day: int | None
) -> Watched:
    """Who went silent, and did not stop for good. `until_day` None: nothing was read, and nobody can be judged."""
    if until_day is None:
        kinds = {(domain_id, "domain-silent") for domain_id in ids.values()}
        return Watched((), frozenset({*kinds, (None, "reporter-silent")}))
    found = (
        *(_silence(None, "reporter-silent", "noise", each) for each in reporters if not each.gone),
        *(_silence(ids[each.name], "domain-silent", "misconfiguration", each) for each in domains if not each.gone),
    )
    return Watched(found, frozenset())


def together(parts: Iterable[Watched]) -> Watched:
    """All of it as one."""
    listed = list(parts)
    return Watched(
        tuple(each for part in listed for each in part.found),
        frozenset(each for part in listed for each in part.unjudged),
    )


_Event = tuple[str, str, str, Mapping[str, Any]]


def _silence(domain_id: int | None, kind: str, severity: str, found: Silence) -> FoundEvent:
    evidence = {"name": shown(found.name), "day": _iso(found.last_day), "habit": found.habit_days}
    return FoundEvent(domain_id, kind, found.name if domain_id is None else "", severity, evidence)


def _unjudged(seen: Seen) -> Iterator[OfKind]:
    if seen.standing.stale:
        yield seen.id, "own-mail-held"
        yield seen.id, "step-due"
    if seen.broken is None or seen.unanswered:
        yield seen.id, "record-broken"


# ---- Where the domain stands


def _of_standing(seen: Seen) -> Iterator[_Event]:
    """The roll-back alarm, or the step that is due. A stale standing says neither."""
    standing = seen.standing
    if standing.stale:
        return
    held = next((each for each in standing.blocker.why if each.key == OWN_HELD), None) if standing.blocker else None
    if standing.step_down and held is not None:
        yield "own-mail-held", "", "incident", dict(held.values)
    elif standing.ready and not standing.step_down and standing.next_stage is not None:
        yield "step-due", standing.next_stage, "change", {"stage": standing.next_stage}


def _complaint(seen: Seen, now: int) -> Iterator[_Event]:
    """The newest complaint that still counts: like for the gate G4, for HELD_DAYS days, and until the stage changes."""
    found = live(seen.answers, seen.name, now)
    changed = 0 if found.first or found.since is None else found.since
    first_day = max(now // DAY_SECONDS - HELD_DAYS, changed // DAY_SECONDS)
    recent = [each for each in seen.complaints if each.at // DAY_SECONDS >= first_day]
    if recent:
        evidence = {"day": _iso(recent[-1].at // DAY_SECONDS), "note": recent[-1].note, "days": HELD_DAYS}
        yield "complaint", "", "incident", evidence


# ---- What DNS says


def _of_records(seen: Seen, today: int) -> Iterator[_Event]:
    for kind in SHOWN_KINDS:
        rows = [row for row in seen.answers if row.kind == kind]
        for change in record_changes(rows, Period(today - NEWS_DAYS, today)):
            yield _change(kind, change)
    for broken in seen.broken or ():
        yield _broken(broken)


def _change(kind: str, change: RecordChange) -> _Event:
    day = _iso(change.at // DAY_SECONDS)
    texts = {"before": _record(change.before), "after": _record(change.after)}
    evidence = {"name": shown(change.name), "day": day, **texts}
    return "record-changed", f"{kind} {change.name} {day}", _gravity(kind, change), evidence


def _record(text: str | None) -> str | None:
    if text is None:
        return None
    line = "".join(each if each.isprintable() else " " for each in " / ".join(text.splitlines()))
    return line if len(line) <= LONGEST_RECORD else f"{line[: LONGEST_RECORD - 1]}…"


def _gravity(kind: str, change: RecordChange) -> str:
    """A DMARC record that protects less, or an SPF record that is gone, is an incident until somebody explains it."""
    if kind == snapshots.MX:
        return "noise"
    if change.after is None:
        return "misconfiguration" if kind == snapshots.DKIM else "incident"
    if kind == snapshots.DMARC and change.before is not None and _rung(change.after) < _rung(change.before):
        return "incident"
    return "change"


def _rung(record: str) -> int:
    return tuple(Stage).index(stage_of(record))


def _broken(broken: BrokenRecord) -> _Event:
    finding = broken.finding
    evidence = {
        "name": shown(broken.name),
        "finding": finding.id,
        "key": finding.rule.says,
        "values": dict(finding.values),
    }
    return "record-broken", f"{finding.id} {broken.name}", "misconfiguration", evidence


# ---- The mail


def _is_current(seen: Seen, today: int) -> bool:
    return seen.last_day is not None and today - seen.last_day <= CURRENT_DAYS


def _of_mail(seen: Seen, first_day: int | None, last_day: int | None) -> Iterator[_Event]:
    if first_day is None or last_day is None:
        return
    yield from _own_senders(seen)
    yield from _new_senders(seen, first_day, last_day)
    yield from _wave(seen, first_day, last_day)


def _own_senders(seen: Seen) -> Iterator[_Event]:
    names = {each.key: each.name for each in seen.senders}
    days: defaultdict[str, list[OwnDay]] = defaultdict(list)
    for row in seen.own_days:
        days[row.sender].append(row)
    for key, rows in days.items():
        event = _own_sender(key, names[key], rows)
        if event is not None:
            yield event


def _own_sender(key: str, name: str, rows: Sequence[OwnDay]) -> _Event | None:
    """Whether a sender fails in the last week in which it was seen, and whether it passed before. `rows` by day."""
    first = rows[-1].day - NOW_DAYS + 1
    messages, passed = _sums(row for row in rows if row.day >= first)
    before, passed_before = _sums(row for row in rows if row.day < first)
    if not _fails(messages, passed):
        return None
    figures = {"name": shown(name), "passed": passed, "messages": messages, "day": _iso(first)}
    steady = before >= FELL_FROM_MESSAGES and passed_before >= FELL_FROM_SHARE * before
    if steady and messages - passed >= FELL_SHARE * messages:
        more = {"passed_before": passed_before, "messages_before": before}
        return "sender-fell", key, "incident", {**figures, **more}
    return "sender-fails", key, "misconfiguration", figures


def _fails(messages: int, passed: int) -> bool:
    failed = messages - passed
    return failed >= FAILING_MESSAGES and failed >= FAILING_SHARE * messages


def _sums(rows: Iterable[OwnDay]) -> tuple[int, int]:
    listed = list(rows)
    return sum(row.messages for row in listed), sum(row.passed for row in listed)


def _new_senders(seen: Seen, first_day: int, last_day: int) -> Iterator[_Event]:
    for each in seen.senders:
        since = seen.first_days.get(each.key)
        if since is None or last_day - since >= NEW_DAYS or since - first_day < KNOWN_DAYS or not _is_asked(each):
            continue
        verdict = {"verdict": each.verdict}
        figures = {"name": shown(each.name), "messages": each.messages, "day": _iso(since)}
        yield "new-sender", each.key, "change", {**figures, **verdict}


def _is_asked(found: Sender) -> bool:
    """Whether enough was seen of a sender to ask a person about it."""
    if found.verdict not in UNREVIEWED or found.decision is not None:
        return False
    if found.verdict == "candidate":
        return found.messages >= HABIT_MESSAGES
    return found.messages >= STRANGER_MESSAGES and found.days_seen >= HABIT_DAYS


def _wave(seen: Seen, first_day: int, last_day: int) -> Iterator[_Event]:
    start = last_day - WAVE_DAYS + 1
    if start - first_day < USUAL_SEEN_DAYS:
        return
    watched = min(USUAL_DAYS, start - first_day)
    now = sum(count for day, count in seen.stranger_days.items() if day >= start)
    before = sum(count for day, count in seen.stranger_days.items() if start - watched <= day < start)
    usual = before * WAVE_DAYS / watched
    if now >= WAVE_MESSAGES and now >= WAVE_TIMES * usual:
        enforced = seen.standing.stage in ENFORCING
        figures = {"messages": now, "days": WAVE_DAYS, "day": _iso(last_day), "usual": round(usual)}
        yield "spoofing-wave", "", "change" if enforced else "incident", {**figures, "enforced": enforced}


def _iso(day: int) -> str:
    return as_date(day).isoformat()
