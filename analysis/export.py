"""CSV files for people who open them in a spreadsheet: daily figures and sources of a domain or a customer.

UTF-8 with a byte order mark and CRLF, which Japanese Excel needs; ISO 8601 dates; every text cell made harmless, since
its words are those of strangers. The columns have stable English names, described in docs/DATA.md.
"""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from analysis import frames
from analysis.days import day_row
from analysis.frames import Connection, Day, Period, Scope, SenderSource
from store.office import OfficeError, a_label

Cell = str | int | None

# What a spreadsheet may take for the start of a formula, also in full width (U+FF1D, FF0B, FF0D, FF20).
FORMULA_STARTS = "=+-@|%＝＋－＠"
# Controls, formats (bidi marks, zero-width characters, byte order marks), lone surrogates, line and paragraph marks.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_FILE_NAME = re.compile(r"[a-z0-9.-]{1,100}")
_EPOCH = date(1970, 1, 1)

DAILY_COLUMNS = (
    "domain",
    "day",
    "messages",
    "passed",
    "both_aligned",
    "dkim_only",
    "spf_only",
    "neither",
    "disposition_none",
    "disposition_quarantine",
    "disposition_reject",
    "disposition_unknown",
    "messages_failed_authentication",
)
SOURCE_COLUMNS = tuple(field.name for field in fields(SenderSource))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is exported: one domain, or every domain of a customer (`domain` is None). `slug` is fit for a file name."""

    slug: str
    scope: Scope
    domain: str | None


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A finished file; `name` has no folder and nothing of a report's text in it."""

    name: str
    content: bytes


def find(connection: Connection, scope: Scope, wanted: str) -> Subject | None:
    """The domain, else the customer (by slug or name) called `wanted` within the scope; None when neither is."""
    name = _domain_name(wanted)
    if frames.domains(connection, scope, name):
        return Subject(slug(name), scope, name)
    for customer in frames.customers(connection, scope):
        if wanted in (customer.slug, customer.name):
            return Subject(customer.slug, Scope((customer.id,)), None)
    return None


def _domain_name(wanted: str) -> str:
    try:
        return a_label(wanted)
    except OfficeError:
        return wanted


def files(connection: Connection, subject: Subject, period: Period) -> tuple[ExportFile, ExportFile]:
    """The daily and the sources file of a period, complete."""
    stem = f"dmarc_{subject.slug}_{iso(period.first_day)}_{iso(period.last_day)}"
    days = frames.days(connection, subject.scope, period, subject.domain)
    sources = frames.sender_sources(connection, subject.scope, period, subject.domain)
    return (
        ExportFile(f"{stem}_daily.csv", daily_csv(days)),
        ExportFile(f"{stem}_sources.csv", sources_csv(sources)),
    )


def write(folder: Path, written: Iterable[ExportFile]) -> tuple[Path, ...]:
    """Write the files into `folder`, made where missing; files of the same names are replaced, each at once."""
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_write(folder / file.name, file.content) for file in written)


def _write(path: Path, content: bytes) -> Path:
    """The whole file or, after any failure, the old one."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def daily_csv(days: Sequence[Day]) -> bytes:
    """One line per domain and day with mail, in the order of `days` (by domain and day); columns DAILY_COLUMNS."""
    grouped = groupby(days, key=lambda part: (part.domain, part.day))
    return to_csv(DAILY_COLUMNS, (_daily_line(domain, list(parts)) for (domain, _), parts in grouped))


def _daily_line(domain: str, parts: list[Day]) -> list[Cell]:
    counted = [part for part in parts if part.authenticity != frames.FAILED]
    failed = sum(part.messages for part in parts if part.authenticity == frames.FAILED)
    row = day_row(parts[0].day, counted)
    return [domain, iso(row.day), *(getattr(row, column) for column in DAILY_COLUMNS[2:-1]), failed]


def sources_csv(sources: Iterable[SenderSource]) -> bytes:
    """One line per domain, sender and address, in the given order; columns SOURCE_COLUMNS."""
    return to_csv(SOURCE_COLUMNS, ([getattr(row, column) for column in SOURCE_COLUMNS] for row in sources))


def to_csv(columns: Sequence[str], lines: Iterable[Sequence[Cell]]) -> bytes:
    """CSV (RFC 4180) in UTF-8 with a byte order mark: texts quoted and harmless, numbers bare, None an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([cell(value) for value in line] for line in lines)
    return text.getvalue().encode("utf-8-sig")


def cell(value: Cell) -> Cell:
    """A text without invisible characters, behind an apostrophe where a spreadsheet would see a formula; a number and
    None as they are."""
    if not isinstance(value, str):
        return value
    visible = "".join(character for character in value if unicodedata.category(character) not in _INVISIBLE)
    return f"'{visible}" if visible.lstrip().startswith(tuple(FORMULA_STARTS)) else visible


def slug(domain: str) -> str:
    """A domain's name in a file name. A name with other signs than a host has gets a hash, so that none meet."""
    if _FILE_NAME.fullmatch(domain):
        return domain
    return f"{re.sub('[^a-z0-9.-]+', '-', domain)[:80]}-{sha256(domain.encode()).hexdigest()[:8]}"


def iso(day: int) -> str:
    """A UTC day number as an ISO 8601 date."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def day_number(day: date) -> int:
    """The UTC day number of a date."""
    return (day - _EPOCH).days
