"""The options of one mailbox as plain frozen values, checked when they are made, and the presets of known providers.

Settings files, environment variables and secrets themselves are read elsewhere: here are only their names.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from ingest.mailbox_errors import ConfigurationError

Security = Literal["tls", "starttls", "plain"]
Login = Literal["password", "oauth2"]
After = Literal["move", "leave"]

# Gmail takes messages of at most this size, and allows 2,500 MB of IMAP download a day.
LARGEST_MESSAGE_BYTES = 35_651_584
BYTES_PER_DAY = 2_000_000_000


@dataclass(frozen=True, slots=True)
class OAuthProvider:
    """Where a provider hands out tokens for IMAP (RFC 6749 sections 3.1 and 3.2), and the scope to ask for."""

    authorize_url: str
    token_url: str
    scope: str
    parameters: tuple[tuple[str, str], ...] = ()


GOOGLE = OAuthProvider(
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106 (an address, no secret)
    scope="https://mail.google.com/",
    # Without these two Google hands out a refresh token only at the very first consent.
    parameters=(("access_type", "offline"), ("prompt", "consent")),
)
MICROSOFT = OAuthProvider(
    authorize_url="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    token_url="https://login.microsoftonline.com/common/oauth2/v2.0/token",  # noqa: S106 (an address, no secret)
    scope="https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
)


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The client registered at a provider, and where its refresh token is kept: a file of mode 600 or the keyring.

    `client_secret_file` is None for a public client (Microsoft); Google gives desktop clients a secret too.
    """

    provider: OAuthProvider
    client_id: str
    client_secret_file: Path | None = None
    token_file: Path | None = None
    token_keyring: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """What a provider's documentation fixes. `host` is None where every customer has another one."""

    host: str | None
    login: Login
    oauth: OAuthProvider | None = None


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "gmail": Preset("imap.gmail.com", "password", GOOGLE),
        "microsoft": Preset("outlook.office365.com", "oauth2", MICROSOFT),
        "sakura": Preset(None, "password"),
        "xserver": Preset(None, "password"),
        "plain": Preset(None, "password"),
    }
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox. Raises ConfigurationError naming everything that cannot work.

    Folder names use `/` between levels whatever the server uses; a name as the server spells it works too.
    Sizes are bytes, times seconds. `seconds_per_command` is wall-clock time for one command, to which a download
    adds its size at 64 KiB a second; `seconds_of_silence` is how long the server may send nothing at all.
    """

    name: str
    host: str
    user: str
    port: int = 993
    security: Security = "tls"
    ca_file: Path | None = None
    login: Login = "password"
    password_variable: str | None = None
    password_file: Path | None = None
    password_keyring: bool = False
    oauth: OAuthClient | None = None
    folders: tuple[str, ...] = ("INBOX",)
    processed: str = "DMARC/Processed"
    quarantine: str = "DMARC/Quarantine"
    after: After = "move"
    largest_message_bytes: int = LARGEST_MESSAGE_BYTES
    messages_per_run: int = 20_000
    bytes_per_run: int = 500_000_000
    bytes_per_day: int = BYTES_PER_DAY
    seconds_per_run: float = 3600
    seconds_per_command: float = 120
    seconds_to_connect: float = 20
    seconds_of_silence: float = 60

    def __post_init__(self) -> None:
        problems = [*_naming(self), *_security(self), *_secrets(self), *_folders(self), *_limits(self)]
        if problems:
            raise ConfigurationError(f"mailbox {self.name or '(without name)'}: " + "; ".join(problems))


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its very name."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _naming(mailbox: Mailbox) -> Iterator[str]:
    for option in ("name", "host", "user"):
        if not getattr(mailbox, option).strip():
            yield f"{option} is empty"
    if any(not sign.isprintable() for sign in mailbox.name + mailbox.host + mailbox.user):
        yield "name, host or user has a control character"
    if not 1 <= mailbox.port <= 65535:
        yield "port must be between 1 and 65535"


def _security(mailbox: Mailbox) -> Iterator[str]:
    if mailbox.security not in ("tls", "starttls", "plain"):
        yield "security must be tls, starttls or plain"
    if mailbox.security == "plain" and not is_loopback(mailbox.host):
        yield "security = plain would send the password readable over the network; use tls or starttls"


def _secrets(mailbox: Mailbox) -> Iterator[str]:
    if mailbox.login not in ("password", "oauth2"):
        yield "login must be password or oauth2"
    given = (mailbox.password_variable, mailbox.password_file, mailbox.password_keyring)
    if mailbox.login == "password" and sum(map(bool, given)) != 1:
        yield "name exactly one place of the password: an environment variable, a file or the keyring"
    if mailbox.login == "oauth2" and mailbox.oauth is None:
        yield "login = oauth2 needs the client registered at the provider"
    if mailbox.oauth is not None:
        yield from _oauth(mailbox.oauth)


def _oauth(client: OAuthClient) -> Iterator[str]:
    if not client.client_id:
        yield "the client id of OAuth is empty"
    if bool(client.token_file) == client.token_keyring:
        yield "name exactly one place of the refresh token: a file or the keyring"
    for url in (client.provider.authorize_url, client.provider.token_url):
        parts = urlsplit(url)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not local:
            yield f"the OAuth address {url} is not https"


def _folders(mailbox: Mailbox) -> Iterator[str]:
    if not mailbox.folders:
        yield "no folder to read"
    if mailbox.after not in ("move", "leave"):
        yield "after must be move or leave"
    named = (*mailbox.folders, mailbox.processed, mailbox.quarantine)
    if any(not name.strip("/ ") or not name.isprintable() for name in named):
        yield "a folder name is empty or has a control character"
    if {mailbox.processed, mailbox.quarantine} & set(mailbox.folders):
        yield "the processed and quarantine folders must not be among the folders that are read"


def _limits(mailbox: Mailbox) -> Iterator[str]:
    numbers = (
        *(mailbox.largest_message_bytes, mailbox.messages_per_run, mailbox.bytes_per_run, mailbox.bytes_per_day),
        *(mailbox.seconds_per_run, mailbox.seconds_per_command, mailbox.seconds_to_connect, mailbox.seconds_of_silence),
    )
    if min(numbers) <= 0:
        yield "limits must be above zero"
    if mailbox.largest_message_bytes > min(mailbox.bytes_per_run, mailbox.bytes_per_day):
        yield "the bytes per run and per day must allow at least one message of the largest size"
