"""`sekisho export`, as a program."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forked_commands import run_command
from store_builder import fill, line, report

DAY = 20_000  # 2024-10-04
PROGRAM = "from sekisho.main import main; main()"
KINDS = ["changes", "daily", "records", "senders", "sources", "summary"]


def export(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command("export", *words, variables={"SEKISHO_DATABASE_URL": url})


def fill_sakura(url: str) -> None:
    fill(
        url,
        [
            report("example.jp", DAY, [line("192.0.2.1", 5, dkim=True)]),
            report("example.jp", DAY + 1, [line("192.0.2.9", 6)]),
            report("example.jp", DAY + 30, [line("192.0.2.9", 9)]),
            report("example.com", DAY, [line("192.0.2.8", 7)]),
        ],
        customers={"Sakura": ["example.jp"]},
    )


def test_a_domains_period_becomes_a_set_of_files_whose_names_are_printed(sqlite_url: str, tmp_path: Path) -> None:
    fill_sakura(sqlite_url)
    out = tmp_path / "csv"

    done = export(sqlite_url, "example.jp", "--since", "2024-10-01", "--until", "2024-10-04", "--out", str(out))

    stem = "dmarc_example.jp_2024-10-01_2024-10-04"
    printed = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(printed) == sorted(map(str, out.iterdir()))
    assert sorted(printed) == [str(out / f"{stem}_{kind}") for kind in
                               [*(f"{kind}.csv" for kind in KINDS[:2]), "readme.txt",
                                *(f"{kind}.csv" for kind in KINDS[2:])]]  # fmt: skip
    daily = (out / f"{stem}_daily.csv").read_bytes()
    assert daily.split(b"\r\n")[1:] == [b'"example.jp","2024-10-04",5,5,0,5,0,0,5,0,0,0,0', b""]
    assert daily.decode("utf-8-sig").startswith('"ドメイン","日付 (UTC)","通数","合格",')


def test_a_month_of_a_customer_in_the_form_that_was_asked_for(sqlite_url: str, tmp_path: Path) -> None:
    fill_sakura(sqlite_url)
    words = ["--month", "2024-10", "--language", "en", "--headers", "names", "--encoding", "cp932", "--xlsx"]

    done = export(sqlite_url, "Sakura", *words, "--out", str(tmp_path))

    stem = tmp_path / "dmarc_sakura_2024-10-01_2024-10-31"
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(f"{stem}_tables.xlsx").read_bytes().startswith(b"PK")
    senders = list(csv.DictReader(io.StringIO(Path(f"{stem}_senders.csv").read_bytes().decode("cp932"), newline="")))
    assert [(row["domain"], row["sender_key"], row["messages"]) for row in senders] == [
        ("example.jp", "test:192.0.2.9", "6"),
        ("example.jp", "test:192.0.2.1", "5"),
    ]
    assert "DMARC report: Sakura" in Path(f"{stem}_readme.txt").read_bytes().decode("cp932")


def test_the_language_is_the_customers_until_one_is_asked_for(sqlite_url: str, tmp_path: Path) -> None:
    fill_sakura(sqlite_url)

    export(sqlite_url, "Sakura", "--month", "2024-10", "--out", str(tmp_path))

    text = (tmp_path / "dmarc_sakura_2024-10-01_2024-10-31_readme.txt").read_text(encoding="utf-8-sig")
    assert text.startswith("DMARC レポート: Sakura")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["absent.example.jp"], 1),
        (["example.jp", "--since", "2024-10-05", "--until", "2024-10-04"], 2),
        (["example.jp", "--month", "2024-13"], 2),
        (["example.jp", "--month", "2024-10", "--until", "2024-10-04"], 2),
        (["example.jp", "--encoding", "shift_jis"], 2),
    ],
)
def test_what_nobody_has_and_a_period_that_is_none_write_nothing(
    sqlite_url: str, tmp_path: Path, words: list[str], code: int
) -> None:
    fill_sakura(sqlite_url)
    out = tmp_path / "csv"

    done = export(sqlite_url, *words, "--out", str(out))

    assert done.returncode == code
    assert done.stdout == ""
    assert words[-1] in done.stderr or code == 2
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_named(sqlite_url: str, tmp_path: Path) -> None:
    fill_sakura(sqlite_url)
    (tmp_path / "file").write_text("in the way")

    done = export(sqlite_url, "example.jp", "--out", str(tmp_path / "file" / "csv"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot write into" in done.stderr


def test_a_disk_that_fills_up_leaves_the_former_set(sqlite_url: str, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the kernel refuses the write just the same. It leaves
    room for what SQLite keeps beside a store to read it."""
    fill_sakura(sqlite_url)
    words = ["example.jp", "--month", "2024-10", "--out", str(tmp_path / "csv")]
    export(sqlite_url, *words)
    former = {path.name: path.read_bytes() for path in (tmp_path / "csv").iterdir()}
    many = [line(f"2001:db8::{number:x}", 1) for number in range(600)]
    fill(sqlite_url, [report("example.jp", DAY + 3, many)])

    full = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); {PROGRAM}"
    )
    command = [sys.executable, "-c", full, "export", *words]
    environment = {**os.environ, "SEKISHO_DATABASE_URL": sqlite_url, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert (done.returncode, done.stdout) == (1, "")
    assert "File too large" in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "csv").iterdir()} == former
