"""Reports are drawn in a process beside this one: it is replaced, it may die, and it ends with who asked."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest
from drawing_processes import drawing

from analysis.frames import Period
from analysis.report import MonthlyReport
from dashboard import monthly, press
from dashboard.paper import NoPango
from dashboard.press import NotDrawn, Press

PAGE = "<!doctype html><html lang='en'><title>A page</title><p>A page"
EMPTY = MonthlyReport("Sakura", "sakura", Period(20_727, 20_757), 20_760, ())

pytestmark = pytest.mark.requires_paper


@pytest.fixture
def one() -> Iterator[Press]:
    with closing(Press()) as opened:
        yield opened


def test_many_reports_are_drawn_by_replaced_processes_one_at_a_time(
    one: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(press, "REPORTS_OF_A_PROCESS", 2)
    seen = []

    for _ in range(5):
        assert one.pdf(PAGE).startswith(b"%PDF-")
        seen.append([each.pid for each in drawing()])

    first, none, second, still_none, third = seen
    assert (none, still_none) == ([], [])
    assert len({*first, *second, *third}) == 3


def test_a_killed_process_costs_one_report_and_the_next_has_another_process(one: Press) -> None:
    one.pdf(PAGE)
    (process,) = drawing()
    process.kill()

    with pytest.raises(NotDrawn, match="was killed, perhaps because memory ran out"):
        one.pdf(PAGE)

    assert one.pdf(PAGE).startswith(b"%PDF-")
    assert [each.pid for each in drawing()] != [process.pid]


def test_a_process_that_does_not_answer_is_ended() -> None:
    with closing(Press(seconds=1)) as hasty:
        with pytest.raises(NotDrawn, match="did not end in time"):
            hasty.pdf(PAGE * 2_000)

        assert drawing() == []


def test_what_nobody_foresaw_comes_back_with_its_traceback_and_the_process_goes_on(one: Press) -> None:
    with pytest.raises(TypeError) as met:
        one.pdf(1)  # type: ignore[arg-type]

    (process,) = drawing()
    assert "weasyprint" in met.value.__notes__[0]
    assert one.pdf(PAGE).startswith(b"%PDF-")
    assert drawing() == [process]


def test_a_machine_without_pango_is_told_which_packages_bring_it(
    one: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango-1.0-0')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with pytest.raises(NoPango, match="apt-get install libpango"):
        one.pdf(PAGE)


def test_a_machine_that_starts_no_more_processes_leaves_the_report_for_later(
    one: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    with pytest.raises(NotDrawn, match="cannot be started: No such file"):
        one.pdf(PAGE)


def test_the_process_ends_with_who_asked_even_when_that_is_killed() -> None:
    program = f"""
from dashboard.press import Press
Press().pdf({PAGE!r})
print("drawn", flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "drawn\n"
        (process,) = drawing(asking.pid)
        os.kill(asking.pid, signal.SIGKILL)

    process.wait(timeout=60)


def test_visitors_who_ask_at_once_have_one_process_between_them() -> None:
    most, over = [0], Event()

    def watch() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], len(drawing()))

    watching = Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor() as visitors:
        drawn = list(visitors.map(lambda _: monthly.pdf(EMPTY, "en"), range(3)))
    over.set()
    watching.join()

    assert [each[:5] for each in drawn] == [b"%PDF-"] * 3
    assert most == [1]
    assert drawing() == []


def test_the_process_has_nothing_of_ours_but_what_draws() -> None:
    program = (
        "import sys, dashboard.paper; print(sorted(name for name in sys.modules if name.partition('.')[0] in {!r}))"
    )
    rooms = ("analysis", "dashboard", "sekisho", "settings", "store", "wording", "sqlalchemy", "pandas", "jinja2")

    done = subprocess.run([sys.executable, "-c", program.format(rooms)], capture_output=True, text=True, check=True)

    assert done.stdout == "['dashboard', 'dashboard.paper']\n"
