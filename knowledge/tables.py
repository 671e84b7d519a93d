"""The knowledge tables: each row of senders.toml, forwarders.toml and reporters.toml, and the indexes that find them.

Nothing is read at import.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from knowledge import row_files
from knowledge.rows import EnvelopeLabel, Forwarder, Owner, Reporter, Service, TablesError

Named = TypeVar("Named", Service, Owner)


@dataclass(frozen=True, slots=True)
class Tables:
    """Every row by id, and the indexes that naming uses. Built once by `load_tables`, then only read.

    Indexes map a fact in lower case to its row: `domains` (d= and envelope domains), `ptr` (None: the row is a rented
    host, which names nothing), `networks` ((version, prefix length, network as integer), longest prefix first).
    """

    services: dict[str, Service]
    forwarders: dict[str, Forwarder]
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
    read_services = row_files.read_rows("senders.toml", senders, ("service",))
    read_forwarders = row_files.read_rows("forwarders.toml", forwarders, ("forwarder", "envelope_label"))
    read_reporters = row_files.read_rows("reporters.toml", reporters, ("reporter",))
    return _indexed(
        services={k: row_files.service(k, v) for k, v in read_services["service"].items()},
        forwarders={k: row_files.forwarder(k, v) for k, v in read_forwarders["forwarder"].items()},
        labels={k: row_files.envelope_label(k, v) for k, v in read_forwarders["envelope_label"].items()},
        reporters={k: row_files.reporter(k, v) for k, v in read_reporters["reporter"].items()},
    )


# ---- Rows to indexes


def _indexed(
    services: dict[str, Service],
    forwarders: dict[str, Forwarder],
    labels: dict[str, EnvelopeLabel],
    reporters: dict[str, Reporter],
) -> Tables:
    owners: list[Owner] = [*services.values(), *forwarders.values()]
    networks = _networks(services.values())
    return Tables(
        services=services,
        forwarders=forwarders,
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
