"""Login through a real OpenID provider, from the button to the page and back, on the real server."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser
from screen_store import PASSWORD, add_people
from servers_chromium import idle, serving
from servers_oidc import CLIENT, SECRET, Provider, providing
from store_builder import ask as ask_store
from web_client import Answer, ask, cookie_of, path_of, post_form, post_login

from store import accounts, office, trail
from store.opened import OpenStore

BUTTON = 'href="/login/openid"'


@dataclass(frozen=True)
class Site:
    """The server that most tests ask, each with persons of its own; `seen` audit rows are of the tests before."""

    url: str
    database: str
    log: Path
    seen: int = 0

    def written(self) -> list[tuple[str, str, str | None]]:
        """The audit trail of this test, oldest first: who, what, detail."""
        rows = ask_store(self.database, trail.entries)
        return [(row.actor, row.action, row.detail) for row in reversed(rows)][self.seen :]


def filled(url: str) -> str:
    """The address of the store, with a customer and accounts."""
    store = OpenStore(url)
    store.write(lambda connection: office.add_customer(connection, "Sakura", language="ja", now=0))
    store.close()
    add_people(url)
    return url


@pytest.fixture
def database(sqlite_url: str) -> str:
    return filled(sqlite_url)


@contextmanager
def dashboard(folder: Path, database: str, issuer: str, **more: str) -> Iterator[str]:
    """A server that knows the provider; its log stands in `folder`."""
    options = {
        "SEKISHO_OIDC__ISSUER": issuer,
        "SEKISHO_OIDC__CLIENT_ID": CLIENT,
        "SEKISHO_OIDC__CLIENT_SECRET": SECRET,
        "SEKISHO_OIDC__OPERATOR_VALUES": "dmarc-operators",
        "SEKISHO_OIDC__STAFF_VALUES": "dmarc-staff,support",
        "SEKISHO_OIDC__CUSTOMER_VALUES": "customers",
    }
    with serving(folder, database, **options, **more) as url:
        yield url


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, provider: Provider) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    database = filled(f"sqlite:///{shutil.copy(sqlite_template, folder / 'store.sqlite3')}")
    with dashboard(folder, database, provider.url) as url:
        yield Site(url, database, folder / "log")


@pytest.fixture
def site(shared_site: Site) -> Site:
    return replace(shared_site, seen=len(ask_store(shared_site.database, trail.entries)))


def consent(provider_url: str, address: str, subject: str, **changed: str) -> str:
    """Somebody consents at the provider: the address to which it sends the browser."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | changed
    answer = post_form(provider_url, f"{urlsplit(address).path}?{urlencode(query)}", sub=subject)
    assert answer.status == 302, answer.body
    return answer.headers["location"]


def come_back(url: str, provider: Provider, subject: str, **changed: str) -> Answer:
    """The whole way of a browser through the provider; `changed` in the address that the provider gets."""
    begun = ask(url, "/login/openid")
    back = consent(provider.url, begun.headers["location"], subject, **changed)
    return ask(url, path_of(back), Cookie=cookie_of(begun, "sekisho_openid"), Accept_Language="en")


def test_the_button_leads_to_the_provider_and_back_to_the_page(site: Site, provider: Provider) -> None:
    provider.know("7", preferred_username="hanako", groups=["all", "support"])

    page = ask(site.url, "/login", Accept_Language="en")
    begun = ask(site.url, "/login/openid")
    entered = come_back(site.url, provider, "7")
    app = ask(site.url, "/", Cookie=cookie_of(entered))

    assert BUTTON in page.body
    assert "Log in with your organisation" in page.body
    assert (begun.status, begun.headers["location"].split("?")[0]) == (303, f"{provider.url}/oauth2/authorize")
    for word in ("HttpOnly", "SameSite=lax", "Path=/login/openid", "Max-Age=600"):
        assert word in begun.cookies[0]
    assert (entered.status, entered.headers["location"], app.status) == (303, "/", 200)
    assert 'sekisho_openid=""; expires=' in "\n".join(entered.cookies)
    account = ask_store(site.database, lambda connection: accounts.account_of(connection, "hanako"))
    assert (account.role, account.customer, account.issuer) == ("staff", None, provider.url)
    assert site.written() == [
        ("hanako", "account-add", f"staff, OpenID {provider.url}"),
        ("hanako", "login", f"OpenID {provider.url}"),
    ]


def test_a_customer_is_let_in_as_the_one_that_the_claim_names(site: Site, provider: Provider) -> None:
    provider.know("8", email="taro@example.jp", groups=["customers"], organization="sakura")
    provider.know("9", email="jiro@example.jp", groups=["customers"], organization="Nobody")

    let_in, refused = come_back(site.url, provider, "8"), come_back(site.url, provider, "9")

    account = ask_store(site.database, lambda connection: accounts.account_of(connection, "taro@example.jp"))
    assert (let_in.status, account.role, account.customer) == (303, "customer", "Sakura")
    assert (refused.status, "No access" in refused.body) == (403, True)
    assert site.written()[-1] == (
        "jiro@example.jp",
        "login-refused",
        f"OpenID {provider.url}: there is no customer 'Nobody'",
    )


def test_whom_the_claims_give_no_role_gets_a_clear_page_and_no_session(site: Site, provider: Provider) -> None:
    provider.know("10", preferred_username="jiro", groups=["all"])

    refused = come_back(site.url, provider, "10")

    assert refused.status == 403
    assert "You are known to the login service, but have no access to Sekisho." in refused.body
    assert BUTTON in refused.body
    assert not [cookie for cookie in refused.cookies if cookie.startswith("sekisho_session")]
    assert "jiro" not in {account.name for account in ask_store(site.database, accounts.accounts)}


def test_a_role_that_is_taken_away_ends_every_session(site: Site, provider: Provider) -> None:
    provider.know("11", preferred_username="saburo", groups=["dmarc-operators"])
    cookie = cookie_of(come_back(site.url, provider, "11"))
    before = ask(site.url, "/", Cookie=cookie).status
    provider.know("11", preferred_username="saburo", groups=[])

    refused = come_back(site.url, provider, "11")

    assert (before, refused.status, ask(site.url, "/", Cookie=cookie).status) == (200, 403, 303)


def test_another_role_at_the_provider_is_the_role_from_the_next_login_on(site: Site, provider: Provider) -> None:
    provider.know("12", preferred_username="shiro", groups=["dmarc-operators"])
    old = cookie_of(come_back(site.url, provider, "12"))
    provider.know("12", preferred_username="shiro", groups=["support"])

    entered = come_back(site.url, provider, "12")

    account = ask_store(site.database, lambda connection: accounts.account_of(connection, "shiro"))
    assert (entered.status, account.role) == (303, "staff")
    assert ask(site.url, "/", Cookie=old).status == 303
    assert [row[1] for row in site.written()] == ["account-add", "login", "account-role", "login"]


def test_a_disabled_account_stays_out(site: Site, provider: Provider) -> None:
    provider.know("13", preferred_username="goro", groups=["dmarc-staff"])
    come_back(site.url, provider, "13")
    store = OpenStore(site.database)
    store.write(lambda connection: accounts.set_disabled(connection, "goro", True, now=0))
    store.close()

    refused = come_back(site.url, provider, "13")

    assert refused.status == 403
    assert site.written()[-1][1:] == ("login-refused", f"OpenID {provider.url}: the account is disabled")


def test_a_local_account_of_that_name_is_not_taken_over(site: Site, provider: Provider) -> None:
    provider.know("14", preferred_username="Operator", groups=["support"])

    entered = come_back(site.url, provider, "14")

    found = {account.name: account.role for account in ask_store(site.database, accounts.accounts)}
    assert entered.status == 303
    assert (found["operator"], found["operator@127.0.0.1"]) == ("operator", "staff")
    assert post_login(site.url, "operator", PASSWORD).status == 303
    assert post_login(site.url, "operator@127.0.0.1", PASSWORD).status == 401


def test_an_answer_that_does_not_fit_is_refused(site: Site, provider: Provider) -> None:
    provider.know("15", preferred_username="rokuro", groups=["support"])
    begun = ask(site.url, "/login/openid")
    back = path_of(consent(provider.url, begun.headers["location"], "15"))

    foreign_state = come_back(site.url, provider, "15", state="of-another-browser")
    foreign_nonce = come_back(site.url, provider, "15", nonce="of-another-login")
    foreign_client = come_back(site.url, provider, "15", client_id="another-client")
    without_cookie = ask(site.url, back, Accept_Language="en")
    denied = ask(site.url, "/login/openid/return?error=access_denied", Accept_Language="en")

    for answer in (foreign_state, foreign_nonce, foreign_client, without_cookie, denied):
        assert answer.status == 401
        assert "began in another browser. Start it again from this page." in answer.body
        assert not [cookie for cookie in answer.cookies if cookie.startswith("sekisho_session")]
    assert site.written() == []


def test_an_expired_token_is_refused(tmp_path: Path, database: str) -> None:
    with (
        providing(tmp_path, "--token-max-age", "-120") as hasty,
        dashboard(tmp_path, database, hasty.url) as url,
    ):
        hasty.know("7", groups=["support"])
        refused = come_back(url, hasty, "7")

    assert refused.status == 401


def test_a_provider_that_is_down_gets_a_clear_page_and_passwords_still_work(tmp_path: Path, database: str) -> None:
    with dashboard(tmp_path, database, "http://127.0.0.1:1", SEKISHO_OIDC__BUTTON="Example ID <b>") as url:
        page = ask(url, "/login", Accept_Language="ja")
        begun = ask(url, "/login/openid", Accept_Language="ja")
        back = ask(url, "/login/openid/return?code=x&state=y", Accept_Language="ja")
        entered = post_login(url, "operator", PASSWORD)

    assert "Example ID &lt;b&gt;" in page.body
    assert (begun.status, "ログインサービスを利用できません" in begun.body) == (503, True)
    assert back.status == 401
    assert entered.status == 303
    assert "cannot be asked (ConnectionError)" in (tmp_path / "log").read_text("utf-8")


def test_no_secret_and_no_code_reaches_the_log(site: Site, provider: Provider) -> None:
    provider.know("16", groups=["support"])
    before = len(site.log.read_text("utf-8"))
    begun = ask(site.url, "/login/openid")
    back = path_of(consent(provider.url, begun.headers["location"], "16"))
    secret = cookie_of(begun, "sekisho_openid")
    entered = ask(site.url, back, Cookie=secret)
    ask(site.url, back, Cookie=secret)

    seen = site.log.read_text("utf-8")[before:] + str(site.written())
    assert "a login through OpenID failed: the provider answered invalid_grant" in seen
    for text in (SECRET, secret.partition("=")[2], parse_qs(urlsplit(back).query)["code"][0], cookie_of(entered)):
        assert text not in seen


def test_without_a_provider_there_is_no_button_and_no_way(tmp_path: Path, database: str) -> None:
    with serving(tmp_path, database) as url:
        page, begun, back = (ask(url, path) for path in ("/login", "/login/openid", "/login/openid/return"))

    assert "/login/openid" not in page.body
    assert (begun.status, back.status) == (404, 404)


def test_behind_a_proxy_the_provider_sends_people_to_the_public_address(
    tmp_path: Path, database: str, provider: Provider
) -> None:
    public = {"SEKISHO_DASHBOARD__PUBLIC_URL": "https://dmarc.example.jp"}
    with dashboard(tmp_path, database, provider.url, **public) as url:
        begun = ask(url, "/login/openid", Host="dmarc.example.jp")

    sent = parse_qs(urlsplit(begun.headers["location"]).query)
    assert sent["redirect_uri"] == ["https://dmarc.example.jp/login/openid/return"]
    assert "Secure" in begun.cookies[0]


@pytest.mark.requires_chromium
def test_a_browser_goes_to_another_site_and_comes_back_logged_in(
    tmp_path: Path, database: str, provider: Provider, chromium: Browser
) -> None:
    """`localhost` and `127.0.0.1` are two sites: the cookies must come along on the way back."""
    provider.know("17", preferred_username="nanako", groups=["dmarc-operators"])
    page = chromium.new_context(locale="ja-JP").new_page()
    with dashboard(tmp_path, database, provider.url.replace("127.0.0.1", "localhost")) as url:
        page.goto(f"{url}/login")
        page.get_by_role("link", name="組織のアカウントでログイン").click()
        page.get_by_placeholder("sub").fill("17")
        page.get_by_role("button", name="Authorize").click()
        idle(page)

        assert page.url.split("?")[0] == f"{url}/"
        assert page.get_by_role("button", name="nanako").is_visible()
        assert page.locator("html").get_attribute("lang") == "ja"
    page.context.close()
