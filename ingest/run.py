"""One run: messages -> readings -> stored reports -> ledger, in transactions of many messages; then a summary.

The collaborators are arguments: where messages come from, the pool that reads them, what happens after a commit. A
message that cannot be read or stored never stops the run; only a store that cannot be written does.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ingest.authenticity import Grade, Grader
from ingest.files import unread
from ingest.pool import Pool
from ingest.reading import Message, Reading, Refusal
from settings import Limits
from store import ledger
from store.engine import writing
from store.packing import Report
from store.reports import ReportWriter

log = logging.getLogger(__name__)

BATCH_MESSAGES = 64
BATCH_RECORDS = 20_000
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
        for batch in _batches(self.pool.readings(messages, self.now, self._wanted)):
            outcomes = self._commit(batch)
            for outcome in outcomes:
                summary.add(outcome)
                _log(outcome, self.run_id)
            self.after_commit(outcomes)
        return summary

    def _wanted(self, message: Message) -> bool:
        """Whether the message must be read: its bytes are there, and not in the store already."""
        if unread(message, self.limits):
            return False
        with self.engine.connect() as connection:
            return not _is_done(ledger.known(connection, _hash(message)))

    def _commit(self, batch: list[tuple[Message, Reading | None]]) -> list[Outcome]:
        """One transaction; where a statement fails, one for each message, so that only the culprit is set aside."""
        try:
            return self._write(batch)
        except DBAPIError as error:
            self.writer.forget()
            if len(batch) > 1:
                return [outcome for single in batch for outcome in self._commit([single])]
            refusal = Refusal("store", f"the database refused it: {str(error.orig)[:300]}")
            return self._write([(batch[0][0], Reading("reports", refusals=(refusal,)))])

    def _write(self, batch: list[tuple[Message, Reading | None]]) -> list[Outcome]:
        with writing(self.engine) as connection:
            outcomes, new = self._save_all(connection, batch)
            ledger.settle_messages(connection, [(found.state, found.reason, number) for number, found in new])
            ledger.keep_originals(connection, list(_originals(found.message for _, found in new)), now=self.now)
            self.writer.finish(connection)
            ledger.raise_generation(connection)
        return outcomes

    def _save_all(
        self, connection: Connection, batch: list[tuple[Message, Reading | None]]
    ) -> tuple[list[Outcome], list[tuple[int, Outcome]]]:
        """Every outcome in order, and again those whose message is new, with its id."""
        outcomes: list[Outcome] = []
        new: list[tuple[int, Outcome]] = []
        states: dict[str, str] = {}  # of messages in this batch, whose rows are not settled yet
        for message, reading in batch:
            state = states.get(_hash(message)) or self._known_state(connection, message)
            if state is not None and _is_done(state):
                outcomes.append(self._save_again(connection, message, state))
                continue
            message_id, outcome = self._save_reading(connection, message, self._reading(message, reading))
            states[_hash(message)] = outcome.state
            outcomes.append(outcome)
            new.append((message_id, outcome))
        return outcomes, new

    def _known_state(self, connection: Connection, message: Message) -> str | None:
        return None if unread(message, self.limits) else ledger.known(connection, _hash(message))

    def _reading(self, message: Message, reading: Reading | None) -> Reading:
        refusal = unread(message, self.limits)
        return Reading("reports", refusals=(refusal,)) if refusal else reading or Reading("reports")

    def _save_again(self, connection: Connection, message: Message, state: str) -> Outcome:
        """Bytes that were read before: only their arrival is noted."""
        now_state = "duplicate" if state in _SEEN_BEFORE else state
        if message.mailbox is None:
            ledger.count_arrival(connection, _hash(message))
        else:
            self._record(connection, message, now_state, "the same bytes were read before")
        return Outcome(message, now_state, None)

    def _save_reading(self, connection: Connection, message: Message, reading: Reading) -> tuple[int, Outcome]:
        message_id = self._record(connection, message, "quarantined", None)
        mail = self.grader.mail(message)
        graded = [(report, self.grader.report(mail, report)) for report in reading.reports]
        saved = [(report, self._save_report(connection, report, grade, message_id)) for report, grade in graded]
        new = [report for report, became in saved if became != "duplicate"]
        return message_id, Outcome(
            message,
            _state(reading, [became for _, became in saved]),
            _reason(reading, [report for report, became in saved if became == "partial"], [g for _, g in graded]),
            records=sum(report.records.sums.records for report in new),
            reported_messages=sum(report.records.sums.messages for report in new),
        )

    def _save_report(self, connection: Connection, report: Report, grade: Grade, message_id: int) -> str:
        return self.writer.save(
            connection, report, message_id=message_id, authenticity=grade.authenticity, now=self.now
        ).state

    def _record(self, connection: Connection, message: Message, state: str, reason: str | None) -> int:
        grade = self.grader.mail(message)
        entry = ledger.Entry(
            place=message.place,
            sha256=None if unread(message, self.limits) else _hash(message),
            size=len(message.content) or message.size or 0,
            state=state,
            reason=reason,
            mailbox=message.mailbox,
            folder=message.folder,
            uidvalidity=message.uidvalidity,
            uid=message.uid,
            authenticity=grade.authenticity,
            auth_domain=grade.domain,
        )
        return ledger.record_message(connection, entry, run_id=self.run_id, now=self.now)


def _batches(readings: Iterable[tuple[Message, Reading | None]]) -> Iterator[list[tuple[Message, Reading | None]]]:
    batch: list[tuple[Message, Reading | None]] = []
    records = 0
    for message, reading in readings:
        batch.append((message, reading))
        records += sum(report.records.sums.records for report in reading.reports) if reading else 0
        if len(batch) >= BATCH_MESSAGES or records >= BATCH_RECORDS:
            yield batch
            batch, records = [], 0
    if batch:
        yield batch


def _originals(messages: Iterable[Message]) -> Iterator[tuple[str, bytes]]:
    for message in messages:
        if message.content:
            yield _hash(message), message.content


def _hash(message: Message) -> str:
    return sha256(message.content).hexdigest()


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


def _is_done(state: str | None) -> bool:
    return state is not None and state != "quarantined"


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
