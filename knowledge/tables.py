"""Loads senders.toml, forwarders.toml and reporters.toml, checks every row, and builds the look-up indexes.

A firm's own files extend the shipped ones without code: a row with a known id (a reporter: a known label) changes
the keys that it names, any other row is added. Nothing is read at import.

    TablesError    a file cannot be read or a row is wrong; the message names the file, the row and the key
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

SERVICE_KINDS = ("mailbox", "marketing", "transactional", "crm", "hosting", "business-app")
FORWARDER_KINDS = ("mailing-list", "forwarding")
MARKS = ("P", "S", "O", "local")
ALIGNS = ("yes", "relaxed", "no", "unknown")

Row = Mapping[str, object]


class TablesError(Exception):
    """A knowledge file cannot be used. The message says which file, row and key, and what is wrong."""


@dataclass(frozen=True, slots=True)
class DkimRecord:
    """A DKIM record that a customer publishes for a service. Keys are None where the service does not fix them."""

    selector: str | None = None
    type: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One row of senders.toml: the facts that recognise a service, and the advice for its customers.

    The head of senders.toml describes each key. `shared` services carry many customers on the same addresses.
    """

    id: str
    name: str
    kind: str
    name_ja: str | None = None
    sending_domains: tuple[str, ...] = ()
    account_domains: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    ptr_suffixes: tuple[str, ...] = ()
    rented_ptr_suffixes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    as_domains: tuple[str, ...] = ()
    spf_include: tuple[str, ...] = ()
    spf_include_legacy: tuple[str, ...] = ()
    spf_other: tuple[str, ...] = ()
    dkim: tuple[DkimRecord, ...] = ()
    aligns_spf: str = "unknown"
    aligns_spf_condition: str | None = None
    aligns_dkim: str = "unknown"
    how_to_fix_en: str | None = None
    how_to_fix_ja: str | None = None
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""

    @property
    def shared(self) -> bool:
        """True for mailbox and hosting services: their addresses also carry other people's mail and forwards."""
        return self.kind in ("mailbox", "hosting")


@dataclass(frozen=True, slots=True)
class Forwarder:
    """One row of forwarders.toml: a host or list service that passes on other people's mail."""

    id: str
    name: str
    kind: str
    sending_domains: tuple[str, ...] = ()
    ptr_suffixes: tuple[str, ...] = ()
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""


@dataclass(frozen=True, slots=True)
class PossibleForwarder:
    """A service of senders.toml whose users are known to forward their mail to other mailbox providers."""

    service: str
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""


@dataclass(frozen=True, slots=True)
class EnvelopeLabel:
    """A first label of an envelope domain that marks a rewritten return path (SRS)."""

    label: str
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""


@dataclass(frozen=True, slots=True)
class Reporter:
    """One row of reporters.toml. `label` is the stable short name under which its reports are counted.

    A report is this reporter's when the domain of its `<email>` is one of `mail_domains` (or below one) and,
    where `org_names` is given, its `<org_name>` is one of them. `sending_domains` are further domains whose
    authenticated mail may bring its reports.
    """

    label: str
    name: str
    mail_domains: tuple[str, ...]
    org_names: tuple[str, ...] = ()
    sending_domains: tuple[str, ...] = ()
    country: str | None = None
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""


Owner = Service | Forwarder
Named = TypeVar("Named", Service, Owner)


@dataclass(frozen=True, slots=True)
class Tables:
    """Every row by id, and the indexes that naming uses. Built once by `load_tables`, then only read.

    Indexes map a fact in lower case to its row: `domains` (d= and envelope domains), `ptr` (None: the row is a rented
    host, which names nothing), `networks` ((version, prefix length, network as integer), longest prefix first).
    """

    services: dict[str, Service]
    forwarders: dict[str, Forwarder]
    possible_forwarders: dict[str, PossibleForwarder]
    envelope_labels: dict[str, EnvelopeLabel]
    reporters: dict[str, Reporter]
    domains: dict[str, Owner] = field(repr=False)
    ptr: dict[str, Owner | None] = field(repr=False)
    selectors: dict[str, Service] = field(repr=False)
    as_domains: dict[str, Service] = field(repr=False)
    networks: dict[tuple[int, int, int], Service] = field(repr=False)
    prefixes: dict[int, tuple[int, ...]] = field(repr=False)
    reporter_domains: dict[str, tuple[Reporter, ...]] = field(repr=False)


def load_tables(
    *,
    senders: Sequence[Path] = (),
    forwarders: Sequence[Path] = (),
    reporters: Sequence[Path] = (),
) -> Tables:
    """Read the shipped tables and, in order, the extension files. Raises TablesError."""
    read_services = _read("senders.toml", senders, ("service",))
    read_forwarders = _read("forwarders.toml", forwarders, ("forwarder", "possible_forwarder", "envelope_label"))
    read_reporters = _read("reporters.toml", reporters, ("reporter",))
    return _indexed(
        services={k: _service(k, v) for k, v in read_services["service"].items()},
        forwarders={k: _forwarder(k, v) for k, v in read_forwarders["forwarder"].items()},
        possible={k: _possible(k, v) for k, v in read_forwarders["possible_forwarder"].items()},
        labels={k: _envelope_label(k, v) for k, v in read_forwarders["envelope_label"].items()},
        reporters={k: _reporter(k, v) for k, v in read_reporters["reporter"].items()},
    )


# ---- Files to rows

_IDENTITY = {
    "service": "id",
    "forwarder": "id",
    "possible_forwarder": "service",
    "envelope_label": "label",
    "reporter": "label",
}


@dataclass(frozen=True, slots=True)
class _Rows:
    """One row's keys, merged over all files, and the last file that named it."""

    keys: dict[str, object]
    place: str


def _read(shipped: str, extensions: Sequence[Path], groups: tuple[str, ...]) -> dict[str, dict[str, _Rows]]:
    merged: dict[str, dict[str, _Rows]] = {group: {} for group in groups}
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


def _merge(merged: dict[str, _Rows], rows: Iterable[Row], group: str, place: str) -> None:
    identity = _IDENTITY[group]
    seen: set[str] = set()
    for row in rows:
        name = row.get(identity)
        if not isinstance(name, str) or not name or not name.isascii():
            raise TablesError(f"{place}: a [[{group}]] row needs {identity!r}, a text in ASCII")
        if name in seen:
            raise TablesError(f"{place}: {group} {name!r} stands twice in this file")
        seen.add(name)
        before = merged[name].keys if name in merged else {}
        merged[name] = _Rows({**before, **row}, place)


class _Reader:
    """Takes typed keys out of one row; what is left at the end is an unknown key."""

    def __init__(self, group: str, name: str, rows: _Rows) -> None:
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


@dataclass(frozen=True, slots=True)
class _Provenance:
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


def _service(name: str, rows: _Rows) -> Service:
    reader = _Reader("service", name, rows)
    origin = _provenance(reader)
    service = Service(
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
        note=origin.note,
        source=origin.source,
        mark=origin.mark,
        checked=origin.checked,
    )
    reader.finish()
    return service


def _forwarder(name: str, rows: _Rows) -> Forwarder:
    reader = _Reader("forwarder", name, rows)
    origin = _provenance(reader)
    forwarder = Forwarder(
        id=reader.text("id"),
        name=reader.text("name"),
        kind=reader.word("kind", FORWARDER_KINDS),
        sending_domains=reader.names("sending_domains"),
        ptr_suffixes=reader.names("ptr_suffixes"),
        note=origin.note,
        source=origin.source,
        mark=origin.mark,
        checked=origin.checked,
    )
    reader.finish()
    return forwarder


def _possible(name: str, rows: _Rows) -> PossibleForwarder:
    reader = _Reader("possible_forwarder", name, rows)
    origin = _provenance(reader)
    possible = PossibleForwarder(reader.text("service"), origin.note, origin.source, origin.mark, origin.checked)
    reader.finish()
    return possible


def _envelope_label(name: str, rows: _Rows) -> EnvelopeLabel:
    reader = _Reader("envelope_label", name, rows)
    origin = _provenance(reader)
    label = EnvelopeLabel(reader.text("label").lower(), origin.note, origin.source, origin.mark, origin.checked)
    reader.finish()
    return label


def _reporter(name: str, rows: _Rows) -> Reporter:
    reader = _Reader("reporter", name, rows)
    origin = _provenance(reader)
    reporter = Reporter(
        label=reader.text("label"),
        name=reader.text("name"),
        mail_domains=reader.names("mail_domains"),
        org_names=tuple(item.strip().casefold() for item in reader.texts("org_names")),
        sending_domains=reader.names("sending_domains"),
        country=reader.maybe("country"),
        note=origin.note,
        source=origin.source,
        mark=origin.mark,
        checked=origin.checked,
    )
    if not reporter.mail_domains:
        raise reader.fail("'mail_domains' is missing")
    reader.finish()
    return reporter


# ---- Rows to indexes


def _indexed(
    services: dict[str, Service],
    forwarders: dict[str, Forwarder],
    possible: dict[str, PossibleForwarder],
    labels: dict[str, EnvelopeLabel],
    reporters: dict[str, Reporter],
) -> Tables:
    for name in possible:
        if name not in services:
            raise TablesError(f"possible_forwarder {name!r} is not a service of the sender tables")
    owners: list[Owner] = [*services.values(), *forwarders.values()]
    networks = _networks(services.values())
    return Tables(
        services=services,
        forwarders=forwarders,
        possible_forwarders=possible,
        envelope_labels={label.label: label for label in labels.values()},
        reporters=reporters,
        domains=_index(owners, _mail_domains, "sending domain"),
        ptr=_ptr(owners, services.values()),
        selectors=_index(services.values(), lambda service: service.selectors, "selector"),
        as_domains=_index(services.values(), lambda service: service.as_domains, "AS domain"),
        networks=networks,
        prefixes=_prefixes(networks),
        reporter_domains=_reporter_domains(reporters.values()),
    )


def _mail_domains(owner: Owner) -> tuple[str, ...]:
    return owner.sending_domains + (owner.account_domains if isinstance(owner, Service) else ())


def _index(owners: Iterable[Named], facts: Callable[[Named], Iterable[str]], what: str) -> dict[str, Named]:
    index: dict[str, Named] = {}
    for owner in owners:
        for fact in facts(owner):
            _refuse_second(index.get(fact), owner, f"{what} {fact}")
            index[fact] = owner
    return index


def _refuse_second(first: Owner | None, second: Owner, fact: str) -> None:
    if first is not None:
        raise TablesError(f"{fact} stands in two rows: {first.id!r} and {second.id!r}")


def _ptr(owners: Iterable[Owner], services: Iterable[Service]) -> dict[str, Owner | None]:
    named = _index(owners, lambda owner: owner.ptr_suffixes, "PTR suffix")
    rented = _index(services, lambda service: service.rented_ptr_suffixes, "rented PTR suffix")
    for suffix, service in rented.items():
        _refuse_second(named.get(suffix), service, f"PTR suffix {suffix}")
    return {**named, **dict.fromkeys(rented)}


def _networks(services: Iterable[Service]) -> dict[tuple[int, int, int], Service]:
    index: dict[tuple[int, int, int], Service] = {}
    for service in services:
        for value in service.networks:
            network = ip_network(value)
            key = (network.version, network.prefixlen, int(network.network_address))
            _refuse_second(index.get(key), service, f"network {value}")
            index[key] = service
    return index


def _prefixes(networks: Iterable[tuple[int, int, int]]) -> dict[int, tuple[int, ...]]:
    lengths: dict[int, set[int]] = {4: set(), 6: set()}
    for version, length, _ in networks:
        lengths[version].add(length)
    return {version: tuple(sorted(found, reverse=True)) for version, found in lengths.items()}


def _reporter_domains(reporters: Iterable[Reporter]) -> dict[str, tuple[Reporter, ...]]:
    index: dict[str, tuple[Reporter, ...]] = {}
    for reporter in reporters:
        for domain in reporter.mail_domains:
            index[domain] = (*index.get(domain, ()), reporter)
    return index
