"""A second real IMAP server, Cyrus, once per test session: another delimiter and prefix, another author.

Its Debian package cannot be installed beside Dovecot's, so the packages are only unpacked; they are downloaded once,
into the user's cache. Needs root: Cyrus runs as its own user, which is made when it is missing.
"""

import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from imapclient import IMAPClient
from ports import free_port, wait_for_port

PACKAGES = (
    *("cyrus-imapd", "cyrus-common", "libical3", "libpcre3", "libxapian30", "libzephyr4", "libclamav12", "libmspack0"),
)
USER = "cyrus"


@dataclass(frozen=True, slots=True)
class Cyrus:
    """Where the server listens. Any user may log in with any password; the first login makes the INBOX."""

    folder: Path
    port: int


@pytest.fixture(scope="session")
def cyrus() -> Iterator[Cyrus]:
    with running_cyrus() as server:
        yield server


@contextmanager
def running_cyrus() -> Iterator[Cyrus]:
    # Cyrus' own user must be able to enter the folder, so it cannot be below root's home or pytest's temporary one.
    folder = Path(tempfile.mkdtemp(prefix="sekisho-cyrus-", dir="/tmp"))
    programs = folder / "programs"
    _unpack(programs)
    server = Cyrus(folder, free_port())
    _write_configuration(server, programs)
    process = _started(server, programs)
    try:
        wait_for_port(server.port)
        yield server
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _unpack(programs: Path) -> None:
    for package in _downloaded():
        subprocess.run(["dpkg", "-x", str(package), str(programs)], check=True)


def _downloaded() -> list[Path]:
    cache = Path.home() / ".cache" / "sekisho-test-cyrus"
    cache.mkdir(parents=True, exist_ok=True)
    missing = [name for name in PACKAGES if not list(cache.glob(f"{name}_*.deb"))]
    if missing:
        subprocess.run(["apt-get", "-qq", "download", *missing], cwd=cache, check=True, capture_output=True)
    return sorted(cache.glob("*.deb"))


def _started(server: Cyrus, programs: Path) -> "subprocess.Popen[bytes]":
    libraries = f"{programs}/usr/lib/x86_64-linux-gnu:{programs}/lib/x86_64-linux-gnu"
    return subprocess.Popen(
        [
            *(f"{programs}/usr/lib/cyrus/bin/master", "-C", f"{server.folder}/imapd.conf"),
            *("-M", f"{server.folder}/cyrus.conf", "-p", f"{server.folder}/master.pid"),
        ],
        env={"LD_LIBRARY_PATH": libraries, "PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _write_configuration(server: Cyrus, programs: Path) -> None:
    folder, binaries = server.folder, programs / "usr/lib/cyrus/bin"
    if not any(entry.pw_name == USER for entry in pwd.getpwall()):
        subprocess.run(["useradd", "--system", "--gid", "mail", "--no-create-home", USER], check=True)
    for name in ("proc", "lock", "db", "socket", "log", "msg", "quota", "user"):
        (folder / "conf" / name).mkdir(parents=True)
    for name in ("run/proc", "run/lock", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "imapd.conf").write_text(
        f"""configdirectory: {folder}/conf
defaultpartition: default
partition-default: {folder}/spool
admins: admin
allowplaintext: yes
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
unixhierarchysep: yes
altnamespace: no
virtdomains: off
autocreate_quota: 0
autocreate_post: yes
lmtpsocket: {folder}/run/lmtp
idlesocket: {folder}/run/idle
notifysocket: {folder}/run/notify
proc_path: {folder}/run/proc
mboxname_lockpath: {folder}/run/lock
"""
    )
    (folder / "cyrus.conf").write_text(
        f"""START {{
  recover cmd="{binaries}/ctl_cyrusdb -C {folder}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{binaries}/imapd -C {folder}/imapd.conf" listen="127.0.0.1:{server.port}" prefork=1
}}
EVENTS {{
}}
"""
    )
    folder.chmod(0o755)
    subprocess.run(["chown", "-R", f"{USER}:mail", *map(str, folder.iterdir())], check=True)


def cyrus_client(server: Cyrus, user: str) -> IMAPClient:
    """A logged-in client of the tests' own, to look at what is there; use it as a context manager."""
    client = IMAPClient("127.0.0.1", server.port, ssl=False, timeout=10)
    client.login(user, "any")
    return client


def deliver_to_cyrus(server: Cyrus, user: str, *contents: bytes, folder: str = "INBOX") -> None:
    with cyrus_client(server, user) as client:
        if not client.folder_exists(folder):
            client.create_folder(folder)
        for content in contents:
            client.append(folder, content)


def cyrus_contents(server: Cyrus, user: str, folder: str = "INBOX") -> list[bytes]:
    """The mails of a folder in order, without marking them."""
    with cyrus_client(server, user) as client:
        client.select_folder(folder, readonly=True)
        answers = client.fetch(client.search(), [b"BODY.PEEK[]"])
    return [answer[b"BODY[]"] for _, answer in sorted(answers.items())]


def cyrus_folders(server: Cyrus, user: str) -> set[str]:
    with cyrus_client(server, user) as client:
        return {name for _, _, name in client.list_folders()}
