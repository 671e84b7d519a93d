"""The server itself: nothing passes without a session, every answer has its headers, logins are careful."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from ports import free_port
from screen_store import PASSWORD, add_people
from servers_chromium import COMMAND, Dashboard, environment_of, serving
from store_builder import ask as ask_store
from web_client import ask, cookie_of, post_login

from dashboard import listening, server, theme
from settings import Dashboard as Address
from store.accounts import account_of
from store.migrate import upgrade
from store.trail import entries


@pytest.mark.parametrize("path", ["/", "/domain?domain=shop.example.jp", "/domains"])
def test_a_page_without_a_session_leads_to_the_login(dashboard: Dashboard, path: str) -> None:
    answer = ask(dashboard.url, path)

    assert (answer.status, answer.headers["location"], answer.body) == (303, "/login", "")


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/host-config", "/media/0123456789.csv", "/_stcore/upload_file/x/y"]
)
def test_a_download_without_a_session_is_refused(dashboard: Dashboard, path: str) -> None:
    assert ask(dashboard.url, path).status == 401
    assert ask(dashboard.url, path, Cookie="sekisho_session=guessed").status == 401


def test_a_websocket_needs_a_session_and_our_own_origin(dashboard: Dashboard) -> None:
    upgrade_headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    cookie = cookie_of(post_login(dashboard.url, "operator", PASSWORD))
    stream = "/_stcore/stream"

    assert ask(dashboard.url, stream, **upgrade_headers).status == 403
    assert ask(dashboard.url, stream, Cookie=cookie, Origin="https://evil.example", **upgrade_headers).status == 403


def test_every_answer_has_the_headers(dashboard: Dashboard) -> None:
    cookie = cookie_of(post_login(dashboard.url, "operator", PASSWORD))
    answers = [
        ask(dashboard.url, "/login"),
        ask(dashboard.url, "/"),
        ask(dashboard.url, "/", Cookie=cookie),
        ask(dashboard.url, "/_stcore/metrics"),
        ask(dashboard.url, "/login/icon.png"),
        ask(dashboard.url, "/login", Host="evil.example"),
    ]

    for answer in answers:
        words = answer.headers["content-security-policy"].split("; ")
        policy = {name: sources.split() for name, _, sources in (word.partition(" ") for word in words)}
        scripts = policy.pop("script-src")
        assert scripts[:2] == ["'self'", "'wasm-unsafe-eval'"]
        assert len(scripts) > 2
        assert all(source.startswith("'sha256-") for source in scripts[2:])
        assert policy == {
            "default-src": ["'self'"],
            "style-src": ["'self'", "'unsafe-inline'"],
            "img-src": ["'self'", "data:", "blob:"],
            "font-src": ["'self'", "data:"],
            "connect-src": ["'self'"],
            "worker-src": ["'self'", "blob:"],
            "frame-ancestors": ["'none'"],
            "base-uri": ["'self'"],
            "form-action": ["'self'"],
            "object-src": ["'none'"],
        }
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_streamlit_neither_tells_its_maker_nor_shows_errors_nor_exports_unguarded_files() -> None:
    options = theme.server_options(Address(), ["localhost"], [], upload_bytes=1)

    assert options["browser.gatherUsageStats"] is False
    assert options["client.showErrorDetails"] == "none"
    assert options["client.showErrorLinks"] is False
    assert options["client.disableDataExport"] is True
    assert options["server.allowedHosts"] == ["localhost"]


def test_a_language_chosen_on_a_screen_is_the_accounts_everywhere(people: str, people_store: str) -> None:
    first = post_login(people, "operator", PASSWORD)
    chosen = ask(people, "/language/en?to=/domains", Cookie=cookie_of(first))
    elsewhere = post_login(people, "operator", PASSWORD)
    ask(people, "/language/ja", Cookie=cookie_of(first), Sec_Fetch_Site="cross-site")
    ask(people, "/language/ja")

    assert cookie_of(first, "sekisho_language") == "sekisho_language=ja"
    assert (chosen.status, chosen.headers["location"]) == (303, "/domains")
    assert cookie_of(elsewhere, "sekisho_language") == "sekisho_language=en"
    assert ask_store(people_store, lambda connection: account_of(connection, "operator").language) == "en"
    assert '<html lang="en"' in ask(people, "/", Cookie=cookie_of(elsewhere)).body


def test_behind_a_proxy_of_this_machine_failures_are_counted_by_the_readers_address(
    people: str, people_store: str
) -> None:
    post_login(people, "staff", "wrong", X_Forwarded_For="198.51.100.9")
    post_login(people, "staff", PASSWORD, X_Forwarded_For="198.51.100.8")

    trail = ask_store(people_store, entries)
    assert [(row.action, row.address) for row in trail] == [
        ("login", "198.51.100.8"),
        ("login-refused", "198.51.100.9"),
    ]


def test_a_proxy_can_ask_whether_the_server_is_well(dashboard: Dashboard) -> None:
    assert (ask(dashboard.url, "/_stcore/health").status, ask(dashboard.url, "/_stcore/health").body) == (200, "ok")


def test_the_page_has_the_readers_language(dashboard: Dashboard) -> None:
    cookie = cookie_of(post_login(dashboard.url, "operator", PASSWORD))

    assert '<html lang="ja"' in ask(dashboard.url, "/", Cookie=cookie, Accept_Encoding="gzip").body
    assert '<html lang="en"' in ask(dashboard.url, "/", Cookie=f"{cookie}; sekisho_language=en").body
    assert "アカウント" in ask(dashboard.url, "/login", Accept_Language="ja").body
    assert "Account" in ask(dashboard.url, "/login", Accept_Language="en-GB").body


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("/domain?domain=shop.example.jp&period=7", "/domain?domain=shop.example.jp&period=7"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
    ],
)
def test_a_language_is_kept_and_leads_back_to_this_server_only(dashboard: Dashboard, wanted: str, given: str) -> None:
    answer = ask(dashboard.url, f"/language/en?{urlencode({'to': wanted})}")

    assert (answer.status, answer.headers["location"]) == (303, given)
    assert answer.headers["set-cookie"].startswith("sekisho_language=en;")
    assert ask(dashboard.url, "/language/xx").status == 404


def test_a_login_gives_a_cookie_that_scripts_cannot_read(dashboard: Dashboard) -> None:
    answer = post_login(dashboard.url, "operator", PASSWORD)

    assert (answer.status, answer.headers["location"]) == (303, "/")
    attributes = answer.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=lax" in attributes
    assert ask(dashboard.url, "/", Cookie=cookie_of(answer)).status == 200


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(dashboard: Dashboard) -> None:
    wrong, unknown = post_login(dashboard.url, "staff", "wrong"), post_login(dashboard.url, "nobody", "wrong")

    assert (wrong.status, unknown.status) == (401, 401)
    assert wrong.body == unknown.body
    assert "set-cookie" not in wrong.headers


def test_a_form_of_another_site_is_refused(dashboard: Dashboard) -> None:
    assert post_login(dashboard.url, "operator", PASSWORD, Origin="https://evil.example").status == 403
    assert post_login(dashboard.url, "operator", PASSWORD, Origin="null").status == 403


def test_a_form_is_small(dashboard: Dashboard) -> None:
    assert post_login(dashboard.url, "operator", "x" * 10_000).status == 413


def test_another_name_for_this_server_is_refused(dashboard: Dashboard) -> None:
    assert ask(dashboard.url, "/login", Host="evil.example").status == 421
    assert ask(dashboard.url, "/login", Host=f"localhost:{urlsplit(dashboard.url).port}").status == 200


@pytest.fixture
def people_store(tmp_path: Path) -> str:
    """A store with accounts only."""
    database = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    upgrade(database)
    add_people(database)
    return database


@pytest.fixture
def people(tmp_path: Path, people_store: str) -> Iterator[str]:
    """A server of its own on that store."""
    with serving(tmp_path, people_store) as url:
        yield url


def test_repeated_failures_make_the_next_attempt_wait(people: str) -> None:
    for _ in range(6):
        refused = post_login(people, "operator", "wrong")

    assert refused.status == 429
    wait = int(refused.headers["retry-after"])
    assert f"{wait} 秒待ってから" in refused.body
    assert post_login(people, "operator", PASSWORD).status == 429
    assert post_login(people, "staff", PASSWORD).status == 303
    time.sleep(wait)
    assert post_login(people, "operator", PASSWORD).status == 303


def test_a_server_without_a_store_and_without_an_account_says_what_to_do(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    with serving(tmp_path, database) as url:
        missing = ask(url, "/login", Accept_Language="en")
        upgrade(database)
        nobody = ask(url, "/login", Accept_Language="en")
        add_people(database)
        ready = ask(url, "/login", Accept_Language="en")
        said = (tmp_path / "log").read_text("utf-8")

    assert f"The dashboard is at {url} until Ctrl-C." in said
    assert (missing.status, "sekisho db upgrade" in missing.body) == (503, True)
    assert (nobody.status, "sekisho user add" in nobody.body) == (503, True)
    assert (ready.status, 'type="password"' in ready.body) == (200, True)
    assert str(tmp_path) not in missing.body


def test_another_address_is_refused_while_nobody_could_log_in(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    upgrade(database)
    environment = environment_of(database, free_port()) | {"SEKISHO_DASHBOARD__ADDRESS": "0.0.0.0"}

    done = subprocess.run([COMMAND, "dashboard"], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.returncode == 2
    assert "refusing to listen on 0.0.0.0: the store has no account" in done.stderr


def test_what_the_server_says_is_sent_at_once() -> None:
    """With the system's usual setting the second message of every click waits for the browser to confirm the first."""
    address = Address(port=free_port())
    with (
        listening.listener(address) as listener,
        socket.create_connection((address.address, address.port)),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("address", "public_url", "said"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:8501"),
        ("::1", "", "http://[::1]:8501"),
        ("0.0.0.0", "", "http://localhost:8501"),
        ("127.0.0.1", "https://dmarc.example.jp", "https://dmarc.example.jp"),
    ],
)
def test_the_address_that_is_said_is_the_one_to_open(address: str, public_url: str, said: str) -> None:
    assert listening.address_of(Address(address=address, public_url=public_url)) == said


@pytest.mark.parametrize(
    ("address", "public_url", "hosts"),
    [
        ("127.0.0.1", "", ["localhost", "127.0.0.1", "::1"]),
        ("192.0.2.1", "", ["localhost", "127.0.0.1", "::1", "192.0.2.1"]),
        ("0.0.0.0", "", ["*"]),
        ("0.0.0.0", "https://dmarc.example.jp", ["localhost", "127.0.0.1", "::1", "dmarc.example.jp"]),
    ],
)
def test_only_names_that_are_ours_are_answered(address: str, public_url: str, hosts: list[str]) -> None:
    assert server.allowed_hosts(Address(address=address, public_url=public_url)) == hosts


def test_behind_https_the_cookie_is_secure_and_the_browser_remembers(tmp_path: Path, people_store: str) -> None:
    stream = {
        "Host": "dmarc.example.jp",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "X_Forwarded_Proto": "https",
    }
    with serving(tmp_path, people_store, SEKISHO_DASHBOARD__PUBLIC_URL="https://dmarc.example.jp") as url:
        answer = post_login(url, "operator", PASSWORD, Host="dmarc.example.jp", Origin="https://dmarc.example.jp")
        stream["Cookie"] = cookie_of(answer)
        ours = ask(url, "/_stcore/stream", Origin="https://dmarc.example.jp", **stream)
        theirs = ask(url, "/_stcore/stream", Origin="https://evil.example", **stream)

    assert answer.status == 303
    assert ["; Secure" in cookie for cookie in answer.cookies] == [True, True]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert " wss://dmarc.example.jp;" in answer.headers["content-security-policy"]
    assert (ours.status, theirs.status) == (101, 403)
