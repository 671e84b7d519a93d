"""`sekisho report`, as a program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from forked_commands import run_command
from store_builder import fill, line, report

PROGRAM = "from sekisho.main import main; main()"
OCTOBER_FIRST = 20_727  # 2026-10-01
CUSTOMERS = {"Sakura": ["example.jp"], "Tanaka": ["canary-of-tanaka.example.com"]}


def run(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command("report", *words, variables={"SEKISHO_DATABASE_URL": url})


@pytest.fixture
def filled(sqlite_url: str) -> str:
    mail = [line("192.0.2.1", 5, dkim=True)]
    domains = ("example.jp", "canary-of-tanaka.example.com")
    fill(sqlite_url, [report(domain, OCTOBER_FIRST, mail) for domain in domains], customers=CUSTOMERS)
    return sqlite_url


def test_a_report_is_written_in_the_customers_language_and_its_name_printed(filled: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sakura.html"

    done = run(filled, "Sakura", "--month", "2026-10", "--out", str(out))

    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{out}\n")
    assert '<html lang="ja">' in out.read_text(encoding="utf-8")


def test_a_report_names_no_other_customer_and_none_of_its_domains(filled: str, tmp_path: Path) -> None:
    out = tmp_path / "sakura.html"

    run(filled, "sakura", "--month", "2026-10", "--out", str(out), "--language", "en")

    page = out.read_text(encoding="utf-8")
    assert "example.jp" in page
    assert "anaka" not in page


@pytest.mark.requires_paper
def test_the_files_name_says_that_it_is_a_pdf(filled: str, tmp_path: Path) -> None:
    out = tmp_path / "sakura.pdf"

    done = run(filled, "Sakura", "--month", "2026-10", "--out", str(out))

    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"%PDF-")


def test_without_pango_a_pdf_is_refused_with_the_packages_to_install(filled: str, tmp_path: Path) -> None:
    """The stand-in says what the real package says on a machine without the library."""
    (tmp_path / "weasyprint.py").write_text("raise OSError(\"cannot load library 'libpango-1.0-0'\")\n")
    words = ("report", "Sakura", "--month", "2026-10", "--out", str(tmp_path / "sakura.pdf"))
    environment = {**os.environ, "SEKISHO_DATABASE_URL": filled, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False, env=environment
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "sekisho: a PDF needs Pango and a Japanese font (Debian: apt-get install libpango-1.0-0 "
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Sakura", "--month", "2026-13", "--out", "r.pdf"], "must be a month like 2026-10"),
        (["Sakura", "--month", "2199-01", "--out", "r.pdf"], "lies in the future"),
        (["Sakura", "--month", "2026-10", "--out", "r.docx"], "must end with .pdf or .html"),
        (["Sakura", "--month", "2026-10", "--out", "r.pdf", "--language", "fr"], "must be one of ja, en"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(filled: str, words: list[str], said: str) -> None:
    done = run(filled, *words)

    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_an_unknown_customer_is_one_sentence(filled: str, tmp_path: Path) -> None:
    done = run(filled, "Nobody", "--month", "2026-10", "--out", str(tmp_path / "r.pdf"))

    assert done.returncode == 1
    assert done.stderr == "sekisho: there is no customer 'Nobody': see `sekisho customers list`\n"
