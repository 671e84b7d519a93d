"""What arrived and what became of it: runs, mailboxes, the quarantine, who went silent, reports set apart.

Pure building over `arrival_frames` and `health_frames`; what a run wrote of itself is read here, never on a page.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import arrival_frames, health, health_frames
from analysis.arrival_frames import Apart, ApartKey, ApartRow, QuarantineRow, RunRow
from analysis.frames import Connection, Period, Scope
from analysis.health import Silence
from analysis.health_frames import LatestRun
from store import ledger
from store.schema import MESSAGE_STATES

PAGE_ROWS = 50
# The ledger's command for a run on a mailbox begins so (ingest.mailboxes.command_of).
MAILBOX_COMMAND = "mailbox "
# Without a mailbox, the last run of this command tells until when everything was read.
FILES_COMMAND = "ingest"
# Of a message in quarantine, its beginning is shown: so many bytes, as lines no longer than this.
BEGINNING_BYTES, LINE_CHARACTERS = 3_000, 200


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a night: its name, the exit code of `sekisho` that it asked for, what it said, how long it took."""

    name: str
    code: int
    sentence: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run. `outcome` is the ledger's word, or "running" or "killed" for one without an end.

    figures  the counts that are not 0, in the order in which the run wrote them
    problem  what a mailbox's run said went wrong; `stopped` names the limit that ended it early
    """

    id: int
    command: str
    started_at: int
    finished_at: int | None
    outcome: str
    figures: tuple[tuple[str, int], ...]
    problem: str | None
    stopped: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class RunsPage:
    """A page of runs, newest first; `next_before` begins the next one (None: this is the last)."""

    rows: tuple[Run, ...]
    next_before: int | None


@dataclass(frozen=True, slots=True)
class MailboxLine:
    """A mailbox of the settings, or one that only the ledger knows (`in_settings` False).

    last_success_at  epoch seconds, None: never
    ended            how its newest run ended, None: it never ran or runs now; `problem` is what that one said
    more_waits       whether a limit ended the newest run before the mailbox was empty
    messages         that the ledger has of it, `quarantined` of those
    """

    name: str
    in_settings: bool
    last_success_at: int | None
    ended: str | None
    problem: str | None
    more_waits: bool
    messages: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """A page of the quarantine, newest first; `total` counts all of it."""

    rows: tuple[QuarantineRow, ...]
    next_before: int | None
    total: int


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """One message in quarantine and how it begins, as lines of text; none when its bytes are not kept, or no text."""

    row: QuarantineRow
    beginning: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silences:
    """Who sent reports regularly and stopped, and about which domains they stopped."""

    reporters: tuple[Silence, ...]
    domains: tuple[Silence, ...]


@dataclass(frozen=True, slots=True)
class ApartPage:
    """A page of the reports that are set apart for one reason; `counts` has all reasons."""

    counts: Mapping[Apart, int]
    rows: tuple[ApartRow, ...]
    next_before: ApartKey | None


def runs(connection: Connection, scope: Scope, *, before: int | None, now: int) -> RunsPage:
    """A page of the runs below number `before` (None: the newest)."""
    rows = arrival_frames.runs(connection, scope, before=before, limit=PAGE_ROWS + 1)
    shown = tuple(_run(row, now) for row in rows[:PAGE_ROWS])
    return RunsPage(shown, shown[-1].id if len(rows) > PAGE_ROWS else None)


def states(connection: Connection, scope: Scope) -> dict[str, int]:
    """How many messages the ledger has in each state, every state in the ledger's order."""
    counted = arrival_frames.message_states(connection, scope)
    return {state: counted.get(state, 0) for state in MESSAGE_STATES}


def mailboxes(connection: Connection, scope: Scope, names: Sequence[str]) -> tuple[MailboxLine, ...]:
    """The mailboxes of the settings in their order, then those that only the ledger knows."""
    newest = {row.command: row for row in health_frames.latest_runs(connection, scope)}
    held = {row.mailbox: row for row in health_frames.mailboxes(connection, scope)}
    old = sorted(held.keys() - set(names))
    return tuple(_mailbox(name, name not in old, newest.get(MAILBOX_COMMAND + name), held) for name in (*names, *old))


def quarantine(connection: Connection, scope: Scope, *, before: int | None) -> QuarantinePage:
    """A page of the messages in quarantine below number `before` (None: the newest)."""
    rows = arrival_frames.quarantine(connection, scope, before=before, limit=PAGE_ROWS + 1)
    total = health_frames.quarantine(connection, scope, 0).messages
    return QuarantinePage(rows[:PAGE_ROWS], rows[PAGE_ROWS - 1].id if len(rows) > PAGE_ROWS else None, total)


def quarantined(connection: Connection, scope: Scope, message_id: int) -> QuarantinedMessage | None:
    """One message in quarantine, or None when none there has this number."""
    row = arrival_frames.quarantined(connection, scope, message_id)
    if row is None:
        return None
    content = ledger.original(connection, row.sha256) if row.kept and row.sha256 else b""
    return QuarantinedMessage(row, beginning(content))


def beginning(content: bytes) -> tuple[str, ...]:
    """How a text begins, line by line; nothing for what is no text (compressed, say)."""
    head = content[:BEGINNING_BYTES]
    if b"\0" in head or head.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        return ()
    lines = head.decode("utf-8", "replace").splitlines()
    return tuple(line[:LINE_CHARACTERS] for line in lines)


def silences(connection: Connection, scope: Scope, mailbox_names: Sequence[str], *, now: int) -> Silences:
    """Who is silent, by the rule of `health.silences`; nobody while it is not known until when everything was read."""
    newest = {row.command: row for row in health_frames.latest_runs(connection, scope)}
    boxes = (health.Mailbox(name, newest.get(MAILBOX_COMMAND + name), more_waits=False) for name in mailbox_names)
    files = newest.get(FILES_COMMAND)
    until_day = health.read_until(tuple(boxes), files.last_done_at if files else None)
    since_day = now // health.DAY_SECONDS - health.HABIT_DAYS
    return Silences(
        health.silences(health_frames.reporter_days(connection, scope, since_day), until_day),
        health.silences(health_frames.domain_days(connection, scope, since_day), until_day),
    )


def apart(connection: Connection, scope: Scope, period: Period, why: Apart, *, before: ApartKey | None) -> ApartPage:
    """A page of the reports set apart for this reason, stored before `before` (None: the newest)."""
    rows = arrival_frames.apart(connection, scope, period, why, before=before, limit=PAGE_ROWS + 1)
    counts = arrival_frames.apart_counts(connection, scope, period)
    shown = rows[:PAGE_ROWS]
    last = shown[-1] if len(rows) > PAGE_ROWS else None
    return ApartPage(counts, shown, None if last is None else (last.stored_at, last.domain_id, last.id))


def _run(row: RunRow, now: int) -> Run:
    summary = _summary(row.summary)
    unfinished = "killed" if now - row.started_at > health.NIGHT_SECONDS else "running"
    return Run(
        row.id,
        row.command,
        row.started_at,
        row.finished_at,
        row.outcome or unfinished,
        tuple((name, value) for name, value in summary.items() if type(value) is int and value),
        summary.get("problem"),
        summary.get("stopped"),
        tuple(Step(**step) for step in summary.get("steps", ())),
    )


def _mailbox(
    name: str, in_settings: bool, newest: LatestRun | None, held: Mapping[str, health_frames.MailboxRow]
) -> MailboxLine:
    row, summary = held.get(name), _summary(newest.summary if newest else None)
    return MailboxLine(
        name,
        in_settings,
        newest.last_done_at if newest else None,
        newest.outcome if newest else None,
        summary.get("problem"),
        bool(summary.get("stopped")),
        row.messages if row else 0,
        row.quarantined if row else 0,
    )


def _summary(written: str | None) -> dict[str, Any]:
    """What a run wrote of itself; empty while it runs."""
    return dict(json.loads(written)) if written else {}
