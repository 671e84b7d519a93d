"""`sekisho db prune` and the step of the night, as a program and on a real store."""

import json
import subprocess
import time
from pathlib import Path

from forked_commands import run_command
from sqlalchemy import func, select
from store_builder import ask, fill, line, report

from sekisho import nightly
from settings import Retention, Settings
from store.schema import audit, record

DAY = 86_400
OLD = 20_000  # 2024-10-04


def prune(url: str, settings: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "sekisho.toml").write_text(settings)
    variables = {"SEKISHO_DATABASE_URL": url, "SEKISHO_CONFIG": str(folder / "sekisho.toml")}
    return run_command("db", "prune", *words, variables=variables)


def records(url: str) -> int:
    return ask(url, lambda connection: int(connection.scalar(select(func.count()).select_from(record)) or 0))


def fill_two(url: str) -> None:
    """One record of long ago, and one of yesterday."""
    yesterday = int(time.time()) // DAY - 1
    fill(url, [report("example.jp", day, [line("192.0.2.1", 5)]) for day in (OLD, yesterday)])


def test_a_dry_run_says_what_would_go_and_the_run_says_what_went(sqlite_url: str, tmp_path: Path) -> None:
    fill_two(sqlite_url)
    options = "[retention]\nrecords_days = 90\n"

    planned = prune(sqlite_url, options, tmp_path, "--dry-run", "--json")
    kept = records(sqlite_url)
    done = prune(sqlite_url, options, tmp_path)

    assert json.loads(planned.stdout) == {
        "originals": 0, "original_bytes": 0, "reports": 1, "records": 1, "rollup_rows": 0, "audit_rows": 0,
        "events": 0, "digests": 0,
    }  # fmt: skip
    assert (kept, records(sqlite_url)) == (2, 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert "records 1 of 1 reports" in done.stdout
    trail = ask(sqlite_url, lambda connection: connection.execute(select(audit.c.action, audit.c.subject)).all())
    assert [tuple(row) for row in trail] == [("prune", done.stdout.strip())]


def test_without_an_option_everything_stays_and_that_is_said(sqlite_url: str, tmp_path: Path) -> None:
    fill_two(sqlite_url)

    done = prune(sqlite_url, "", tmp_path)

    assert done.returncode == 0
    assert "everything is kept" in done.stderr
    assert records(sqlite_url) == 2


def test_a_night_prunes_before_it_copies_the_store(sqlite_url: str) -> None:
    fill_two(sqlite_url)
    steps = dict(nightly.STEPS)
    now = int(time.time())

    unset = steps["prune"](Settings(database_url=sqlite_url), now)
    chosen = Settings(database_url=sqlite_url, retention=Retention(records_days=90))
    done = steps["prune"](chosen, now)

    assert list(steps).index("prune") < list(steps).index("backup")
    assert (unset.sentence, unset.code) == ("everything is kept", 0)
    assert "records 1 of 1 reports" in done.sentence
    assert records(sqlite_url) == 1
