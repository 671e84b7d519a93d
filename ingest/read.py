"""Reads one message whole: unpack -> guard -> normalise. Pure but for the memo of the normaliser; no store, no network.

Runs inside a worker process. Every way in which a document can be unreadable ends as a `Refusal`.
"""

from collections.abc import Callable, Container, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ingest import words
from ingest.encoding import open_utf8
from ingest.guard import Guard, Head, NotPlain, RawRecord, read_period
from ingest.mend import mend
from ingest.naming import Namer
from ingest.normalize import Normalizer
from ingest.reading import Beginning, Message, Reading, Refusal, Send
from ingest.rewrite import plain_form
from ingest.unpack import Document, unpack
from ingest.unreadable import Unreadable
from ingest.wall import Malformed, Refused
from store.packing import CHUNK_RECORDS, UNREAD, PackedRecords, Packing, Report
from store.values import Record

if TYPE_CHECKING:
    from settings import Limits

MAX_MENDED_BYTES = 33_554_432
# A report of so many chunks is sent ahead of its end.
LONG_REPORT_CHUNKS = 5

_Scan = Callable[[Iterator[bytes], list[str]], Report]


class Reader:
    """Reads messages one after another; `registered` are the domains whose mail gets the full limits."""

    def __init__(self, limits: "Limits", registered: Container[str] = frozenset(), namer: Namer | None = None) -> None:
        self._limits = limits
        self._name = namer.without_ptr if namer else None
        self._marks = namer.marks if namer else None
        self._registered = registered
        self._normalizer = Normalizer()
        self._ahead = _Ahead(None)

    def read(self, message: Message, now: int, send: Send | None = None) -> Reading:
        """Every report of the message, and why each other document in it was refused.

        The chunks of a long first report go to `send` as they are read, behind its `Beginning`.
        """
        unpacked = unpack(message.content, self._limits)
        self._ahead = _Ahead(send)
        reports: list[Report] = []
        refusals = list(unpacked.refusals)
        for document in unpacked.documents:
            try:
                reports.append(self._read_document(document, message, now))
                self._ahead.stop()
            except (Refused, Unreadable) as error:
                refusals.append(Refusal(error.code, error.detail, document.part))
        notes = (*unpacked.notes, *(note for document in unpacked.documents for note in document.notes))
        return Reading(unpacked.kind, tuple(reports), tuple(refusals), notes)

    def _read_document(self, document: Document, message: Message, now: int) -> Report:
        """Plain reports in one pass; unusual ones rewritten, broken ones mended, cut ones refused."""
        registered = None if message.operator_named else self._registered
        scan = partial(self._read_steps, document.part, registered, message, now)
        try:
            return self._read_well_formed(document, scan)
        except Malformed as error:
            if error.at_end and not _ends_well(document):
                raise Refused("truncated", "the XML stops in the middle") from None
            return _read_mended(document, scan)

    def _read_well_formed(self, document: Document, scan: _Scan) -> Report:
        text = open_utf8(document.open)
        try:
            return scan(text.steps, text.repairs)
        except NotPlain:
            text = open_utf8(document.open)
            return scan(plain_form(text.steps), text.repairs)

    def _read_steps(
        self,
        part: str,
        registered: Container[str] | None,
        message: Message,
        now: int,
        steps: Iterator[bytes],
        repairs: list[str],
    ) -> Report:
        guard = Guard(self._limits, self._normalizer.shapes, registered, self._normalizer.forms)
        packing = Packing(self._normalizer.source, self._name, self._marks)
        introduce = partial(self._introduced, guard, part, message, now)
        for _ in self._pack(guard, steps, packing):
            self._ahead.give(packing, introduce)
        head = guard.close()
        begin, end, period_repairs = read_period(head, self._limits, now, message.operator_named)
        records = packing.finish(guard.records, guard.messages)
        report = self._report(head, records, part, (begin, end), (*repairs, *period_repairs))
        self._ahead.end(packing, report)
        return report

    def _introduced(self, guard: Guard, part: str, message: Message, now: int) -> Report | None:
        """The report as far as it is known before its end; None where that is too little to begin with."""
        head = guard.head_so_far()
        if head is None:
            return None
        try:
            begin, end, _ = read_period(head, self._limits, now, message.operator_named)
            return self._report(head, UNREAD, part, (begin, end), ())
        except Refused:
            return None  # said again at its end, unless something else is said before

    def _pack(self, guard: Guard, steps: Iterator[bytes], packing: Packing) -> Iterator[None]:
        """Normalise and pack a chunk of records at a time, so that no report needs much memory."""
        waiting: list[RawRecord] = []
        for step in steps:
            waiting.extend(guard.feed(step))
            if len(waiting) >= CHUNK_RECORDS:
                self._pack_chunk(guard, waiting, packing)
                yield
        if waiting:
            self._pack_chunk(guard, waiting, packing)
            yield

    def _pack_chunk(self, guard: Guard, waiting: list[RawRecord], packing: Packing) -> None:
        self._normalizer.learn(guard.novel)
        guard.novel.clear()
        packing.add(tuple(self._records(waiting)))
        waiting.clear()
        self._normalizer.forget()

    def _records(self, raw: list[RawRecord]) -> Iterator[Record]:
        shapes = self._normalizer.shapes
        addresses: dict[bytes | None, str] = {}
        for record in raw:
            ip = addresses.get(record.ip_text)
            if ip is None:
                ip = addresses[record.ip_text] = words.ip((record.ip_text or b"").decode("utf-8", "replace"))
            shape = shapes[record.shape]
            if ip and record.messages is not None:
                yield Record(ip, record.messages, shape, shape.bad)
            else:
                bad = "count" if record.messages is None else "source_ip"
                yield Record(ip, record.messages or 0, shape, bad, _raw(record))

    def _report(
        self,
        head: Head,
        records: PackedRecords,
        part: str,
        period: tuple[int, int],
        repairs: tuple[str, ...],
    ) -> Report:
        heading = self._normalizer.heading(head)
        org_name = words.short(head.text("org_name"), words.MAX_NAME) or ""
        email = words.short(head.text("email"), words.MAX_NAME) or ""
        return Report(
            part=part,
            org_name=org_name,
            email=email,
            report_id=(head.text("report_id") or "").strip("<> \t\r\n")[: words.MAX_NAME],
            begin=period[0],
            end=period[1],
            policy=heading.policy,
            records=records,
            xml_version=heading.version,
            xml_namespace=words.short(head.namespace, 200),
            generator=heading.generator,
            extra_contact_info=heading.extra_contact_info,
            errors=heading.errors,
            repairs=(*repairs, *heading.repairs),
        )


class _Ahead:
    """Sends the chunks of one long report ahead of its end: the first of the message, and only while it is read for
    the first time."""

    def __init__(self, send: Send | None) -> None:
        self._send = send
        self._packing: Packing | None = None
        self._begun: Report | None = None

    def stop(self) -> None:
        """No other report is sent ahead."""
        self._send = None

    def give(self, packing: Packing, introduce: Callable[[], Report | None]) -> None:
        """Send what is packed, where it is this report's turn."""
        if self._send is None:
            return
        if self._packing is None and packing.waiting() >= LONG_REPORT_CHUNKS:
            self._begin(packing, introduce())
        if self._packing is packing:
            for chunk in packing.taken():
                self._send(chunk)

    def _begin(self, packing: Packing, report: Report | None) -> None:
        if report is None or self._send is None:
            self.stop()
            return
        self._packing, self._begun = packing, report
        self._send(Beginning(report))

    def end(self, packing: Packing, report: Report) -> None:
        """Raises Refused where the report did not end as it began."""
        if self._packing is packing and self._begun and report.identity() != self._begun.identity():
            raise Refused("repeated", "the header says something else behind the records")


def _read_mended(document: Document, scan: _Scan) -> Report:
    text = open_utf8(document.open)
    mended, repairs = mend(_whole(text.steps))
    try:
        return scan(plain_form(iter([mended])), [*text.repairs, *repairs])
    except (NotPlain, Malformed) as error:
        raise Refused("malformed", f"the XML is not well-formed: {str(error)[:200]}") from None


def _raw(record: RawRecord) -> str | None:
    """What the reporter wrote where address or count could not be read."""
    written = (record.ip_text or b"", record.count_text or b"")
    return words.short(" ".join(text.decode("utf-8", "replace") for text in written), 200)


def _ends_well(document: Document) -> bool:
    """Whether the text ends like a whole report, but for its last bracket."""
    tail = b""
    for step in open_utf8(document.open).steps:
        tail = (tail + step)[-64:]
    return tail.rstrip().endswith((b"</feedback", b"</feedback>"))


def _whole(steps: Iterator[bytes]) -> bytes:
    text = bytearray()
    for step in steps:
        text += step
        if len(text) > MAX_MENDED_BYTES:
            raise Refused("malformed", "XML that is not well-formed and too long to mend")
    return bytes(text)
