"""Drafts the record to publish for a step of the ladder, out of the record that is live.

Unknown tags, the order and the spacing stay; only errors are mended and what the step needs is changed.
Whether the step is safe is decided elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from analysis.records import rua as addresses
from analysis.records import tags
from analysis.records.findings import Finding, Severity
from analysis.records.lint import Kind, lint_errors
from wording import later

NO_MAIL_SPF = "v=spf1 -all"
_EMPTY = "v=DMARC1; p=none"


class Step(StrEnum):
    """The steps of the ladder that publish a record. A test step asks for the next policy and acts one level lower."""

    NONE = "none"
    QUARANTINE_TEST = "quarantine-test"
    QUARANTINE = "quarantine"
    REJECT_TEST = "reject-test"
    REJECT = "reject"
    PARKED = "parked"


_POLICIES = {
    Step.NONE: "none",
    Step.QUARANTINE_TEST: "quarantine",
    Step.QUARANTINE: "quarantine",
    Step.REJECT_TEST: "reject",
    Step.REJECT: "reject",
    Step.PARKED: "reject",
}
_TESTS = (Step.QUARANTINE_TEST, Step.REJECT_TEST)

WATCH = later("With “p=none” receivers only report; no mail is treated differently.")
TEST = later(
    "Receivers that follow RFC 9989 read “t=y” and ignore “pct”; receivers that follow RFC 7489 read “pct=0” and do not"
    " know “t”. Only with both is this step a test everywhere: failing mail is treated one level more mildly."
)
REAL = later("The step is no test any more, so “t” and “pct” are left out: receivers apply the policy to all mail.")
PARKED = later("Nobody sends mail for this domain, so receivers may refuse everything that claims to come from it.")


@dataclass(frozen=True, slots=True)
class Draft:
    """The record for `_dmarc.<domain>`, and for a parked domain also the SPF record (None otherwise).

    `reason` is the key of the sentence that says why it reads so; `mended` are the errors of the live record that are
    gone with it.
    """

    record: str
    spf: str | None
    reason: str
    mended: tuple[Finding, ...] = ()


def draft(
    live: str | None, step: Step, *, rua: tuple[str, ...] = (), sp: str | None = None, np: str | None = None
) -> Draft:
    """The next record. `live` is the text in DNS (several records one per line), None when there is none.

    `rua` are mail addresses that reports have to reach; those that the record names already are kept. `sp` and `np` are
    set when given, and are left as they are otherwise.
    """
    record, errors = _sound(live)
    record = tags.with_tag(record, "p", _POLICIES[step], after="v")
    record = _tested(record) if step in _TESTS else _real(record)
    for name, policy in _subdomain_policies(record, step, sp, np):
        record = tags.with_tag(record, name, policy, after="sp" if name == "np" else "p")
    for address in rua:
        record = _reporting(record, address)
    return Draft(record, NO_MAIL_SPF if step == Step.PARKED else None, _reason(step), errors)


def _sound(live: str | None) -> tuple[str, tuple[Finding, ...]]:
    """The live record with its errors mended, and the errors; a new record when there is none to go on from."""
    linted = lint_errors(live or "")
    if linted.kind != Kind.DMARC or linted.corrected is None:
        return _EMPTY, ()
    return linted.corrected, tuple(each for each in linted.findings if each.severity == Severity.ERROR)


def _tested(record: str) -> str:
    return tags.with_tag(tags.with_tag(record, "t", "y", after="p"), "pct", "0", after="t")


def _real(record: str) -> str:
    return tags.without_tag(tags.without_tag(record, "t"), "pct")


def _subdomain_policies(record: str, step: Step, sp: str | None, np: str | None) -> Iterator[tuple[str, str]]:
    if step == Step.PARKED:
        yield "sp", "reject"
        np = "reject" if tags.first(record, "np") else None
    elif sp is not None:
        yield "sp", sp
    if np is not None:
        yield "np", np


def _reporting(record: str, address: str) -> str:
    """The record with this address behind those that it names already."""
    uri = f"mailto:{address}"
    tag = tags.first(record, "rua")
    if tag is None:
        return tags.with_tag(record, "rua", uri, after="")
    named = [each.text for each in addresses.uris(tag)]
    if uri.lower() in (each.lower() for each in named):
        return record
    return tags.with_tag(record, "rua", f"{tag.value},{uri}", after="")


def _reason(step: Step) -> str:
    if step == Step.PARKED:
        return PARKED
    if step == Step.NONE:
        return WATCH
    return TEST if step in _TESTS else REAL
