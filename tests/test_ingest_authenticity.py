"""Who really sent a report: which Authentication-Results is believed, and which reports a domain may bring."""

from typing import Any

import pytest
from graded_mails import FORGED, OURS, PASS, TRUSTED, grade, lasted, mail
from servers_ingest import ingest_into, message
from sqlalchemy import select
from store_builder import ask
from xml_reports import record, report

from ingest.authenticity import Grade, Grader, grade_mail, grade_report, letterhead
from ingest.reading import Message
from ingest.session import ingest_messages
from knowledge.tables import Tables, load_tables
from settings import Authenticity, Settings
from store import schema


@pytest.fixture(scope="module")
def tables() -> Tables:
    return load_tables()


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
    assert lasted(lambda: grade_mail(content, TRUSTED)) < 0.5


def test_headers_without_an_end_are_read_no_further_than_the_limit() -> None:
    content = b"X: y\r\n" * 100_000 + mail(PASS)

    assert letterhead(content).results == ()
    assert lasted(lambda: grade_mail(content, TRUSTED)) < 1


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
