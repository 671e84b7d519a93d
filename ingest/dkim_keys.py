"""The DKIM keys that signatures name, out of DNS (RFC 6376 section 3.6.2), each asked for once in a run."""

import re
from functools import cache

from ingest.dkim_check import FindKey
from ingest.resolver import Resolver, finished
from settings import Lookup

_STRING = re.compile(r'"([^"\\]*)"')
_STRINGS = re.compile(rf"{_STRING.pattern}(?: {_STRING.pattern})*")


def key_finder(options: Lookup) -> FindKey:
    """Gives the text at a name like `s1._domainkey.example.jp`, None when there is none or DNS does not say.

    One question ends within `options.timeout_seconds`. Raises NoNameServer.
    """
    resolver = Resolver(options)

    @cache
    def find_key(name: str) -> str | None:
        answer = finished(lambda: resolver.ask(name, "TXT"))
        # Two records at one name are not a key (RFC 6376 section 3.6.2.2 leaves open which one would count).
        return joined(answer.values[0]) if len(answer.values) == 1 else None

    return find_key


def joined(record: str) -> str | None:
    """A TXT record in presentation format as one text; None where it has quotes or bytes that no key has."""
    return "".join(_STRING.findall(record)) if _STRINGS.fullmatch(record) else None
