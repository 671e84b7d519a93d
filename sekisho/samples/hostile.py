"""`broken/`: one small file per kind of hostile or unreadable input, with the state it should end in."""

from collections.abc import Iterator
from dataclasses import dataclass

from sekisho.samples.packing import Member, Part, deflate, gzip, gzip_run, lines_of, mail, zipped

DOMAIN = "broken.example"
BEGIN, END = 1_790_812_800, 1_790_899_199  # 2026-10-01 UTC
_FROM = "dmarc@sender.example"


@dataclass(frozen=True, slots=True)
class Broken:
    """One file; `states` are the states that are right for it, `reports` how many reports it may bring."""

    name: str
    content: bytes
    states: tuple[str, ...]
    about: str
    reports: int = 0


def broken_files() -> list[Broken]:
    """Every file of `broken/`, ordered by name."""
    kinds = (_bombs, _entities, _oversize, _archives, _cut, _mails, _values, _texts, _other_kinds)
    return sorted((broken for kind in kinds for broken in kind()), key=lambda broken: broken.name)


def _record(ip: str = "192.0.2.200", count: str = "2", header_from: str = DOMAIN) -> str:
    return (
        f"<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated><disposition>none"
        "</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>"
        f"{header_from}</header_from></identifiers><auth_results><spf><domain>{DOMAIN}</domain>"
        "<result>fail</result></spf></auth_results></record>"
    )


def _report(
    report_id: str,
    records: str | None = None,
    *,
    org_name: str = "sender.example",
    domain: str = f"<domain>{DOMAIN}</domain>",
    period: tuple[object, object] = (BEGIN, END),
    prolog: str = '<?xml version="1.0" encoding="UTF-8"?>',
) -> str:
    return (
        f"{prolog}<feedback><report_metadata><org_name>{org_name}</org_name><email>{_FROM}</email><report_id>"
        f"{report_id}</report_id><date_range><begin>{period[0]}</begin><end>{period[1]}</end></date_range>"
        f"</report_metadata><policy_published>{domain}<adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp>"
        f"<pct>100</pct></policy_published>{_record() if records is None else records}</feedback>"
    )


def _mail(subject: str, *parts: Part) -> bytes:
    date = "Fri, 02 Oct 2026 03:00:00 +0000"
    lines = [f"From: {_FROM}", "To: rua@reports.example", f"Subject: {subject}", f"Date: {date}"]
    return mail([*lines, f"Message-ID: <{len(subject)}.{abs(sum(subject.encode()))}@sender.example>"], *parts)


def _attached(content: bytes, kind: str = "application/gzip", name: str = "report.xml.gz") -> Part:
    disposition = f'Content-Disposition: attachment; filename="{name}"'
    return Part((f"Content-Type: {kind}", disposition, "Content-Transfer-Encoding: base64"), lines_of(content))


_Q = ("quarantined",)
_STORED = ("stored",)


def _bombs() -> Iterator[Broken]:
    yield Broken("01-bomb.gz.gz", gzip(gzip_run(b" ", 300_000_000)), _Q, "gzip in gzip that inflates to 300 MB")
    blanks = gzip(_report("blanks").encode()) + gzip_run(b" ", 1_000_000) * 290
    yield Broken("02-blanks-after-report.xml.gz.gz", gzip(blanks), _Q, "a report and then 290 MB of blanks")
    yield Broken(
        "03-unclosed-tags.xml.gz",
        gzip(b"<feedback>") + gzip_run(b"<a>", 6_000_000),
        _Q,
        "two million tags, none closed",
    )
    tags = gzip(b"<feedback>") + gzip_run(b"<a/>", 1_000_000) * 92 + gzip(b"</feedback>")
    yield Broken("04-empty-tags.xml.gz.gz", gzip(tags), _Q, "23 million empty tags")
    text = _report("records", "<!-- -->").encode()
    head, tail = text.split(b"<!-- -->")
    records = gzip(head) + gzip(_record().encode() * 1_000) * 501 + gzip(tail)
    yield Broken("05-too-many-records.xml.gz.gz", gzip(records), _Q, "501,000 records")
    century = _report("century", _record(count="1000000") * 5, period=(BEGIN - 3_155_760_000, BEGIN))
    yield Broken("06-hundred-years.xml", century.encode(), _Q, "a period of a hundred years")


def _entities() -> Iterator[Broken]:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    prolog = f'<?xml version="1.0"?><!DOCTYPE feedback [<!ENTITY l0 "ha">{laughs}]>'
    yield _doctype("07-billion-laughs.xml", prolog, "&l9;", "entities that grow tenfold nine times")
    quadratic = f'<!DOCTYPE feedback [<!ENTITY long "{"x" * 8_000}">]>'
    yield _doctype("07-quadratic-entity.xml", quadratic, "&long;" * 900, "one long entity, used 900 times")
    file_entity = '<!DOCTYPE feedback [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    yield _doctype("08-external-file.xml", file_entity, "&x;", "an entity that reads a file of the host")
    http_entity = '<!DOCTYPE feedback [<!ENTITY x SYSTEM "http://127.0.0.1:9/evil">]>'
    yield _doctype("08-external-address.xml", http_entity, "&x;", "an entity that asks a web address")
    attributes = " ".join(f'a{n} CDATA "{"y" * 40}"' for n in range(100))
    yield _doctype(
        "09-attribute-defaults.xml", f"<!DOCTYPE feedback [<!ATTLIST record {attributes}>]>", "x", "defaults"
    )


def _doctype(name: str, prolog: str, org_name: str, about: str) -> Broken:
    return Broken(name, _report(name[:2], org_name=org_name, prolog=prolog).encode(), _Q, f"DOCTYPE: {about}")


def _oversize() -> Iterator[Broken]:
    attributes = " ".join(f'a{n}=""' for n in range(3_000))
    many = _report("attributes").replace("<feedback>", f"<feedback {attributes}>")
    yield Broken("10-many-attributes.xml.gz", gzip(many.encode()), _Q, "3,000 attributes on one element")
    head, tail = _report("long", org_name="|").encode().split(b"|")
    long_name = gzip(gzip(head) + gzip_run(b"x", 1_000_000) * 10 + gzip(tail))
    yield Broken("11-long-name.xml.gz.gz", long_name, _Q, "an org_name of 10 MB")
    deep = _report("deep").replace("<record>", "<record>" + "<a>" * 200 + "</a>" * 200)
    yield Broken("11-deep.xml", deep.encode(), _Q, "elements 200 levels deep")


def _archives() -> Iterator[Broken]:
    text = _report("nested").encode()
    yield Broken("12-three-gzips.gz", gzip(gzip(gzip(text))), _Q, "gzip in gzip in gzip")
    inner = zipped([Member("report.xml", text)])
    yield Broken("12-zip-in-zip.zip", zipped([Member("inner.zip", inner)]), _Q, "a zip archive in a zip archive")
    yield from _member_names()
    many = zipped([Member(f"{n}.xml", b"", method=0) for n in range(200)])
    yield Broken("15-many-members.zip", many, _Q, "200 members")
    yield Broken("15-overlapping-members.zip", _overlapping(text), _Q, "eleven entries, all of the same bytes")
    locked = zipped([Member("report.xml", bytes(12) + deflate(text), flags=1, method=0)])
    yield Broken("15-encrypted.zip", locked, _Q, "a member marked as encrypted")
    for number, method in ((12, "bzip2"), (14, "lzma")):
        packed = zipped([Member("report.xml", b"BZh91AY&SY" + bytes(40), method=number)])
        yield Broken(f"15-{method}.zip", packed, _Q, f"a member packed with {method}")


def _member_names() -> Iterator[Broken]:
    names = {"parent": "../../evil.xml", "absolute": "/tmp/evil.xml", "drive": "C:\\evil.xml"}  # noqa: S108 - a name in a hostile archive
    for kind, name in names.items():
        packed = zipped([Member(name, _report(f"member {kind}").encode())])
        yield Broken(f"13-member-{kind}.zip", packed, _STORED, f"a member named {name}: read, never written", 1)
    link = zipped([Member("link.xml", b"/etc/hostname", method=0, attributes=0o120777 << 16)])
    yield Broken("13-member-link.zip", link, ("not-a-report", "quarantined"), "a member that is a symbolic link")


def _overlapping(text: bytes) -> bytes:
    once = zipped([Member("report.xml", text)])
    at = once.index(b"PK\x01\x02")
    entry = once[at : once.rindex(b"PK\x05\x06")]
    end = bytearray(once[once.rindex(b"PK\x05\x06") :])
    end[8:12] = (11).to_bytes(2, "little") * 2
    end[12:16] = (len(entry) * 11).to_bytes(4, "little")
    return once[:at] + entry * 11 + bytes(end)


def _cut() -> Iterator[Broken]:
    text = _report("cut", _record() * 6).encode()
    yield Broken("17-gzip-cut.xml.gz", gzip(text)[:-20], _Q, "gzip without its last 20 bytes")
    yield Broken("20-xml-cut.xml", text[: len(text) * 2 // 3], _Q, "XML that ends inside a record")
    yield Broken("20-xml-cut.eml", _mail("cut", _attached(gzip(text[:-30]))), _Q, "the same, gzip in a mail")
    bare = text.replace(b"sender.example<", b"sender & example<")
    yield Broken("20-bare-ampersand.xml", bare, ("quarantined", "stored", "partial"), "a bare & in the text", 1)
    yield Broken("00-empty-file.xml", b"", ("not-a-report", "quarantined"), "an empty file")
    noise = bytes((n * 197 + n // 7) % 256 for n in range(2_000))
    yield Broken("00-noise.gz", b"\x1f\x8b\x08\x00" + noise, _Q, "noise that begins like gzip")


def _mails() -> Iterator[Broken]:
    text = _report("bad padding").encode()
    padding = Part(("Content-Type: text/xml", "Content-Transfer-Encoding: base64"), lines_of(text).rstrip("=")[:-1])
    yield Broken("23-bad-padding.eml", _mail("padding", padding), ("stored", "quarantined"), "cut base64", 1)
    wrong = _report("wrong encoding", org_name="見本").encode("shift_jis")
    yield Broken("24-wrong-encoding.xml", wrong, ("quarantined", "stored"), "Shift_JIS declared as UTF-8", 1)
    nul = _report("nul", org_name="sender\0example").encode()
    yield Broken("24-nul.xml", nul, ("quarantined", "stored"), "a NUL in the text", 1)
    yield Broken("25-nested-parts.eml", _nested(300), ("quarantined", "not-a-report"), "300 multiparts, one in another")
    many = _mail("parts", *[Part(("Content-Type: text/plain",), "x")] * 600)
    yield Broken("25-many-parts.eml", many, ("quarantined", "not-a-report"), "600 parts")
    head = _mail("headers", Part(("X-Long: " + "x" * 8_000,), "text"))
    yield Broken("25-long-header.eml", head, ("quarantined", "not-a-report"), "a header of 20,000 characters")
    inner = Part(("Content-Type: message/rfc822",), "this is no mail\n\n\0")
    yield Broken("25-bad-inner-mail.eml", _mail("inner", inner), ("quarantined", "not-a-report"), "no mail inside")


def _nested(levels: int) -> bytes:
    lines = ["From: dmarc@sender.example", "Subject: nested"]
    for level in range(levels):
        lines += [f'Content-Type: multipart/mixed; boundary="b{level}"', "", f"--b{level}"]
    return "\n".join([*lines, "", "end", ""]).encode()


def _values() -> Iterator[Broken]:
    counts = {"negative": "-5", "float": "1e9", "huge": str(2**63), "empty": "", "arabic": "١٢"}
    for kind, count in counts.items():
        text = _report(f"count {kind}", _record() + _record(count=count))
        yield Broken(
            f"27-count-{kind}.xml", text.encode(), ("partial", "quarantined"), f"a good record and count {count!r}", 1
        )
    periods = {
        "backwards": (END, BEGIN),
        "year-9999": (253_370_764_800, 253_370_851_199),
        "negative": (-86_400, -1),
        "milliseconds": (BEGIN * 1_000, END * 1_000),
        "text": ("today", "tomorrow"),
    }
    for kind, period in periods.items():
        text = _report(f"period {kind}", period=period)
        yield Broken(f"28-period-{kind}.xml", text.encode(), _Q, f"begin {period[0]}, end {period[1]}")
    yield from _addresses()
    yield from _domains()


def _addresses() -> Iterator[Broken]:
    addresses = {
        "formula": "=cmd|x",
        "mapped": "::ffff:192.0.2.44",
        "network": "192.0.2.4/8",
        "short": "127.1",
        "zone": "fe80::1%eth0",
        "port": "192.0.2.4:25",
        "host": "mail.sender.example",
    }
    for kind, address in addresses.items():
        text = _report(f"address {kind}", _record(ip=address))
        states = _STORED if kind == "mapped" else ("stored", "partial", "quarantined")
        yield Broken(f"29-address-{kind}.xml", text.encode(), states, f"source_ip {address}", 1)


def _domains() -> Iterator[Broken]:
    named = {
        "twice": f"<domain>{DOMAIN}</domain><domain>other.example</domain>",
        "empty": "<domain></domain>",
        "path": "<domain>../../etc/passwd</domain>",
        "long": f"<domain>{'a.' * 150}example</domain>",
    }
    for kind, element in named.items():
        text = _report(f"domain {kind}", domain=element)
        yield Broken(f"30-domain-{kind}.xml", text.encode(), _Q, f"policy domain: {kind}")
    same = {"upper": "BROKEN.EXAMPLE", "dot": "broken.example.", "idn": "見本.broken.example"}
    for kind, name in same.items():
        text = _report(f"domain {kind}", _record(header_from=name), domain=f"<domain>{name}</domain>")
        yield Broken(f"30-domain-{kind}.xml", text.encode(), _STORED, f"policy domain {name}: made canonical", 1)


_TEXTS = {
    "script": "<script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "markdown": "![x](http://198.51.100.250/x.png) [go](javascript:alert(1))",
    "formula": '=HYPERLINK("http://198.51.100.250/","open")',
    "formula-full-width": "＝1+1",
    "formula-at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "bidi": "example\u202egpj.exe\u200b",
    "look-alike": "ex\u0430mple.com",
}


def _texts() -> Iterator[Broken]:
    for kind, text in _TEXTS.items():
        yield Broken(
            f"31-text-{kind}.xml", _everywhere(kind, text).encode(), _STORED, f"in every text field: {text}", 1
        )


def _everywhere(kind: str, text: str) -> str:
    """A valid report that bears this text wherever a reporter may write freely."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feedback><version>1.0</version><report_metadata>'
        f"<org_name>{safe}</org_name><email>{safe}</email><extra_contact_info>{safe}</extra_contact_info>"
        f"<report_id>{kind} {safe}</report_id><date_range><begin>{BEGIN}</begin><end>{END}</end></date_range>"
        f"<error>{safe}</error><generator>{safe}</generator></report_metadata><policy_published><domain>{DOMAIN}</domain>"
        f"<adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct><fo>{safe}</fo></policy_published>"
        "<record><row><source_ip>192.0.2.201</source_ip><count>1</count><policy_evaluated>"
        "<disposition>none</disposition><dkim>fail</dkim><spf>fail</spf><reason><type>other</type>"
        f"<comment>{safe}</comment></reason></policy_evaluated></row><identifiers><header_from>{DOMAIN}</header_from>"
        f"<envelope_from>{safe}</envelope_from><envelope_to>{safe}</envelope_to></identifiers><auth_results>"
        f"<dkim><domain>{safe}</domain><selector>{safe}</selector><result>fail</result>"
        f"<human_result>{safe}</human_result></dkim><spf><domain>{safe}</domain><scope>mfrom</scope>"
        f"<result>fail</result><human_result>{safe}</human_result></spf></auth_results></record></feedback>"
    )


def _other_kinds() -> Iterator[Broken]:
    yield Broken(
        "26-outlook.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ("quarantined", "not-a-report"), ".msg"
    )
    tnef = _mail("tnef", _attached(b"\x78\x9f\x3e\x22" + bytes(60), "application/ms-tnef", "winmail.dat"))
    yield Broken("26-winmail.eml", tnef, ("quarantined", "not-a-report"), "winmail.dat (TNEF)")
    yield Broken("40-tls-report.json.gz", gzip(_TLS_REPORT), ("tls-report",), "a TLS report, no DMARC report")
    attached = _attached(gzip(_TLS_REPORT), "application/tlsrpt+gzip", "report.json.gz")
    yield Broken(
        "40-tls-report.eml", _mail("Report Domain: broken.example", attached), ("tls-report",), "the same by mail"
    )
    yield Broken("41-failure-report.eml", _failure_report(), ("failure-report",), "a DMARC failure report")
    junk = Part(("Content-Type: text/plain; charset=us-ascii",), "Dear webmaster, your site could rank higher.")
    yield Broken("42-junk.eml", _mail("Ranking offer", junk), ("not-a-report",), "advertising")
    unused = Part(("Content-Type: text/plain",), "unused")
    yield Broken("42-unused.eml", _mail("Report Domain: broken.example", unused), ("not-a-report",), "body: unused")
    picture = _attached(b"\x89PNG\r\n\x1a\n" + bytes(50), "image/png", "logo.png")
    yield Broken("42-picture.eml", _mail("Logo", picture), ("not-a-report",), "a mail with a picture")
    yield Broken("43-bounce.eml", _bounce(), ("not-a-report",), "a bounce of one of our own mails")
    other = b'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title></channel></rss>'
    yield Broken("44-other-xml.xml", other, ("not-a-report", "quarantined"), "XML that is no report")


_TLS_REPORT = (
    b'{"organization-name":"Sender Example","date-range":{"start-datetime":"2026-10-01T00:00:00Z","end-datetime":'
    b'"2026-10-01T23:59:59Z"},"contact-info":"tls@sender.example","report-id":"2026-10-01T00:00:00Z_broken.example",'
    b'"policies":[{"policy":{"policy-type":"sts","policy-domain":"broken.example"},"summary":'
    b'{"total-successful-session-count":12,"total-failure-session-count":0}}]}'
)


def _failure_report() -> bytes:
    feedback = (
        "Feedback-Type: auth-failure\nVersion: 1\nUser-Agent: sender.example\nAuth-Failure: dmarc\n"
        "Reported-Domain: broken.example\nSource-IP: 192.0.2.202\nArrival-Date: Thu, 01 Oct 2026 10:00:00 +0000\n"
        "Identity-Alignment: none"
    )
    original = "From: someone@broken.example\nSubject: sample\nDate: Thu, 01 Oct 2026 10:00:00 +0000\n\ntext"
    parts = (
        Part(("Content-Type: text/plain",), "A mail failed DMARC."),
        Part(("Content-Type: message/feedback-report",), feedback),
        Part(("Content-Type: message/rfc822",), original),
    )
    lines = ["From: dmarc@sender.example", "To: ruf@reports.example", "Subject: FW: sample"]
    return mail(lines, *parts, subtype="report; report-type=feedback-report")


def _bounce() -> bytes:
    recipient = "Final-Recipient: rfc822; gone@sender.example\nAction: failed\nStatus: 5.1.1"
    status = f"Reporting-MTA: dns; mx.sender.example\n\n{recipient}"
    parts = (
        Part(("Content-Type: text/plain",), "Your mail could not be delivered."),
        Part(("Content-Type: message/delivery-status",), status),
    )
    lines = ["From: MAILER-DAEMON@mx.sender.example", "To: rua@reports.example", "Subject: Undelivered mail"]
    return mail(lines, *parts, subtype="report; report-type=delivery-status")
