"""OAuth 2.0 for mailboxes (RFC 6749, RFC 8252, PKCE of RFC 7636): consent once, access tokens ever after.

`authorize` runs the installed-app flow, `TokenSource` hands out access tokens and refreshes them in time.
Where the refresh token is kept is `credentials`' matter.
"""

import http.server
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749.errors import MismatchingStateException
from requests.exceptions import HTTPError, RequestException

from ingest.credentials import Secret, keep_refresh_token, read_refresh_token, read_secret_file
from ingest.mailbox_errors import ConfigurationError, Refused, TryAgainLater, shown
from ingest.mailbox_options import Mailbox, OAuthClient

REFRESH_BEFORE_SECONDS = 300
_ANSWER_SECONDS = 30
_VERIFIER_CHARACTERS = 64
# RFC 6749 section 5.1 lets a server leave the lifetime out; an hour is what Google and Microsoft give.
_USUAL_LIFETIME_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Token:
    """What a token endpoint gave. `refresh` is None when it kept the old one in force; `expires_at` epoch seconds."""

    access: Secret
    refresh: Secret | None
    expires_at: float


class TokenSource:
    """Access tokens for one mailbox: call it for a valid one, with `renew=True` for one fresh from the server.

    A token with less than five minutes left is refreshed first. A new refresh token (Microsoft sends one at every
    refresh) is kept before the access token is used. Raises Refused when the consent is gone, TryAgainLater when
    the token endpoint cannot be reached, ConfigurationError when no refresh token is kept.
    """

    def __init__(self, mailbox: Mailbox, environ: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> None:
        self._mailbox = mailbox
        self._environ = environ
        self._clock = clock
        self._token: Token | None = None

    def __call__(self, *, renew: bool = False) -> Secret:
        """A valid access token."""
        token = self._token
        if token is None or renew or token.expires_at - self._clock() < REFRESH_BEFORE_SECONDS:
            token = self._token = self._refreshed()
        return token.access

    def _refreshed(self) -> Token:
        old = read_refresh_token(self._mailbox, self._environ)
        client = _client(self._mailbox)
        with _session(client, self._environ) as session:
            token = _asked(
                self._mailbox,
                lambda: session.refresh_token(client.provider.token_url, refresh_token=old.reveal()),
                self._clock(),
            )
        if token.refresh is not None and token.refresh.reveal() != old.reveal():
            keep_refresh_token(self._mailbox, token.refresh)
        return token


def authorize(
    mailbox: Mailbox,
    environ: Mapping[str, str],
    *,
    show: Callable[[str], None],
    answer: Callable[[str], str] | None = None,
    seconds: float = 600,
    clock: Callable[[], float] = time.time,
) -> None:
    """Ask the owner of a mailbox for consent and keep the refresh token that follows.

    1. `show` gets the address to open in a browser, on any machine.
    2. The browser is sent to a port of this machine, which waits `seconds` for it. For a browser elsewhere `answer`
       is asked instead: it gets the start of the address that the browser ends at and returns the whole address.
    3. State and PKCE are checked, the code is exchanged, the refresh token kept.

    Raises Refused when consent was denied or does not belong to this request, TryAgainLater when nobody answered.
    """
    client = _client(mailbox)
    with _Listener() as listener, _session(client, environ, redirect_uri=listener.address) as session:
        verifier = generate_token(_VERIFIER_CHARACTERS)
        address, state = session.create_authorization_url(
            client.provider.authorize_url,
            code_verifier=verifier,
            login_hint=mailbox.user,
            **dict(client.provider.parameters),
        )
        show(address)
        response = answer(listener.address) if answer else listener.wait(seconds)
        _refuse_denied(mailbox, response)
        token = _asked(
            mailbox,
            lambda: session.fetch_token(
                client.provider.token_url, authorization_response=response, state=state, code_verifier=verifier
            ),
            clock(),
        )
    if token.refresh is None:
        raise Refused(f"mailbox {mailbox.name}: the provider gave no refresh token; allow offline access to the client")
    keep_refresh_token(mailbox, token.refresh)


def _client(mailbox: Mailbox) -> OAuthClient:
    if mailbox.oauth is None:
        raise ConfigurationError(f"mailbox {mailbox.name} has no OAuth client; name its client id first")
    return mailbox.oauth


def _session(client: OAuthClient, environ: Mapping[str, str], redirect_uri: str | None = None) -> OAuth2Session:
    secret = read_secret_file(client.client_secret_file, environ) if client.client_secret_file else None
    return OAuth2Session(
        client_id=client.client_id,
        client_secret=secret.reveal() if secret else None,
        # Google documents the secret in the body, and both providers take it there.
        token_endpoint_auth_method="client_secret_post" if secret else "none",
        scope=client.provider.scope,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        default_timeout=_ANSWER_SECONDS,
    )


def _asked(mailbox: Mailbox, ask: Callable[[], Mapping[str, Any]], now: float) -> Token:
    # The library's exceptions may carry the request with its secrets: none of them becomes a cause.
    again = f"`sekisho mailbox authorize {mailbox.name}` asks for consent again"
    try:
        return _token(ask(), now)
    except MismatchingStateException:
        raise Refused(f"mailbox {mailbox.name}: the answer belongs to another request; {again}") from None
    except OAuthError as error:
        said = shown(error.error)
        if said in ("temporarily_unavailable", "server_error", "slow_down"):
            raise TryAgainLater(f"mailbox {mailbox.name}: the token endpoint says {said}") from None
        raise Refused(f"mailbox {mailbox.name}: the token endpoint says {said}; {again}") from None
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise TryAgainLater(f"mailbox {mailbox.name}: the token endpoint answered HTTP {status}") from None
    except requests.exceptions.SSLError:
        raise Refused(f"mailbox {mailbox.name}: the certificate of the token endpoint is not trusted") from None
    except RequestException as error:
        kind = type(error).__name__
        raise TryAgainLater(f"mailbox {mailbox.name}: the token endpoint cannot be reached ({kind})") from None
    except ValueError:
        raise TryAgainLater(f"mailbox {mailbox.name}: the token endpoint's answer is no token") from None


def _token(answer: Mapping[str, Any], now: float) -> Token:
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    if not isinstance(access, str) or not access.isprintable():
        raise ValueError("no access token")
    lifetime = answer.get("expires_in", _USUAL_LIFETIME_SECONDS)
    seconds = float(lifetime) if str(lifetime).isdecimal() else _USUAL_LIFETIME_SECONDS
    return Token(Secret(access), Secret(refresh) if isinstance(refresh, str) and refresh else None, now + seconds)


def _refuse_denied(mailbox: Mailbox, response: str) -> None:
    if "code=" not in urlsplit(response).query:
        raise Refused(f"mailbox {mailbox.name}: no consent was given; {_denial(response)}")


def _denial(response: str) -> str:
    query = urlsplit(response).query
    return f"the provider answered {shown(query)}" if "error=" in query else "paste the whole address, from http on"


class _Answer(http.server.BaseHTTPRequestHandler):
    """Notes the address that the browser was sent to and thanks for it."""

    timeout = 5

    def do_GET(self) -> None:
        if urlsplit(self.path).path != "/":
            self.send_error(404)
            return
        self.server.answered = self.path  # type: ignore[attr-defined] # an attribute of our own server class
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"Sekisho has the answer. You can close this window.\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """The request line holds the code: it is never logged."""


class _Listener(http.server.HTTPServer):
    """A port of this machine that waits for one browser (RFC 8252 section 7.3)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answered: str | None = None

    @property
    def address(self) -> str:
        # Microsoft registers http://localhost for desktop clients and takes any port with it; Google takes it too.
        return f"http://localhost:{self.server_port}/"

    def wait(self, seconds: float) -> str:
        until = time.monotonic() + seconds
        while self.answered is None:
            self.timeout = until - time.monotonic()
            if self.timeout <= 0:
                raise TryAgainLater("nobody answered in the browser; start again when the owner is at hand")
            self.handle_request()
        return self.address.rstrip("/") + self.answered
