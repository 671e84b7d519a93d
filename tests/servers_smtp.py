"""A real SMTP server on loopback, with TLS and a login, which answers as a test tells it to."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from certificates import Certificates, Pair, make_certificates
from ports import free_port

from settings import Smtp

USER, PASSWORD = "sekisho", "himitsu no aikotoba"


@dataclass
class Post:
    """What the server was handed, and how it answers: `at_recipient` and `at_mail` replace its yes."""

    host: str
    port: int
    authority: Path
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    at_recipient: str | None = None
    at_mail: str | None = None

    def settings(self, **options: object) -> Smtp:
        """How to reach it."""
        usual = {"host": self.host, "port": self.port, "ca_file": self.authority, "sender": "dmarc@example.net"}
        return Smtp(**{**usual, "user": USER, "password": PASSWORD, "seconds": 20, **options})  # type: ignore[arg-type]

    async def handle_MAIL(  # noqa: N802 the server calls it so
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if not session.authenticated:
            return "530 5.7.0 log in first"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 as above
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.at_recipient:
            return self.at_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 as above
        if self.at_mail:
            return self.at_mail
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        return "250 taken"


@pytest.fixture(scope="session")
def smtp_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("smtp"))


@pytest.fixture
def start_post(smtp_certificates: Certificates) -> Iterator[Callable[..., Post]]:
    """Start servers: TLS at once, or `starttls`; with the good certificate or another."""
    running: list[Controller] = []

    def start(*, starttls: bool = False, pair: Pair | None = None) -> Post:
        context = _context(pair or smtp_certificates.good)
        post = Post("localhost", free_port(), smtp_certificates.authority)
        encrypted = {"tls_context": context, "require_starttls": True} if starttls else {"ssl_context": context}
        login = {"authenticator": _knows, "auth_require_tls": starttls}
        controller = Controller(
            post, hostname="127.0.0.1", port=post.port, server_hostname="localhost", **encrypted, **login
        )
        controller.start()
        running.append(controller)
        return post

    yield start
    for controller in running:
        controller.stop()


def _context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


def _knows(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    known = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)
