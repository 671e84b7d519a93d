"""Who really sent a report: what the own mail server wrote about the mail, and whether that is the report's reporter.

    pass        the mail is authenticated, and its domain is the reporter's
    fail        it failed DMARC, or it is another domain's
    none        no trusted server authenticated it
    unknown     the trusted field could not be read or could not tell, or anybody can have an address at the domain
    unverified  nobody checked: no server is trusted, or a file without a trusted field

Believed is the topmost Authentication-Results whose authserv-id is one of the settings, and no other. It has to stand
above the mail's From, where a server puts it; below stands the sender's own text. RFC 8601 section 5 obliges that
server to take out what comes in under its name. A file that an operator names is graded only when it has a trusted
field, for a file is nobody's mail.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ingest.auth_results import Malformed, Result, authserv_id, results, tokens
from ingest.mime import HEADER_BYTES_MOST
from ingest.reading import Message
from knowledge.hosts import organisational, printable
from knowledge.public_mailboxes import PUBLIC_MAILBOX_DOMAINS
from knowledge.reporters import reporter_of
from knowledge.tables import Tables
from settings import Authenticity
from store.packing import Report

FROM_BYTES_MOST = 2_000

_MBOX_LINE = re.compile(rb">?From [^\n]*\n")
_FIELD = re.compile(rb"([!-9;-~]++)([ \t]*+):([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
_ADDRESS = re.compile(r"<?[^@<>]*@([^@<>]+)>?")


@dataclass(frozen=True, slots=True)
class Grade:
    """How authentic a mail or report is (see above), the domain that was authenticated or failed, and why."""

    authenticity: str
    domain: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What a mail's headers say: Authentication-Results above its From, topmost first, and the one From domain."""

    results: tuple[bytes, ...]
    from_domain: str | None


class Grader:
    """Grades mails and the reports in them by the settings; `tables` know which domains bring whose reports."""

    def __init__(self, options: Authenticity, tables: Tables) -> None:
        self._trusted = frozenset(options.authserv_id)
        self._tables = tables

    def mail(self, message: Message) -> Grade:
        """Whether the mail is really its From domain's. Files and mails that nobody checked are unverified."""
        if not message.content or not (self._trusted or message.signed_by is not None):
            return Grade("unverified")
        found = grade_mail(message.content, self._trusted, message.signed_by or ())
        return found or Grade("unverified" if message.mailbox is None else "none", None, "no trusted server checked it")

    def report(self, mail: Grade, report: Report) -> Grade:
        """Whether a report in a mail of this grade is really its reporter's."""
        return grade_report(mail, report.org_name, report.email, self._tables)


def grade_mail(mail: bytes, trusted: Collection[str], signed_by: Collection[str] = ()) -> Grade | None:
    """The grade of a mail by its headers, or None when no trusted server graded it.

    `trusted`: authserv-ids in lower case. `signed_by`: domains whose DKIM signature we found good ourselves; one that
    is aligned with From is proof, whatever a gateway wrote.
    """
    head = letterhead(mail)
    if head.from_domain and any(_aligned(domain, head.from_domain) for domain in signed_by):
        return Grade("pass", head.from_domain, "own DKIM check")
    field = next((field for field in head.results if authserv_id(field) in trusted), None)
    return None if field is None else _by_field(field, head.from_domain)


def grade_report(mail: Grade, org_name: str, email: str, tables: Tables) -> Grade:
    """The grade of a report: its mail's, unless another domain than the reporter's brought it."""
    if mail.authenticity != "pass" or mail.domain is None:
        return mail
    if not _brings(mail.domain, org_name, email, tables):
        claimed = printable(email) or printable(org_name) or "nobody"
        return Grade("fail", mail.domain, f"the mail is from {mail.domain}, the report says it is from {claimed}")
    if mail.domain in PUBLIC_MAILBOX_DOMAINS:
        return Grade("unknown", mail.domain, f"anybody can have an address at {mail.domain}")
    return mail


def letterhead(mail: bytes) -> Letterhead:
    """What the headers of a mail say about its sender. Two From fields, or two addresses in one, name nobody."""
    found: list[bytes] = []
    senders: list[bytes] = []
    for name, value in _fields(mail):
        if name == b"authentication-results" and not senders:
            found.append(value)
        elif name.rstrip() == b"from":
            senders.append(value)
    return Letterhead(tuple(found), _address_domain(senders[0]) if len(senders) == 1 else None)


def _fields(mail: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name in lower case, with blanks before its colon where they are written, and value of each header field."""
    start = len(mail) - len(mail.lstrip(b"\r\n"))
    line = _MBOX_LINE.match(mail, start)
    position = line.end() if line else start
    end = min(len(mail), position + HEADER_BYTES_MOST)
    while field := _FIELD.match(mail, position, end):
        yield (field[1] + field[2]).lower(), field[3]
        position = field.end()


def _address_domain(value: bytes) -> str | None:
    try:
        words = [token.text for token in tokens(_one_line(value)) if token.kind == "word" and "@" in token.text]
    except Malformed:
        return None
    address = _ADDRESS.fullmatch(words[0]) if len(words) == 1 else None
    return _host(address[1]) if address else None


def _one_line(value: bytes) -> str:
    return " ".join(value[:FROM_BYTES_MOST].decode("utf-8", "replace").split())


def _by_field(field: bytes, from_domain: str | None) -> Grade:
    try:
        found = results(field)
    except Malformed as error:
        return Grade("unknown", None, f"its Authentication-Results cannot be read: {error}")
    told = [result for result in found if result.method == "dmarc"]
    if len(told) > 1:
        return Grade("unknown", None, "its Authentication-Results has several DMARC results")
    if told and told[0].result != "none":
        return _by_dmarc(told[0])
    return _by_dkim(found, from_domain)


def _by_dmarc(told: Result) -> Grade:
    domain = _host(told.value("header.from") or "")
    if told.result == "fail":
        return Grade("fail", domain, "dmarc=fail")
    if told.result == "pass" and domain:
        return Grade("pass", domain, "dmarc=pass")
    return Grade("unknown", domain, f"dmarc={told.result[:20]}" if domain else "its DMARC result names no domain")


def _by_dkim(found: tuple[Result, ...], from_domain: str | None) -> Grade:
    """A domain without a DMARC record may still have signed its mail."""
    passed = [_signer(result) for result in found if result.method == "dkim" and result.result == "pass"]
    if from_domain and any(domain and _aligned(domain, from_domain) for domain in passed):
        return Grade("pass", from_domain, "dkim=pass")
    return Grade("none", None, "no DMARC result and no signature of its From domain")


def _signer(result: Result) -> str | None:
    written = result.value("header.d") or (result.value("header.i") or "").rpartition("@")[2]
    return _host(written)


def _brings(domain: str, org_name: str, email: str, tables: Tables) -> bool:
    """Whether mail of this domain may bring the reports of this reporter: by e-mail address, without one by name."""
    claimed = organisational(email.rpartition("@")[2].strip(" \t\r\n<>")) or organisational(org_name.strip())
    if claimed and organisational(domain) == claimed:
        return True
    known = reporter_of(org_name, email, tables)
    return known is not None and any(_below(domain, top) for top in (*known.mail_domains, *known.sending_domains))


def _below(domain: str, top: str) -> bool:
    return domain == top or domain.endswith(f".{top}")


def _aligned(domain: str, from_domain: str) -> bool:
    """Relaxed alignment (RFC 9989): the same organisational domain."""
    own = organisational(from_domain)
    return own is not None and organisational(domain) == own


def _host(text: str) -> str | None:
    name = text.strip().lower().removesuffix(".")
    return name if organisational(name) else None
