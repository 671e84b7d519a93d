"""Files and folders -> the same stream of messages that a mailbox gives.

A file is one message, whatever it holds; an mbox is one message per mail in it; a folder is everything in it, sorted,
with its folders. Left out are names that begin with a dot, things that are not files (pipes, devices, sockets), linked
folders, and all of a Maildir but its mails. Reads only; what a file is worth is decided when its message is read.
"""

import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ingest.reading import Message, Refusal
from settings import Limits

_HEAD = 4_096
_LINE_MOST = 65_536
_MBOX_START = re.compile(rb"From [^\n]*\d\d:\d\d[^\n]*\n>?[!-9;-~]+[ \t]*:")
_MBOX_SEPARATOR = re.compile(rb"From [^\n]*\d\d:\d\d")


class NoSuchInput(Exception):
    """A path given by an operator that does not exist or is neither file nor folder."""


def messages(paths: Iterable[Path], limits: Limits) -> Iterator[Message]:
    """Every message in the paths, in the order given, folders sorted by name.

    Each path is looked at before anything is read: raises `NoSuchInput` naming all that are not there. A file that
    is too long or cannot be opened yields a message without content; `unread` says why.
    """
    named = tuple(paths)
    _refuse_missing(named)
    return (message for path in named for file in _files(path) for message in _in_file(file, limits))


def in_content(place: str, content: bytes, limits: Limits) -> Iterator[Message]:
    """Every message in a file that is in memory already: the mails of an mbox, else the whole file as one message."""
    if _MBOX_START.match(content):
        yield from _in_mbox(place, io.BytesIO(content), limits)
    else:
        yield Message(place, content if len(content) <= limits.message_bytes else b"", size=len(content))


def count(paths: Iterable[Path]) -> int | None:
    """How many messages `messages` will yield, or None when an mbox is among them (it would have to be read)."""
    named = tuple(paths)
    _refuse_missing(named)
    files = 0
    for path in named:
        for file in _files(path):
            if _is_mbox(file):
                return None
            files += 1
    return files


def unread(message: Message, limits: Limits) -> Refusal | None:
    """Why a message of `messages` has a size but no content, or None when its content is there."""
    if message.content or not message.size:
        return None
    if message.mailbox is not None:
        detail = f"{message.size:,} bytes; it was not downloaded (setting largest_message_bytes of the mailbox)"
        return Refusal("too_big", detail)
    if message.size > limits.message_bytes:
        detail = f"{message.size:,} bytes; at most {limits.message_bytes:,} are read (setting limits.message_bytes)"
        return Refusal("too_big", detail)
    return Refusal("unreadable_file", "the file cannot be opened: check its permissions, then run ingest again")


def _refuse_missing(paths: tuple[Path, ...]) -> None:
    missing = [str(path) for path in paths if not _is_there(path)]
    if missing:
        raise NoSuchInput(
            f"no such file or folder: {', '.join(missing)}. Check the spelling, and from which folder you call"
        )


def _is_there(path: Path) -> bool:
    """Whether a path is a file or folder; one that may not be looked at is taken for a file and found unreadable."""
    try:
        return path.is_file() or path.is_dir()
    except OSError:
        return True


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _files(path: Path) -> Iterator[Path]:
    if not _is_folder(path):
        yield path
    elif _is_maildir(path):
        yield from _maildir_files(path)
    else:
        yield from _folder_files(path)


def _folder_files(folder: Path) -> Iterator[Path]:
    """Files of a folder and its folders; the folder's own path when it may not be listed, to be found unreadable."""
    try:
        entries = _entries(folder)
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif _is_file(entry):
            yield Path(entry.path)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return True


def _is_maildir(folder: Path) -> bool:
    return all(_is_folder(folder / name) for name in ("cur", "new"))


def _maildir_files(maildir: Path) -> Iterator[Path]:
    """Mails of `cur` and `new`; then the Maildir++ folders, whose names begin with a dot. `tmp` is not for readers."""
    for name in ("cur", "new"):
        yield from _folder_files(maildir / name)
    for folder in sorted(maildir.iterdir()):
        if not folder.is_symlink() and _is_maildir(folder):
            yield from _maildir_files(folder)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_mbox(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return bool(_MBOX_START.match(file.read(_HEAD)))
    except OSError:
        return False


def _in_file(path: Path, limits: Limits) -> Iterator[Message]:
    try:
        with path.open("rb") as file:
            yield from _in_open_file(path, file, limits)
    except FileNotFoundError:
        return  # a Maildir mail that another program has just moved
    except OSError:
        yield Message(str(path), b"", size=max(1, _size(path)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _in_open_file(path: Path, file: BinaryIO, limits: Limits) -> Iterator[Message]:
    head = file.read(_HEAD)
    if _MBOX_START.match(head):
        file.seek(0)
        yield from _in_mbox(str(path), file, limits)
        return
    size = os.fstat(file.fileno()).st_size
    content = head + file.read() if size <= limits.message_bytes else b""
    yield Message(str(path), content, size=size)


@dataclass(slots=True)
class _Mail:
    """One mail of an mbox while its lines arrive; lines past the limit are counted, not kept."""

    number: int
    most: int
    size: int = 0
    kept: list[bytes] = field(default_factory=list)

    def add(self, line: bytes) -> None:
        self.size += len(line)
        if self.size <= self.most:
            self.kept.append(line)
        else:
            self.kept.clear()

    def message(self, place: str) -> Message:
        return Message(f"{place}#{self.number}", b"".join(self.kept), size=self.size)


def _in_mbox(place: str, file: BinaryIO, limits: Limits) -> Iterator[Message]:
    """Each mail of an mbox, one in memory at a time. A mail begins with a `From ` line after an empty one."""
    mail: _Mail | None = None
    before = b"\n"
    while line := file.readline(_LINE_MOST):
        if before in (b"\n", b"\r\n") and line.startswith(b"From ") and _MBOX_SEPARATOR.match(line):
            if mail:
                yield mail.message(place)
            mail = _Mail((mail.number if mail else 0) + 1, limits.message_bytes)
        elif mail:
            mail.add(line)
        before = line
    if mail:
        yield mail.message(place)
