"""Builders of reports, containers and mails for tests: honest ones with good defaults, and hostile ones by name.

Sample names and documentation addresses only. Everything is bytes in memory; big ones are built once per run.
"""

import base64
import gzip
import io
import struct
import zipfile
import zlib
from functools import cache

REPORT_NAME = "example.net!example.com!1700000000!1700086399"


def report(records: int = 1, org_name: str = "Example Receiver", report_id: str = "r-1") -> str:
    """An honest aggregate report about example.com without XML declaration; each record counts one message."""
    rows = "".join(record(f"192.0.2.{number % 250 + 1}") for number in range(records))
    return (
        f"<feedback><report_metadata><org_name>{org_name}</org_name><email>dmarc@example.net</email>"
        f"<report_id>{report_id}</report_id><date_range><begin>1700000000</begin><end>1700086399</end></date_range>"
        "</report_metadata><policy_published><domain>example.com</domain><adkim>r</adkim><aspf>r</aspf><p>none</p>"
        f"<sp>none</sp><pct>100</pct></policy_published>{rows}</feedback>"
    )


def record(source_ip: str = "192.0.2.1", count: str = "1") -> str:
    """One `<record>` of a report about example.com that passes by DKIM."""
    return (
        f"<record><row><source_ip>{source_ip}</source_ip><count>{count}</count><policy_evaluated>"
        "<disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>"
        "<identifiers><header_from>example.com</header_from></identifiers><auth_results><dkim>"
        "<domain>example.com</domain><selector>s1</selector><result>pass</result></dkim>"
        "<spf><domain>example.com</domain><result>fail</result></spf></auth_results></record>"
    )


REPORT = ('<?xml version="1.0" encoding="UTF-8"?>\n' + report()).encode()


def gzipped(content: bytes = REPORT) -> bytes:
    """One gzip member, always the same bytes for the same content."""
    return gzip.compress(content, mtime=0)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of (name, content) in this order; a name ending in / is a folder."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        for name, content in members or ((f"{REPORT_NAME}.xml", REPORT),):
            file.writestr(zipfile.ZipInfo(name), content, method)
    return archive.getvalue()


def attachment(
    content: bytes, content_type: str = "application/gzip", name: str = "", encoding: str = "base64"
) -> bytes:
    """One MIME part. `encoding` base64 encodes the content; any other is only declared."""
    disposition = f'Content-Disposition: attachment; filename="{name}"\r\n' if name else ""
    body = base64.encodebytes(content).replace(b"\n", b"\r\n") if encoding == "base64" else content
    headers = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n{disposition}\r\n"
    return headers.encode() + body


def mail(
    *parts: bytes, subject: str = "Report domain: example.com", kind: str = "multipart/mixed", boundary: str = "b 1"
) -> bytes:
    """A mail of these parts (see `attachment`), each between boundaries; a mail inside it needs another boundary."""
    headers = (
        f"From: dmarc@example.net\r\nTo: reports@example.com\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: {kind}; boundary="{boundary}"\r\n\r\npreamble\r\n'
    )
    line = f"--{boundary}".encode()
    return headers.encode() + b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\nepilogue\r\n"


def single(part: bytes) -> bytes:
    """A mail that is nothing but one part."""
    return b"From: dmarc@example.net\r\nSubject: Report domain: example.com\r\nMIME-Version: 1.0\r\n" + part


@cache
def gzip_bomb(megabytes: int = 200) -> bytes:
    """A report that goes on for this many megabytes of blanks: about 1 kB of gzip per megabyte."""
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(REPORT)
    blanks = b" " * 1_000_000
    return packed + b"".join(packer.compress(blanks) for _ in range(megabytes)) + packer.flush()


@cache
def unclosed_tags(count: int = 20_000_000) -> bytes:
    """`<a>` opened again and again: 59 kB of gzip at 20 million."""
    return _repeated(b"<feedback>", b"<a>", count)


@cache
def empty_tags(count: int = 23_000_000) -> bytes:
    """`<a/>` again and again: 90 kB of gzip at 23 million."""
    return _repeated(b"<feedback>", b"<a/>", count)


@cache
def many_records(count: int = 280_000) -> bytes:
    """A well-formed report of equal records: about 404 kB of gzip at 280,000."""
    start, end = report(0).rsplit("</feedback>", 1)
    return _repeated(start.encode(), record().encode(), count, f"</feedback>{end}".encode())


def _repeated(start: bytes, piece: bytes, count: int, end: bytes = b"") -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = piece * min(count, 10_000)
    packed = packer.compress(start)
    for _ in range(count // min(count, 10_000)):
        packed += packer.compress(block)
    return packed + packer.compress(end) + packer.flush()


def encrypted_zip() -> bytes:
    """A zip whose only member says that it is encrypted."""
    archive = bytearray(zipped())
    archive[6] |= 1
    archive[archive.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(archive)


def overlapping_zip() -> bytes:
    """A zip whose second member is the first one's bytes again."""
    archive = bytearray(zipped(("a.xml", REPORT), ("b.xml", REPORT)))
    second = archive.rindex(b"PK\x01\x02")
    archive[second + 42 : second + 46] = struct.pack("<L", 0)
    return bytes(archive)


def nested_multiparts(levels: int = 3_000) -> bytes:
    """A mail of multiparts, one inside the other."""
    level = b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n'
    return b"From: a@example.net\n" + b"".join(level % (number, number) for number in range(levels)) + b"\nx"


def nested_mails(levels: int = 3_000, content_type: bytes = b"message/rfc822") -> bytes:
    """A mail in a mail in a mail."""
    return (b"From: a@example.net\nContent-Type: %s\n\n" % content_type) * levels + b"x"


def many_parts(count: int = 50_000) -> bytes:
    """A mail of many empty text parts."""
    return b"From: a@example.net\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * count


def long_header(size: int = 10_000_000) -> bytes:
    """A mail with one header line of this many bytes."""
    return b"From: a@example.net\nX-Long: " + b"a" * size + b"\n\nx"
