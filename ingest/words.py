"""Repair of single values as reporters write them: raw text -> canonical value, and whether that was a repair.

A repair never turns anything into a pass. Words and repairs: RFC 9990 section 3.1.1, RFC 7489 appendix C, and
what real reporters send.
"""

import ipaddress
import re
from functools import lru_cache

from knowledge.names import a_label

MAX_TEXT = 1_000
MAX_NAME = 500
_DISPOSITIONS = {"none", "pass", "quarantine", "reject"}
_RESULTS = {"none", "pass", "fail", "softfail", "policy", "neutral", "temperror", "permerror"}
_RESULT_ALIASES = {"hardfail": "fail", "unknown": "temperror", "error": "permerror"}
_REASONS = {
    "forwarded",
    "local_policy",
    "mailing_list",
    "other",
    "policy_test_mode",
    "sampled_out",
    "trusted_forwarder",
}
_POLICIES = {"none", "quarantine", "reject"}
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")


def word(text: str | None) -> str:
    """The text as words are compared: trimmed, lower case, "" when absent."""
    return (text or "").strip().lower()


def disposition(text: str | None) -> str:
    """A disposition; an empty one is `none`, any other word `unknown`, never quarantine or reject."""
    found = word(text)
    return found if found in _DISPOSITIONS else "unknown" if found else "none"


def auth_result(text: str | None) -> str:
    """A dkim or spf result; other words become `unknown`, or what the reporters that use them mean."""
    found = word(text)
    return found if found in _RESULTS else _RESULT_ALIASES.get(found, "unknown")


def reason_type(text: str | None, comment: str | None) -> str:
    """An override type; empty type and comment together say nothing (`none`), as KDDI sends them."""
    found = word(text)
    if found in _REASONS:
        return found
    return "other" if found or (comment or "").strip() else "none"


def policy(text: str | None) -> str | None:
    """none, quarantine or reject; None for anything else."""
    found = word(text)
    return found if found in _POLICIES else None


def alignment_mode(text: str | None) -> str:
    """`s` or `r`; anything else acts as r (RFC 9989 section 4.7)."""
    return "s" if word(text) == "s" else "r"


def percentage(text: str | None) -> int | None:
    """pct, 0 to 100; None when absent (RFC 9990 has none) or not a number."""
    found = word(text)
    return int(found) if found.isascii() and found.isdigit() and int(found) <= 100 else None


def ip(text: str | None) -> str:
    """The canonical address (IPv6 compressed, IPv4-mapped unfolded), or "" when there is no usable one."""
    written = (text or "").strip()
    if _IPV4.fullmatch(written):
        return written
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return ""
        address = address.ipv4_mapped or address
    return str(address)


@lru_cache(maxsize=16_384)
def domain(text: str | None) -> str | None:
    """A domain in canonical form; None when empty or not a domain name."""
    return a_label(text) if text and text.strip() else None


def short(text: str | None, limit: int = MAX_TEXT) -> str | None:
    """Free text, trimmed and cut to `limit` characters; None when empty."""
    found = (text or "").strip()
    return found[:limit] or None


def noted(field: str, raw: str | None) -> str:
    """One line for a list of repairs: the field and the reporter's own text."""
    return f"{field}: {'absent' if raw is None else repr(raw.strip()[:100])}"
