"""Sessions on mailboxes of test servers: opening one, reading it whole, and the moves that follow."""

from collections.abc import Callable, Sequence

from faultproxy import Fault
from servers_dovecot import MAIL, PASSWORD

from ingest.credentials import Secret
from ingest.imap_login import Credential
from ingest.imap_session import ImapSession
from ingest.mailbox import MailboxSession
from ingest.mailbox_filing import Move
from ingest.mailbox_folders import Target
from ingest.mailbox_options import Mailbox
from ingest.reading import Message

Options = Callable[..., Mailbox]


def opened(mailbox: Mailbox, credential: Credential | None = None) -> MailboxSession:
    """A session that does not wait before it connects again."""
    return MailboxSession(ImapSession(mailbox, credential or Secret(PASSWORD), pause=lambda _: None))


def nothing_known(folder: str, uidvalidity: int, uids: Sequence[int]) -> set[int]:
    return set()


def moves(messages: Sequence[Message], to: Target = "processed") -> list[Move]:
    return [
        Move(message.folder, message.uidvalidity, to, message.uid)
        for message in messages
        if message.folder is not None and message.uidvalidity is not None and message.uid is not None
    ]


def read_and_file(mailbox: Mailbox, credential: Credential | None = None) -> list[Message]:
    """One whole run in which every message is stored."""
    with opened(mailbox, credential) as session:
        messages = list(session.messages(nothing_known))
        session.file_away(moves(messages))
    return messages


def mail(number: int) -> bytes:
    return MAIL + b"Number %d\r\n" % number


def without(*words: bytes) -> list[Fault]:
    """Faults that hide capabilities of a real server."""

    def hide(line: bytes) -> bytes:
        for word in words:
            line = line.replace(b" " + word, b"")
        return line

    return [Fault("replace", "s2c", rb"CAPABILITY", rewrite=hide, times=0)]
