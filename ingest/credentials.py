"""Passwords and other secrets of mailboxes: read from the environment, a file of mode 600, or the keyring.

A secret travels as `Secret`, whose text form is `***`, and is revealed only where it is sent. Nothing is logged.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ingest.mailbox_errors import ConfigurationError
from ingest.mailbox_options import Mailbox, OAuthClient

KEYRING_SERVICE = "sekisho"
# Systemd puts the files of LoadCredential= in the folder that this variable names. Their access list, which only
# the service's user is on, shows as a group-readable mode.
CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
_LARGEST_SECRET_BYTES = 65_536


class Secret:
    """A password or token that shows itself as `***` wherever it is printed by mistake."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, specification: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")

    def reveal(self) -> str:
        """The secret itself, for the one call that sends it."""
        return self._text


def read_password(mailbox: Mailbox, environ: Mapping[str, str]) -> Secret:
    """The password of a mailbox from the one place its options name. Raises ConfigurationError with what to do."""
    if mailbox.password_variable:
        return _from_variable(mailbox.password_variable, environ)
    if mailbox.password_file:
        return read_secret_file(mailbox.password_file, environ)
    return _from_keyring(f"mailbox {mailbox.name}")


def _from_variable(name: str, environ: Mapping[str, str]) -> Secret:
    if not environ.get(name):
        raise ConfigurationError(f"the environment variable {name} that should hold a password is not set")
    return Secret(environ[name])


def _from_keyring(entry: str) -> Secret:
    import keyring  # here: it is loaded where an option names it, and nowhere else
    import keyring.errors

    try:
        found = keyring.get_password(KEYRING_SERVICE, entry)
    except keyring.errors.KeyringError as error:
        raise ConfigurationError(
            f"the keyring cannot be opened ({type(error).__name__}); under cron use a file of mode 600 instead"
        ) from None
    if not found:
        raise ConfigurationError(f"the keyring has no entry: keyring set {KEYRING_SERVICE} '{entry}'")
    return Secret(found)


def read_secret_file(path: Path, environ: Mapping[str, str]) -> Secret:
    """The content of a file of mode 600 (or stricter) without its last line break.

    Raises ConfigurationError when the file is missing, empty, of another owner, or readable by others.
    """
    try:
        with path.open("rb") as file:
            _refuse_wide(path, os.fstat(file.fileno()), environ)
            text = file.read(_LARGEST_SECRET_BYTES).decode()
    except OSError as error:
        raise ConfigurationError(f"{path}, which should hold a secret, cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}, which should hold a secret, is not UTF-8 text") from None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise ConfigurationError(f"{path}, which should hold a secret, is empty")
    return Secret(secret)


def _refuse_wide(path: Path, status: os.stat_result, environ: Mapping[str, str]) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path}, which should hold a secret, is not a file")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(f"{path} holds a secret and belongs to another user: chown it to this one")
    open_to_others = stat.S_IMODE(status.st_mode) & 0o077
    if open_to_others and not _is_systemd_credential(path, environ):
        raise ConfigurationError(f"{path} holds a secret and others may open it: chmod 600 {path}")


def _is_systemd_credential(path: Path, environ: Mapping[str, str]) -> bool:
    folder = environ.get(CREDENTIALS_DIRECTORY)
    return bool(folder) and path.resolve().parent == Path(str(folder)).resolve()


def write_secret_file(path: Path, secret: Secret) -> None:
    """Put a secret in a file of mode 600, whole or not at all: a new file beside it takes its name when it is safe."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret.reveal() + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_refresh_token(mailbox: Mailbox, environ: Mapping[str, str]) -> Secret:
    """The refresh token of a mailbox. Raises ConfigurationError naming the command that gets one."""
    client = _oauth_client(mailbox)
    try:
        if client.token_file:
            return read_secret_file(client.token_file, environ)
        return _from_keyring(_token_entry(mailbox))
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; `sekisho mailbox authorize {mailbox.name}` gets a new token") from None


def keep_refresh_token(mailbox: Mailbox, token: Secret) -> None:
    """Keep a refresh token where the options of the mailbox say."""
    client = _oauth_client(mailbox)
    if client.token_file:
        write_secret_file(client.token_file, token)
    else:
        import keyring

        keyring.set_password(KEYRING_SERVICE, _token_entry(mailbox), token.reveal())


def _token_entry(mailbox: Mailbox) -> str:
    return f"refresh token {mailbox.name}"


def _oauth_client(mailbox: Mailbox) -> OAuthClient:
    if mailbox.oauth is None:
        raise ConfigurationError(f"mailbox {mailbox.name} has no OAuth client")
    return mailbox.oauth
