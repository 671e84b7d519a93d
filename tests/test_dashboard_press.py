"""Reports are drawn in processes beside this one: they are replaced, they may die, and they end with who asked."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from drawing_processes import drawing, engines
from store_builder import ask, fill, line, report

from analysis import report as report_analysis
from analysis.frames import Period, Scope
from analysis.report import MonthlyReport
from dashboard import monthly, press
from dashboard.paper import NoPango
from dashboard.press import CHARTS, PAGES, NotDrawn, Press
from knowledge.tables import load_tables

OCTOBER = Period(20_727, 20_757)
PAGE = "<!doctype html><html lang='en'><title>A page</title><p>A page"
CHART = json.dumps({"data": {"values": [{"day": 1, "messages": 2}]}, "mark": "bar"})
WANTED = {PAGES: PAGE, CHARTS: CHART}
BEGINS = {PAGES: b"%PDF-", CHARTS: b"<svg "}
EACH = pytest.mark.parametrize("program", [CHARTS, pytest.param(PAGES, marks=pytest.mark.requires_paper)])


@contextmanager
def watched() -> Iterator[list[list[int]]]:
    """The numbers of the processes that draw, looked up fifty times a second until the block ends."""
    seen: list[list[int]] = []
    over = Event()

    def watch() -> None:
        while not over.wait(0.02):
            seen.append([each.pid for each in drawing()])

    watching = Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def a_report(url: str) -> MonthlyReport:
    """Two domains with mail, so that two charts are drawn."""
    names = ["example.com", "example.jp"]
    mail = [line("192.0.2.10", 5, dkim=True)]
    fill(url, [report(name, OCTOBER.first_day, mail) for name in names], customers={"k1": names})
    tables, at = load_tables(), (OCTOBER.last_day + 3) * 86_400
    found = ask(url, lambda connection: report_analysis.build(connection, Scope(None), "k1", OCTOBER, tables, at))
    assert found is not None
    return found


@EACH
def test_many_are_drawn_by_replaced_processes_one_at_a_time(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(press, "DRAWINGS_OF_A_PROCESS", 2)
    seen = []

    with closing(Press(program)) as one:
        for _ in range(5):
            assert one.draw(WANTED[program]).startswith(BEGINS[program])
            seen.append([each.pid for each in drawing()])

    first, none, second, still_none, third = seen
    assert (none, still_none) == ([], [])
    assert len({*first, *second, *third}) == 3
    assert drawing() == []


@EACH
def test_a_killed_process_costs_one_drawing_and_the_next_has_another_process(program: str) -> None:
    with closing(Press(program)) as one:
        one.draw(WANTED[program])
        (process,) = drawing()
        process.kill()

        with pytest.raises(NotDrawn, match="was killed, perhaps because memory ran out"):
            one.draw(WANTED[program])

        assert one.draw(WANTED[program]).startswith(BEGINS[program])
        assert [each.pid for each in drawing()] != [process.pid]


@EACH
def test_a_process_that_does_not_answer_is_ended(program: str) -> None:
    with closing(Press(program, seconds=0.01)) as hasty:
        with pytest.raises(NotDrawn, match="did not end in time"):
            hasty.draw(WANTED[program])

        assert drawing() == []


@pytest.mark.parametrize(
    ("program", "wrong"), [(CHARTS, "{"), pytest.param(PAGES, 1, marks=pytest.mark.requires_paper)]
)
def test_what_nobody_foresaw_comes_back_with_its_traceback_and_the_process_goes_on(program: str, wrong: str) -> None:
    with closing(Press(program)) as one:
        with pytest.raises((TypeError, ValueError)) as met:
            one.draw(wrong)

        (process,) = drawing()
        assert f"{program.replace('.', '/')}.py" in met.value.__notes__[0]
        assert one.draw(WANTED[program]).startswith(BEGINS[program])
        assert drawing() == [process]


def test_a_machine_without_pango_is_told_which_packages_bring_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango-1.0-0')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with closing(Press(PAGES)) as one, pytest.raises(NoPango, match="apt-get install libpango"):
        one.draw(PAGE)


def test_a_machine_that_starts_no_more_processes_leaves_the_report_for_later(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = a_report(sqlite_url)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    for make in (monthly.html, monthly.pdf):
        with pytest.raises(NotDrawn, match="cannot be started: No such file"):
            make(found, "en")


@EACH
def test_the_process_ends_with_who_asked_even_when_that_is_killed(program: str) -> None:
    words = f"""
from dashboard.press import Press
Press({program!r}).draw({WANTED[program]!r})
print("drawn", flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", words], stdin=-1, stdout=-1, text=True) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "drawn\n"
        (process,) = drawing(asking.pid)
        os.kill(asking.pid, signal.SIGKILL)

    process.wait(timeout=60)


@pytest.mark.requires_paper
def test_visitors_who_ask_at_once_have_one_process_between_them_be_it_for_charts_or_pages(sqlite_url: str) -> None:
    found = a_report(sqlite_url)

    with watched() as seen, ThreadPoolExecutor() as visitors:
        drawn = list(visitors.map(lambda _: monthly.pdf(found, "en"), range(3)))

    assert [each[:5] for each in drawn] == [b"%PDF-"] * 3
    assert max(map(len, seen)) == 1
    assert drawing() == []


def test_the_charts_of_a_page_are_drawn_by_one_process_that_has_ended_before_the_page_is_there(sqlite_url: str) -> None:
    found = a_report(sqlite_url)

    with watched() as seen:
        page = monthly.html(found, "en")
        left = drawing()

    assert page.count("<svg ") == 2
    assert len({each for moment in seen for each in moment}) == 1
    assert left == []


@pytest.mark.requires_paper
def test_charts_and_fonts_are_never_held_by_one_process(sqlite_url: str) -> None:
    with closing(Press(CHARTS)) as charts, closing(Press(PAGES)) as pages:
        charts.draw(CHART)
        (first,) = drawing()
        pages.draw(PAGE)
        (second,) = (each for each in drawing() if each != first)

        assert (engines(first), engines(second)) == ({"vl_convert"}, {"libpango"})

    program = """
import sys, dashboard.answers_export
from dashboard import monthly
print(monthly.can_draw(), sorted({"vl_convert", "weasyprint"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"


@EACH
def test_a_process_has_nothing_of_ours_but_what_draws(program: str) -> None:
    words = "import sys, {0}; print(sorted(name for name in sys.modules if name.partition('.')[0] in {1!r}))"
    rooms = ("analysis", "dashboard", "sekisho", "settings", "store", "wording", "sqlalchemy", "pandas", "jinja2")

    done = subprocess.run(
        [sys.executable, "-c", words.format(program, rooms)], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"['dashboard', 'dashboard.beside', '{program}']\n"
