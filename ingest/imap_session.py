"""One login to an IMAP server that survives lost connections: wall-clock deadlines, back-off, UIDVALIDITY.

It knows how to talk safely, not which messages matter. A UID command is sent only in the folder and under the
UIDVALIDITY that its UIDs were read under.
"""

import imaplib
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ingest.imap_client import Client, translated, trusted_context
from ingest.imap_login import Credential, Entrance, Line
from ingest.mailbox_errors import ConnectionLost, FolderRenewed, Refused, TryAgainLater, shown
from ingest.mailbox_options import Mailbox

log = logging.getLogger(__name__)

RECONNECTS_PER_RUN = 5
SLOWEST_BYTES_PER_SECOND = 65_536
_LONGEST_PAUSE_SECONDS = 60
_LOGOUT_SECONDS = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A folder as the last SELECT (or, when `read_only`, EXAMINE) showed it."""

    name: str
    uidvalidity: int
    messages: int
    read_only: bool


class ImapSession:
    """Commands on one mailbox, with connections made and made again as needed. Not for two threads at once.

    `pause` waits the given seconds before a new connection; `jitter` gives numbers in 0..1 that spread many clients.
    `throttled` becomes true once the server answered with [THROTTLED].
    """

    def __init__(
        self,
        mailbox: Mailbox,
        credential: Credential,
        *,
        pause: Callable[[float], object] = time.sleep,
        jitter: Callable[[], float] = random.random,
        reconnects: int = RECONNECTS_PER_RUN,
    ) -> None:
        self.mailbox = mailbox
        self.throttled = False
        self._entrance = Entrance(
            mailbox, credential, trusted_context(mailbox), lambda: self._seconds(mailbox.seconds_per_command)
        )
        self._pause = pause
        self._jitter = jitter
        self._reconnects = reconnects
        self._until = time.monotonic() + mailbox.seconds_per_run
        self._line: Line | None = None
        self._selected: OpenFolder | None = None
        self._losses = 0

    @property
    def seconds_left(self) -> float:
        """Wall-clock time left of this run."""
        return self._until - time.monotonic()

    def extend(self, seconds: float) -> None:
        """Allow at least `seconds` from now, to file away what is already stored."""
        self._until = max(self._until, time.monotonic() + seconds)

    def connect(self) -> None:
        """Connect and log in, once, unless it is done. Raises every kind of MailboxError."""
        if self._line is None:
            self._selected = None
            self._line = self._entrance.line()
            self._note_codes(self._line)

    def capable(self, capability: str) -> bool:
        """Whether the server announced a capability after login."""
        return self.run(lambda client: bool(client.has_capability(capability)), "reading the capabilities")

    def run(self, command: Callable[[Client], T], doing: str, *, size: int = 0) -> T:
        """Send a command, in a new connection when the old one is dead; it must be harmless to repeat.

        `doing` says what for in errors; `size` is the bytes expected and lengthens the deadline.
        """
        return self._persistently(lambda: self._command(command, doing, size))

    def open(self, folder: str, *, read_only: bool) -> OpenFolder:
        """Select a folder anew and return what the server says about it."""

        def select() -> OpenFolder:
            self.connect()
            return self._select(folder, read_only=read_only)

        return self._persistently(select)

    def run_in(self, folder: OpenFolder, command: Callable[[Client], T], doing: str, *, size: int = 0) -> T:
        """As `run`, for a command with UIDs of `folder`. Raises FolderRenewed when these UIDs are void."""

        def attempt() -> T:
            self.connect()
            self._ensure_selected(folder)
            answer = self._command(command, doing, size)
            self._refuse_renewed(folder)
            return answer

        return self._persistently(attempt)

    def once_in(self, folder: OpenFolder, command: Callable[[Client], T], doing: str, *, size: int = 0) -> T:
        """As `run_in`, without a second attempt: ConnectionLost reaches the caller."""
        self._persistently(self.connect)
        self._ensure_selected(folder)
        answer = self._command(command, doing, size)
        self._refuse_renewed(folder)
        return answer

    def search(self, folder: OpenFolder, criteria: Sequence[str]) -> list[int]:
        """The UIDs in `folder` that meet these criteria (RFC 3501 section 6.4.4)."""
        return list(self.run_in(folder, lambda client: client.search(criteria), f"searching {shown(folder.name)}"))

    def lose(self, error: ConnectionLost) -> None:
        """Count a connection that a caller saw die, wait, and let the next command make a new one.

        Raises TryAgainLater when this run has used up its connections or its time.
        """
        self._discard()
        self._losses += 1
        if self._losses > self._reconnects:
            raise TryAgainLater(f"{error}; gave up after {self._reconnects} new connections") from error
        pause = min(_LONGEST_PAUSE_SECONDS, 2 ** (self._losses - 1)) * (0.5 + self._jitter() / 2)
        if pause >= self.seconds_left:
            raise TryAgainLater(f"{error}; no time is left in this run to connect again") from error
        log.warning("%s; connecting again in %.1f s", error, pause)
        self._pause(pause)

    def close(self) -> None:
        """Log out if the connection lives; never raises for what the server does."""
        line, self._line = self._line, None
        if line is None:
            return
        try:
            with line.watch.limit(_LOGOUT_SECONDS):
                line.client.logout()
        except (imaplib.IMAP4.error, OSError, ValueError):
            line.cut()
        else:
            line.watch.release()

    def abandon(self) -> None:
        """Cut the connection without a word; a command that waits in another thread ends with an error."""
        line = self._line
        if line is not None:
            line.watch.expire()

    # ------------------------------------------------------------------ connections

    def _persistently(self, attempt: Callable[[], T]) -> T:
        while True:
            if self.seconds_left <= 0:
                raise TryAgainLater(f"mailbox {self.mailbox.name}: the time of this run is used up")
            try:
                return attempt()
            except ConnectionLost as error:
                self.lose(error)

    def _discard(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.cut()

    # ------------------------------------------------------------------ commands

    def _command(self, command: Callable[[Client], T], doing: str, size: int) -> T:
        self.connect()
        line = self._line
        assert line is not None  # noqa: S101 (connect raises or sets it; says so to the type checker)
        seconds = self._seconds(self.mailbox.seconds_per_command + size / SLOWEST_BYTES_PER_SECOND)
        with translated(self.mailbox, doing), line.watch.limit(seconds):
            answer = command(line.client)
        self._note_codes(line)
        return answer

    def _seconds(self, limit: float) -> float:
        return min(limit, self.seconds_left)

    def _note_codes(self, line: Line) -> None:
        if line.client.take_code("THROTTLED"):
            self.throttled = True

    def _ensure_selected(self, folder: OpenFolder) -> None:
        selected = self._selected if self._line else None
        if selected is None or (selected.name, selected.read_only) != (folder.name, folder.read_only):
            selected = self._select(folder.name, read_only=folder.read_only)
        if selected.uidvalidity != folder.uidvalidity:
            raise _renewed(self.mailbox, folder)

    def _select(self, folder: str, *, read_only: bool) -> OpenFolder:
        self._selected = None
        answer = self._command(
            lambda client: client.select_folder(folder, readonly=read_only), f"opening folder {shown(folder)}", 0
        )
        if b"UIDVALIDITY" not in answer:
            raise Refused(f"mailbox {self.mailbox.name}: folder {shown(folder)} has no UIDVALIDITY (RFC 3501 2.3.1.1)")
        opened = OpenFolder(folder, answer[b"UIDVALIDITY"], answer[b"EXISTS"], read_only)
        self._selected = opened
        if self._line is not None:
            self._line.client.take_code("UIDVALIDITY")
        return opened

    def _refuse_renewed(self, folder: OpenFolder) -> None:
        # RFC 3501 section 7.1 lets a server announce another value at any time.
        line = self._line
        if line is None:
            return
        if any(value != str(folder.uidvalidity).encode() for value in line.client.take_code("UIDVALIDITY")):
            self._selected = None
            raise _renewed(self.mailbox, folder)


def _renewed(mailbox: Mailbox, folder: OpenFolder) -> FolderRenewed:
    return FolderRenewed(f"mailbox {mailbox.name}: folder {shown(folder.name)} has another UIDVALIDITY than before")
