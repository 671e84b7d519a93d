"""A mail taken apart into its leaf parts, by offsets into the original bytes.

The standard parser is not used: it recurses per level (3,000 nested multiparts end in RecursionError), and it is
slow on hostile input (35 MB of blank lines: 16 s). This one knows only what finding attachments needs: header
block, boundaries, transfer encodings. Bounded in depth, parts and header bytes; raises `Unreadable` only.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from ingest.unreadable import Unreadable

DEPTH_MOST = 10
PARTS_MOST = 1_000
HEADER_BYTES_MOST = 262_144
_VALUE_MOST = 8_192
_NAME_MOST = 500
_FALSE_BOUNDARIES_MOST = 10_000
_BOUNDARY_MOST = 256

_MBOX_LINE = re.compile(rb">?From [^\n]*\n")
_HEADER_BLOCK = re.compile(rb"(?:[!-9;-~]++[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z))*+")
_BLANK_LINE = re.compile(rb"\r?\n")
_BOUNDARY_END = re.compile(rb"(--)?[ \t]*+\r?(?:\n|\Z)")
_WANTED = re.compile(
    rb"^(content-type|content-transfer-encoding|content-disposition|subject)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_MAIL_HEADER = re.compile(
    rb"^(?:from|to|subject|date|received|message-id|mime-version|content-type|return-path|delivered-to)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_FIRST_LINE = re.compile(rb"[!-9;-~]+[ \t]*:")
_PARAMETER = r'[;\s]{name}\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))'
_BOUNDARY = re.compile(_PARAMETER.format(name="boundary"), re.IGNORECASE)
_FILE_NAME = re.compile(_PARAMETER.format(name=r"(?:file)?name(?:\*\d*)?\*?"), re.IGNORECASE)
_NOT_BASE64 = bytes(sorted(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")))

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf: `number` counts as people do ("2.1"; "" for a mail without parts), `within` is its parent's type.

    `content` are the bytes after undoing the transfer encoding, whose faults are tolerated.
    """

    number: str
    within: str
    headers: Headers
    content: bytes

    @property
    def content_type(self) -> str:
        """Declared type in lower case, without parameters; text/plain when there is none (RFC 2045, 5.2)."""
        return _content_type(self.headers)

    @property
    def file_name(self) -> str:
        """Declared file name for people, or "". Pieces of a split name (RFC 2231) are joined."""
        for header in ("content-disposition", "content-type"):
            pieces = [quoted or plain for quoted, plain in _FILE_NAME.findall(self.headers.get(header, ""))]
            if pieces:
                return _decoded_words("".join(pieces)[:_NAME_MOST])
        return ""


@dataclass(slots=True)
class _Walk:
    """How much of the allowance one mail has used."""

    parts: int = 0
    false_boundaries: int = 0

    def count_part(self) -> None:
        self.parts += 1
        if self.parts > PARTS_MOST:
            raise Unreadable("too_many_parts", f"more than {PARTS_MOST:,} parts in one mail")

    def count_false_boundary(self) -> None:
        self.false_boundaries += 1
        if self.false_boundaries > _FALSE_BOUNDARIES_MOST:
            raise Unreadable("too_many_parts", "too many lines that look like a part's boundary")


def looks_like_mail(head: bytes) -> bool:
    """Whether a file's first bytes are a mail's: header lines with at least one well-known name."""
    line = _MBOX_LINE.match(head)
    start = line.end() if line else 0
    return bool(_FIRST_LINE.match(head, start) and _MAIL_HEADER.search(head, start))


def subject(mail: bytes) -> str:
    """The mail's decoded subject, at most 1,000 characters; "" when it has none or its headers are too long."""
    try:
        headers, _ = _headers(mail, 0, len(mail))
    except Unreadable:
        return ""
    return _decoded_words(headers.get("subject", "")[:1_000])


def leaves(mail: bytes) -> Iterator[Part]:
    """Every leaf part of the mail in order, mails inside it (message/rfc822) included.

    A mail inside a multipart/report is left closed: there it is the mail that the report or bounce talks about.
    Raises `Unreadable` with mail_headers, too_many_parts or too_deep; parts yielded before stay good.
    """
    yield from _leaves(mail, 0, len(mail), "", "", 0, _Walk())


def _leaves(mail: bytes, start: int, end: int, number: str, within: str, depth: int, walk: _Walk) -> Iterator[Part]:
    if depth > DEPTH_MOST:
        raise Unreadable("too_deep", f"parts within parts more than {DEPTH_MOST} deep")
    walk.count_part()
    headers, body = _headers(mail, start, end)
    content_type = _content_type(headers)
    children = 0
    for child_start, child_end in _children(mail, body, end, headers, walk):
        children += 1
        child = f"{number}.{children}" if number else str(children)
        yield from _leaves(mail, child_start, child_end, child, content_type, depth + 1, walk)
    if children:
        return
    content = _decoded(mail[body:end], headers)
    if _is_mail(content_type, within, content):
        yield from _leaves(content, 0, len(content), number or "1", content_type, depth + 1, walk)
    else:
        yield Part(number, within, headers, content)


def _is_mail(content_type: str, within: str, content: bytes) -> bool:
    """Whether a part is a forwarded mail. Some programs attach one as application/octet-stream."""
    if content_type in ("message/rfc822", "message/global"):
        return within != "multipart/report"
    return content_type.startswith("application/") and looks_like_mail(content[:HEADER_BYTES_MOST])


def _headers(mail: bytes, start: int, end: int) -> tuple[Headers, int]:
    """The few headers that matter, unfolded, and where the body begins."""
    line = _MBOX_LINE.match(mail, start, end)
    start = line.end() if line else start
    limit = min(end, start + HEADER_BYTES_MOST)
    block = _HEADER_BLOCK.match(mail, start, limit)
    block_end = block.end() if block else start
    if block_end == limit < end:
        raise Unreadable("mail_headers", f"the headers are longer than {HEADER_BYTES_MOST:,} bytes")
    found = _WANTED.finditer(mail, start, block_end)
    headers = {match[1].decode("ascii").lower(): _unfolded(match[2]) for match in found}
    blank = _BLANK_LINE.match(mail, block_end, end)
    return headers, blank.end() if blank else block_end


def _unfolded(value: bytes) -> str:
    return value[:_VALUE_MOST].decode("utf-8", "replace").replace("\r", "").replace("\n", "").strip()


def _content_type(headers: Headers) -> str:
    declared = headers.get("content-type", "").partition(";")[0].strip().lower()
    return declared if "/" in declared else "text/plain"


def _children(mail: bytes, start: int, end: int, headers: Headers, walk: _Walk) -> Iterator[tuple[int, int]]:
    """Where each child of a multipart lies; nothing for other types, or when no boundary is found."""
    delimiter = _delimiter(headers)
    if not delimiter:
        return
    opened = None
    position = max(0, start - 1)
    while (hit := mail.find(delimiter, position, end)) >= 0:
        rest = _BOUNDARY_END.match(mail, hit + len(delimiter), end)
        if rest is None:
            walk.count_false_boundary()
            position = hit + len(delimiter)
            continue
        if opened is not None:
            yield opened, _without_return(mail, opened, hit)
        if rest[1]:
            return
        opened, position = rest.end(), rest.end() - 1
    if opened is not None:
        yield opened, end


def _delimiter(headers: Headers) -> bytes:
    declared = headers.get("content-type", "")
    match = _BOUNDARY.search(declared) if _content_type(headers).startswith("multipart/") else None
    if match is None:
        return b""
    boundary = re.sub(r"\\(.)", r"\1", match[1]) if match[1] else match[2] or ""
    usable = boundary.rstrip().encode("utf-8", "replace")[:_BOUNDARY_MOST]
    return b"\n--" + usable if usable else b""


def _without_return(mail: bytes, start: int, end: int) -> int:
    """The line break before a boundary belongs to the boundary (RFC 2046, 5.1.1)."""
    if end > start and mail[end - 1 : end] == b"\r":
        return end - 1
    return max(start, end)


def _decoded(encoded: bytes, headers: Headers) -> bytes:
    encoding = headers.get("content-transfer-encoding", "").lower()
    if encoding.startswith("base64"):
        return _from_base64(encoded)
    if encoding.startswith("quoted-printable"):
        return binascii.a2b_qp(encoded)
    return encoded


def _from_base64(encoded: bytes) -> bytes:
    try:
        return binascii.a2b_base64(encoded)
    except binascii.Error:
        kept = encoded.translate(None, _NOT_BASE64)
        whole = len(kept) - (len(kept) % 4 == 1)
        return binascii.a2b_base64(kept[:whole] + b"=" * (-whole % 4))


def _decoded_words(text: str) -> str:
    """RFC 2047 words decoded; the text as it stands when they are broken."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
