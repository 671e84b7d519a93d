"""A report as its reporter would write it: XML in the reporter's shape, a mail or a file around it."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime

from sekisho.samples import chance
from sekisho.samples.history import Report, Row
from sekisho.samples.packing import Member, Part, gzip, lines_of, mail, zipped
from sekisho.samples.reporters import Reporter, Shape
from sekisho.samples.streams import Dkim

Node = tuple[str, "str | list[Node]"]

OUR_ADDRESS, OUR_HOST = "rua@reports.example", "mx.reports.example"


def xml(report: Report, shape: Shape | None = None) -> str:
    """The report's XML text in this shape (default: its reporter's)."""
    shape = shape or report.reporter.shape
    children: list[Node] = [("version", shape.version)] if shape.version else []
    children += [("report_metadata", _metadata(report, shape)), ("policy_published", _policy(report, shape))]
    children += [("record", _record(row, shape)) for row in report.rows]
    text = shape.declaration + shape.line_end + _written(("feedback", children), shape, 0)
    return ("\ufeff" if shape.bom else "") + text.replace("<feedback>", f"<feedback{shape.root}>", 1)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _written(node: Node, shape: Shape, depth: int) -> str:
    name, content = node
    before = shape.indent * depth
    if isinstance(content, str):
        return f"{before}<{name}>{_escaped(content)}</{name}>{shape.line_end}"
    inner = "".join(_written(child, shape, depth + 1) for child in content)
    return f"{before}<{name}>{shape.line_end}{inner}{before}</{name}>{shape.line_end}"


def _metadata(report: Report, shape: Shape) -> list[Node]:
    contact = report.reporter.contact
    nodes: list[Node] = [("org_name", report.org_name), ("email", report.email)]
    nodes += [("extra_contact_info", contact)] if contact else []
    nodes += [("report_id", report.report_id)]
    nodes += [("date_range", [("begin", str(report.begin)), ("end", str(report.end))])]
    return nodes + ([("generator", shape.generator)] if shape.generator else [])


def _policy(report: Report, shape: Shape) -> list[Node]:
    policy = report.policy
    said = {
        "domain": report.domain,
        "adkim": policy.adkim,
        "aspf": policy.aspf,
        "p": policy.p,
        "sp": policy.sp,
        "np": policy.np or policy.sp,
        "pct": str(policy.pct),
        "fo": policy.fo,
        "testing": policy.t,
        "discovery_method": "treewalk",
    }
    return [(tag, said[tag]) for tag in shape.policy.split()]


def _record(row: Row, shape: Shape) -> list[Node]:
    evaluated: list[Node] = [
        ("disposition", row.disposition),
        ("dkim", "pass" if row.dkim_aligned else "fail"),
        ("spf", "pass" if row.spf_aligned else "fail"),
    ]
    evaluated += [("reason", [("type", kind), ("comment", comment)]) for kind, comment in _reasons(row, shape)]
    said = {"header_from": row.header_from, "envelope_from": row.envelope_from, "envelope_to": row.envelope_to}
    return [
        ("row", [("source_ip", row.ip), ("count", str(row.count)), ("policy_evaluated", evaluated)]),
        ("identifiers", [(name, said[name]) for name in shape.identifiers.split()]),
        ("auth_results", _auth_results(row, shape)),
    ]


def _reasons(row: Row, shape: Shape) -> tuple[tuple[str, str], ...]:
    return row.reasons or ((("", ""),) if shape.empty_reason else ())


def _auth_results(row: Row, shape: Shape) -> list[Node]:
    unsigned = (Dkim("", "", shape.unsigned, "no signature data"),) if shape.unsigned else ()
    nodes: list[Node] = [("dkim", _signature(sign, shape)) for sign in row.dkim or unsigned]
    result = "hardfail" if shape.hardfail and row.spf.result == "fail" else row.spf.result
    scope: list[Node] = [("scope", row.spf.scope)] if shape.scope else []
    return [*nodes, ("spf", [("domain", row.spf.domain), *scope, ("result", result)])]


def _signature(sign: Dkim, shape: Shape) -> list[Node]:
    said = {"domain": sign.domain, "selector": sign.selector, "result": sign.result, "human_result": sign.human_result}
    return [(name, said[name]) for name in shape.dkim.split()]


def file_name(report: Report, ending: str) -> str:
    """The name RFC 9990 section 3.5.2 asks for; a host's own form of id is left out."""
    unique = f"!{report.report_id}" if report.report_id.isalnum() else ""
    return f"{_submitter(report)}!{report.domain}!{report.begin}!{report.end}{unique}.{ending}"


def _submitter(report: Report) -> str:
    return report.email.split("@")[1] if report.reporter.brands else report.reporter.submitter


def sent_at(report: Report) -> datetime:
    """When the report was mailed: some hours after its period."""
    return datetime.fromtimestamp(
        report.end + 7_200 + chance.below(14_400, "sent", report.report_id, report.email), UTC
    )


def envelope_line(report: Report) -> str:
    """The mbox line of this report's mail."""
    return f"{report.reporter.sent_from} {sent_at(report):%a %b %e %H:%M:%S %Y}"


def headers(report: Report, subject: str | None = None, again: str = "") -> list[str]:
    """Header lines of the mail that brings this report; `again` makes a second sending of it."""
    host = report.reporter.sent_from.split("@")[1]
    authserv = f"Authentication-Results: {OUR_HOST}; dkim=pass header.d={host}; dmarc=pass header.from={host}"
    return [
        authserv,
        f"From: {report.reporter.sent_from}",
        f"To: {OUR_ADDRESS}",
        f"Subject: {subject or _subject(report)}",
        f"Date: {format_datetime(sent_at(report))}",
        f"Message-ID: <{chance.digest('mail', report.report_id, report.email, again)[:20]}@{host}>",
    ]


_SUBJECTS = {
    "google": "Report domain: {domain} Submitter: {submitter} Report-ID: {id}",
    "mail.ru": "Report Domain: {domain}; Submitter: {submitter}; Report-ID: {id}",
    "fastmail": "Report Domain: {domain} Submitter: {submitter} Report-ID:{id}",
    "amazon-ses": (
        "Dmarc Aggregate Report Domain: {{{domain}}}  Submitter: {{Amazon SES}}  Date: {{{day}}}  Report-ID: {{{id}}}"
    ),
    "outlook": "[Preview] Report Domain: {domain} Submitter: {submitter} Report-ID: {id}",
    "enterprise-outlook": "[Preview] Report Domain: {domain} Submitter: {submitter} Report-ID: {id}",
    "mimecast": "Report domain: {domain} Submitter: {submitter} Report-ID: {id}",
}


def _subject(report: Report) -> str:
    form = _SUBJECTS.get(report.reporter.key, "Report Domain: {domain} Submitter: {submitter} Report-ID: <{id}>")
    text = form.format(domain=report.domain, submitter=_submitter(report), day=report.day, id=report.report_id)
    if report.reporter.container != "gzip attachment, base64 subject":
        return text
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


def attachment(content: bytes, kind: str, name: str, disposition: str = "attachment") -> Part:
    """A base64 part with this declared type and file name."""
    lines = (
        f"Content-Type: {kind}",
        f'Content-Disposition: {disposition}; filename="{name}"',
        "Content-Transfer-Encoding: base64",
    )
    return Part(lines, lines_of(content))


def _note(text: str) -> Part:
    return Part(('Content-Type: text/plain; charset="us-ascii"',), text)


def as_mail(report: Report, again: str = "") -> bytes:
    """The report in a mail as its reporter sends it."""
    text = xml(report).encode()
    lines = headers(report, again=again)
    gz = file_name(report, "xml.gz")
    container = report.reporter.container
    if container == "whole mail is a zip":
        packed = zipped([Member(file_name(report, "xml"), text)])
        return mail([*lines, "MIME-Version: 1.0"], attachment(packed, "application/zip", file_name(report, "zip")))
    if container == "whole mail is a gzip with two bytes after it":
        return mail([*lines, "MIME-Version: 1.0"], attachment(gzip(text) + b"\r\n", "application/gzip", gz))
    if container == "octet-stream attachment":
        loose = Part(
            (f"Content-Type: application/octet-stream; name={gz}", "Content-Transfer-Encoding: base64"),
            lines_of(gzip(text)),
        )
        return mail(lines, _note("This mail brings a DMARC aggregate report."), loose)
    disposition = "inline" if container == "inline gzip attachment" else "attachment"
    return mail(
        lines,
        _note(f"This is an aggregate report from {report.org_name}."),
        attachment(gzip(text), "application/gzip", gz, disposition),
    )


def as_file(report: Report) -> bytes:
    """The report as a gzip file, as it lies in a folder of saved attachments."""
    return gzip(xml(report).encode())


def by_reporter(reports: Iterable[Report]) -> dict[Reporter, list[Report]]:
    """Reports grouped by reporter, order kept."""
    groups: dict[Reporter, list[Report]] = {}
    for report in reports:
        groups.setdefault(report.reporter, []).append(report)
    return groups
