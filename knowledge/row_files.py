"""Reads the rows of the shipped knowledge files and of a firm's own, and checks every key of them.

A row with a known id (a reporter: a known label) changes the keys that it names; any other row is added.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from typing import TypedDict

from knowledge.rows import (
    ALIGNS,
    FORWARDER_KINDS,
    MARKS,
    SERVICE_KINDS,
    DkimRecord,
    EnvelopeLabel,
    Forwarder,
    Reporter,
    Service,
    TablesError,
)

Row = Mapping[str, object]

_IDENTITY = {
    "service": "id",
    "forwarder": "id",
    "envelope_label": "label",
    "reporter": "label",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """One row's keys, merged over all files, and the last file that named it."""

    keys: dict[str, object]
    place: str


def read_rows(shipped: str, extensions: Sequence[Path], groups: tuple[str, ...]) -> dict[str, dict[str, Keys]]:
    """The rows of the shipped file and, in order, of the extension files: by table and id. Raises TablesError."""
    merged: dict[str, dict[str, Keys]] = {group: {} for group in groups}
    documents = [(shipped, files("knowledge").joinpath(shipped).read_bytes())]
    documents += [(str(path), _bytes(path)) for path in extensions]
    for place, content in documents:
        for group, rows in _document(place, content, groups):
            _merge(merged[group], rows, group, place)
    return merged


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TablesError(f"cannot read the knowledge file {path}: {error.strerror or error}") from error


def _document(place: str, content: bytes, groups: tuple[str, ...]) -> Iterator[tuple[str, list[Row]]]:
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TablesError(f"{place}: not a TOML file in UTF-8: {error}") from error
    for group, rows in document.items():
        if group not in groups:
            raise TablesError(f"{place}: unknown table {group!r}; known are {', '.join(groups)}")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise TablesError(f"{place}: write each row as [[{group}]]")
        yield group, rows


def _merge(merged: dict[str, Keys], rows: Iterable[Row], group: str, place: str) -> None:
    identity = _IDENTITY[group]
    seen: set[str] = set()
    for row in rows:
        name = row.get(identity)
        if not isinstance(name, str) or not name or not name.isascii() or not name.isprintable():
            raise TablesError(f"{place}: a [[{group}]] row needs {identity!r}, a line in ASCII")
        if name in seen:
            raise TablesError(f"{place}: {group} {name!r} stands twice in this file")
        seen.add(name)
        before = merged[name].keys if name in merged else {}
        merged[name] = Keys({**before, **row}, place)


class _Reader:
    """Takes typed keys out of one row; what is left at the end is an unknown key."""

    def __init__(self, group: str, name: str, rows: Keys) -> None:
        self._left = dict(rows.keys)
        self._where = f"{rows.place}: {group} {name!r}"

    def fail(self, problem: str) -> TablesError:
        return TablesError(f"{self._where}: {problem}")

    def text(self, key: str) -> str:
        value = self.maybe(key)
        if value is None:
            raise self.fail(f"{key!r} is missing")
        return value

    def maybe(self, key: str) -> str | None:
        value = self._left.pop(key, None)
        if value is not None and (not isinstance(value, str) or not value):
            raise self.fail(f"{key!r} must be a text")
        return value

    def word(self, key: str, words: tuple[str, ...], default: str | None = None) -> str:
        value = self.maybe(key) or default
        if value not in words:
            raise self.fail(f"{key!r} must be one of {', '.join(words)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.fail(f"{key!r} must be a list of texts")
        return tuple(value)

    def names(self, key: str) -> tuple[str, ...]:
        """Host or domain names, lower-cased, without a dot at either end."""
        return tuple(item.lower().strip(".") for item in self.texts(key))

    def networks(self, key: str) -> tuple[str, ...]:
        values = self.texts(key)
        for value in values:
            try:
                ip_network(value)
            except ValueError as error:
                raise self.fail(f"{key!r}: {error}") from error
        return values

    def records(self, key: str) -> tuple[DkimRecord, ...]:
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fail(f"{key!r} must be a list of tables")
        for item in value:
            if not item.keys() <= {"selector", "type", "target"}:
                raise self.fail(f"{key!r} has an unknown key; known are selector, type, target")
        return tuple(DkimRecord(**item) for item in value)

    def finish(self) -> None:
        if self._left:
            raise self.fail(f"unknown key {', '.join(repr(key) for key in sorted(self._left))}")


class _Provenance(TypedDict):
    note: str | None
    source: tuple[str, ...]
    mark: str
    checked: str


def _provenance(reader: _Reader) -> _Provenance:
    return _Provenance(
        note=reader.maybe("note"),
        source=reader.texts("source"),
        mark=reader.word("mark", MARKS, "local"),
        checked=reader.maybe("checked") or "",
    )


def service(name: str, rows: Keys) -> Service:
    """One [[service]] row, every key checked. Raises TablesError, as do the three below."""
    reader = _Reader("service", name, rows)
    read = Service(
        id=reader.text("id"),
        name=reader.text("name"),
        kind=reader.word("kind", SERVICE_KINDS),
        name_ja=reader.maybe("name_ja"),
        sending_domains=reader.names("sending_domains"),
        account_domains=reader.names("account_domains"),
        selectors=reader.names("selectors"),
        ptr_suffixes=reader.names("ptr_suffixes"),
        rented_ptr_suffixes=reader.names("rented_ptr_suffixes"),
        networks=reader.networks("networks"),
        as_domains=reader.names("as_domains"),
        spf_include=reader.texts("spf_include"),
        spf_include_legacy=reader.texts("spf_include_legacy"),
        spf_other=reader.texts("spf_other"),
        dkim=reader.records("dkim"),
        aligns_spf=reader.word("aligns_spf", ALIGNS, "unknown"),
        aligns_spf_condition=reader.maybe("aligns_spf_condition"),
        aligns_dkim=reader.word("aligns_dkim", ALIGNS, "unknown"),
        how_to_fix_en=reader.maybe("how_to_fix_en"),
        how_to_fix_ja=reader.maybe("how_to_fix_ja"),
        **_provenance(reader),
    )
    reader.finish()
    return read


def forwarder(name: str, rows: Keys) -> Forwarder:
    """One [[forwarder]] row."""
    reader = _Reader("forwarder", name, rows)
    read = Forwarder(
        id=reader.text("id"),
        name=reader.text("name"),
        kind=reader.word("kind", FORWARDER_KINDS),
        sending_domains=reader.names("sending_domains"),
        ptr_suffixes=reader.names("ptr_suffixes"),
        **_provenance(reader),
    )
    reader.finish()
    return read


def envelope_label(name: str, rows: Keys) -> EnvelopeLabel:
    """One [[envelope_label]] row."""
    reader = _Reader("envelope_label", name, rows)
    label = EnvelopeLabel(label=reader.text("label").lower(), **_provenance(reader))
    reader.finish()
    return label


def reporter(name: str, rows: Keys) -> Reporter:
    """One [[reporter]] row."""
    reader = _Reader("reporter", name, rows)
    read = Reporter(
        label=reader.text("label"),
        name=reader.text("name"),
        mail_domains=reader.names("mail_domains"),
        org_names=tuple(item.strip().casefold() for item in reader.texts("org_names")),
        sending_domains=reader.names("sending_domains"),
        country=reader.maybe("country"),
        **_provenance(reader),
    )
    if not read.mail_domains:
        raise reader.fail("'mail_domains' is missing")
    reader.finish()
    return read
