"""The rows of one report: its own, and those of its records, results and reasons, in schema order."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from store.packing import Chunk, Report
from store.traffic import Line, days_of
from store.values import SourceFacts


def key_hash(report: Report) -> str:
    """The identity of a report without its content."""
    return sha256("\x1f".join(report.identity()).encode()).hexdigest()


def first_day(report: Report) -> int:
    """The first UTC day on which a report counts."""
    return days_of(report.begin, report.end)[0][0]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row of `report` but for its ids."""

    report: Report
    reporter: str
    standing: str
    relation: str | None
    related_id: int | None
    message_id: int
    authenticity: str
    now: int

    def columns(self) -> tuple[object, ...]:
        """Values in schema order, from key_hash on."""
        report = self.report
        days = days_of(report.begin, report.end)
        return (
            key_hash(report),
            report.records.content_hash,
            self.standing,
            self.relation,
            self.related_id,
            self.message_id,
            report.part,
            self.authenticity,
            self.reporter,
            report.org_name,
            report.email,
            report.report_id,
            report.policy.domain,
            report.begin,
            report.end,
            days[0][0],
            days[-1][0],
            *_policy_columns(report),
            report.xml_version,
            report.xml_namespace,
            report.generator,
            report.extra_contact_info,
            _lines(report.errors),
            _lines(report.repairs),
            *report.records.sums,
            self.now,
        )


def _policy_columns(report: Report) -> tuple[object, ...]:
    policy = report.policy
    raw = json.dumps(dict(policy.raw), ensure_ascii=False) if policy.raw else None
    return (
        policy.p,
        policy.sp,
        policy.np,
        policy.adkim,
        policy.aspf,
        policy.pct,
        policy.fo,
        policy.testing,
        policy.discovery_method,
        raw,
    )


def source_columns(found: SourceFacts) -> tuple[object, ...]:
    """Columns of `source` that an address has from its facts."""
    return (found.ip, found.country, found.asn, found.as_name, found.as_domain, found.service, found.service_kind)


def _lines(texts: Iterable[str]) -> str | None:
    return "\n".join(texts) or None


def record_rows(ids: tuple[int, int], first: int, chunk: Chunk, placed: Sequence[Line]) -> list[tuple[object, ...]]:
    """Rows of `record`. `ids`: of the domain and of the report; `first`: the number of the chunk's first record."""
    ends = [(*shape[:7], None, shape.raw, _lines(shape.repairs)) for shape in chunk.shapes]
    counted = zip(chunk.shape_of, placed, strict=True)
    rows: list[tuple[object, ...]] = [
        (*ids, number, line.source_id, line.sender_id, line.messages, *ends[shape])
        for number, (shape, line) in enumerate(counted, first)
    ]
    for number, (bad, raw) in chunk.odd.items():
        *whole, _, shape_raw, repairs = rows[number]
        rows[number] = (*whole, bad, raw or shape_raw, repairs)
    return rows


def auth_rows(ids: tuple[int, int], first: int, chunk: Chunk) -> list[tuple[object, ...]]:
    """Rows of `auth_result`."""
    ends = [[(order, *result) for order, result in enumerate(shape.auth_results)] for shape in chunk.shapes]
    return [(*ids, number, *end) for number, shape in enumerate(chunk.shape_of, first) for end in ends[shape]]


def reason_rows(ids: tuple[int, int], first: int, chunk: Chunk) -> list[tuple[object, ...]]:
    """Rows of `override_reason`."""
    ends = [[(order, *reason) for order, reason in enumerate(shape.reasons)] for shape in chunk.shapes]
    return [(*ids, number, *end) for number, shape in enumerate(chunk.shape_of, first) for end in ends[shape]]
