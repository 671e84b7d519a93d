"""Which mails of a mailbox are new, their bytes, and filing them away once they are stored.

Flags stay as they are. One thread owns the connection and fetches the next batch while the caller reads this one; at
most two batches are in memory. Errors: `mailbox_errors`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import ParamSpec, Protocol, Self, TypeVar

from imapclient import DELETED

from ingest.imap_login import Credential
from ingest.imap_session import ImapSession, OpenFolder
from ingest.mailbox_batches import Budget, Envelope, Stop, batches
from ingest.mailbox_errors import CommandRefused, ConnectionLost, FolderRenewed, TryAgainLater, shown
from ingest.mailbox_filing import GMAIL, Filing, Move
from ingest.mailbox_folders import Folders
from ingest.mailbox_options import Mailbox
from ingest.reading import Message

log = logging.getLogger(__name__)

# Servers may refuse command lines above 8,192 bytes; a UID takes up to eleven.
SIZES_AT_ONCE = 500
# The answer to SEARCH is one line, Python's imaplib refuses lines above 1,000,000 bytes, and taking one apart costs
# memory many times its length.
SEARCHED_AT_ONCE = 10_000
_RESCANS = 3
_BODY = b"BODY[]"

T = TypeVar("T")
Given = ParamSpec("Given")


class Known(Protocol):
    """Which of these UIDs the ledger has as done."""

    def __call__(self, folder: str, uidvalidity: int, uids: Sequence[int], /) -> AbstractSet[int]: ...


class Recognised(Protocol):
    """Which of these mails, as UIDs, the store has from another place of the mailbox, so that none is fetched again."""

    def __call__(self, folder: str, uidvalidity: int, envelopes: Sequence[Envelope], /) -> AbstractSet[int]: ...


@dataclass(frozen=True, slots=True)
class Skipped:
    """A mail that the server would not hand out; the next run tries it again."""

    folder: str
    uidvalidity: int
    uid: int
    reason: str


class MailboxSession:
    """One run on one mailbox, as a context manager. Its connection is made at the first command.

    `messages` and `file_away` are called from one thread. After `messages` has ended, `stopped` says which budget
    ended it early (None: nothing is left), `downloaded_bytes` what it cost, and `skipped` what could not be had.
    """

    def __init__(self, session: ImapSession) -> None:
        self.mailbox = session.mailbox
        self.stopped: Stop | None = None
        self.downloaded_bytes = 0
        self.fetched_messages = 0
        self.skipped: list[Skipped] = []
        self._session = session
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imap")
        self._folders = Folders(session)
        self._filing = Filing(session, self._folders)
        self._recognised: Recognised | None = None
        self._gmail_seen: dict[int, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._session.abandon()
        self._worker.submit(self._session.close)
        self._worker.shutdown(wait=True)

    # ------------------------------------------------------------------ reading

    def messages(
        self, known: Known, *, recognised: Recognised | None = None, bytes_left_today: int | None = None
    ) -> Iterator[Message]:
        """Every mail that `known` does not have, oldest first, folder by folder, until a budget ends the run.

        On Gmail `recognised` is asked about the mails that `known` does not have, before their download.
        A mail above the size limit comes with empty content and its size. Mails that others removed meanwhile are
        left out. Raises TryAgainLater after the last mail that could be had, when the server throttles or is gone;
        ConfigurationError or Refused when a person must act. `bytes_left_today` is what today's runs left over.
        """
        self.stopped = None
        self._recognised = recognised
        budget = self._budget(bytes_left_today)
        for name in self.mailbox.folders:
            folder = self._do(self._folders.existing, name)
            yield from self._folder_messages(folder, known, budget)
            if self.stopped:
                return

    def _budget(self, bytes_left_today: int | None) -> Budget:
        left_today = self.mailbox.bytes_per_day if bytes_left_today is None else bytes_left_today
        return Budget(self.mailbox.messages_per_run, self.mailbox.bytes_per_run, left_today)

    def _folder_messages(self, name: str, known: Known, budget: Budget) -> Iterator[Message]:
        for _ in range(_RESCANS):
            try:
                yield from self._scan(name, known, budget)
            except FolderRenewed as error:
                log.warning("%s; reading the folder again", error)
            else:
                return
        raise TryAgainLater(f"mailbox {self.mailbox.name}: folder {shown(name)} changes its UIDVALIDITY all the time")

    def _scan(self, name: str, known: Known, budget: Budget) -> Iterator[Message]:
        folder = self._do(self._open, name)
        waiting = self._do(self._waiting, folder)
        done = known(folder.name, folder.uidvalidity, waiting)
        new = [uid for uid in waiting if uid not in done]
        ahead: tuple[Sequence[Envelope], Future[dict[int, bytes]]] | None = None
        for batch in self._batches(folder, new, budget):
            following = (batch, self._worker.submit(self._fetch, folder, batch))
            if ahead:
                yield from self._delivered(folder, *ahead)
            ahead = following
        if ahead:
            yield from self._delivered(folder, *ahead)
        if self._session.throttled:
            raise TryAgainLater(f"mailbox {self.mailbox.name}: the server throttles us; the next run goes on")

    def _batches(self, folder: OpenFolder, uids: Sequence[int], budget: Budget) -> Iterator[Sequence[Envelope]]:
        for envelopes in self._envelopes(folder, uids):
            for batch in batches(envelopes, self.mailbox.largest_message_bytes):
                affordable, self.stopped = budget.take(batch, self.mailbox.largest_message_bytes)
                if affordable:
                    yield affordable
                if self._must_stop():
                    return

    def _must_stop(self) -> bool:
        if self._session.seconds_left <= 0:
            self.stopped = "seconds"
        return self.stopped is not None or self._session.throttled

    def _envelopes(self, folder: OpenFolder, uids: Sequence[int]) -> Iterator[Sequence[Envelope]]:
        for start in range(0, len(uids), SIZES_AT_ONCE):
            if self._must_stop():
                return
            envelopes = self._do(self._sizes, folder, uids[start : start + SIZES_AT_ONCE])
            seen = self._seen_elsewhere(folder, envelopes)
            yield [each for each in envelopes if each.uid not in seen and self._first_sight(folder, each)]

    def _seen_elsewhere(self, folder: OpenFolder, envelopes: Sequence[Envelope]) -> AbstractSet[int]:
        named = [envelope for envelope in envelopes if envelope.gmail_id is not None]
        if self._recognised is None or not named:
            return frozenset()
        return self._recognised(folder.name, folder.uidvalidity, named)

    def _first_sight(self, folder: OpenFolder, envelope: Envelope) -> bool:
        """False for a mail that this run has met under another label."""
        if envelope.gmail_id is None:
            return True
        return self._gmail_seen.setdefault(envelope.gmail_id, folder.name) == folder.name

    def _delivered(
        self, folder: OpenFolder, batch: Sequence[Envelope], fetched: "Future[dict[int, bytes]]"
    ) -> Iterator[Message]:
        bodies = fetched.result()
        for envelope in batch:
            too_big = envelope.size > self.mailbox.largest_message_bytes
            content = b"" if too_big else bodies.pop(envelope.uid, None)
            if content is not None:
                self.fetched_messages += 1
                self.downloaded_bytes += len(content)
                yield _message(self.mailbox, folder, envelope, content)

    # ------------------------------------------------------------------ filing away

    def file_away(self, moves: Iterable[Move]) -> frozenset[Move]:
        """Move stored mails to their folders; to be called only after the COMMIT that stored them.

        Returns the moves whose mail is in its folder no longer, as a search afterwards showed (the server's OK proves
        nothing). Others stay for a later run: their folder was renewed, or the server can neither MOVE nor UIDPLUS.
        Does nothing when the options say `leave`. Raises TryAgainLater, Refused or ConfigurationError; calling again
        with the same moves is harmless.
        """
        if self.mailbox.after == "leave":
            return frozenset()
        self._session.extend(self.mailbox.seconds_per_command)
        filed: set[Move] = set()
        for some in self._filing.batches(moves):
            filed |= self._do(self._filing.file, some)
        return frozenset(filed)

    # ------------------------------------------------------------------ in the connection's own thread

    def _do(self, work: Callable[Given, T], *given: Given.args, **named: Given.kwargs) -> T:
        return self._worker.submit(work, *given, **named).result()

    def _open(self, name: str) -> OpenFolder:
        return self._session.open(name, read_only=self.mailbox.after == "leave")

    def _waiting(self, folder: OpenFolder) -> list[int]:
        found: list[int] = []
        for first in range(1, folder.messages + 1, SEARCHED_AT_ONCE):
            window = f"{first}:{min(first + SEARCHED_AT_ONCE - 1, folder.messages)}"
            found.extend(self._session.search(folder, [window, "NOT", "DELETED"]))
        return sorted(found)

    def _sizes(self, folder: OpenFolder, uids: Sequence[int]) -> list[Envelope]:
        wanted = [b"RFC822.SIZE", b"FLAGS"] + ([b"X-GM-MSGID"] if self._session.capable(GMAIL) else [])
        answers = self._session.run_in(folder, lambda client: client.fetch(uids, wanted), "reading sizes")
        return [
            Envelope(uid, answer[b"RFC822.SIZE"], _gmail_id(answer.get(b"X-GM-MSGID")))
            for uid, answer in sorted(answers.items())
            if b"RFC822.SIZE" in answer and DELETED not in answer.get(b"FLAGS", ())
        ]

    def _fetch(self, folder: OpenFolder, batch: Sequence[Envelope]) -> dict[int, bytes]:
        """The bytes of each mail that is still there and not too big.

        When the connection dies or the server refuses, mails are fetched one by one, so that a mail which breaks
        the server costs itself and no other.
        """
        wanted = [envelope for envelope in batch if envelope.size <= self.mailbox.largest_message_bytes]
        if not wanted:
            return {}
        try:
            return self._bodies(folder, wanted)
        except ConnectionLost as error:
            self._session.lose(error)
        except CommandRefused as error:
            log.warning("%s; fetching one by one", error)
        found: dict[int, bytes] = {}
        for envelope in wanted:
            found |= self._fetch_alone(folder, envelope)
        return found

    def _fetch_alone(self, folder: OpenFolder, envelope: Envelope) -> dict[int, bytes]:
        reason = ""
        for _ in range(2):
            try:
                return self._bodies(folder, [envelope])
            except ConnectionLost as error:
                reason = str(error)
                self._session.lose(error)
            except CommandRefused as error:
                reason = str(error)
                break
        self.skipped.append(Skipped(folder.name, folder.uidvalidity, envelope.uid, reason))
        return {}

    def _bodies(self, folder: OpenFolder, envelopes: Sequence[Envelope]) -> dict[int, bytes]:
        uids = [envelope.uid for envelope in envelopes]
        answers = self._session.once_in(
            folder,
            lambda client: client.fetch(uids, [b"BODY.PEEK[]"]),
            f"fetching {len(uids)} messages from {shown(folder.name)}",
            size=sum(envelope.size for envelope in envelopes),
        )
        return {uid: answer[_BODY] for uid, answer in answers.items() if answer.get(_BODY) is not None}


def _gmail_id(answer: object) -> int | None:
    # 64 bits without a sign; the store has one, and Gmail counts its first bits up with time, to be full in 2248.
    return answer if isinstance(answer, int) and 0 < answer < 2**63 else None


def _message(mailbox: Mailbox, folder: OpenFolder, envelope: Envelope, content: bytes) -> Message:
    return Message(
        place=f"{mailbox.name}/{folder.name}/{envelope.uid}",
        content=content,
        operator_named=False,
        mailbox=mailbox.name,
        folder=folder.name,
        uidvalidity=folder.uidvalidity,
        uid=envelope.uid,
        size=envelope.size,
        gmail_id=envelope.gmail_id,
    )


def open_mailbox(mailbox: Mailbox, credential: Credential) -> MailboxSession:
    """A session for one run on `mailbox`; `credential` is its password or the source of its access tokens."""
    return MailboxSession(ImapSession(mailbox, credential))
