"""Filing stored mails away: MOVE, or COPY and UID EXPUNGE of what was surely copied, or on Gmail another label.

Nothing is deleted, no folder is ever expunged as a whole, and no mail counts as filed because the server said OK.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from imapclient import DELETED

from ingest.imap_client import Client
from ingest.imap_session import ImapSession, OpenFolder
from ingest.mailbox_errors import CommandRefused, FolderRenewed, Refused, shown
from ingest.mailbox_folders import Folders, Target

log = logging.getLogger(__name__)

# Servers may refuse command lines above 8,192 bytes; a UID takes up to eleven.
MOVES_AT_ONCE = 200
GMAIL = "X-GM-EXT-1"


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """A stored message to file away. `folder` is the server's name, as in `Message.folder`."""

    folder: str
    uidvalidity: int
    to: Target
    uid: int


class Filing:
    """Files mails away in one session. For the connection's own thread."""

    def __init__(self, session: ImapSession, folders: Folders) -> None:
        self._session = session
        self._folders = folders
        self._copied: set[Move] = set()

    def batches(self, moves: Iterable[Move]) -> Iterator[list[Move]]:
        """The moves in groups of one folder and one target, each for one command."""
        for _, group in groupby(sorted(set(moves)), key=lambda move: (move.folder, move.uidvalidity, move.to)):
            together = list(group)
            for start in range(0, len(together), MOVES_AT_ONCE):
                yield together[start : start + MOVES_AT_ONCE]

    def file(self, moves: Sequence[Move]) -> set[Move]:
        """Move one group of mails; returns the moves whose mail is in its folder no longer."""
        folder = OpenFolder(moves[0].folder, moves[0].uidvalidity, 0, read_only=False)
        try:
            left = self._carried(folder, moves)
        except FolderRenewed:
            return set()
        return {move for move in moves if move.uid not in left}

    def _carried(self, folder: OpenFolder, moves: Sequence[Move]) -> set[int]:
        """Move and return the UIDs that are still there.

        A refusal is taken once for news: of mails that others removed (then the rest is moved), or of a target
        folder that is gone (then it is made anew).
        """
        try:
            self._carry(folder, moves, self._folders.target(moves[0].to))
        except CommandRefused as error:
            log.warning("%s; trying once more", error)
            self._folders.forget()
        else:
            return self._present(folder, moves)
        left = self._present(folder, moves)
        return self._carried_again(folder, [move for move in moves if move.uid in left]) if left else left

    def _carried_again(self, folder: OpenFolder, moves: Sequence[Move]) -> set[int]:
        try:
            self._carry(folder, moves, self._folders.target(moves[0].to))
        except CommandRefused as error:
            raise Refused(f"{error}; the mails are stored, and stay where they are") from None
        return self._present(folder, moves)

    def _carry(self, folder: OpenFolder, moves: Sequence[Move], target: str) -> None:
        uids = [move.uid for move in moves]
        doing = f"moving {len(uids)} messages to {shown(target)}"
        if self._session.capable(GMAIL):
            self._session.run_in(folder, lambda client: _relabel(client, uids, folder.name, target), doing)
        elif self._session.capable("MOVE"):
            self._session.run_in(folder, lambda client: client.move(uids, target), doing)
        elif self._session.capable("UIDPLUS"):
            self._session.run_in(folder, lambda client: self._copy_and_expunge(client, moves, target), doing)
        else:
            log.info("mailbox %s: the server can neither MOVE nor UIDPLUS; mails stay", self._session.mailbox.name)

    def _copy_and_expunge(self, client: Client, moves: Sequence[Move], target: str) -> None:
        fresh = [move for move in moves if move not in self._copied]
        if fresh:
            client.copy([move.uid for move in fresh], target)
            codes = client.take_code("COPYUID")
            self._copied |= {move for move in fresh if any(names_as_copied(code, move.uid) for code in codes)}
        safe = [move.uid for move in moves if move in self._copied]
        if safe:
            client.add_flags(safe, [DELETED], silent=True)
            client.uid_expunge(safe)

    def _present(self, folder: OpenFolder, moves: Sequence[Move]) -> set[int]:
        uids = {move.uid for move in moves}
        return uids & set(self._session.search(folder, ["UID", uid_set(uids)]))


def uid_set(uids: Iterable[int]) -> str:
    """UIDs as a sequence set (RFC 3501 section 9), runs of neighbours joined: 1,2,3,7 becomes 1:3,7."""
    runs: list[list[int]] = []
    for uid in sorted(set(uids)):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(f"{first}:{last}" if last > first else str(first) for first, last in runs)


def names_as_copied(code: bytes, uid: int) -> bool:
    """Whether a COPYUID response code (RFC 4315 section 3), as `38505 304,319:320 3956:3958`, names a source UID."""
    words = code.split()
    if len(words) != 3:
        return False
    ranges = [[int(end) for end in part.split(b":")] for part in words[1].split(b",")]
    return any(min(ends) <= uid <= max(ends) for ends in ranges)


def _relabel(client: Client, uids: Sequence[int], source: str, target: str) -> None:
    # In Gmail a folder is a label. What EXPUNGE does to it is the account owner's setting, so only labels are changed.
    client.add_gmail_labels(uids, [target], silent=True)
    client.remove_gmail_labels(uids, ["\\Inbox" if source == "INBOX" else source], silent=True)
