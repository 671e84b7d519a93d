"""The digest by mail: through Apprise to a real SMTP server over TLS, and what happens when the server says no."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from certificates import Certificates
from servers_smtp import PASSWORD, USER, Post
from store_builder import ask, fill

from analysis.health import Finding
from sekisho import status
from sekisho.digest import Delivery, Refusing, tell
from settings import Notify, Settings
from store import events
from store.engine import open_store, writing
from store.events import FoundEvent

# Apprise 2.2 imports imghdr on Python below 3.13.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
NIGHT = 1_800_000_000
DAY = 86_400
NOT_TAKEN = Delivery(0, ("staff address 1 (mailtos)",), ())


@pytest.fixture
def url(sqlite_url: str) -> str:
    """A store with something to say."""
    fill(sqlite_url, [], customers={"見本茶舗": ["example.jp"]})
    evidence = {"name": "Receiver", "day": "2026-08-28", "habit": 1}
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        found = FoundEvent(None, "reporter-silent", "Receiver", "change", evidence)
        events.reconcile(connection, [found], now=NIGHT)
    engine.dispose()
    return sqlite_url


@pytest.fixture
def trusted(smtp_certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine trusts the authority of the test servers, as it would one of the public authorities."""
    monkeypatch.setenv("SSL_CERT_FILE", str(smtp_certificates.authority))


def staff(url: str, post: Post, mode: str = "ssl", password: str = PASSWORD) -> Settings:
    login = f"{USER}:{quote(password)}"
    address = f"mailtos://{login}@localhost:{post.port}?from=sekisho@example.net&to=staff@example.net&mode={mode}"
    return Settings(database_url=url, language="ja", notify=Notify(staff=address))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("mode", ["ssl", "starttls"])
def test_the_digest_arrives_as_mail_over_either_kind_of_tls(
    url: str, start_post: Callable[..., Post], mode: str
) -> None:
    post = start_post(starttls=mode == "starttls")

    assert tell(staff(url, post, mode), now=NIGHT) == Delivery(1, (), ())
    assert tell(staff(url, post, mode), now=NIGHT + DAY) == Delivery(0, (), ())

    (mail,) = post.mails
    assert post.recipients == ["staff@example.net"]
    assert mail["Subject"] == "関所: 新しいお知らせ1件"
    body: Any = mail.get_body()
    assert "Receiver" in body.get_content()
    assert body.get_content_type() == "text/plain"


@pytest.mark.parametrize("mode", ["ssl", "starttls"])
@pytest.mark.parametrize("wrong", ["unknown authority", "expired", "wrong_host", "self_signed"])
def test_a_server_whose_certificate_proves_nothing_gets_neither_password_nor_digest_and_status_says_so(
    url: str,
    start_post: Callable[..., Post],
    smtp_certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    wrong: str,
) -> None:
    pair = None if wrong == "unknown authority" else getattr(smtp_certificates, wrong)
    if pair:
        monkeypatch.setenv("SSL_CERT_FILE", str(smtp_certificates.authority))
    post = start_post(starttls=mode == "starttls", pair=pair)
    options = staff(url, post, mode)

    assert tell(options, now=NIGHT) == NOT_TAKEN

    assert (post.mails, post.recipients) == ([], [])
    found = ask(url, lambda link: status.read_status(link, options, now=NIGHT))
    assert Finding("digest-refused", number=1) in found.health.problems
    assert found.addresses == (Refusing("staff address 1 (mailtos)", 1, NIGHT, 1),)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("trouble", ["login", "greylisting", "nobody of that name", "full disk there"])
def test_what_the_mail_server_refuses_is_sent_once_when_it_takes_it_again(
    url: str, start_post: Callable[..., Post], trouble: str
) -> None:
    post = start_post()
    post.at_recipient = {"greylisting": "451 4.7.1 come again", "nobody of that name": "550 5.1.1 nobody"}.get(trouble)
    post.at_mail = "452 4.3.1 no room" if trouble == "full disk there" else None

    wrong = staff(url, post, password="machigai" if trouble == "login" else PASSWORD)
    refused = [tell(wrong, now=NIGHT + night * DAY) for night in range(2)]
    before = ask(url, lambda link: status.read_status(link, wrong, now=NIGHT + DAY))
    post.at_recipient = post.at_mail = None
    good = staff(url, post)
    taken = [tell(good, now=NIGHT + night * DAY).sent for night in (2, 3)]
    after = ask(url, lambda link: status.read_status(link, good, now=NIGHT + 3 * DAY))

    assert refused == [NOT_TAKEN, NOT_TAKEN]
    assert before.addresses == (Refusing("staff address 1 (mailtos)", 1, NIGHT, 2),)
    assert (taken, after.addresses) == ([1, 0], ())
    assert len(post.mails) == 1
