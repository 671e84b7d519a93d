"""The pages before the app: login by password or through an OpenID provider, and the choice of a language.

Plain HTML, so that they work without a session. They are drawn under the same headers as everything else.
"""

import asyncio
import logging
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard import notices, openid, session
from dashboard.notices import Notice
from dashboard.openid import NotProven, Unreachable
from store.errors import StoreError
from wording import LANGUAGES, language_of, translator

_LOG = logging.getLogger(__name__)
_HERE = Path(__file__).parent
_OPENID_PATH, _RETURN_PATH = "/login/openid", "/login/openid/return"
PATHS = ("/login", "/login/icon.png", _OPENID_PATH, _RETURN_PATH)
_LARGEST_FORM_BYTES = 8192
_YEAR_SECONDS = 31_536_000


def routes() -> list[Route]:
    """Where these pages are; all but the choice of a language are PATHS."""
    return [
        Route("/login", _show_login, methods=["GET"]),
        Route("/login", _log_in, methods=["POST"]),
        Route("/login/icon.png", _icon, methods=["GET"]),
        Route(_OPENID_PATH, _begin_openid, methods=["GET"]),
        Route(_RETURN_PATH, _finish_openid, methods=["GET"]),
        Route("/language/{language}", _change_language, methods=["GET"]),
    ]


def language_for(connection: HTTPConnection) -> str:
    """The language for somebody who is not known: the one chosen in this browser, else what it asks for."""
    return chosen_language(connection) or language_of(connection.headers.get("accept-language", ""))


def chosen_language(connection: HTTPConnection) -> str | None:
    """The language chosen in this browser."""
    chosen = connection.cookies.get(session.LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else None


async def _show_login(request: Request) -> Response:
    language = language_for(request)
    notice = await asyncio.to_thread(_obstacle, language)
    return _login_page(language, notice, form=notice is None, status=200 if notice is None else 503)


def _obstacle(language: str) -> Notice | None:
    """Why nobody can log in now, or None."""
    try:
        return None if session.any_account() or has_openid() else notices.no_account(language)
    except StoreError as error:
        _LOG.error("the store cannot be used: %s", error)
        return notices.store_notice(error, language)


async def _log_in(request: Request) -> Response:
    if not _is_own_form(request):
        return PlainTextResponse("the form did not come from this server", 403)
    if not 0 < int(request.headers.get("content-length", "0")) <= _LARGEST_FORM_BYTES:
        return PlainTextResponse("the form is too large", 413)
    form = await request.form()
    language = language_for(request)
    address = request.client.host if request.client else ""
    name, password = str(form.get("name", "")), str(form.get("password", ""))
    try:
        entry = await asyncio.to_thread(session.log_in, name, password, address)
    except StoreError as error:
        _LOG.error("the store cannot be used: %s", error)
        return _login_page(language, notices.store_notice(error, language), form=False, status=503)
    if entry.token is None:
        return _refused(entry, language)
    return _entered(entry.token, entry.language or language)


def _entered(token: str, language: str) -> Response:
    """To the start page with a session, in the language of the account."""
    limits = session.settings_in_use().dashboard
    reply = RedirectResponse("/", 303)
    _keep_language(reply, language)
    reply.set_cookie(
        session.COOKIE,
        token,
        max_age=limits.session_hours * 3600,
        secure=_is_behind_tls(),
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


async def _begin_openid(request: Request) -> Response:
    """Send the browser to the OpenID provider."""
    oidc = session.settings_in_use().oidc
    if not oidc.issuer:
        return PlainTextResponse("no OpenID provider is set up", 404)
    language = language_for(request)
    try:
        begun = await asyncio.to_thread(openid.begin, oidc, _return_address(request))
    except Unreachable as error:
        return _openid_refused(error, notices.openid_unreachable(language), language, status=503)
    reply = RedirectResponse(begun.address, 303)
    reply.set_cookie(
        openid.COOKIE,
        begun.secret,
        max_age=openid.SECONDS,
        path=_OPENID_PATH,
        secure=_is_behind_tls(),
        httponly=True,
        samesite="lax",
    )
    return reply


async def _finish_openid(request: Request) -> Response:
    """The browser is back from the provider: let it in, or say why not."""
    if not has_openid():
        return PlainTextResponse("no OpenID provider is set up", 404)
    reply = await _proven_openid(request)
    reply.delete_cookie(openid.COOKIE, path=_OPENID_PATH)
    return reply


async def _proven_openid(request: Request) -> Response:
    language = language_for(request)
    oidc, secret, answer = session.settings_in_use().oidc, request.cookies.get(openid.COOKIE), request.query_params
    address = request.client.host if request.client else ""
    try:
        back = _return_address(request)
        person = await asyncio.to_thread(openid.finish, oidc, back, secret, answer, now=session.now())
        entry = await asyncio.to_thread(session.log_in_person, person, address, language)
    except Unreachable as error:
        return _openid_refused(error, notices.openid_unreachable(language), language, status=503)
    except NotProven as error:
        return _openid_refused(error, notices.openid_not_proven(language), language, status=401)
    except StoreError as error:
        _LOG.error("the store cannot be used: %s", error)
        return _login_page(language, notices.store_notice(error, language), form=False, status=503)
    if entry.token is None:
        return _login_page(language, notices.openid_no_access(language), form=True, status=403)
    return _entered(entry.token, entry.language or language)


def _openid_refused(error: Exception, notice: Notice, language: str, *, status: int) -> Response:
    _LOG.warning("a login through OpenID failed: %s", error)
    return _login_page(language, notice, form=True, status=status)


def has_openid() -> bool:
    """Whether an OpenID provider is set up."""
    return bool(session.settings_in_use().oidc.issuer)


def _return_address(request: Request) -> str:
    """The address that is registered at the provider; without a public one that by which the browser found us."""
    base = session.settings_in_use().dashboard.public_url or f"http://{request.headers.get('host', '')}"
    return f"{base}{_RETURN_PATH}"


def _is_own_form(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def _change_language(request: Request) -> Response:
    """Keep the language in this browser and in the reader's account, then go back to `to`, a path of this server."""
    language, back = request.path_params["language"], request.query_params.get("to", "/")
    if language not in LANGUAGES:
        return PlainTextResponse("no such language", 404)
    # A link on another site may change what this browser shows, but nothing in the account.
    if request.headers.get("sec-fetch-site") in (None, "same-origin", "none"):
        await _keep_account_language(request.cookies.get(session.COOKIE), language)
    reply = RedirectResponse(back if _is_own_path(back) else "/", 303)
    _keep_language(reply, language)
    return reply


async def _keep_account_language(token: str | None, language: str) -> None:
    try:
        await asyncio.to_thread(session.keep_language, token, language)
    except StoreError as error:
        _LOG.warning("the language of an account could not be kept: %s", error)


def _keep_language(reply: Response, language: str) -> None:
    reply.set_cookie(
        session.LANGUAGE_COOKIE,
        language,
        max_age=_YEAR_SECONDS,
        secure=_is_behind_tls(),
        samesite="lax",
        httponly=True,
    )


def _is_behind_tls() -> bool:
    return session.settings_in_use().dashboard.public_url.startswith("https://")


def _is_own_path(path: str) -> bool:
    """Whether a browser reads `path` as one of this server: a second slash or a backslash would name a host."""
    return re.fullmatch(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*", path) is not None


async def _icon(_request: Request) -> Response:
    return FileResponse(_HERE / "static" / "icon.png", headers={"Cache-Control": "max-age=86400"})


def _login_page(language: str, notice: Notice | None, *, form: bool, status: int) -> HTMLResponse:
    page = _templates().get_template("login.html")
    oidc, path = session.settings_in_use().oidc, _OPENID_PATH
    return HTMLResponse(
        page.render(language=language, notice=notice, form=form, oidc=oidc, openid_path=path, _=translator(language)),
        status,
    )


@cache
def _templates() -> Environment:
    return Environment(loader=PackageLoader("dashboard"), autoescape=True, undefined=StrictUndefined)
