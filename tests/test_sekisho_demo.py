"""`sekisho demo`: run as a person would, from an empty folder, with a shell that is set up for another store."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from store import accounts
from store.engine import open_store

pytestmark = pytest.mark.slow
SEKISHO = Path(sys.executable).with_name("sekisho")


ELSEWHERE = {"SEKISHO_DATABASE_URL": "postgresql://nobody@nowhere.invalid/nothing", "SEKISHO_LANGUAGE": "en"}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SEKISHO, *words], cwd=folder, env=ELSEWHERE, capture_output=True, text=True, check=False, timeout=900
    )


def kill_while_reading(folder: Path) -> None:
    """Start the demonstration and kill it as soon as it begins to read its samples."""
    command = [SEKISHO, "demo", "--no-serve"]
    with subprocess.Popen(command, cwd=folder, env=ELSEWHERE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert any(line.startswith("Reading them") for line in program.stdout)
        program.kill()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The once empty folder in which the demonstration was killed and then begun anew, and the printed password."""
    folder = tmp_path_factory.mktemp("empty")
    kill_while_reading(folder)
    done = run(folder, "demo", "--no-serve")
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.split()[-1]


def kept(folder: Path) -> dict[str, int]:
    """The files beside the store, with their sizes."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".sqlite3" not in path.name)
    return {str(path): path.stat().st_size for path in files}


def test_a_demonstration_that_was_killed_is_begun_anew_and_holds_what_its_samples_say(shown: tuple[Path, str]) -> None:
    store = shown[0] / "sekisho-demo"
    totals = subprocess.run([SEKISHO, "totals", "--json"], cwd=store, env={}, capture_output=True, check=True).stdout
    held: dict[str, Any] = {row["domain"]: row for row in json.loads(totals)["domains"]}
    said = json.loads((store / "samples" / "expected.json").read_text(encoding="utf-8"))["history"]["domains"]

    assert set(said) <= set(held)
    for domain, wanted in said.items():
        figures = {name: held[domain][name] for name in ("records", "messages", "passed")}
        assert figures == {name: wanted[name] for name in figures}, domain
    assert [path.name for path in shown[0].iterdir()] == ["sekisho-demo"]


def test_the_samples_of_the_demonstration_end_yesterday(shown: tuple[Path, str]) -> None:
    expected = json.loads((shown[0] / "sekisho-demo" / "samples" / "expected.json").read_text(encoding="utf-8"))

    days = [time.strftime("%Y-%m-%d", time.gmtime(time.time() - back * 86_400)) for back in (1, 2)]
    assert expected["until"] in days  # the second where midnight came between


def test_the_printed_login_of_the_demonstration_opens_it(shown: tuple[Path, str]) -> None:
    engine = open_store(f"sqlite:///{shown[0] / 'sekisho-demo' / 'sekisho.sqlite3'}")
    account = accounts.login(engine, "demo", shown[1], "192.0.2.1", now=int(time.time()))
    engine.dispose()

    assert isinstance(account, accounts.Account)
    assert account.role == "operator"


def test_a_second_demonstration_keeps_the_store_and_the_login(shown: tuple[Path, str]) -> None:
    before = kept(shown[0])
    again = run(shown[0], "demo", "--no-serve")

    assert again.returncode == 0, again.stderr
    assert "are kept" in again.stdout
    assert "password" not in again.stdout
    assert kept(shown[0]) == before


def test_a_demonstration_touches_no_folder_that_holds_something_else(tmp_path: Path) -> None:
    store = tmp_path / "sekisho.sqlite3"
    store.write_bytes(b"somebody's store")
    done = run(tmp_path, "demo", "--folder", ".", "--no-serve")

    assert done.returncode == 2
    assert "holds other files: name a new folder" in " ".join(done.stderr.split())
    assert store.read_bytes() == b"somebody's store"
    assert list(tmp_path.iterdir()) == [store]


def test_a_folder_that_cannot_be_made_is_one_line_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = run(tmp_path, "demo", "--folder", "taken", "--no-serve")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sekisho: cannot write into taken: File exists. Name another with --folder\n"
