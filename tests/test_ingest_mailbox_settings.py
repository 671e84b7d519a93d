"""From a [[mailbox]] table to the options of a mailbox."""

from pathlib import Path

import pytest

from ingest.credentials import Secret
from ingest.mailbox_errors import ConfigurationError
from ingest.mailbox_options import GOOGLE, MICROSOFT, Mailbox, OAuthClient, OAuthProvider
from ingest.mailbox_settings import credential_of, mailbox_of
from ingest.oauth import TokenSource
from settings import Mailbox as Table

TOKEN, CLIENT = Path("/etc/sekisho/token"), Path("/etc/sekisho/client")


def table(**given: object) -> Table:
    return Table(**{"name": "reports", "user": "dmarc@example.jp", **given})  # type: ignore[arg-type]


def test_what_is_not_written_has_the_default_of_the_options() -> None:
    written = table(host="imap.example.jp", password_variable="SECRET")

    assert mailbox_of(written) == Mailbox("reports", "imap.example.jp", "dmarc@example.jp", password_variable="SECRET")


def test_everything_that_is_written_arrives() -> None:
    given: dict[str, object] = {
        "host": "mail.example.jp",
        "port": 143,
        "security": "starttls",
        "ca_file": Path("/etc/authority.pem"),
        "password_file": Path("/etc/secret"),
        "folders": ("a", "b"),
        "processed": "c",
        "quarantine": "d",
        "after": "leave",
        "largest_message_bytes": 1,
        "messages_per_run": 2,
        "bytes_per_run": 3,
        "bytes_per_day": 4,
        "seconds_per_run": 5,
        "seconds_per_command": 6,
        "seconds_to_connect": 7,
        "seconds_of_silence": 8,
    }

    mailbox = mailbox_of(table(**given))

    assert {name: getattr(mailbox, name) for name in given} == given


def test_gmail_with_an_app_password_needs_user_and_password_only() -> None:
    mailbox = mailbox_of(table(preset="gmail", password_file=CLIENT))

    assert (mailbox.host, mailbox.port, mailbox.security, mailbox.login) == ("imap.gmail.com", 993, "tls", "password")


@pytest.mark.parametrize(
    ("preset", "host", "provider"),
    [
        ("gmail", "imap.gmail.com", GOOGLE),
        ("microsoft", "outlook.office365.com", MICROSOFT),
    ],
)
def test_a_client_id_is_that_of_the_presets_provider(preset: str, host: str, provider: OAuthProvider) -> None:
    mailbox = mailbox_of(table(preset=preset, login="oauth2", client_id="id", token_file=TOKEN))

    assert (mailbox.host, mailbox.oauth) == (host, OAuthClient(provider, "id", token_file=TOKEN))


def test_the_addresses_of_one_microsoft_tenant_stand_for_those_of_the_preset() -> None:
    urls = {"authorize_url": "https://login.example.com/t/authorize", "token_url": "https://login.example.com/t/token"}

    mailbox = mailbox_of(table(preset="microsoft", client_id="id", token_keyring=True, **urls))

    assert mailbox.oauth is not None
    assert mailbox.oauth.provider == OAuthProvider(**urls, scope=MICROSOFT.scope, parameters=MICROSOFT.parameters)


def test_a_provider_without_a_preset_needs_all_its_addresses() -> None:
    with pytest.raises(ConfigurationError, match="the preset has no authorize_url, scope: name your provider's"):
        mailbox_of(table(host="imap.example.jp", login="oauth2", client_id="id", token_url="https://example.com/token"))


def test_everything_that_cannot_work_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        mailbox_of(table(security="plain", folders=()))

    assert str(caught.value) == (
        "mailbox reports: host is empty; security = plain would send the password readable over the network; "
        "use tls or starttls; name exactly one place of the password: an environment variable, a file or the keyring; "
        "no folder to read"
    )


def test_a_mailbox_logs_in_with_its_password_or_with_tokens() -> None:
    password = mailbox_of(table(preset="gmail", password_variable="SECRET"))
    tokens = mailbox_of(table(preset="microsoft", client_id="id", token_file=TOKEN))

    found = credential_of(password, {"SECRET": "hunter2"})

    assert isinstance(found, Secret)
    assert found.reveal() == "hunter2"
    assert isinstance(credential_of(tokens, {}), TokenSource)
