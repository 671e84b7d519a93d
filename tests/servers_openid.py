"""A small OpenID provider on loopback: consent at /authorize, tokens at /token that the tests' Dovecot takes.

It checks what a provider checks: client, redirect address, PKCE (RFC 7636), each code and refresh token used once.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from servers_dovecot import access_token

CLIENT_ID = "sekisho-tests"
CLIENT_SECRET = "client secret+/="


class OpenIdProvider(ThreadingHTTPServer):
    """What it was asked for is in `asked`; `lifetime` is that of its access tokens, `failure` its answer if set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.asked: list[dict[str, str]] = []
        self.lifetime = 3600
        self.failure: tuple[int, bytes] | None = None
        self.denies = False
        self.refresh_tokens: dict[str, str] = {}
        self.codes: dict[str, dict[str, str]] = {}

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}"

    def new_refresh_token(self, user: str) -> str:
        token = "refresh-" + secrets.token_urlsafe(12)
        self.refresh_tokens[token] = user
        return token


@pytest.fixture
def openid() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


class _Page(BaseHTTPRequestHandler):
    server: OpenIdProvider

    def do_GET(self) -> None:
        """The owner consents at once, or denies."""
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != "/authorize" or asked.get("client_id") != CLIENT_ID:
            self.send_error(400)
            return
        answer = {"state": asked["state"]}
        if self.server.denies:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(12)
            self.server.codes[answer["code"]] = asked
        self.send_response(302)
        self.send_header("Location", asked["redirect_uri"] + "?" + urlencode(answer))
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.asked.append(asked)
        if self.server.failure:
            self._send(*self.server.failure)
        elif asked.get("client_id") != CLIENT_ID or asked.get("client_secret") != CLIENT_SECRET:
            self._send(401, b'{"error": "invalid_client"}')
        elif user := self._user(asked):
            self._send(200, json.dumps(self._tokens(user)).encode())
        else:
            self._send(400, b'{"error": "invalid_grant"}')

    def _user(self, asked: dict[str, str]) -> str | None:
        if asked["grant_type"] == "refresh_token":
            return self.server.refresh_tokens.pop(asked["refresh_token"], None)
        consent = self.server.codes.pop(asked["code"], None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if consent is None or consent.get("code_challenge_method") != "S256" or consent["code_challenge"] != challenge:
            return None
        return consent["login_hint"] if consent["redirect_uri"] == asked["redirect_uri"] else None

    def _tokens(self, user: str) -> dict[str, object]:
        return {
            "token_type": "Bearer",
            "access_token": access_token(user, lasts=self.server.lifetime),
            "expires_in": self.server.lifetime,
            "refresh_token": self.server.new_refresh_token(user),
        }

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Quiet."""
