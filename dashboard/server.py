"""The web server: login and logout, the guard before every request, the headers, Streamlit's app behind them.

The guard is pure ASGI because it must see websockets too. Knows sessions only through `dashboard.session`.
"""

import asyncio
import base64
import gc
import hashlib
import ipaddress
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard import notices, session
from dashboard.notices import Notice
from dashboard.theme import server_options
from settings import Dashboard
from store.engine import StoreError
from wording import LANGUAGES, language_of, translator

_LOG = logging.getLogger(__name__)
_HERE = Path(__file__).parent
_PUBLIC_PATHS = ("/login", "/login/icon.png", "/_stcore/health")
# Streamlit's own scripts: the browser loads some late, and without them cannot draw that the session has ended.
_PUBLIC_FOLDERS = ("/static/", "/language/")
_LARGEST_FORM_BYTES = 8192
_YEAR_SECONDS = 31_536_000
_OWN_HOSTS = ["localhost", "127.0.0.1", "::1"]


class NoAccount(Exception):
    """Serving beyond this machine was asked for while nobody has an account."""


def serve(dashboard: Dashboard) -> None:
    """Serve until stopped. Raises NoAccount before listening beyond this machine without an account."""
    require_accounts(dashboard)
    build_app(dashboard).run(config=server_options(dashboard, allowed_hosts(dashboard), _origins(dashboard)))


def require_accounts(dashboard: Dashboard) -> None:
    """Raise NoAccount or StoreError when `dashboard` listens beyond this machine and nobody could log in."""
    if not is_loopback(dashboard.address) and not session.any_account():
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
    wildcard = ipaddress.ip_address(dashboard.address).is_unspecified
    return ["*"] if wildcard else [*_OWN_HOSTS, dashboard.address]


def build_app(dashboard: Dashboard) -> streamlit.App:
    """The ASGI application: own routes, the guard, Streamlit's pages."""
    return streamlit.App(
        _HERE / "app.py",
        lifespan=_warmed,
        middleware=[Middleware(Guard, hosts=allowed_hosts(dashboard), public_url=dashboard.public_url)],
        routes=[
            Route("/login", _show_login, methods=["GET"]),
            Route("/login", _log_in, methods=["POST"]),
            Route("/login/icon.png", _icon, methods=["GET"]),
            Route("/language/{language}", _change_language, methods=["GET"]),
        ],
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
            return None, _language(connection)
        try:
            visitor = await asyncio.to_thread(session.find, connection.cookies.get(session.COOKIE))
        except StoreError as error:
            _LOG.error("the store cannot be used: %s", error)
            visitor = None
        if visitor is None:
            return _unauthorized(path), _language(connection)
        return None, _chosen_language(connection) or visitor.language

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


def _language(connection: HTTPConnection) -> str:
    return _chosen_language(connection) or language_of(connection.headers.get("accept-language", ""))


def _chosen_language(connection: HTTPConnection) -> str | None:
    chosen = connection.cookies.get(session.LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else None


async def _show_login(request: Request) -> Response:
    language = _language(request)
    notice = await asyncio.to_thread(_obstacle, language)
    return _login_page(language, notice, form=notice is None, status=200 if notice is None else 503)


def _obstacle(language: str) -> Notice | None:
    """Why nobody can log in now, or None."""
    try:
        return None if session.any_account() else notices.no_account(language)
    except StoreError as error:
        _LOG.error("the store cannot be used: %s", error)
        return notices.store_notice(error, language)


async def _log_in(request: Request) -> Response:
    if not _is_own_form(request):
        return PlainTextResponse("the form did not come from this server", 403)
    if not 0 < int(request.headers.get("content-length", "0")) <= _LARGEST_FORM_BYTES:
        return PlainTextResponse("the form is too large", 413)
    form = await request.form()
    language = _language(request)
    address = request.client.host if request.client else ""
    name, password = str(form.get("name", "")), str(form.get("password", ""))
    try:
        entry = await asyncio.to_thread(session.log_in, name, password, address)
    except StoreError as error:
        _LOG.error("the store cannot be used: %s", error)
        return _login_page(language, notices.store_notice(error, language), form=False, status=503)
    if entry.token is None:
        return _refused(entry, language)
    return _entered(entry.token)


def _entered(token: str) -> Response:
    limits = session.settings_in_use().dashboard
    reply = RedirectResponse("/", 303)
    reply.set_cookie(
        session.COOKIE,
        token,
        max_age=limits.session_hours * 3600,
        secure=limits.public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return reply


def _refused(entry: session.Entry, language: str) -> Response:
    if entry.wait_seconds:
        notice = notices.login_delayed(language, entry.wait_seconds)
        reply = _login_page(language, notice, form=True, status=429)
        reply.headers["Retry-After"] = str(entry.wait_seconds)
        return reply
    return _login_page(language, notices.login_refused(language), form=True, status=401)


def _is_own_form(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def _change_language(request: Request) -> Response:
    """Keep the language in this browser, then go back to the page that `to` names (a path of this server)."""
    language, back = request.path_params["language"], request.query_params.get("to", "/")
    if language not in LANGUAGES:
        return PlainTextResponse("no such language", 404)
    reply = RedirectResponse(back if _is_own_path(back) else "/", 303)
    reply.set_cookie(session.LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, samesite="lax", httponly=True)
    return reply


def _is_own_path(path: str) -> bool:
    """Whether a browser reads `path` as one of this server: a second slash or a backslash would name a host."""
    return re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", path) is not None


async def _icon(_request: Request) -> Response:
    return FileResponse(_HERE / "static" / "icon.png", headers={"Cache-Control": "max-age=86400"})


def _login_page(language: str, notice: Notice | None, *, form: bool, status: int) -> HTMLResponse:
    page = _templates().get_template("login.html")
    return HTMLResponse(
        page.render(language=language, notice=notice, form=form, _=translator(language)),
        status,
    )


@cache
def _templates() -> Environment:
    return Environment(loader=PackageLoader("dashboard"), autoescape=True, undefined=StrictUndefined)


@asynccontextmanager
async def _warmed(_app: streamlit.App) -> AsyncIterator[None]:
    """Pay for the large imports before the first visitor, and keep them out of every later garbage collection."""
    for module in ("pandas", "pyarrow", "dashboard.views.overview", "dashboard.views.domain"):
        import_module(module)
    gc.collect()
    gc.freeze()
    yield


def _report_error(error: Exception) -> bool:
    """Log what nobody foresaw and say so on the page, in the reader's language and without its text."""
    _LOG.error("a page failed", exc_info=error)
    _ = translator(session.page_language())
    streamlit.error(_("This page could not be drawn. The server's log says why."))
    return True
