"""A canary in every secret there is: no log, output, traceback, file, table or process list may hold it.

The token server sends back what it was told, and the check of the heartbeat fails, so that error texts are tried too.
"""

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote, unquote_plus

import pytest
from check_server import Check, check_server
from mailbox_runs import broken_mail, report_mail
from servers_dovecot import PASSWORD, Dovecot, add_folder, deliver
from sqlalchemy import select

from store.engine import open_reader
from store.schema import metadata

pytestmark = [pytest.mark.requires_dovecot, pytest.mark.slow]
SEKISHO = str(Path(sys.executable).parent / "sekisho")
numbers = count(1)


@dataclass
class Ship:
    """An installation whose secrets all hold `canary`, the words of everything it ran, and what `ps` showed then."""

    folder: Path
    url: str
    canary: str
    environment: dict[str, str]
    check: Check
    said: list[str] = field(default_factory=list)
    processes: set[str] = field(default_factory=set)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        with self.watched():
            done = subprocess.run(
                command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False
            )
        self.said += [done.stdout, done.stderr]
        return done

    def sekisho(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(SEKISHO, *words)

    def each(self, *commands: str) -> list[int]:
        """The exit codes of several commands, in one process: most of what each would take alone is its start."""
        done = self.run(sys.executable, "-c", EACH, *commands)
        assert done.returncode == 0, done.stderr
        return [int(code) for code in re.findall(r"(?m)^exit code (\d+)$", done.stdout)]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note the arguments of every process of this machine, as `ps` shows them.

        Of those that were there before the command once at its begin and its end; again and again of the others.
        """
        ended, before = Event(), processes()
        self.processes.update(map(arguments, before))

        def watch() -> None:
            while not ended.wait(0.02):
                self.processes.update(map(arguments, processes() - before))
            self.processes.update(map(arguments, processes()))

        thread = Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def traces(self) -> dict[str, str]:
        """Everything that was left behind, by what it is; the files of the secrets themselves are not in it."""
        given = {self.folder / "sekisho.toml", *(self.folder / "secrets").iterdir()}
        files = [path for path in self.folder.rglob("*") if path.is_file() and path not in given]
        left = {str(path.relative_to(self.folder)): path.read_bytes().decode("latin-1") for path in files}
        bodies = "\n".join(body for _, body in self.check.pings)
        return {
            **left,
            "output": "\n".join(self.said),
            "ps": "\n".join(self.processes),
            "pings": bodies,
            "tables": tables(self.url),
        }

    def sightings(self) -> list[str]:
        """Where the canary, or Dovecot's password, is seen in any form in which it may travel."""
        forms = {form for secret in (self.canary, PASSWORD) for form in disguises(secret)}
        return [place for place, text in self.traces().items() if any(form in text for form in forms)]


def processes() -> set[Path]:
    return {path for path in Path("/proc").iterdir() if path.name.isdigit()}


def arguments(process: Path) -> str:
    """What a process was called with, "" when it has ended."""
    with suppress(OSError):
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1").strip()
    return ""


def disguises(secret: str) -> Iterator[str]:
    content = secret.encode()
    yield from (secret, quote(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1], content.decode("latin-1"))
    # In base64 a text shows in one of three forms, by where in its group of three bytes it begins.
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + content).decode()[4 if shift else 0 : -4]


def tables(url: str) -> str:
    engine = open_reader(url)
    with engine.connect() as connection:
        found = [repr(tuple(row)) for table in metadata.sorted_tables for row in connection.execute(select(table))]
    engine.dispose()
    return "\n".join(found)


@contextmanager
def token_server() -> Iterator[str]:
    """A token endpoint that refuses every request and repeats it in the refusal."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = unquote_plus(self.rfile.read(int(self.headers["Content-Length"])).decode())
            answer = json.dumps({"error": "invalid_grant", "error_description": told}).encode()
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token"
        finally:
            server.shutdown()
            thread.join()


EACH = """
import sys
from sekisho.main import main

for command in sys.argv[1:]:
    sys.argv = ["sekisho", *command.split()]
    try:
        main()
    except SystemExit as ended:
        print("exit code", ended.code or 0, flush=True)
"""
SETTINGS = """
[[mailbox]]
name = "good"
host = "127.0.0.1"
port = {port}
security = "plain"
user = "{user}"
password_variable = "DOVECOT_PASSWORD"

[[mailbox]]
name = "refused"
host = "127.0.0.1"
port = {port}
security = "plain"
user = "{user}"
password_file = "secrets/password"

[[mailbox]]
name = "consent"
host = "127.0.0.1"
port = {port}
security = "plain"
user = "{user}"
login = "oauth2"
client_id = "client"
client_secret_file = "secrets/client"
token_file = "secrets/token"
authorize_url = "{token_url}"
token_url = "{token_url}"
scope = "mail"

[lookup]
nameservers = ["127.0.0.1:1"]
timeout_seconds = 0.1

[backup]
folder = "copies"

[log]
file = "sekisho.log"
"""


@pytest.fixture
def ship(dovecot: Dovecot, store_url: str, tmp_path: Path) -> Iterator[Ship]:
    canary = f"canary-{secrets.token_hex(8)}"
    user = f"canary{next(numbers)}"
    add_folder(dovecot, user)
    for content in (report_mail(1, messages=3), broken_mail(2)):
        deliver(dovecot, user, content)
    folder = tmp_path / "ship"
    (folder / "secrets").mkdir(parents=True)
    with token_server() as token_url, check_server(500) as check:
        database = with_password(store_url, canary)
        assert (canary in database) == database.startswith("postgresql")
        hook = f"{check.address.replace('http', 'json')}/hook-{canary}"
        for name in ("password", "client", "token", "heartbeat", "database", "staff"):
            text = {"heartbeat": f"{check.address}/{canary}", "database": database, "staff": hook}
            (folder / "secrets" / name).write_text(text.get(name, f"{canary}-{name}"))
            (folder / "secrets" / name).chmod(0o600)
        (folder / "sekisho.toml").write_text(SETTINGS.format(port=dovecot.port, user=user, token_url=token_url))
        environment = {
            **os.environ,
            "DOVECOT_PASSWORD": PASSWORD,
            "SEKISHO_DATABASE_URL_FILE": str(folder / "secrets" / "database"),
            "SEKISHO_HEARTBEAT__URL_FILE": str(folder / "secrets" / "heartbeat"),
            "SEKISHO_NOTIFY__STAFF_FILE": str(folder / "secrets" / "staff"),
        }
        yield Ship(folder, store_url, canary, environment, check)


def with_password(url: str, password: str) -> str:
    """The server trusts everybody on loopback and takes any password; a file has none."""
    return url.replace("postgres@", f"postgres:{password}@")


def test_the_search_finds_a_canary_wherever_it_is(ship: Ship) -> None:
    """Without this a search that looks nowhere would be taken for silence."""
    (ship.folder / "sekisho.log").write_text(f"LOGIN {ship.canary}\n")
    (ship.folder / "sasl").write_text(base64.b64encode(f"\0rua\0{PASSWORD}".encode()).decode())
    ship.run(sys.executable, "-c", "import sys, time; print(sys.argv[1]); time.sleep(0.5)", ship.canary)
    ship.check.pings.append(("/", ship.canary))

    assert {"sekisho.log", "sasl", "output", "ps", "pings"} <= set(ship.sightings())


def test_a_night_and_everything_after_it_shows_no_secret(ship: Ship) -> None:
    night = ship.sekisho("nightly")
    codes = ship.each(
        "nightly",
        "status",
        "status --json",
        "events --json",
        "digest --print",
        "digest",
        "ingest",
        "mailbox list --json",
        "mailbox test good",
        "mailbox test refused",
        "mailbox test consent",
        "quarantine list",
        "totals --json",
        "export example.jp --since 2026-09-01 --until 2026-09-30 --out files",
        "db check",
        "db backup by-hand",
    )

    assert (len(codes), set(codes)) == (16, {0, 1})
    # It was a night in which things happened, and failed.
    assert "good done" in night.stdout
    assert "stored 1" in night.stdout
    assert "refused failed" in night.stdout
    assert "consent failed" in night.stdout
    assert night.returncode == 1
    hook = f"/hook-{ship.canary}"
    paths = [path for path, _ in ship.check.pings]
    assert [path for path in paths if path != hook] == [f"/{ship.canary}/start", f"/{ship.canary}/fail"] * 2
    assert paths.count(hook) == 3
    assert "not taken by staff address 1 (json)" in night.stdout
    assert "the server answered 500" in (ship.folder / "sekisho.log").read_text()
    assert {"by-hand", "copies", "files"} <= {path.name for path in ship.folder.iterdir()}
    assert ship.sightings() == []


CRASHING_STEP = """
import sekisho.nightly
from sekisho.main import main

def crash(chosen, now):
    password = chosen.heartbeat.url + chosen.database_url
    raise RuntimeError("something broke", chosen)

sekisho.nightly.STEPS = (("crash", crash),)
main()
"""
CRASHING_COMMAND = """
import sekisho.totals
from sekisho.main import main

def crash(*_):
    password = sekisho.totals.shell.settings.load().heartbeat.url
    raise RuntimeError("something broke")

sekisho.totals.totals_analysis.build = crash
main()
"""


def test_a_traceback_shows_no_secret(ship: Ship) -> None:
    step = ship.run(sys.executable, "-c", CRASHING_STEP, "nightly")
    command = ship.run(sys.executable, "-c", CRASHING_COMMAND, "totals")

    assert step.returncode == 1
    assert "Traceback" in (ship.folder / "sekisho.log").read_text()
    assert command.returncode == 1
    assert "RuntimeError: something broke" in command.stderr
    assert ship.sightings() == []


def test_a_secret_that_cannot_be_used_is_not_repeated(ship: Ship) -> None:
    for name, text in (
        ("heartbeat", f"ftp://{ship.canary}/"),
        ("database", f"mysql://me:{ship.canary}@db.example.jp/mail"),
        ("database", f"postgresql://me:{ship.canary}@127.0.0.1:1/mail"),
        ("database", f"postgresql://me:{ship.canary}@db.example.jp:port/mail"),
    ):
        file = ship.folder / "secrets" / name
        before = file.read_text()
        file.write_text(text)
        assert ship.each("nightly", "totals") in ([1, 1], [2, 2])
        file.write_text(before)
    (ship.folder / "secrets" / "heartbeat").chmod(0o644)
    assert ship.sekisho("nightly").returncode == 2

    assert ship.sightings() == []
