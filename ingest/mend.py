"""Named repairs of XML that is not well-formed, as real reporters send it; never of XML that was cut.

Each repair is one that a known reporter needed. What is left unreadable after them is refused, not guessed.
"""

import re

_SCHEMA = re.compile(rb"<(?:xs|xsd):schema\b[^<>]{0,2000}>")
_PROPER_TAG = re.compile(rb"</?[A-Za-z_][\w.:-]{0,100}(?:\s[^<>]{0,2000})?/?>|<\?[^<>]{0,500}\?>|<!--")
_PROPER_ENTITY = re.compile(rb"&(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z]{1,8});")


def mend(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The text with every named repair that changes it applied, and the names of those repairs."""
    repairs = []
    for name, repair in _REPAIRS:
        mended = repair(text)
        if mended != text:
            repairs.append(name)
            text = mended
    return text, tuple(repairs)


def _drop_unclosed_schema(text: bytes) -> bytes:
    # IKEA (2018) opened <xs:schema> before the report and never closed it.
    if b":schema>" in text:
        return text
    return _SCHEMA.sub(b"", text, count=1)


def _close_last_tag(text: bytes) -> bytes:
    stripped = text.rstrip()
    return stripped + b">" if stripped.endswith(b"</feedback") else text


def _escape_stray(text: bytes, mark: bytes, proper: re.Pattern[bytes], escaped: bytes) -> bytes:
    parts = text.split(mark)
    kept = [parts[0]]
    position = len(parts[0])
    for part in parts[1:]:
        kept.append(mark if proper.match(text, position) else escaped)
        kept.append(part)
        position += 1 + len(part)
    return b"".join(kept)


_REPAIRS = (
    ("unclosed-schema", _drop_unclosed_schema),
    ("missing-last-bracket", _close_last_tag),
    ("bare-less-than", lambda text: _escape_stray(text, b"<", _PROPER_TAG, b"&lt;")),
    ("bare-ampersand", lambda text: _escape_stray(text, b"&", _PROPER_ENTITY, b"&amp;")),
)
