"""Reads a set of export files back as its customer would, with nothing of ours but the way to ask for it."""

import csv
import io
from collections.abc import Iterable

from store_builder import NOW, ask

from analysis import export
from analysis.export import ExportFile
from analysis.export_tables import Style
from analysis.frames import Period, Scope
from knowledge.tables import load_tables

STAFF = Scope(None)
NAMES = Style("en", headers="names")

Rows = list[dict[str, str]]


def files_of(
    url: str, wanted: str, period: Period, style: Style = NAMES, *, now: int = NOW, xlsx: bool = False
) -> tuple[ExportFile, ...]:
    """The files of a domain or customer that exists."""
    tables = load_tables()

    def made(connection: export.Connection) -> tuple[ExportFile, ...]:
        subject = export.find(connection, STAFF, wanted)
        assert subject is not None
        return export.files(connection, subject, period, tables, style, now=now, xlsx=xlsx)

    return ask(url, made)


def set_of(url: str, wanted: str, period: Period, *, now: int = NOW) -> dict[str, Rows]:
    """The lines of each CSV file by its kind, under the names for programs."""
    return read(files_of(url, wanted, period, now=now))


def read(files: Iterable[ExportFile]) -> dict[str, Rows]:
    """The lines of each CSV file by its kind."""
    tables = [file for file in files if file.name.endswith(".csv")]
    return {file.name.rpartition("_")[2].removesuffix(".csv"): lines(file.content) for file in tables}


def lines(content: bytes) -> Rows:
    """The lines of a CSV file in UTF-8 with a byte order mark."""
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def total(rows: Rows, column: str, domain: str) -> int:
    """The sum of a column over a domain's lines."""
    return sum(int(row[column]) for row in rows if row["domain"] == domain)
