"""`sekisho export`, as a program."""

import os
import subprocess
import sys
from pathlib import Path

from store_builder import fill, line, report

DAY = 20_000  # 2024-10-04
PROGRAM = "from sekisho.main import main; main()"


def export(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, "export", *words]
    environment = {**os.environ, "SEKISHO_DATABASE_URL": url}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_a_domains_period_becomes_two_files_whose_names_are_printed(sqlite_url: str, tmp_path: Path) -> None:
    fill(
        sqlite_url,
        [
            report("example.jp", DAY, [line("192.0.2.1", 5, dkim=True)]),
            report("example.jp", DAY + 1, [line("192.0.2.9", 6)]),
            report("example.com", DAY, [line("192.0.2.8", 7)]),
        ],
    )
    out = tmp_path / "csv"

    done = export(sqlite_url, "example.jp", "--since", "2024-10-01", "--until", "2024-10-04", "--out", str(out))

    daily = out / "dmarc_example.jp_2024-10-01_2024-10-04_daily.csv"
    sources = out / "dmarc_example.jp_2024-10-01_2024-10-04_sources.csv"
    assert (done.returncode, done.stderr, done.stdout.splitlines()) == (0, "", [str(daily), str(sources)])
    assert sorted(out.iterdir()) == [daily, sources]
    assert daily.read_bytes().split(b"\r\n")[1:] == [b'"example.jp","2024-10-04",5,5,0,5,0,0,5,0,0,0,0', b""]
    assert sources.read_bytes().split(b"\r\n")[1:] == [
        b'"example.jp","test:192.0.2.1","192.0.2.1","server","192.0.2.1","","JP","Example Network","Example Mail",'
        b"5,5,5,0",
        b"",
    ]


def test_a_name_that_nobody_has_and_a_period_that_ends_before_it_begins_write_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    fill(sqlite_url, [report("example.jp", DAY, [line("192.0.2.1", 5)])])
    out = tmp_path / "csv"

    unknown = export(sqlite_url, "absent.example.jp", "--out", str(out))
    turned = export(sqlite_url, "example.jp", "--since", "2024-10-05", "--until", "2024-10-04", "--out", str(out))

    assert (unknown.returncode, turned.returncode) == (1, 2)
    assert "absent.example.jp" in unknown.stderr
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_named(sqlite_url: str, tmp_path: Path) -> None:
    fill(sqlite_url, [report("example.jp", DAY, [line("192.0.2.1", 5)])])
    (tmp_path / "file").write_text("in the way")

    done = export(sqlite_url, "example.jp", "--out", str(tmp_path / "file" / "csv"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot write into" in done.stderr
