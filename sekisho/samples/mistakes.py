"""What reporters do wrong, and what is right but rarely read: duplicates, corrections, odd packings."""

import quopri
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sekisho.samples.calendars import is_business_day
from sekisho.samples.customers import STRAY_STREAM, STREAMS
from sekisho.samples.folder import Sample
from sekisho.samples.history import Report, single_reports
from sekisho.samples.packing import Member, Part, gzip, lines_of, mail, mbox, zipped
from sekisho.samples.rendering import as_file, as_mail, attachment, envelope_line, file_name, headers, xml

_FIRM_STREAMS = tuple(stream for stream in STREAMS if stream.sender.domain == "example.com")
_ONE_DAY = timedelta(days=1)


def mistakes(reports: Sequence[Report], until: date) -> list[Sample]:
    """The files of `history/mistakes/`; `reports` are those that the history already holds."""
    return [
        _mailed_twice(reports, until),
        _written_again(reports, until),
        _corrected(until),
        *_one_id_two_periods(until),
        _nothing_to_report(until),
        _nobodys_domain(until),
        *_japanese_names(until),
        _four_days(until),
    ]


def odd_packings(until: date) -> list[Sample]:
    """The files of `history/packings/`: each holds reports of its own, packed in another legal or lenient way."""
    one, two, *rest = _isp_reports(until, 14)
    return [
        _packed("two-reports-in-one-archive.zip", _two_members(one, two), (one, two), "zip with two reports"),
        *(make(report) for make, report in zip(_PACKINGS, rest, strict=False)),
        _two_attachments(rest[-2], rest[-1]),
    ]


def _business_days_before(until: date, count: int) -> list[date]:
    before = [until - timedelta(days=back) for back in range(2, 60)]
    return [day for day in before if is_business_day(day)][:count]


def _isp_reports(until: date, count: int) -> list[Report]:
    days = _business_days_before(until, count)
    return [single_reports(_FIRM_STREAMS, "isp", day, _ONE_DAY)[0] for day in days]


def _extra(reporter: str, until: date, back: int, span: timedelta = _ONE_DAY) -> Report:
    day = _business_days_before(until, 40)[back]
    return single_reports(_FIRM_STREAMS, reporter, day, span)[0]


def _sample(name: str, content: bytes, reports: tuple[Report, ...], states: dict[str, int], about: str) -> Sample:
    return Sample(f"history/mistakes/{name}", content, reports, states, about)


def _of(reports: Sequence[Report], reporter: str, day: date) -> Report:
    return next(r for r in reports if r.reporter.key == reporter and r.day == day and r.domain == "example.com")


def _mailed_twice(reports: Sequence[Report], until: date) -> Sample:
    report = _of(reports, "google", until - timedelta(days=9))
    mails = [(envelope_line(report), as_mail(report)), (envelope_line(report), as_mail(report, again="second sending"))]
    about = "a mail of google/ once more, byte for byte, and the same report in a second mail"
    return _sample("mailed-twice.mbox", mbox(mails), (), {"duplicate": 2}, about)


def _written_again(reports: Sequence[Report], until: date) -> Sample:
    report = _of(reports, "google", until - timedelta(days=12))
    backwards = replace(report, rows=report.rows[::-1])
    text = xml(backwards, replace(report.reporter.shape, indent="", line_end=""))
    about = "a report of google/ again on one line, its records in another order"
    return _sample("written-again.xml", text.encode(), (), {"duplicate": 1}, about)


def _corrected(until: date) -> Sample:
    report = _extra("isp", until, 20)
    more = tuple(replace(row, count=row.count + 1) for row in report.rows)
    mails = [as_mail(report), as_mail(replace(report, rows=more), again="correction")]
    about = "one report and a correction of it: same key, other counts; the first stays in force"
    content = mbox((envelope_line(report), content) for content in mails)
    states = {"stored": 1, "variant": 1}
    return Sample("history/mistakes/corrected.mbox", content, (report,), states, about, set_aside=1)


def _one_id_two_periods(until: date) -> Iterator[Sample]:
    first, second = _extra("hosting", until, 5, timedelta(hours=1)), _extra("hosting", until, 4, timedelta(seconds=1))
    second = replace(second, report_id=first.report_id)
    for number, report in enumerate((first, second), start=1):
        about = f"one report id used for two periods ({number} of 2); the second begins and ends in the same second"
        yield _sample(f"one-id-two-periods-{number}.xml.gz", as_file(report), (report,), {"stored": 1}, about)


def _nothing_to_report(until: date) -> Sample:
    report = replace(_extra("isp", until, 24), rows=())
    about = "a report without a record: a sign of life"
    return _sample("nothing-to-report.xml.gz", as_file(report), (report,), {"empty": 1}, about)


def _nobodys_domain(until: date) -> Sample:
    day = _business_days_before(until, 9)[8]
    report = single_reports((STRAY_STREAM,), "google", day, _ONE_DAY)[0]
    return _sample("nobodys-domain.eml", as_mail(report), (report,), {"stored": 1}, "a domain that no customer has")


def _japanese_names(until: date) -> Iterator[Sample]:
    first, second = _extra("provider", until, 6), _extra("provider", until, 7)
    lines = ("Content-Type: text/xml; charset=Shift_JIS", "Content-Transfer-Encoding: base64")
    body = Part(lines, lines_of(xml(first).encode("shift_jis")))
    about = "Japanese org_name, Shift_JIS as declared, base64"
    yield _sample("japanese-name-shift-jis.eml", mail(headers(first), body), (first,), {"stored": 1}, about)
    shape = replace(second.reporter.shape, declaration='<?xml version="1.0" encoding="UTF-8"?>')
    plain = Part(("Content-Type: text/xml; charset=UTF-8", "Content-Transfer-Encoding: 8bit"), xml(second, shape))
    content = mail(headers(second), plain, encoding="utf-8")
    yield _sample("japanese-name-8bit.eml", content, (second,), {"stored": 1}, "Japanese org_name, UTF-8, 8bit")


def _four_days(until: date) -> Sample:
    report = _extra("hosting", until, 18, timedelta(days=4))
    return _sample("four-days.xml.gz", as_file(report), (report,), {"stored": 1}, "one report about four days")


def _packed(name: str, content: bytes, reports: tuple[Report, ...], about: str) -> Sample:
    return Sample(f"history/packings/{name}", content, reports, {"stored": 1}, about)


def _two_members(one: Report, two: Report) -> bytes:
    return zipped(Member(file_name(report, "xml"), xml(report).encode()) for report in (one, two))


def _gzip_in_gzip(report: Report) -> Sample:
    return _packed("gzip-in-gzip.xml.gz.gz", gzip(as_file(report)), (report,), "gzip in gzip")


def _members(report: Report) -> Sample:
    text = xml(report).encode()
    cut = text.index(b"<count>") + 4
    return _packed(
        "several-gzip-members.xml.gz",
        gzip(text[:cut]) + gzip(text[cut:]),
        (report,),
        "two members, cut inside a record",
    )


def _byte_order_mark(report: Report) -> Sample:
    return _packed("byte-order-mark.xml", b"\xef\xbb\xbf\n" + xml(report).encode(), (report,), "BOM and an empty line")


def _utf16(report: Report) -> Sample:
    text = xml(report).replace("UTF-8", "UTF-16")
    return _packed("utf-16.xml", b"\xff\xfe" + text.encode("utf-16-le"), (report,), "UTF-16 with BOM")


def _readme_first(report: Report) -> Sample:
    members = [Member("report/", method=0), Member("readme.txt", b"See the report.\n")]
    content = zipped([*members, Member(file_name(report, "xml"), xml(report).encode())])
    return _packed("readme-first.zip", content, (report,), "folder and readme before the report")


def _lying_type(report: Report) -> Sample:
    part = attachment(as_file(report), "image/png", "picture.png")
    return _packed("lying-type.eml", mail(headers(report), part), (report,), "gzip declared as a picture")


def _quoted_printable(report: Report) -> Sample:
    lines = ("Content-Type: text/xml; charset=UTF-8", "Content-Transfer-Encoding: quoted-printable")
    body = quopri.encodestring(xml(report).encode()).decode()
    return _packed("quoted-printable.eml", mail(headers(report), Part(lines, body)), (report,), "quoted-printable XML")


def _forwarded_whole(report: Report) -> Sample:
    inner = Part(("Content-Type: message/rfc822",), as_mail(report).decode())
    about = Part(("Content-Type: text/plain",), "Forwarded to the report address.")
    content = mail(headers(report, subject="Fwd: report", again="forwarded"), about, inner)
    return _packed("forwarded-whole.eml", content, (report,), "the report's mail inside another mail")


def _prefixed(report: Report) -> Sample:
    text = xml(report, replace(report.reporter.shape, root=' xmlns:d="urn:ietf:params:xml:ns:dmarc-2.0"'))
    prefixed = text.replace("</", "</d:").replace("<", "<d:").replace("<d:/d:", "</d:").replace("<d:?", "<?")
    return _packed("prefixed-names.xml", prefixed.encode(), (report,), "every element with a namespace prefix")


def _trailing_bytes(report: Report) -> Sample:
    return _packed("bytes-after-gzip.xml.gz", as_file(report) + b"\x00" * 7, (report,), "gzip with bytes after it")


def _two_attachments(one: Report, two: Report) -> Sample:
    parts = [attachment(as_file(report), "application/gzip", file_name(report, "xml.gz")) for report in (one, two)]
    return _packed("two-attachments.eml", mail(headers(one), *parts), (one, two), "two reports in one mail")


_PACKINGS = (
    _gzip_in_gzip,
    _members,
    _byte_order_mark,
    _utf16,
    _readme_first,
    _lying_type,
    _quoted_printable,
    _forwarded_whole,
    _prefixed,
    _trailing_bytes,
)
