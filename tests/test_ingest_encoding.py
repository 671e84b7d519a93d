"""Encodings: the right text or a named repair or a refusal, whatever a report declares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.encoding import open_utf8
from ingest.unreadable import Unreadable

ORG = "例の受信者株式会社"


def read(content: bytes, step: int = 65_536) -> tuple[str, list[str]]:
    """Text and repairs of a document that arrives in steps of this size."""
    steps = [content[place : place + step] for place in range(0, len(content), step)]
    text = open_utf8(lambda: iter(steps))
    whole = b"".join(text.steps)
    return whole.decode("utf-8"), text.repairs


def declared(encoding: str, org: str = ORG) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>\n<feedback><org_name>{org}</org_name></feedback>'


def plain(org: str = ORG) -> str:
    return f"<feedback><org_name>{org}</org_name></feedback>"


@pytest.mark.parametrize(
    "content",
    [
        declared("UTF-8").encode(),
        plain().encode(),
        b"\xef\xbb\xbf" + declared("utf-8").encode(),
        b"\n \r\n\t" + declared("utf-8").encode(),
        b"\xef\xbb\xbf\n" + plain().encode(),
        declared("UTF-16").encode("utf-16"),
        b"\xfe\xff" + declared("UTF-16").encode("utf-16-be"),
        declared("UTF-16").encode("utf-16-le"),
        declared("UTF-16").encode("utf-16-be"),
        ("\n " + plain()).encode("utf-16-le"),
        plain().encode("utf-16"),
        declared("UTF-32").encode("utf-32"),
        declared("Shift_JIS").encode("cp932"),
        declared("Windows-31J").encode("cp932"),
        declared("EUC-JP").encode("euc_jp"),
        declared("ISO-2022-JP").encode("iso2022_jp"),
        declared("GB18030").encode("gb18030"),
    ],
)
@pytest.mark.parametrize("step", [65_536, 7])
def test_a_true_declaration_or_mark_gives_the_text_and_no_repair(content: bytes, step: int) -> None:
    assert read(content, step) == (plain(), [])


def test_latin_letters_are_read_by_their_declaration() -> None:
    assert read(declared("ISO-8859-1", "Empfänger").encode("latin-1")) == (plain("Empfänger"), [])
    assert read(declared("windows-1252", "“Empfänger”").encode("cp1252")) == (plain("“Empfänger”"), [])
    assert read(declared("iso-8859-2", "Příjemce").encode("iso-8859-2")) == (plain("Příjemce"), [])


@pytest.mark.parametrize("encoding", ["iso-8859-1", "shift_jis", "euc-jp", "us-ascii", "utf-16", "x-unheard-of"])
def test_utf8_under_another_declaration_is_read_and_named(encoding: str) -> None:
    assert read(declared(encoding).encode()) == (plain(), [f"declared-{encoding}-is-utf-8"])


def test_utf16_under_another_declaration_is_read_and_named() -> None:
    assert read(declared("utf-8").encode("utf-16")) == (plain(), ["declared-utf-8-is-utf-16"])


def test_iso_2022_jp_that_nothing_declares_is_read_and_named() -> None:
    assert read(plain().encode("iso2022_jp")) == (plain(), ["undeclared-iso-2022-jp"])
    assert read(declared("utf-8").encode("iso2022_jp")) == (plain(), ["declared-utf-8-is-iso-2022-jp"])


def test_half_width_kana_in_shift_jis_are_not_taken_for_utf8() -> None:
    kana = plain("ﾂｱ").encode("cp932")
    kana.decode("utf-8")  # the trap: these bytes are valid UTF-8 as well

    assert read(declared("Shift_JIS", "ﾂｱ").encode("cp932")) == (plain("ﾂｱ"), [])


def test_bytes_that_are_not_utf8_become_replacement_characters_and_are_named() -> None:
    assert read(b"<a>caf\xe9 \xe4\xbe\x8b</a>") == ("<a>caf\ufffd 例</a>", ["invalid-utf-8"])
    cut = declared("shift_jis", "例X!").encode("cp932").replace(b"X!", b"\x85!")
    assert read(cut) == (plain("例\ufffd!"), ["invalid-cp932"])


def test_a_cut_last_character_is_named() -> None:
    assert read(b"<a>" + "例".encode()[:2]) == ("<a>\ufffd", ["invalid-utf-8"])
    assert read("<a>例".encode("utf-16-le") + b"\x12") == ("<a>例\ufffd", ["invalid-utf-16-le"])


def test_characters_that_xml_forbids_are_replaced_and_named() -> None:
    assert read(b"<a>\x00b\x1b\x08\tc\r\n</a>") == ("<a>\ufffdb\ufffd\ufffd\tc\r\n</a>", ["control-characters"])
    assert read("<a>\ufffe例</a>".encode()) == ("<a>\ufffd例</a>", ["control-characters"])


def test_a_fault_far_behind_is_repaired_without_losing_what_came_before() -> None:
    content = b"<a>" + b"x" * 200_000 + "例".encode() * 50_000 + b"\xff" + b"y" * 100_000 + b"</a>"

    text, repairs = read(content)

    assert text == "<a>" + "x" * 200_000 + "例" * 50_000 + "\ufffd" + "y" * 100_000 + "</a>"
    assert repairs == ["invalid-utf-8"]


def test_an_unknown_encoding_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(Unreadable) as refused:
        read(declared("x-unheard-of").encode("euc_jp"))

    assert refused.value.code == "encoding"


def test_a_codec_that_is_no_text_encoding_is_never_looked_up() -> None:
    for name in ("rot13", "zlib_codec", "unicode_escape", "idna", "utf-7", "encodings.cp932"):
        with pytest.raises(Unreadable):
            read(declared(name).encode("euc_jp"))


def test_a_declaration_with_single_quotes_or_standalone_is_taken_away() -> None:
    assert read(b"<?xml version='1.0' encoding='utf-8' standalone='yes'?><a/>") == ("<a/>", [])
    assert read(b'<?xml version="1.1"?>\r\n<!-- note --><a/>') == ("<!-- note --><a/>", [])
    assert read(b"<?xml-stylesheet href='x'?><a/>") == ("<?xml-stylesheet href='x'?><a/>", [])


def test_a_document_of_blanks_is_empty() -> None:
    assert read(b" \r\n" * 100_000) == ("", [])


@given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from(["", "utf-8", "shift_jis", "x-none", "utf-16"]))
def test_whatever_arrives_the_text_is_utf8_without_forbidden_characters(body: bytes, step: int, encoding: str) -> None:
    start = f'<?xml version="1.0" encoding="{encoding}"?>'.encode() if encoding else b""
    try:
        text, _ = read(start + b"<a>" + body, step)
    except Unreadable:
        assert encoding == "x-none"
        return

    assert not set(text) & set("\x00\x01\x08\x0b\x1b\x1f\ufffe\uffff")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=200), st.integers(1, 50))
def test_valid_utf8_passes_unchanged_however_it_is_cut_into_steps(body: str, step: int) -> None:
    assert read(f"<a>{body}</a>".encode(), step) == (f"<a>{body}</a>", ["invalid-utf-8"] if "\ufffd" in body else [])
