"""`sekisho ingest` and `sekisho quarantine`, as programs."""

import json
import subprocess
from pathlib import Path

from forked_commands import run_command
from xml_reports import record, report

SUMMARY = [
    "messages",
    "stored",
    "duplicates",
    "variants",
    "partial",
    "empty",
    "tls_reports",
    "failure_reports",
    "not_reports",
    "quarantined",
    "records",
    "reported_messages",
    "seconds",
]


def sekisho(url: str, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_command(*map(str, words), variables={"SEKISHO_DATABASE_URL": url, "SEKISHO_WORKERS": "1", **variables})


def folder_of(tmp_path: Path, **texts: str | bytes) -> Path:
    folder = tmp_path / "reports"
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def test_the_summary_has_exactly_the_promised_keys_and_goes_to_stdout(sqlite_url: str, tmp_path: Path) -> None:
    cut, empty = report(record())[:-30], report(report_id="b")
    folder = folder_of(tmp_path, a=report(record(count=7)), b=empty, c="hello", d=cut)

    done = sekisho(sqlite_url, "ingest", folder, "--json")

    summary = json.loads(done.stdout)
    assert list(summary) == SUMMARY
    assert {name: value for name, value in summary.items() if value and name != "seconds"} == {
        "messages": 4,
        "stored": 1,
        "empty": 1,
        "not_reports": 1,
        "quarantined": 1,
        "records": 1,
        "reported_messages": 7,
    }


def test_a_run_that_quarantined_something_is_a_success_all_the_same(sqlite_url: str, tmp_path: Path) -> None:
    assert sekisho(sqlite_url, "ingest", folder_of(tmp_path, a=report(record())[:-30])).returncode == 0


def test_a_path_that_is_not_there_is_a_mistake_of_usage_and_nothing_is_read(sqlite_url: str, tmp_path: Path) -> None:
    done = sekisho(sqlite_url, "ingest", folder_of(tmp_path, a=report(record())), tmp_path / "nowhere")

    assert done.returncode == 2
    assert "no such file or folder" in done.stderr
    assert json.loads(sekisho(sqlite_url, "totals", "--json").stdout)["reports"] == 0


def test_without_a_store_the_next_step_is_named(tmp_path: Path) -> None:
    done = sekisho(f"sqlite:///{tmp_path / 'none.sqlite3'}", "ingest", folder_of(tmp_path, a=report(record())))

    assert done.returncode == 1
    assert "sekisho db upgrade" in done.stderr
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_quarantined_message_is_listed_shown_saved_and_read_again_after_the_fix(
    sqlite_url: str, tmp_path: Path
) -> None:
    text = report(*(record(f"192.0.2.{number}", number) for number in range(9)))
    folder = folder_of(tmp_path, a=text)
    assert "quarantined 1" in sekisho(sqlite_url, "ingest", folder, SEKISHO_LIMITS__RECORDS="5").stdout

    listed = json.loads(sekisho(sqlite_url, "quarantine", "list", "--json").stdout)
    assert [(row["place"], row["reason"][:16]) for row in listed] == [(str(folder / "a"), "too_many_records")]
    saved = tmp_path / "saved"
    shown = sekisho(sqlite_url, "quarantine", "show", str(listed[0]["id"]), "--out", saved)
    assert "reason: too_many_records" in shown.stdout
    assert saved.read_text() == text

    assert sekisho(sqlite_url, "quarantine", "retry").stdout == "1 tried, 0 still in quarantine\n"
    assert json.loads(sekisho(sqlite_url, "quarantine", "list", "--json").stdout) == []
    totals = json.loads(sekisho(sqlite_url, "totals", "--json").stdout)
    assert (totals["reports"], totals["messages"], totals["quarantined"]) == (1, 36, 0)


def test_a_number_that_is_not_in_quarantine_is_named(sqlite_url: str) -> None:
    done = sekisho(sqlite_url, "quarantine", "show", "17")

    assert done.returncode == 1
    assert "no message 17 is in quarantine" in done.stderr


def test_hostile_text_reaches_the_terminal_as_text(sqlite_url: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, **{"\x1b[31mred": report(record())[:-30]})
    sekisho(sqlite_url, "ingest", folder)

    assert "\x1b" not in sekisho(sqlite_url, "quarantine", "list").stdout


def test_an_ingest_and_a_retry_write_the_log_of_the_nights_and_nothing_of_it_on_the_terminal(
    sqlite_url: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, good=report(record(count=7)), cut=report(record())[:-30])
    log = tmp_path / "sekisho.log"

    ingested = sekisho(sqlite_url, "ingest", folder, SEKISHO_LOG__FILE=str(log))
    first = [json.loads(line) for line in log.read_text().splitlines()]
    retried = sekisho(sqlite_url, "quarantine", "retry", SEKISHO_LOG__FILE=str(log))
    then = [json.loads(line) for line in log.read_text().splitlines()][len(first) :]
    unnamed = sekisho(sqlite_url, "quarantine", "retry")

    assert sorted(line["state"] for line in first if line["event"] == "message") == ["quarantined", "stored"]
    assert [line["state"] for line in then if line["event"] == "message"] == ["quarantined"]
    assert [done.stderr for done in (ingested, retried, unnamed)] == ["", "", ""]
