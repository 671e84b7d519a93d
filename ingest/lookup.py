"""Host names of the addresses that send: PTR, confirmed forward, kept with its age; then the senders they rename.

Each distinct address is asked about once until its answer is old. A run is bounded in addresses and in seconds, and
what it could not reach is left for the next one.
"""

import re
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from sqlalchemy import Engine

from ingest.reclassify import Reclassifier
from ingest.resolver import ABSENT as NOTHING_THERE
from ingest.resolver import Answer, Resolver, ask_all, reverse_name
from settings import Lookup, Settings
from store import sources
from store.engine import open_store, writing
from store.locks import run_lock
from store.sources import Ages, Due, Pointer

# Addresses that mean nothing outside one machine or network: a name server would tell names of our own network.
_LOCAL = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
        *("::/96", "::ffff:0:0/96", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
# Shared hosts publish one PTR for each customer; this many are tried, in alphabetical order.
MAX_NAMES = 4
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")


@dataclass(frozen=True, slots=True)
class LookupSummary:
    """What one run did, in addresses: asked about, with a host name, with a confirmed one, failed, left for later.

    `moved_records` went to another sender; `decisions_left` could not follow (see the audit trail); `seconds` passed.
    """

    asked: int
    found: int
    confirmed: int
    failed: int
    left: int
    moved_records: int
    decisions_left: int
    seconds: float


def look_up_sources(settings: Settings, *, now: int) -> LookupSummary:
    """Ask for the host names that are due, store them, and name the senders of those addresses again.

    Takes the run lock. Raises StoreError, AlreadyRunning, NoNameServer; DNS itself cannot make it fail.
    """
    with run_lock(settings.database_url):
        engine = open_store(settings.database_url)
        try:
            return _look_up(engine, settings, now)
        finally:
            engine.dispose()


def _look_up(engine: Engine, settings: Settings, now: int) -> LookupSummary:
    started = time.monotonic()
    options = settings.lookup
    with engine.connect() as connection:
        due, more = sources.due_sources(connection, _ages(options), now=now, limit=options.sources_per_run)
    answered = _ask(due, options) if due else []
    changes = Reclassifier(engine, settings, now).sources(_news(answered))
    # Last, so that a run that was killed before asks again and ends the same.
    with writing(engine) as connection:
        sources.save_pointers(connection, answered, now=now)
    found = [pointer for _, pointer in answered]
    return LookupSummary(
        asked=len(found),
        found=sum(each.state == sources.FOUND for each in found),
        confirmed=sum(each.confirmed for each in found),
        failed=sum(each.state in sources.FAILURES for each in found),
        left=len(due) - len(found) + more,
        moved_records=changes.moved_records,
        decisions_left=len(changes.decisions_left),
        seconds=round(time.monotonic() - started, 2),
    )


def _ages(options: Lookup) -> Ages:
    return Ages(options.found_days * 86_400, options.absent_days * 86_400, options.failed_hours * 3_600)


def _ask(due: list[Due], options: Lookup) -> list[tuple[Due, Pointer]]:
    resolver = Resolver(options)

    async def question(each: Due) -> Pointer:
        return await pointer_of(resolver, each.ip)

    return ask_all(due, question, at_once=options.at_once, seconds=options.seconds_per_run)


def _news(answered: list[tuple[Due, Pointer]]) -> dict[int, str | None]:
    """The confirmed names that are another than before, by source id; a failure is no news."""
    told = [(due, found) for due, found in answered if found.state not in sources.FAILURES]
    return {due.id: found.name for due, found in told if found.name != due.confirmed}


async def pointer_of(resolver: Resolver, ip: str) -> Pointer:
    """The host name of an address: the alphabetically first that leads back to it, else the first without proof."""
    address = _public(ip)
    if address is None:
        return Pointer(sources.NOT_ASKED)
    answer = await resolver.ask(reverse_name(ip), "PTR")
    if answer.state != "found":
        return Pointer(_failure(answer) or sources.ABSENT)
    names = sorted({name for text in answer.values if (name := host_name(text))})[:MAX_NAMES]
    return await _confirmed(resolver, address, names) if names else Pointer(sources.BAD_NAME)


async def _confirmed(resolver: Resolver, address: IPv4Address | IPv6Address, names: list[str]) -> Pointer:
    kind = "A" if address.version == 4 else "AAAA"
    failure = None
    for name in names:
        answer = await resolver.ask(name, kind)
        if any(ip_address(text) == address for text in answer.values):
            return Pointer(sources.FOUND, name, confirmed=True)
        failure = failure or _failure(answer)
    return Pointer(failure) if failure else Pointer(sources.FOUND, names[0])


def _failure(answer: Answer) -> str | None:
    """The word for an answer that says nothing, or None when DNS did say something."""
    if answer.state == "found" or answer.state in NOTHING_THERE:
        return None
    return sources.TIMEOUT if answer.state == "timeout" else sources.FAILED


def _public(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    return None if any(address in network for network in _LOCAL) else address


def host_name(text: str) -> str | None:
    """A name out of DNS in lower case without its last dot, or None when no host can be called so (RFC 1123)."""
    name = text.lower().removesuffix(".")
    return name if _HOST.fullmatch(name) else None
