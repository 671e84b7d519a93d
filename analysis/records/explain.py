"""Says what a record means, part by part, as it is written: for a junior colleague who has never read one.

Only reads the text; whether it is right is for `lint`. A part that nobody knows is said to be unknown.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.records import spf_terms, tags
from analysis.records.lint import MOST_CHARACTERS, Kind, kind_of
from analysis.records.plain import plain
from wording import later

_QUALIFIERS = {
    "-": later("Mail from all other servers fails SPF."),
    "~": later("Mail from all other servers fails SPF softly: suspicious, but not refused by SPF alone."),
    "?": later("Nothing is said about all other servers."),
    "+": later("Every server in the world may send: SPF protects nothing."),
}
_SPF = {
    "include": later("Whatever the SPF record of %(value)s allows may send, too. Counts as a look-up."),
    "a": later("The servers at the addresses (A, AAAA) of the domain may send. Counts as a look-up."),
    "mx": later("The servers that receive the domain's mail (MX) may send. Counts as a look-up."),
    "ptr": later("Servers whose host name lies under the domain. Slow and unreliable; do not use it."),
    "ip4": later("The address or network %(value)s may send."),
    "ip6": later("The address or network %(value)s may send."),
    "exists": later("A server may send if a look-up made of its address finds something. Counts as a look-up."),
    "redirect": later("The SPF record of %(value)s holds instead of this one. Counts as a look-up."),
    "exp": later("Where receivers find a text that explains a failure."),
}
_SPF_VERSION = later("This is an SPF record: which servers may send for the domain.")
_POLICIES = {
    "none": later("Mail that fails DMARC is treated as before; receivers only report it."),
    "quarantine": later("Mail that fails DMARC goes to the spam folder."),
    "reject": later("Mail that fails DMARC is refused."),
}
_SUBDOMAIN_POLICIES = {
    "none": later("For subdomains: mail that fails is treated as before."),
    "quarantine": later("For subdomains: mail that fails goes to the spam folder."),
    "reject": later("For subdomains: mail that fails is refused."),
}
_ABSENT_POLICIES = {
    "none": later("For subdomains that do not exist: mail that fails is treated as before."),
    "quarantine": later("For subdomains that do not exist: mail that fails goes to the spam folder."),
    "reject": later("For subdomains that do not exist: mail that fails is refused."),
}
_DKIM_MODES = {
    "r": later("DKIM may sign as a subdomain or parent of the domain in From (relaxed)."),
    "s": later("DKIM must sign as exactly the domain in From (strict)."),
}
_SPF_MODES = {
    "r": later("The domain that SPF checks may be a subdomain or parent of the domain in From (relaxed)."),
    "s": later("The domain that SPF checks must be exactly the domain in From (strict)."),
}
_TESTS = {
    "y": later("A test: receivers treat failing mail one level more mildly than the policy says."),
    "n": later("No test: the policy holds."),
}
_DMARC_WORDS = {
    "p": _POLICIES,
    "sp": _SUBDOMAIN_POLICIES,
    "np": _ABSENT_POLICIES,
    "adkim": _DKIM_MODES,
    "aspf": _SPF_MODES,
    "t": _TESTS,
}
_DMARC = {
    "v": later("This is a DMARC record: what receivers do with mail that fails."),
    "rua": later("Aggregate reports, the ones that Sekisho reads, are sent to %(value)s."),
    "ruf": later("Reports about single failing messages are sent to %(value)s. Few receivers send any."),
    "pct": later("The policy holds for %(value)s per cent of the mail. Newer receivers ignore this."),
    "fo": later("When reports about single messages are wanted."),
    "rf": later("The format of reports about single messages. Removed from the standard."),
    "ri": later("Seconds between two reports. Receivers send one a day, whatever stands here."),
    "psd": later("Whether this domain is a public suffix, under which others register names."),
}
_DKIM = {
    "v": later("This is a DKIM key record: the public key that signatures are checked with."),
    "k": later("The kind of the key: %(value)s."),
    "p": later("The public key itself. It may be published; the private key stays on the server."),
    "h": later("Hash functions that may be used with the key: %(value)s."),
    "t": later("Flags: y is a test, s forbids the key for subdomains."),
    "s": later("What the key may be used for: * is everything, email is mail."),
    "n": later("A note for people; receivers do not read it."),
    "g": later("Removed from the standard; receivers ignore it."),
}
_WITHDRAWN = later("The key is empty, which means withdrawn: no signature with it counts any more.")
UNKNOWN = later("No such part is known; receivers ignore it, or the whole record.")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a record as it is written, and the key of the sentence that explains it with its `value`."""

    text: str
    says: str
    value: str


def explain(pasted: str) -> tuple[Part, ...]:
    """Every part of the text in its order; nothing where the text is no record, or longer than any."""
    if len(pasted) > MOST_CHARACTERS:
        return ()
    text = plain(pasted).text
    kind = kind_of(text)
    return () if kind == Kind.UNKNOWN else tuple(_spf(text) if kind == Kind.SPF else _tagged(text, kind))


def _spf(text: str) -> Iterator[Part]:
    for word in spf_terms.terms(text):
        if word.text.lower().startswith("v=spf"):
            yield Part(word.text, _SPF_VERSION, "")
        elif word.name == "all":
            yield Part(word.text, _QUALIFIERS[word.qualifier or "+"], "")
        else:
            yield Part(word.text, _SPF.get(word.name, UNKNOWN), word.value)


def _tagged(text: str, kind: Kind) -> Iterator[Part]:
    for tag in tags.entries(text):
        says = _dmarc(tag) if kind == Kind.DMARC else _dkim(tag)
        yield Part(text[tag.start : tag.end], says, tag.value)


def _dmarc(tag: tags.Tag) -> str:
    words = _DMARC_WORDS.get(tag.name)
    return _DMARC.get(tag.name, UNKNOWN) if words is None else words.get(tag.value.lower(), UNKNOWN)


def _dkim(tag: tags.Tag) -> str:
    return _WITHDRAWN if tag.name == "p" and not tag.value else _DKIM.get(tag.name, UNKNOWN)
