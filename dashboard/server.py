"""The web server: the guard before every request, the headers, the pages of login, Streamlit's app behind them.

The guard is pure ASGI because it must see websockets too. Knows sessions only through `dashboard.session`.
"""

import asyncio
import base64
import gc
import hashlib
import ipaddress
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.datastructures import MutableHeaders
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analysis.frames import Scope as Domains
from dashboard import answers_queue, listening, login, session, workshop
from dashboard.theme import server_options
from knowledge.rows import TablesError
from settings import Dashboard
from store.errors import StoreError
from wording import LANGUAGES, translator

_LOG = logging.getLogger(__name__)
_HERE = Path(__file__).parent
_PUBLIC_PATHS = (*login.PATHS, "/_stcore/health")
# Streamlit's own scripts: the browser loads some late, and without them cannot draw that the session has ended.
_PUBLIC_FOLDERS = ("/static/", "/language/")
_LARGEST_FORM_BYTES = 8192
_OWN_HOSTS = ["localhost", "127.0.0.1", "::1"]


class NoAccount(Exception):
    """Serving beyond this machine was asked for while nobody has an account."""


def serve(dashboard: Dashboard, opened: Callable[[str], None]) -> None:
    """Serve until stopped; `opened` is told the address of the pages once it is listened on.

    Raises NoAccount before listening beyond this machine without an account, and `listening.PortTaken`.
    """
    require_accounts(dashboard)
    upload_bytes = session.settings_in_use().limits.message_bytes
    # Starlette would put what is longer than this into a temporary file; an upload is kept in memory.
    MultiPartParser.spool_max_size = upload_bytes + _LARGEST_FORM_BYTES
    hosts, origins = allowed_hosts(dashboard), _origins(dashboard)
    options = server_options(dashboard, hosts, origins, upload_bytes=upload_bytes)
    listening.run(build_app(dashboard), options, dashboard, opened)


def require_accounts(dashboard: Dashboard) -> None:
    """Raise NoAccount or StoreError when `dashboard` listens beyond this machine and nobody could log in."""
    if not is_loopback(dashboard.address) and not session.any_account() and not login.has_openid():
        raise NoAccount(
            f"refusing to listen on {dashboard.address}: the store has no account, so nobody could log in; "
            "make one with `sekisho user add NAME --role operator`"
        )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach `address`."""
    return address == "localhost" or ipaddress.ip_address(address).is_loopback


def allowed_hosts(dashboard: Dashboard) -> list[str]:
    """Host names that a browser may ask for: this machine, the address, the public one. A wildcard address without
    a public one allows every name, because the names of this machine are not known."""
    public = urlsplit(dashboard.public_url).hostname
    if public:
        return [*_OWN_HOSTS, public]
    if is_loopback(dashboard.address):
        return _OWN_HOSTS
    return ["*"] if listening.is_wildcard(dashboard.address) else [*_OWN_HOSTS, dashboard.address]


def build_app(dashboard: Dashboard) -> streamlit.App:
    """The ASGI application: own routes, the guard, Streamlit's pages."""
    return streamlit.App(
        _HERE / "app.py",
        lifespan=_warmed,
        middleware=[Middleware(Guard, hosts=allowed_hosts(dashboard), public_url=dashboard.public_url)],
        routes=login.routes(),
        on_script_error=_report_error,
    )


class Guard:
    """Lets nothing but the login page pass without a session, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, *, hosts: list[str], public_url: str) -> None:
        self._app = app
        self._hosts = hosts
        self._headers = _headers(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal, language = await self._refusal(connection)
        if refusal is None:
            await self._app(_uncompressed(scope), receive, self._finished(send, language))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401})
        else:
            await refusal(scope, receive, self._finished(send, language))

    async def _refusal(self, connection: HTTPConnection) -> tuple[Response | None, str]:
        if not self._is_our_name(connection):
            return PlainTextResponse("this server has another name", 421), "en"
        path = connection.scope["path"]
        if path in _PUBLIC_PATHS or path.startswith(_PUBLIC_FOLDERS):
            return None, login.language_for(connection)
        try:
            visitor = await asyncio.to_thread(session.find, connection.cookies.get(session.COOKIE))
        except StoreError as error:
            _LOG.error("the store cannot be used: %s", error)
            visitor = None
        if visitor is None:
            return _unauthorized(path), login.language_for(connection)
        return None, login.chosen_language(connection) or visitor.language

    def _is_our_name(self, connection: HTTPConnection) -> bool:
        name = urlsplit(f"//{connection.headers.get('host', '')}").hostname
        return "*" in self._hosts or (name or "") in self._hosts

    def _finished(self, send: Send, language: str) -> Send:
        """`send` with our headers; an HTML page is held until it is whole and gets its language."""
        held: Message | None = None
        body = b""

        async def send_finished(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if not headers.get("content-type", "").startswith("text/html"):
                    await send(message)
                    return
                headers["Cache-Control"] = "no-store"
                held = message
            elif message["type"] == "http.response.body" and held is not None:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _send_page(send, held, body, language)
            else:
                await send(message)

        return send_finished


async def _send_page(send: Send, start: Message, body: bytes, language: str) -> None:
    page = body.replace(b'<html lang="en"', f'<html lang="{language}"'.encode(), 1)
    headers = MutableHeaders(scope=start)
    if "content-length" in headers:
        headers["content-length"] = str(len(page))
    await send(start)
    await send({"type": "http.response.body", "body": page})


def _unauthorized(path: str) -> Response:
    if "." in path or path.startswith(("/_stcore", "/media", "/component")):
        return PlainTextResponse("unauthorized", 401)
    return RedirectResponse("/login", 303)


def _uncompressed(scope: Scope) -> Scope:
    """Pages must reach `_send_page` uncompressed; files may be compressed."""
    if scope["type"] != "http" or "." in scope["path"]:
        return scope
    return {**scope, "headers": [header for header in scope["headers"] if header[0] != b"accept-encoding"]}


def _headers(public_url: str) -> dict[str, str]:
    headers = {
        "Content-Security-Policy": _content_policy(public_url),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    if public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def _content_policy(public_url: str) -> str:
    sockets = f" wss://{urlsplit(public_url).netloc}" if public_url.startswith("https://") else ""
    return (
        f"default-src 'self'; script-src 'self' 'wasm-unsafe-eval' {_inline_script_hashes()}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        f"connect-src 'self'{sockets}; worker-src 'self' blob:; frame-ancestors 'none'; "
        "base-uri 'self'; form-action 'self'; object-src 'none'"
    )


def _inline_script_hashes() -> str:
    """The inline scripts of Streamlit's page, which change with its version (CSP level 3, section 6.7.3)."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text("utf-8")
    scripts = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", page, re.DOTALL)
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _origins(dashboard: Dashboard) -> list[str]:
    return [dashboard.public_url] if dashboard.public_url else []


@asynccontextmanager
async def _warmed(_app: streamlit.App) -> AsyncIterator[None]:
    """Pay for the large imports and the start page before the first visitor, and keep both out of every later garbage
    collection.
    """
    with workshop.opened() as wait_for_workshop:
        for module in ("pandas", "pyarrow.pandas_compat", "dashboard.views.queue", "dashboard.views.domain"):
            import_module(module)
        await asyncio.to_thread(wait_for_workshop)
        await asyncio.to_thread(_rehearse)
        gc.collect()
        gc.freeze()
        yield


def _rehearse() -> None:
    """Ask what every visitor asks. What is wrong with the store or the tables is told to the one who meets it."""
    for language in LANGUAGES:
        translator(language)("")
    with suppress(StoreError, TablesError):
        session.find("")
        answers_queue.work_queue(Domains(None))


def _report_error(error: Exception) -> bool:
    """Log what nobody foresaw and say so on the page, in the reader's language and without its text."""
    _LOG.error("a page failed", exc_info=error)
    _ = translator(session.page_language())
    streamlit.error(_("This page could not be drawn. The server's log says why."))
    return True
