"""One message read whole: every report in it, every repair named, nothing half stored."""

import base64
import gzip
import io
import zipfile
from collections.abc import Callable

import pytest
from xml_reports import record, report

from ingest.reading import Reading

Read = Callable[[bytes | str], Reading]


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.xml", text)
    return out.getvalue()


def mail(*attachments: bytes) -> bytes:
    parts = "".join(
        "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{base64.encodebytes(attachment).decode()}\r\n"
        for attachment in attachments
    )
    head = "From: a@receiver.example.com\r\nSubject: Report\r\nMIME-Version: 1.0\r\n"
    return f"{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n".encode()


def figures(reading: Reading) -> list[tuple[str, int, int]]:
    return [(found.report_id, found.records.sums.records, found.records.sums.messages) for found in reading.reports]


def test_a_report_with_a_byte_order_mark_is_read_whole(read: Read) -> None:
    assert figures(read(b"\xef\xbb\xbf" + report(record(count=7)).encode())) == [("r-1", 1, 7)]


def test_a_report_without_records_is_an_empty_report(read: Read) -> None:
    reading = read(report())

    assert figures(reading) == [("r-1", 0, 0)]
    assert reading.refusals == ()


def test_a_gzip_in_a_gzip_is_read_whole(read: Read) -> None:
    assert figures(read(gzip.compress(gzip.compress(report(record(count=7)).encode())))) == [("r-1", 1, 7)]


def test_both_reports_of_one_zip_are_read(read: Read) -> None:
    content = zipped(a=report(record(count=1), report_id="a"), b=report(record(count=2), report_id="b"))

    assert figures(read(content)) == [("a", 1, 1), ("b", 1, 2)]


def test_both_attachments_of_one_mail_are_read(read: Read) -> None:
    first, second = report(record(count=1), report_id="a"), report(record(count=2), report_id="b")

    assert figures(read(mail(gzip.compress(first.encode()), zipped(x=second)))) == [("a", 1, 1), ("b", 1, 2)]


@pytest.mark.parametrize("charset", ["utf-8", "shift_jis", "euc-jp", "iso-2022-jp", "utf-16"])
def test_a_japanese_reporter_keeps_its_name_in_every_encoding(charset: str, read: Read) -> None:
    text = report(record(), org_name="日本通信株式会社").replace('version="1.0"', f'version="1.0" encoding="{charset}"')

    reading = read(mail(text.encode(charset)))

    assert [found.org_name for found in reading.reports] == ["日本通信株式会社"]


def test_a_gzip_of_several_members_cut_inside_a_record_is_one_report(read: Read) -> None:
    text = report(*(record(f"192.0.2.{n}", n) for n in range(1, 11))).encode()

    reading = read(b"".join(gzip.compress(text[start : start + 700]) for start in range(0, len(text), 700)))

    assert figures(reading) == [("r-1", 10, 55)]


@pytest.mark.parametrize("cut", [50, 400, 900, -1, -12])
def test_xml_that_stops_in_the_middle_gives_nothing_and_is_called_truncated(cut: int, read: Read) -> None:
    reading = read(report(record(), record())[:cut] if cut != -1 else report(record(), record())[:-5])

    assert reading.reports == ()
    assert [refusal.code for refusal in reading.refusals] == ["truncated"]


def test_prefixes_comments_and_cdata_change_nothing(read: Read) -> None:
    plain = report(record(count=3))
    prefixed = plain.replace("</", "</d:").replace("<", "<d:").replace("<d:/d:", "</d:").replace("<d:?", "<?")
    unusual = prefixed.replace("<d:feedback>", '<d:feedback xmlns:d="urn:ietf:params:xml:ns:dmarc-2.0"><!-- x -->')

    reading, expected = read(unusual), read(plain)

    assert list(reading.reports[0].records) == list(expected.reports[0].records)
    assert reading.reports[0].records.content_hash == expected.reports[0].records.content_hash
    assert reading.reports[0].xml_namespace == "urn:ietf:params:xml:ns:dmarc-2.0"


def test_a_report_that_was_formatted_anew_has_the_same_content(read: Read) -> None:
    one, other = record("192.0.2.1", 3), record("2001:db8::1", 4, dkim="fail")
    spaced = report(other.replace("><", ">\n\t<").replace("2001:db8::1", "2001:0DB8:0:0::1"), one)

    assert read(spaced).reports[0].records.content_hash == read(report(one, other)).reports[0].records.content_hash


def test_a_stray_schema_tag_a_bare_ampersand_and_a_missing_bracket_are_mended_by_name(read: Read) -> None:
    text = report(record(count=5), org_name="Smith & Sons").replace("<feedback>", '<xs:schema xmlns:xs="x"><feedback>')

    found = read(text.rstrip(">")).reports[0]

    assert found.org_name == "Smith & Sons"
    assert sum(rec.messages for rec in found.records) == 5
    assert set(found.repairs) >= {"unclosed-schema", "missing-last-bracket", "bare-ampersand"}


@pytest.mark.parametrize(
    ("broken", "bad"),
    [
        (record("192.0.2.9", -5), "count"),
        (record("192.0.2.9", 2**63), "count"),
        (record("192.0.2.9", "٣"), "count"),
        (record("192.0.2.9", ""), "count"),
        (record("=cmd|x", 2), "source_ip"),
        (record("1.2.3.4/8", 2), "source_ip"),
        (record("127.1", 2), "source_ip"),
        (record("", 2), "source_ip"),
        (record("192.0.2.9", 2).replace("<source_ip>192.0.2.9</source_ip>", ""), "source_ip"),
        (record("192.0.2.9", 2, header_from=""), "header_from"),
        (record("192.0.2.9", 2, header_from="../../etc/passwd"), "header_from"),
        (record("192.0.2.9", 2, header_from="x" * 300), "header_from"),
        ("<record><row><source_ip>192.0.2.9</source_ip><count>2</count></row></record>", "unreadable"),
    ],
)
def test_one_bad_record_is_kept_and_named_and_hides_no_other(broken: str, bad: str, read: Read) -> None:
    found = read(report(record(count=1), broken, record("192.0.2.3", 4))).reports[0]

    assert [rec.bad for rec in found.records] == [None, bad, None]
    assert [rec.messages for rec in found.records] == [1, 0 if bad == "count" else 2, 4]
    assert found.records.sums.records == 3
    assert found.records.sums.bad_records == 1


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2001:0DB8:0000::0001", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("fe80::1%eth0", ""),
    ],
)
def test_addresses_are_kept_in_their_canonical_form(written: str, stored: str, read: Read) -> None:
    assert next(iter(read(report(record(written))).reports[0].records)).ip == stored


@pytest.mark.parametrize(
    ("written", "stored"),
    [("Example.JP.", "example.jp"), ("日本語.example.jp", "xn--wgv71a119e.example.jp"), (" example.jp", "example.jp")],
)
def test_domains_are_kept_as_lower_case_a_labels(written: str, stored: str, read: Read) -> None:
    found = read(report(record(header_from=written), domain=written)).reports[0]

    assert (found.policy.domain, next(iter(found.records)).shape.header_from) == (stored, stored)


@pytest.mark.parametrize("domain", ["", "../../etc/passwd", "x" * 300, "a b", "a..b"])
def test_a_report_about_no_usable_domain_is_refused(domain: str, read: Read) -> None:
    reading = read(report(record(), domain=domain))

    assert reading.reports == ()
    assert [refusal.code for refusal in reading.refusals] == ["bad_domain"]


def test_a_second_policy_domain_is_refused_rather_than_one_of_them_guessed(read: Read) -> None:
    reading = read(report(record()).replace("<domain>", "<domain>example.com</domain><domain>", 1))

    assert [refusal.code for refusal in reading.refusals] == ["repeated"]


def test_an_unknown_element_is_no_trouble_and_is_kept_when_it_is_policy(read: Read) -> None:
    found = read(report(record().replace("<row>", "<row><weather>fine</weather>"), policy="<p>none</p><xp>y</xp>"))

    assert figures(found) == [("r-1", 1, 1)]
    assert found.reports[0].policy.raw == (("xp", "y"),)
