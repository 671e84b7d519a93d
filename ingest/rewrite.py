"""Rewrites an unusual but well-formed document into the plain form that `guard` scans.

Name-space prefixes, attributes (but the root's name space), comments, processing instructions and CDATA marks go;
local names and text stay. Streaming: holds one step at a time.
"""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from ingest.wall import Wall


class _Writer(Wall):
    def __init__(self) -> None:
        super().__init__()
        self.out: list[str] = []

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        space = attributes.get(f"xmlns:{prefix}" if prefix else "xmlns") if self.depth == 1 else None
        self.out.append(f"<{local} xmlns={quoteattr(space)}>" if space else f"<{local}>")

    def closed(self, name: str) -> None:
        self.out.append(f"</{name.rpartition(':')[2]}>")

    def characters(self, text: str) -> None:
        if self.depth:
            self.out.append(escape(text))

    def drain(self) -> bytes:
        text, self.out = "".join(self.out), []
        return text.encode("utf-8")


def plain_form(steps: Iterator[bytes]) -> Iterator[bytes]:
    """The same document with plain tags only. Raises what `Wall.parse` raises."""
    writer = _Writer()
    for step in steps:
        writer.parse(step)
        yield writer.drain()
    writer.parse(b"", final=True)
    yield writer.drain()
