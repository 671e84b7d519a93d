"""The doors from the browser app to the writing side: files that staff drops, and a message to be read again.

A page neither reads a report nor imports what does. Whoever starts the server opens the doors with something that does
the errand elsewhere (`sekisho/doors.py`: in a program of its own); here are the role, the audit row and the values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from analysis.frames import Connection
from dashboard import session
from dashboard.session import Visit
from store import office
from store.actor import Actor

STAFF = ("operator", "staff")
_HELD: list["Doors"] = []


class Closed(Exception):
    """This server was started without doors."""


class Busy(Exception):
    """Another run reads at this moment, or the store is busy; nothing was read. Trying again later helps."""


class Failed(Exception):
    """The errand ended early; what had been read is stored. The server's log says why."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as the browser sent it. The name is a stranger's text and never a path."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: a file is one, an mbox holds several. `state` is one of schema.MESSAGE_STATES.

    `reason` is None where there is nothing to say; `records` and `messages` count what was newly stored.
    """

    name: str
    state: str
    reason: str | None
    records: int
    messages: int


Told = Callable[[Outcome], None]


class Doors(Protocol):
    """Who does the errands; calls `told` for every message once it is safe in the store. Raises Busy, Failed."""

    def upload(self, files: Sequence[File], told: Told) -> None:
        """Have files of reports read."""

    def retry(self, message_id: int, told: Told) -> None:
        """Have a message in quarantine read again."""


def open_with(doors: Doors) -> None:
    """Open the doors of this process."""
    _HELD[:] = [doors]


def close() -> None:
    """Close them again."""
    _HELD.clear()


def are_open() -> bool:
    """Whether errands are possible here."""
    return bool(_HELD)


def upload(visit: Visit, files: Sequence[File], told: Told) -> None:
    """Have the files read and stored. Raises Closed, Busy, Failed, Ended, StoreError."""
    doors = _opened()
    _audit(visit, [("upload", file.name, f"sha256 {sha256(file.content).hexdigest()}") for file in files])
    doors.upload(files, told)


def retry(visit: Visit, message_id: int, told: Told) -> None:
    """Have a message in quarantine read again. Raises Closed, Busy, Failed, Ended, StoreError."""
    doors = _opened()
    _audit(visit, [("quarantine-retry", str(message_id), None)])
    doors.retry(message_id, told)


def _opened() -> Doors:
    if not _HELD:
        raise Closed
    return _HELD[0]


def _audit(visit: Visit, rows: Sequence[tuple[str, str, str | None]]) -> None:
    """Write who asks for what, once session and role have been looked up again."""

    def write(connection: Connection, actor: Actor) -> None:
        for action, subject, detail in rows:
            office.audit(
                connection,
                at=actor.at,
                actor=actor.name,
                action=action,
                subject=subject,
                address=actor.address,
                detail=detail,
            )

    session.change(visit, STAFF, write)
