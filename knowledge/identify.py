"""Names the sender of a record: which service, server or network a stream of mail comes from. Pure and fast.

It says what a sender is called, never whether it is allowed to send: verdicts are judged later, per sender and per
source. `name_sender` states the rules; a name depends on one record and its source only, so the order of reports
never changes it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from knowledge.hosts import LABEL_LENGTH, host_name, organisational, printable, suffixes_of
from knowledge.rows import Forwarder, Owner, Service
from knowledge.tables import Tables

# Words of parsedmarc's map (`type`) for networks whose addresses are rented to anybody; an AS without a word too.
RENTED_NETWORKS = frozenset({None, "IaaS", "ISP", "MSP", "PaaS", "Technology", "Web Host"})
# Words for an AS that carries one service's own mail.
SERVICE_NETWORKS = frozenset({"Email Security", "Marketing", "SaaS"})

_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """What one record and its source tell about the sender. Domains as A-labels in any case.

    `dkim_domains`: each d= whose signature passed. `own_selectors`: selectors of passing signatures whose d= is
    the domain of header_from (or shares its organisational domain). `spf_domain`: the domain that passed SPF, None
    when none passed. `dkim_aligned`, `spf_aligned`: what the reporter evaluated. `ptr`: only when it was confirmed
    forward. The other fields come from parsedmarc's offline tables: hints, coarser than the record's own facts.
    """

    ip: str
    header_from: str | None = None
    dkim_domains: tuple[str, ...] = ()
    own_selectors: tuple[str, ...] = ()
    spf_domain: str | None = None
    dkim_aligned: bool = False
    spf_aligned: bool = False
    ptr: str | None = None
    as_domain: str | None = None
    as_name: str | None = None
    service: str | None = None
    service_kind: str | None = None


class SenderName(NamedTuple):
    """A sender's stable ASCII `key`, its `name` for people, its `kind` and the `basis`: the fact that decided.

    kind: mailbox, marketing, transactional, crm, hosting, business-app (a service); mailing-list, forwarding (a known
    forwarder); own-infrastructure; server (an unlisted server that sent authenticated mail); network; unknown.
    basis: own-network, own-host, dkim, spf, selector, ptr, range, as-service, ptr-domain, as, network, none.
    """

    key: str
    name: str
    kind: str
    basis: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a sender has its name: the fact of the record, and the row of our tables that it met (None: no row)."""

    sender: SenderName
    fact: str | None
    row: Owner | None


@dataclass(frozen=True, slots=True)
class OwnInfrastructure:
    """The firm's own shared servers: networks, and host names (each with everything below it)."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()


NO_INFRASTRUCTURE = OwnInfrastructure()
UNKNOWN = SenderName("unknown", "Unknown", "unknown", "none")
OWN_KEY = "own-infrastructure"


def own_infrastructure(networks: Iterable[str], hosts: Iterable[str]) -> OwnInfrastructure:
    """The settings' texts as a value. Raises ValueError that names a text which is no network."""
    return OwnInfrastructure(
        networks=tuple(ip_network(text) for text in networks),
        hosts=frozenset(host.lower().strip(".") for host in hosts),
    )


def name_sender(facts: SenderFacts, tables: Tables, own: OwnInfrastructure = NO_INFRASTRUCTURE) -> SenderName:
    """The sender of a record. First match wins:

    1. own infrastructure: the address or confirmed host name is one of the firm's shared servers;
    2. a passing DKIM d= that a table knows; 3. an envelope domain that passed SPF and is known;
       the domain of header_from itself names nothing in either;
    4. a selector of the customer's own passing signature that only one service uses;
    5. the confirmed PTR, then the address range that a service publishes;
    6. the AS of a service: of our tables, or of parsedmarc's where that AS carries one service's own mail;
    7. the PTR's organisational domain; 8. the AS; 9. the network (/24, /48); else `unknown`.

    Authenticated mail keeps apart from the rest of a network that anybody can rent:

    * Mailbox and hosting services carry many customers' mail and their forwards. Only direct mail is `service:<id>`
      (see `_is_direct`), and mail that passed as the service itself or as the customer's own account. Other mail is
      `tenant:<id>:<account>` where a passing domain names the account (`<tenant>.onmicrosoft.com`), else `relay:<id>`.
    * In 7 to 9 mail that passed aligned gets `server:<place>`; its place is never wider than the /24 or /48 where
      the AS rents its addresses out and the PTR is its default name. Mail that did not is `ptr:`, `as:` or `net:`.
      A PTR in the customer's own domain is `server:` either way: only the domain's owner can make it confirm.
    """
    return explain_sender(facts, tables, own).sender


def explain_sender(facts: SenderFacts, tables: Tables, own: OwnInfrastructure = NO_INFRASTRUCTURE) -> Explanation:
    """The sender as `name_sender` says, with the fact and the table row that decided."""
    ptr = host_name(facts.ptr) if facts.ptr else None
    return (
        _by_own_infrastructure(facts, ptr, own)
        or _by_record(facts, tables)
        or _by_ptr(facts, ptr, tables)
        or _by_range(facts, tables)
        or _by_service_network(facts, tables)
        or _by_place(facts, ptr, tables)
    )


def name_by_record(facts: SenderFacts, tables: Tables) -> SenderName | None:
    """The sender where rules 2 to 4 name it: from any address but one of the own infrastructure."""
    found = _by_record(facts, tables)
    return found.sender if found else None


def standing(facts: SenderFacts) -> tuple[bool, bool, bool]:
    """All that the other rules read of a record when no host name is known."""
    return facts.spf_aligned, facts.dkim_aligned, _foreign(facts.spf_domain, facts.header_from)


def is_own_address(ip: str, own: OwnInfrastructure) -> bool:
    """Whether the address alone makes rule 1 hold."""
    return any(_within(ip, network) for network in own.networks)


def service_of(key: str, tables: Tables) -> Service | None:
    """The service that a sender key belongs to (`service:`, `tenant:` and `relay:` keys), or None."""
    prefix, _, rest = key.partition(":")
    if prefix not in ("service", "tenant", "relay"):
        return None
    return tables.services.get(rest.partition(":")[0])


def is_rewritten_envelope(domain: str, tables: Tables) -> bool:
    """True when an envelope domain looks like a rewritten return path: its first label marks SRS."""
    return domain.partition(".")[0].lower() in tables.envelope_labels


# ---- The rules


def _by_own_infrastructure(facts: SenderFacts, ptr: str | None, own: OwnInfrastructure) -> Explanation | None:
    for network in own.networks:
        if _within(facts.ip, network):
            return Explanation(_own("own-network"), str(network), None)
    if own.hosts and ptr:
        for suffix in suffixes_of(ptr):
            if suffix in own.hosts:
                return Explanation(_own("own-host"), ptr, None)
    return None


def _own(basis: str) -> SenderName:
    return SenderName(OWN_KEY, "Own infrastructure", "own-infrastructure", basis)


def _by_record(facts: SenderFacts, tables: Tables) -> Explanation | None:
    return _by_dkim(facts, tables) or _by_spf(facts, tables) or _by_selector(facts, tables)


def _by_dkim(facts: SenderFacts, tables: Tables) -> Explanation | None:
    known = [hit for domain in facts.dkim_domains if (hit := _known_domain(domain, facts.header_from, tables))]
    if not known:
        return None
    # Several known signatures: a forwarder signed last; else the alphabet decides, so that their order does not.
    suffix, domain, owner = min(known, key=lambda hit: (isinstance(hit[2], Service), hit[1]))
    return Explanation(_named(owner, "dkim", facts, suffix, domain), domain, owner)


def _by_spf(facts: SenderFacts, tables: Tables) -> Explanation | None:
    hit = _known_domain(facts.spf_domain, facts.header_from, tables) if facts.spf_domain else None
    if hit is None:
        return None
    suffix, domain, owner = hit
    return Explanation(_named(owner, "spf", facts, suffix, domain), domain, owner)


def _by_selector(facts: SenderFacts, tables: Tables) -> Explanation | None:
    for selector in sorted(facts.own_selectors):
        if service := tables.selectors.get(selector.lower()):
            return Explanation(_service_name(service, "selector"), selector, service)
    return None


def _by_ptr(facts: SenderFacts, ptr: str | None, tables: Tables) -> Explanation | None:
    owner = _ptr_owner(ptr, tables) if ptr else None
    return Explanation(_named(owner, "ptr", facts), ptr, owner) if owner else None


def _by_range(facts: SenderFacts, tables: Tables) -> Explanation | None:
    address = _address(facts.ip)
    if address is None:
        return None
    version, number = address
    bits = 32 if version == 4 else 128
    for length in tables.prefixes[version]:
        shift = bits - length
        if service := tables.networks.get((version, length, number >> shift << shift)):
            return Explanation(_named(service, "range", facts), facts.ip, service)
    return None


def _by_service_network(facts: SenderFacts, tables: Tables) -> Explanation | None:
    as_domain = host_name(facts.as_domain) if facts.as_domain else None
    if as_domain is None:
        return None
    if service := tables.as_domains.get(as_domain):
        return Explanation(_named(service, "as-service", facts), as_domain, service)
    if facts.service and facts.service_kind in SERVICE_NETWORKS:
        name = printable(facts.service)
        return Explanation(SenderName(f"as:{as_domain}", name, "network", "as-service"), as_domain, None)
    return None


def _by_place(facts: SenderFacts, ptr: str | None, tables: Tables) -> Explanation:
    organisation = organisational(ptr) if ptr else None
    if organisation and facts.header_from and organisation == organisational(facts.header_from):
        return Explanation(_server(organisation, organisation, "ptr-domain"), ptr, None)
    if ptr and organisation and not _is_default_name(ptr, facts, tables):
        return Explanation(_placed(facts, "ptr", organisation, organisation, "ptr-domain"), ptr, None)
    autonomous = _as_key(facts)
    network = _network(facts.ip)
    if autonomous and not (network and _authenticated(facts) and facts.service_kind in RENTED_NETWORKS):
        name = printable(facts.as_name or autonomous)
        return Explanation(_placed(facts, "as", autonomous, name, "as"), autonomous, None)
    if network:
        return Explanation(_placed(facts, "net", network, network, "network"), facts.ip, None)
    return Explanation(UNKNOWN, None, None)


# ---- Names


def _named(
    owner: Owner, basis: str, facts: SenderFacts, suffix: str | None = None, domain: str | None = None
) -> SenderName:
    if isinstance(owner, Forwarder):
        return SenderName(f"forwarder:{owner.id}", owner.name, owner.kind, basis)
    if not owner.shared or _is_direct(owner, facts):
        return _service_name(owner, basis)
    if suffix is None or domain is None:
        return _relay_name(owner, basis)
    return _account_name(owner, basis, facts, suffix, domain)


def _account_name(service: Service, basis: str, facts: SenderFacts, suffix: str, domain: str) -> SenderName:
    if domain == suffix:
        return _service_name(service, basis)
    if suffix not in service.account_domains:
        return _relay_name(service, basis)
    account = domain.partition(".")[0]
    if facts.header_from and account == _dashed(facts.header_from):
        return _service_name(service, basis)
    label = f"{account}.{suffix}"
    return SenderName(f"tenant:{service.id}:{label}", f"{service.title} ({label})", service.kind, basis)


def _dashed(header_from: str) -> str:
    # Google's default signature for example.jp is d=example-jp.<date>.gappssmtp.com.
    return header_from.lower().replace(".", "-")


def _service_name(service: Service, basis: str) -> SenderName:
    return SenderName(f"service:{service.id}", service.title, service.kind, basis)


def _relay_name(service: Service, basis: str) -> SenderName:
    return SenderName(f"relay:{service.id}", f"via {service.title}", service.kind, basis)


def _server(place: str, name: str, basis: str) -> SenderName:
    return SenderName(f"server:{place}", name, "server", basis)


def _placed(facts: SenderFacts, prefix: str, place: str, name: str, basis: str) -> SenderName:
    if _authenticated(facts):
        return _server(place, name, basis)
    return SenderName(f"{prefix}:{place}", name, "network", basis)


# ---- Facts


def _authenticated(facts: SenderFacts) -> bool:
    return facts.spf_aligned or facts.dkim_aligned


def _is_direct(service: Service, facts: SenderFacts) -> bool:
    """Mail that the customer's own account sent: SPF aligned; for a mailbox service also DKIM aligned without another
    domain's SPF pass (a forwarder of such services puts its own envelope domain)."""
    if facts.spf_aligned:
        return True
    return service.kind == "mailbox" and facts.dkim_aligned and not _foreign(facts.spf_domain, facts.header_from)


def _foreign(domain: str | None, header_from: str | None) -> bool:
    if not domain:
        return False
    return header_from is None or organisational(domain) != organisational(header_from)


def _known_domain(domain: str, header_from: str | None, tables: Tables) -> tuple[str, str, Owner] | None:
    """(table entry, domain, row) of a domain that a table knows and that is not the customer's own."""
    name = host_name(domain)
    if name is None:
        return None
    for suffix in suffixes_of(name):
        if owner := tables.domains.get(suffix):
            return (suffix, name, owner) if _foreign(name, header_from) else None
    return None


def _ptr_owner(ptr: str, tables: Tables) -> Owner | None:
    for suffix in suffixes_of(ptr):
        if suffix in tables.ptr:
            return tables.ptr[suffix]
    return None


def _is_default_name(ptr: str, facts: SenderFacts, tables: Tables) -> bool:
    """A host name that the network gave: a rented host of our tables, the operator's domain, or the address in it."""
    if any(suffix in tables.ptr for suffix in suffixes_of(ptr)):
        return True
    if facts.as_domain and organisational(ptr) == organisational(facts.as_domain):
        return True
    octets = facts.ip.split(".")
    return len(octets) == 4 and set(octets[2:]) <= {digits.lstrip("0") or "0" for digits in _NUMBERS.findall(ptr)}


def _as_key(facts: SenderFacts) -> str | None:
    if facts.as_domain and (domain := host_name(facts.as_domain)):
        return domain
    slug = re.sub(r"[^a-z0-9]+", "-", (facts.as_name or "").lower()).strip("-")
    return slug[:LABEL_LENGTH] or None


@lru_cache(maxsize=65536)
def _address(ip: str) -> tuple[int, int] | None:
    """(version, number) of an address, or None for text that is none."""
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    return address.version, int(address)


def _within(ip: str, network: IPv4Network | IPv6Network) -> bool:
    address = _address(ip)
    if address is None or address[0] != network.version:
        return False
    return int(network.network_address) <= address[1] <= int(network.broadcast_address)


@lru_cache(maxsize=65536)
def _network(ip: str) -> str | None:
    """The /24 or /48 around an address, or None for text that is none."""
    address = _address(ip)
    if address is None:
        return None
    return str(ip_network((ip, 24 if address[0] == 4 else 48), strict=False))
