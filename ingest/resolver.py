"""Asking DNS, bounded in time and in questions open at once: the one import of dnspython.

It is a stub: it asks the name servers of the settings, or this machine's. Every question ends within its seconds as
one `Answer`; none raises. "Could not ask" (timeout, failed) is never "not there" (no-name, no-record).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
import dns.reversename

from settings import Lookup, name_server

Subject = TypeVar("Subject")
Result = TypeVar("Result")

# What every path carries without fragments (DNS Flag Day 2020); larger answers come by TCP.
UDP_BYTES = 1232
ABSENT = frozenset({"no-name", "no-record"})


class NoNameServer(Exception):
    """No name server is named in the settings, and this machine has none; says what to set."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one question.

    state: found; no-name (the name does not exist); no-record (it has none of this type); timeout; failed (the
    server refused or could not, or answered nonsense: a CNAME loop too). `values`: when found, each record in
    presentation format (RFC 1035 section 5.1, everything unprintable escaped), sorted, names with their last dot.
    """

    state: str
    values: tuple[str, ...] = ()


class Resolver:
    """Asks the name servers of `options`, or this machine's. Raises NoNameServer."""

    def __init__(self, options: Lookup) -> None:
        self._resolver = _configured(options)

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of type `kind` at `name`, CNAMEs followed."""
        try:
            found = await self._resolver.resolve(dns.name.from_text(name), kind, search=False)
        except dns.resolver.NXDOMAIN:
            return Answer("no-name")
        except dns.resolver.NoAnswer:
            return Answer("no-record")
        except dns.exception.Timeout:
            return Answer("timeout")
        except (dns.exception.DNSException, OSError):
            return Answer("failed")
        return Answer("found", tuple(sorted(each.to_text() for each in found)))


def reverse_name(ip: str) -> str:
    """The name under in-addr.arpa or ip6.arpa where an address has its PTR records."""
    return dns.reversename.from_address(ip).to_text()


def ask_all(
    subjects: Iterable[Subject], question: Callable[[Subject], Awaitable[Result]], *, at_once: int, seconds: float
) -> list[tuple[Subject, Result]]:
    """Put `question` to every subject, `at_once` side by side; what was answered when `seconds` have passed."""
    waiting = iter(subjects)
    answered: list[tuple[Subject, Result]] = []

    async def work() -> None:
        for subject in waiting:
            result = await question(subject)
            answered.append((subject, result))

    async def all_work() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(work())

    finished(all_work)
    return answered


def finished(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """What `work` gives, awaited in a thread of its own, since the caller's may have an event loop already."""
    with ThreadPoolExecutor(max_workers=1) as own:
        return own.submit(lambda: asyncio.run(work())).result()


def _configured(options: Lookup) -> dns.asyncresolver.Resolver:
    try:
        resolver = dns.asyncresolver.Resolver(configure=not options.nameservers)
    except dns.resolver.NoResolverConfiguration as error:
        raise NoNameServer("this machine names no DNS server: set lookup.nameservers in sekisho.toml") from error
    if options.nameservers:
        resolver.nameservers = [_server(text) for text in options.nameservers]
    resolver.lifetime = options.timeout_seconds
    # Half of it, so that a lost packet is sent again, or goes to the next server.
    resolver.timeout = options.timeout_seconds / 2
    resolver.use_edns(0, 0, UDP_BYTES)
    return resolver


def _server(text: str) -> Any:
    address, port = name_server(text)
    return dns.nameserver.Do53Nameserver(address, port)
