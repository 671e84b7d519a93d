"""A browser without a screen: one request, one answer, no redirect followed, and the cookies that it gave."""

import http.client
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Answer:
    """An answer of the server; header names are lower case. `cookies` are the Set-Cookie headers in their order."""

    status: int
    headers: dict[str, str]
    body: str
    cookies: tuple[str, ...]


def ask(url: str, path: str, *, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        found = {name.lower(): value for name, value in reply.getheaders()}
        cookies = tuple(reply.headers.get_all("set-cookie") or ())
        return Answer(reply.status, found, reply.read().decode("utf-8", "replace"), cookies)
    finally:
        connection.close()


def post_form(url: str, path: str, **fields: str) -> Answer:
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    return ask(url, path, method="POST", body=urlencode(fields), **kind)


def post_login(url: str, name: str, password: str, **headers: str) -> Answer:
    form = urlencode({"name": name, "password": password})
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    return ask(url, "/login", method="POST", body=form, **kind, **headers)


def cookie_of(answer: Answer, name: str = "sekisho_session") -> str:
    """`name=value` of a cookie that the answer set."""
    return next(cookie.split(";")[0] for cookie in answer.cookies if cookie.startswith(f"{name}="))


def path_of(address: str) -> str:
    """Path and query of an address."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
