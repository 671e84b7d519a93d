"""A record's shape: what parsedmarc decided about its structure (the verdict), and the record's own texts (the leaves).

Every word that is stored otherwise than the reporter wrote it is noted as a repair. What most records share (results,
evaluated words, reasons) is worked out once and remembered.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from ingest import words
from ingest.forms import Leaf, Leaves
from store.values import AuthResult, Reason, Shape

UNREADABLE = Shape(None, None, None, "unknown", False, False, "none", (), (), (), "", "unreadable")
# What is remembered of strangers' texts has a bound: so many entries, each of a few results of at most MAX_TEXT.
_REMEMBERED = 1_024
_FEW = 4
_Words = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What parsedmarc made of a structure: its words; of the results those with a domain, in order."""

    disposition: str | None
    dkim_aligned: bool
    spf_aligned: bool
    dkim: _Words
    spf: _Words


class _Results(NamedTuple):
    """The results of one method, their text in the canonical form of a shape, and what was repaired in them."""

    results: tuple[AuthResult, ...]
    canonical: str
    repairs: tuple[str, ...]


class _Reasons(NamedTuple):
    """As `_Results`, for override reasons; `override` is the first that says something."""

    reasons: tuple[Reason, ...]
    canonical: str
    override: str


def shape_of(verdict: Verdict, leaves: Leaves) -> Shape:
    """The validated shape: the verdict's words and the record's own texts; of a bad one without its XML."""
    header_from, envelope_to = words.domain(leaves.header_from), words.domain(leaves.envelope_to)
    envelope_from = _envelope(leaves.envelope_from)
    disposition = words.disposition(verdict.disposition)
    dkim, spf = _few_results("dkim", verdict.dkim, leaves.dkim), _few_results("spf", verdict.spf, leaves.spf)
    reasons = _reasons(leaves.reasons) if len(leaves.reasons) <= _FEW else _reasons.__wrapped__(leaves.reasons)
    names = _renamed(leaves, (header_from, envelope_from, envelope_to))
    repairs = (*_reworded(leaves.dkim_word, leaves.spf_word, leaves.disposition), *names, *dkim.repairs, *spf.repairs)
    # As Python writes a Shape: stored digests are made of this text.
    canonical = (
        f"Shape(header_from={header_from!r}, envelope_from={envelope_from!r}, envelope_to={envelope_to!r}, "
        f"disposition={disposition!r}, dkim_aligned={verdict.dkim_aligned!r}, spf_aligned={verdict.spf_aligned!r}, "
        f"override={reasons.override!r}, auth_results={_listed(dkim, spf)}, reasons={reasons.canonical}, "
        f"repairs={repairs!r}, digest='', bad=None, raw=None)"
    )
    return Shape(
        header_from,
        envelope_from,
        envelope_to,
        disposition,
        verdict.dkim_aligned,
        verdict.spf_aligned,
        reasons.override,
        dkim.results + spf.results,
        reasons.reasons,
        repairs,
        digest_of(canonical),
        None if header_from else "header_from",
    )


def digest_of(canonical: str) -> str:
    """The digest of a shape by its canonical text."""
    return blake2b(canonical.encode(), digest_size=16).hexdigest()


def _listed(dkim: _Results, spf: _Results) -> str:
    """The results as Python writes a tuple."""
    single = "," if len(dkim.results) + len(spf.results) == 1 else ""
    between = ", " if dkim.results and spf.results else ""
    return f"({dkim.canonical}{between}{spf.canonical}{single})"


def _envelope(text: str | None) -> str | None:
    """envelope_from: "" is the null reverse-path, None means that the reporter did not say."""
    if text is None:
        return None
    address = text.strip()
    return words.domain(address.rpartition("@")[2]) if address else ""


@lru_cache(maxsize=_REMEMBERED)
def _reasons(written: tuple[tuple[str | None, str | None], ...]) -> _Reasons:
    reasons = tuple([_reason(raw, comment) for raw, comment in written])
    override = next((reason.type for reason in reasons if reason.type != "none"), "none")
    return _Reasons(reasons, repr(reasons), override)


def _reason(raw: str | None, written: str | None) -> Reason:
    comment = words.short(written)
    found = words.reason_type(raw, comment)
    return Reason(found, None if raw == found else (raw or "")[:100], comment)


def _few_results(method: str, parsed: _Words, leaves: tuple[Leaf, ...]) -> _Results:
    known = _results if len(leaves) <= _FEW else _results.__wrapped__
    return known(method, parsed, leaves)


@lru_cache(maxsize=_REMEMBERED)
def _results(method: str, parsed: _Words, leaves: tuple[Leaf, ...]) -> _Results:
    """Every result in the reporter's order; those without a domain, which parsedmarc drops, stay with None."""
    kept = iter(parsed)
    results = tuple(
        [_auth_result(method, next(kept, None) if (leaf.domain or "").strip() else None, leaf) for leaf in leaves]
    )
    domains = [leaf.domain for leaf in leaves]
    repairs = [words.noted("auth_results domain", text) for text in domains if text and text != words.domain(text)]
    return _Results(results, ", ".join(map(repr, results)), tuple(repairs))


def _auth_result(method: str, parsed: str | None, leaf: Leaf) -> AuthResult:
    raw = leaf.result
    result = words.auth_result(parsed if parsed and raw else raw)
    return AuthResult(
        method,
        words.domain(leaf.domain),
        words.short(leaf.selector, 253) if method == "dkim" else None,
        words.short(words.word(leaf.scope), 20) if method == "spf" else None,
        result,
        None if raw == result else (raw or "")[:100],
        words.short(leaf.human_result),
    )


@lru_cache(maxsize=_REMEMBERED)
def _reworded(dkim: str | None, spf: str | None, disposition: str | None) -> tuple[str, ...]:
    """Each word of the evaluation that is stored otherwise than the reporter wrote it."""
    evaluated = (("dkim", dkim), ("spf", spf))
    found = [words.noted(name, word) for name, word in evaluated if word not in ("pass", "fail")]
    if disposition != words.disposition(disposition):
        found.append(words.noted("disposition", disposition))
    return tuple(found)


def _renamed(leaves: Leaves, stored: tuple[str | None, str | None, str | None]) -> list[str]:
    """Each name that is stored otherwise than the reporter wrote it."""
    raws = (leaves.header_from, leaves.envelope_from, leaves.envelope_to)
    if raws == stored:
        return []
    named = zip(_NAMES, [(raw or "").strip() for raw in raws], stored, strict=True)
    return [words.noted(name, written) for name, written, kept in named if written and written != kept]


_NAMES = ("header_from", "envelope_from", "envelope_to")
