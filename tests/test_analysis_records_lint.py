"""Record texts as people paste them: what is found, where, and the corrected record."""

import base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.records.findings import Severity
from analysis.records.lint import Kind, Linted, lint

# The public key of RFC 8463 appendix A.2, and moduli of ones: only their length is read.
ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

CLEAN = [
    "v=spf1 ip4:203.0.113.5 -all",
    "v=spf1 include:_spf.example.com ~all",
    "v=spf1 redirect=_spf.example.com",
    "v=spf1 -all",
    "v=spf1 a mx:mail.example.jp/28//64 ip6:2001:db8::/32 exists:%{i}._spf.example.jp ?exists:a.example.jp -all",
    "v=spf1 include:spf.example.com exp=explain._spf.%{d} -all",
    "v=DMARC1; p=none; rua=mailto:dmarc@example.jp",
    "v=DMARC1;p=reject;rua=mailto:a@example.jp,mailto:b@example.com;",
    "v=DMARC1; p=quarantine; t=y; pct=0; rua=mailto:dmarc@example.jp",
    "v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=s; psd=n; t=n; fo=1:d; rua=mailto:a@example.jp;"
    " ruf=mailto:a@example.jp",
    "v = DMARC1\t;\tp = none ; rua = mailto:dmarc@example.jp , mailto:b@example.jp",
    ED25519,
]


def length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    return bytes([0x82]) + size.to_bytes(2, "big")


def der(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + length(len(content)) + content


def rsa(bits: int) -> str:
    """A public key of this many bits as a DKIM record holds it: SubjectPublicKeyInfo of RFC 8017's RSAPublicKey."""
    modulus = der(0x02, b"\x00" + b"\xff" * (bits // 8))
    key = der(0x30, modulus + der(0x02, b"\x01\x00\x01"))
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return base64.b64encode(der(0x30, algorithm + der(0x03, b"\x00" + key))).decode()


def ids(found: Linted) -> list[str]:
    return [each.id for each in found.findings]


def quoted(text: str, found: Linted) -> list[str | None]:
    return [None if each.at is None else text[slice(*each.at)] for each in found.findings]


# The text; its kind; whether it is valid; what is found and the part of the text it is about; the corrected record.
LINES: list[tuple[str, str, bool, list[tuple[str, str | None]], str | None]] = [
    (
        "v=spf1 +ipv4:203.0.113.5 -all",
        "spf",
        False,
        [("S2", "+ipv4:203.0.113.5")],
        "v=spf1 +ip4:203.0.113.5 -all",
    ),
    (
        "“v=DMARC1 ; P=none”",
        "dmarc",
        False,
        [("D19", "“"), ("D20", "P"), ("D6", None)],
        "v=DMARC1 ; p=none",
    ),
    ("v=DMARC1 ; P=none", "dmarc", True, [("D20", "P"), ("D6", None)], "v=DMARC1 ; p=none"),
    (
        "v=spf1 include:_spf.example.com -all\nv=spf1 ip4:192.0.2.1 include:_spf.example.com ~all",
        "spf",
        False,
        [("S1", "v=spf1 ip4:192.0.2.1 include:_spf.example.com ~all")],
        "v=spf1 include:_spf.example.com ip4:192.0.2.1 ~all",
    ),
    ("v=spf1 mx +all", "spf", False, [("S8", "+all")], "v=spf1 mx ~all"),
    ("v=spf1 mx all", "spf", False, [("S8", "all")], "v=spf1 mx ~all"),
    ("v=spf1 mx ?all", "spf", True, [("S8", "?all")], "v=spf1 mx ~all"),
    ("v=spf1 mx", "spf", True, [("S8", None)], "v=spf1 mx ~all"),
    (
        "v=spf1 " + " ".join(f"include:s{n}.example.com" for n in range(11)) + " -all",
        "spf",
        False,
        [("S4", None)],
        None,
    ),
    (
        "v=dmarc1; p=none; rua=mailto:dmarc@example.jp",
        "dmarc",
        False,
        [("D3", "v=dmarc1")],
        "v=DMARC1; p=none; rua=mailto:dmarc@example.jp",
    ),
    (
        "v=DMARC1; p=quarentine; rua=mailto:dmarc@example.jp",
        "dmarc",
        False,
        [("D5", "quarentine")],
        "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.jp",
    ),
    (
        "v=DMARC1; p=none; rua=dmarc@example.jp",
        "dmarc",
        False,
        [("D7", "dmarc@example.jp")],
        "v=DMARC1; p=none; rua=mailto:dmarc@example.jp",
    ),
    (
        "v=DMARC1; p=quarantine; pct=50; rua=mailto:dmarc@example.jp",
        "dmarc",
        True,
        [("D12", "pct=50")],
        "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.jp",
    ),
    (
        "v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.jp",
        "dmarc",
        True,
        [("D13", "sp=none")],
        "v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.jp",
    ),
    (f"v=DKIM1; k=rsa; p={rsa(512)}", "dkim", False, [("K5", rsa(512))], None),
    ("v=DKIM1; p=", "dkim", True, [("K4", "p=")], "v=DKIM1; p="),
    ("v=spf1 a -all include:_spf.example.com", "spf", True, [("S9", "include:_spf.example.com")],
     "v=spf1 a include:_spf.example.com -all"),
    (
        "v=spf1 " + " ".join(f"ip4:192.0.2.{n}" for n in range(100, 143)) + " -all",
        "spf",
        True,
        [("S11", None)],
        "v=spf1 " + " ".join(f"ip4:192.0.2.{n}" for n in range(100, 143)) + " -all",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "valid", "found", "corrected"), LINES)
def test_the_lines_that_must_be_right(
    text: str, kind: str, valid: bool, found: list[tuple[str, str | None]], corrected: str | None
) -> None:
    linted = lint(text)

    assert (linted.kind, linted.valid) == (kind, valid)
    assert list(zip(ids(linted), quoted(text, linted), strict=True)) == found
    assert linted.corrected == corrected


def test_a_record_of_seven_hundred_bytes_is_long_and_valid() -> None:
    text = "v=spf1 " + " ".join(f"ip4:192.0.2.{n}" for n in range(100, 143)) + " -all"

    (finding,) = lint(text).findings

    assert len(text) == 700 - 1
    assert finding.sentence("en") == "The record is 699 bytes long; some receivers may cut it."


@pytest.mark.parametrize("text", CLEAN)
def test_a_clean_record_is_left_alone(text: str) -> None:
    assert lint(text) == Linted(lint(text).kind, (), text)
    assert lint(text).valid


@pytest.mark.parametrize("text", ["", " ", "example.jp", "google-site-verification=x", "v=BIMI1; l=", "関所", "v=spf"])
def test_what_is_no_record_has_no_corrected_record(text: str) -> None:
    linted = lint(text)

    assert linted == Linted(Kind.UNKNOWN, linted.findings, None)
    assert ids(linted) == ["R1"]
    assert not linted.valid


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("V=SPF1 -all", "spf"),
        ("\u3000ｖ＝ｓｐｆ１\u3000ｉｐ４：２０３．０．１１３．５\u3000－ａｌｌ", "spf"),
        ("v=spf1\u00a0-all", "spf"),
        ("\ufeffv=spf1 -all", "spf"),
        ("include:_spf.example.com ~all", "spf"),
        ("v = dmarc1 ; p = none", "dmarc"),
        ("  v=DMARC1； p=none", "dmarc"),
        ("p=reject; rua=mailto:a@example.jp", "dmarc"),
        ("p=none; v=DMARC1", "dmarc"),
        ("k=rsa; p=" + "A" * 60, "dkim"),
        ("v=dkim1; p=", "dkim"),
    ],
)
def test_the_kind_is_seen_through_damage(text: str, kind: str) -> None:
    assert lint(text).kind == kind


@pytest.mark.parametrize(
    ("text", "names", "corrected"),
    [
        ("“v=spf1 -all”", "“ (U+201C)", "v=spf1 -all"),
        ("v=spf1\u3000-all", "U+3000", "v=spf1 -all"),
        ("v=spf1\u00a0-all", "U+00A0", "v=spf1 -all"),
        ("v=spf1 \u200b-all", "U+200B", "v=spf1 -all"),
        ("v=spf1 –all", "– (U+2013)", "v=spf1 -all"),
        ("ｖ=spf1 -all", "ｖ (U+FF56)", "v=spf1 -all"),
    ],
)
def test_a_character_that_looks_like_another_is_named(text: str, names: str, corrected: str) -> None:
    linted = lint(text)

    assert [(each.id, each.severity) for each in linted.findings] == [("S13", Severity.ERROR)]
    assert names in linted.findings[0].sentence("en")
    assert names in linted.findings[0].sentence("ja")
    assert linted.corrected == corrected


def test_a_leading_space_keeps_both_from_being_read() -> None:
    assert ids(lint(" v=spf1 -all")) == ["S13"]
    assert lint(" v=spf1 -all").corrected == "v=spf1 -all"
    assert ids(lint(" v=DMARC1; p=none; rua=mailto:a@example.jp")) == ["D19"]
    assert ids(lint("\nv=spf1 -all\n")) == []


def test_quotes_and_backslashes_of_a_zone_file_are_a_warning() -> None:
    dmarc = lint('"v=DMARC1\\; p=none\\; rua=mailto:a@example.jp"')
    spf = lint('"v=spf1 include:_spf.exam" "ple.com -all"')

    assert [(each.id, each.severity) for each in dmarc.findings] == [("D19", Severity.WARNING)]
    assert dmarc.corrected == "v=DMARC1; p=none; rua=mailto:a@example.jp"
    assert spf.corrected == "v=spf1 include:_spf.example.com -all"


def test_a_place_is_counted_in_the_pasted_text() -> None:
    text = "\u200b“v=DMARC1；p=quarentine；rua=dmarc@example.jp”"

    linted = lint(text)

    assert list(zip(ids(linted), quoted(text, linted), strict=True)) == [
        ("D19", "\u200b"),
        ("D5", "quarentine"),
        ("D7", "dmarc@example.jp"),
    ]
    assert linted.corrected == "v=DMARC1;p=quarantine;rua=mailto:dmarc@example.jp"


def test_records_of_two_kinds_in_one_text_are_not_mended() -> None:
    linted = lint("v=spf1 -all v=DMARC1; p=none; rua=mailto:a@example.jp")

    assert ids(linted) == ["R2"]
    assert linted.corrected is None


def test_of_two_dmarc_records_the_weaker_is_kept() -> None:
    text = "v=DMARC1; p=reject; rua=mailto:a@example.jp\nv=DMARC1; p=none; rua=mailto:b@example.jp"

    linted = lint(text)

    assert ids(linted) == ["D1"]
    assert linted.corrected == "v=DMARC1; p=none; rua=mailto:b@example.jp"


def test_an_error_says_what_receivers_do_with_the_record() -> None:
    (finding,) = lint("v=dmarc1; p=none; rua=mailto:a@example.jp").findings

    assert finding.sentence("en") == (
        "The record must begin exactly with v=DMARC1, in this case and without a space before it."
        " Receivers ignore the whole record."
    )
    assert finding.sentence("ja") == (
        "レコードの先頭は「v=DMARC1」(大文字、前に空白なし)としてください。受信側はこのレコード全体を無視します。"
    )


def test_hostile_text_is_cut_and_made_visible_in_sentences() -> None:
    (finding, *_) = lint("v=spf1 " + "x" * 5000 + " -all").findings

    assert len(finding.sentence("en")) < 250


PIECES = st.sampled_from(
    "v=spf1|V=SPF1|v=spf1 |v=DMARC1|v=dmarc1|v=DKIM1|; |;|;;| |, |,|:|=|p=none|P=None|p=reject|p=rejct|sp=none|np=x"
    "|rua=|mailto:a@example.jp|a@example.jp|mailto:a@example.jp!10m|https://example.jp|ruf=|fo=1|pct=50|pct=0|t=y|rf=afrf"
    "|adkim=s|aspf=x|foo=bar|p=|k=rsa|k=ed25519|h=sha1|s=email|t=y:s|QUJD|11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    "|include:|include:_spf.example.com|ip4:|ip4:192.0.2.1|ipv4:192.0.2.1/33|192.0.2.9|ip6:2001:db8::1|a|mx|ptr|exists:"
    "|-all|~all|+all|?all|all|redirect=example.jp|exp=|redirect:|%{i}|%|“|”|\"|\\|'|\u3000|\u200b|\t|\n|；|ｐ|–|例え.jp"
    "|spf2.0/pra|x=y|-|+|/33|http://".split("|")
)
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=60))


@settings(deadline=None, max_examples=600)
@given(TEXTS)
@example("v=DMARC1; p=none; v=DMARC1")
@example("v=spf1 v=spf1")
def test_any_text_is_linted_and_its_corrected_record_has_no_error(text: str) -> None:
    linted = lint(text)

    for finding in linted.findings:
        assert finding.sentence("en")
        assert finding.sentence("ja")
        assert finding.at is None or 0 <= finding.at[0] < finding.at[1] <= len(text)
    if linted.corrected is not None:
        again = lint(linted.corrected)
        assert [each.id for each in again.findings if each.severity == Severity.ERROR] == []
        assert (again.kind, again.corrected) == (linted.kind, linted.corrected)
    if not linted.findings:
        assert linted.corrected == text.strip()


@settings(deadline=None, max_examples=600)
@given(st.lists(PIECES, max_size=10).map("".join))
def test_a_dmarc_record_can_always_be_mended(text: str) -> None:
    linted = lint("v=DMARC1; " + text)

    if "R2" not in ids(linted):
        assert linted.corrected is not None
