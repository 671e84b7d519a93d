"""A [[mailbox]] table of the settings -> the options of a mailbox, with what its preset knows, and its credential."""

from collections.abc import Mapping
from dataclasses import fields

import settings
from ingest.credentials import read_password
from ingest.imap_login import Credential
from ingest.mailbox_errors import ConfigurationError
from ingest.mailbox_options import PRESETS, Mailbox, OAuthClient, OAuthProvider

_AS_WRITTEN = {field.name for field in fields(Mailbox)} - {"host", "login", "oauth"}


def mailbox_of(written: settings.Mailbox) -> Mailbox:
    """The options of one mailbox. Raises ConfigurationError naming everything that cannot work."""
    preset = PRESETS[written.preset]
    return Mailbox(
        host=written.host or preset.host or "",
        login=written.login or preset.login,
        oauth=_oauth_client(written, preset.oauth),
        **{name: getattr(written, name) for name in _AS_WRITTEN},
    )


def _oauth_client(written: settings.Mailbox, provider: OAuthProvider | None) -> OAuthClient | None:
    if written.client_id is None:
        return None
    return OAuthClient(
        provider=_provider(written, provider),
        client_id=written.client_id,
        client_secret_file=written.client_secret_file,
        token_file=written.token_file,
        token_keyring=written.token_keyring,
    )


def _provider(written: settings.Mailbox, known: OAuthProvider | None) -> OAuthProvider:
    addresses = {
        "authorize_url": written.authorize_url or (known.authorize_url if known else None),
        "token_url": written.token_url or (known.token_url if known else None),
        "scope": written.scope or (known.scope if known else None),
    }
    missing = [name for name, value in addresses.items() if not value]
    if missing:
        raise ConfigurationError(
            f"mailbox {written.name}: the preset has no {', '.join(missing)}: name your provider's"
        )
    return OAuthProvider(
        **{name: str(value) for name, value in addresses.items()}, parameters=known.parameters if known else ()
    )


def credential_of(mailbox: Mailbox, environ: Mapping[str, str]) -> Credential:
    """What logs in to a mailbox: its password, or the source of its access tokens. Raises ConfigurationError."""
    if mailbox.login != "oauth2":
        return read_password(mailbox, environ)
    from ingest.oauth import TokenSource  # here: what it needs for HTTP costs a mailbox with a password 17 MB

    return TokenSource(mailbox, environ)
