"""The grammar of Authentication-Results (RFC 8601): what is read, what says nothing, and no text that costs time."""

from contextlib import suppress
from functools import partial

import pytest
from graded_mails import OURS, TRUSTED, lasted
from hypothesis import given
from hypothesis import strategies as st

from ingest.auth_results import COMMENT_DEPTH_MOST, FIELD_BYTES_MOST, Malformed, Result, authserv_id, results
from ingest.authenticity import Grade, grade_mail

GMAIL = (
    b"mx.google.com;\r\n"
    b'       dkim=pass header.i=@google.com header.s=20230601 header.b="a/b+c";\r\n'
    b"       spf=pass (google.com: domain of noreply-dmarc-support@google.com designates 2001:db8::1 as permitted"
    b" sender) smtp.mailfrom=noreply-dmarc-support@google.com;\r\n"
    b"       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=google.com"
)


def test_a_field_of_gmail_is_read_whole() -> None:
    assert authserv_id(GMAIL) == "mx.google.com"
    assert results(GMAIL) == (
        Result("dkim", "pass", (("header.i", "@google.com"), ("header.s", "20230601"), ("header.b", "a/b+c"))),
        Result("spf", "pass", (("smtp.mailfrom", "noreply-dmarc-support@google.com"),)),
        Result("dmarc", "pass", (("header.from", "google.com"),)),
    )


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"a.example 1; none", ()),
        (b"a.example; NONE ;", ()),
        (b"(why) a.example (so) 1 (yes); SPF/1 = Pass", (Result("spf", "pass"),)),
        (b'a.example; dkim=fail reason="bad; dmarc=pass" header.d=x.example', (
            Result("dkim", "fail", (("reason", "bad; dmarc=pass"), ("header.d", "x.example"))),
        )),
        (b'"a.example"; spf=pass smtp.mailfrom="a\\"b"@x.example', (
            Result("spf", "pass", (("smtp.mailfrom", 'a"b@x.example'),)),
        )),
        (b"a.example; spf=none smtp.mailfrom=; dkim=none", (
            Result("spf", "none", (("smtp.mailfrom", ""),)), Result("dkim", "none"),
        )),
        (b"a.example; spf=pass smtp.mailfrom=SRS0=ab=cd=x.example=u@y.example", (
            Result("spf", "pass", (("smtp.mailfrom", "SRS0=ab=cd=x.example=u@y.example"),)),
        )),
        ("a.example; spf=pass smtp.mailfrom=é@例え.example".encode(), (
            Result("spf", "pass", (("smtp.mailfrom", "é@例え.example"),)),
        )),
    ],
)  # fmt: skip
def test_what_the_grammar_allows_is_read(field: bytes, expected: tuple[Result, ...]) -> None:
    assert results(field) == expected


@pytest.mark.parametrize(
    "field",
    [
        b"",
        b";",
        b"a.example",
        b"a.example;;",
        b"a.example; ; dmarc=pass",
        b"a.example b.example; dmarc=pass",
        b"dmarc=pass header.from=x.example",
        b"a.example; dmarc",
        b"a.example; dmarc=",
        b'a.example; "dmarc"=pass',
        b'a.example; dmarc="pass"',
        b"a.example; dmarc==pass",
        b"a.example; dmarc=pass action=none header.from=x.example",
        b"a.example; dmarc=pass header.from",
        b"a.example; dmarc=pass header.from=x.example header.from=y.example",
        b"a.example; dmarc=pass header.from=x(c)y.example",
        b'a.example; dmarc=pass"x" header.from=x.example',
        b'a.example; dmarc=pass header.from="x.example',
        b"a.example; dmarc=pass (never closed header.from=x.example",
        b"a.example; dmarc=pass closed) header.from=x.example",
        b"a.example; dmarc=pass header.from=x.example\\",
        b"a.example; dmarc=pass header.from=x.\x00example",
        b"a.example; dmarc=pass header.from=x.example\r; spf=pass",
        b"a.example; dmarc=pass header.from=\xff.example",
        b"a.example; dmarc=pass " + b"(" * (COMMENT_DEPTH_MOST + 1) + b")" * (COMMENT_DEPTH_MOST + 1),
        b"a.example; dmarc=pass header.from=x.example " + b"(x)" * FIELD_BYTES_MOST,
    ],
)
def test_what_leaves_the_grammar_says_nothing(field: bytes) -> None:
    with pytest.raises(Malformed):
        results(field)


@pytest.mark.parametrize(
    "field",
    [
        b"example.net(.example.com; dmarc=pass",
        b"example.net(.example.com); dmarc=pass",
        b"example.net (.example.com) ; dmarc=pass",
        b"(x)example.net; dmarc=pass",
        b"example.net.evil.example; dmarc=pass",
        b"evil.example.net; dmarc=pass",
        b"example.net evil.example; dmarc=pass",
        b"example.\r\n net; dmarc=pass",
        b'example."net"; dmarc=pass',
        b'"example.net\\"; dmarc=pass',
        b"example.net=; dmarc=pass",
        b"example.net\x00; dmarc=pass",
        b"ex\xd0\xb0mple.net; dmarc=pass",
        b"\xef\xbd\x85xample.net; dmarc=pass",
        b"; example.net; dmarc=pass",
        b"dmarc=pass; example.net",
    ],
)
def test_no_trick_makes_a_field_one_of_the_trusted_server(field: bytes) -> None:
    assert authserv_id(field) != "example.net"


@pytest.mark.parametrize("field", [b"example.net; x", b" EXAMPLE.net 1 ;x", b'"example.net";', b"example.net\r\n"])
def test_the_server_s_name_is_read_in_any_case_and_with_its_version(field: bytes) -> None:
    assert authserv_id(field) == "example.net"


PIECES = st.sampled_from(
    [*'();"\\=.@ \t\r\n', "\r\n ", "dmarc", "pass", "header.from", "x.example", OURS, "none", "é", "\x00", "((", "))"]
)


@given(st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=200))
def test_any_text_is_read_or_malformed(text: str) -> None:
    field = text.encode("utf-8", "surrogatepass")
    assert authserv_id(field) is None or isinstance(authserv_id(field), str)
    with suppress(Malformed):
        assert isinstance(results(field), tuple)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_mail_or_none_and_never_an_authentic_one(content: bytes) -> None:
    assert grade_mail(content, TRUSTED) in (
        None,
        Grade("none", None, "no DMARC result and no signature of its From domain"),
    )


@pytest.mark.parametrize(
    "unit",
    [
        b"(",
        b")",
        b"()",
        b"(a)",
        b'"',
        b'""',
        b"\\",
        b"\\(",
        b" ",
        b"=",
        b";",
        b"a=b ",
        b"a.b=c ",
        b"\r\n ",
        b"\xc3\xa9",
    ],
)
def test_reading_takes_time_in_proportion_to_the_length(unit: bytes) -> None:
    def seconds(size: int) -> float:
        field = (b"a.example; dmarc=pass " + unit * size)[:size]
        return min(lasted(partial(_read, field)) for _ in range(3))

    assert seconds(64_000) < 30 * max(seconds(8_000), 0.000_2)


def _read(field: bytes) -> None:
    authserv_id(field)
    with suppress(Malformed):
        results(field)
