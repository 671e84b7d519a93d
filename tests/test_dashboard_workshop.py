"""Answers worked out beside the server's process: the same ones, whatever becomes of those who work them out."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from screen_store import fill_store
from servers_screens import NOW, TODAY, forget_store

from analysis import domain_head
from analysis.domain_head import Opened
from analysis.frames import Connection, Scope
from dashboard import known, session
from dashboard.workbench import KNOWN
from dashboard.workshop import Workshop
from store.errors import StoreMissing

FIRM = "firm.example.com"
SECONDS = 60


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Iterator[str]:
    fill_store(sqlite_url, TODAY)
    monkeypatch.setenv("SEKISHO_DATABASE_URL", sqlite_url)
    yield sqlite_url
    forget_store()


@pytest.fixture
def opened() -> Iterator[Workshop]:
    shop = Workshop()
    shop.start()
    yield shop
    shop.stop()


def head(shop: Workshop, name: str = FIRM) -> Opened | None:
    return shop.ask(domain_head.build, Scope(None), name, KNOWN, NOW)


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < until
        os.sched_yield()


def test_an_answer_from_beside_is_the_answer_made_in_place(filled: str, opened: Workshop) -> None:
    def build_here(connection: Connection) -> Opened | None:
        return domain_head.build(connection, Scope(None), FIRM, known.tables(), NOW)

    found = head(opened)

    assert found == session.opened().read(build_here)
    assert found is not None
    assert found.head.standing.customer == "Tanaka"
    assert opened.ask(number_of_process) != os.getpid()
    assert head(Workshop()) == found


def number_of_process(_connection: Connection) -> int:
    return os.getpid()


def test_a_scope_is_kept_beside_too(filled: str, opened: Workshop) -> None:
    nobody = Scope((9_999,))

    assert opened.ask(domain_head.build, nobody, FIRM, KNOWN, NOW) is None


def test_a_process_that_dies_costs_no_answer(filled: str, opened: Workshop) -> None:
    dying = opened.ask(number_of_process)
    os.kill(dying, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{dying}").exists() or "Z" in Path(f"/proc/{dying}/stat").read_text())

    answers = [head(opened) for _ in range(4)]

    assert [answer.head.domain for answer in answers if answer] == [FIRM] * 4
    assert opened.ask(number_of_process) not in (dying, os.getpid())


def test_what_a_store_says_arrives_as_its_own_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEKISHO_DATABASE_URL", f"sqlite:///{tmp_path / 'none.sqlite3'}")
    session.settings_in_use.cache_clear()
    shop = Workshop()
    shop.start()

    try:
        with pytest.raises(StoreMissing, match="there is no database at"):
            head(shop)
    finally:
        shop.stop()
        forget_store()


SERVER = """
import time
from dashboard import workshop
from dashboard.workbench import number
shop = workshop.Workshop()
if __name__ == "__main__":
    shop.start()
    print(shop._pool.submit(number).result(), flush=True)
    time.sleep(600)
"""


def test_the_processes_of_a_killed_server_end(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    environment = {**os.environ, "SEKISHO_DATABASE_URL": f"sqlite:///{tmp_path / 'none.sqlite3'}"}
    command = [sys.executable, str(tmp_path / "server.py")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        beside = int(server.stdout.readline())
        server.kill()

    wait_until(lambda: not Path(f"/proc/{beside}").exists() or "Z" in Path(f"/proc/{beside}/stat").read_text())
