"""The nginx configuration of docs/OPERATIONS.md as it stands there, in front of two real dashboards, with TLS.

Only its names, ports and paths of certificates are adapted.
"""

import http.client
import os
import re
import shutil
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from certificates import Certificates, make_certificates
from playwright.sync_api import Browser, BrowserContext, Page, expect
from ports import free_port, wait_for_port
from screen_store import PASSWORD, fill_store, token_of
from servers_chromium import idle, log_in, serving
from store_builder import ask

from dashboard.session import COOKIE
from store.migrate import upgrade
from store.trail import entries

pytestmark = [pytest.mark.requires_chromium, pytest.mark.requires_nginx]

GUIDE = Path(__file__).parent.parent / "docs" / "OPERATIONS.md"
DOCUMENTED = "dmarc.example.jp"
# What a distribution's own nginx.conf says around a site's file; here everything lies in the folder of the test.
FRAME = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{}}
http {{
    log_format process '$upstream_addr $cookie_sekisho_session $status $uri';
    access_log {folder}/access.log process;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True)
class Site:
    """`url` and `plain` are nginx with and without TLS, `processes` the addresses of the dashboards behind it."""

    url: str
    plain: str
    processes: tuple[str, str]
    database: str
    log: Path
    trust: ssl.SSLContext

    def asked(
        self, method: str, path: str, body: str | None = None, *, origin: str = "127.0.0.1", **headers: str
    ) -> http.client.HTTPResponse:
        """The answer through nginx to a client at the address `origin` that checks the certificate."""
        target = urlsplit(self.url)
        connection = http.client.HTTPSConnection(
            "localhost", target.port, context=self.trust, source_address=(origin, 0), timeout=30
        )
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(connection):
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            answer.read()
            return answer

    def processes_of(self, token: str) -> Counter[tuple[str, str]]:
        """How often a session was given to which process, and with which status."""
        lines = (line.split(" ", 3) for line in self.log.read_text().splitlines())
        return Counter((process, status) for process, session, status, _uri in lines if session == token)


def documented() -> str:
    """The configuration in the operations guide."""
    (found,) = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    return str(found)


def adapted(text: str, replaced: dict[str, str]) -> str:
    """`text` with each of `replaced` put in place; each has to be there."""
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """nginx in front of two dashboards on one store."""
    folder = tmp_path_factory.mktemp("nginx")
    database = f"sqlite:///{folder / 'store.sqlite3'}"
    upgrade(database)
    fill_store(database, int(time.time()) // 86_400)
    certificates = make_certificates(folder / "certificates")
    secure, plain = free_port(), free_port()
    url = f"https://localhost:{secure}"
    with ExitStack() as running:
        processes = tuple(
            urlsplit(running.enter_context(serving(place, database, SEKISHO_DASHBOARD__PUBLIC_URL=url))).netloc
            for place in folders(folder, "one", "two")
        )
        (folder / "site.conf").write_text(site_file(processes, secure, plain, certificates))
        running.callback(stop, start(folder, secure))
        trust = ssl.create_default_context(cafile=certificates.authority)
        yield Site(
            url, f"http://localhost:{plain}", (processes[0], processes[1]), database, folder / "access.log", trust
        )


def folders(parent: Path, *names: str) -> Iterator[Path]:
    for name in names:
        (parent / name).mkdir()
        yield parent / name


def site_file(processes: tuple[str, ...], secure: int, plain: int, certificates: Certificates) -> str:
    """The documented configuration for these ports and certificates."""
    return adapted(
        documented(),
        {
            "127.0.0.1:8501": processes[0],
            "127.0.0.1:8502": processes[1],
            "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
            "listen 80": f"listen 127.0.0.1:{plain}",
            f"/etc/ssl/{DOCUMENTED}/fullchain.pem": str(certificates.good.certificate),
            f"/etc/ssl/{DOCUMENTED}/privkey.pem": str(certificates.good.key),
            f"https://{DOCUMENTED}": f"https://localhost:{secure}",
            f"server_name {DOCUMENTED}": "server_name localhost",
        },
    )


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """nginx with the configuration of `folder`, listening on `port`."""
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder, user=user))
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    command = [program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    server = subprocess.Popen(command)
    wait_for_port(port)
    return server


def stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    server.wait(timeout=30)


@pytest.fixture
def browser(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile that does not know the authority of the test's certificate."""
    context = chromium.new_context(locale="en-US", ignore_https_errors=True)
    context.set_default_timeout(30_000)
    yield context
    context.close()


def cell(page: Page, text: str) -> None:
    """Wait for a cell of the first table, which the page can only have from its websocket."""
    page.locator("table[role=grid] td").get_by_text(text, exact=True).first.wait_for(state="attached")


def test_a_browser_works_behind_nginx_over_tls(browser: BrowserContext, site: Site) -> None:
    sockets: list[str] = []
    page = browser.new_page()
    page.on("websocket", lambda opened: sockets.append(opened.url))

    page.goto(site.plain)
    assert page.url == f"{site.url}/login"
    log_in(page, site.url, "staff")
    cell(page, "shop.example.jp")
    page.goto(f"{site.url}/domain?domain=shop.example.jp&tab=reports")
    cell(page, "Mailboxes")
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").locator("button:visible").first.click()

    assert Path(download.value.path()).stat().st_size > 0
    assert {urlsplit(address).scheme for address in sockets} == {"wss"}
    (cookie,) = [each for each in browser.cookies() if each["name"] == COOKIE]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")


def test_monitoring_is_answered_without_a_login(site: Site) -> None:
    answer = site.asked("GET", "/_stcore/health")

    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_a_stranger_and_a_foreign_form_are_refused(site: Site) -> None:
    form = urlencode({"name": "staff", "password": PASSWORD})
    kind = "application/x-www-form-urlencoded"

    unknown = site.asked("GET", "/domains")
    foreign = site.asked("POST", "/login", form, Content_Type=kind, Origin="https://evil.example")

    assert (unknown.status, unknown.headers["Location"]) == (303, "/login")
    assert foreign.status == 403


def test_the_audit_trail_names_the_client_and_not_nginx_or_what_the_client_says(site: Site) -> None:
    form = urlencode({"name": "staff", "password": "wrong"})

    answer = site.asked(
        "POST",
        "/login",
        form,
        origin="127.0.0.77",
        Content_Type="application/x-www-form-urlencoded",
        X_Forwarded_For="203.0.113.9",
    )

    assert answer.status == 401
    trail = ask(site.database, lambda connection: entries(connection, limit=50))
    assert [entry.address for entry in trail if entry.action == "login-refused"] == ["127.0.0.77"]


def sessions_of_both(site: Site) -> dict[str, str]:
    """A session for each process that nginx chose for it."""
    chosen: dict[str, str] = {}
    for _ in range(60):
        token = token_of(site.database, "staff", int(time.time()))
        assert site.asked("GET", "/domains", Cookie=f"{COOKIE}={token}").status == 200
        ((process, _status),) = wait_for_lines(site, token)
        chosen.setdefault(process, token)
        if len(chosen) == 2:
            return chosen
    raise AssertionError(chosen)


def wait_for_lines(site: Site, token: str, status: str = "200") -> Counter[tuple[str, str]]:
    """What the log has of a session, once a line with this status is among it."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = site.processes_of(token)
        if any(each == status for _process, each in found):
            return found
    raise AssertionError(site.log.read_text())


def test_a_browser_stays_with_one_process_and_both_are_used(chromium: Browser, site: Site) -> None:
    chosen = sessions_of_both(site)
    for process, token in chosen.items():
        with chromium.new_context(locale="en-US", ignore_https_errors=True) as context:
            context.add_cookies([{"name": COOKIE, "value": token, "url": site.url, "secure": True}])
            page = context.new_page()
            page.goto(f"{site.url}/domain?domain=shop.example.jp")
            idle(page)
            page.get_by_test_id("stButtonGroup").get_by_text("Reports").click()
            cell(page, "Mailboxes")
            page.reload()
            cell(page, "Mailboxes")

        # nginx writes down a websocket, whose status is 101, when it ends.
        assert {each for each, _status in wait_for_lines(site, token, "101")} == {process}
    assert set(chosen) == set(site.processes)


def test_an_upload_reaches_the_process_of_its_page(browser: BrowserContext, site: Site, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no report")
    page = browser.new_page()
    log_in(page, site.url, "staff")
    page.goto(f"{site.url}/upload")
    idle(page)

    page.locator("input[type=file]").set_input_files(tmp_path / "note.txt")
    page.get_by_text("note.txt").wait_for()
    page.get_by_role("button", name="Read the files").click()

    expect(page.get_by_text("What became of the files")).to_be_visible(timeout=60_000)
