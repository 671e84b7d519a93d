"""Logging in: tokens, passwords, certificates; options that cannot work; the steps of `sekisho mailbox test`."""

import logging
import ssl
import time
from pathlib import Path

import pytest
from certificates import Pair
from fakeimap import OK, FakeImap, usual_answers
from faultproxy import Fault, FaultProxy
from mailbox_sessions import Options, mail, nothing_known, opened, read_and_file, without
from ports import free_port
from servers_dovecot import (
    PASSWORD,
    Dovecot,
    access_token,
    deliver,
    folders,
)

from ingest.credentials import Secret
from ingest.imap_login import Credential
from ingest.mailbox_check import Step, check_mailbox
from ingest.mailbox_errors import ConfigurationError, LoginRefused, MailboxError, Refused, TryAgainLater
from ingest.mailbox_options import GOOGLE, Mailbox, OAuthClient

pytestmark = pytest.mark.requires_dovecot


# ---------------------------------------------------------------------- login and TLS


class Tokens:
    """A token provider that notes what it was asked for."""

    def __init__(self, first: str, renewed: str) -> None:
        self._first, self._renewed = first, renewed
        self.asked: list[bool] = []

    def __call__(self, *, renew: bool = False) -> Secret:
        self.asked.append(renew)
        return Secret(self._renewed if renew else self._first)


def with_tokens(options: Options, **given: object) -> Mailbox:
    return options(login="oauth2", password_variable=None, oauth=OAuthClient(GOOGLE, "id", token_keyring=True), **given)


def test_a_good_token_logs_in(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user)
    tokens = Tokens(access_token(user), "unused")

    with opened(with_tokens(options), tokens) as session:
        assert len(list(session.messages(nothing_known))) == 1

    assert tokens.asked == [False]


def test_an_expired_token_is_renewed_once(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user)
    tokens = Tokens(access_token(user, lasts=-10), access_token(user))

    with opened(with_tokens(options), tokens) as session:
        assert len(list(session.messages(nothing_known))) == 1

    assert tokens.asked == [False, True]


@pytest.mark.parametrize("garbage", ["garbage", access_token("user0", key=b"x" * 40)])
def test_a_token_that_stays_bad_is_refused_with_the_command_that_helps(options: Options, garbage: str) -> None:
    tokens = Tokens(garbage, garbage)

    with opened(with_tokens(options), tokens) as session, pytest.raises(LoginRefused) as refusal:
        list(session.messages(nothing_known))

    assert "sekisho mailbox authorize reports" in str(refusal.value)
    assert garbage not in str(refusal.value)
    assert tokens.asked == [False, True]


def test_a_wrong_password_is_refused_at_once_and_shown_nowhere(
    options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with opened(options(), Secret("canary-4711")) as session, pytest.raises(LoginRefused) as refusal:
        list(session.messages(nothing_known))

    assert "check user and password" in str(refusal.value)
    assert "canary" not in str(refusal.value) + caplog.text + repr(session.mailbox)


def test_nothing_of_the_conversation_is_logged(
    dovecot: Dovecot, user: str, options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    deliver(dovecot, user, b"Subject: canary-4711\r\n\r\n")

    read_and_file(options())
    answers = usual_answers("IMAP4rev1")
    with FakeImap(answers) as server, opened(options(port=server.port), Secret("canary-4712")) as session:
        list(session.messages(nothing_known))

    assert server.commands("LOGIN")
    assert "canary" not in caplog.text


def test_tls_and_starttls_are_used_when_the_certificate_is_trusted(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1))
    trust = dovecot.certificates.authority

    with FaultProxy(dovecot.port) as proxy:
        session = opened(options(security="starttls", port=proxy.port, ca_file=trust))
        with session:
            assert len(list(session.messages(nothing_known))) == 1
    with opened(options(security="tls", port=dovecot.tls_port, ca_file=trust)) as session:
        assert len(list(session.messages(nothing_known))) == 1

    assert proxy.lines("c2s", rb"STARTTLS")
    assert not proxy.lines("c2s", rb"AUTHENTICATE|LOGIN")


def _context(pair: Pair, *, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if newest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest
    return context


@pytest.mark.parametrize("kind", ["expired", "wrong_host", "self_signed"])
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_bad_certificate_is_refused_before_anything_is_sent(
    dovecot: Dovecot, options: Options, kind: str, security: str
) -> None:
    certificates = dovecot.certificates
    context = _context(getattr(certificates, kind))
    answers = usual_answers("IMAP4rev1 AUTH=PLAIN STARTTLS")
    answers["STARTTLS"] = [OK]
    server = FakeImap(answers, context, starttls=security == "starttls")

    with (
        server,
        opened(
            options(security=security, host="localhost", port=server.port, ca_file=certificates.authority)
        ) as session,
        pytest.raises(Refused, match=r"certificate.*no password was sent"),
    ):
        list(session.messages(nothing_known))

    assert [line.split()[1] for line in server.received] == (
        [b"CAPABILITY", b"STARTTLS"] if security == "starttls" else []
    )
    assert server.connections == 1


def test_a_server_known_to_no_authority_is_refused(dovecot: Dovecot, options: Options) -> None:
    with FaultProxy(dovecot.tls_port) as proxy:
        session = opened(options(security="tls", port=proxy.port))
        with session, pytest.raises(Refused, match="certificate"):
            list(session.messages(nothing_known))

    assert proxy.connections == 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_a_server_that_speaks_only_old_tls_is_refused(dovecot: Dovecot, options: Options) -> None:
    context = _context(dovecot.certificates.good, newest=ssl.TLSVersion.TLSv1_1)

    with FakeImap(usual_answers(), context) as server:
        mailbox = options(security="tls", port=server.port, ca_file=dovecot.certificates.authority)
        with opened(mailbox) as session, pytest.raises(Refused, match=r"no TLS 1\.2"):
            list(session.messages(nothing_known))

    assert server.received == []


def test_a_server_without_tls_on_the_port_is_refused_with_advice(dovecot: Dovecot, options: Options) -> None:
    with opened(options(security="tls")) as session, pytest.raises(Refused, match="993 is for security = tls"):
        list(session.messages(nothing_known))


def test_a_stripped_starttls_is_refused_before_the_password_is_sent(dovecot: Dovecot, options: Options) -> None:
    with FaultProxy(dovecot.port, without(b"STARTTLS")) as proxy:
        mailbox = options(security="starttls", port=proxy.port, ca_file=dovecot.certificates.authority)
        with opened(mailbox) as session, pytest.raises(Refused, match="no password was sent"):
            list(session.messages(nothing_known))

    assert not proxy.lines("c2s", rb"AUTHENTICATE|LOGIN")


def test_a_session_that_greets_us_as_logged_in_is_refused_where_tls_was_wanted(options: Options) -> None:
    answers = usual_answers("IMAP4rev1 AUTH=PLAIN STARTTLS")
    answers[""] = [b"* PREAUTH welcome\r\n"]

    with FakeImap(answers) as server:
        session = opened(options(security="starttls", port=server.port))
        with session, pytest.raises(MailboxError):
            list(session.messages(nothing_known))

    assert not server.commands("AUTHENTICATE")
    assert not server.commands("LIST")


def test_a_drip_within_the_tls_handshake_ends_at_the_deadline(dovecot: Dovecot, options: Options) -> None:
    short = {"seconds_per_command": 0.3, "seconds_per_run": 1}
    started = time.monotonic()

    with FaultProxy(dovecot.tls_port, [Fault("drip", "s2c", after_bytes=10, amount=20, times=0)]) as proxy:
        mailbox = options(security="tls", port=proxy.port, ca_file=dovecot.certificates.authority, **short)
        with opened(mailbox) as session, pytest.raises(TryAgainLater):
            list(session.messages(nothing_known))

    assert time.monotonic() - started < 2


# ---------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"host": "imap.example.jp"}, "readable over the network"),
        ({"password_variable": None}, "exactly one place of the password"),
        ({"password_file": Path("p")}, "exactly one place of the password"),
        ({"login": "oauth2"}, "needs the client registered"),
        ({"folders": ("INBOX", "DMARC/Processed")}, "must not be among the folders"),
        ({"port": 0}, "port must be"),
        ({"name": ""}, "name is empty"),
        ({"user": "a\r\nb"}, "control character"),
        ({"bytes_per_run": 1}, "at least one message"),
        ({"seconds_per_run": 0}, "above zero"),
    ],
)
def test_options_that_cannot_work_are_refused(options: Options, given: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        options(**given)


# ---------------------------------------------------------------------- mailbox test


def steps(mailbox: Mailbox, credential: Credential | None = None) -> list[tuple[str, bool]]:
    return [(step.name, step.ok) for step in check_mailbox(mailbox, credential or Secret(PASSWORD))]


def test_a_good_mailbox_passes_every_step_and_nothing_is_created(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user, copies=2)

    found = list(check_mailbox(options(), Secret(PASSWORD)))

    assert [(step.name, step.ok) for step in found] == [
        ("name", True),
        ("connection", True),
        ("login", True),
        ("folders", True),
        ("capabilities", True),
        ("waiting", True),
    ]
    assert found[3].found == "reads INBOX; will create DMARC/Processed; will create DMARC/Quarantine"
    assert found[5].found == "2 in INBOX"
    assert folders(dovecot, user) == set()


def test_the_step_that_fails_is_the_last_and_says_what_to_do(dovecot: Dovecot, options: Options) -> None:
    unknown_host = options(host="mail.invalid", security="tls")
    assert steps(unknown_host) == [("name", False)]
    assert steps(options(port=free_port())) == [("name", True), ("connection", False)]
    assert steps(options(), Secret("wrong"))[-1] == ("login", False)
    assert steps(options(folders=("Nowhere",)))[-1] == ("folders", False)

    last: Step = list(check_mailbox(options(folders=("Nowhere",)), Secret(PASSWORD)))[-1]
    assert last == Step("folders", False, "not there: Nowhere", "the account has: INBOX")
