"""What can go wrong with a mailbox, sorted by what the caller does next.

    MailboxError
    +-- ConfigurationError   an option is wrong or a folder is missing: exit 2
    +-- Refused              certificate, login or permission: a person must act: exit 1
    |   +-- LoginRefused     user, password or token: a fresh token may help
    |   +-- CommandRefused   NO or BAD to one command; the connection lives on
    +-- TryAgainLater        throttled, unreachable, out of time: the next run goes on: exit 75
    +-- ConnectionLost       this connection is dead; another is made, callers of `MailboxSession` never see it
    +-- FolderRenewed        the folder has another UIDVALIDITY; callers of `MailboxSession` never see it

Every message says what was being done, to what, and what to do next. None holds a password or token.
"""

import re

# RFC 5530 response codes, Gmail's throttling, and the sentences of servers that send no code.
_LATER = re.compile(
    r"\[(THROTTLED|OVERQUOTA|UNAVAILABLE|INUSE|LIMIT)\b"
    r"|too many (simultaneous )?(connections|logins|sessions)|temporar|try again|throttl|bandwidth|rate limit",
    re.IGNORECASE,
)
_WRONG_LOGIN = re.compile(r"\[(AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED)\b", re.IGNORECASE)
_SHOWN_CHARACTERS = 300


class MailboxError(Exception):
    """A mailbox could not be used."""


class ConfigurationError(MailboxError):
    """An option cannot work as it is."""


class Refused(MailboxError):
    """Certificate, login or permission was refused; trying again changes nothing."""


class LoginRefused(Refused):
    """The server did not let us in with this user, password or token."""


class CommandRefused(MailboxError):
    """One command was answered NO or BAD."""


class TryAgainLater(MailboxError):
    """The server cannot or will not serve us now."""


class ConnectionLost(MailboxError):
    """The connection is dead."""


class FolderRenewed(MailboxError):
    """The folder was made anew or restored since its UIDs were read."""


def means_later(answer: str) -> bool:
    """Whether a server's refusal is about load, quota or maintenance and so passes by itself.

    A refused login that names itself so is never temporary, whatever else the sentence says.
    """
    return bool(_LATER.search(answer)) and not _WRONG_LOGIN.search(answer)


def shown(answer: object) -> str:
    """A server's words made safe for a log line: one line, printable, at most 300 characters."""
    line = "".join(sign if sign.isprintable() else " " for sign in str(answer))
    return line if len(line) <= _SHOWN_CHARACTERS else line[:_SHOWN_CHARACTERS] + "..."
