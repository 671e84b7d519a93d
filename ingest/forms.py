"""A record's form: every byte of it but its free texts. Most new records differ from known ones in free texts only.

Such a record is well-formed because the known one is, and its leaves stand where the known one's stand: it needs no
parser. Four elements hold words that decide something in parsedmarc; their texts belong to the form.
"""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, fromstring

from ingest.wall import MAX_TEXT

# The longest record whose form is looked for: none of its texts can be longer than a text may be.
LONGEST = MAX_TEXT
# The texts between two tags that are not blank. The looks behind come second, so that the search runs from > to >.
_FREE_TEXT = re.compile(rb">(?!<)(?<!<disposition>)(?<!<dkim>)(?<!<spf>)(?<!<result>)(\s*[^<\s][^<]*)<")
# Visible ASCII and blanks without what XML reads as anything else than itself in a text.
_HARMLESS = bytes(byte for byte in (0x09, 0x0A, *range(0x20, 0x7F)) if byte not in b"&")
# One of these stands in every tag that has attributes, or blanks where others have none.
_ODD_TAG = re.compile(rb"[\"']|[ \t\n\r]>")
_SIGN = "\ue000"


class Form(NamedTuple):
    """The bytes that make the form, and the free texts in their order."""

    key: bytes
    texts: list[bytes]


class Leaf(NamedTuple):
    """One dkim or spf result, each text as the reporter wrote it; "" for an empty element, None for an absent one."""

    domain: str | None
    selector: str | None
    scope: str | None
    result: str | None
    human_result: str | None


class Leaves(NamedTuple):
    """Every text of a record that is stored, as the reporter wrote it (as in `Leaf`); reasons are (type, comment)."""

    header_from: str | None
    envelope_from: str | None
    envelope_to: str | None
    disposition: str | None
    dkim_word: str | None
    spf_word: str | None
    reasons: tuple[tuple[str | None, str | None], ...]
    dkim: tuple[Leaf, ...]
    spf: tuple[Leaf, ...]


def form_of(record: bytes) -> Form | None:
    """The form of a record that is plain ASCII, without entities and not long; None for any other."""
    if len(record) > LONGEST or record.translate(None, _HARMLESS) or b"]]>" in record:
        return None
    pieces = _FREE_TEXT.split(record)
    return Form(b"\0".join(pieces[::2]), pieces[1::2])


def has_odd_tags(record: bytes) -> bool:
    """Whether a tag may have attributes or blanks in it; a text with such signs in it counts, too."""
    return _ODD_TAG.search(record) is not None


def leaves_of(record: Element) -> Leaves:
    """The texts of a record's tree."""
    row, results = record.find("row"), record.find("auth_results")
    evaluated = row.find("policy_evaluated") if row is not None else None
    identifiers = record.find("identifiers")
    if identifiers is None:
        identifiers = record.find("identities")
    reasons = evaluated.findall("reason") if evaluated is not None else []
    return Leaves(
        _text(identifiers, "header_from"),
        _text(identifiers, "envelope_from"),
        _text(identifiers, "envelope_to"),
        _text(evaluated, "disposition"),
        _text(evaluated, "dkim"),
        _text(evaluated, "spf"),
        tuple((reason.findtext("type"), reason.findtext("comment")) for reason in reasons),
        tuple(map(_leaf, results.findall("dkim") if results is not None else [])),
        tuple(map(_leaf, results.findall("spf") if results is not None else [])),
    )


def _text(parent: Element | None, name: str) -> str | None:
    return parent.findtext(name) if parent is not None else None


def _leaf(result: Element) -> Leaf:
    return Leaf(*(result.findtext(name) for name in Leaf._fields))


class Template:
    """Where the leaves of a form's records stand among their free texts.

    Raises ValueError for a form that cannot say: a leaf of several texts, or a word in a tag that is written oddly.
    """

    def __init__(self, form: Form) -> None:
        if has_odd_tags(form.key):
            raise ValueError("attributes, or blanks in tags")
        leaves = leaves_of(fromstring(_with_tokens(form)))  # noqa: S314 - expat has read this form before
        self._constants: list[str | None] = []
        self._free = len(form.texts)
        self._words = self._places(leaves[:6])
        self._reasons = [self._places(reason) for reason in leaves.reasons]
        self._dkim = [self._places(leaf) for leaf in leaves.dkim]
        self._spf = [self._places(leaf) for leaf in leaves.spf]

    def filled(self, texts: list[bytes]) -> Leaves:
        """The leaves of a record of this form."""
        written = [*b"\0".join(texts).decode("ascii").split("\0"), *self._constants]
        reasons = tuple([reason(written) for reason in self._reasons])
        dkim = tuple([Leaf(*leaf(written)) for leaf in self._dkim])
        spf = tuple([Leaf(*leaf(written)) for leaf in self._spf])
        return Leaves._make((*self._words(written), reasons, dkim, spf))

    def _places(self, leaves: Sequence[str | None]) -> Callable[[list[str | None]], tuple[Any, ...]]:
        """Takes the leaves out of the free texts with the constants behind them."""
        return itemgetter(*map(self._place, leaves))

    def _place(self, leaf: str | None) -> int:
        if leaf and _SIGN in leaf:
            if leaf[0] != _SIGN or not leaf[1:].isdecimal():
                raise ValueError("a leaf is made of more than one text")
            return int(leaf[1:])
        self._constants.append(leaf)
        return self._free + len(self._constants) - 1


def _with_tokens(form: Form) -> str:
    """The record with the number of each free text in its place, behind a sign that no record of a form holds."""
    first, *others = form.key.decode("ascii").split("\0")
    return first + "".join(f">{_SIGN}{number}<{piece}" for number, piece in enumerate(others))
