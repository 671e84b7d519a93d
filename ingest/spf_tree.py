"""An SPF record with everything that it includes (RFC 7208 section 4.6.4): lookups, void lookups, loops, dead ends.

Counted is the whole tree, as for a message that matches nothing before its end. Macros depend on the message: such a
term is counted and not followed. Following ends after MOST_FOLLOWED lookups, far beyond the ten that are allowed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ingest.questions import SILENT, Questions
from ingest.resolver import ABSENT
from knowledge.names import a_label

MOST_FOLLOWED = 60

_SPF = re.compile(r"v=spf1(?: .*)?", re.IGNORECASE | re.DOTALL)
_ALL = re.compile(r"[+\-~?]?all", re.IGNORECASE)
_TERM = re.compile(
    r"[+\-~?]?(?:(?P<name>include|exists|a|mx|ptr)(?::(?P<host>[^/]+))?(?:/.*)?|redirect=(?P<redirect>.+))",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Tree:
    """What was found so far. `dead`: (term of the record itself that leads there, name without one SPF record);
    `looping`: hosts of the record's own terms that lead back. `failures`: what DNS did not say."""

    lookups: int = 0
    void: list[str] = field(default_factory=list)
    records: dict[str, str] = field(default_factory=dict)
    dead: set[tuple[str, str]] = field(default_factory=set)
    looping: set[str] = field(default_factory=set)
    macros: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    cut: bool = False

    def content(self) -> dict[str, Any]:
        """In a form that JSON can hold and that is the same whatever was answered first."""
        return {
            "lookups": self.lookups,
            "void_lookups": len(self.void),
            "void": sorted(set(self.void)),
            "records": self.records,
            "dead": sorted(map(list, self.dead)),
            "looping": sorted(self.looping),
            "macros": sorted(self.macros),
            "cut": self.cut,
        }


async def follow(questions: Questions, domain: str, record: str) -> Tree:
    """Follow `record`, which stands at `domain`, to its ends."""
    tree = Tree()
    await _follow(questions, tree, record, (domain,))
    return tree


def is_spf(text: str) -> bool:
    """Whether receivers take the text for an SPF record."""
    return _SPF.fullmatch(text) is not None


async def _follow(questions: Questions, tree: Tree, record: str, path: tuple[str, ...]) -> None:
    for name, text in _asking(record):
        if tree.lookups >= MOST_FOLLOWED:
            tree.cut = True
            return
        tree.lookups += 1
        await _term(questions, tree, (name, text or path[-1]), path)


def _asking(record: str) -> Iterator[tuple[str, str]]:
    """Mechanism and host ("" for the domain itself) of each term that asks DNS and is ever tested."""
    redirects = []
    for word in record.split(" ")[1:]:
        term = _TERM.fullmatch(word)
        if _ALL.fullmatch(word):
            return
        if term and term["name"]:
            yield term["name"].lower(), term["host"] or ""
        elif term:
            redirects.append(term["redirect"])
    yield from (("redirect", host) for host in redirects)


async def _term(questions: Questions, tree: Tree, term: tuple[str, str], path: tuple[str, ...]) -> None:
    name, text = term
    host = a_label(text)
    if "%" in text:
        tree.macros.add(f"{name}:{text}")
    elif name in ("include", "redirect"):
        await _into(questions, tree, host or text.lower(), path)
    elif name != "ptr" and host:
        await _address(questions, tree, name, host)


async def _address(questions: Questions, tree: Tree, name: str, host: str) -> None:
    if name == "a":
        state = await questions.has_address(host)
    else:
        state = (await questions.ask(host, "MX" if name == "mx" else "A")).state
    _note(tree, host, state)


async def _into(questions: Questions, tree: Tree, host: str, path: tuple[str, ...]) -> None:
    top = path[1] if len(path) > 1 else host
    if host in path:
        tree.looping.add(top)
        return
    found = await questions.texts(host) if a_label(host) else None
    if found is not None:
        _note(tree, host, found.state)
        if found.state in SILENT:
            return
    records = [text for text in found.values if is_spf(text)] if found else []
    if len(records) != 1:
        tree.dead.add((top, host))
        return
    tree.records[host] = records[0]
    await _follow(questions, tree, records[0], (*path, host))


def _note(tree: Tree, host: str, state: str) -> None:
    if state in ABSENT:
        tree.void.append(host)
    elif state in SILENT:
        tree.failures.append(state)
