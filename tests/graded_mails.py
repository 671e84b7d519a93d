"""Mails that begin with Authentication-Results, and their grade with one trusted server."""

import time
from collections.abc import Callable

from ingest.authenticity import Grade, grade_mail

OURS = "mx.example.jp"
TRUSTED = (OURS,)
PASS = f"{OURS}; dmarc=pass header.from=receiver.example.com"
FORGED = f"{OURS}; dmarc=pass header.from=google.com"


def mail(*fields: str | bytes, sender: str = "DMARC <dmarc@receiver.example.com>", below: str = "") -> bytes:
    """A mail whose headers begin with these Authentication-Results; `below` are header lines after its From."""
    written = [field if isinstance(field, bytes) else field.encode() for field in fields]
    head = b"".join(b"Authentication-Results: " + field + b"\r\n" for field in written)
    return head + f"From: {sender}\r\nSubject: Report domain: example.jp\r\n{below}\r\n\r\nbody\r\n".encode()


def grade(*fields: str | bytes, **facts: str) -> Grade | None:
    return grade_mail(mail(*fields, **facts), TRUSTED)


def lasted(work: Callable[[], object]) -> float:
    """How many seconds it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
