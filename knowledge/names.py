"""Domain names as the store keeps them: lower-case A-labels without a final dot."""

import re

import idna

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def a_label(text: str) -> str | None:
    """The canonical form of a domain name (RFC 5890 A-labels), or None when the text is not one.

    Underscores are allowed, as in names that reporters really send; spaces around and one final dot are dropped.
    """
    name = text.strip().removesuffix(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return name
