"""What is known around a record: facts that its text does not hold, each of which may be missing.

Whoever calls fills in what the DNS snapshot, the reports and the senders say. Nothing is looked up here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knowledge.rows import Service


@dataclass(frozen=True, slots=True)
class SpfTree:
    """An SPF record with its includes followed to the end (RFC 7208 section 4.6.4).

    `missing` and `looping` are the hosts of this record's own includes that have no SPF record or lead back to it.
    """

    lookups: int
    void_lookups: int = 0
    missing: tuple[str, ...] = ()
    looping: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuaDomain:
    """A domain that reports are sent to. None is "could not look".

    `authorised` says whether it agreed to receive them (RFC 9990 section 4); leave it None for own addresses.
    """

    receives_mail: bool | None = None
    authorised: bool | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The facts around one record. A finding that needs a fact appears only where the fact is given.

    name                  where the record stands; domain: whose mail it is about (both lower-case A-labels)
    records_at_name       how many records of this kind stand at the name
    spf_tree              for an SPF record, its lookups
    old_spf_record        another record of SPF's dead type 99 or of Sender ID (spf2.0) exists
    rua_domains           per domain in rua, lower-case
    services_known        rows of senders.toml; services_in_use: those that send for the domain
    subdomains_without_spf   sub-domains seen sending that have no SPF record of their own
    weaker_subdomains        sub-domains whose own DMARC record is weaker than this one
    sends_mail            False only when staff or reports say that it never does
    key_in_use            for a DKIM key: signatures with it were seen lately
    """

    name: str | None = None
    domain: str | None = None
    records_at_name: int = 1
    spf_tree: SpfTree | None = None
    old_spf_record: bool = False
    rua_domains: Mapping[str, RuaDomain] = field(default_factory=dict)
    services_known: tuple[Service, ...] = ()
    services_in_use: tuple[Service, ...] = ()
    subdomains_without_spf: tuple[str, ...] = ()
    weaker_subdomains: tuple[str, ...] = ()
    sends_mail: bool | None = None
    key_in_use: bool = False


NOTHING_KNOWN = Surroundings()
