"""One run: messages -> readings -> stored reports -> ledger, in transactions of many messages; then a summary.

The collaborators are arguments: where messages come from, the pool that reads them, what happens after a commit. A
message that cannot be read or stored never stops the run; only a store that cannot be written does.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ingest.ahead import Ahead, is_done
from ingest.authenticity import Grade, Grader
from ingest.files import unread
from ingest.pool import Arriving, Pool, is_sent
from ingest.reading import Message, Reading, Refusal
from settings import Limits
from store import ledger
from store.engine import writing
from store.packing import Report
from store.reports import ReportWriter

log = logging.getLogger(__name__)

BATCH_MESSAGES = 256
OPEN_SECONDS = 0.2
REASON_LENGTH = 1_000

# The state of a message that holds several reports is the first of these that one of them has.
_PRECEDENCE = ("partial", "variant", "stored", "empty", "duplicate")
_COUNTERS = {
    "stored": "stored",
    "duplicate": "duplicates",
    "variant": "variants",
    "partial": "partial",
    "empty": "empty",
    "tls-report": "tls_reports",
    "failure-report": "failure_reports",
    "not-a-report": "not_reports",
    "quarantined": "quarantined",
}
_NAMED_KINDS = ("tls-report", "failure-report", "not-a-report")
_SEEN_BEFORE = {"stored", "variant", "partial", "empty", "duplicate"}


@dataclass(slots=True)
class RunSummary:
    """Messages by what became of them (each is in exactly one), and the records and mails newly stored."""

    messages: int = 0
    stored: int = 0
    duplicates: int = 0
    variants: int = 0
    partial: int = 0
    empty: int = 0
    tls_reports: int = 0
    failure_reports: int = 0
    not_reports: int = 0
    quarantined: int = 0
    records: int = 0
    reported_messages: int = 0
    seconds: float = 0.0

    def add(self, outcome: "Outcome") -> None:
        """Count one message."""
        self.messages += 1
        counter = _COUNTERS[outcome.state]
        setattr(self, counter, getattr(self, counter) + 1)
        self.records += outcome.records
        self.reported_messages += outcome.reported_messages

    def as_dict(self) -> dict[str, int | float]:
        """The figures by name, in order."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message in this run."""

    message: Message
    state: str
    reason: str | None
    records: int = 0
    reported_messages: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """What a run works with. `after_commit` gets the outcomes that are now safe in the store."""

    engine: Engine
    pool: Pool
    writer: ReportWriter
    run_id: int
    now: int
    limits: Limits
    grader: Grader
    after_commit: Callable[[Sequence[Outcome]], None]

    def ingest(self, messages: Iterable[Message]) -> RunSummary:
        """Store what each message reports."""
        summary = RunSummary()
        ahead = Ahead(self.engine, self.limits)
        with _Batch(self, summary, ahead) as batch:
            found = self.pool.readings(
                ahead.looked_up(messages, batch.rest), self.now, ahead.is_wanted, pause=batch.rest
            )
            for message, reading in found:
                if isinstance(reading, Arriving):
                    batch.add_arriving(message, reading)
                else:
                    batch.add(message, reading)
            batch.commit()
        return summary

    def save(self, connection: Connection, message: Message, reading: Reading | None, state: str | None) -> "_Saved":
        """Save one message; `state` is that of the same bytes, when they came before."""
        refusal = unread(message, self.limits)
        if refusal:
            return self._save_reading(connection, message, Reading("reports", refusals=(refusal,)))
        if state is not None and is_done(state):
            return _Saved(self._save_again(connection, message, state), None)
        return self._save_reading(connection, message, reading or Reading("reports"))

    def _save_again(self, connection: Connection, message: Message, state: str) -> Outcome:
        """Bytes that were read before: only their arrival is noted."""
        now_state = "duplicate" if state in _SEEN_BEFORE else state
        if message.mailbox is None:
            ledger.count_arrival(connection, message.sha256)
        else:
            self._record(connection, message, self.grader.mail(message), now_state, "the same bytes were read before")
        return Outcome(message, now_state, None)

    def _save_reading(self, connection: Connection, message: Message, reading: Reading) -> "_Saved":
        mail = self.grader.mail(message)
        message_id = self._record(connection, message, mail, "quarantined", None)
        graded = [(report, self.grader.report(mail, report)) for report in reading.reports]
        saved = [(report, self._save_report(connection, report, grade, message_id)) for report, grade in graded]
        return self._saved(message, reading, message_id, graded, saved)

    def save_arriving(self, connection: Connection, message: Message, arriving: Arriving) -> "_Saved | None":
        """Save a message while its first report arrives; None where it cannot stay as it was begun: take it back."""
        mail = self.grader.mail(message)
        message_id = self._record(connection, message, mail, "quarantined", None)
        grade = self.grader.report(mail, arriving.report)
        begun = self.writer.begin(
            connection, arriving.report, message_id=message_id, authenticity=grade.authenticity, now=self.now
        )
        if begun is None:
            return None
        for packed in arriving.chunks():
            self.writer.add(connection, begun, packed)
        reading = arriving.reading()
        if not is_sent(reading):
            return None
        first, *others = [(report, self.grader.report(mail, report)) for report in reading.reports]
        saved = [(first[0], self.writer.end(connection, begun, first[0]).state)]
        saved += [(report, self._save_report(connection, report, graded, message_id)) for report, graded in others]
        return self._saved(message, reading, message_id, [first, *others], saved)

    def _saved(
        self,
        message: Message,
        reading: Reading,
        message_id: int,
        graded: list[tuple[Report, Grade]],
        saved: list[tuple[Report, str]],
    ) -> "_Saved":
        new = [report for report, became in saved if became != "duplicate"]
        outcome = Outcome(
            message,
            _state(reading, [became for _, became in saved]),
            _reason(reading, [report for report, became in saved if became == "partial"], [g for _, g in graded]),
            records=sum(report.records.sums.records for report in new),
            reported_messages=sum(report.records.sums.messages for report in new),
        )
        return _Saved(outcome, message_id)

    def _save_report(self, connection: Connection, report: Report, grade: Grade, message_id: int) -> str:
        return self.writer.save(
            connection, report, message_id=message_id, authenticity=grade.authenticity, now=self.now
        ).state

    def _record(self, connection: Connection, message: Message, grade: Grade, state: str, reason: str | None) -> int:
        entry = ledger.Entry(
            place=_storable(message.place),
            sha256=None if unread(message, self.limits) else message.sha256,
            size=len(message.content) or message.size or 0,
            state=state,
            reason=reason,
            mailbox=message.mailbox,
            folder=message.folder,
            uidvalidity=message.uidvalidity,
            uid=message.uid,
            gmail_id=message.gmail_id,
            authenticity=grade.authenticity,
            auth_domain=grade.domain,
        )
        return ledger.record_message(connection, entry, run_id=self.run_id, now=self.now)


class _NotAsBegun(Exception):
    """A report that arrived cannot stay as it was begun: its end could not be read, or one of its key is stored."""


class _Saved(NamedTuple):
    """An outcome, and the message's id where its row is new and still to be settled."""

    outcome: Outcome
    message_id: int | None


class _Batch:
    """One transaction for many messages: open while they come quickly, so that the workers never wait for a commit of
    single messages, and closed when it is full or when nothing comes, so that no other writer waits for long.

    Where a statement fails, each message gets a transaction of its own, and only the culprit is set aside.
    """

    def __init__(self, run: Run, summary: RunSummary, ahead: Ahead) -> None:
        self._run = run
        self._summary = summary
        self._ahead = ahead
        self._begin()

    def _begin(self) -> None:
        self._stack = ExitStack()
        self._connection: Connection | None = None
        self._opened_at = 0.0
        self._messages: list[tuple[Message, Reading | None]] = []
        self._saved: list[_Saved] = []

    def __enter__(self) -> "_Batch":
        return self

    def __exit__(self, *problem: Any) -> None:
        self._stack.__exit__(*problem)

    def add(self, message: Message, reading: Reading | None) -> None:
        """Save one message; commits when the transaction is full."""
        self._messages.append((message, reading))
        with self._one_by_one():
            self._save(message, reading)
        if len(self._messages) >= BATCH_MESSAGES:
            self.commit()

    def add_arriving(self, message: Message, arriving: Arriving) -> None:
        """Save a message while its first report is still being read, in a transaction of its own.

        It is taken back, and the message saved as any other, where the report's end shows that it must be.
        """
        self.commit()
        if is_done(self._ahead.state(message)):
            self.add(message, arriving.reading())
            return
        self._messages.append((message, None))
        with self._one_by_one():
            try:
                saved = self._run.save_arriving(self._opened(), message, arriving)
                if saved is None:
                    raise _NotAsBegun
                self._keep(message, saved)
            except _NotAsBegun as error:
                self._take_back(error)
                self.add(message, arriving.reading())
        self.commit()

    def rest(self) -> None:
        """Nothing to do for a moment: commit, unless the transaction has just begun."""
        if self._messages and time.monotonic() - self._opened_at >= OPEN_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Make safe what was saved, and tell so."""
        if not self._messages:
            return
        with self._one_by_one():
            self._finish()
        self._finish()  # what was refused only now has been set aside meanwhile
        outcomes = [saved.outcome for saved in self._saved]
        self._begin()
        for outcome in outcomes:
            self._summary.add(outcome)
            _log(outcome, self._run.run_id)
        self._run.after_commit(outcomes)

    def _save(self, message: Message, reading: Reading | None) -> None:
        self._keep(message, self._run.save(self._opened(), message, reading, self._ahead.state(message)))

    def _opened(self) -> Connection:
        if self._connection is None:
            self._connection = self._stack.enter_context(writing(self._run.engine))
            self._opened_at = time.monotonic()
        return self._connection

    def _keep(self, message: Message, saved: _Saved) -> None:
        if saved.message_id is not None:
            self._ahead.remember(message, saved.outcome.state)
        self._saved.append(saved)

    def _finish(self) -> None:
        if self._connection is None:
            return
        run, new = self._run, [saved for saved in self._saved if saved.message_id is not None]
        ledger.settle_messages(
            self._connection, [(saved.outcome.state, saved.outcome.reason, saved.message_id or 0) for saved in new]
        )
        ledger.keep_originals(self._connection, list(_originals(saved.outcome.message for saved in new)), now=run.now)
        run.writer.finish(self._connection)
        ledger.raise_generation(self._connection)
        self._stack.close()
        self._connection = None

    @contextmanager
    def _one_by_one(self) -> Iterator[None]:
        """Where a statement fails, take the transaction back and save each of its messages alone."""
        try:
            yield
        except DBAPIError as error:
            messages = self._take_back(error)
            if len(messages) == 1:
                self._set_aside(messages[0][0], f"the database refused it: {str(error.orig)[:300]}")
                return
            for message, reading in messages:
                self.add(message, reading)
                self.commit()

    def _take_back(self, error: Exception) -> list[tuple[Message, Reading | None]]:
        """Roll back, and tell the messages that were saved in vain."""
        messages = self._messages
        self._stack.__exit__(type(error), error, error.__traceback__)
        self._run.writer.forget()
        self._ahead.forget([found for found, _ in messages])
        self._begin()
        return messages

    def _set_aside(self, message: Message, why: str) -> None:
        """The culprit goes to quarantine; where even that is refused, the run fails."""
        reading = Reading("reports", refusals=(Refusal("store", why),))
        self._messages.append((message, reading))
        self._save(message, reading)


def _storable(name: str) -> str:
    """A file's name as text that every database takes: bytes that are no UTF-8, and NUL, are written out."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _originals(messages: Iterable[Message]) -> Iterator[tuple[str, bytes]]:
    for message in messages:
        if message.content:
            yield message.sha256, message.content


def _log(outcome: Outcome, run_id: int) -> None:
    """One event for each message, with what leads to it again."""
    if not log.isEnabledFor(logging.INFO):
        return
    message = outcome.message
    facts = {
        "state": outcome.state,
        "place": message.place,
        "mailbox": message.mailbox,
        "folder": message.folder,
        "uidvalidity": message.uidvalidity,
        "uid": message.uid,
        "bytes": len(message.content) or message.size,
        "records": outcome.records,
        "reason": outcome.reason,
        "run": run_id,
    }
    log.info("message", extra={"facts": facts})


def _state(reading: Reading, saved: list[str]) -> str:
    refused = [refusal.code for refusal in reading.refusals]
    if saved and any(code != "not-a-report" for code in refused):
        return "partial"
    if saved:
        return next(state for state in _PRECEDENCE if state in saved)
    if reading.kind in _NAMED_KINDS and not refused:
        return reading.kind
    return "not-a-report" if refused and set(refused) == {"not-a-report"} else "quarantined"


def _reason(reading: Reading, partial: list[Report], grades: list[Grade]) -> str | None:
    texts = [str(refusal) for refusal in reading.refusals]
    texts += [_partial_reason(report) for report in partial]
    texts += dict.fromkeys(f"authenticity {grade.authenticity}: {grade.why}" for grade in grades if _is_doubtful(grade))
    return "; ".join([*texts, *reading.notes])[:REASON_LENGTH] or None


def _is_doubtful(grade: Grade) -> bool:
    return grade.authenticity not in ("pass", "unverified")


def _partial_reason(report: Report) -> str:
    records = report.records
    counted = f"{records.sums.bad_records} of {records.sums.records} records not fully readable"
    return f"report {report.report_id}: {counted}: {', '.join(records.bad)}"
