"""A backup counts once it was restored: copies are whole, verified, private, and come back equal."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from store.backup import backup, restore
from store.engine import open_store, writing
from store.errors import AlreadyRunning, StoreDamaged, StoreError, StoreMissing, StoreNewer
from store.ledger import keep_originals, start_run
from store.locks import run_lock
from store.migrate import upgrade

NOON = 1_800_000_000
STAMP = "20270115T080000Z"


def fill(url: str, runs: int) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        for number in range(runs):
            start_run(connection, "ingest", now=number)
            keep_originals(connection, [(f"{number:064}", b"x" * 5000)], now=number)
    engine.dispose()


def runs_of(url: str) -> int:
    engine = open_store(url)
    with engine.connect() as connection:
        count: int = connection.exec_driver_sql("SELECT count(*) FROM run").scalar_one()
    engine.dispose()
    return count


def remove(url: str) -> None:
    if url.startswith("sqlite"):
        path_of(url).unlink()
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_what_was_backed_up_comes_back_and_the_replaced_store_is_kept(
    store_url: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(store_url, 3)
    copy = backup(store_url, tmp_path / "copies" / "copy", now=NOON)
    fill(store_url, 2)

    aside = restore(store_url, copy, force=True, now=NOON)

    assert runs_of(store_url) == 3
    assert copy.stat().st_mode & 0o777 == 0o600
    assert aside is not None
    restore(store_url, aside, force=True, now=NOON + 1)
    assert runs_of(store_url) == 5


def test_a_copy_holds_the_last_commit_although_the_store_is_open(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        start_run(connection, "ingest", now=0)

    copy = backup(sqlite_url, tmp_path / "copy.sqlite3", now=NOON)
    engine.dispose()

    assert runs_of(f"sqlite:///{copy}") == 1
    assert not list(tmp_path.glob("*.part*"))


def test_copies_made_while_somebody_writes_are_whole(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_store(sqlite_url)
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            with writing(engine) as connection:
                for _ in range(20):
                    start_run(connection, "ingest", now=0)

    writer = threading.Thread(target=write)
    writer.start()
    copies = [backup(sqlite_url, tmp_path / f"copy{number}", now=NOON) for number in range(5)]
    done.set()
    writer.join()
    engine.dispose()

    counts = [runs_of(f"sqlite:///{copy}") for copy in copies]
    assert [count % 20 for count in counts] == [0] * 5
    assert counts == sorted(counts)


def test_a_backup_goes_to_a_dated_file_beside_the_store(sqlite_url: str) -> None:
    assert backup(sqlite_url, None, now=NOON) == path_of(sqlite_url).parent / "backups" / f"store-{STAMP}.sqlite3"


def test_a_backup_never_replaces_a_file(store_url: str, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("precious")

    with pytest.raises(StoreError, match="exists already"):
        backup(store_url, tmp_path / "copy", now=NOON)

    assert (tmp_path / "copy").read_text() == "precious"


def test_a_damaged_store_is_not_backed_up_as_if_it_were_sound(sqlite_url: str, tmp_path: Path) -> None:
    fill(sqlite_url, 50)
    content = bytearray(path_of(sqlite_url).read_bytes())
    content[-40_960:] = b"\xa5" * 40_960
    path_of(sqlite_url).write_bytes(content)

    with pytest.raises(StoreDamaged):
        backup(sqlite_url, tmp_path / "copy", now=NOON)

    assert not (tmp_path / "copy").exists()


def test_restoring_over_a_store_needs_force(store_url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy = backup(store_url, tmp_path / "copy", now=NOON)
    fill(store_url, 1)

    with pytest.raises(StoreError, match="add --force"):
        restore(store_url, copy, force=False, now=NOON)

    assert runs_of(store_url) == 1


def test_a_store_can_be_restored_where_there_is_none(new_url: str, tmp_path: Path) -> None:
    upgrade(new_url)
    fill(new_url, 2)
    copy = backup(new_url, tmp_path / "copy", now=NOON)
    remove(new_url)

    assert restore(new_url, copy, force=False, now=NOON) is None
    assert runs_of(new_url) == 2


def test_a_store_in_use_by_a_run_is_not_replaced(store_url: str, tmp_path: Path) -> None:
    copy = backup(store_url, tmp_path / "copy", now=NOON)

    with run_lock(store_url), pytest.raises(AlreadyRunning):
        restore(store_url, copy, force=True, now=NOON)


@pytest.mark.parametrize("content", [b"", b"x" * 9000, bytes(9000)])
def test_what_is_no_sound_copy_replaces_nothing(store_url: str, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "copy").write_bytes(content)
    fill(store_url, 1)

    with pytest.raises(StoreError):
        restore(store_url, tmp_path / "copy", force=True, now=NOON)
    with pytest.raises(StoreMissing):
        restore(store_url, tmp_path / "absent", force=True, now=NOON)

    assert runs_of(store_url) == 1


def test_a_copy_of_a_newer_sekisho_or_another_program_replaces_nothing(sqlite_url: str, tmp_path: Path) -> None:
    copy = backup(sqlite_url, tmp_path / "copy", now=NOON)
    newer = sqlite3.connect(copy)
    newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.commit()
    newer.close()
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE music (title TEXT)")
    other.close()

    with pytest.raises(StoreNewer):
        restore(sqlite_url, copy, force=True, now=NOON)
    with pytest.raises(StoreDamaged, match="not a Sekisho store"):
        restore(sqlite_url, tmp_path / "other", force=True, now=NOON)

    assert runs_of(sqlite_url) == 0


def test_the_journal_of_a_damaged_store_never_reaches_the_restored_one(sqlite_url: str, tmp_path: Path) -> None:
    fill(sqlite_url, 2)
    copy = backup(sqlite_url, tmp_path / "copy", now=NOON)
    path = path_of(sqlite_url)
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        start_run(connection, "later", now=0)
    journal = Path(f"{path}-wal").read_bytes()
    engine.dispose()
    path.write_bytes(b"garbage" * 1000)
    Path(f"{path}-wal").write_bytes(journal)

    aside = restore(sqlite_url, copy, force=True, now=NOON)

    assert runs_of(sqlite_url) == 2
    assert aside == path.with_name(f"store.sqlite3.replaced-{STAMP}")
    assert Path(f"{aside}-wal").read_bytes() == journal


COMMAND = """
import sys
from pathlib import Path
from store import backup, migrate
if sys.argv[1] == "upgrade":
    migrate.upgrade(sys.argv[2])
else:
    backup.restore(sys.argv[2], Path(sys.argv[3]), force=True, now=int(sys.argv[4]))
"""


@pytest.mark.parametrize("delay", range(8))
def test_a_killed_restore_leaves_the_old_store_or_the_new_one(delay: int, sqlite_url: str, tmp_path: Path) -> None:
    fill(sqlite_url, 400)
    copy = backup(sqlite_url, tmp_path / "copy", now=NOON)
    fill(sqlite_url, 1)
    command = subprocess.Popen([sys.executable, "-c", COMMAND, "restore", sqlite_url, str(copy), str(NOON)])
    unfinished = path_of(sqlite_url).with_name("store.sqlite3.restoring.part")
    while command.poll() is None and not unfinished.exists():
        time.sleep(0.0005)
    time.sleep(delay * 0.004)

    os.kill(command.pid, signal.SIGKILL) if command.poll() is None else None
    command.wait()

    if path_of(sqlite_url).exists():
        assert runs_of(sqlite_url) in (400, 401)
    else:
        aside = path_of(sqlite_url).with_name(f"store.sqlite3.replaced-{STAMP}")
        assert runs_of(f"sqlite:///{aside}") == 401
    restore(sqlite_url, copy, force=True, now=NOON + 1)
    assert runs_of(sqlite_url) == 400


@pytest.mark.parametrize("delay", range(6))
def test_a_killed_first_upgrade_leaves_no_store_or_a_whole_one(delay: int, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    command = subprocess.Popen([sys.executable, "-c", COMMAND, "upgrade", url])
    while command.poll() is None and not (tmp_path / "store.sqlite3.new").exists():
        time.sleep(0.0005)
    time.sleep(delay * 0.01)

    os.kill(command.pid, signal.SIGKILL) if command.poll() is None else None
    command.wait()

    if (tmp_path / "store.sqlite3").exists():
        assert runs_of(url) == 0
    upgrade(url)
    assert runs_of(url) == 0
