"""IMAPClient over a connection that ends at a deadline, with certificates verified and errors sorted.

Every command runs under a deadline of real time, because a socket's timeout counts per receive and a dripping server
would hold us for ever.
"""

import contextlib
import imaplib
import socket
import ssl
import threading
from collections.abc import Iterator

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, LoginError, ProtocolError
from imapclient.imap4 import IMAP4WithTimeout

from ingest.mailbox_errors import (
    CommandRefused,
    ConfigurationError,
    ConnectionLost,
    MailboxError,
    Refused,
    TryAgainLater,
    means_later,
    shown,
)
from ingest.mailbox_options import Mailbox

# Beside the messages asked for, an answer holds lines; no literal of it may be longer than the largest message.
_SPARE_BYTES = 65_536


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


class Watch:
    """Shuts one connection when a command outlives its deadline.

    It holds a duplicate of the socket: the connection then ends for both, also in the middle of a TLS handshake.
    """

    def __init__(self) -> None:
        self.expired = False
        self._socket: socket.socket | None = None

    def follow(self, connection: socket.socket) -> None:
        """Watch this connection from now on; shut it at once when the time is over already."""
        self._socket = connection.dup()
        if self.expired:
            self._shut()

    @contextlib.contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Shut the connection when what happens within takes longer than so many seconds."""
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
        """Watch no connection any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Plain(IMAP4WithTimeout):  # type: ignore[misc] # IMAPClient has no type information
    """A connection without TLS, or one that STARTTLS will secure, followed by a watch from its first byte."""

    def __init__(self, mailbox: Mailbox, watch: Watch, context: ssl.SSLContext | None = None) -> None:
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

    def __init__(self, mailbox: Mailbox, watch: Watch, context: ssl.SSLContext) -> None:
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


def opened(mailbox: Mailbox, watch: Watch, context: ssl.SSLContext) -> Client:
    """A connection to the mailbox's server, with TLS where it begins with it. Raises Refused or ConnectionLost."""
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


@contextlib.contextmanager
def translated(mailbox: Mailbox, doing: str) -> Iterator[None]:
    """What goes wrong inside, as a MailboxError that says what was being done."""
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
