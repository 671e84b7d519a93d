"""Whether Sekisho itself is well: nights, mailboxes, copies, and reporters and domains that went silent.

Pure judgement over facts that are stored. A problem makes `sekisho status` exit 1; a note is only shown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

from analysis.health_frames import DayOfReports, LatestRun, Quarantine
from store.deliveries import DUE, FAILED, Delivery

DAY_SECONDS = 86_400
# A night and its copy are expected once a day; half a day more is for a night that starts or ends late.
LATE_SECONDS = 36 * 3_600
# No night takes this long: one that has no end by then was killed.
NIGHT_SECONDS = 12 * 3_600
# A habit is seen over this many days, on at least this many of which reports came.
HABIT_DAYS = 90
HABIT_TIMES = 8
# A report of a day arrives up to two days later.
ARRIVAL_DAYS = 2
# Who is silent longer than this will not come back by itself, and is no alarm any more.
GONE_DAYS = 45
# SQLite up to 3.51.2 may damage a file when two connections checkpoint at one instant (https://sqlite.org/wal.html).
SOUND_SQLITE = (3, 51, 3)

Kind = Literal[
    "night-missing",
    "night-killed",
    "night-failed",
    "night-late",
    "mailbox-failed",
    "mailbox-late",
    "copy-missing",
    "copy-late",
    "digest-refused",
    "delivery-failed",
    "delivery-late",
    "reporter-silent",
    "domain-silent",
    "reporter-gone",
    "domain-gone",
    "mails-waiting",
    "quarantine",
    "sqlite-old",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say. `subject`: a mailbox, reporter, domain or version.

    `number`: for quarantine the messages, for digest-refused the digests, for delivery the deliveries; for silent and
    gone the UTC day of the last report; for killed the start and for late the last good end in epoch seconds (None:
    never). The other kinds have none.
    """

    kind: Kind
    subject: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox of the settings, its newest run (None: never), whether a budget ended that one early."""

    name: str
    run: LatestRun | None
    more_waits: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What is judged. Times are epoch seconds, None when it never was; `night` is the newest run of the cron line.

    `files_read_at`: when files were last read well. `sqlite_version` is None for PostgreSQL. `digests_refused`: those
    that wait since an address refused them. `deliveries`: the monthly files that are due or have failed.
    """

    night: LatestRun | None
    mailboxes: tuple[Mailbox, ...]
    files_read_at: int | None
    reporter_days: tuple[DayOfReports, ...]
    domain_days: tuple[DayOfReports, ...]
    quarantine: Quarantine
    copy_at: int | None
    sqlite_version: tuple[int, int, int] | None
    digests_refused: int = 0
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody of whom no report came for longer than usual.

    `habit_days`: the longest pause before that, in days; `quiet_days`: the days from the last report to the last day
    on which everything was read.
    """

    name: str
    last_day: int
    habit_days: int
    quiet_days: int

    @property
    def gone(self) -> bool:
        """Whether the silence is so long that it is a state and no event."""
        return self.quiet_days > GONE_DAYS


@dataclass(frozen=True, slots=True)
class Health:
    """The judgement. Well when there is no problem."""

    problems: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    silent_reporters: tuple[Silence, ...]
    silent_domains: tuple[Silence, ...]

    @property
    def well(self) -> bool:
        """Whether nobody has to act."""
        return not self.problems


def judge(facts: Facts, *, now: int) -> Health:
    """Judge the facts at `now` (epoch seconds)."""
    until = read_until(facts.mailboxes, facts.files_read_at)
    reporters = silences(facts.reporter_days, until)
    domains = silences(facts.domain_days, until)
    problems = (
        *_night_problems(facts, now),
        *(finding for mailbox in facts.mailboxes for finding in _mailbox_problems(mailbox, now)),
        *_copy_problems(facts, now),
        *_digest_problems(facts.digests_refused),
        *_delivery_problems(facts.deliveries, now),
        *(Finding("domain-silent", silence.name, silence.last_day) for silence in domains if not silence.gone),
        *(Finding("reporter-silent", silence.name, silence.last_day) for silence in reporters if not silence.gone),
    )
    notes = (
        *(Finding("mails-waiting", mailbox.name) for mailbox in facts.mailboxes if mailbox.more_waits),
        *_quarantine_notes(facts.quarantine),
        *(Finding("domain-gone", silence.name, silence.last_day) for silence in domains if silence.gone),
        *(Finding("reporter-gone", silence.name, silence.last_day) for silence in reporters if silence.gone),
        *_sqlite_notes(facts.sqlite_version),
    )
    return Health(problems, notes, reporters, domains)


def silences(days: Iterable[DayOfReports], until_day: int | None) -> tuple[Silence, ...]:
    """Who was quiet for more than twice the longest pause of the habit, and the time that reports take; by name.

    `days`: distinct, sorted by name and day. Nobody is silent when nothing was read (`until_day` None).
    """
    if until_day is None:
        return ()
    found = (_silence(name, [row.day for row in rows], until_day) for name, rows in groupby(days, lambda row: row.name))
    return tuple(silence for silence in found if silence)


def _silence(name: str, days: list[int], until_day: int) -> Silence | None:
    if len(days) < HABIT_TIMES:
        return None
    habit = max(later - earlier for earlier, later in pairwise(days))
    quiet = until_day - days[-1]
    return Silence(name, days[-1], habit, quiet) if quiet > 2 * habit + ARRIVAL_DAYS else None


def read_until(mailboxes: tuple[Mailbox, ...], files_read_at: int | None) -> int | None:
    """The UTC day until which everything was read: of several mailboxes, what the one that is behind has reached.

    None: nothing was read to its end yet. Files count where there is no mailbox.
    """
    if not mailboxes:
        return None if files_read_at is None else files_read_at // DAY_SECONDS
    reached = [mailbox.run.last_done_at if mailbox.run else None for mailbox in mailboxes]
    known = [at for at in reached if at is not None]
    return min(known) // DAY_SECONDS if len(known) == len(reached) else None


def _night_problems(facts: Facts, now: int) -> Iterator[Finding]:
    night = facts.night
    if night is None:
        if facts.mailboxes:
            yield Finding("night-missing")
    elif night.outcome is None and now - night.started_at > NIGHT_SECONDS:
        yield Finding("night-killed", number=night.started_at)
    elif night.outcome in ("failed", "configuration"):
        yield Finding("night-failed")
    elif _late(night.last_done_at, now) and not _is_first(night, now):
        yield Finding("night-late", number=night.last_done_at)


def _is_first(run: LatestRun, now: int) -> bool:
    """Whether it runs right now, and none before it ended well."""
    return run.outcome is None and run.last_done_at is None and now - run.started_at <= NIGHT_SECONDS


def _mailbox_problems(mailbox: Mailbox, now: int) -> Iterator[Finding]:
    run = mailbox.run
    if run is not None and run.outcome in ("failed", "configuration"):
        yield Finding("mailbox-failed", mailbox.name)
    elif run is None:
        yield Finding("mailbox-late", mailbox.name)
    elif _late(run.last_done_at, now) and not _is_first(run, now):
        yield Finding("mailbox-late", mailbox.name, run.last_done_at)


def _copy_problems(facts: Facts, now: int) -> Iterator[Finding]:
    if facts.night is None or _is_first(facts.night, now):
        return
    if facts.copy_at is None:
        yield Finding("copy-missing")
    elif _late(facts.copy_at, now):
        yield Finding("copy-late", number=facts.copy_at)


def _digest_problems(refused: int) -> Iterator[Finding]:
    if refused:
        yield Finding("digest-refused", number=refused)


def _delivery_problems(deliveries: tuple[Delivery, ...], now: int) -> Iterator[Finding]:
    failed = sum(each.state == FAILED for each in deliveries)
    late = sum(each.state == DUE and _late(each.due_at, now) for each in deliveries)
    if failed:
        yield Finding("delivery-failed", number=failed)
    if late:
        yield Finding("delivery-late", number=late)


def _late(at: int | None, now: int) -> bool:
    return at is None or now - at > LATE_SECONDS


def _quarantine_notes(quarantine: Quarantine) -> Iterator[Finding]:
    if quarantine.messages:
        yield Finding("quarantine", number=quarantine.messages)


def _sqlite_notes(version: tuple[int, int, int] | None) -> Iterator[Finding]:
    if version is not None and version < SOUND_SQLITE:
        yield Finding("sqlite-old", ".".join(map(str, version)))
