"""The row of one report in schema order, and the columns of its sources. Those of its records: store/record_rows.py."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from store.packing import Report
from store.traffic import days_of
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
