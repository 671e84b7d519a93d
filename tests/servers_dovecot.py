"""A throw-away Dovecot on loopback, once per test session, and plain functions that look into its Maildirs.

Works as root (the mail then belongs to the user mail) and as an ordinary user. Nothing outside its folder is written.
"""

import base64
import hashlib
import hmac
import json
import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from certificates import Certificates, make_certificates
from memory_folder import new_folder
from ports import free_port, wait_for_port

from ingest.mailbox_options import Mailbox

PASSWORD = 'pass "word" \\ {3} パス'
TOKEN_KEY = b"signing-key-of-the-tests-0123456789abcdef"
MAIL = b"From: reporter@example.net\r\nTo: rua@example.jp\r\nSubject: Report\r\n\r\nNo report.\r\n"
_DOVECOT = "/usr/sbin/dovecot"
_START_SECONDS = 10
_numbers = count(1)
_users = (f"user{number}" for number in count(1))


@dataclass(frozen=True, slots=True)
class Dovecot:
    """Where the server listens and keeps its mail. Any user name may log in with PASSWORD."""

    folder: Path
    port: int
    tls_port: int
    certificates: Certificates

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        root = self.folder / "mail" / user
        return root if folder == "INBOX" else root / ("." + _utf7(folder).replace("/", "."))


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    """An account that no other test uses, with an empty INBOX."""
    name = next(_users)
    add_folder(dovecot, name)
    return name


@pytest.fixture
def options(dovecot: Dovecot, user: str) -> Callable[..., Mailbox]:
    """Makes the options of that account: without TLS, with deadlines that let a test end soon."""

    def make(**given: object) -> Mailbox:
        usual: dict[str, object] = {
            "name": "reports",
            "host": "127.0.0.1",
            "port": dovecot.port,
            "security": "plain",
            "user": user,
            "password_variable": "UNUSED",
            "seconds_per_command": 5,
            "seconds_of_silence": 5,
            "seconds_to_connect": 5,
            "seconds_per_run": 20,
        }
        return Mailbox(**{**usual, **given})  # type: ignore[arg-type]

    return make


@contextmanager
def running_dovecot() -> Iterator[Dovecot]:
    # The paths of its Unix sockets must be short, and its login processes run as another user.
    folder = new_folder("dovecot")
    server = start_dovecot(folder)
    try:
        yield server
    finally:
        stop_dovecot(server)
        shutil.rmtree(folder)


def start_dovecot(folder: Path) -> Dovecot:
    server = Dovecot(folder, free_port(), free_port(), make_certificates(folder / "tls"))
    _write_configuration(server)
    subprocess.run([_DOVECOT, "-c", str(folder / "dovecot.conf")], check=True, timeout=_START_SECONDS)
    wait_for_port(server.port)
    return server


def stop_dovecot(server: Dovecot) -> None:
    subprocess.run(["doveadm", "-c", str(server.folder / "dovecot.conf"), "stop"], check=True, timeout=_START_SECONDS)
    pid = server.folder / "run" / "master.pid"
    until = time.monotonic() + _START_SECONDS
    while pid.exists() and time.monotonic() < until:
        time.sleep(0.02)


def _write_configuration(server: Dovecot) -> None:
    folder, pair = server.folder, server.certificates.good
    root = os.geteuid() == 0
    me = pwd.getpwuid(os.geteuid()).pw_name
    owner = pwd.getpwnam("mail") if root else pwd.getpwuid(os.geteuid())
    keys = folder / "keys" / "default" / "HS256"
    keys.mkdir(parents=True)
    (keys / "default").write_bytes(base64.b64encode(TOKEN_KEY))
    (folder / "run").mkdir()
    (folder / "mail").mkdir()
    os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    (folder / "tokens.conf").write_text(
        f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={folder}/keys/\n"
        "username_attribute = email\n"
    )
    secret = base64.b64encode(PASSWORD.encode()).decode()
    (folder / "dovecot.conf").write_text(
        f"""
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = {"dovecot" if root else me}
default_internal_group = {"dovecot" if root else me}
default_login_user = {"dovenull" if root else me}
first_valid_uid = 0
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
mail_max_userip_connections = 50
ssl = yes
ssl_cert = <{pair.certificate}
ssl_key = <{pair.key}
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/tokens.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={{PLAIN.b64}}{secret}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {server.port}
  }}
  inet_listener imaps {{
    port = {server.tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""
    )
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)


# ---------------------------------------------------------------------- what is in a Maildir


def _utf7(name: str) -> str:
    from imapclient.imap_utf7 import encode  # the server spells its folders so on disk (RFC 3501 section 5.1.3)

    return str(encode(name), "ascii")


def add_folder(server: Dovecot, user: str, folder: str = "INBOX") -> Path:
    """Make a folder as the server would, with its owner, and return it."""
    path = server.maildir(user, folder)
    owner = (server.folder / "mail").stat()
    for part in (server.maildir(user), path):
        for name in ("", "cur", "new", "tmp"):
            (part / name).mkdir(exist_ok=True, parents=True)
            os.chown(part / name, owner.st_uid, owner.st_gid)
    return path


def deliver(
    server: Dovecot, user: str, content: bytes = MAIL, *, folder: str = "INBOX", flags: str = "", copies: int = 1
) -> None:
    """Put a mail into a folder; `flags` are Maildir letters (S seen, F flagged, T deleted)."""
    path = add_folder(server, user, folder)
    owner = (server.folder / "mail").stat()
    for _ in range(copies):
        file = path / "cur" / f"{next(_numbers):010}.test,S={len(content)}:2,{flags}"
        file.write_bytes(content)
        os.chown(file, owner.st_uid, owner.st_gid)


def folders(server: Dovecot, user: str) -> set[str]:
    from imapclient.imap_utf7 import decode

    names = {path.name[1:].replace(".", "/") for path in server.maildir(user).glob(".*") if (path / "cur").is_dir()}
    return {str(decode(name.encode("ascii"))) for name in names}


def contents(server: Dovecot, user: str, folder: str = "INBOX") -> list[bytes]:
    """The mails of a folder, in order of delivery."""
    return [file.read_bytes() for file in _files(server.maildir(user, folder))]


def flags(server: Dovecot, user: str, folder: str = "INBOX") -> list[str]:
    """The Maildir letters of each mail, in order of delivery."""
    return [file.name.partition(":2,")[2] for file in _files(server.maildir(user, folder))]


def _files(path: Path) -> list[Path]:
    return sorted(file for part in ("cur", "new") if (path / part).is_dir() for file in (path / part).iterdir())


def renew_uidvalidity(server: Dovecot, user: str, folder: str = "INBOX") -> None:
    """What a restore from backup does: the folder's UIDVALIDITY becomes another, its UIDs start again."""
    path = server.maildir(user, folder)
    listing = path / "dovecot-uidlist"
    first, _, _ = listing.read_text().partition("\n")
    renewed = re.sub(r"V(\d+)", lambda old: f"V{int(old.group(1)) + 1000}", re.sub(r"N\d+", "N1", first))
    listing.write_text(renewed + "\n")
    for index in path.glob("dovecot.index*"):
        index.unlink()


def access_token(user: str, *, lasts: int = 3600, key: bytes = TOKEN_KEY) -> str:
    """A JSON web token (RFC 7519, HS256) that the server takes for `user` until `lasts` seconds from now."""
    now = int(time.time())
    claims = {"email": user, "sub": user, "iat": now - 7200, "nbf": now - 7200, "exp": now + lasts}
    head = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return head + "." + _base64url(hmac.digest(key, head.encode(), hashlib.sha256))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
