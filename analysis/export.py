"""The files for people who open them in a spreadsheet: what is exported, which files there are, and writing them whole.

One set has six CSV files, a text that explains them and, when asked for, a workbook of the same tables. The files of a
set come out of one reading of the store. docs/DATA.md describes every column.
"""

import errno
import io
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Literal

from analysis import (
    export_changes,
    export_daily,
    export_records,
    export_senders,
    export_sources,
    export_summary,
    frames,
)
from analysis.export_csv import csv_of, fit_cp932
from analysis.export_facts import DomainFacts, gather
from analysis.export_readme import About, readme
from analysis.export_tables import Style, Table
from analysis.export_xlsx import xlsx_of
from analysis.frames import Connection, Period, Scope
from knowledge.tables import Tables
from store.office import OfficeError, a_label

Kind = Literal["summary", "daily", "senders", "sources", "records", "changes"]
_FILE_NAME = re.compile(r"[a-z0-9.-]{1,100}")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is exported: one domain, or every domain of a customer (`domain` is None).

    `slug` is fit for a file name, `name` for people; `language` is the customer's, None while a domain has none.
    """

    slug: str
    name: str
    scope: Scope
    domain: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A finished file; `name` has no folder and nothing of a report's text in it."""

    name: str
    content: bytes


def find(connection: Connection, scope: Scope, wanted: str) -> Subject | None:
    """The domain, else the customer (by slug or name) called `wanted` within the scope; None when neither is."""
    name = _domain_name(wanted)
    customers = frames.customers(connection, scope)
    for known in frames.domains(connection, scope, name):
        languages = {each.name: each.language for each in customers}
        return Subject(slug(name), name, scope, name, languages.get(known.customer or ""))
    return next((_customer(each) for each in customers if wanted in (each.slug, each.name)), None)


def own(connection: Connection, scope: Scope) -> Subject | None:
    """The customer of a scope that has just one."""
    customers = () if scope.customer_ids is None else frames.customers(connection, scope)
    return _customer(customers[0]) if len(customers) == 1 else None


def _customer(found: frames.Customer) -> Subject:
    return Subject(found.slug, found.name, Scope((found.id,)), None, found.language)


def _domain_name(wanted: str) -> str:
    try:
        return a_label(wanted)
    except OfficeError:
        return wanted


_BUILDERS: dict[Kind, Callable[[Sequence[DomainFacts], Period, str], Table]] = {
    "summary": lambda facts, _, language: export_summary.table(facts, language),
    "daily": lambda facts, _, __: export_daily.table(day for found in facts for day in found.days),
    "senders": lambda facts, _, language: export_senders.table(facts, language),
    "sources": lambda facts, _, __: export_sources.table(facts),
    "records": lambda facts, _, language: export_records.table(facts, language),
    "changes": lambda facts, period, _: export_changes.table(facts, period),
}
KINDS = tuple(_BUILDERS)


def tables(
    connection: Connection,
    subject: Subject,
    period: Period,
    knowledge: Tables,
    language: str,
    *,
    now: int,
    rua: tuple[str, ...] = (),
) -> tuple[Table, ...]:
    """The six tables of a set, out of one reading of each domain; sentences in `language`, `rua` for the records."""
    facts = tuple(gather(connection, subject.scope, subject.domain, period, knowledge, now, rua))
    return tuple(build(facts, period, language) for build in _BUILDERS.values())


def files(
    connection: Connection,
    subject: Subject,
    period: Period,
    knowledge: Tables,
    style: Style,
    *,
    now: int,
    rua: tuple[str, ...] = (),
    xlsx: bool = False,
) -> tuple[ExportFile, ...]:
    """The complete set: six CSV files, the workbook when asked for, and the text that explains them."""
    found = tables(connection, subject, period, knowledge, style.language, now=now, rua=rua)
    written = [csv_of(table, style) for table in found]
    names = tuple((table.kind, file_name(subject.slug, period, f"{table.kind}.csv")) for table in found)
    csv_files = tuple(ExportFile(name, each.content) for (_, name), each in zip(names, written, strict=True))
    about = About(subject.name, period, now, names, sum(each.marked for each in written))
    book = file_name(subject.slug, period, "tables.xlsx")
    workbook = (ExportFile(book, xlsx_of(found, style, now=now)),) if xlsx else ()
    return *csv_files, *workbook, _explained(subject, period, readme(found, style, about), style)


def one_file(
    connection: Connection,
    subject: Subject,
    period: Period,
    kind: Kind,
    knowledge: Tables,
    style: Style,
    *,
    now: int,
    rua: tuple[str, ...] = (),
) -> ExportFile:
    """One CSV file of the set, the same to the byte as in it."""
    facts = tuple(gather(connection, subject.scope, subject.domain, period, knowledge, now, rua))
    table = _BUILDERS[kind](facts, period, style.language)
    return ExportFile(file_name(subject.slug, period, f"{kind}.csv"), csv_of(table, style).content)


def zip_set(
    connection: Connection,
    subject: Subject,
    period: Period,
    knowledge: Tables,
    style: Style,
    *,
    now: int,
    rua: tuple[str, ...] = (),
    xlsx: bool = True,
) -> ExportFile:
    """The complete set as one zip file, for a download."""
    out = io.BytesIO()
    made = datetime.fromtimestamp(now, UTC).timetuple()[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files(connection, subject, period, knowledge, style, now=now, rua=rua, xlsx=xlsx):
            entry = zipfile.ZipInfo(file.name, made)
            archive.writestr(entry, file.content, zipfile.ZIP_DEFLATED)
    return ExportFile(file_name(subject.slug, period, "set.zip"), out.getvalue())


def unpacked(packed: ExportFile) -> tuple[ExportFile, ...]:
    """The files of a set that `zip_set` packed."""
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        return tuple(ExportFile(name, archive.read(name)) for name in archive.namelist())


def _explained(subject: Subject, period: Period, explanation: str, style: Style) -> ExportFile:
    fit = fit_cp932(explanation) if style.encoding == "cp932" else explanation
    return ExportFile(file_name(subject.slug, period, "readme.txt"), fit.encode(style.encoding))


def file_name(subject_slug: str, period: Period, what: str) -> str:
    """The name of one file of a subject and period."""
    return f"dmarc_{subject_slug}_{iso(period.first_day)}_{iso(period.last_day)}_{what}"


# ---- On disk


def write(folder: Path, written: Iterable[ExportFile]) -> tuple[Path, ...]:
    """Write the files into `folder`, made where missing, and return where they are.

    All of them are complete on disk before the first takes its name, so that a run that fails leaves what was there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    placed: list[tuple[Path, Path]] = []
    try:
        for file in written:
            placed.append((_beside(folder / file.name), folder / file.name))
            _write(placed[-1][0], file.content)
        _require_replaceable([target for _, target in placed])
        for unfinished, target in placed:
            unfinished.replace(target)
    finally:
        for unfinished, _ in placed:
            unfinished.unlink(missing_ok=True)
    _sync(folder)
    return tuple(target for _, target in placed)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _require_replaceable(targets: Iterable[Path]) -> None:
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))


def _sync(folder: Path) -> None:
    # The names themselves; a file system that cannot do that for a folder says so.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def slug(domain: str) -> str:
    """A domain's name in a file name. A name with other signs than a host has gets a hash, so that none meet."""
    if _FILE_NAME.fullmatch(domain):
        return domain
    return f"{re.sub('[^a-z0-9.-]+', '-', domain)[:80]}-{sha256(domain.encode()).hexdigest()[:8]}"


def iso(day: int) -> str:
    """A UTC day number as an ISO 8601 date."""
    return (_EPOCH + timedelta(days=day)).isoformat()
