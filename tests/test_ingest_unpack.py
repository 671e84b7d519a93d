"""Unpacking: what is found in each kind of container and mail, and that hostile ones are refused quickly."""

import gzip
import json
import resource
import time
import zipfile
from pathlib import Path

import hostile
import pytest
from conftest import CORPUS
from hostile import REPORT, attachment, gzipped, mail, report, single, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mime import leaves
from ingest.unpack import Unpacked, Unreadable, unpack
from settings import Limits

LIMITS = Limits()


def read(content: bytes, limits: Limits = LIMITS) -> list[bytes]:
    """Every document of a message, whole."""
    return [b"".join(document.open()) for document in unpack(content, limits).documents]


def codes(content: bytes, limits: Limits = LIMITS) -> list[str]:
    """Why a message, or any document when it is read, is refused."""
    unpacked = unpack(content, limits)
    found = [refusal.code for refusal in unpacked.refusals]
    for document in unpacked.documents:
        try:
            for _ in document.open():
                pass
        except Unreadable as error:
            found.append(error.code)
    return found


@pytest.mark.requires_corpus
def test_every_corpus_file_is_given_the_kind_it_has() -> None:
    kinds = {"aggregate": "reports", "smtp-tls": "tls-report", "failure": "failure-report", "abuse": "not-a-report"}
    expected = json.loads((CORPUS / "EXPECTED.json").read_text("utf-8"))
    files = {name: entry for name, entry in expected.items() if isinstance(entry, dict) and "kind" in entry}

    found = {name: unpack((CORPUS / name).read_bytes(), LIMITS) for name in files}

    assert len(files) == 65
    assert {name: unpacked.kind for name, unpacked in found.items()} == {
        name: kinds[entry["kind"]] for name, entry in files.items()
    }
    assert {name: len(unpacked.documents) for name, unpacked in found.items()} == {
        name: len(entry["reports"]) for name, entry in files.items()
    }
    assert [name for name, unpacked in found.items() if unpacked.refusals] == []


@pytest.mark.parametrize(
    "content",
    [
        REPORT,
        b"\xef\xbb\xbf" + REPORT,
        b"\r\n \t" + REPORT,
        REPORT.decode().encode("utf-16"),
        REPORT.decode().encode("utf-16-be"),
    ],
    ids=["plain", "mark", "blanks", "utf-16", "utf-16-be-without-mark"],
)
def test_xml_is_found_in_any_encoding_and_kept_byte_for_byte(content: bytes) -> None:
    assert read(content) == [content]
    assert read(gzipped(content)) == [content]
    assert read(zipped(("r.xml", content))) == [content]


def test_both_reports_of_one_zip_are_found() -> None:
    second = report(report_id="r-2").encode()

    unpacked = unpack(zipped(("a.xml", REPORT), ("b.xml", second)), LIMITS)

    assert [b"".join(document.open()) for document in unpacked.documents] == [REPORT, second]
    assert [document.part for document in unpacked.documents] == ["a.xml", "b.xml"]


def test_a_readme_and_a_folder_before_the_report_do_not_hide_it() -> None:
    unpacked = unpack(zipped(("reports/", b""), ("readme.txt", b"Hello"), ("reports/r.xml", REPORT)), LIMITS)

    assert [b"".join(document.open()) for document in unpacked.documents] == [REPORT]
    assert unpacked.refusals == ()
    assert unpacked.notes == ("readme.txt: not a DMARC report",)


@pytest.mark.parametrize("name", ["../../evil.xml", "/etc/evil.xml", "C:\\evil.xml", "a\nb\x1b[31m\u202egpj.xml"])
def test_a_members_name_is_a_label_and_never_a_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    unpacked = unpack(zipped((name, REPORT)), LIMITS)

    assert [b"".join(document.open()) for document in unpacked.documents] == [REPORT]
    assert unpacked.documents[0].part.isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_zip64_directory_is_read() -> None:
    archive = zipped(("r.xml", REPORT))
    entry, end = archive.rindex(b"PK\x01\x02"), archive.rindex(b"PK\x05\x06")
    packed, size = archive[entry + 20 : entry + 24], archive[entry + 24 : entry + 28]
    extra = b"\x01\x00\x10\x00" + size + b"\0\0\0\0" + packed + b"\0\0\0\0"
    directory = bytearray(archive[entry:end] + extra)
    directory[20:28] = b"\xff" * 8
    directory[30:32] = len(extra).to_bytes(2, "little")
    tail = bytearray(archive[end:])
    tail[12:16] = len(directory).to_bytes(4, "little")

    assert read(archive[:entry] + bytes(directory) + bytes(tail)) == [REPORT]


def test_all_gzip_members_are_one_document_even_when_split_inside_a_record() -> None:
    middle = REPORT.index(b"<source_ip>") + 3

    assert read(gzipped(REPORT[:middle]) + gzipped(REPORT[middle:])) == [REPORT]


def test_bytes_after_a_gzip_are_noted_and_the_report_is_kept() -> None:
    (document,) = unpack(gzipped() + b"\r\n", LIMITS).documents

    assert b"".join(document.open()) == REPORT
    assert document.notes == ["2 bytes after the gzip data were ignored"]


def test_a_document_can_be_read_again_and_counts_once_against_the_cap() -> None:
    content = report(records=400).encode()
    limits = Limits(inflated_bytes=len(content) + 100)
    (document,) = unpack(gzipped(content), limits).documents

    assert [b"".join(document.open()) for _ in range(3)] == [content] * 3
    assert max(len(step) for step in document.open()) <= 65_536


def test_gzip_in_gzip_and_gzip_in_zip_are_read_and_deeper_ones_refused() -> None:
    assert read(gzipped(gzipped())) == [REPORT]
    assert read(zipped(("r.xml.gz", gzipped()))) == [REPORT]
    assert codes(gzipped(gzipped(gzipped()))) == ["nested"]
    assert codes(zipped(("r.gz", gzipped(gzipped())))) == ["nested"]
    assert codes(zipped(("r.zip", zipped()))) == ["nested"]
    assert codes(gzipped(zipped())) == ["nested"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzipped()[:-20], "truncated"),
        (gzipped(report(5_000).encode())[:-20], "truncated"),
        (gzipped()[:-8] + b"\0\0\0\0" + gzipped()[-4:], "bad_archive"),
        (zipped()[:-30], "truncated"),
        (hostile.encrypted_zip(), "encrypted"),
        (hostile.overlapping_zip(), "overlapping"),
        (zipped(("r.xml", REPORT), method=zipfile.ZIP_BZIP2), "unsupported_compression"),
        (zipped(("r.xml", REPORT), method=zipfile.ZIP_LZMA), "unsupported_compression"),
        (zipped(*((f"{number}.xml", REPORT) for number in range(11))), "too_many_members"),
        (gzipped(b" " * 1_000_000), "blank"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99 + "__substg1.0_007D001F".encode("utf-16-le"),
            "unsupported_msg",
        ),
        (mail(attachment(b"\x78\x9f\x3e\x22" + b"x" * 40, "application/ms-tnef", "winmail.dat")), "unsupported_msg"),
        (b"7z\xbc\xaf\x27\x1c" + b"x" * 40, "unsupported_archive"),
        (b"Dear customer,\n" + REPORT, "bad_start"),
        (mail(attachment(b"%PDF-1.7", name=f"{hostile.REPORT_NAME}.xml.gz")), "no_report"),
        (mail(attachment(b"", "application/zip")), "bad_archive"),
    ],
)
def test_what_cannot_be_read_is_refused_under_its_code(content: bytes, code: str) -> None:
    assert codes(content) == [code]
    assert unpack(content, LIMITS).kind == "reports"


def test_a_changed_byte_in_a_zip_member_is_found_by_its_checksum() -> None:
    archive = bytearray(zipped(("r.xml", REPORT), method=zipfile.ZIP_STORED))
    place = archive.index(b"192.0.2.1")

    archive[place] = ord("8")

    assert codes(bytes(archive)) == ["bad_archive"]


def test_the_cap_on_inflated_bytes_counts_all_members_together() -> None:
    content = report(records=400).encode()
    archive = zipped(("a.xml", content), ("b.xml", content))

    assert codes(archive, Limits(inflated_bytes=2 * len(content))) == []
    assert codes(archive, Limits(inflated_bytes=2 * len(content) - 1)) == ["too_big"]


def test_a_message_over_its_limit_is_not_looked_into() -> None:
    assert codes(REPORT, Limits(message_bytes=len(REPORT) - 1)) == ["too_big"]


@pytest.mark.parametrize("content_type", ["text/plain", "image/png", "application/octet-stream", "application-x-gzip"])
@pytest.mark.parametrize("content", [gzipped(), zipped(), REPORT], ids=["gzip", "zip", "xml"])
def test_a_lying_type_does_not_hide_a_report(content_type: str, content: bytes) -> None:
    assert read(mail(attachment(b"Hello", "text/plain"), attachment(content, content_type))) == [REPORT]
    assert read(single(attachment(content, content_type))) == [REPORT]


def test_both_attachments_of_a_mail_are_found_and_named() -> None:
    second = report(report_id="r-2").encode()
    content = mail(
        attachment(b"<html>Hello</html>", "text/html"),
        attachment(gzipped(), name="a.xml.gz"),
        attachment(zipped(("b.xml", second)), "application/zip", "b.zip"),
    )

    unpacked = unpack(content, LIMITS)

    assert [b"".join(document.open()) for document in unpacked.documents] == [REPORT, second]
    assert [document.part for document in unpacked.documents] == ["part 2 (a.xml.gz) > gzip", "part 3 (b.zip) > b.xml"]
    assert (unpacked.refusals, unpacked.notes) == ((), ())


def test_each_transfer_encoding_gives_the_exact_bytes() -> None:
    japanese = report(org_name="例の受信者").encode()
    quoted = japanese.replace(b"=", b"=3D").replace("例".encode(), b"=E4=BE=8B").replace(b"<row>", b"=\r\n<row>")
    base64 = attachment(gzipped(japanese)).replace(b"=", b"").replace(b"\r\nH4", b"\r\n*H4")

    assert read(single(attachment(japanese, "text/xml", encoding="8bit"))) == [japanese]
    assert read(single(attachment(REPORT, "text/xml", encoding="7bit"))) == [REPORT]
    assert read(single(attachment(quoted, "text/xml", encoding="quoted-printable"))) == [japanese]
    assert read(mail(base64)) == [japanese]
    assert read(mail(attachment(gzipped(japanese), encoding="binary"))) == [japanese]


def test_a_report_in_a_forwarded_mail_is_found_however_it_was_attached() -> None:
    original = mail(attachment(gzipped()), boundary="inner")

    assert read(mail(attachment(original, "message/rfc822", encoding="8bit"))) == [REPORT]
    assert read(mail(attachment(original, "message/rfc822"))) == [REPORT]
    assert read(mail(attachment(original, "application/octet-stream", "report.eml"))) == [REPORT]


def test_parts_within_parts_are_walked_and_a_missing_last_boundary_is_no_loss() -> None:
    inner = b'Content-Type: multipart/related; boundary="b 12"\r\n\r\n--b 12\r\n' + attachment(gzipped())
    content = mail(attachment(b"Hello", "text/plain"), inner)

    assert read(content) == [REPORT]
    assert read(content[: content.rindex(b"--b 1--")]) == [REPORT]


def test_a_boundary_that_begins_like_another_does_not_end_its_part() -> None:
    content = (
        b"From: a@example.net\nContent-Type: multipart/mixed; boundary=b\n\n"
        b"--b\nContent-Type: multipart/alternative; boundary=b1\n\n--b1\n\nHello\n--b1--\n"
        b"--b\nContent-Type: text/xml\n\n" + REPORT + b"\n--b--\n"
    )

    assert [part.number for part in leaves(content)] == ["1.1", "2"]
    assert read(content) == [REPORT]


def test_more_attachments_than_allowed_keep_the_first_and_refuse_the_rest() -> None:
    content = mail(*(attachment(gzipped()) for _ in range(21)))

    unpacked = unpack(content, LIMITS)

    assert len(unpacked.documents) == 20
    assert [refusal.code for refusal in unpacked.refusals] == ["too_many_attachments"]


def test_the_mail_that_a_bounce_returns_is_not_read() -> None:
    returned = attachment(mail(attachment(gzipped()), boundary="inner"), "message/rfc822", encoding="8bit")
    status = attachment(b"Action: failed", "message/delivery-status", encoding="7bit")

    bounce = unpack(mail(status, returned, kind="multipart/report; report-type=delivery-status"), LIMITS)

    assert bounce == Unpacked("not-a-report", notes=("bounce (delivery status notification)",))


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"", "empty"),
        (b"domain,count\r\nexample.com,5\r\n", "not a DMARC report"),
        (b"<html><body>Hello</body></html>", "XML or HTML, but not a DMARC report"),
        (zipped(("photo.jpg", b"\xff\xd8\xff")), "photo.jpg: not a DMARC report"),
        (zipped(("[Content_Types].xml", b"<Types/>")), "an office document, not a DMARC report"),
        (single(b"\r\nunused\r\n"), "the subject announces a report, but there is none in the mail"),
        (
            mail(attachment(zipped(("a.txt", b"a")), name="invoice.zip")),
            "part 1 (invoice.zip) > a.txt: not a DMARC report",
        ),
    ],
)
def test_what_is_not_a_report_is_named_and_not_refused(content: bytes, note: str) -> None:
    unpacked = unpack(content, LIMITS)

    assert (unpacked.kind, unpacked.refusals) == ("not-a-report", ())
    assert note in unpacked.notes


def test_tls_reports_are_recognised_by_content_packed_or_not() -> None:
    content = b'{"organization-name": "Example", "date-range": {}, "policies": []}'

    for packed in (content, gzipped(content), zipped(("r.json", content)), mail(attachment(gzipped(content)))):
        assert unpack(packed, LIMITS).kind == "tls-report"
    assert unpack(b'{"organization-name": "Example"}', LIMITS).kind == "not-a-report"


def test_a_failure_subject_alone_does_not_make_a_failure_report() -> None:
    subject = "DMARC Forensic Report for example.com"
    text = attachment(b"SPF Alignment: no", "text/plain", encoding="7bit")

    assert unpack(mail(text, subject=subject, kind="multipart/report"), LIMITS).kind == "failure-report"
    assert unpack(mail(text, subject=subject), LIMITS).kind == "not-a-report"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (hostile.nested_multiparts(), "too_deep"),
        (hostile.nested_mails(), "too_deep"),
        (hostile.nested_mails(content_type=b"application/octet-stream"), "too_deep"),
        (hostile.many_parts(), "too_many_parts"),
        (hostile.long_header(), "mail_headers"),
        (b"From: a@example.net\n" + b"X: y\n" * 2_000_000, "mail_headers"),
        (
            b"From: a@example.net\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--bx\n" * 7_000_000,
            "too_many_parts",
        ),
        (zipped(*((f"{number}.xml", b"") for number in range(10_000))), "too_many_members"),
        (gzipped(b"") * 500_000, "too_many_members"),
        (gzip.compress(gzipped(b"") * 500_000), "too_many_members"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_structure_is_refused_within_its_time(content: bytes, code: str) -> None:
    began = time.process_time()

    found = codes(content)

    assert time.process_time() - began < 0.2
    assert found == [code]


def test_bad_or_missing_headers_are_survived() -> None:
    bad = attachment(b"\x00\xff no headers at all", "message/rfc822", encoding="8bit")

    assert read(mail(bad, attachment(gzipped()))) == [REPORT]
    assert read(b"\r\n\r\n" + mail(attachment(gzipped()))) == [REPORT]
    assert unpack(b"no headers\r\n\r\nno mail", LIMITS).kind == "not-a-report"


def test_blank_lines_without_end_take_no_time() -> None:
    content = mail(attachment(b"\n" * 30_000_000, "text/plain", encoding="7bit"))
    began = time.process_time()

    unpack(content, LIMITS)

    assert time.process_time() - began < 1.0


def test_a_gzip_bomb_stops_at_the_cap_in_little_memory() -> None:
    content = hostile.gzip_bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()

    found = codes(content, Limits(inflated_bytes=20_971_520))

    assert found == ["too_big"]
    assert time.process_time() - began < 0.2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


SAMPLES = [
    REPORT,
    gzipped(),
    gzipped(gzipped()),
    zipped(("a.xml", REPORT), ("b.gz", gzipped())),
    mail(attachment(b"Hello", "text/plain"), attachment(zipped(), "application/zip", "a.zip")),
    mail(attachment(mail(attachment(gzipped()), boundary="inner"), "message/rfc822", encoding="8bit")),
    hostile.nested_multiparts(5),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    content = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.integers(0, 12))] = draw(st.binary(max_size=12))
    return bytes(content)


@settings(max_examples=400, deadline=1_000)
@given(st.one_of(st.binary(max_size=600), mutated()))
def test_no_bytes_raise_anything_but_unreadable(content: bytes) -> None:
    unpacked = unpack(content, LIMITS)
    codes(content)

    assert all(document.part.isprintable() for document in unpacked.documents)
    assert (unpacked.kind == "reports") == bool(unpacked.documents or unpacked.refusals)
