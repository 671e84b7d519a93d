"""Host names in reports: whether a text is one, what lies above it, its organisational domain. Pure; bounded."""

import re
from collections.abc import Iterable
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

LABEL_LENGTH = 100

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+")


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organisational(name: str) -> str | None:
    """Organisational domain of a name by the public suffix list with its private part, or None.

    None for a public suffix itself and for text that is no host name. (parsedmarc's own function applies overrides
    that are wrong for alignment.)
    """
    return _private_suffix(name) if len(name) <= 254 else None


@lru_cache(maxsize=65536)
def _private_suffix(name: str) -> str | None:
    host = host_name(name)
    return _suffixes().privatesuffix(host) if host else None


def suffixes_of(name: str) -> Iterable[str]:
    """The name and everything above it with at least two labels, longest first."""
    while "." in name:
        yield name
        name = name.partition(".")[2]


def host_name(name: str) -> str | None:
    """The name in lower case without its last dot, or None when it is no host name of two labels or more."""
    return _checked_host(name) if len(name) <= 254 else None


@lru_cache(maxsize=65536)
def _checked_host(name: str) -> str | None:
    lowered = name.lower().removesuffix(".")
    return lowered if len(lowered) <= 253 and _HOST.fullmatch(lowered) else None


def printable(text: str) -> str:
    """Hostile text for a name: one line, unprintable characters as spaces, at most 100 characters."""
    visible = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(visible.split())[:LABEL_LENGTH].rstrip()
