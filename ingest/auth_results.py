"""Reads one Authentication-Results field (RFC 8601), strictly: one that leaves the grammar anywhere says nothing.

Pure, bounded, and linear in the length of the field. Two things of the wild are let through, because neither can
change what another part says: a last semicolon, and an empty property (`smtp.mailfrom=;`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FIELD_BYTES_MOST = 65_536
IDENTIFIER_BYTES_MOST = 1_000
COMMENT_DEPTH_MOST = 10

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LEXEME = re.compile(r'(?P<blank>[ \t]++)|"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<sign>[;=])|(?P<word>[^ \t"();=\\]++)')
_IDENTIFIER = re.compile(
    r'[ \t]*+(?:"(?P<quoted>[^"\\]*+)"|(?P<word>[^\s"();=\\]++))(?:[ \t]++[0-9]++)?+[ \t]*+(?:;|[\r\n]*\Z)'
)
_COMMENT_SIGN = re.compile(r"\\.|[()]")
_ESCAPE = re.compile(r"\\(.)")
_METHOD = re.compile(r"([a-z0-9-]+)(?:/[0-9]+)?")
_KEYWORD = re.compile(r"[a-z0-9-]+")
_PROPERTY = re.compile(r"[a-z0-9_-]+\.[a-z0-9_-]+")
_VERSION = re.compile(r"[0-9]+")


class Malformed(Exception):
    """The field is not of RFC 8601's grammar; says where it leaves it, in words without text of the field."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one method found. Words in lower case; `properties` as written, by names like `header.from`."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> str | None:
        """The value of a property, or None."""
        return dict(self.properties).get(name)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted string (without its quotes) or a sign (; or =). `glued`: nothing stands before it."""

    kind: str
    text: str
    glued: bool

    def is_sign(self, sign: str) -> bool:
        """Whether it is this sign."""
        return self.kind == "sign" and self.text == sign


def authserv_id(field: bytes) -> str | None:
    """Who wrote the field, in lower case: its first value, with nothing but a version between it and a semicolon.

    Stricter than RFC 8601, which allows comments there: no server writes them, and filters overlook them. What comes
    behind is not looked at, so that a field stays its writer's also where it is malformed later.
    """
    found = _IDENTIFIER.match(_FOLD.sub("", field[:IDENTIFIER_BYTES_MOST].decode("utf-8", "replace")))
    return (found["quoted"] or found["word"] or "").lower() if found else None


def results(field: bytes) -> tuple[Result, ...]:
    """Every result of the field, in order; none for the word `none`. Raises Malformed."""
    if len(field) > FIELD_BYTES_MOST:
        raise Malformed("it is too long")
    head, *rest = _parts(tokens(_text(field)))
    if not head or head[0].kind == "sign" or not _is_version(head[1:]):
        raise Malformed("it does not begin with an identifier")
    if rest and not rest[-1]:
        rest.pop()
    if not rest:
        raise Malformed("it has no result")
    if len(rest) == 1 and [token.text.lower() for token in rest[0]] == ["none"]:
        return ()
    return tuple(_result(part) for part in rest)


def tokens(text: str) -> Iterator[Token]:
    """The words of a structured header field, without blanks and comments. Raises Malformed."""
    position, glued = 0, False
    while position < len(text):
        if text[position] == "(":
            position, glued = _after_comment(text, position), False
            continue
        found = _LEXEME.match(text, position)
        if found is None:
            raise Malformed("a quote or bracket stands alone")
        kind = found.lastgroup or ""
        position = found.end()
        if kind != "blank":
            written = found[kind]
            yield Token(kind, _ESCAPE.sub(r"\1", written) if kind == "quoted" else written, glued)
        glued = kind != "blank"


def _text(field: bytes) -> str:
    """The unfolded text; RFC 8616 allows UTF-8 in values."""
    try:
        text = _FOLD.sub("", field.strip(b"\r\n").decode("utf-8"))
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8") from None
    if _CONTROL.search(text):
        raise Malformed("it has a control character")
    return text


def _after_comment(text: str, start: int) -> int:
    depth = 0
    for sign in _COMMENT_SIGN.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(sign[0], 0)
        if depth == 0:
            return sign.end()
        if depth > COMMENT_DEPTH_MOST:
            raise Malformed("its comments are too deep")
    raise Malformed("a comment does not end")


def _parts(reading: Iterator[Token]) -> list[list[Token]]:
    """The tokens between semicolons; at least one part, which may be empty."""
    parts: list[list[Token]] = [[]]
    for token in reading:
        if token.is_sign(";"):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _is_version(after_identifier: list[Token]) -> bool:
    if not after_identifier:
        return True
    version = after_identifier[0]
    return len(after_identifier) == 1 and not version.glued and bool(_VERSION.fullmatch(version.text))


def _result(part: list[Token]) -> Result:
    if len(part) < 3 or not part[1].is_sign("="):
        raise Malformed("a result is not method=result")
    method = _METHOD.fullmatch(part[0].text.lower()) if part[0].kind == "word" else None
    result = part[2].text.lower()
    if method is None or part[2].kind != "word" or not _KEYWORD.fullmatch(result):
        raise Malformed("a result is not method=result")
    return Result(method[1], result, tuple(_properties(part[3:])))


def _properties(rest: list[Token]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    position = 0
    while position < len(rest):
        name = rest[position].text.lower()
        is_reason = position == 0 and name == "reason"
        if rest[position].kind != "word" or rest[position].glued or not (is_reason or _PROPERTY.fullmatch(name)):
            raise Malformed("a property has no name")
        if position + 1 == len(rest) or not rest[position + 1].is_sign("="):
            raise Malformed("a property has no value")
        if name in seen:
            raise Malformed("a property stands twice")
        seen.add(name)
        value, position = _value(rest, position + 2)
        yield name, value


def _value(rest: list[Token], start: int) -> tuple[str, int]:
    """The value that begins at `start` and where the next property begins. Values like `a=b@example.net` are glued."""
    end = start + 1
    while end < len(rest) and rest[end].glued:
        end += 1
    return "".join(token.text for token in rest[start:end]), end
