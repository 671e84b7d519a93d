"""Which mails of a mailbox are new, their bytes, and filing them away once they are stored.

Flags stay as they are, nothing is deleted, no folder is ever expunged as a whole. One thread owns the connection and
fetches the next batch while the caller reads this one; at most two batches are in memory. Errors: `mailbox_errors`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Literal, ParamSpec, Protocol, Self, TypeVar

from imapclient import DELETED

from ingest.imap_session import Client, Credential, ImapSession, OpenFolder
from ingest.mailbox_errors import (
    CommandRefused,
    ConfigurationError,
    ConnectionLost,
    FolderRenewed,
    Refused,
    TryAgainLater,
    shown,
)
from ingest.mailbox_options import Mailbox
from ingest.reading import Message

log = logging.getLogger(__name__)

BATCH_BYTES = 4 * 1024 * 1024
BATCH_MESSAGES = 100
# Servers may refuse command lines above 8,192 bytes; a UID takes up to eleven.
SIZES_AT_ONCE = 500
MOVES_AT_ONCE = 200
# The answer to SEARCH is one line, Python's imaplib refuses lines above 1,000,000 bytes, and taking one apart costs
# memory many times its length.
SEARCHED_AT_ONCE = 10_000
GMAIL = "X-GM-EXT-1"
_RESCANS = 3
_BODY = b"BODY[]"

T = TypeVar("T")
Given = ParamSpec("Given")
Target = Literal["processed", "quarantine"]
Stop = Literal["messages", "bytes", "bytes of the day", "seconds"]


class Known(Protocol):
    """Which of these UIDs the ledger has as done."""

    def __call__(self, folder: str, uidvalidity: int, uids: Sequence[int], /) -> AbstractSet[int]: ...


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """A stored message to file away. `folder` is the server's name, as in `Message.folder`."""

    folder: str
    uidvalidity: int
    to: Target
    uid: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a mail before its download. `gmail_id` names the same mail under every label."""

    uid: int
    size: int
    gmail_id: int | None = None


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
        self._folders: FolderNames | None = None
        self._gmail_seen: dict[int, str] = {}
        self._copied: set[Move] = set()

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

    def messages(self, known: Known, *, bytes_left_today: int | None = None) -> Iterator[Message]:
        """Every mail that `known` does not have, oldest first, folder by folder, until a budget ends the run.

        A mail above the size limit comes with empty content and its size. Mails that others removed meanwhile are
        left out. Raises TryAgainLater after the last mail that could be had, when the server throttles or is gone;
        ConfigurationError or Refused when a person must act. `bytes_left_today` is what today's runs left over.
        """
        self.stopped = None
        budget = self._budget(bytes_left_today)
        for name in self.mailbox.folders:
            folder = self._do(self._existing_folder, name)
            yield from self._folder_messages(folder, known, budget)
            if self.stopped:
                return

    def _budget(self, bytes_left_today: int | None) -> "Budget":
        left_today = self.mailbox.bytes_per_day if bytes_left_today is None else bytes_left_today
        return Budget(self.mailbox.messages_per_run, self.mailbox.bytes_per_run, left_today)

    def _folder_messages(self, name: str, known: Known, budget: "Budget") -> Iterator[Message]:
        for _ in range(_RESCANS):
            try:
                yield from self._scan(name, known, budget)
            except FolderRenewed as error:
                log.warning("%s; reading the folder again", error)
            else:
                return
        raise TryAgainLater(f"mailbox {self.mailbox.name}: folder {shown(name)} changes its UIDVALIDITY all the time")

    def _scan(self, name: str, known: Known, budget: "Budget") -> Iterator[Message]:
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

    def _batches(self, folder: OpenFolder, uids: Sequence[int], budget: "Budget") -> Iterator[Sequence[Envelope]]:
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
            yield [envelope for envelope in envelopes if self._first_sight(folder, envelope)]

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
        for _, group in groupby(sorted(set(moves)), key=lambda move: (move.folder, move.uidvalidity, move.to)):
            together = list(group)
            for start in range(0, len(together), MOVES_AT_ONCE):
                some = together[start : start + MOVES_AT_ONCE]
                filed |= self._do(self._file, some)
        return frozenset(filed)

    def _file(self, moves: Sequence[Move]) -> set[Move]:
        folder = OpenFolder(moves[0].folder, moves[0].uidvalidity, 0, read_only=False)
        try:
            left = self._carried(folder, moves)
        except FolderRenewed:
            return set()
        return {move for move in moves if move.uid not in left}

    def _carried(self, folder: OpenFolder, moves: Sequence[Move]) -> set[int]:
        """Move and return the UIDs that are still there.

        A refusal is taken once for news: of mails that others removed (then the rest is moved), or of a target
        folder that is gone (then it is made anew).
        """
        try:
            self._carry(folder, moves, self._target_folder(moves[0].to))
        except CommandRefused as error:
            log.warning("%s; trying once more", error)
            self._folders = None
        else:
            return self._present(folder, moves)
        left = self._present(folder, moves)
        return self._carried_again(folder, [move for move in moves if move.uid in left]) if left else left

    def _carried_again(self, folder: OpenFolder, moves: Sequence[Move]) -> set[int]:
        try:
            self._carry(folder, moves, self._target_folder(moves[0].to))
        except CommandRefused as error:
            raise Refused(f"{error}; the mails are stored, and stay where they are") from None
        return self._present(folder, moves)

    def _carry(self, folder: OpenFolder, moves: Sequence[Move], target: str) -> None:
        uids = [move.uid for move in moves]
        doing = f"moving {len(uids)} messages to {shown(target)}"
        if self._session.capable(GMAIL):
            self._session.run_in(folder, lambda client: _relabel(client, uids, folder.name, target), doing)
        elif self._session.capable("MOVE"):
            self._session.run_in(folder, lambda client: client.move(uids, target), doing)
        elif self._session.capable("UIDPLUS"):
            self._session.run_in(folder, lambda client: self._copy_and_expunge(client, moves, target), doing)
        else:
            log.info("mailbox %s: the server can neither MOVE nor UIDPLUS; mails stay", self.mailbox.name)

    def _copy_and_expunge(self, client: Client, moves: Sequence[Move], target: str) -> None:
        fresh = [move for move in moves if move not in self._copied]
        if fresh:
            client.copy([move.uid for move in fresh], target)
            codes = client.take_code("COPYUID")
            self._copied |= {move for move in fresh if any(names_as_copied(code, move.uid) for code in codes)}
        safe = [move.uid for move in moves if move in self._copied]
        if safe:
            client.add_flags(safe, [DELETED], silent=True)
            client.uid_expunge(safe)

    def _present(self, folder: OpenFolder, moves: Sequence[Move]) -> set[int]:
        uids = {move.uid for move in moves}
        return uids & set(self._search(folder, ["UID", uid_set(uids)]))

    # ------------------------------------------------------------------ in the connection's own thread

    def _do(self, work: Callable[Given, T], *given: Given.args, **named: Given.kwargs) -> T:
        return self._worker.submit(work, *given, **named).result()

    def _open(self, name: str) -> OpenFolder:
        return self._session.open(name, read_only=self.mailbox.after == "leave")

    def _search(self, folder: OpenFolder, criteria: Sequence[str]) -> list[int]:
        doing = f"searching {shown(folder.name)}"
        return list(self._session.run_in(folder, lambda client: client.search(criteria), doing))

    def _waiting(self, folder: OpenFolder) -> list[int]:
        found: list[int] = []
        for first in range(1, folder.messages + 1, SEARCHED_AT_ONCE):
            window = f"{first}:{min(first + SEARCHED_AT_ONCE - 1, folder.messages)}"
            found.extend(self._search(folder, [window, "NOT", "DELETED"]))
        return sorted(found)

    def _sizes(self, folder: OpenFolder, uids: Sequence[int]) -> list[Envelope]:
        wanted = [b"RFC822.SIZE", b"FLAGS"] + ([b"X-GM-MSGID"] if self._session.capable(GMAIL) else [])
        answers = self._session.run_in(folder, lambda client: client.fetch(uids, wanted), "reading sizes")
        return [
            Envelope(uid, answer[b"RFC822.SIZE"], answer.get(b"X-GM-MSGID"))
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

    # ------------------------------------------------------------------ folders

    def _folder_names(self) -> "FolderNames":
        if self._folders is None:
            self._folders = self._session.run(read_folder_names, "listing folders")
        return self._folders

    def _existing_folder(self, name: str) -> str:
        names = self._folder_names()
        found = names.find(name)
        if found is None:
            there = ", ".join(sorted(names.names)[:20])
            raise ConfigurationError(
                f"mailbox {self.mailbox.name}: there is no folder {name}; there are: {shown(there)}"
            )
        return found

    def _target_folder(self, to: Target) -> str:
        name = self.mailbox.processed if to == "processed" else self.mailbox.quarantine
        found = self._folder_names().find(name)
        return found if found is not None else self._create_folder(name)

    def _create_folder(self, name: str) -> str:
        path = self._folder_names().path(name)
        try:
            self._session.run(lambda client: client.create_folder(path), f"creating folder {shown(path)}")
        except CommandRefused as error:
            refusal = str(error)
        else:
            refusal = ""
        self._folders = None
        if self._folder_names().find(name) is None:
            raise ConfigurationError(
                f"{refusal or 'the folder is not there after it was created'}; "
                f"make the folder {name} in mailbox {self.mailbox.name} by hand, or name another"
            )
        return path


@dataclass(frozen=True, slots=True)
class FolderNames:
    """The selectable folders of an account, its hierarchy delimiter and the prefix of its own folders."""

    names: frozenset[str]
    delimiter: str
    prefix: str

    def find(self, name: str) -> str | None:
        """The folder that `name` means: as the server spells it, with its delimiter, or under its prefix."""
        if name.upper() == "INBOX":
            return "INBOX"
        for spelt in (name, self._translated(name), self.path(name)):
            if spelt in self.names:
                return spelt
        return None

    def path(self, name: str) -> str:
        """What a folder called `name` would be called on the server."""
        path = self._translated(name)
        return path if path.startswith(self.prefix) else self.prefix + path

    def _translated(self, name: str) -> str:
        return name.replace("/", self.delimiter or "-")


def read_folder_names(client: Client) -> FolderNames:
    """Ask the server for its folders (RFC 3501 section 6.3.8) and namespace (RFC 2342)."""
    listed = [(flags, delimiter, name) for flags, delimiter, name in client.list_folders() if isinstance(name, str)]
    closed = {b"\\NOSELECT", b"\\NONEXISTENT"}
    names = frozenset(name for flags, _, name in listed if not closed & {flag.upper() for flag in flags})
    delimiters = [delimiter.decode() for _, delimiter, _ in listed if delimiter]
    return FolderNames(names, delimiters[0] if delimiters else "", _personal_prefix(client))


def _personal_prefix(client: Client) -> str:
    if not client.has_capability("NAMESPACE"):
        return ""
    personal = client.namespace().personal
    return str(personal[0][0]) if personal else ""


@dataclass(slots=True)
class Budget:
    """What a run may still take. Mails that are too big cost nothing: they are not downloaded."""

    messages: int
    bytes_of_run: int
    bytes_of_day: int

    def take(self, batch: Sequence[Envelope], largest: int) -> tuple[Sequence[Envelope], Stop | None]:
        """Pay for the first mails of a batch; returns them, and the budget that the next one would have broken."""
        taken: list[Envelope] = []
        for envelope in batch:
            cost = _cost(envelope, largest)
            stop = self._refusal(cost)
            if stop:
                return taken, stop
            self.messages -= 1
            self.bytes_of_run -= cost
            self.bytes_of_day -= cost
            taken.append(envelope)
        return taken, None

    def _refusal(self, cost: int) -> Stop | None:
        if not self.messages:
            return "messages"
        if cost > self.bytes_of_run:
            return "bytes"
        return "bytes of the day" if cost > self.bytes_of_day else None


def batches(envelopes: Sequence[Envelope], largest: int) -> Iterator[list[Envelope]]:
    """Split mails, in order, into batches of at most 100 mails and 4 MiB; a bigger mail comes alone."""
    batch: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        cost = _cost(envelope, largest)
        if batch and (size + cost > BATCH_BYTES or len(batch) == BATCH_MESSAGES):
            yield batch
            batch, size = [], 0
        batch.append(envelope)
        size += cost
    if batch:
        yield batch


def _cost(envelope: Envelope, largest: int) -> int:
    return envelope.size if envelope.size <= largest else 0


def uid_set(uids: Iterable[int]) -> str:
    """UIDs as a sequence set (RFC 3501 section 9), runs of neighbours joined: 1,2,3,7 becomes 1:3,7."""
    runs: list[list[int]] = []
    for uid in sorted(set(uids)):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(f"{first}:{last}" if last > first else str(first) for first, last in runs)


def names_as_copied(code: bytes, uid: int) -> bool:
    """Whether a COPYUID response code (RFC 4315 section 3), as `38505 304,319:320 3956:3958`, names a source UID."""
    words = code.split()
    if len(words) != 3:
        return False
    ranges = [[int(end) for end in part.split(b":")] for part in words[1].split(b",")]
    return any(min(ends) <= uid <= max(ends) for ends in ranges)


def _relabel(client: Client, uids: Sequence[int], source: str, target: str) -> None:
    # In Gmail a folder is a label. What EXPUNGE does to it is the account owner's setting, so only labels are changed.
    client.add_gmail_labels(uids, [target], silent=True)
    client.remove_gmail_labels(uids, ["\\Inbox" if source == "INBOX" else source], silent=True)


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
    )


def open_mailbox(mailbox: Mailbox, credential: Credential) -> MailboxSession:
    """A session for one run on `mailbox`; `credential` is its password or the source of its access tokens."""
    return MailboxSession(ImapSession(mailbox, credential))
