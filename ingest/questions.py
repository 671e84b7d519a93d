"""The questions that one look at a domain puts to DNS: bounded in number and time, each name asked once in a run.

A question beyond a bound is answered NOT_ASKED, which says as little as a timeout. TXT records come as text.
"""

import asyncio
import re
import time
from dataclasses import dataclass

from ingest.resolver import ABSENT, Answer, Resolver

NOT_ASKED = "not-asked"
SILENT = frozenset({"timeout", "failed", NOT_ASKED})

MOST_QUESTIONS = 400
MOST_SECONDS = 60.0
MOST_TEXTS = 20
LONGEST_TEXT = 4_000
# Answers that one run remembers.
MOST_KNOWN = 100_000

_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-9]{3}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Texts:
    """The TXT records at a name, sorted; at most MOST_TEXTS of them, each cut at LONGEST_TEXT characters."""

    state: str
    values: tuple[str, ...] = ()


class Questions:
    """What is asked for one domain. `known` holds the answers of the whole run; `gate` how many may be open."""

    def __init__(
        self,
        resolver: Resolver,
        known: dict[tuple[str, str], Answer],
        gate: asyncio.Semaphore,
        *,
        most: int = MOST_QUESTIONS,
        seconds: float = MOST_SECONDS,
    ) -> None:
        self._resolver = resolver
        self._known = known
        self._gate = gate
        self._left = most
        self._until = time.monotonic() + seconds

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of this type at a name."""
        known = self._known.get((name, kind))
        if known is not None:
            return known
        self._left -= 1
        async with self._gate:
            if self._left < 0 or time.monotonic() > self._until:
                return Answer(NOT_ASKED)
            answer = await self._resolver.ask(name, kind)
        if len(self._known) < MOST_KNOWN:
            self._known[(name, kind)] = answer
        return answer

    async def texts(self, name: str) -> Texts:
        """The TXT records at a name."""
        answer = await self.ask(name, "TXT")
        return Texts(answer.state, tuple(sorted(joined(value)[:LONGEST_TEXT] for value in answer.values)[:MOST_TEXTS]))

    async def has_address(self, name: str) -> str:
        """How the question for its A records ended, and where there are none, that for AAAA."""
        state = (await self.ask(name, "A")).state
        return state if state not in ABSENT else (await self.ask(name, "AAAA")).state


def joined(record: str) -> str:
    """A TXT record in presentation format as one text: its strings without anything between them.

    Bytes that are no UTF-8 are written as backslash, x and two digits.
    """
    strings = _STRING.findall(record.encode())
    return b"".join(_ESCAPED.sub(_byte, string) for string in strings).decode(errors="backslashreplace")


def _byte(escaped: re.Match[bytes]) -> bytes:
    found = escaped[1]
    return bytes([int(found) & 0xFF]) if len(found) == 3 else found
