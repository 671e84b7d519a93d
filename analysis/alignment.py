"""Why one record's DKIM and SPF did or did not align, in words a person can act on.

Recomputed from auth_results and policy_published with the public suffix list, and held against what the reporter
evaluated; where the two differ both are shown. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from knowledge.hosts import organisational
from store.values import AuthResult
from wording import later, text

STRICT = "s"


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """One record and the policy it was evaluated under: `adkim` and `aspf` are `r` or `s`.

    `dkim_aligned` and `spf_aligned` are the reporter's. `envelope_from` is "" for an empty envelope sender.
    """

    header_from: str | None
    envelope_from: str | None
    adkim: str
    aspf: str
    dkim_aligned: bool
    spf_aligned: bool
    results: tuple[AuthResult, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """One way (`dkim` or `spf`): whether it aligned as we compute it and as the reporter did, and why, as a code.

    `domain` and `selector` are those of the result that decided, the reporter's own words.
    """

    way: str
    code: str
    aligned: bool
    reported: bool
    domain: str | None = None
    selector: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether the reporter came to the same end."""
        return self.aligned == self.reported

    def words(self, language: str) -> str:
        """The sentence; where the reporter saw it differently, that too."""
        values = {"domain": self.domain or "-", "selector": self.selector or "-"}
        sentence = text(language, _SENTENCES[self.way, self.code], **values)
        if self.agrees:
            return sentence
        return sentence + " " + text(language, _REPORTED if self.reported else _NOT_REPORTED)


@dataclass(frozen=True, slots=True)
class Alignment:
    """Both ways of one record."""

    dkim: Reason
    spf: Reason

    @property
    def passed(self) -> bool:
        """DMARC pass as we compute it."""
        return self.dkim.aligned or self.spf.aligned


def explain(record: RecordFacts) -> Alignment:
    """Why DKIM and SPF aligned or not."""
    return Alignment(_dkim(record), _spf(record))


def is_aligned(domain: str | None, header_from: str | None, mode: str) -> bool:
    """Whether an authenticated domain aligns with header from: the same name in strict mode, else the same
    organisational domain (RFC 9989 section 4.10)."""
    if not domain or not header_from:
        return False
    one, other = (name.lower().removesuffix(".") for name in (domain, header_from))
    if one == other:
        return True
    return mode != STRICT and _same_organisation(one, other)


def _same_organisation(one: str | None, other: str | None) -> bool:
    own = organisational(one) if one else None
    return own is not None and other is not None and own == organisational(other)


# ---- DKIM


def _dkim(record: RecordFacts) -> Reason:
    signatures = [result for result in record.results if result.method == "dkim" and result.result != "none"]
    named = [result for result in signatures if result.domain]
    aligned = [each for each in named if _passed(each) and is_aligned(each.domain, record.header_from, record.adkim)]
    if aligned:
        return _dkim_reason(record, "aligned", _first(aligned))
    for code, found in _dkim_causes(record, named):
        if found:
            return _dkim_reason(record, code, _first(found))
    return _dkim_reason(record, "unnamed" if signatures else "absent", None)


def _dkim_causes(record: RecordFacts, named: list[AuthResult]) -> Iterable[tuple[str, list[AuthResult]]]:
    own = [result for result in named if _same_organisation(result.domain, record.header_from)]
    yield "strict", [result for result in own if _passed(result)]
    yield "failed", [result for result in own if result.result == "fail"]
    yield "error", own
    yield "other-domain", [result for result in named if _passed(result)]
    yield "other-failed", named


def _dkim_reason(record: RecordFacts, code: str, result: AuthResult | None) -> Reason:
    domain, selector = (result.domain, result.selector) if result else (None, None)
    return Reason("dkim", code, code == "aligned", record.dkim_aligned, domain, selector)


# ---- SPF


def _spf(record: RecordFacts) -> Reason:
    results = [result for result in record.results if result.method == "spf"]
    envelope = [result for result in results if result.scope != "helo"]
    aligned = [each for each in envelope if _passed(each) and is_aligned(each.domain, record.header_from, record.aspf)]
    if aligned:
        return _spf_reason(record, "aligned", _first(aligned))
    for code, found in _spf_causes(record, envelope):
        if found:
            return _spf_reason(record, code, _first(found))
    if record.envelope_from == "" or results:
        return _spf_reason(record, "null-sender", _first(results) if results else None)
    return _spf_reason(record, "absent", None)


def _spf_causes(record: RecordFacts, envelope: list[AuthResult]) -> Iterable[tuple[str, list[AuthResult]]]:
    own = [result for result in envelope if _same_organisation(result.domain, record.header_from)]
    passed = [result for result in envelope if _passed(result) and result.domain]
    yield "strict", [result for result in own if _passed(result)]
    yield "other-domain", passed
    for code in ("fail", "softfail", "neutral", "none"):
        yield code, [result for result in own if result.result == code]
    yield "error", own
    if record.envelope_from != "":
        yield "other-failed", envelope


def _spf_reason(record: RecordFacts, code: str, result: AuthResult | None) -> Reason:
    return Reason("spf", code, code == "aligned", record.spf_aligned, result.domain if result else None)


def _passed(result: AuthResult) -> bool:
    return result.result == "pass"


def _first(results: Iterable[AuthResult]) -> AuthResult:
    """The same one whatever the order of results."""
    return min(results, key=lambda result: (result.domain or "", result.selector or "", result.result))


_SENTENCES = {
    ("dkim", "aligned"): later("Signed by %(domain)s (selector %(selector)s): aligned."),
    ("dkim", "absent"): later("No DKIM signature."),
    ("dkim", "unnamed"): later("A DKIM signature failed; the reporter does not say whose."),
    ("dkim", "failed"): later(
        "The signature of %(domain)s (selector %(selector)s) failed: changed on the way, or the key is wrong."
    ),
    ("dkim", "error"): later("The signature of %(domain)s (selector %(selector)s) could not be checked."),
    ("dkim", "strict"): later("Signed by %(domain)s, but in strict mode (adkim=s) only the very name in From counts."),
    ("dkim", "other-domain"): later("Signed by %(domain)s, which is another domain than in From."),
    ("dkim", "other-failed"): later("Only a signature of another domain (%(domain)s), and that failed."),
    ("spf", "aligned"): later("SPF passed for %(domain)s: aligned."),
    ("spf", "absent"): later("The reporter gives no SPF result."),
    ("spf", "fail"): later("The SPF record of %(domain)s does not name this address (fail)."),
    ("spf", "softfail"): later("The SPF record of %(domain)s does not name this address (softfail)."),
    ("spf", "neutral"): later("The SPF record of %(domain)s decides nothing about this address."),
    ("spf", "none"): later("%(domain)s has no SPF record."),
    ("spf", "error"): later("The SPF record of %(domain)s could not be evaluated."),
    ("spf", "strict"): later(
        "SPF passed for %(domain)s, but in strict mode (aspf=s) only the very name in From counts."
    ),
    ("spf", "other-domain"): later("SPF passed for %(domain)s, which is another domain than in From."),
    ("spf", "other-failed"): later("The envelope sender is of another domain (%(domain)s), and its SPF did not pass."),
    ("spf", "null-sender"): later("No envelope sender: SPF looked at the server's own name (%(domain)s)."),
}
_REPORTED = later("The reporter evaluated it as aligned.")
_NOT_REPORTED = later("The reporter evaluated it as not aligned.")
