"""Who is looking: the login cookie, the session behind it, the scope it gives. Re-checked at every run of a page.

Scope is computed here and nowhere else. The store's engines are opened on first use and kept for the process.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import streamlit as st

import settings
from analysis.frames import Connection, Scope
from store import accounts, office, openid
from store.accounts import Account, Refused
from store.actor import Actor
from store.errors import StoreError
from store.opened import OpenStore
from wording import LANGUAGES, language_of

_LOG = logging.getLogger(__name__)

COOKIE = "sekisho_session"
LANGUAGE_COOKIE = "sekisho_language"
_LAST_LANGUAGE = "last_language"

Answer = TypeVar("Answer")


class Ended(Exception):
    """The reader has no live session (any more)."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """An account with a live session; `scope` is whose domains it may see, `language` the account's own.

    `issuer` is the OpenID provider behind the account, None for one with a password.
    """

    name: str
    role: str
    language: str
    scope: Scope
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One run of a page: who looks, with which token, in which language, on which UTC day."""

    visitor: Visitor
    token: str
    language: str
    today: int

    @property
    def scope(self) -> Scope:
        """Whose domains the visitor may see."""
        return self.visitor.scope


@dataclass(frozen=True, slots=True)
class Entry:
    """What a login attempt came to: a token, or None and the seconds to wait before the next (0: none).

    `language` is that of the account that was let in.
    """

    token: str | None
    wait_seconds: int = 0
    language: str | None = None


@cache
def settings_in_use() -> settings.Settings:
    """The settings of this process, read once."""
    return settings.load()


@cache
def opened() -> OpenStore:
    """The store of this process, for pages, login and guard."""
    return OpenStore(settings_in_use().database_url)


def enter() -> Visit:
    """The visit of the page that runs now. Raises Ended without a live session, StoreError without a store."""
    token = read_token()
    visitor = find(token)
    if visitor is None or token is None:
        raise Ended
    language = _chosen_language() or visitor.language
    st.session_state[_LAST_LANGUAGE] = language
    return Visit(visitor, token, language, now() // 86_400)


def read_token() -> str | None:
    """The token of the page's request; None outside a browser (AppTest has no cookies)."""
    return st.context.cookies.get(COOKIE)


def read_address() -> str | None:
    """The IP address that the page's request came from; None on this machine itself and outside a browser."""
    address = st.context.ip_address
    return address if isinstance(address, str) else None


def now() -> int:
    """The time in epoch seconds: the only clock of the dashboard."""
    return int(time.time())


def page_language() -> str:
    """The language of a page whose reader is not known (any more): the last one in this tab, else the browser's."""
    last: str | None = st.session_state.get(_LAST_LANGUAGE)
    return last or _chosen_language() or language_of(st.context.locale or "")


def _chosen_language() -> str | None:
    chosen = st.context.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else None


def find(token: str | None) -> Visitor | None:
    """The visitor behind a cookie's token, or None when its session is unknown, ended or too old."""
    if token is None:
        return None
    limits, at = settings_in_use().dashboard, now()
    session = opened().read(
        lambda connection: accounts.find_session(
            connection,
            token,
            now=at,
            idle_seconds=limits.session_idle_minutes * 60,
            absolute_seconds=limits.session_hours * 3600,
        )
    )
    if session is None:
        return None
    if session.needs_touch(at):
        _touches().submit(_touch, opened(), token, at)
    account = session.account
    return Visitor(account.name, account.role, account.language, _scope(account), account.issuer)


def log_in(name: str, password: str, address: str) -> Entry:
    """Check a login from `address` and begin a session. Raises StoreError."""
    at = now()
    account = accounts.login(opened().writer, name, password, address, now=at)
    if isinstance(account, Refused):
        return Entry(None, account.wait_seconds)
    return _begun(account, at)


def log_in_person(person: openid.Person, address: str, language: str) -> Entry:
    """Begin a session for somebody whom an OpenID provider has proven; without access no token. Raises StoreError."""
    at = now()
    account = opened().write(
        lambda connection: openid.log_in_person(connection, person, address, language=language, now=at)
    )
    return Entry(None) if account is None else _begun(account, at)


def _begun(account: Account, at: int) -> Entry:
    token = opened().write(lambda connection: accounts.create_session(connection, account.id, now=at))
    return Entry(token, language=account.language)


def change(visit: Visit, roles: tuple[str, ...], write: Callable[[Connection, Actor], Answer]) -> Answer:
    """What `write` returns, once all it wrote is committed, as somebody whose session and role hold at this moment.

    Raises Ended when the session is over or its role is none of `roles`, StoreError, and what `write` raises.
    """
    visitor = find(visit.token)
    if visitor is None or visitor.role not in roles:
        raise Ended
    actor = Actor(visitor.name, now(), read_address())
    return opened().write(lambda connection: write(connection, actor))


def change_password(visit: Visit, old: str, new: str) -> Refused | None:
    """Give the visitor's account another password; its other sessions end. Raises Ended, WeakPassword, StoreError."""
    at, address = now(), read_address() or ""
    visitor = find(visit.token)
    if visitor is None:
        raise Ended
    account = opened().read(lambda connection: accounts.account_of(connection, visitor.name))
    return accounts.change_own_password(opened().writer, account, old, new, address, token=visit.token, now=at)


def keep_language(token: str | None, language: str) -> None:
    """Make `language` that of the account behind `token`, where there is one. Raises StoreError."""
    visitor = find(token)
    if visitor is not None and visitor.language != language:
        opened().write(lambda connection: accounts.set_language(connection, visitor.name, language))


def end(token: str) -> None:
    """Log out: the token is worthless from now on, in every tab. Raises StoreError."""
    at = now()
    opened().write(lambda connection: accounts.end_session(connection, token, now=at))


def audit(visitor: Visitor, *, action: str, subject: str) -> None:
    """Write who did what, from where, and for which customer when it is one. Raises StoreError."""
    at, address = now(), read_address()
    customer_id = visitor.scope.customer_ids[0] if visitor.scope.customer_ids else None
    opened().write(
        lambda connection: office.audit(
            connection,
            at=at,
            actor=visitor.name,
            action=action,
            subject=subject,
            customer_id=customer_id,
            address=address,
        )
    )


def any_account() -> bool:
    """Whether anybody could log in. Raises StoreError."""
    return bool(opened().read(accounts.accounts))


def _scope(account: Account) -> Scope:
    """Customers see their own domains; operators and staff every domain, unassigned ones too."""
    return Scope(None if account.customer_id is None else (account.customer_id,))


@cache
def _touches() -> ThreadPoolExecutor:
    """One thread that writes "was here", so that no page waits while an ingest run writes."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="session-touch")


def _touch(store: OpenStore, token: str, at: int) -> None:
    try:
        store.write(lambda connection: accounts.touch_session(connection, token, now=at))
    except StoreError as error:
        _LOG.warning("the use of a session could not be written: %s", error)
