"""The folders of an account: what the server calls the ones that we mean, and making those that are missing."""

from dataclasses import dataclass
from typing import Literal

from ingest.imap_client import Client
from ingest.imap_session import ImapSession
from ingest.mailbox_errors import CommandRefused, ConfigurationError, shown

Target = Literal["processed", "quarantine"]


@dataclass(frozen=True, slots=True)
class FolderNames:
    """The selectable folders of an account, its hierarchy delimiter and the prefix of its own folders."""

    names: frozenset[str]
    delimiter: str
    prefix: str

    def find(self, name: str) -> str | None:
        """The folder that `name` means: as the server spells it, with its delimiter, or under its prefix."""
        if name.upper() == "INBOX":
            return "INBOX"
        for spelt in (name, self._translated(name), self.path(name)):
            if spelt in self.names:
                return spelt
        return None

    def path(self, name: str) -> str:
        """What a folder called `name` would be called on the server."""
        path = self._translated(name)
        return path if path.startswith(self.prefix) else self.prefix + path

    def _translated(self, name: str) -> str:
        return name.replace("/", self.delimiter or "-")


def read_folder_names(client: Client) -> FolderNames:
    """Ask the server for its folders (RFC 3501 section 6.3.8) and namespace (RFC 2342)."""
    listed = [(flags, delimiter, name) for flags, delimiter, name in client.list_folders() if isinstance(name, str)]
    closed = {b"\\NOSELECT", b"\\NONEXISTENT"}
    names = frozenset(name for flags, _, name in listed if not closed & {flag.upper() for flag in flags})
    delimiters = [delimiter.decode() for _, delimiter, _ in listed if delimiter]
    return FolderNames(names, delimiters[0] if delimiters else "", _personal_prefix(client))


def _personal_prefix(client: Client) -> str:
    if not client.has_capability("NAMESPACE"):
        return ""
    personal = client.namespace().personal
    return str(personal[0][0]) if personal else ""


class Folders:
    """The folders of one account, listed once and again after a change. For the connection's own thread."""

    def __init__(self, session: ImapSession) -> None:
        self._session = session
        self._mailbox = session.mailbox
        self._names: FolderNames | None = None

    def forget(self) -> None:
        """List them anew the next time."""
        self._names = None

    def existing(self, name: str) -> str:
        """The server's name of a folder that is read. Raises ConfigurationError when there is none."""
        names = self._listed()
        found = names.find(name)
        if found is None:
            there = ", ".join(sorted(names.names)[:20])
            raise ConfigurationError(
                f"mailbox {self._mailbox.name}: there is no folder {name}; there are: {shown(there)}"
            )
        return found

    def target(self, to: Target) -> str:
        """The server's name of the folder that mails are filed in, made where it is missing."""
        name = self._mailbox.processed if to == "processed" else self._mailbox.quarantine
        found = self._listed().find(name)
        return found if found is not None else self._create(name)

    def _listed(self) -> FolderNames:
        if self._names is None:
            self._names = self._session.run(read_folder_names, "listing folders")
        return self._names

    def _create(self, name: str) -> str:
        path = self._listed().path(name)
        try:
            self._session.run(lambda client: client.create_folder(path), f"creating folder {shown(path)}")
        except CommandRefused as error:
            refusal = str(error)
        else:
            refusal = ""
        self.forget()
        if self._listed().find(name) is None:
            raise ConfigurationError(
                f"{refusal or 'the folder is not there after it was created'}; "
                f"make the folder {name} in mailbox {self._mailbox.name} by hand, or name another"
            )
        return path
