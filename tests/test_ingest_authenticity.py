"""Who really sent a report: which Authentication-Results is believed, which is not, and our own DKIM check."""

import base64
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from servers_ingest import ingest_into, message
from sqlalchemy import select
from store_builder import ask
from xml_reports import record, report

from ingest.auth_results import COMMENT_DEPTH_MOST, FIELD_BYTES_MOST, Malformed, Result, authserv_id, results
from ingest.authenticity import Grade, Grader, grade_mail, grade_report, letterhead
from ingest.dkim_check import signed_by
from ingest.reading import Message
from ingest.session import ingest_messages
from knowledge.tables import Tables, load_tables
from settings import Authenticity, Settings
from store import schema

OURS = "mx.example.jp"
TRUSTED = (OURS,)
PASS = f"{OURS}; dmarc=pass header.from=receiver.example.com"
FORGED = f"{OURS}; dmarc=pass header.from=google.com"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return load_tables()


def mail(*fields: str | bytes, sender: str = "DMARC <dmarc@receiver.example.com>", below: str = "") -> bytes:
    """A mail whose headers begin with these Authentication-Results; `below` are header lines after its From."""
    written = [field if isinstance(field, bytes) else field.encode() for field in fields]
    head = b"".join(b"Authentication-Results: " + field + b"\r\n" for field in written)
    return head + f"From: {sender}\r\nSubject: Report domain: example.jp\r\n{below}\r\n\r\nbody\r\n".encode()


def grade(*fields: str | bytes, **facts: str) -> Grade | None:
    return grade_mail(mail(*fields, **facts), TRUSTED)


# ---- The field


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
        return min(_seconds(partial(_read, field)) for _ in range(3))

    assert seconds(64_000) < 30 * max(seconds(8_000), 0.000_2)


def _read(field: bytes) -> None:
    authserv_id(field)
    with suppress(Malformed):
        results(field)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# ---- Which field is believed


def test_the_word_of_the_trusted_server_is_believed() -> None:
    assert grade(PASS) == Grade("pass", "receiver.example.com", "dmarc=pass")
    assert grade(f"{OURS}; dmarc=fail header.from=receiver.example.com") == Grade(
        "fail", "receiver.example.com", "dmarc=fail"
    )


@pytest.mark.parametrize("word", ["temperror", "permerror", "bestguesspass", "policy", "neutral"])
def test_a_word_that_is_neither_pass_nor_fail_is_unknown(word: str) -> None:
    found = grade(f"{OURS}; dmarc={word} header.from=receiver.example.com")
    assert found is not None
    assert (found.authenticity, found.domain) == ("unknown", "receiver.example.com")


@pytest.mark.parametrize("result", ["dkim=fail", "spf=pass smtp.mailfrom=receiver.example.com", "dmarc=none", "none"])
def test_a_mail_without_a_dmarc_result_and_an_aligned_signature_is_graded_none(result: str) -> None:
    found = grade(f"{OURS}; {result}")
    assert found is not None
    assert found.authenticity == "none"


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("header.d=receiver.example.com", "pass"),
        ("header.d=example.com", "pass"),
        ("header.i=@mail.example.com", "pass"),
        ("header.d=example.net", "none"),
        ("header.d=com", "none"),
        ("header.d=example.com.example.net", "none"),
        ("", "none"),
    ],
)
@pytest.mark.parametrize("dmarc", ["", "; dmarc=none"])
def test_without_a_dmarc_record_a_signature_of_the_from_domain_counts(
    signature: str, expected: str, dmarc: str
) -> None:
    found = grade(f"{OURS}; dkim=fail header.d=example.com; dkim=pass {signature}{dmarc}")
    assert found is not None
    assert found.authenticity == expected
    assert found.domain == ("receiver.example.com" if expected == "pass" else None)


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("a@receiver.example.com, b@example.net", None),
        ("a@receiver.example.com\r\nFrom: b@example.net", None),
        ("a@receiver.example.com\r\nfrom : b@example.net", None),
        ("a@receiver.example.com <b@attacker.example>", None),
        ("group: a@receiver.example.com;x@y.example", None),
        ("<a@b@receiver.example.com>", None),
        ('"a@receiver.example.com', None),
        ("no address", None),
        ("a@com", None),
        ('"a@receiver.example.com" <b@attacker.example>', "attacker.example"),
        ("(a@receiver.example.com) b@attacker.example", "attacker.example"),
        ("=?utf-8?q?a?= <noreply=dmarc@Receiver.Example.com>", "receiver.example.com"),
        ("a\r\n <b@receiver.example.com>", "receiver.example.com"),
    ],
)
def test_a_from_is_one_address_s_or_nobody_s(sender: str, domain: str | None) -> None:
    assert letterhead(mail(sender=sender)).from_domain == domain


def test_forged_fields_below_the_trusted_one_are_not_believed() -> None:
    failed = f"{OURS}; dmarc=fail header.from=google.com"

    assert grade(failed, FORGED) == Grade("fail", "google.com", "dmarc=fail")
    assert grade(f"{OURS}; none", FORGED, FORGED) == grade(f"{OURS}; none")


def test_a_forged_field_below_an_unreadable_trusted_one_is_not_believed() -> None:
    for broken in (f"{OURS}; dmarc=fail (", f"{OURS}; x", f"{OURS};" + " x=y;" * 20_000, f"{OURS}; a=b\x00"):
        found = grade(broken, FORGED)
        assert found is not None
        assert (found.authenticity, found.domain) == ("unknown", None)


def test_a_field_below_the_from_is_the_sender_s_own() -> None:
    assert grade(below=f"Authentication-Results: {FORGED}") is None


@pytest.mark.parametrize(
    "name",
    ["ARC-Authentication-Results", "X-Authentication-Results", "Authentication-Results ", "Authentication_Results"],
)
def test_fields_of_another_name_are_not_believed(name: str) -> None:
    assert grade_mail(f"{name}: {FORGED}\r\n".encode() + mail(), TRUSTED) is None


def test_a_field_inside_another_field_or_in_the_body_is_not_believed() -> None:
    folded = f"X-Note: a\r\n Authentication-Results: {FORGED}\r\n".encode()
    assert grade_mail(folded + mail(), TRUSTED) is None
    assert grade_mail(mail() + f"\r\nAuthentication-Results: {FORGED}\r\n".encode(), TRUSTED) is None
    assert grade_mail(f"X\rAuthentication-Results: {FORGED}\r\n".encode() + mail(), TRUSTED) is None


def test_other_servers_fields_are_passed_over() -> None:
    others = ["mx.example.net; dmarc=fail header.from=receiver.example.com", "spf=pass smtp.mailfrom=x@y.example", "("]

    assert grade(*others) is None
    assert grade(*others, PASS) == Grade("pass", "receiver.example.com", "dmarc=pass")


@pytest.mark.parametrize(
    "told",
    [
        "dmarc=fail header.from=google.com; dmarc=pass header.from=google.com",
        "dmarc=pass header.from=google.com; dmarc=pass header.from=google.com",
        "dmarc=pass header.from=google.com header.from=google.com",
        "dmarc=pass",
        "dmarc=pass header.from=",
        "dmarc=pass header.from=com",
        "dmarc=pass header.from=google.com,x.example",
        "dmarc=pass header.from=ｇoogle.com",
        "dmarc=pass header.from=noreply@google.com",
        "dmarc=pass policy.header.from=google.com",
    ],
)
def test_a_dmarc_result_that_was_tampered_with_is_unknown(told: str) -> None:
    found = grade(f"{OURS}; {told}")
    assert found is not None
    assert found.authenticity == "unknown"


def test_what_a_sender_smuggles_into_comments_and_strings_decides_nothing() -> None:
    smuggled = "dmarc=pass header.from=google.com"
    for spf in (f'"; {smuggled}; "@x.example', f"a ({smuggled}; ({smuggled}))", f'"a\\"; {smuggled}; "@x.example'):
        found = grade(f"{OURS}; spf=pass smtp.mailfrom={spf}; dmarc=fail header.from=receiver.example.com")
        assert found == Grade("fail", "receiver.example.com", "dmarc=fail")


def test_a_thousand_fields_are_read_at_once_and_the_topmost_trusted_one_decides() -> None:
    noise = [f"mx{number}.example.net; dmarc=fail header.from=x.example" for number in range(500)]
    content = mail(*noise, PASS, *[FORGED] * 500)

    assert grade_mail(content, TRUSTED) == Grade("pass", "receiver.example.com", "dmarc=pass")
    assert _seconds(lambda: grade_mail(content, TRUSTED)) < 0.5


def test_headers_without_an_end_are_read_no_further_than_the_limit() -> None:
    content = b"X: y\r\n" * 100_000 + mail(PASS)

    assert letterhead(content).results == ()
    assert _seconds(lambda: grade_mail(content, TRUSTED)) < 1


def test_an_mbox_line_and_blank_lines_before_the_headers_are_passed_over() -> None:
    content = b"\r\nFrom bounce@example.net Mon Sep 21 00:00:00 2026\r\n" + mail(PASS)

    assert grade_mail(content, TRUSTED) == Grade("pass", "receiver.example.com", "dmarc=pass")


# ---- Whose reports a domain may bring


@pytest.mark.parametrize(
    ("domain", "org_name", "email", "expected"),
    [
        ("google.com", "google.com", "noreply-dmarc-support@google.com", "pass"),
        ("mail.receiver.example.com", "Receiver", "dmarc@example.com", "pass"),
        ("example.com", "example.com", "", "pass"),
        ("microsoft.com", "Outlook.com", "dmarcreport@microsoft.com", "pass"),
        ("microsoft.com", "Enterprise Outlook", "dmarcreport@microsoft.com", "pass"),
        ("fastmaildmarc.com", "Fastmail Pty Ltd", "reports@fastmaildmarc.com", "pass"),
        ("dmarc.yahoo.com", "Yahoo", "dmarchelp@yahooinc.com", "pass"),
        ("dmarc25.jp", "NTT DOCOMO", "reporting@dmarc25.jp", "pass"),
        ("attacker.example", "google.com", "noreply-dmarc-support@google.com", "fail"),
        ("attacker.example", "attacker.example", "noreply-dmarc-support@google.com", "fail"),
        ("google.com.attacker.example", "google.com", "noreply-dmarc-support@google.com", "fail"),
        ("attacker.example", "", "", "fail"),
        ("attacker.co.jp", "Victim", "dmarc@victim.co.jp", "fail"),
        ("attacker.example", "attacker.example", '"x@attacker.example"@google.com', "fail"),
    ],
)
def test_a_report_is_its_reporter_s_only_when_the_reporter_s_domain_brought_it(
    tables: Tables, domain: str, org_name: str, email: str, expected: str
) -> None:
    found = grade_report(Grade("pass", domain), org_name, email, tables)

    assert (found.authenticity, found.domain) == (expected, domain)


def test_mail_from_a_domain_where_anybody_has_an_address_proves_no_reporter(tables: Tables) -> None:
    """Yahoo's reports come from dmarc.yahoo.com; an address at yahoo.com is free for everybody."""
    found = grade_report(Grade("pass", "yahoo.com"), "Yahoo", "dmarchelp@yahooinc.com", tables)

    assert found == Grade("unknown", "yahoo.com", "anybody can have an address at yahoo.com")


@pytest.mark.parametrize("word", ["fail", "none", "unknown", "unverified"])
def test_a_report_is_never_graded_better_than_its_mail(tables: Tables, word: str) -> None:
    assert grade_report(Grade(word, "google.com"), "google.com", "x@google.com", tables).authenticity == word


# ---- Files, mailboxes, settings


def grader(tables: Tables, *authserv_ids: str) -> Grader:
    return Grader(Authenticity(authserv_id=authserv_ids), tables)


def in_mailbox(content: bytes, **facts: Any) -> Message:
    return message(content, "box/INBOX/1", operator_named=False, mailbox="box", folder="INBOX", uidvalidity=1, **facts)


def test_without_a_trusted_server_nobody_checked(tables: Tables) -> None:
    for found in (message(mail(PASS)), in_mailbox(mail(PASS), uid=1)):
        assert grader(tables).mail(found) == Grade("unverified")


def test_a_file_is_graded_only_when_it_has_a_trusted_field(tables: Tables) -> None:
    ours = grader(tables, OURS)

    assert ours.mail(message(mail(PASS))).authenticity == "pass"
    assert ours.mail(message(mail())).authenticity == "unverified"
    assert ours.mail(message(report(record()))).authenticity == "unverified"
    assert ours.mail(in_mailbox(mail(), uid=1)).authenticity == "none"


def test_a_mail_that_was_not_fetched_is_unverified(tables: Tables) -> None:
    assert grader(tables, OURS).mail(in_mailbox(b"", uid=1, size=40_000_000)) == Grade("unverified")


def test_our_own_check_counts_with_and_without_a_trusted_server(tables: Tables) -> None:
    signed = in_mailbox(mail(), uid=1, signed_by=("example.com",))
    unsigned = in_mailbox(mail(), uid=1, signed_by=())

    assert grader(tables).mail(signed) == Grade("pass", "receiver.example.com", "own DKIM check")
    assert grader(tables).mail(unsigned).authenticity == "none"
    assert grader(tables).mail(in_mailbox(mail(), uid=1, signed_by=("example.net",))).authenticity == "none"


def with_report(text: str, *fields: str) -> bytes:
    plain = mail(*fields, below="MIME-Version: 1.0\r\nContent-Type: application/xml")
    return plain.replace(b"\r\nbody\r\n", b"\r\n" + text.encode())


def test_a_forged_report_that_came_first_by_mail_is_replaced_by_the_genuine(store_url: str) -> None:
    chosen = Settings(database_url=store_url, workers=1, authenticity=Authenticity(authserv_id=TRUSTED))
    mails = [
        with_report(report(record(count=900)), f"{OURS}; dmarc=pass header.from=attacker.example", PASS),
        with_report(report(record(count=5)), PASS),
    ]

    for uid, content in enumerate(mails, 1):
        ingest_messages(
            chosen,
            [in_mailbox(content, uid=uid)],
            command="test",
            now=1_790_000_000,
            after_commit=lambda outcomes: None,
        )

    found, told = schema.report.c, schema.message.c
    assert ask(
        store_url,
        lambda c: c.execute(select(found.messages, found.standing, found.authenticity).order_by(found.id)).all(),
    ) == [
        (900, "set-aside", "fail"),
        (5, "in-force", "pass"),
    ]
    assert ask(
        store_url, lambda c: c.execute(select(told.authenticity, told.auth_domain, told.reason).order_by(told.id)).all()
    ) == [
        (
            "pass",
            "attacker.example",
            "authenticity fail: the mail is from attacker.example, "
            "the report says it is from dmarc@receiver.example.com",
        ),
        ("pass", "receiver.example.com", None),
    ]


def test_files_stay_unverified(sqlite_url: str) -> None:
    ingest_into(sqlite_url, report(record()), with_report(report(record(), report_id="r-2"), PASS))

    assert ask(sqlite_url, lambda c: c.execute(select(schema.report.c.authenticity)).scalars().all()) == [
        "unverified",
        "unverified",
    ]


# ---- Our own DKIM check


@cache
def key(bits: int = 1_024) -> tuple[bytes, str]:
    """A private key and the text of its DNS record."""
    made = rsa.generate_private_key(public_exponent=65_537, key_size=bits)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def signed(
    content: bytes, domain: str = "example.com", bits: int = 1_024, covered: tuple[str, ...] = (), **options: Any
) -> bytes:
    fields = [name.encode() for name in covered or ("from", "subject")]
    signer = dkim.DKIM(content, minkey=bits, **options)
    signature = signer.sign(
        b"s1", domain.encode(), key(bits)[0], canonicalize=(b"relaxed", b"relaxed"), include_headers=fields
    )
    return bytes(signature) + content


def keys(*domains: str, bits: int = 1_024) -> Callable[[str], str | None]:
    return {f"s1._domainkey.{domain}": key(bits)[1] for domain in domains}.get


EXAMPLE = keys("example.com")


def test_a_good_signature_of_the_from_domain_is_found() -> None:
    assert signed_by(signed(mail()), EXAMPLE) == ("example.com",)


def test_a_signature_is_found_beside_bad_ones() -> None:
    content = b"DKIM-Signature: v=1; a=nonsense\r\n" + signed(signed(mail(), "example.net"))

    assert signed_by(content, keys("example.com", "example.net")) == ("example.com",)


def test_dns_is_asked_only_for_signatures_that_could_count() -> None:
    asked: list[str] = []

    assert signed_by(signed(signed(mail(), "example.net")), lambda name: asked.append(name)) == ()
    assert asked == ["s1._domainkey.example.com"]


@pytest.mark.parametrize(
    ("content", "find_key"),
    [
        (mail(), EXAMPLE),
        (signed(mail()).replace(b"body", b"soul"), EXAMPLE),
        (signed(mail()).replace(b"Report domain: example.jp", b"Report domain: other.jp"), EXAMPLE),
        (signed(mail()) + b"more", EXAMPLE),
        (signed(mail()).replace(b"From: ", b"From: x@receiver.example.com\r\nFrom: ", 1), EXAMPLE),
        (signed(mail(), covered=("from",)), EXAMPLE),
        (signed(mail(), "example.net"), keys("example.net")),
        (signed(mail()), lambda name: None),
        (signed(mail()), lambda name: ""),
        (signed(mail()), lambda name: "v=DKIM1; p="),
        (signed(mail()), lambda name: "v=DKIM1; p=AAAA"),
        (signed(mail()), lambda name: "v=DKIM1; p=" + "A" * 10_000),
        (signed(mail()), lambda name: "v=DKIM1; k=rsa; p=é"),
        (signed(mail()), lambda name: ";;;="),
        (signed(mail(), signature_algorithm=b"rsa-sha1"), EXAMPLE),
    ],
)
def test_what_does_not_prove_the_sender_is_no_proof(content: bytes, find_key: Callable[[str], str | None]) -> None:
    assert signed_by(content, find_key) == ()


def test_a_signature_of_a_part_of_the_body_is_no_proof() -> None:
    private, _ = key()
    part = dkim.sign(mail(), b"s1", b"example.com", private, include_headers=[b"from", b"subject"], length=True)

    assert signed_by(part + mail(), EXAMPLE) == ()
    assert dkim.verify(part + mail() + b"more", dnsfunc=lambda name, timeout: key()[1].encode())


# A throw-away key of 768 bits, which today's libraries no longer make.
SHORT_KEY = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBygIBAAJhAMsBIeiYg4k044BIc9wARn+Ncon8o/OyC6OAK+R5lT2fH3aCrqes
WonhuYwCLMdC7RFvnHCpZuCuskdsgg0gey/jMJozRif7JfqWz3SbLw3lXbltSRxP
Nvr0jKGo5nYIDwIDAQABAmEAmV9PqRWhO0Z0I3WZ4ztqB/Br+wifLfz0giDSCJo7
QQU5liYBori65rVdpAP4pMtQS+KtwDGZlVjaL994oi0A81ul9FjI+rskPzbNQYs9
aFXUWn1MC8m7EVz4KaOGUeDBAjEA8kOzVEtMJkb5mPNmZNCKRtem/EZc5i1iaE8v
IaREqa8fc5XLTrp75+ayxaqTgx2fAjEA1oOZmR5tv0ib9lIZ3Cv7NSXrdXWN3Bqu
lA2NMT3WExWNp79dPtohwAJgILKJ5B+RAjBaRHV2LBQ0ku9/WPnHCJjtKn8ysnj8
3t4y5YY3L8DRxMmgRKkbLYrrbl8gHZ2XFhsCMFxbHG5II4gPgtZyUp/wb59aTB2u
Fv2En1Uu4HMq5FgjF3H5efPthkpcu3ZYZ/XHgQIwLyt9JUc9HcJBI14+5Kjb3Bke
ObLBwZM5iXFp7ozO9B3j/G32XqF3SUjKEivZUKW8
-----END RSA PRIVATE KEY-----"""
SHORT_RECORD = (
    "v=DKIM1; p=MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAMsBIeiYg4k044BIc9wARn+Ncon8o/OyC6OAK+R5lT2fH3aCrqesWonhuYwCLMdC7RFv"
    "nHCpZuCuskdsgg0gey/jMJozRif7JfqWz3SbLw3lXbltSRxPNvr0jKGo5nYIDwIDAQAB"
)


def test_a_short_key_is_no_proof() -> None:
    content = dkim.sign(mail(), b"s1", b"example.com", SHORT_KEY, include_headers=[b"from", b"subject"]) + mail()

    assert dkim.verify(content, minkey=512, dnsfunc=lambda name, timeout: SHORT_RECORD.encode())
    assert signed_by(content, lambda name: SHORT_RECORD) == ()


@pytest.mark.parametrize(
    "content",
    [
        mail() + b" " * 2_000_000,
        mail() + b"\t \t" * 500_000 + b"x\r\n",
        mail(below="X: " + "a\r\n" * 3),
        b"A:\r\n" * 5_000 + mail(),
        b"DKIM-Signature: v=1; b=" + b" \r\n \t" * 50_000 + b"\r\n" + mail(),
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; bh=; b=; h=" + b"a:" * 4_000 + b"\r\n" + mail(),
        b"DKIM-Signature: v=1; h=from\r\n" * 450 + mail(),
        b" folded first\r\n" + mail(),
        mail() + b"x" * 11_000_000,
    ],
)
def test_mails_made_to_cost_time_cost_none(content: bytes) -> None:
    signed_content = content if b"DKIM-Signature" in content else signed(mail())[: -len(mail())] + content

    assert _seconds(lambda: signed_by(signed_content, EXAMPLE)) < 1


@given(st.binary(max_size=300), st.binary(max_size=100))
def test_no_signature_and_no_key_makes_the_check_fail_loudly(signature: bytes, record_text: bytes) -> None:
    content = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=from:subject; " + signature + b"\r\n" + mail()

    assert signed_by(content, lambda name: record_text.decode("latin-1")) == ()
