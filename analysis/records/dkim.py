"""What is wrong with the text of one DKIM key record (RFC 6376 section 3.6.1, RFC 8301, RFC 8463): K1 to K16.

The key is looked at, never used. The record is plain text already; places are counted in it.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from analysis.records import tags
from analysis.records.findings import Edit, Effect, Finding, Rule, Severity, finding
from analysis.records.surroundings import Surroundings
from analysis.records.tags import Tag
from wording import later

KNOWN = ("v", "k", "h", "n", "s", "t", "p", "g")
SHORTEST_BITS, RECOMMENDED_BITS = 1024, 2048
ED25519_BYTES = 32

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_FAIL, _PART = Effect.SIGNATURES_FAIL, Effect.PART_IGNORED

KEY_MISSING = Rule(
    "K1", _ERROR, later("DKIM is switched on at %(service)s, but “%(host)s” is not in DNS: every signature fails.")
)
DOMAIN_TWICE = Rule("K2", _ERROR, later("The host name contains the domain twice: %(host)s."))
FOREIGN_NAME = Rule("K3", _ERROR, later("%(service)s signs as %(d)s, not as your domain; DMARC does not count that."))
REVOKED = Rule("K4", _WARNING, later("The key is withdrawn (“p=” is empty)."), _FAIL)
REVOKED_IN_USE = Rule(
    "K4", _ERROR, later("The key is withdrawn (“p=” is empty), but mail is still signed with it."), _FAIL
)
TOO_SHORT = Rule(
    "K5", _ERROR, later("The key has %(bits)s bits; receivers refuse keys below 1024. Create one of 2048 bits."), _FAIL
)
SHORT = Rule("K6", _INFO, later("The key has %(bits)s bits. It works, but 2048 are recommended."))
NO_KEY = Rule("K7", _ERROR, later("What stands in “p” is not a %(type)s key; a part of it may be missing."), _FAIL)
NO_P = Rule("K8", _ERROR, later("There is no key: “p” is missing."), _FAIL)
VERSION = Rule("K9", _ERROR, later("“v”, where it stands, must be exactly “v=DKIM1” and the first tag."), _FAIL)
KEY_TYPE = Rule("K10", _ERROR, later("Key type “%(value)s” does not exist. Use rsa or ed25519."), _FAIL)
HASH = Rule("K11", _ERROR, later("“h=%(value)s” does not allow sha256, the only hash in use (RFC 8301)."), _FAIL)
SERVICE = Rule("K12", _ERROR, later("“s=%(value)s” does not allow this key for mail."), _FAIL)
TESTING = Rule("K13", _INFO, later("“t=y” says that the key is being tested. Remove it once mail is signed for good."))
TWICE = Rule("K14", _ERROR, later("“%(tag)s” appears more than once in the key record."), _FAIL)
CASE = Rule("K16", _WARNING, later("Write “%(term)s” in lower case: DKIM tells case apart."), _PART)
NO_TAG = Rule(
    "K17", _ERROR, later("“%(term)s” in the key record is not read: a tag is a name, “=” and a value."), _FAIL
)


def missing_key(service: str, host: str) -> Finding:
    """K1: reports show signatures of `service`, and no record at `host`."""
    return finding(KEY_MISSING, None, service=service, host=host)


def foreign_signature(service: str, d: str) -> Finding:
    """K3: `service` signs as `d`, which does not align with the domain in From."""
    return finding(FOREIGN_NAME, None, service=service, d=d)


def findings(record: str, around: Surroundings) -> Iterator[Finding]:
    """Everything that the text and its surroundings show."""
    entries = tags.entries(record)
    yield from _form(record, entries)
    named = [tag for tag in entries if tag.name]
    yield from _version(record, named)
    yield from _repeated(record, named)
    yield from _limits(record, named)
    yield from _key(record, around)
    if around.name and around.domain and _holds_twice(around.name, around.domain):
        yield finding(DOMAIN_TWICE, None, host=around.name)


def _holds_twice(name: str, domain: str) -> bool:
    return name.endswith(f".{domain}.{domain}")


def _form(record: str, entries: list[Tag]) -> Iterator[Finding]:
    for tag in entries:
        if not tag.name:
            at = tag.at if tag.value else None
            yield finding(NO_TAG, at, [tags.removed(record, tag)], term=tag.value or ";;")
        elif tag.written != tag.name and tag.name in KNOWN:
            end = tag.start + len(tag.written)
            yield finding(CASE, (tag.start, end), [Edit(tag.start, end, tag.name)], term=tag.written)


def _version(record: str, named: list[Tag]) -> Iterator[Finding]:
    for place, tag in enumerate(named):
        if tag.name != "v" or (place == 0 and tag.value == "DKIM1"):
            continue
        edits = [Edit(tag.start, tag.end, "v=DKIM1")]
        if place:
            edits = [tags.removed(record, tag)]
            edits += [Edit(0, 0, "v=DKIM1; ")] if named[0].name != "v" else []
        yield finding(VERSION, tag.at, edits)


def _repeated(record: str, named: list[Tag]) -> Iterator[Finding]:
    seen: set[str] = set()
    for tag in named:
        if tag.name in seen and tag.name != "v":
            yield finding(TWICE, tag.at, [tags.removed(record, tag)], tag=tag.name)
        seen.add(tag.name)


def _limits(record: str, named: list[Tag]) -> Iterator[Finding]:
    """RFC 6376 section 3.6.1: colon lists that narrow what the key is for."""
    for tag in named:
        words = [word.strip().lower() for word in tag.value.split(":")]
        if tag.name == "h" and "sha256" not in words:
            yield finding(HASH, tag.at, [tags.removed(record, tag)], value=tag.value)
        elif tag.name == "s" and not {"*", "email"} & set(words):
            yield finding(SERVICE, tag.at, [tags.removed(record, tag)], value=tag.value)
        elif tag.name == "t" and "y" in words:
            yield finding(TESTING, tag.at, _no_longer_testing(record, tag, words))


def _no_longer_testing(record: str, tag: Tag, words: list[str]) -> list[Edit]:
    left = ":".join(word for word in words if word != "y")
    return [Edit(tag.value_start, tag.end, left)] if left else [tags.removed(record, tag)]


def _key(record: str, around: Surroundings) -> Iterator[Finding]:
    tag, type_tag = tags.first(record, "p"), tags.first(record, "k")
    kind = type_tag.value.lower() if type_tag else "rsa"
    if tag is None:
        yield finding(NO_P)
    elif not tag.value:
        yield finding(REVOKED_IN_USE if around.key_in_use else REVOKED, tag.at)
    elif type_tag and kind not in ("rsa", "ed25519"):
        yield finding(KEY_TYPE, type_tag.at, value=type_tag.value)
    elif kind == "ed25519":
        if len(_decoded(tag.value) or b"") != ED25519_BYTES:
            yield finding(NO_KEY, tag.value_at, type="ed25519")
    else:
        yield from _rsa(tag)


def _rsa(tag: Tag) -> Iterator[Finding]:
    decoded = _decoded(tag.value)
    bits = None if decoded is None else rsa_bits(decoded)
    if bits is None:
        yield finding(NO_KEY, tag.value_at, type="rsa")
    elif bits < SHORTEST_BITS:
        yield finding(TOO_SHORT, tag.value_at, bits=bits)
    elif bits < RECOMMENDED_BITS:
        yield finding(SHORT, tag.value_at, bits=bits)


def _decoded(value: str) -> bytes | None:
    try:
        return base64.b64decode(re.sub(r"\s+", "", value), validate=True)
    except (binascii.Error, ValueError):
        return None


def rsa_bits(key: bytes) -> int | None:
    """The length of an RSA public key in DER, or None when it is none.

    Both forms that verifiers accept: SubjectPublicKeyInfo, and RSAPublicKey as RFC 6376 section 3.6.1 has it.
    """
    inside = _element(key, 0, 0x30)
    if inside is None:
        return None
    modulus = _element(key, inside[0], 0x02)
    if modulus is not None:
        return int.from_bytes(key[slice(*modulus)], "big").bit_length()
    algorithm = _element(key, inside[0], 0x30)
    wrapped = algorithm and _element(key, algorithm[1], 0x03)
    return rsa_bits(key[wrapped[0] + 1 : wrapped[1]]) if wrapped else None


def _element(key: bytes, start: int, tag: int) -> tuple[int, int] | None:
    """Start and end of the content of the DER element with this tag at `start`, or None when it is not whole."""
    if len(key) < start + 2 or key[start] != tag:
        return None
    size, begin = key[start + 1], start + 2
    if size & 0x80:
        count = size & 0x7F
        size, begin = int.from_bytes(key[begin : begin + count], "big"), begin + count
    return (begin, begin + size) if begin < begin + size <= len(key) else None
