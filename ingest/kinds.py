"""What a document is, recognised by its first bytes and never by its name or declared type.

Also the words for what is not an aggregate report: TLS reports (RFC 8460), failure reports (RFC 6591, RFC 9991),
complaints (RFC 5965), bounces. Decides; reads nothing itself.
"""

import re
from typing import Literal

Shape = Literal[
    "empty", "blank", "gzip", "zip", "office", "msg", "archive", "report", "xml", "late-report", "tls-report", "other"
]

Promise = Literal["nothing", "packed", "report"]

_HEAD = 65_536
_ARCHIVES = (b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"MSCF")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TNEF = b"\x78\x9f\x3e\x22"
_MSG_STREAM = "__substg1.0_".encode("utf-16-le")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ROOT = re.compile(
    rb"<(?:[A-Za-z_][\w.-]*:|!DOCTYPE\s+)?(?:feedback|report_metadata|policy_published)(?:[\s/>]|\Z)", re.IGNORECASE
)
_TLS_KEY = re.compile(rb'"(organization-name|date-range|contact-info|policies|policy-type|policy-domain|summary)"\s*:')
_REPORT_NAME = re.compile(r"[^!/\\]+![^!/\\]+!\d+!\d+")
_PACKED_TYPES = re.compile(r"application/(?:x-)?(?:gzip|gzip-compressed|zip|zip-compressed|xml)|text/xml")
_PACKED_NAME = re.compile(r"\.(?:xml|gz|zip)$", re.IGNORECASE)
_FEEDBACK_TYPE = re.compile(rb"^Feedback-Type[ \t]*:[ \t]*([\w-]{1,40})", re.IGNORECASE | re.MULTILINE)
_FAILURE_SUBJECT = re.compile(r"\bDMARC\b.{0,40}\b(?:failure|forensic)\b.{0,10}\breport\b", re.IGNORECASE)
_REPORT_SUBJECT = re.compile(r"\breport\s+domain:", re.IGNORECASE)


def shape(content: bytes) -> Shape:
    """What a file or document is. Text is judged by its first 64 KiB, so a document's first step is enough for it.

    `report` is XML that has a <feedback> element, a DOCTYPE of that name or a report's own elements; `late-report`
    has one too but begins with something else; `xml` is any other text that begins with `<`.
    """
    if not content:
        return "empty"
    return _packed_shape(content) or _text_shape(content[:_HEAD])


def promise(name: str, content_type: str = "") -> Promise:
    """What a file name or declared type promises, so that anything else in the attachment is a fault.

    "report" for a name of the form `receiver!domain!begin!end` (RFC 9990; RFC 7489, 7.2.1.1), "packed" for a name
    or type of gzip, zip or XML.
    """
    if _REPORT_NAME.search(name):
        return "report"
    return "packed" if _PACKED_NAME.search(name.strip()) or _PACKED_TYPES.fullmatch(content_type) else "nothing"


def feedback_type(part: bytes) -> str:
    """The Feedback-Type of a message/feedback-report part (RFC 5965, 3.1) in lower case, or ""."""
    match = _FEEDBACK_TYPE.search(part[:_HEAD])
    return match[1].decode("ascii").lower() if match else ""


def is_failure_subject(subject: str) -> bool:
    """Whether a subject names a DMARC failure (forensic) report, for reporters that send no feedback-report part."""
    return bool(_FAILURE_SUBJECT.search(subject))


def announces_report(subject: str) -> bool:
    """Whether a subject has the form of RFC 9990 for aggregate reports."""
    return bool(_REPORT_SUBJECT.search(subject))


def _packed_shape(content: bytes) -> Shape | None:
    if content.startswith(b"\x1f\x8b"):
        return "gzip"
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "office" if content.startswith((b"[Content_Types].xml", b"mimetype"), 30) else "zip"
    if content.startswith(_TNEF) or (content.startswith(_OLE) and _MSG_STREAM in content):
        return "msg"
    if content.startswith(_ARCHIVES) or content[257:262] == b"ustar":
        return "archive"
    return None


def _text_shape(head: bytes) -> Shape:
    text = _narrow(head)
    if not text:
        return "blank"
    if text.startswith(b"{"):
        return "tls-report" if len(set(_TLS_KEY.findall(text))) >= 2 else "other"
    if _ROOT.search(text):
        return "report" if text.startswith(b"<") else "late-report"
    return "xml" if text.startswith(b"<") else "other"


def _narrow(head: bytes) -> bytes:
    """The text without byte-order mark and leading blanks; UTF-16 loses its zero bytes: enough to search it."""
    for mark in _MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip()
