"""Tables as CSV (RFC 4180) for Japanese Excel: a byte order mark or code page 932, CRLF, texts quoted and harmless.

Numbers stay numbers and stand bare; a text that a spreadsheet could take for a formula begins with an apostrophe.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from analysis.export_tables import Shown, Style, Table

# What a spreadsheet may take for the start of a formula, also in full width (U+FF1D, FF0B, FF0D, FF20), and the minus
# sign U+2212, of which code page 932 makes U+FF0D.
FORMULA_STARTS = "=+-@|%＝＋－＠−"
# Controls, formats (bidi marks, zero-width characters, byte order marks), lone surrogates, line and paragraph marks.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# The mark that Japanese printers put where a letter is missing.
MISSING = "〓"
# Dashes that code page 932 has under another number only.
_TWINS = str.maketrans({"—": "―", "–": "‐"})


@dataclass(frozen=True, slots=True)
class Written:
    """A finished CSV file; `marked` counts the cells in which the encoding lacked a letter, which is marked there."""

    content: bytes
    marked: int


def csv_of(table: Table, style: Style) -> Written:
    """The table as a CSV file."""
    lines = ([style.shown(cell) for cell in line] for line in table.lines)
    return to_csv([style.heading(column) for column in table.columns], lines, style.encoding)


def to_csv(headings: Sequence[str], lines: Iterable[Sequence[Shown]], encoding: str = "utf-8-sig") -> Written:
    """Headings and lines as a CSV file: texts quoted, numbers bare, dates in ISO 8601, None an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    marked = 0
    for line in (headings, *lines):
        cells = [cell(value) for value in line]
        if encoding == "cp932":
            fit = [_fit(value) for value in cells]
            marked += sum(MISSING in str(new) and new != old for new, old in zip(fit, cells, strict=True))
            cells = fit
        writer.writerow(cells)
    return Written(out.getvalue().encode(encoding), marked)


def cell(value: Shown) -> str | int | float | None:
    """A text without invisible characters, behind an apostrophe where a spreadsheet would see a formula; a date in ISO
    8601; a number and None as they are."""
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return value
    found = visible(value)
    return f"'{found}" if found.lstrip().startswith(tuple(FORMULA_STARTS)) else found


def visible(value: str) -> str:
    """The text without its invisible characters."""
    return "".join(character for character in value if unicodedata.category(character) not in _INVISIBLE)


def _fit(value: str | int | float | None) -> str | int | float | None:
    return fit_cp932(value) if isinstance(value, str) else value


def fit_cp932(value: str) -> str:
    """The text with a mark for every character that code page 932 does not have."""
    near = value.translate(_TWINS)
    return near if _fits(near) else "".join(each if _fits(each) else MISSING for each in near)


def _fits(value: str) -> bool:
    try:
        value.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True
