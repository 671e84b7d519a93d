"""All tables of a set as one workbook: a sheet each, texts that stay texts, real numbers and dates.

https://xlsxwriter.readthedocs.io/worksheet.html
"""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import xlsxwriter

from analysis.export_csv import visible
from analysis.export_tables import Cell, Shown, Style, Table
from wording import text

# https://support.microsoft.com/office/excel-specifications-and-limits: rows of a sheet, and characters of a cell.
# xlsxwriter leaves out what lies beyond without a word.
MOST_ROWS = 1_048_576
LONGEST_TEXT = 32_767
_WIDEST = 60
# Lines that decide how wide a column is.
_MEASURED = 200


def xlsx_of(tables: Sequence[Table], style: Style, *, now: int) -> bytes:
    """The workbook; `now` (epoch seconds) is the time written into it."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"created": datetime.fromtimestamp(now, UTC).replace(tzinfo=None)})
        formats = _formats(book)
        for table in tables:
            for title, lines in _sheets(text(style.language, table.title), table.lines):
                _write_sheet(book.add_worksheet(title), table, lines, style, formats)
    return out.getvalue()


def _formats(book: Any) -> dict[str, Any]:
    """The quote prefix keeps a text a text when a person edits its cell."""
    return {
        "heading": book.add_format({"bold": True, "text_wrap": True, "valign": "top", "num_format": "@"}),
        "text": book.add_format({"num_format": "@", "quote_prefix": True}),
        "count": book.add_format({"num_format": "#,##0"}),
        "share": book.add_format({"num_format": "0.0"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
    }


def _sheets(title: str, lines: Sequence[tuple[Cell, ...]]) -> Iterator[tuple[str, Sequence[tuple[Cell, ...]]]]:
    """As many sheets as the lines need, under headings of their own; one where there is no line."""
    room = MOST_ROWS - 1
    for number, start in enumerate(range(0, max(len(lines), 1), room), 1):
        yield (title if number == 1 else f"{title} {number}"), lines[start : start + room]


def _write_sheet(
    sheet: Any, table: Table, lines: Sequence[tuple[Cell, ...]], style: Style, formats: dict[str, Any]
) -> None:
    sheet.freeze_panes(1, 1)
    for place, column in enumerate(table.columns):
        sheet.write_string(0, place, style.heading(column), formats["heading"])
        sheet.set_column(place, place, _width(style, table, place, lines))
    for row, line in enumerate(lines, 1):
        for place, cell in enumerate(line):
            _write_cell(sheet, row, place, style.shown(cell), formats)


def _width(style: Style, table: Table, place: int, lines: Sequence[tuple[Cell, ...]]) -> int:
    texts = [style.heading(table.columns[place]), *(str(style.shown(line[place])) for line in lines[:_MEASURED])]
    return min(_WIDEST, 2 + max(sum(1 if each.isascii() else 2 for each in found) for found in texts))


def _write_cell(sheet: Any, row: int, place: int, value: Shown, formats: dict[str, Any]) -> None:
    if isinstance(value, str):
        sheet.write_string(row, place, visible(value)[:LONGEST_TEXT], formats["text"])
    elif isinstance(value, date):
        sheet.write_datetime(row, place, datetime.combine(value, datetime.min.time()), formats["date"])
    elif isinstance(value, int | float):
        sheet.write_number(row, place, value, formats["share" if isinstance(value, float) else "count"])
