"""Passwords, refresh tokens and access tokens: where they are kept, and that they are never shown."""

import pickle
import stat
import threading
import traceback
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from servers_dovecot import PASSWORD, Dovecot, deliver
from servers_openid import CLIENT_ID, CLIENT_SECRET, OpenIdProvider

from ingest.credentials import (
    Secret,
    keep_refresh_token,
    read_password,
    read_refresh_token,
    read_secret_file,
    write_secret_file,
)
from ingest.imap_session import ImapSession
from ingest.mailbox import MailboxSession
from ingest.mailbox_errors import ConfigurationError, Refused, TryAgainLater
from ingest.mailbox_options import Mailbox, OAuthClient, OAuthProvider
from ingest.oauth import TokenSource, authorize

NOW = 1_800_000_000


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring of the tests' own; `locked` makes it refuse."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # keyring leaves it untyped
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked("locked")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    backend = MemoryKeyring()
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def mailbox(**given: object) -> Mailbox:
    usual: dict[str, object] = {"name": "reports", "host": "imap.example.jp", "user": "rua@example.jp"}
    return Mailbox(**{**usual, **given})  # type: ignore[arg-type]


# ---------------------------------------------------------------------- passwords


def test_a_secret_shows_itself_nowhere_but_where_it_is_asked_for() -> None:
    secret = Secret("canary")

    assert "canary" not in f"{secret} {secret!r} {secret!s} {[secret]} {secret:>20}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    assert secret.reveal() == "canary"


def test_a_password_comes_from_the_one_place_that_is_named(tmp_path: Path, memory_keyring: MemoryKeyring) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n", encoding="utf-8")
    file.chmod(0o600)
    memory_keyring.entries["sekisho", "mailbox reports"] = "from the keyring"

    found = [
        read_password(mailbox(password_variable="RUA_PASSWORD"), {"RUA_PASSWORD": " spaces stay "}),
        read_password(mailbox(password_file=file), {}),
        read_password(mailbox(password_keyring=True), {}),
    ]

    assert [secret.reveal() for secret in found] == [" spaces stay ", PASSWORD, "from the keyring"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o660, 0o601])
def test_a_secret_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "password"
    file.write_text("canary")
    file.chmod(mode)

    with pytest.raises(ConfigurationError, match=f"chmod 600 {file}") as refusal:
        read_secret_file(file, {})

    assert "canary" not in "".join(traceback.format_exception(refusal.value))


def test_a_credential_of_systemd_may_show_a_group_mode(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret")
    file.chmod(0o440)

    assert read_secret_file(file, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).reveal() == "secret"
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_secret_file(file, {"CREDENTIALS_DIRECTORY": str(tmp_path / "other")})


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_secret_file_without_a_secret_is_named(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)

    with pytest.raises(ConfigurationError, match=problem) as refusal:
        read_secret_file(file, {})

    assert str(file) in str(refusal.value)


def test_missing_passwords_are_named_with_what_to_do(memory_keyring: MemoryKeyring) -> None:
    with pytest.raises(ConfigurationError, match="RUA_PASSWORD that should hold a password is not set"):
        read_password(mailbox(password_variable="RUA_PASSWORD"), {})
    with pytest.raises(ConfigurationError, match="keyring set sekisho 'mailbox reports'"):
        read_password(mailbox(password_keyring=True), {})

    memory_keyring.locked = True
    with pytest.raises(ConfigurationError, match="under cron use a file of mode 600"):
        read_password(mailbox(password_keyring=True), {})


def test_a_secret_file_is_written_for_its_owner_only_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "token"

    write_secret_file(file, Secret("first"))
    write_secret_file(file, Secret("second"))

    assert file.read_text() == "second\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_secret_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    occupied = tmp_path / "token"
    (occupied / "folder").mkdir(parents=True)

    with pytest.raises(OSError, match="directory"):
        write_secret_file(occupied, Secret("canary"))

    assert list(tmp_path.iterdir()) == [occupied]


# ---------------------------------------------------------------------- OAuth


@pytest.fixture
def oauth_mailbox(tmp_path: Path, openid: OpenIdProvider) -> Mailbox:
    secret = tmp_path / "client_secret"
    write_secret_file(secret, Secret(CLIENT_SECRET))
    provider = OAuthProvider(f"{openid.url}/authorize", f"{openid.url}/token", "mail offline_access")
    client = OAuthClient(provider, CLIENT_ID, client_secret_file=secret, token_file=tmp_path / "token")
    return mailbox(login="oauth2", oauth=client, user="rua")


def consent(address: str) -> None:
    """Open the address as a browser would, following where it sends."""
    with urllib.request.urlopen(address, timeout=10) as page:
        assert b"You can close this window" in page.read()


def consent_in_a_browser(address: str) -> None:
    threading.Thread(target=consent, args=(address,)).start()


def test_consent_in_a_browser_here_gives_a_refresh_token(oauth_mailbox: Mailbox, openid: OpenIdProvider) -> None:
    authorize(oauth_mailbox, {}, show=consent_in_a_browser, seconds=10)

    kept = read_refresh_token(oauth_mailbox, {}).reveal()
    assert openid.refresh_tokens == {kept: "rua"}
    [asked] = openid.asked
    assert asked["grant_type"] == "authorization_code"
    assert len(asked["code_verifier"]) >= 43
    assert asked["client_secret"] == CLIENT_SECRET


def test_consent_in_a_browser_elsewhere_is_pasted(oauth_mailbox: Mailbox, openid: OpenIdProvider) -> None:
    shown: list[str] = []

    def answer(start: str) -> str:
        class Stays(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *given: object) -> None:
                shown.append(str(given[-1]))

        with pytest.raises(urllib.error.HTTPError, match="302") as redirect:
            urllib.request.build_opener(Stays).open(shown[0], timeout=10)
        redirect.value.close()
        assert shown[1].startswith(start)
        return shown[1]

    authorize(oauth_mailbox, {}, show=shown.append, answer=answer)

    assert openid.refresh_tokens == {read_refresh_token(oauth_mailbox, {}).reveal(): "rua"}
    assert CLIENT_SECRET not in shown[0]


def test_an_answer_to_another_request_is_refused(oauth_mailbox: Mailbox, openid: OpenIdProvider) -> None:
    with pytest.raises(Refused, match="belongs to another request"):
        authorize(oauth_mailbox, {}, show=lambda _: None, answer=lambda start: f"{start}?code=stolen&state=other")

    assert openid.asked == []


def test_denied_consent_is_said_so(oauth_mailbox: Mailbox, openid: OpenIdProvider) -> None:
    openid.denies = True

    with pytest.raises(Refused, match=r"no consent was given.*error=access_denied"):
        authorize(oauth_mailbox, {}, show=consent_in_a_browser, seconds=10)


def test_nobody_at_the_browser_ends_the_waiting(oauth_mailbox: Mailbox) -> None:
    with pytest.raises(TryAgainLater, match="nobody answered"):
        authorize(oauth_mailbox, {}, show=lambda _: None, seconds=0.2)


def test_access_tokens_are_refreshed_with_five_minutes_left_and_refresh_tokens_replaced(
    oauth_mailbox: Mailbox, openid: OpenIdProvider
) -> None:
    keep_refresh_token(oauth_mailbox, Secret(openid.new_refresh_token("rua")))
    clock = [float(NOW)]
    tokens = TokenSource(oauth_mailbox, {}, clock=lambda: clock[0])

    tokens()
    clock[0] += 3600 - 300
    tokens()
    assert len(openid.asked) == 1
    clock[0] += 1
    tokens()
    assert len(openid.asked) == 2
    tokens(renew=True)

    used = [asked["refresh_token"] for asked in openid.asked]
    assert len(set(used)) == 3
    assert list(openid.refresh_tokens) == [read_refresh_token(oauth_mailbox, {}).reveal()]


def test_a_refresh_token_in_the_keyring_is_replaced_there(
    oauth_mailbox: Mailbox, openid: OpenIdProvider, memory_keyring: MemoryKeyring
) -> None:
    assert oauth_mailbox.oauth
    client = OAuthClient(
        oauth_mailbox.oauth.provider, CLIENT_ID, oauth_mailbox.oauth.client_secret_file, token_keyring=True
    )
    in_keyring = mailbox(login="oauth2", oauth=client, user="rua")
    keep_refresh_token(in_keyring, Secret(openid.new_refresh_token("rua")))

    TokenSource(in_keyring, {})()

    assert memory_keyring.entries == {("sekisho", "refresh token reports"): next(iter(openid.refresh_tokens))}


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        ((400, b'{"error": "invalid_grant"}'), Refused, "invalid_grant; `sekisho mailbox authorize reports`"),
        ((503, b"busy"), TryAgainLater, "HTTP 503"),
        ((429, b"slow down"), TryAgainLater, "HTTP 429"),
        ((200, b"<html>"), TryAgainLater, "no token"),
        ((200, b"{}"), TryAgainLater, "no token"),
        ((400, b'{"error": "temporarily_unavailable"}'), TryAgainLater, "temporarily_unavailable"),
    ],
)
def test_a_token_endpoint_that_fails_is_told_apart_and_shows_no_secret(
    oauth_mailbox: Mailbox,
    openid: OpenIdProvider,
    failure: tuple[int, bytes],
    error: type[Exception],
    says: str,
) -> None:
    keep_refresh_token(oauth_mailbox, Secret("canary-4711"))
    openid.failure = failure

    with pytest.raises(error, match=says) as refusal:
        TokenSource(oauth_mailbox, {})()

    text = "".join(traceback.TracebackException.from_exception(refusal.value, capture_locals=True).format())
    assert "canary" not in text
    assert CLIENT_SECRET not in text


def test_a_token_endpoint_that_is_down_means_try_again_later(oauth_mailbox: Mailbox, openid: OpenIdProvider) -> None:
    keep_refresh_token(oauth_mailbox, Secret("canary-4711"))
    openid.shutdown()
    openid.server_close()

    with pytest.raises(TryAgainLater, match="cannot be reached"):
        TokenSource(oauth_mailbox, {})()


def test_without_a_refresh_token_the_command_that_gets_one_is_named(oauth_mailbox: Mailbox) -> None:
    with pytest.raises(ConfigurationError, match="`sekisho mailbox authorize reports` gets a new token"):
        TokenSource(oauth_mailbox, {})()


def test_token_endpoints_without_tls_are_refused_unless_they_are_this_machine() -> None:
    provider = OAuthProvider("https://login.example.com/a", "http://login.example.com/t", "mail")

    with pytest.raises(ConfigurationError, match=r"http://login\.example\.com/t is not https"):
        mailbox(login="oauth2", oauth=OAuthClient(provider, "id", token_keyring=True))


@pytest.mark.requires_dovecot
@pytest.mark.parametrize("lifetime", [3600, -60])
def test_a_mailbox_is_read_with_tokens_from_the_provider(
    dovecot: Dovecot, oauth_mailbox: Mailbox, openid: OpenIdProvider, lifetime: int
) -> None:
    """Also when the first token is already expired at the mail server: the second one is asked for at once."""
    user = f"oauth{lifetime}"
    deliver(dovecot, user)
    openid.lifetime = lifetime
    real = mailbox(
        login="oauth2",
        oauth=oauth_mailbox.oauth,
        user=user,
        host="127.0.0.1",
        port=dovecot.tls_port,
        ca_file=dovecot.certificates.authority,
    )
    keep_refresh_token(real, Secret(openid.new_refresh_token(user)))
    source = TokenSource(real, {})

    def tokens(*, renew: bool = False) -> Secret:
        openid.lifetime = 3600 if renew else lifetime
        return source(renew=renew)

    with MailboxSession(ImapSession(real, tokens)) as session:
        messages = list(session.messages(lambda folder, uidvalidity, uids: set()))

    assert len(messages) == 1
    assert len(openid.asked) == (1 if lifetime > 0 else 2)
