"""The SQL of the all-time totals: what was reported of each domain, and what could not be read.

The rules of analysis/frames.py hold here too.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, select, true

from analysis.frames import IN_FORCE, Scope
from analysis.sender_frames import allowed, sum_of
from store.schema import domain, message, report

OTHER_VERSIONS = ("variant", "correction")
_TOTALLED = (
    "records",
    "messages",
    "passed",
    "disposition_none",
    "disposition_quarantine",
    "disposition_reject",
    "disposition_unknown",
)


@dataclass(frozen=True, slots=True)
class DomainTotals:
    """A domain's all-time sums over reports in force, of every authenticity; `variants` and `set_aside` count the
    reports of those words, `set_aside` ones being in no other figure but `variants`."""

    domain: str
    reports: int
    records: int
    messages: int
    passed: int
    disposition_none: int
    disposition_quarantine: int
    disposition_reject: int
    disposition_unknown: int
    empty: int
    variants: int
    partial: int
    set_aside: int


def domain_totals(connection: Connection, scope: Scope, name: str | None = None) -> tuple[DomainTotals, ...]:
    """All-time sums per domain of the scope, or of the one called `name`; by name. Mail of every authenticity."""
    in_force = report.c.standing == IN_FORCE
    columns = (
        domain.c.name,
        func.count(case((in_force, 1))),
        *(sum_of(case((in_force, report.c[column]))) for column in _TOTALLED),
        func.count(case((and_(in_force, report.c.records == 0), 1))),
        func.count(case((report.c.relation.in_(OTHER_VERSIONS), 1))),
        func.count(case((and_(in_force, report.c.bad_records > 0), 1))),
        func.count(case((report.c.standing != IN_FORCE, 1))),
    )
    joined = domain.outerjoin(report, report.c.domain_id == domain.c.id)
    named = true() if name is None else domain.c.name == name
    statement = select(*columns).select_from(joined).where(allowed(scope), named)
    rows = connection.execute(statement.group_by(domain.c.id, domain.c.name))
    return tuple(sorted((DomainTotals(*row) for row in rows), key=lambda row: row.domain))


def quarantined(connection: Connection, scope: Scope) -> int:
    """Messages that could not be read. They belong to no domain, hence to no customer: 0 in a customer's scope."""
    if scope.customer_ids is not None:
        return 0
    statement = select(func.count()).select_from(message).where(message.c.state == "quarantined")
    found: int = connection.execute(statement).scalar_one()
    return found
