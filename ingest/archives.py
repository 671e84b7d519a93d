"""Gzip and zip read from memory in small steps: every member, bounded, nothing written anywhere.

Knows the container formats only (RFC 1952, PKWARE APPNOTE 6.3); what the inflated text means is decided elsewhere.
Raises `Unreadable` and nothing else, whatever the bytes.
"""

import struct
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from ingest.unreadable import Unreadable

STEP = 65_536
GZIP_MEMBERS = 5_000
_GZIP = b"\x1f\x8b"
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64_SIZE = 20
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_COMMENT_MOST = 65_535
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_METHODS = {9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz", 98: "ppmd"}

Spend = Callable[[int], None]
"""Told of every inflated byte; raises `Unreadable` when the message has had its share."""


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a zip archive: its packed bytes still inside the archive, from `start` to `end`."""

    name: str
    encrypted: bool
    method: int
    crc: int
    start: int
    end: int

    @property
    def is_folder(self) -> bool:
        """True for the entry of a folder, which has no content."""
        return self.name.endswith("/")


def slices(content: bytes) -> Iterator[bytes]:
    """`content` in steps of at most 64 KiB."""
    for offset in range(0, len(content), STEP):
        yield content[offset : offset + STEP]


def gunzip(packed: Iterator[bytes], spend: Spend, notes: list[str]) -> Iterator[bytes]:
    """The text of all gzip members, in steps of at most 64 KiB.

    Bytes after the last member are noted, not refused (Mimecast adds CR LF). Raises `Unreadable` with
    truncated, bad_archive, too_many_members, or whatever `spend` raises.
    """
    rest = b""
    for _ in range(GZIP_MEMBERS):
        rest = _with_two_bytes(rest, packed)
        if not rest.startswith(_GZIP):
            _note_junk(rest, packed, notes)
            return
        rest = yield from _inflated(zlib.decompressobj(31), rest, packed, spend)
    raise Unreadable("too_many_members", f"more than {GZIP_MEMBERS:,} gzip members in one file")


def member_text(archive: bytes, member: Member, spend: Spend) -> Iterator[bytes]:
    """The text of one zip member in steps of at most 64 KiB; its CRC-32 is compared at the end.

    Raises `Unreadable` with encrypted, unsupported_compression, truncated, bad_archive, or what `spend` raises.
    """
    _refuse_unsupported(member)
    crc = 0
    for step in _member_steps(archive, member, spend):
        crc = zlib.crc32(step, crc)
        yield step
    if crc != member.crc:
        raise Unreadable("bad_archive", "a zip member's checksum does not match its content")


def zip_members(archive: bytes, most: int) -> tuple[Member, ...]:
    """Every entry of the archive's directory, in its order, folders too.

    Raises `Unreadable` with truncated (no directory), bad_archive, too_many_members (over `most` entries) or
    overlapping (two entries share bytes, as in zip bombs).
    """
    try:
        return _apart(_entries(archive, most))
    except struct.error:
        raise Unreadable("bad_archive", "the zip directory is damaged") from None


def _with_two_bytes(rest: bytes, packed: Iterator[bytes]) -> bytes:
    while len(rest) < 2:
        piece = next(packed, None)
        if piece is None:
            break
        rest += piece
    return rest


def _note_junk(rest: bytes, packed: Iterator[bytes], notes: list[str]) -> None:
    junk = len(rest) + sum(len(piece) for piece in packed)
    if junk:
        notes.append(f"{junk} bytes after the gzip data were ignored")


def _inflated(
    inflater: _Inflater, piece: bytes, packed: Iterator[bytes], spend: Spend
) -> Generator[bytes, None, bytes]:
    """Yields one compressed stream's text; returns the bytes that follow it in the last piece read."""
    while True:
        try:
            text = inflater.decompress(piece, STEP)
        except zlib.error as error:
            raise Unreadable("bad_archive", f"the compressed data is damaged ({_short(error)})") from None
        if text:
            spend(len(text))
            yield text
        if inflater.eof:
            return inflater.unused_data
        piece = inflater.unconsumed_tail or next(packed, b"")
        if not piece and not text:
            raise Unreadable("truncated", "the compressed data ends too early")


def _short(error: zlib.error) -> str:
    return str(error).rpartition(": ")[2][:60]


def _refuse_unsupported(member: Member) -> None:
    if member.encrypted:
        raise Unreadable("encrypted", "the zip member is encrypted; ask the sender for a plain one")
    if member.method not in (_STORED, _DEFLATED):
        method = _METHODS.get(member.method, f"method {member.method}")
        raise Unreadable("unsupported_compression", f"the zip member is compressed with {method}; only deflate is read")


def _member_steps(archive: bytes, member: Member, spend: Spend) -> Iterator[bytes]:
    packed = _packed_slices(archive, member)
    if member.method == _DEFLATED:
        yield from _inflated(zlib.decompressobj(-15), b"", packed, spend)
        return
    for step in packed:
        spend(len(step))
        yield step


def _packed_slices(archive: bytes, member: Member) -> Iterator[bytes]:
    for offset in range(member.start, member.end, STEP):
        yield archive[offset : min(offset + STEP, member.end)]


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where the central directory lies; `shift` is added to every offset (bytes put before the archive)."""

    start: int
    end: int
    shift: int


def _directory(archive: bytes) -> _Directory:
    end = archive.rfind(b"PK\x05\x06", max(0, len(archive) - _COMMENT_MOST - _END.size))
    if end < 0:
        raise Unreadable("truncated", "the zip archive has no directory: it was cut")
    *_, size, offset, _ = _END.unpack_from(archive, end)
    if _FULL32 in (size, offset):
        end, size, offset = _directory64(archive, end)
    start = end - size
    if start < offset:
        raise Unreadable("bad_archive", "the zip directory is damaged")
    return _Directory(start, end, start - offset)


def _directory64(archive: bytes, end: int) -> tuple[int, int, int]:
    end -= _LOCATOR64_SIZE + _END64.size
    if end < 0:
        raise Unreadable("bad_archive", "the zip directory is damaged")
    signature, *_, size, offset = _END64.unpack_from(archive, end)
    if signature != b"PK\x06\x06":
        raise Unreadable("bad_archive", "the zip directory is damaged")
    return end, size, offset


def _entries(archive: bytes, most: int) -> list[tuple[int, Member]]:
    """Each entry with the offset of its local header."""
    directory = _directory(archive)
    entries: list[tuple[int, Member]] = []
    position = directory.start
    while position < directory.end:
        if len(entries) == most:
            raise Unreadable("too_many_members", f"more than {most} members in one zip (setting limits.members)")
        entry, position = _entry(archive, position, directory)
        entries.append(entry)
    return entries


def _entry(archive: bytes, position: int, directory: _Directory) -> tuple[tuple[int, Member], int]:
    fields = _ENTRY.unpack_from(archive, position)
    signature, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length = fields[:13]
    if signature != b"PK\x01\x02":
        raise Unreadable("bad_archive", "the zip directory is damaged")
    name_end = position + _ENTRY.size + name_length
    name = archive[position + _ENTRY.size : name_end]
    extra = archive[name_end : name_end + extra_length]
    packed, local = _large_values(extra, size, packed, fields[-1])
    start, end = _member_bounds(archive, local + directory.shift, packed, directory.start)
    member = Member(_name(name), bool(flags & 1), method, crc, start, end)
    return (local + directory.shift, member), name_end + extra_length + comment_length


def _large_values(extra: bytes, size: int, packed: int, local: int) -> tuple[int, int]:
    """Packed size and offset out of the zip64 extra field (APPNOTE 4.5.3) where the short fields are full."""
    if _FULL32 not in (size, packed, local):
        return packed, local
    values = _zip64_values(extra)
    if size == _FULL32:
        next(values, None)
    if packed == _FULL32:
        packed = next(values, packed)
    if local == _FULL32:
        local = next(values, local)
    return packed, local


def _zip64_values(extra: bytes) -> Iterator[int]:
    position = 0
    while position + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, position)
        if tag == 1:
            usable = min(length, len(extra) - position - 4) // 8
            yield from struct.unpack_from(f"<{usable}Q", extra, position + 4)
            return
        position += 4 + length


def _member_bounds(archive: bytes, local: int, packed: int, directory_start: int) -> tuple[int, int]:
    if local + _LOCAL.size > directory_start:
        raise Unreadable("bad_archive", "a zip member lies outside the archive")
    signature, *_, name_length, extra_length = _LOCAL.unpack_from(archive, local)
    start = local + _LOCAL.size + name_length + extra_length
    if signature != b"PK\x03\x04" or start + packed > directory_start:
        raise Unreadable("bad_archive", "a zip member lies outside the archive")
    return start, start + packed


def _name(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


def _apart(entries: list[tuple[int, Member]]) -> tuple[Member, ...]:
    """The members, or `overlapping` when one begins before another ends."""
    spans = sorted((local, member.end) for local, member in entries)
    if any(later < end for (_, end), (later, _) in pairwise(spans)):
        raise Unreadable("overlapping", "members of the zip share the same bytes")
    return tuple(member for _, member in entries)
