"""One login to an IMAP server that survives lost connections: TLS, wall-clock deadlines, back-off, UIDVALIDITY.

It knows how to talk safely, not which messages matter. Every command runs under a deadline of real time, because a
socket's timeout counts per receive and a dripping server would hold us for ever. A UID command is sent only in the
folder and under the UIDVALIDITY that its UIDs were read under.
"""

import contextlib
import imaplib
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, LoginError, ProtocolError
from imapclient.imap4 import IMAP4WithTimeout

from ingest.credentials import Secret
from ingest.mailbox_errors import (
    CommandRefused,
    ConfigurationError,
    ConnectionLost,
    FolderRenewed,
    LoginRefused,
    MailboxError,
    Refused,
    TryAgainLater,
    means_later,
    shown,
)
from ingest.mailbox_options import Mailbox, is_loopback

log = logging.getLogger(__name__)

RECONNECTS_PER_RUN = 5
SLOWEST_BYTES_PER_SECOND = 65_536
_LONGEST_PAUSE_SECONDS = 60
_LOGOUT_SECONDS = 5
# Beside the messages asked for, an answer holds lines; no literal of it may be longer than the largest message.
_SPARE_BYTES = 65_536

T = TypeVar("T")


class TokenProvider(Protocol):
    """Gives an OAuth access token; with `renew` one that was not given before."""

    def __call__(self, *, renew: bool = False) -> Secret: ...


Credential = Secret | TokenProvider


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A folder as the last SELECT (or, when `read_only`, EXAMINE) showed it."""

    name: str
    uidvalidity: int
    messages: int
    read_only: bool


def trusted_context(mailbox: Mailbox) -> ssl.SSLContext:
    """TLS 1.2 or newer with certificate and host name verified, against the system's or the mailbox's own authorities.

    Raises ConfigurationError when `ca_file` cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=mailbox.ca_file)
    except OSError as error:
        raise ConfigurationError(
            f"mailbox {mailbox.name}: ca_file {mailbox.ca_file} cannot be used: {error.strerror or 'no certificate'}"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Watch:
    """Shuts one connection when a command outlives its deadline.

    It holds a duplicate of the socket: the connection then ends for both, also in the middle of a TLS handshake.
    """

    def __init__(self) -> None:
        self.expired = False
        self._socket: socket.socket | None = None

    def follow(self, connection: socket.socket) -> None:
        self._socket = connection.dup()
        if self.expired:
            self._shut()

    @contextlib.contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(max(seconds, 0.001), self.expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            if self.expired:
                raise TimeoutError("no end within the deadline") from None

    def expire(self) -> None:
        """End the connection now."""
        self.expired = True
        self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Plain(IMAP4WithTimeout):  # type: ignore[misc] # IMAPClient has no type information
    """A connection without TLS, or one that STARTTLS will secure, followed by a watch from its first byte."""

    def __init__(self, mailbox: Mailbox, watch: _Watch, context: ssl.SSLContext | None = None) -> None:
        self._watch = watch
        self._context = context
        self._longest_literal = mailbox.largest_message_bytes + _SPARE_BYTES
        super().__init__(mailbox.host, mailbox.port, mailbox.seconds_to_connect)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        connection: socket.socket = super()._create_socket(timeout)
        # IMAPClient sends a command in pieces; without this each waits for the other side's delayed ACK (40 ms).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch.follow(connection)
        if self._context is None:
            return connection
        return self._context.wrap_socket(connection, server_hostname=self.host)

    def read(self, size: int) -> bytes:
        if size > self._longest_literal:
            raise imaplib.IMAP4.abort(f"the server announced {size} bytes in one piece")
        answer: bytes = super().read(size)
        return answer


class Client(IMAPClient):  # type: ignore[misc] # as above
    """IMAPClient over a watched connection, with the response codes that it drops."""

    def __init__(self, mailbox: Mailbox, watch: _Watch, context: ssl.SSLContext) -> None:
        self._mailbox = mailbox
        self._watch = watch
        timeout = SocketTimeout(mailbox.seconds_to_connect, mailbox.seconds_of_silence)
        tls = mailbox.security == "tls"
        super().__init__(mailbox.host, mailbox.port, ssl=tls, ssl_context=context, timeout=timeout)
        # IMAPClient would give every line, passwords and mail, to a debug log.
        self._imap._mesg = _unlogged

    def _create_IMAP4(self) -> _Plain:  # noqa: N802 (IMAPClient's own name)
        return _Plain(self._mailbox, self._watch, self.ssl_context if self.ssl else None)

    def take_code(self, code: str) -> list[bytes]:
        """The values of a response code (RFC 5530) that came since it was last taken."""
        return [value or b"" for value in self._imap.untagged_responses.pop(code, [])]


def _unlogged(*_: object) -> None:
    """Nothing of what goes over the line is logged."""


@dataclass(slots=True)
class _Line:
    """One live connection and what is selected in it."""

    client: Client
    watch: _Watch
    selected: OpenFolder | None = None


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
        self._credential = credential
        self._context = trusted_context(mailbox)
        self._pause = pause
        self._jitter = jitter
        self._reconnects = reconnects
        self._until = time.monotonic() + mailbox.seconds_per_run
        self._line: _Line | None = None
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
            self._line = self._connected()

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
            _abandon(line)
        line.watch.release()

    def abandon(self) -> None:
        """Cut the connection without a word; a command that waits in another thread ends with an error."""
        line = self._line
        if line is not None:
            line.watch.expire()

    # ------------------------------------------------------------------ connections

    def _connected(self) -> _Line:
        watch = _Watch()
        doing = f"connecting to {self.mailbox.host}:{self.mailbox.port}"
        try:
            with _translated(self.mailbox, doing), watch.limit(self._seconds(self.mailbox.seconds_per_command)):
                client = _opened(self.mailbox, watch, self._context)
            line = _Line(client, watch)
        except BaseException:
            watch.expire()
            watch.release()
            raise
        try:
            self._secure(line)
            self._log_in(line)
        except BaseException:
            _abandon(line)
            line.watch.release()
            raise
        return line

    def _secure(self, line: _Line) -> None:
        if self.mailbox.security == "starttls":
            with (
                _translated(self.mailbox, "starting TLS"),
                line.watch.limit(self._seconds(self.mailbox.seconds_per_command)),
            ):
                line.client.starttls(self._context)
        if self.mailbox.security == "plain" and not is_loopback(line.client.socket().getpeername()[0]):
            raise Refused(f"mailbox {self.mailbox.name}: {self.mailbox.host} is not this machine; use tls or starttls")

    def _log_in(self, line: _Line) -> None:
        credential = self._credential
        if isinstance(credential, Secret):
            self._authenticate(line, lambda: _log_in_with_password(line.client, self.mailbox, credential))
            return
        token = credential()
        try:
            self._authenticate(line, lambda: _log_in_with_token(line.client, self.mailbox, token))
        except LoginRefused:
            fresh = credential(renew=True)
            self._authenticate(line, lambda: _log_in_with_token(line.client, self.mailbox, fresh))

    def _authenticate(self, line: _Line, send: Callable[[], None]) -> None:
        try:
            with (
                _translated(self.mailbox, "logging in"),
                line.watch.limit(self._seconds(self.mailbox.seconds_per_command)),
            ):
                send()
                line.client.capabilities()
        except CommandRefused as error:
            raise LoginRefused(f"{error}; {_login_advice(self.mailbox)}") from None
        self._note_codes(line)

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
            _abandon(line)
            line.watch.release()

    # ------------------------------------------------------------------ commands

    def _command(self, command: Callable[[Client], T], doing: str, size: int) -> T:
        self.connect()
        line = self._line
        assert line is not None  # noqa: S101 (connect raises or sets it; says so to the type checker)
        seconds = self._seconds(self.mailbox.seconds_per_command + size / SLOWEST_BYTES_PER_SECOND)
        with _translated(self.mailbox, doing), line.watch.limit(seconds):
            answer = command(line.client)
        self._note_codes(line)
        return answer

    def _seconds(self, limit: float) -> float:
        return min(limit, self.seconds_left)

    def _note_codes(self, line: _Line) -> None:
        if line.client.take_code("THROTTLED"):
            self.throttled = True

    def _ensure_selected(self, folder: OpenFolder) -> None:
        selected = self._line.selected if self._line else None
        if selected is None or (selected.name, selected.read_only) != (folder.name, folder.read_only):
            selected = self._select(folder.name, read_only=folder.read_only)
        if selected.uidvalidity != folder.uidvalidity:
            raise _renewed(self.mailbox, folder)

    def _select(self, folder: str, *, read_only: bool) -> OpenFolder:
        line = self._line
        if line is not None:
            line.selected = None
        answer = self._command(
            lambda client: client.select_folder(folder, readonly=read_only), f"opening folder {shown(folder)}", 0
        )
        if b"UIDVALIDITY" not in answer:
            raise Refused(f"mailbox {self.mailbox.name}: folder {shown(folder)} has no UIDVALIDITY (RFC 3501 2.3.1.1)")
        opened = OpenFolder(folder, answer[b"UIDVALIDITY"], answer[b"EXISTS"], read_only)
        if self._line is not None:
            self._line.selected = opened
            self._line.client.take_code("UIDVALIDITY")
        return opened

    def _refuse_renewed(self, folder: OpenFolder) -> None:
        # RFC 3501 section 7.1 lets a server announce another value at any time.
        line = self._line
        if line is None:
            return
        if any(value != str(folder.uidvalidity).encode() for value in line.client.take_code("UIDVALIDITY")):
            line.selected = None
            raise _renewed(self.mailbox, folder)


def _opened(mailbox: Mailbox, watch: _Watch, context: ssl.SSLContext) -> Client:
    try:
        return Client(mailbox, watch, context)
    except ssl.SSLEOFError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise Refused(
            f"mailbox {mailbox.name}: the certificate of {mailbox.host} is refused ({shown(error.verify_message)}); "
            "correct host, or name the authority's file as ca_file; no password was sent"
        ) from None
    except ssl.SSLError as error:
        raise Refused(
            f"mailbox {mailbox.name}: no TLS 1.2 on port {mailbox.port} ({shown(error.reason)}); "
            "993 is for security = tls, 143 for starttls"
        ) from None
    except socket.gaierror as error:
        raise ConnectionLost(
            f"mailbox {mailbox.name}: the name {mailbox.host} is not found ({error.strerror})"
        ) from None


def _renewed(mailbox: Mailbox, folder: OpenFolder) -> FolderRenewed:
    return FolderRenewed(f"mailbox {mailbox.name}: folder {shown(folder.name)} has another UIDVALIDITY than before")


def _abandon(line: _Line) -> None:
    with contextlib.suppress(imaplib.IMAP4.error, OSError, ValueError):
        line.client.shutdown()


def _log_in_with_password(client: Client, mailbox: Mailbox, password: Secret) -> None:
    # AUTHENTICATE PLAIN carries UTF-8 (RFC 4616); the LOGIN command only ASCII.
    if client.has_capability("AUTH=PLAIN"):
        client.plain_login(mailbox.user, password.reveal())
    elif client.has_capability("LOGINDISABLED"):
        raise Refused(f"mailbox {mailbox.name}: the server takes no password here; use tls, starttls or oauth2")
    elif not (mailbox.user + password.reveal()).isascii():
        raise Refused(f"mailbox {mailbox.name}: this server takes only ASCII in user and password")
    else:
        client.login(mailbox.user, password.reveal())


def _log_in_with_token(client: Client, mailbox: Mailbox, token: Secret) -> None:
    if not client.has_capability("AUTH=XOAUTH2"):
        raise Refused(f"mailbox {mailbox.name}: the server offers no XOAUTH2; use login = password")
    answers = iter([f"user={mailbox.user}\1auth=Bearer {token.reveal()}\1\1"])
    # A refusal comes as a challenge first, to be answered with an empty line.
    client.sasl_login("XOAUTH2", lambda _: next(answers, ""))


def _login_advice(mailbox: Mailbox) -> str:
    if mailbox.login == "oauth2":
        return f"run `sekisho mailbox authorize {mailbox.name}` and allow IMAP for this account"
    return "check user and password; Gmail wants an app password, Microsoft 365 wants oauth2"


@contextlib.contextmanager
def _translated(mailbox: Mailbox, doing: str) -> Iterator[None]:
    where = f"mailbox {mailbox.name}: {doing}"
    try:
        yield
    except MailboxError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise Refused(
            f"{where}: the certificate is refused ({shown(error.verify_message)}); no password was sent"
        ) from None
    except CapabilityError as error:
        raise Refused(f"{where}: {shown(error)}; no password was sent") from None
    except imaplib.IMAP4.readonly as error:
        raise Refused(f"{where}: {shown(error)}; get the right to write, or use after = leave") from None
    except (imaplib.IMAP4.abort, ProtocolError) as error:
        raise ConnectionLost(f"{where}: {shown(error)}") from None
    except LoginError as error:
        raise _login_error(where, error) from None
    except imaplib.IMAP4.error as error:
        raise _command_error(where, error) from None
    except (OSError, EOFError) as error:
        raise ConnectionLost(f"{where}: {shown(error) or type(error).__name__}") from None
    except (ValueError, LookupError, TypeError) as error:
        raise ConnectionLost(f"{where}: the answer cannot be read ({type(error).__name__})") from None


def _login_error(where: str, error: LoginError) -> MailboxError:
    # IMAPClient makes a LoginError of a dead connection too; what happened is its context.
    if isinstance(error.__context__, imaplib.IMAP4.abort) or means_later(str(error)):
        return ConnectionLost(f"{where}: {shown(error)}")
    return CommandRefused(f"{where}: {shown(error)}")


def _command_error(where: str, error: imaplib.IMAP4.error) -> MailboxError:
    if means_later(str(error)):
        return TryAgainLater(f"{where}: {shown(error)}")
    return CommandRefused(f"{where}: {shown(error)}")
