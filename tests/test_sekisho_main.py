"""The command line as a whole: what an error looks like to the person who typed, and to cron."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from sekisho import __version__
from sekisho.main import FAILED, LATER, USAGE, exit_code, load
from settings import SettingsError
from store.errors import AlreadyRunning, StoreBusy, StoreMissing

SEKISHO = str(Path(sys.executable).parent / "sekisho")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SEKISHO, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_the_version_is_printed_alone(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"sekisho {__version__}\n", "")


def test_a_loaded_command_runs_with_the_collector_of_cycles() -> None:
    load("totals")

    assert gc.isenabled()


def test_a_wrong_setting_is_one_line_without_a_traceback_and_exits_2(tmp_path: Path) -> None:
    (tmp_path / "sekisho.toml").write_text("wrokers = 1\n")

    done = run(tmp_path, "totals")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "sekisho: sekisho.toml: wrokers: no such option. Did you mean workers? "
        "Every option is in sekisho.example.toml.\n"
    )


def test_a_missing_store_is_one_line_without_a_traceback_and_exits_1(tmp_path: Path) -> None:
    done = run(tmp_path, "totals")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"sekisho: there is no database at {tmp_path}/sekisho.sqlite3")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "sekisho.sqlite3").exists()


def test_a_mistyped_command_names_the_near_one_and_exits_2(tmp_path: Path) -> None:
    done = run(tmp_path, "totls")

    assert done.returncode == 2
    assert "No such command 'totls'. Did you mean 'totals'?" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), USAGE),
        (StoreMissing("x"), FAILED),
        (StoreBusy("x"), LATER),
        (AlreadyRunning("x"), LATER),
        (RuntimeError("x"), None),
    ],
)
def test_an_error_that_will_pass_tells_cron_to_try_again(error: Exception, code: int | None) -> None:
    assert exit_code(error) == code
