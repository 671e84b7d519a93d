"""The steps of `sekisho mailbox test`: name, connection, login, folders, capabilities, what waits.

It changes nothing in the mailbox: folders are opened for reading only, and none is created.
"""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ingest.imap_login import Credential
from ingest.imap_session import ImapSession
from ingest.mailbox_errors import ConnectionLost, LoginRefused, MailboxError, TryAgainLater, shown
from ingest.mailbox_filing import GMAIL
from ingest.mailbox_folders import FolderNames, read_folder_names
from ingest.mailbox_options import Mailbox

StepName = Literal["name", "connection", "login", "folders", "capabilities", "waiting"]
_UNREACHABLE = "check host and port, and whether a firewall lets this machine out to it"


@dataclass(frozen=True, slots=True)
class Step:
    """One check: whether it passed, what was found, and what to do when it did not pass."""

    name: StepName
    ok: bool
    found: str
    advice: str = ""


def check_mailbox(mailbox: Mailbox, credential: Credential) -> Iterator[Step]:
    """Try a mailbox step by step; the first step that fails is the last. Connects once and does not try again."""
    addresses = _look_up(mailbox)
    yield addresses
    if addresses.ok:
        session = ImapSession(mailbox, credential, reconnects=0)
        try:
            yield from _logged_in(session)
        finally:
            session.close()


def _look_up(mailbox: Mailbox) -> Step:
    try:
        found = socket.getaddrinfo(mailbox.host, mailbox.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Step("name", False, f"{mailbox.host}: {error.strerror}", "check the spelling of host, and the resolver")
    return Step("name", True, ", ".join(sorted({str(address[4][0]) for address in found})))


def _logged_in(session: ImapSession) -> Iterator[Step]:
    mailbox = session.mailbox
    try:
        session.connect()
    except LoginRefused as error:
        yield Step("connection", True, f"{mailbox.security} to {mailbox.host}:{mailbox.port}")
        yield Step("login", False, str(error), "see the advice in the message")
        return
    except MailboxError as error:
        yield Step("connection", False, str(error), _advice(error))
        return
    yield Step("connection", True, f"{mailbox.security} to {mailbox.host}:{mailbox.port}")
    yield Step("login", True, f"as {mailbox.user}, by {mailbox.login}")
    yield from _inside(session)


def _advice(error: MailboxError) -> str:
    if isinstance(error, ConnectionLost | TryAgainLater):
        return _UNREACHABLE
    return "see the advice in the message"


def _inside(session: ImapSession) -> Iterator[Step]:
    names: list[FolderNames] = []
    checks: list[tuple[StepName, Callable[[], Step]]] = [
        ("folders", lambda: _folders(session, names)),
        ("capabilities", lambda: _capabilities(session)),
        ("waiting", lambda: _waiting(session, names[0])),
    ]
    for name, check in checks:
        try:
            step = check()
        except MailboxError as error:
            step = Step(name, False, str(error), _advice(error))
        yield step
        if not step.ok:
            return


def _folders(session: ImapSession, names: list[FolderNames]) -> Step:
    found = session.run(read_folder_names, "listing folders")
    names.append(found)
    missing = [name for name in session.mailbox.folders if found.find(name) is None]
    if missing:
        there = shown(", ".join(sorted(found.names)))
        return Step("folders", False, f"not there: {', '.join(missing)}", f"the account has: {there}")
    return Step("folders", True, "; ".join(_targets(session.mailbox, found)))


def _targets(mailbox: Mailbox, names: FolderNames) -> Iterator[str]:
    yield "reads " + ", ".join(str(names.find(name)) for name in mailbox.folders)
    if mailbox.after == "move":
        for name in (mailbox.processed, mailbox.quarantine):
            found = names.find(name)
            yield f"moves to {shown(found)}" if found else f"will create {shown(names.path(name))}"


def _capabilities(session: ImapSession) -> Step:
    if session.mailbox.after == "leave":
        return Step("capabilities", True, "mails stay where they are")
    if session.capable(GMAIL):
        return Step("capabilities", True, "Gmail: mails get another label")
    if session.capable("MOVE"):
        return Step("capabilities", True, "MOVE")
    if session.capable("UIDPLUS"):
        return Step("capabilities", True, "no MOVE, but UIDPLUS: mails are copied, then removed one by one")
    found = "neither MOVE nor UIDPLUS: mails stay where they are and are remembered"
    return Step("capabilities", True, found)


def _waiting(session: ImapSession, names: FolderNames) -> Step:
    counts = []
    for name in session.mailbox.folders:
        folder = session.open(names.find(name) or name, read_only=True)
        counts.append(f"{folder.messages} in {shown(folder.name)}")
    return Step("waiting", True, ", ".join(counts))
