"""A run over every mailbox of the settings: fetch, read, store, commit, and only then file away.

A mailbox that fails does not stop the others. What came before it failed is stored and filed away all the same; the
ledger says how each ended. A mail that could not be read stays for the next runs; the third failure puts it aside.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Literal

from sqlalchemy import Engine

import settings
from ingest.imap_login import Credential
from ingest.mailbox import MailboxSession, Skipped, open_mailbox
from ingest.mailbox_batches import Envelope, Stop
from ingest.mailbox_errors import ConfigurationError, MailboxError, TryAgainLater
from ingest.mailbox_filing import Move
from ingest.mailbox_folders import Target
from ingest.mailbox_options import Mailbox
from ingest.mailbox_settings import credential_of, mailbox_of
from ingest.reading import Message
from ingest.run import Outcome, RunSummary
from ingest.session import OpenedRun, opened_run
from store import ledger
from store.engine import writing

# Stored mails wait until this many can be moved by one command; so many known ones are noted in one transaction.
FILED_AT_ONCE = 200

Ended = Literal["done", "later", "failed", "configuration"]
Connect = Callable[[Mailbox, Credential], MailboxSession]
AfterCommit = Callable[[Sequence[Outcome]], None]
# Folder, UIDVALIDITY and UID.
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class MailboxOutcome:
    """How the run on one mailbox ended, and what it did.

    ended: done; later (the server is busy or gone, the next run goes on); failed or configuration (a person must
    act). `problem` says which and what to do. `stopped`: the budget that ended the run early, which is no failure.
    `skipped` mails could not be had from the server; `recognised` ones were met again on Gmail and not fetched.
    """

    mailbox: str
    ended: Ended
    summary: RunSummary = field(default_factory=RunSummary)
    problem: str | None = None
    stopped: Stop | None = None
    filed: int = 0
    skipped: int = 0
    recognised: int = 0
    downloaded_bytes: int = 0

    def as_dict(self) -> dict[str, object]:
        """Everything by name, the figures of the summary among it."""
        return {
            "mailbox": self.mailbox,
            "ended": self.ended,
            "problem": self.problem,
            "stopped": self.stopped,
            **self.summary.as_dict(),
            "filed": self.filed,
            "skipped": self.skipped,
            "recognised": self.recognised,
            "downloaded_bytes": self.downloaded_bytes,
        }


def ingest_mailboxes(
    chosen: settings.Settings,
    environ: Mapping[str, str],
    *,
    now: int,
    after_commit: AfterCommit,
    connect: Connect = open_mailbox,
) -> tuple[MailboxOutcome, ...]:
    """Ingest every mailbox, one after the other, under the run lock; each is one run in the ledger.

    `environ` is where passwords may be. Raises StoreError when the store cannot be used, and AlreadyRunning; mails
    that were not stored are untouched then.
    """
    with opened_run(chosen) as opened:
        night = _Night(opened, environ, now, after_commit, connect, _signature_check(chosen))
        return tuple(night.ingest(written) for written in chosen.mailbox)


def command_of(mailbox: str) -> str:
    """What the ledger's run has as its command for a run on this mailbox."""
    return f"mailbox {mailbox}"


def _signature_check(chosen: settings.Settings) -> Callable[[bytes], tuple[str, ...]] | None:
    """Which domains' good DKIM signatures a mail has, or None when the settings do not want to know."""
    if not chosen.authenticity.check_dkim:
        return None
    from ingest.dkim_check import signed_by  # here: who does not want it need not load dkimpy and dnspython
    from ingest.dkim_keys import key_finder

    find_key = key_finder(chosen.lookup)
    return lambda mail: signed_by(mail, find_key)


@dataclass(frozen=True, slots=True)
class _Night:
    """What the runs on all mailboxes share."""

    opened: OpenedRun
    environ: Mapping[str, str]
    now: int
    after_commit: AfterCommit
    connect: Connect
    signed_by: Callable[[bytes], tuple[str, ...]] | None

    def ingest(self, written: settings.Mailbox) -> MailboxOutcome:
        """One mailbox, and its run in the ledger."""
        started = time.monotonic()
        run_id = self.opened.begin(command_of(written.name), self.now)
        try:
            mailbox = mailbox_of(written)
            with self.connect(mailbox, credential_of(mailbox, self.environ)) as session:
                outcome = _Visit(session, self, run_id).run()
        except MailboxError as error:
            outcome = MailboxOutcome(written.name, _ended([error]), problem=str(error))
        self.opened.end(run_id, outcome.ended, outcome.as_dict(), self.now + int(time.monotonic() - started))
        return outcome


def _ended(problems: Sequence[MailboxError]) -> Ended:
    if any(isinstance(problem, ConfigurationError) for problem in problems):
        return "configuration"
    if any(not isinstance(problem, TryAgainLater) for problem in problems):
        return "failed"
    return "later" if problems else "done"


class _Visit:
    """One run on one mailbox."""

    def __init__(self, session: MailboxSession, night: _Night, run_id: int) -> None:
        self._session = session
        self._mailbox = session.mailbox
        self._night = night
        self._run_id = run_id
        self._problems: list[MailboxError] = []
        self._moves: list[Move] = []
        self._gone: list[Place] = []
        self._met_again: list[ledger.Recognised] = []
        self._recognised = 0
        self._filing = True
        self._filed = 0

    def run(self) -> MailboxOutcome:
        """Store what is new, then file away what is left of this run and of earlier ones."""
        summary = self._night.opened.ingest(
            self._messages(), run_id=self._run_id, now=self._night.now, after_commit=self._committed
        )
        self._note_skipped(self._session.skipped)
        self._settle()
        return MailboxOutcome(
            self._mailbox.name,
            _ended(self._problems),
            summary,
            problem="; ".join(dict.fromkeys(map(str, self._problems))) or None,
            stopped=self._session.stopped,
            filed=self._filed,
            skipped=len(self._session.skipped),
            recognised=self._recognised,
            downloaded_bytes=self._session.downloaded_bytes,
        )

    @property
    def _engine(self) -> Engine:
        return self._night.opened.engine

    def _messages(self) -> Iterator[Message]:
        """The new mails. What ends them early is kept for later, so that those that came are stored and filed."""
        try:
            found = self._session.messages(
                self._known, recognised=self._seen_elsewhere, bytes_left_today=self._bytes_left()
            )
            for message in found:
                yield self._checked(message)
        except MailboxError as error:
            self._problems.append(error)

    def _checked(self, message: Message) -> Message:
        if self._night.signed_by is None:
            return message
        return replace(message, signed_by=self._night.signed_by(message.content))

    def _bytes_left(self) -> int:
        with self._engine.connect() as connection:
            spent = ledger.bytes_since_midnight(connection, self._mailbox.name, now=self._night.now)
        return max(0, self._mailbox.bytes_per_day - spent)

    def _known(self, folder: str, uidvalidity: int, uids: Sequence[int]) -> AbstractSet[int]:
        """What need not be fetched; notes on the way which of it should have left the folder and has not."""
        with self._engine.connect() as connection:
            found = ledger.folder_ledger(
                connection,
                self._mailbox.name,
                folder,
                uidvalidity,
                largest_bytes=self._mailbox.largest_message_bytes,
            )
        unfiled = found.stored | found.put_aside
        if unfiled and self._mailbox.after == "move":
            there = unfiled.intersection(uids)
            self._want(folder, uidvalidity, "processed", found.stored & there)
            self._want(folder, uidvalidity, "quarantine", found.put_aside & there)
            # A run that was killed after it moved them could not write it down. Neither can we now: this is asked in
            # the middle of a transaction.
            self._gone += [(folder, uidvalidity, uid) for uid in unfiled - there]
        return found.done

    def _seen_elsewhere(self, folder: str, uidvalidity: int, envelopes: Sequence[Envelope]) -> AbstractSet[int]:
        """The mails that were fetched before from another place: the same number of Gmail, and the same size."""
        with self._engine.connect() as connection:
            settled = ledger.settled_by_gmail_id(
                connection, self._mailbox.name, [each.gmail_id for each in envelopes if each.gmail_id is not None]
            )
        met = [
            ledger.Recognised(folder, uidvalidity, each.uid, settled[each.gmail_id][0])
            for each in envelopes
            if each.gmail_id in settled and settled[each.gmail_id][1] == each.size
        ]
        self._met_again += met
        return {each.uid for each in met}

    def _want(self, folder: str, uidvalidity: int, to: Target, uids: AbstractSet[int]) -> None:
        self._moves += [Move(folder, uidvalidity, to, uid) for uid in sorted(uids)]

    def _committed(self, outcomes: Sequence[Outcome]) -> None:
        for (folder, uidvalidity), group in groupby(outcomes, key=_folder_of):
            self._want_settled(folder, uidvalidity, list(group))
        if len(self._moves) + len(self._met_again) >= FILED_AT_ONCE:
            self._settle()
        self._night.after_commit(outcomes)

    def _want_settled(self, folder: str, uidvalidity: int, outcomes: Sequence[Outcome]) -> None:
        stored = {_uid(outcome) for outcome in outcomes if outcome.state in ledger.FILED_STATES}
        failed = [_uid(outcome) for outcome in outcomes if outcome.state == "quarantined"]
        self._want(folder, uidvalidity, "processed", stored)
        if failed:
            self._want(folder, uidvalidity, "quarantine", self._put_aside(folder, uidvalidity, failed))

    def _put_aside(self, folder: str, uidvalidity: int, uids: Sequence[int]) -> AbstractSet[int]:
        with self._engine.connect() as connection:
            return ledger.put_aside(
                connection,
                self._mailbox.name,
                folder,
                uidvalidity,
                uids,
                largest_bytes=self._mailbox.largest_message_bytes,
            )

    def _settle(self) -> None:
        """Write down what is known without a download, and move what is stored."""
        self._note_met_again()
        gone, self._gone = self._gone, []
        self._mark_filed(gone)
        self._file_away()

    def _note_met_again(self) -> None:
        met, self._met_again = self._met_again, []
        for start in range(0, len(met), FILED_AT_ONCE):
            self._note(met[start : start + FILED_AT_ONCE])
        self._recognised += len(met)

    def _note(self, met: Sequence[ledger.Recognised]) -> None:
        with writing(self._engine) as connection:
            states = [
                ledger.record_recognised(connection, each, run_id=self._run_id, now=self._night.now) for each in met
            ]
            ledger.raise_generation(connection)
        for each, state in zip(met, states, strict=True):
            if state in ledger.FILED_STATES:
                self._want(each.folder, each.uidvalidity, "processed", {each.uid})

    def _file_away(self) -> None:
        """Move what is stored. A mailbox that refuses is asked no more in this run; reading goes on."""
        moves, self._moves = self._moves, []
        if not moves or not self._filing:
            return
        try:
            filed = self._session.file_away(moves)
        except MailboxError as error:
            self._filing = False
            self._problems.append(error)
            return
        self._filed += len(filed)
        self._mark_filed((move.folder, move.uidvalidity, move.uid) for move in filed)

    def _mark_filed(self, places: Iterable[Place]) -> None:
        marked = sorted(places)
        if marked:
            with writing(self._engine) as connection:
                ledger.mark_filed(connection, self._mailbox.name, marked, now=self._night.now)

    def _note_skipped(self, skipped: Sequence[Skipped]) -> None:
        if not skipped:
            return
        with writing(self._engine) as connection:
            for mail in skipped:
                ledger.record_message(connection, self._failed_fetch(mail), run_id=self._run_id, now=self._night.now)
            ledger.raise_generation(connection)

    def _failed_fetch(self, mail: Skipped) -> ledger.Entry:
        return ledger.Entry(
            place=f"{self._mailbox.name}/{mail.folder}/{mail.uid}",
            sha256=None,
            size=0,
            state="quarantined",
            reason=f"fetch: {mail.reason}",
            mailbox=self._mailbox.name,
            folder=mail.folder,
            uidvalidity=mail.uidvalidity,
            uid=mail.uid,
        )


def _folder_of(outcome: Outcome) -> tuple[str, int]:
    return outcome.message.folder or "", outcome.message.uidvalidity or 0


def _uid(outcome: Outcome) -> int:
    return outcome.message.uid or 0
