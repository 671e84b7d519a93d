"""The store's totals, whole or of one domain: the figures of `sekisho totals`.

Counts every report in force, whatever became of its own mail's authentication; docs/DATA.md has the definitions.
"""

from dataclasses import dataclass

from analysis import totals_frames
from analysis.frames import Connection, Scope
from analysis.totals_frames import DomainTotals


@dataclass(frozen=True, slots=True)
class Dispositions:
    """Messages by what their receiver did; `none` includes the word `pass` that some reporters write."""

    none: int
    quarantine: int
    reject: int


@dataclass(frozen=True, slots=True)
class DomainLine:
    """One domain's reports in force, their records, messages, and messages that passed (DKIM or SPF aligned)."""

    domain: str
    reports: int
    records: int
    messages: int
    passed: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over reports in force.

    `dispositions` and `disposition_unknown` add up to `messages`. `empty` (without a record) and `partial` (with
    unreadable records) are among `reports`; `variants` counts variants and corrections, of which corrections are
    among `set_aside`, the reports that are kept but in no sum. `quarantined` counts messages that could not be read:
    they belong to no domain, so that it is the whole store's number whatever domain is asked for.
    """

    reports: int
    records: int
    messages: int
    passed: int
    dispositions: Dispositions
    disposition_unknown: int
    empty: int
    variants: int
    partial: int
    set_aside: int
    quarantined: int
    domains: tuple[DomainLine, ...]


def build(connection: Connection, scope: Scope, domain: str | None = None) -> Totals | None:
    """The totals of the scope's domains, or of `domain` (A-label); None when that one is unknown or out of scope."""
    rows = totals_frames.domain_totals(connection, scope, domain)
    if domain is not None and not rows:
        return None
    return _added_up(rows, totals_frames.quarantined(connection, scope))


def _added_up(rows: tuple[DomainTotals, ...], quarantined: int) -> Totals:
    def total(field: str) -> int:
        return sum(getattr(row, field) for row in rows)

    return Totals(
        reports=total("reports"),
        records=total("records"),
        messages=total("messages"),
        passed=total("passed"),
        dispositions=Dispositions(
            none=total("disposition_none"),
            quarantine=total("disposition_quarantine"),
            reject=total("disposition_reject"),
        ),
        disposition_unknown=total("disposition_unknown"),
        empty=total("empty"),
        variants=total("variants"),
        partial=total("partial"),
        set_aside=total("set_aside"),
        quarantined=quarantined,
        domains=tuple(DomainLine(row.domain, row.reports, row.records, row.messages, row.passed) for row in rows),
    )
