"""Our own check of a mail's DKIM signatures. The one import of dkimpy; asks DNS only through the function it is given.

It runs on the fetching side, which may ask DNS, and never in a worker that reads hostile documents. dkimpy was not
written for hostile mail (blanks and key sizes cost more than linear time), so everything it sees is bounded first.
"""

import logging
import re
from collections.abc import Callable

import dkim

from ingest.authenticity import letterhead
from knowledge.hosts import organisational

FindKey = Callable[[str], str | None]

MAIL_BYTES_MOST = 10_485_760
HEADER_BYTES_MOST = 65_536
FIELDS_MOST = 500
SIGNATURE_BYTES_MOST = 8_192
SIGNATURES_MOST = 5
BLANKS_MOST = 100
KEY_BITS_LEAST = 1_024
# A key of 4,096 bits takes about 760 characters.
KEY_TEXT_MOST = 1_000
# RFC 8301 took rsa-sha1 away.
ALGORITHMS = frozenset({b"rsa-sha256", b"ed25519-sha256"})
SIGNED_FIELDS = frozenset({b"from", b"subject"})

_HEADER_END = re.compile(rb"\r?\n\r?\n")
# What dkimpy raises on hostile signatures and keys beside its own tree.
_FAULTS = (dkim.DKIMException, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)

# It writes a line about each bad key, with text of the mail in it.
_SILENT = logging.Logger("dkimpy", level=logging.CRITICAL + 1)


def signed_by(mail: bytes, find_key: FindKey) -> tuple[str, ...]:
    """The d= domains of good signatures that are aligned with the mail's From; lower case, in order, each once.

    A good signature covers From, Subject and the whole body, with SHA-256 and a key of 1,024 bits or more. `find_key`
    gets a name like `s1._domainkey.example.jp` and returns the text of the TXT record there, None for none; it has to
    end in its own time. Only the first five signatures are looked at. Mails that are too large to be checked, or have
    long runs of blanks, have none.
    """
    own = letterhead(mail).from_domain
    if own is None or not _is_bounded(mail):
        return ()
    found = (domain for number in range(SIGNATURES_MOST) if (domain := _signer(mail, number, own, find_key)))
    return tuple(dict.fromkeys(found))


def _is_bounded(mail: bytes) -> bool:
    head = _HEADER_END.split(mail, 1)[0]
    blanks = mail.replace(b"\t", b" ").find(b" " * BLANKS_MOST)
    small = len(mail) <= MAIL_BYTES_MOST and len(head) <= HEADER_BYTES_MOST and head.count(b"\n") <= FIELDS_MOST
    return small and blanks < 0


def _signer(mail: bytes, number: int, own: str, find_key: FindKey) -> str | None:
    """The domain of one signature when it is good."""
    try:
        check = dkim.DKIM(mail, logger=_SILENT, minkey=KEY_BITS_LEAST)
        domain = _wanted_domain(check, number, own)
        good = domain is not None and check.verify(number, _asking(find_key))
    except _FAULTS:
        return None
    return domain if good else None


def _wanted_domain(check: dkim.DKIM, number: int, own: str) -> str | None:
    """The d= of a signature that would count if it is good, so that DNS is asked for no other."""
    signatures = [value for name, value in check.headers if name.lower() == b"dkim-signature"]
    if number >= len(signatures) or len(signatures[number]) > SIGNATURE_BYTES_MOST:
        return None
    prepared = check.verify_headerprep(number)
    fields = check.signature_fields
    covers = set(check.include_headers) >= SIGNED_FIELDS
    if not prepared or not covers or fields[b"a"] not in ALGORITHMS or b"l" in fields:
        return None
    domain: str = fields[b"d"].decode("ascii").lower()
    return domain if organisational(domain) == organisational(own) else None


def _asking(find_key: FindKey) -> Callable[..., bytes | None]:
    """`find_key` as dkimpy calls it."""

    def text_record(name: bytes, timeout: int = 5) -> bytes | None:  # noqa: ARG001 - find_key ends in its own time
        text = find_key(name.decode("ascii").removesuffix("."))
        return text.encode("ascii") if text is not None and len(text) <= KEY_TEXT_MOST else None

    return text_record
