"""What one record says about mail that did not align both ways: the marks of the roll-up `traffic_evidence`.

Pure. Only the organisational domain decides here; strict mode shows as a domain that is own, passed, and yet did not
align. What the marks mean for a sender is judged elsewhere.
"""

from collections.abc import Callable
from itertools import compress
from typing import NamedTuple

from knowledge.envelope import Envelope
from knowledge.hosts import organisational
from store.values import AuthResult, Shape

EnvelopeKind = Callable[[str], Envelope]

FORWARD_REASONS = frozenset({"forwarded", "mailing_list", "trusted_forwarder"})


class Evidence(NamedTuple):
    """What a record's messages are marked with, in the order of the bits.

    spf_*: why SPF did not align, at most one; dkim_*: why DKIM did not, at most one (none of them: another domain's
    result that did not pass, or an error). null_sender, named_sender: the envelope sender was empty, or was named;
    neither when the reporter did not say. forward_override: a receiver took the mail for forwarded.
    """

    dkim_aligned: bool
    spf_aligned: bool
    spf_failed: bool = False
    spf_softfail: bool = False
    spf_strict: bool = False
    spf_service: bool = False
    spf_forwarder: bool = False
    spf_other: bool = False
    dkim_absent: bool = False
    dkim_failed: bool = False
    dkim_error: bool = False
    dkim_strict: bool = False
    dkim_other: bool = False
    null_sender: bool = False
    named_sender: bool = False
    forward_override: bool = False


# The bit of each field of Evidence.
MARKS = {name: 1 << place for place, name in enumerate(Evidence._fields)}
# Of mail that aligned both ways: `traffic_evidence` never holds it.
BOTH_ALIGNED = MARKS["dkim_aligned"] | MARKS["spf_aligned"]


def marks_of(evidence: Evidence) -> int:
    """The bits of what holds."""
    return sum(compress(MARKS.values(), evidence))


def unknown_envelope(_domain: str) -> Envelope:
    """An envelope kind for stores without tables: nobody's domain is known."""
    return "other"


def evidence_of(shape: Shape, kind_of: EnvelopeKind) -> Evidence:
    """The marks of a record. `kind_of` says whose an envelope domain is that is not the author's."""
    own = organisational(shape.header_from) if shape.header_from else None
    null = _is_null_sender(shape)
    words = {_spf_word(shape, own, kind_of), _dkim_word(shape, own)} - {None}
    return Evidence(
        shape.dkim_aligned,
        shape.spf_aligned,
        null_sender=null,
        named_sender=not null and _is_named_sender(shape),
        forward_override=_is_forward_override(shape),
        **{word: True for word in words if word},
    )


def _spf_word(shape: Shape, own: str | None, kind_of: EnvelopeKind) -> str | None:
    if shape.spf_aligned:
        return None
    results = [result for result in shape.auth_results if result.method == "spf" and result.domain]
    passed = sorted(result.domain or "" for result in results if result.result == "pass")
    if any(own and organisational(domain) == own for domain in passed):
        return "spf_strict"
    if passed:
        return f"spf_{kind_of(passed[0])}"
    tried = {result.result for result in results if own and organisational(result.domain or "") == own}
    if "fail" in tried:
        return "spf_failed"
    return "spf_softfail" if tried & {"softfail", "neutral"} else None


def _dkim_word(shape: Shape, own: str | None) -> str | None:
    if shape.dkim_aligned:
        return None
    signed = [result for result in shape.auth_results if result.method == "dkim" and result.domain]
    if not signed:
        return "dkim_absent"
    ours = {result.result for result in signed if _is_own(result, own)}
    if "pass" in ours:
        return "dkim_strict"
    if "fail" in ours:
        return "dkim_failed"
    if any(result.result == "pass" for result in signed):
        return "dkim_other"
    return "dkim_error" if ours - {"none"} else None


def _is_own(result: AuthResult, own: str | None) -> bool:
    return own is not None and organisational(result.domain or "") == own


def _is_null_sender(shape: Shape) -> bool:
    """RFC 7208 section 2.4: with an empty MAIL FROM the HELO name is what SPF checks."""
    if shape.envelope_from:
        return False
    return shape.envelope_from == "" or any(_is_helo(result) for result in shape.auth_results)


def _is_helo(result: AuthResult) -> bool:
    # Zoho writes scope helo without a domain on every record (reports of 2023): that tells nothing.
    return result.method == "spf" and result.scope == "helo" and result.domain is not None


def _is_named_sender(shape: Shape) -> bool:
    return bool(shape.envelope_from)


def _is_forward_override(shape: Shape) -> bool:
    return shape.override in FORWARD_REASONS or any(
        reason.type in FORWARD_REASONS
        or (reason.type == "local_policy" and "arc=pass" in (reason.comment or "").lower())
        for reason in shape.reasons
    )
