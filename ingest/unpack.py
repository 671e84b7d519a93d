"""One message or file -> every report document in it, still packed, to be read in small steps.

Walks all MIME parts, all zip members, all gzip members; decides by content, never by name or declared type; writes
nothing to disk. What a document says is the guard's and the normaliser's work. Whatever the bytes, `unpack` returns:
faults become refusals. Only reading a document's steps may raise, and then `Unreadable`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ingest import kinds, mime
from ingest.archives import STEP, Member, Spend, gunzip, member_text, slices, zip_members
from ingest.reading import Kind, Refusal
from ingest.unreadable import Unreadable

if TYPE_CHECKING:
    from settings import Limits

__all__ = ["Document", "Unpacked", "Unreadable", "unpack"]

_LABEL_MOST = 200
_LAYERS_MOST = 2
_PASSED_OVER = ("text/plain", "text/html", "text/rfc822-headers", "message/")
_MSG_ADVICE = "an Outlook item (.msg or winmail.dat), which is not read: save its attachment and ingest that"

_Source = Callable[[Spend, list[str]], Iterator[bytes]]


class _Allowance:
    """Inflated bytes that one message may yield in all; a document that is read again counts once."""

    __slots__ = ("_limit", "_spent")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent: dict[int, int] = {}

    def begin(self, document: int) -> Spend:
        """Forget what an earlier reading of this document used; returns where to report its bytes."""
        self._spent[document] = 0
        return partial(self._spend, document)

    def _spend(self, document: int, count: int) -> None:
        self._spent[document] += count
        if sum(self._spent.values()) > self._limit:
            detail = f"more than {self._limit:,} bytes after unpacking (setting limits.inflated_bytes)"
            raise Unreadable("too_big", detail)


@dataclass(frozen=True, slots=True)
class Document:
    """One report document. `part` says where in the message it was found, for people, free of control characters."""

    part: str
    _source: _Source = field(repr=False)
    _allowance: _Allowance = field(repr=False)
    _number: int = field(repr=False)
    notes: list[str] = field(default_factory=list, compare=False)

    def open(self) -> Iterator[bytes]:
        """The document's bytes in steps of 1 to 65,536, not yet decoded; may be opened again and again.

        `notes` is complete when the last step was read. Raises `Unreadable` (too_big, truncated, bad_archive,
        encrypted, too_many_members, unsupported_compression) at the step where the fault shows.
        """
        self.notes.clear()
        yield from self._source(self._allowance.begin(self._number), self.notes)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What one message holds. `kind` is "reports" whenever there is a document or a refusal."""

    kind: Kind
    documents: tuple[Document, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def unpack(content: bytes, limits: "Limits") -> Unpacked:
    """Find every report document in a mail or file, in order. Never raises for any content."""
    search = _Search(limits)
    most = limits.message_bytes
    if len(content) > most:
        search.refuse(Unreadable("too_big", f"more than {most:,} bytes (setting limits.message_bytes)"), "")
    elif _is_mail(content):
        search.look_into_mail(content.lstrip(b"\r\n"))
    else:
        search.look_into(content, "", wanted=True, promise="nothing")
    return search.found()


def _is_mail(content: bytes) -> bool:
    head = content[: mime.HEADER_BYTES_MOST].lstrip(b"\r\n")
    return kinds.shape(content) in ("other", "late-report") and mime.looks_like_mail(head)


@dataclass(frozen=True, slots=True)
class _Head:
    """The start of a document: `whole` when it ends within one step, `trouble` when reading it failed there."""

    text: bytes
    whole: bool
    trouble: Unreadable | None
    notes: tuple[str, ...]


class _Search:
    """What has been found in one message so far."""

    def __init__(self, limits: "Limits") -> None:
        self._limits = limits
        self._allowance = _Allowance(limits.inflated_bytes)
        self._opened = 0
        self._attachments = 0
        self._documents: list[Document] = []
        self._refusals: list[Refusal] = []
        self._notes: list[str] = []
        self._tls_reports = 0
        self._failure_report = False

    def found(self) -> Unpacked:
        """Everything found, with the kind that it makes of the message."""
        notes = tuple(self._notes)
        if self._documents or self._refusals:
            return Unpacked("reports", tuple(self._documents), tuple(self._refusals), notes)
        if self._tls_reports:
            return Unpacked("tls-report", notes=notes)
        if self._failure_report:
            return Unpacked("failure-report", notes=notes)
        return Unpacked("not-a-report", notes=notes or ("no report in it",))

    def refuse(self, trouble: Unreadable, part: str) -> None:
        """Remember one fault."""
        self._refusals.append(Refusal(trouble.code, trouble.detail, part))

    def look_into_mail(self, mail: bytes) -> None:
        """Look at every leaf part of a mail; what its bounds cut off becomes one refusal."""
        types: set[str] = set()
        try:
            for part in mime.leaves(mail):
                types.update((part.content_type, part.within))
                self._look_into_part(part)
        except Unreadable as trouble:
            self.refuse(trouble, "")
        if not (self._documents or self._refusals or self._tls_reports or self._failure_report):
            self._name_mail(mime.subject(mail), types)

    def _look_into_part(self, part: mime.Part) -> None:
        label = _label(part)
        if part.content_type == "message/feedback-report":
            self._note_feedback(kinds.feedback_type(part.content), label)
        elif "tlsrpt" in part.content_type:
            self._tls_reports += 1
        else:
            self._look_into_attachment(part, label)

    def _look_into_attachment(self, part: mime.Part, label: str) -> None:
        promise = kinds.promise(part.file_name, part.content_type)
        promised = promise != "nothing"
        if promised or kinds.shape(part.content) in ("gzip", "zip", "report", "late-report"):
            self._count_attachment()
        wanted = promised or not part.content_type.startswith(_PASSED_OVER)
        self.look_into(part.content, label, wanted=wanted, promise=promise)

    def _count_attachment(self) -> None:
        self._attachments += 1
        if self._attachments > self._limits.attachments:
            most = self._limits.attachments
            raise Unreadable("too_many_attachments", f"more than {most} attachments (setting limits.attachments)")

    def _note_feedback(self, feedback: str, label: str) -> None:
        if feedback == "auth-failure":
            self._failure_report = True
        elif feedback == "abuse":
            self._notes.append("abuse complaint (ARF)")
        else:
            self._notes.append(f"{label}: feedback report of type {feedback or 'unknown'}")

    def _name_mail(self, subject: str, types: set[str]) -> None:
        """Say what a mail without any report is.

        A mail is a failure report without a feedback-report part when its subject names a DMARC failure or forensic
        report and it is either a multipart/report or carries a mail or a mail's headers.
        """
        carriers = {"multipart/report", "message/rfc822", "text/rfc822-headers"}
        if kinds.is_failure_subject(subject) and types & carriers:
            self._failure_report = True
        elif "message/delivery-status" in types:
            self._notes.append("bounce (delivery status notification)")
        elif kinds.announces_report(subject):
            self._notes.append("the subject announces a report, but there is none in the mail")

    def look_into(self, content: bytes, part: str, *, wanted: bool, promise: kinds.Promise) -> None:
        """Look at one file or attachment.

        `wanted` is False for a mail's own text, which is only looked at for a report standing alone in it;
        `promise` is what its name and type promised.
        """
        if kinds.shape(content) == "zip":
            self._look_into_zip(content, part, promise)
        else:
            self._look_into_stream(_plain(content), part, 0, wanted=wanted, promise=promise)

    def _look_into_zip(self, archive: bytes, part: str, promise: kinds.Promise) -> None:
        before = self._finds()
        try:
            for member in zip_members(archive, self._limits.members):
                if not member.is_folder:
                    self._look_into_member(archive, member, part)
        except Unreadable as trouble:
            self.refuse(trouble, part)
        if promise == "report" and self._finds() == before:
            self.refuse(_broken_promise(), part)

    def _finds(self) -> int:
        return len(self._documents) + len(self._refusals) + self._tls_reports

    def _look_into_member(self, archive: bytes, member: Member, part: str) -> None:
        def source(spend: Spend, _: list[str]) -> Iterator[bytes]:
            return member_text(archive, member, spend)

        promise: kinds.Promise = "report" if kinds.promise(member.name) == "report" else "nothing"
        self._look_into_stream(source, _within(part, member.name), 1, wanted=True, promise=promise)

    def _look_into_stream(
        self, source: _Source, part: str, layers: int, *, wanted: bool, promise: kinds.Promise
    ) -> None:
        """Decide by the first step what a stream is; a gzip is opened, `layers` counts the archives around it."""
        head = self._head(source)
        shape = kinds.shape(head.text)
        if shape == "gzip" and layers < _LAYERS_MOST:
            inner = _gunzipped(source, counted=layers > 0)
            self._look_into_stream(inner, _within(part, "gzip"), layers + 1, wanted=True, promise=promise)
        elif shape == "tls-report":
            self._tls_reports += 1
        elif trouble := head.trouble or _trouble(shape, layers, wanted=wanted, promise=promise):
            self.refuse(trouble, part)
        elif shape == "report":
            self._keep(source, head, part)
        elif wanted:
            other = _OTHER.get(shape, "not a DMARC report")
            self._notes.append(f"{part}: {other}" if part else other)

    def _head(self, source: _Source) -> _Head:
        notes: list[str] = []
        text = b""
        try:
            for step in source(self._allowance.begin(self._opened), notes):
                text += step
                if len(text) >= STEP:
                    return _Head(text, False, None, ())
        except Unreadable as trouble:
            return _Head(text, False, trouble, ())
        return _Head(text, True, None, tuple(notes))

    def _keep(self, source: _Source, head: _Head, part: str) -> None:
        if head.whole:
            source = _plain(head.text, head.notes)
        self._documents.append(Document(part, source, self._allowance, self._opened))
        self._opened += 1


_OTHER = {
    "empty": "empty",
    "office": "an office document, not a DMARC report",
    "xml": "XML or HTML, but not a DMARC report",
}


def _trouble(shape: kinds.Shape, layers: int, *, wanted: bool, promise: kinds.Promise) -> Unreadable | None:
    """Why content of this shape is refused, or None when it may be read or passed over."""
    if shape in ("gzip", "zip"):
        return Unreadable("nested", "archives packed in archives more than once; a gzip in a gzip or zip is read")
    if shape == "msg":
        return Unreadable("unsupported_msg", _MSG_ADVICE)
    if shape == "archive":
        return Unreadable("unsupported_archive", "an archive other than zip and gzip: unpack it and ingest its files")
    if shape == "blank" and (layers or promise != "nothing"):
        return Unreadable("blank", "nothing but white space where a report should begin")
    if shape == "late-report" and wanted:
        return Unreadable("bad_start", "something stands before the XML of a report")
    if promise == "report" and shape in ("empty", "other", "xml"):
        return _broken_promise()
    if promise == "packed" and shape in ("empty", "other") and not layers:
        return Unreadable("bad_archive", "sent as gzip, zip or XML, but its content is none of them")
    return None


def _broken_promise() -> Unreadable:
    return Unreadable("no_report", "named like a report, but there is none in it")


def _plain(content: bytes, notes: tuple[str, ...] = ()) -> _Source:
    def source(spend: Spend, noted: list[str]) -> Iterator[bytes]:
        noted.extend(notes)
        for step in slices(content):
            spend(len(step))
            yield step

    return source


def _gunzipped(packed: _Source, *, counted: bool) -> _Source:
    """The text of a gzip; its packed bytes count as inflated ones when they came out of another archive."""

    def source(spend: Spend, notes: list[str]) -> Iterator[bytes]:
        return gunzip(packed(spend if counted else _free, notes), spend, notes)

    return source


def _free(_: int) -> None:
    """Packed bytes that arrived as they are use up nothing."""


def _label(part: mime.Part) -> str:
    place = f"part {part.number}" if part.number else "body"
    name = part.file_name
    return _printable(f"{place} ({name})" if name else place)


def _within(part: str, name: str) -> str:
    return _printable(f"{part} > {name}" if part else name)


def _printable(text: str) -> str:
    """Control, format and other unprintable characters (line breaks, right-to-left marks) as escapes; at most 200."""
    shown = text[: 2 * _LABEL_MOST]
    if not shown.isprintable():
        shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in shown)
    return shown if len(shown) <= _LABEL_MOST else shown[: _LABEL_MOST - 1] + "…"
