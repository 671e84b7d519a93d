"""Lists of `name=value` tags between semicolons: DMARC and DKIM records (RFC 9989 section 4.7, RFC 6376 section 3.2).

Reads them with the place of every part, and changes single tags without touching the rest of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.records.findings import Edit, Span, edited

_TAG = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of a record. `name` is in lower case, `written` as it stands there.

    An entry that is no tag has no name, and all of its text is the value; so has one that is empty.
    """

    name: str
    written: str
    value: str
    start: int
    end: int
    value_start: int

    @property
    def at(self) -> Span:
        """Where the entry stands."""
        return self.start, self.end

    @property
    def value_at(self) -> Span:
        """Where the value stands; the whole entry when the value is empty."""
        return (self.value_start, self.end) if self.value else self.at


def entries(record: str) -> list[Tag]:
    """Every entry, without the empty one that a semicolon at the end leaves."""
    found = list(_pieces(record))
    if len(found) > 1 and not found[-1].value and not found[-1].name:
        found.pop()
    return found


def _pieces(record: str) -> Iterator[Tag]:
    place = 0
    for text in record.split(";"):
        start = place + len(text) - len(text.lstrip())
        yield _entry(text.strip(), min(start, place + len(text)))
        place += len(text) + 1


def _entry(text: str, start: int) -> Tag:
    parts = _TAG.fullmatch(text)
    if parts is None:
        return Tag("", "", text, start, start + len(text), start)
    return Tag(
        parts["name"].lower(), parts["name"], parts["value"], start, start + len(text), start + parts.start("value")
    )


def first(record: str, name: str) -> Tag | None:
    """The first tag of this name."""
    return next((tag for tag in entries(record) if tag.name == name), None)


def value_of(record: str, name: str) -> str | None:
    """The value of the first tag of this name, in lower case."""
    tag = first(record, name)
    return None if tag is None else tag.value.lower()


def removed(record: str, tag: Tag) -> Edit:
    """The edit that takes an entry out, with the semicolon and the spaces that it leaves over."""
    after = record.find(";", tag.end)
    if after < 0:
        before = record.rfind(";", 0, tag.start)
        return Edit(max(before, 0), len(record))
    rest = record[after + 1 :]
    return Edit(tag.start, after + 1 + len(rest) - len(rest.lstrip()))


def added(tag: Tag, text: str) -> Edit:
    """The edit that puts a new entry behind `tag`."""
    return Edit(tag.end, tag.end, f"; {text}")


def with_tag(record: str, name: str, value: str, after: str) -> str:
    """The record with this value: the tag's place is kept, a new tag stands behind the tag `after` or at the end."""
    tag = first(record, name)
    if tag is not None:
        return record if tag.value == value else edited(record, [(Edit(tag.value_start, tag.end, value),)])
    neighbour = first(record, after) or entries(record)[-1]
    return edited(record, [(added(neighbour, f"{name}={value}"),)])


def without_tag(record: str, name: str) -> str:
    """The record without the first tag of this name."""
    tag = first(record, name)
    return record if tag is None else edited(record, [(removed(record, tag),)])
