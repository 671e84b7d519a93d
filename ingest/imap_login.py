"""One connection that is secured and logged in, by password or by OAuth token, before anybody may use it."""

import contextlib
import imaplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ingest.credentials import Secret
from ingest.imap_client import Client, Watch, opened, translated
from ingest.mailbox_errors import CommandRefused, LoginRefused, Refused
from ingest.mailbox_options import Mailbox, is_loopback


class TokenProvider(Protocol):
    """Gives an OAuth access token; with `renew` one that was not given before."""

    def __call__(self, *, renew: bool = False) -> Secret: ...


Credential = Secret | TokenProvider


@dataclass(frozen=True, slots=True)
class Line:
    """One live connection and the watch that ends it."""

    client: Client
    watch: Watch

    def cut(self) -> None:
        """Close it without a word."""
        with contextlib.suppress(imaplib.IMAP4.error, OSError, ValueError):
            self.client.shutdown()
        self.watch.release()


@dataclass(frozen=True, slots=True)
class Entrance:
    """How to get into one mailbox; `seconds` says how long the next command may take."""

    mailbox: Mailbox
    credential: Credential
    context: ssl.SSLContext
    seconds: Callable[[], float]

    def line(self) -> Line:
        """Connect, secure and log in. Raises every kind of MailboxError."""
        line = self._connected()
        try:
            self._secure(line)
            self._log_in(line)
        except BaseException:
            line.cut()
            raise
        return line

    def _connected(self) -> Line:
        watch = Watch()
        doing = f"connecting to {self.mailbox.host}:{self.mailbox.port}"
        try:
            with translated(self.mailbox, doing), watch.limit(self.seconds()):
                return Line(opened(self.mailbox, watch, self.context), watch)
        except BaseException:
            watch.expire()
            watch.release()
            raise

    def _secure(self, line: Line) -> None:
        if self.mailbox.security == "starttls":
            with translated(self.mailbox, "starting TLS"), line.watch.limit(self.seconds()):
                line.client.starttls(self.context)
        if self.mailbox.security == "plain" and not is_loopback(line.client.socket().getpeername()[0]):
            raise Refused(f"mailbox {self.mailbox.name}: {self.mailbox.host} is not this machine; use tls or starttls")

    def _log_in(self, line: Line) -> None:
        credential = self.credential
        if isinstance(credential, Secret):
            self._authenticate(line, lambda: _log_in_with_password(line.client, self.mailbox, credential))
            return
        token = credential()
        try:
            self._authenticate(line, lambda: _log_in_with_token(line.client, self.mailbox, token))
        except LoginRefused:
            fresh = credential(renew=True)
            self._authenticate(line, lambda: _log_in_with_token(line.client, self.mailbox, fresh))

    def _authenticate(self, line: Line, send: Callable[[], None]) -> None:
        try:
            with translated(self.mailbox, "logging in"), line.watch.limit(self.seconds()):
                send()
                line.client.capabilities()
        except CommandRefused as error:
            raise LoginRefused(f"{error}; {_login_advice(self.mailbox)}") from None


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
