"""What an event says and what to do about it, by its kind, with the figures of its evidence. Pure."""

from collections.abc import Mapping
from typing import Any

from analysis.gate_words import COMPLAINT, OWN_HELD, STEP_DOWN, WAIT_AFTER_COMPLAINT, Sentence
from wording import later, text


def sentence_of(kind: str, evidence: Mapping[str, Any]) -> Sentence:
    """What happened. A broken record says it in the linter's own words, which its evidence names."""
    if kind == "record-broken":
        return Sentence(evidence["key"], _values(evidence["values"]))
    return Sentence(_said(kind, evidence), _values(evidence))


def advice_of(kind: str, evidence: Mapping[str, Any]) -> Sentence:
    """What to do."""
    if kind == "new-sender":
        return Sentence(_NEW_ADVICE[evidence["verdict"]], _values(evidence))
    if kind == "spoofing-wave":
        return Sentence(WAVE_MET if evidence["enforced"] else WAVE_DELIVERED, _values(evidence))
    return Sentence(_ADVICE[kind], _values(evidence))


def kind_name(language: str, kind: str) -> str:
    """The kind's name in `language`."""
    return text(language, KINDS[kind])


def severity_name(language: str, severity: str) -> str:
    """The severity's name in `language`."""
    return text(language, SEVERITY_NAMES[severity])


def _said(kind: str, evidence: Mapping[str, Any]) -> str:
    if kind != "record-changed":
        return _SAID[kind]
    if evidence["after"] is None:
        return RECORD_GONE
    return RECORD_NEW if evidence["before"] is None else RECORD_CHANGED


def _values(evidence: Mapping[str, Any]) -> tuple[tuple[str, int | str], ...]:
    return tuple((name, value) for name, value in evidence.items() if isinstance(value, int | str))


KINDS = {
    "own-mail-held": later("Own mail held back"),
    "complaint": later("Complaint"),
    "sender-fell": later("Sender fails suddenly"),
    "sender-fails": later("Sender fails"),
    "record-broken": later("Record broken"),
    "record-changed": later("Record changed"),
    "spoofing-wave": later("Wave of spoofing"),
    "domain-silent": later("Domain without reports"),
    "reporter-silent": later("Reporter silent"),
    "new-sender": later("New sender"),
    "step-due": later("Step due"),
}
SEVERITY_NAMES = {
    "incident": later("Incident"),
    "misconfiguration": later("Misconfiguration"),
    "change": later("Change"),
    "noise": later("For information"),
}

FELL = later(
    "%(name)s: only %(passed)s of %(messages)s messages passed since %(day)s; before, %(passed_before)s of"
    " %(messages_before)s did."
)
FAILS = later("%(name)s: only %(passed)s of %(messages)s messages passed since %(day)s.")
RECORD_CHANGED = later("The record at %(name)s changed on %(day)s from “%(before)s” to “%(after)s”.")
RECORD_NEW = later("At %(name)s, “%(after)s” was published on %(day)s; no record stood there before.")
RECORD_GONE = later("The record at %(name)s is gone since %(day)s. It was “%(before)s”.")
WAVE = later(
    "%(messages)s messages of strangers failed in the %(days)s days up to %(day)s; %(usual)s in so many days are usual."
)
DOMAIN_SILENT = later("No report about the domain has come since %(day)s. Longest pause before: %(habit)s days.")
REPORTER_SILENT = later("%(name)s has sent no report since %(day)s. Longest pause before: %(habit)s days.")
NEW = later("%(name)s sends in the domain's name for the first time: %(messages)s messages since %(day)s.")
DUE = later("The evidence allows the next step, “%(stage)s”.")

_SAID = {
    "own-mail-held": OWN_HELD,
    "complaint": COMPLAINT,
    "sender-fell": FELL,
    "sender-fails": FAILS,
    "spoofing-wave": WAVE,
    "domain-silent": DOMAIN_SILENT,
    "reporter-silent": REPORTER_SILENT,
    "new-sender": NEW,
    "step-due": DUE,
}

WAVE_MET = later("The published policy acts on this mail. Tell the customer if anybody asks.")
WAVE_DELIVERED = later(
    "The published policy lets this mail through. Warn the customer, and see what blocks the next step."
)
_NEW_ADVICE = {
    "candidate": later("Ask the customer whether it uses this service, and record the decision."),
    "unknown": later("Ask the customer whether this is a server of its own, and record the decision."),
}
_ADVICE = {
    "own-mail-held": STEP_DOWN,
    "complaint": WAIT_AFTER_COMPLAINT,
    "sender-fell": later("Find out what changed there (key, SPF, server), and mend it. Take no step before that."),
    "sender-fails": later("Mend this sender as its page says. Take no step before that."),
    "record-broken": later("Correct the record at %(name)s; the domain's records show the corrected text."),
    "record-changed": later("If nobody planned this change, ask who made it."),
    "domain-silent": later("Check the rua of its DMARC record, and that the domain still sends mail."),
    "reporter-silent": later("One silent reporter needs nothing; if several fall silent, test the mailbox."),
    "step-due": later("Publish the record that the domain's page shows for this step."),
}
