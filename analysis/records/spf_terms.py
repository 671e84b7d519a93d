"""The terms of an SPF record (RFC 7208 sections 4.6, 5, 6): which are valid, and what broken ones were meant to be."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address, ip_address

from knowledge.names import a_label

MECHANISMS = ("all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists")
MODIFIERS = ("redirect", "exp")
# RFC 7208 section 4.6.4: these ask the name servers.
LOOKUPS = ("include", "a", "mx", "ptr", "exists", "redirect")

_TERM = re.compile(
    r"(?P<qualifier>[+\-~?]?)(?P<name>[A-Za-z][A-Za-z0-9_.-]*)(?P<separator>[:=/]?)(?P<value>.*)", re.DOTALL
)
_MACRO = r"%\{[slodiphcrtvSLODIPHCRTV][0-9]*r?[.\-+,/_=]*\}|%%|%_|%-"
# RFC 7208, section 7.1: a name ends with a top label, or with a macro, which may stand alone.
_START = rf"(?:[A-Za-z0-9_-]|{_MACRO}|(?<=[^.])\.(?!-))"
_DOMAIN = re.compile(rf"{_START}+\.(?!-)[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*\.?|{_START}*(?:{_MACRO})")
_MACRO_STRING = re.compile(rf"(?:[!-$&-~]|{_MACRO})*")
_CIDR = re.compile(r"(?:/(?P<four>0|[1-9][0-9]?))?(?://(?P<six>0|[1-9][0-9]{0,2}))?")
_PREFIX = re.compile(r"/(0|[1-9][0-9]{0,2})")
_IP_NAMES = {"ip", "ipv4", "ipv6", "ip4", "ip6", "ip4v", "ipaddr", "ipaddress"}


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a record, its place, and its parts: qualifier, lower-case name, separator and value."""

    text: str
    start: int
    end: int
    qualifier: str = ""
    name: str = ""
    separator: str = ""
    value: str = ""

    @property
    def domain(self) -> str:
        """The name that the term asks for, in lower case; empty when it names none."""
        return self.value.partition("/")[0].rstrip(".").lower() if self.separator in (":", "=") else ""


def term(text: str, start: int = 0) -> Term:
    """One word, read."""
    parts = _TERM.fullmatch(text)
    if parts is None:
        return Term(text, start, start + len(text))
    found = parts.groupdict()
    return Term(
        text, start, start + len(text), found["qualifier"], found["name"].lower(), found["separator"], found["value"]
    )


def terms(record: str, start: int = 0) -> list[Term]:
    """The words of a record from `start` on."""
    return [term(word.group(), word.start()) for word in re.compile(r"[^ \t]+").finditer(record, start)]


def is_valid(word: Term) -> bool:
    """Whether the word follows the grammar. Names must be such as stand in DNS, or macros."""
    if word.name in MODIFIERS:
        return not word.qualifier and word.separator == "=" and _DOMAIN.fullmatch(word.value) is not None
    if word.name not in MECHANISMS:
        return not word.qualifier and word.separator == "=" and _MACRO_STRING.fullmatch(word.value) is not None
    return _is_valid_mechanism(word)


def _is_valid_mechanism(word: Term) -> bool:
    if word.name in ("ip4", "ip6"):
        return word.separator == ":" and _is_network(word.name, word.value)
    if word.name == "all":
        return not word.separator and not word.value
    if word.name in ("include", "exists"):
        return word.separator == ":" and _DOMAIN.fullmatch(word.value) is not None
    if not word.separator:
        return not word.value
    host, slash, cidr = (word.separator + word.value).partition("/")
    if slash and (word.name == "ptr" or not _is_cidr(slash + cidr)):
        return False
    return not host or (host[0] == ":" and _DOMAIN.fullmatch(host[1:]) is not None)


def _is_cidr(cidr: str) -> bool:
    parts = _CIDR.fullmatch(cidr)
    return parts is not None and int(parts["four"] or 0) <= 32 and int(parts["six"] or 0) <= 128


def _is_network(name: str, value: str) -> bool:
    text, slash, _ = value.partition("/")
    found = address(text)
    wanted, most = (IPv4Address, 32) if name == "ip4" else (IPv6Address, 128)
    if not isinstance(found, wanted):
        return False
    prefix = _PREFIX.fullmatch(value[len(text) :])
    return not slash or (prefix is not None and int(prefix[1]) <= most)


def address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that `text` is, or None."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_about_addresses(word: Term) -> bool:
    """Whether a broken term was meant as an address: by its name, or because it is one."""
    return (
        word.name in _IP_NAMES or re.fullmatch(r"[+\-~?]?[0-9][0-9.,/]*|[0-9a-f:]*::[0-9a-f:/]*", word.text) is not None
    )


def meant(word: Term) -> str | None:
    """The valid terms that a broken one was evidently meant to be, or None. An empty text: it says nothing."""
    for candidate in _candidates(word):
        if all(is_valid(term(each)) and _is_known(term(each)) for each in candidate):
            return " ".join(candidate)
    return None


def _is_known(word: Term) -> bool:
    return word.name in MECHANISMS or word.name in MODIFIERS


def _candidates(word: Term) -> Iterator[tuple[str, ...]]:
    text = word.text.strip(";,:=")
    if not text.strip("+-~?"):
        yield ()
    yield (text,)
    if text.lower().lstrip("+-~?") in (f"{name}{sign}" for name in MECHANISMS for sign in (".", "")):
        yield (text.rstrip("."),)
    yield from _address_candidates(text)
    yield from _name_candidates(text)


def _address_candidates(text: str) -> Iterator[tuple[str, ...]]:
    qualifier, rest = (text[0], text[1:]) if text[:1] in tuple("+-~?") else ("", text)
    name = re.match(r"([a-z][a-z0-9]*)[:=]", rest, re.IGNORECASE)
    if name is not None and name[1].lower() not in _IP_NAMES:
        return
    value = rest[name.end() :] if name else rest
    if name is not None and not value:
        yield ()
    for many in ([value.replace(",", ".")], [each for each in value.split(",") if each]):
        yield tuple(qualifier + _network(each) for each in many)
    # Of a network with an impossible size only its one address is certain.
    yield (qualifier + _network(value.partition("/")[0]),)


def _network(value: str) -> str:
    found = address(value.partition("/")[0])
    return f"ip{found.version if found else 4}:{value}"


def _name_candidates(text: str) -> Iterator[tuple[str, ...]]:
    word = term(text)
    if not word.name:
        return
    near = get_close_matches(word.name, (*MECHANISMS, *MODIFIERS), 1, 0.75)
    for name in dict.fromkeys((word.name, *near)):
        if name not in MECHANISMS and name not in MODIFIERS:
            continue
        if not word.value:
            yield () if name in ("include", "exists", *MODIFIERS) else (word.qualifier + name,)
        separator = "=" if name in MODIFIERS else word.separator and ":"
        qualifier = "" if name in MODIFIERS else word.qualifier
        yield (f"{qualifier}{name}{separator}{word.value}",)
        yield (f"{qualifier}{name}{separator}{_ascii(word.value)}",)


def _ascii(value: str) -> str:
    host, slash, cidr = value.partition("/")
    return (a_label(host) or host) + slash + cidr
