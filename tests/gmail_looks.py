"""Makes a real Dovecot behind a FaultProxy look like Gmail: its capability, its numbers of mails, its labels.

A mail's number follows from its size, so that the same mail has the same number in every folder.
"""

import re
from collections.abc import Callable

from faultproxy import Fault

Number = Callable[[int], int]
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


def number_of_size(size: int) -> int:
    """An X-GM-MSGID as Gmail's are."""
    return 1_278_455_344_230_000_000 + size


def looks_like_gmail(number: Number = number_of_size) -> list[Fault]:
    """The faults of the proxy; taking a label off moves the mail to the folder whose label was put on before."""
    labels = [b"INBOX"]

    def with_number(line: bytes) -> bytes:
        return _SIZE.sub(lambda found: b"%b X-GM-MSGID %d" % (found[0], number(int(found[1]))), line)

    def put_on(line: bytes) -> bytes:
        labels.append(line[line.index(b"(") + 1 : line.index(b")")])
        return line.split()[0] + b" NOOP\r\n"

    def take_off(line: bytes) -> bytes:
        tag, _, _, uids, *_ = line.split()
        return b" ".join((tag, b"UID MOVE", uids, labels[-1])) + b"\r\n"

    return [
        Fault(
            "replace",
            "s2c",
            rb"CAPABILITY IMAP4rev1",
            times=0,
            rewrite=lambda line: line.replace(b"IMAP4rev1", b"IMAP4rev1 X-GM-EXT-1"),
        ),
        Fault("replace", "s2c", rb"FETCH .*RFC822.SIZE", times=0, rewrite=with_number),
        Fault("replace", "c2s", rb"X-GM-MSGID", times=0, rewrite=lambda line: line.replace(b" X-GM-MSGID", b"")),
        Fault("replace", "c2s", rb"\+X-GM-LABELS", times=0, rewrite=put_on),
        Fault("replace", "c2s", rb"-X-GM-LABELS", times=0, rewrite=take_off),
    ]
