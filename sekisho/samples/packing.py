"""gzip, zip, mail and mbox written byte for byte: no clock, no random boundary, no zlib.

zlib and zlib-ng compress the same text to different bytes, so the samples have their own small deflate
(RFC 1951: greedy matches, one block with its own Huffman codes).
"""

import base64
import heapq
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_LENGTH_BASES = (
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    13,
    15,
    17,
    19,
    23,
    27,
    31,
    35,
    43,
    51,
    59,
    67,
    83,
    99,
    115,
    131,
    163,
    195,
    227,
)
_DISTANCE_BASES = tuple(
    map(
        int,
        (
            "1 2 3 4 5 7 9 13 17 25 33 49 65 97 129 193 257 385 513 769 1025 1537 2049 3073 "
            "4097 6145 8193 12289 16385 24577"
        ).split(),
    )
)
_CODE_LENGTH_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
_END = 256

Bits = tuple[int, int]  # value, number of bits; the lowest bit is written first


def _length_symbol(length: int) -> tuple[int, Bits]:
    if length == 258:
        return 285, (0, 0)
    index = max(at for at, base in enumerate(_LENGTH_BASES) if base <= length)
    return 257 + index, (length - _LENGTH_BASES[index], max(0, index // 4 - 1))


def _distance_symbol(distance: int) -> tuple[int, Bits]:
    index = max(at for at, base in enumerate(_DISTANCE_BASES) if base <= distance)
    return index, (distance - _DISTANCE_BASES[index], max(0, index // 2 - 1))


_LENGTHS = {length: _length_symbol(length) for length in range(3, 259)}
_NEAR = {distance: _distance_symbol(distance) for distance in range(1, 32769)}

Token = tuple[int, int]  # a byte and 0, or a match length and its distance


def _tokens(content: bytes) -> Iterator[Token]:
    seen: dict[bytes, int] = {}
    at, size = 0, len(content)
    while at < size:
        key = content[at : at + 4]
        found = seen.get(key, -1)
        length = _match(content, found, at) if len(key) == 4 and found >= 0 and at - found <= 32768 else 0
        yield (length, at - found) if length else (content[at], 0)
        for inside in range(at, at + max(1, length)):
            seen[content[inside : inside + 4]] = inside
        at += max(1, length)


def _match(content: bytes, found: int, at: int) -> int:
    length, most = 4, min(258, len(content) - at)
    while length < most and content[found + length] == content[at + length]:
        length += 1
    return length


def _code_lengths(counts: dict[int, int], size: int, most: int) -> list[int]:
    """Huffman code lengths of at most `most` bits for symbols 0 to size - 1; flatter counts until they fit."""
    while True:
        lengths = _huffman(counts)
        if max(lengths.values()) <= most:
            return [lengths.get(symbol, 0) for symbol in range(size)]
        counts = {symbol: count // 2 + 1 for symbol, count in counts.items()}


def _huffman(counts: dict[int, int]) -> dict[int, int]:
    if len(counts) == 1:
        return dict.fromkeys(counts, 1)
    heap: list[tuple[int, int, tuple[int, ...]]] = [
        (count, symbol, (symbol,)) for symbol, count in sorted(counts.items())
    ]
    heapq.heapify(heap)
    lengths = dict.fromkeys(counts, 0)
    while len(heap) > 1:
        one, two = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in one[2] + two[2]:
            lengths[symbol] += 1
        heapq.heappush(heap, (one[0] + two[0], min(one[1], two[1]), one[2] + two[2]))
    return lengths


def _codes(lengths: Sequence[int]) -> dict[int, Bits]:
    """Canonical codes (RFC 1951 section 3.2.2), reversed because deflate sends them from the top bit."""
    code, codes = 0, {}
    for bits in range(1, 16):
        for symbol in (at for at, length in enumerate(lengths) if length == bits):
            codes[symbol] = (int(f"{code:0{bits}b}"[::-1], 2), bits)
            code += 1
        code <<= 1
    return codes


def _packed_lengths(lengths: Sequence[int]) -> Iterator[tuple[int, Bits]]:
    """Code lengths with runs of zeros folded (symbols 17 and 18)."""
    at = 0
    while at < len(lengths):
        run = next(
            (ahead for ahead, length in enumerate(lengths[at : at + 138]) if length), len(lengths[at : at + 138])
        )
        if run >= 11:
            yield 18, (run - 11, 7)
        elif run >= 3:
            yield 17, (run - 3, 3)
        else:
            run = 1
            yield lengths[at], (0, 0)
        at += run


def _header(literal: list[int], distance: list[int]) -> Iterator[Bits]:
    packed = list(_packed_lengths(literal + distance))
    lengths = _code_lengths(dict(Counter(symbol for symbol, _ in packed)), 19, 7)
    codes = _codes(lengths)
    yield from ((1, 1), (2, 2), (len(literal) - 257, 5), (len(distance) - 1, 5), (15, 4))
    yield from ((lengths[symbol], 3) for symbol in _CODE_LENGTH_ORDER)
    for symbol, extra in packed:
        yield codes[symbol]
        yield extra


def _block(tokens: Sequence[Token]) -> Iterator[Bits]:
    literal_counts, distance_counts = Counter({_END: 1}), Counter[int]()
    for value, distance in tokens:
        literal_counts[_LENGTHS[value][0] if distance else value] += 1
        if distance:
            distance_counts[_NEAR[distance][0]] += 1
    literal = _code_lengths(dict(literal_counts), 286, 15)
    near = _code_lengths(dict(distance_counts) or {0: 1}, 30, 15)
    literal_codes, near_codes = _codes(literal), _codes(near)
    yield from _header(literal, near)
    for value, distance in tokens:
        if not distance:
            yield literal_codes[value]
            continue
        symbol, extra = _LENGTHS[value]
        yield literal_codes[symbol]
        yield extra
        symbol, extra = _NEAR[distance]
        yield near_codes[symbol]
        yield extra
    yield literal_codes[_END]


def _bytes_of(bits: Iterable[Bits]) -> bytes:
    out, held, filled = bytearray(), 0, 0
    for value, count in bits:
        held |= value << filled
        filled += count
        if filled >= 64:
            out += (held & (2**64 - 1)).to_bytes(8, "little")
            held >>= 64
            filled -= 64
    return bytes(out + held.to_bytes((filled + 7) // 8, "little"))


def deflate(content: bytes) -> bytes:
    """A raw deflate stream (RFC 1951) of `content`, equal on every machine."""
    return _bytes_of(_block(list(_tokens(content))))


def deflate_run(unit: bytes, size: int) -> bytes:
    """A raw deflate stream of `unit` repeated up to `size` bytes, without building them (for bombs)."""
    matches, rest = divmod(size - len(unit), 258)
    tokens: list[Token] = [(byte, 0) for byte in unit]
    tokens += [(258, len(unit))] * matches
    tokens += [((unit * 258)[(258 * matches + at) % len(unit)], 0) for at in range(rest)]
    return _bytes_of(_block(tokens))


_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def gzip(content: bytes) -> bytes:
    """One gzip member (RFC 1952) without time and name."""
    return _GZIP_HEADER + deflate(content) + struct.pack("<II", zlib.crc32(content), len(content) % 2**32)


def gzip_run(unit: bytes, size: int) -> bytes:
    """One gzip member that inflates to `size` bytes of repeated `unit`."""
    crc, left = 0, size
    piece = unit * (1_000_000 // len(unit))
    while left > 0:
        crc = zlib.crc32(piece[:left], crc)
        left -= len(piece)
    return _GZIP_HEADER + deflate_run(unit, size) + struct.pack("<II", crc, size % 2**32)


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a zip archive; `flags`, `method` and `attributes` as the zip format has them."""

    name: str
    content: bytes = b""
    flags: int = 0
    method: int = 8
    attributes: int = 0


def zipped(members: Iterable[Member]) -> bytes:
    """A zip archive whose entries all bear 1980-01-01 00:00."""
    body, directory, entries = bytearray(), bytearray(), tuple(members)
    for member in entries:
        name = member.name.encode()
        packed = deflate(member.content) if member.method == 8 else member.content
        sizes = (zlib.crc32(member.content), len(packed), len(member.content), len(name))
        common = struct.pack("<HHHHHIIIHH", 20, member.flags, member.method, 0, 33, *sizes, 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 0x0314) + common
        directory += struct.pack("<HHHII", 0, 0, 0, member.attributes, len(body)) + name
        body += b"PK\x03\x04" + common + name + packed
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(directory), len(body), 0)
    return bytes(body + directory) + b"PK\x05\x06" + end


def lines_of(content: bytes) -> str:
    """Base64 in lines of 76 characters (RFC 2045)."""
    return base64.encodebytes(content).decode().rstrip("\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One MIME part: its header lines and its body as it stands in the mail."""

    headers: tuple[str, ...]
    body: str


def mail(headers: Sequence[str], *parts: Part, subtype: str = "mixed", encoding: str = "ascii") -> bytes:
    """A mail of one part, or a multipart mail of several. Lines end in LF, as in a mailbox file."""
    if len(parts) == 1:
        text = "\n".join([*headers, *parts[0].headers, "", parts[0].body, ""])
        return text.encode(encoding)
    inside = "".join(part.body for part in parts)
    boundary = f"=_{zlib.crc32(inside.encode()):08x}"
    pieces = [f"--{boundary}\n" + "\n".join([*part.headers, "", part.body]) for part in parts]
    opening = [*headers, "MIME-Version: 1.0", f'Content-Type: multipart/{subtype}; boundary="{boundary}"', ""]
    return "\n".join([*opening, *pieces, f"--{boundary}--", ""]).encode(encoding)


def mbox(mails: Iterable[tuple[str, bytes]]) -> bytes:
    """A mailbox file of (envelope line, mail): the line that starts with `From ` comes before each mail."""
    return b"".join(f"From {line}\n".encode() + content + b"\n" for line, content in mails)
