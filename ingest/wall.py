"""The limits of one XML document, as expat handlers: what no report may contain or exceed.

`Wall` counts and refuses while expat reads; `guard` and `rewrite` add what they need to its tag handlers.
It judges form only: what the values mean is the business of `guard` and `normalize`.
"""

from xml.parsers import expat

MAX_DEPTH = 12
MAX_ATTRIBUTES = 16
MAX_TEXT = 4_096
MAX_BLANKS = 65_536
MAX_HEADER_ELEMENTS = 1_000
MAX_RECORD_ELEMENTS = 2_000


class Refused(Exception):
    """A document that breaks a limit or holds what no report may hold. `code` is stable, `detail` for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Malformed(Exception):
    """A document that is not well-formed XML; `at_end` when it simply stops."""

    def __init__(self, detail: str, at_end: bool) -> None:
        super().__init__(detail)
        self.at_end = at_end


_AT_END = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
}


class Wall:
    """One expat parser with every limit set. Subclasses override `opened` and `closed` (local names)."""

    def __init__(self) -> None:
        self.depth = 0
        self.events = 0
        self._elements_left = MAX_HEADER_ELEMENTS
        self._header_left = 0
        self._in_record = False
        self._text_length = 0
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.parser.EntityDeclHandler = _refuse_doctype

    def opened(self, name: str, attributes: dict[str, str]) -> None:
        """An element starts; `self.depth` already counts it (root = 1)."""

    def closed(self, name: str) -> None:
        """An element ends; `self.depth` still counts it."""

    def characters(self, text: str) -> None:
        """Text between two tags."""

    def parse(self, step: bytes, final: bool = False) -> None:
        """Read one step; raises Refused or Malformed. A whole step of 64 KiB without one event is refused."""
        seen = self.events
        try:
            self.parser.Parse(step, final)
        except expat.ExpatError as error:
            raise Malformed(str(error), final and error.code in _AT_END) from None
        if seen == self.events and len(step) >= MAX_BLANKS:
            raise Refused("token", "64 KiB without a tag: one oversized token or padding")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.events += 1
        self.depth += 1
        self._text_length = 0
        if self.depth > MAX_DEPTH:
            raise Refused("depth", f"elements nested deeper than {MAX_DEPTH}")
        if len(attributes) > MAX_ATTRIBUTES:
            raise Refused("attributes", f"more than {MAX_ATTRIBUTES} attributes on one element")
        if self.depth == 2 and name.endswith("record"):
            self._in_record, self._header_left = True, self._elements_left
            self._elements_left = MAX_RECORD_ELEMENTS
        self._elements_left -= 1
        if self._elements_left < 0:
            raise Refused("elements", "more elements than any honest header or record has")
        self.opened(name, attributes)

    def _end(self, name: str) -> None:
        self.events += 1
        self._text_length = 0
        self.closed(name)
        if self.depth == 2 and self._in_record:
            self._in_record, self._elements_left = False, self._header_left
        self.depth -= 1

    def _characters(self, text: str) -> None:
        self._text_length += len(text)
        if self._text_length > MAX_TEXT:
            self._judge_length(text)
        self.characters(text)

    def _judge_length(self, text: str) -> None:
        if self._text_length > MAX_BLANKS or text.strip():
            raise Refused("text", f"a text longer than {MAX_TEXT} characters")


def _refuse_doctype(*_: object) -> None:
    raise Refused("doctype", "a DOCTYPE or entity declaration; no report needs one")
