"""A real, throw-away PostgreSQL for the tests: one server per session, a fresh database per test.

The fixtures reach the tests through conftest.py:
* `postgresql_url`: an empty database;  * `store_url`: an empty store of this version, once on SQLite and once on
  PostgreSQL;  * `new_url`: a place without a store, once on each.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from memory_folder import new_folder
from ports import free_port

from store.migrate import upgrade

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.requires_postgresql)]
_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of the server, to which `/NAME` of a database is added. Trust authentication on loopback."""
    programs = _programs()
    # PostgreSQL refuses to run as root, and its user cannot enter root's own temporary folders.
    user = "postgres" if os.geteuid() == 0 else None
    folder = new_folder("pg")
    if user:
        shutil.chown(folder, user)
    port = free_port()
    server = _start(programs, folder, port, user)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The address of a fresh, empty database."""
    with _database(postgresql_server, template="template1") as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """The name of a database that holds an empty store; fresh stores are copied from it."""
    _execute(postgresql_server, "CREATE DATABASE sekisho_template")
    upgrade(f"{postgresql_server}/sekisho_template")
    return "sekisho_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that holds an empty store; fresh stores are copied from it."""
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """The address of a fresh, empty store in a file."""
    path = tmp_path / "store.sqlite3"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_store_url(postgresql_server: str, postgresql_template: str) -> Iterator[str]:
    """The address of a fresh, empty store on the server."""
    with _database(postgresql_server, postgresql_template) as url:
        yield url


@pytest.fixture(params=BOTH)
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh, empty store, once in a file and once on the server."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgresql_store_url")
    return url


@pytest.fixture(params=BOTH)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address without a store, once in a folder and once an empty database on the server."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.sqlite3'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@contextmanager
def _database(server: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    # Copied file by file, a database of this size is there in half the time that its pages take through the log.
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield f"{server}/{name}"
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: str, statement: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


def _programs() -> Path:
    """Debian keeps the server's programs out of PATH, a folder for each version."""
    initdb = shutil.which("initdb")
    if initdb:
        return Path(initdb).parent
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max(found, key=lambda path: int(path.parts[-3])).parent


def _start(programs: Path, folder: Path, port: int, user: str | None) -> subprocess.Popen[bytes]:
    content = folder / "content"
    command = [programs / "initdb", "-D", content, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run(command, user=user, check=True, stdout=subprocess.DEVNULL, cwd="/")
    options = [f"port={port}", f"unix_socket_directories={folder}", "listen_addresses=127.0.0.1", "fsync=off"]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [programs / "postgres", "-D", content, *(word for option in options for word in ("-c", option))],
        user=user,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
    )
    log.close()
    _wait_for(f"postgresql://postgres@127.0.0.1:{port}", server, folder / "log")
    return server


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(f"{address}/postgres").close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
            time.sleep(0.05)
