"""A document's bytes -> UTF-8 that an XML parser can read, in steps, with every repair named.

Decides by byte-order mark, then by pattern, then by the XML declaration, and never lets a wrong declaration turn
text into other text unnoticed: the fault is repaired under a name, or the document is refused. The mark, leading
white space and the XML declaration are taken away, so the text begins with the root element, a comment or a DOCTYPE.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from ingest.unreadable import Unreadable

_HEAD = 4_096
_BLANKS = b" \t\r\n\v\f"
_DECLARATION = re.compile(r"<\?xml(?=[\s?])[^<>]{0,1000}?\?>\s*", re.IGNORECASE)
_ENCODING = re.compile(r"""\sencoding\s*=\s*["']?\s*([A-Za-z][A-Za-z0-9._:-]{0,39})""", re.IGNORECASE)
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]|\x1b\([IJ]")
_THREE_BYTES = re.compile(rb"[\xe0-\xf4]")
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_PATTERNS = (
    (re.compile(rb"(?:\s\0)*<\0[^\0]\0", re.DOTALL), "utf-16-le"),
    (re.compile(rb"(?:\0\s)*\0<\0[^\0]", re.DOTALL), "utf-16-be"),
)
_JAPANESE = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
    "euc-jp": "euc_jp",
    "eucjp": "euc_jp",
    "x-euc-jp": "euc_jp",
}
_OTHERS = {
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "latin-1": "latin-1",
    "l1": "latin-1",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "euc-kr": "euc_kr",
    "ks_c_5601-1987": "cp949",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "tis-620": "tis_620",
}
_NUMBERED = re.compile(r"(?:iso-8859-(?:[2-9]|1[013-6])|windows-125[0-8])")
_UTF_8 = ("utf-8", "utf8")
_AS_UTF_8 = ("utf-16", "utf-32", "us-ascii", "ascii", "iso-2022-jp")


@dataclass(frozen=True, slots=True)
class Utf8Text:
    """Text as valid UTF-8 without byte-order mark, without XML declaration and without characters that XML forbids.

    `repairs` names what was mended and is complete when the last of `steps` was read: declared-<x>-is-<y>,
    undeclared-<y>, invalid-<y> (unreadable bytes became U+FFFD), control-characters (became U+FFFD).
    """

    steps: Iterator[bytes]
    repairs: list[str]


def open_utf8(open_document: Callable[[], Iterator[bytes]]) -> Utf8Text:
    """Read a document (`Document.open`) as UTF-8, streaming: one step in memory at a time.

    Reading the steps raises `Unreadable("encoding", ...)` for a declared encoding that is unknown and is not UTF-8
    either, and whatever the document's own steps raise.
    """
    repairs: list[str] = []
    return Utf8Text(_utf8(open_document(), repairs), repairs)


def _utf8(steps: Iterator[bytes], repairs: list[str]) -> Iterator[bytes]:
    head = _first_bytes(steps)
    mark, codec = _marked(head)
    if codec and codec != "utf-8":
        text = _decoded(chain((head[len(mark) :],), steps), codec, "replace", repairs)
        return _wide(text, codec, repairs)
    head = head[len(mark) :].lstrip(_BLANKS)
    declaration = _DECLARATION.match(head[:_HEAD].decode("latin-1"))
    declared = _declared(declaration[0]) if declaration else ""
    rest = head[declaration.end() :] if declaration else head
    return _narrow(chain((rest,), steps), declared, bool(mark), repairs)


def _first_bytes(steps: Iterator[bytes]) -> bytes:
    """At least 4 KiB that are not all white space, or the whole document; leading white space of it is dropped."""
    head = b""
    for step in steps:
        head = _without_blanks(head + step)
        if len(head) >= _HEAD:
            break
    return head


def _without_blanks(head: bytes) -> bytes:
    """Without leading white space, unless it is the first half of a UTF-16 character."""
    return head if head[1:2] == b"\0" else head.lstrip(_BLANKS)


def _marked(head: bytes) -> tuple[bytes, str]:
    """The byte-order mark and the encoding that it, or the pattern of zero bytes, gives away; "" for neither."""
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return mark, codec
    return b"", next((codec for pattern, codec in _PATTERNS if pattern.match(head)), "")


def _declared(declaration: str) -> str:
    match = _ENCODING.search(declaration)
    return match[1].lower() if match else ""


def _wide(text: Iterator[bytes], codec: str, repairs: list[str]) -> Iterator[bytes]:
    """UTF-16 or UTF-32 already decoded: its declaration is taken away and compared."""
    head = _first_bytes(text)
    declaration = _DECLARATION.match(head[:_HEAD].decode("latin-1"))
    declared = _declared(declaration[0]) if declaration else ""
    if declared and not codec.startswith(declared.replace("_", "-")):
        repairs.append(f"declared-{declared}-is-{codec[:6]}")
    rest = head[declaration.end() :] if declaration else head
    if rest:
        yield rest
    yield from text


def _narrow(steps: Iterator[bytes], declared: str, marked: bool, repairs: list[str]) -> Iterator[bytes]:
    """Pass ASCII on as it is (all encodings here agree on it) and choose the encoding at the first other byte."""
    for step in steps:
        if _is_plain(step):
            if step:
                yield step
            continue
        sample = step + next(steps, b"")
        codec, errors = ("utf-8", "replace") if marked else _chosen(sample, declared)
        _name_choice(declared, codec, repairs)
        yield from _decoded(chain((sample,), steps), codec, errors, repairs)
        return


def _is_plain(step: bytes) -> bool:
    return step.isascii() and len(step.translate(None, _CONTROLS)) == len(step)


def _chosen(sample: bytes, declared: str) -> tuple[str, str]:
    """Codec and error mode for text whose first unusual byte lies in `sample`."""
    if sample.isascii() and _ISO_2022_JP.search(sample):
        return "iso2022_jp_ext", "replace"
    codec = _codec(declared)
    if codec == "utf-8" or _is_utf8(sample, declared):
        return "utf-8", "replace" if codec else "strict"
    if codec is None:
        raise Unreadable("encoding", f"the declared encoding {declared} is unknown, and the text is not UTF-8")
    return codec, "replace"


def _codec(declared: str) -> str | None:
    """Python's codec for a declared name; None when we do not know it.

    UTF-16 and UTF-32 without mark and zero bytes cannot be true, US-ASCII is part of UTF-8: all are read as UTF-8.
    """
    if not declared or declared in _UTF_8 or declared.startswith(_AS_UTF_8):
        return "utf-8"
    if _NUMBERED.fullmatch(declared):
        return declared
    return _JAPANESE.get(declared) or _OTHERS.get(declared)


def _is_utf8(sample: bytes, declared: str) -> bool:
    """Whether the sample is UTF-8 in spite of another declaration.

    Half-width kana in Shift_JIS and a few kanji pairs in EUC-JP are valid two-byte UTF-8 too, while Japanese in
    UTF-8 always has three-byte characters: without one, a Japanese declaration is believed.
    """
    try:
        codecs.utf_8_decode(sample, "strict", False)
    except UnicodeDecodeError:
        return False
    return declared not in _JAPANESE or bool(_THREE_BYTES.search(sample))


def _name_choice(declared: str, codec: str, repairs: list[str]) -> None:
    actual = "iso-2022-jp" if codec == "iso2022_jp_ext" else codec
    if actual == "utf-8" and declared in ("", *_UTF_8):
        return
    if actual == "iso-2022-jp" and not declared:
        repairs.append("undeclared-iso-2022-jp")
    elif actual in ("utf-8", "iso-2022-jp") and declared != actual:
        repairs.append(f"declared-{declared}-is-{actual}")


def _decoded(steps: Iterator[bytes], codec: str, errors: str, repairs: list[str]) -> Iterator[bytes]:
    """Transcode to UTF-8; bytes that the codec cannot read and characters that XML forbids become U+FFFD, named."""
    decoder = codecs.getincrementaldecoder(codec)(errors)
    for step, final in chain(((step, False) for step in steps), ((b"", True),)):
        if codec == "utf-8" and _is_plain(step) and not decoder.getstate()[0]:
            text = step
        else:
            text = _transcoded(decoder, step, final, codec, repairs)
        if text:
            yield text


def _transcoded(decoder: codecs.IncrementalDecoder, step: bytes, final: bool, codec: str, repairs: list[str]) -> bytes:
    try:
        text = decoder.decode(step, final)
    except UnicodeDecodeError:
        raise Unreadable("encoding", "the declared encoding is unknown, and the text is not UTF-8") from None
    if "\ufffd" in text:
        _name_once(f"invalid-{codec.replace('_', '-')}", repairs)
    if not _has_forbidden(text):
        return text.encode("utf-8")
    _name_once("control-characters", repairs)
    return _FORBIDDEN.sub("\ufffd", text).encode("utf-8")


def _has_forbidden(text: str) -> bool:
    encoded = text.encode("utf-8")
    controls = len(encoded) != len(encoded.translate(None, _CONTROLS))
    return controls or "\ufffe" in text or "\uffff" in text


def _name_once(repair: str, repairs: list[str]) -> None:
    if repair not in repairs:
        repairs.append(repair)
