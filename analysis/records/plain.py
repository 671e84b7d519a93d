"""Makes pasted text the plain ASCII that it was meant to be, and remembers where each character stood.

Office programs, web pages and input methods replace quotes, hyphens, spaces and letters by others that look alike.
Zone files add quotes and backslashes of their own.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.records.findings import Span

_HYPHENS = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\ufe63"
_QUOTES = (
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2032\u2033\u00ab\u00bb"
    "\u300c\u300d\u300e\u300f\u301d\u301e\u301f\uff02\uff07"
)
_PLAIN = {"\u3002": ".", "\u3001": ",", **dict.fromkeys(_HYPHENS, "-"), **dict.fromkeys(_QUOTES, "")}
# Between two strings of one record in a zone file stands nothing (RFC 7208 section 3.3).
_ZONE_FILE = re.compile(r'"[ \t\r\n]*"|["\\]|[\r\n][ \t\r\n]*')


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain text. `origin[n]` is where its character n stood in the pasted text.

    `odd` are the characters that were replaced or left out because they only look like others, `zone_file` those that
    zone files and line breaks add; both with their places in the pasted text. `leads` is the space before the record.
    """

    text: str
    origin: tuple[int, ...]
    odd: tuple[tuple[int, str], ...] = ()
    zone_file: tuple[tuple[int, str], ...] = ()
    leads: Span | None = None

    def place(self, span: Span) -> Span:
        """The place in the pasted text of a place in `text`."""
        start, end = span
        return self.origin[start], self.origin[end - 1] + 1

    def part(self, start: int, end: int) -> "Plain":
        """The text from `start` up to `end` without the spaces around, with what was odd in it and around it."""
        kept = self.text[start:end]
        left, right = start + len(kept) - len(kept.lstrip()), start + len(kept.rstrip())
        first = self.origin[start] if start else 0
        after = self.origin[end] if end < len(self.text) else sys.maxsize
        odd = tuple(mark for mark in self.odd if first <= mark[0] < after)
        zone_file = tuple(
            mark for mark in self.zone_file if first <= mark[0] < after and self._belongs(mark, left, right)
        )
        leads = self.leads if start == 0 else None
        return Plain(self.text[left:right], self.origin[left:right], odd, zone_file, leads)

    def _belongs(self, mark: tuple[int, str], left: int, right: int) -> bool:
        """Whether a mark is more than the line break between two records."""
        place, character = mark
        return character != "\n" or (left < right and self.origin[left] < place < self.origin[right - 1])


def plain(pasted: str) -> Plain:
    """What `pasted` was meant to be. Line ends around it are nothing; other space before it is kept in `leads`."""
    odd: list[tuple[int, str]] = []
    zone_file: list[tuple[int, str]] = []
    letters: list[tuple[int, str]] = []
    start, end = _bounds(pasted)
    if end - start > 1 and pasted[start] == pasted[end - 1] == "'":
        zone_file += [(start, "'"), (end - 1, "'")]
        start, end = start + 1, end - 1
    for place, character, new in _replaced(pasted, start, end):
        if character is not None:
            (zone_file if character in '"\\\n' else odd).append((place, character))
        letters += [(place, each) for each in new]
    return _led(letters, tuple(odd), tuple(zone_file))


def _bounds(pasted: str) -> Span:
    start = len(pasted) - len(pasted.lstrip("\r\n"))
    return start, max(start, len(pasted.rstrip(" \t\r\n")))


def _replaced(pasted: str, start: int, end: int) -> Iterator[tuple[int, str | None, str]]:
    """Place, the character that did not belong there or None, and what stands for it."""
    while start < end:
        added = _ZONE_FILE.match(pasted, start, end)
        if added:
            broken = pasted[start] not in '"\\'
            yield start, "\n" if broken else pasted[start], " " if broken else ""
            start = added.end()
            continue
        new = _plain_character(pasted[start])
        yield start, None if new == pasted[start] else pasted[start], new
        start += 1


def _plain_character(character: str) -> str:
    if "\uff01" <= character <= "\uff5e" and character not in _PLAIN:
        return chr(ord(character) - 0xFEE0)
    if character in _PLAIN:
        return _PLAIN[character]
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    return "" if category in ("Cf", "Cc", "Zl", "Zp", "Cs") and character != "\t" else character


def _led(
    letters: list[tuple[int, str]], odd: tuple[tuple[int, str], ...], zone_file: tuple[tuple[int, str], ...]
) -> Plain:
    text = "".join(letter for _, letter in letters)
    ahead = len(text) - len(text.lstrip())
    kept = letters[ahead : len(text.rstrip())]
    marked = {place for place, _ in (*odd, *zone_file)}
    spaces = [place for place, _ in letters[:ahead] if place not in marked]
    leads = (spaces[0], spaces[-1] + 1) if spaces and kept else None
    return Plain("".join(letter for _, letter in kept), tuple(place for place, _ in kept), odd, zone_file, leads)


def named(characters: tuple[tuple[int, str], ...]) -> str:
    """The different characters for a sentence: the sign, where it can be seen, and its code point."""
    different = dict.fromkeys(character for _, character in characters)
    names = [_name(character) for character in list(different)[:5]]
    return ", ".join(names) + (" …" if len(different) > 5 else "")


def _name(character: str) -> str:
    point = f"U+{ord(character):04X}"
    return f"{character} ({point})" if character.isprintable() else point
