"""A table of the CSV set before it is a file: columns with a name for programs and words for people, and its lines.

Nothing here knows a file format. A cell is a number, a date, a text (possibly a stranger's), or a `Word` of ours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from wording import later, text
from wording.forms import held_percent

Headers = Literal["words", "names"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of ours: its code for programs, and the key of its sentence in the catalogues for people."""

    code: str
    key: str


# What a builder may put into a line, and what is left of it once the style is known.
Cell = str | int | float | date | Word | None
Shown = str | int | float | date | None

YES, NO = Word("yes", later("yes")), Word("no", later("no"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its stable English name, and the keys of its heading and of the sentence that says what it holds."""

    name: str
    heading: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One file of the set. `kind` is its part of the file name; `title` and `about` are keys: what it is, what a line
    of it stands for."""

    kind: str
    title: str
    about: str
    columns: tuple[Column, ...]
    lines: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Style:
    """How files are written: language of sentences and words; encoding of CSV; `headers` and codes for people (words)
    or for programs (names)."""

    language: str
    encoding: Literal["utf-8-sig", "cp932"] = "utf-8-sig"
    headers: Headers = "words"

    def heading(self, column: Column) -> str:
        """The first line of the column: its name, or its words in the language."""
        return column.name if self.headers == "names" else text(self.language, column.heading)

    def shown(self, cell: Cell) -> Shown:
        """The cell with a word of ours as this style says it."""
        if not isinstance(cell, Word):
            return cell
        return cell.code if self.headers == "names" else text(self.language, cell.key)


DOMAIN = Column("domain", later("Domain"), later("The domain, in the ASCII form that DNS uses."))
MESSAGES = Column(
    "messages",
    later("Messages"),
    later("Messages that receivers reported: what every rate of the line is a part of."),
)
PASSED = Column(
    "passed",
    later("Passed"),
    later("Of these messages, those that passed DMARC (DKIM or SPF aligned) at the receiver."),
)
PASS_RATE = Column(
    "pass_rate",
    later("Pass rate (%)"),
    later("Passed, in per cent of the messages of the line. Empty where no message was reported."),
)


def percent(part: int, whole: int) -> float | None:
    """`part` of `whole` in per cent with one decimal; only all is 100 and only nothing is 0. None of nothing."""
    return held_percent(part, whole)


def word(codes: Mapping[str, str], code: str) -> Word:
    """The word of a code; a code that has none stands for itself."""
    return Word(str(code), codes.get(code, code))


def one_line(texts: Iterable[str]) -> str | None:
    """Several texts in one cell, and no cell where there is none."""
    return " | ".join(line for each in texts for line in each.splitlines()) or None


_EPOCH = date(1970, 1, 1)


def day_cell(day: int) -> date:
    """A UTC day number as a date."""
    return _EPOCH + timedelta(days=day)
