"""OpenID providers on loopback: a real one (oidc-provider-mock, a process of its own), and one that forges tokens.

The forger signs whatever a test wants, because an honest provider cannot be made to: `claims` and `algorithm` change
its id token, `userinfo` its userinfo. It checks the client's secret and PKCE as a provider does.
"""

import base64
import hashlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry
from ports import free_port

CLIENT, SECRET = "sekisho", "client-secret-canary"


@dataclass(frozen=True)
class Provider:
    """The real provider at `url`; `log` is what it wrote."""

    url: str
    log: Path

    def know(self, subject: str, **claims: object) -> None:
        """Give a person claims."""
        asked = urllib.request.Request(f"{self.url}/users/{subject}", json.dumps(claims).encode(), method="PUT")
        asked.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(asked, timeout=10):
            pass


@contextmanager
def providing(folder: Path, *options: str) -> Iterator[Provider]:
    """Run the real provider until the block ends."""
    port = free_port()
    log = folder / f"provider-{port}.log"
    command = [sys.executable, "-m", "oidc_provider_mock", "--host", "127.0.0.1", "--port", str(port), *options]
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written)
    try:
        provider = Provider(f"http://127.0.0.1:{port}", log)
        _wait(process, provider)
        yield provider
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(process: subprocess.Popen[bytes], provider: Provider) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{provider.url}/.well-known/openid-configuration", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the provider did not start: {provider.log.read_text('utf-8')}", pytrace=False)


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with providing(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@dataclass
class Forged:
    """What the forger does otherwise than an honest provider."""

    claims: dict[str, object] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    algorithm: str = "RS256"
    foreign_key: bool = False
    metadata: dict[str, object] = field(default_factory=dict)
    userinfo: dict[str, object] = field(default_factory=dict)
    failure: tuple[int, bytes] | None = None


class Forger(ThreadingHTTPServer):
    """Answers with an id token for the newest login that was `sent` to it, changed as `forged` says."""

    def __init__(self, now: Callable[[], int], keys: tuple[RSAKey, RSAKey]) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.now = now
        self.key, self.other_key = keys
        self.forged = Forged()
        self.sent: dict[str, str] = {}
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def consent(self, address: str) -> dict[str, str]:
        """Somebody consents at the address to which a login sent the browser: the answer that the browser brings."""
        self.sent = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        return {"code": "one-code", "state": self.sent["state"]}

    def metadata(self) -> dict[str, object]:
        honest = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }
        return honest | self.forged.metadata

    def id_token(self) -> str:
        now = self.now()
        honest = {"iss": self.url, "aud": CLIENT, "sub": "7", "iat": now, "exp": now + 300, "groups": ["staff"]}
        claims = honest | {"nonce": self.sent["nonce"]} | self.forged.claims
        kept = {name: value for name, value in claims.items() if name not in self.forged.without}
        header = {"alg": self.forged.algorithm, "kid": "one"}
        if header["alg"] == "none":
            return ".".join([_segment(header), _segment(kept), ""])
        return jwt.encode(header, kept, self._signing_key(), registry=JWSRegistry(algorithms=[header["alg"]]))

    def _signing_key(self) -> Any:
        if self.forged.algorithm == "HS256":
            return OctKey.import_key(SECRET + "-long-enough-for-this-algorithm")
        return self.other_key if self.forged.foreign_key else self.key


def _segment(content: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def signing_keys() -> tuple[RSAKey, RSAKey]:
    """The forger's key and another that calls itself the same; making one takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture
def forger(signing_keys: tuple[RSAKey, RSAKey]) -> Iterator[Forger]:
    with Forger(lambda: 1_800_000_000, signing_keys) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


class _Page(BaseHTTPRequestHandler):
    server: Forger

    def do_GET(self) -> None:
        pages: dict[str, Callable[[], object]] = {
            "/.well-known/openid-configuration": self.server.metadata,
            "/jwks": lambda: {"keys": [self.server.key.as_dict(private=False)]},
            "/userinfo": lambda: {"sub": "7", **self.server.forged.userinfo},
        }
        if self.server.forged.failure:
            self._send(*self.server.forged.failure)
        elif self.path in pages:
            self._send(200, json.dumps(pages[self.path]()).encode())
        else:
            self._send(404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        self.server.asked.append(asked)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if self.headers.get("Authorization") != f"Basic {basic}":
            self._send(401, b'{"error": "invalid_client"}')
        elif asked.get("code") != "one-code" or challenge != self.server.sent["code_challenge"]:
            self._send(400, b'{"error": "invalid_grant"}')
        else:
            token = {"token_type": "Bearer", "access_token": "access-canary", "id_token": self.server.id_token()}
            self._send(200, json.dumps(token).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", body.decode())
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Quiet."""
