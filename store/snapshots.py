"""What DNS said about our domains: a timeline of answers, and what a night has to ask about.

An answer that is the same as the last one only moves `last_seen_at`; any other is a new row. "Could not look" is no
answer and makes no row: the one row of kind LOOK per domain says when we looked last and what stayed unanswered.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, case, exists, func, insert, or_, select, update

from store.ledger import raise_generation
from store.schema import auth_result, dns_snapshot, domain, report, traffic, traffic_day

# Words of `dns_snapshot.kind`. dmarc: TXT at a `_dmarc` name (or a DMARC record that stands elsewhere); dmarc-walk:
# the tree walk from the domain; spf, spf-tree, spf-type99; dkim: a key; mx; report-authorisation: whether a host
# agreed to receive the reports. look: not an answer, see above.
DMARC, WALK, SPF, SPF_TREE, SPF_TYPE, DKIM, MX, AUTHORISATION, LOOK = (
    "dmarc",
    "dmarc-walk",
    "spf",
    "spf-tree",
    "spf-type99",
    "dkim",
    "mx",
    "report-authorisation",
    "look",
)
# Words of `dns_snapshot.state` for an answer, and of the row LOOK.
FOUND, NO_NAME, NO_RECORD = "found", "no-name", "no-record"
COMPLETE, PARTLY = "complete", "partly"

MOST_UNANSWERED = 100
FAILED = "fail"
IN_FORCE = "in-force"


@dataclass(frozen=True, slots=True)
class Observation:
    """What DNS said at one name: `content` as JSON can hold it.

    `expected` is False where nothing needs to stand: such an absence is kept only when something stood there before.
    """

    kind: str
    name: str
    state: str
    content: Mapping[str, Any]
    expected: bool = True


@dataclass(frozen=True, slots=True)
class Unanswered:
    """What DNS did not say: timeout, failed, or not-asked (a bound of the run was met)."""

    kind: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a domain: everything that was answered, and everything that was not."""

    domain: str
    observations: tuple[Observation, ...]
    unanswered: tuple[Unanswered, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A domain to look at."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Signatures seen in reports under one key: in records, and how many of them a reporter found good."""

    domain: str
    selector: str
    records: int
    passed: int


@dataclass(frozen=True, slots=True)
class Subdomain:
    """A name below the domain seen in From: its messages, and those of them that passed DMARC."""

    name: str
    messages: int
    passed: int


def save_look(connection: Connection, domain_id: int, look: Look, *, now: int) -> int:
    """Store a look and return how many answers were new or other than before."""
    last = _newest(connection, domain_id)
    before = last.get((LOOK, look.domain))
    # All rows of one look have one time, also after a clock that went back.
    at = max(now, before.last_seen_at) if before else now
    changed = 0
    for each in look.observations:
        known = last.get((each.kind, each.name))
        content = stable(each.content)
        if known is not None and (known.state, known.content) == (each.state, content):
            _seen_again(connection, known.id, now=at)
        elif known is not None or each.expected or each.state == FOUND:
            _add(connection, domain_id, (each.kind, each.name, each.state, content), now=at)
            changed += 1
    _save_state(connection, domain_id, look, before, now=at)
    if changed:
        raise_generation(connection)
    return changed


def stable(content: Mapping[str, Any]) -> str:
    """The one JSON text of a content, whatever the order in which it was put together."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def due_domains(connection: Connection, *, since_day: int, limit: int) -> tuple[list[Target], int]:
    """At most `limit` domains, the longest not looked at first, and how many more there are.

    Due are registered domains, and others with mail since that day.
    """
    looked = select(dns_snapshot.c.domain_id, func.max(dns_snapshot.c.last_seen_at).label("at")).where(
        dns_snapshot.c.kind == LOOK
    )
    last = looked.group_by(dns_snapshot.c.domain_id).subquery()
    mail = exists().where(traffic_day.c.domain_id == domain.c.id, traffic_day.c.day >= since_day)
    due = or_(domain.c.registered, mail)
    found = select(domain.c.id, domain.c.name).outerjoin(last, last.c.domain_id == domain.c.id).where(due)
    ordered = found.order_by(func.coalesce(last.c.at, 0), domain.c.registered.desc(), domain.c.name).limit(limit)
    targets = [Target(*row) for row in connection.execute(ordered)]
    total = connection.execute(select(func.count()).select_from(domain).where(due)).scalar_one()
    return targets, total - len(targets)


def target(connection: Connection, name: str) -> Target | None:
    """The domain of this name (A-label), or None."""
    row = connection.execute(select(domain.c.id, domain.c.name).where(domain.c.name == name)).one_or_none()
    return None if row is None else Target(*row)


def signatures(connection: Connection, where: Target, *, since_day: int, limit: int) -> tuple[Signature, ...]:
    """At most `limit` keys of the domain and of names below it, those with most good signatures first."""
    found = auth_result.c
    passed = func.sum(case((found.result == "pass", 1), else_=0))
    joined = auth_result.join(report, and_(report.c.domain_id == found.domain_id, report.c.id == found.report_id))
    wanted = (
        select(found.domain, found.selector, func.count(), passed)
        .select_from(joined)
        .where(found.domain_id == where.id, found.method == "dkim", found.selector.is_not(None))
        .where(_own(found.domain, where.name), report.c.last_day >= since_day, *_counted(report))
        .group_by(found.domain, found.selector)
        .order_by(passed.desc(), func.count().desc(), found.domain, found.selector)
    )
    return tuple(Signature(row[0], row[1], int(row[2]), int(row[3])) for row in connection.execute(wanted.limit(limit)))


def subdomains(connection: Connection, where: Target, *, since_day: int, limit: int) -> tuple[Subdomain, ...]:
    """At most `limit` names below the domain with mail since that day, those with most mail that passed first."""
    columns = traffic.c
    aligned = or_(columns.dkim_aligned, columns.spf_aligned)
    messages = func.sum(columns.messages)
    passed = func.sum(case((aligned, columns.messages), else_=0))
    below = columns.header_from.endswith(f".{where.name}", autoescape=True)
    wanted = (
        select(columns.header_from, messages, passed)
        .where(columns.domain_id == where.id, columns.day >= since_day, columns.authenticity != FAILED, below)
        .group_by(columns.header_from)
        .order_by(passed.desc(), messages.desc(), columns.header_from)
    )
    return tuple(Subdomain(row[0], int(row[1]), int(row[2])) for row in connection.execute(wanted.limit(limit)))


def _own(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    return or_(column == name, column.endswith(f".{name}", autoescape=True))


def _counted(table: FromClause) -> tuple[ColumnElement[bool], ...]:
    return table.c.standing == IN_FORCE, table.c.authenticity != FAILED


def _newest(connection: Connection, domain_id: int) -> dict[tuple[str, str], Any]:
    rows = connection.execute(
        select(dns_snapshot).where(dns_snapshot.c.domain_id == domain_id).order_by(dns_snapshot.c.id)
    )
    return {(row.kind, row.name): row for row in rows}


def _add(connection: Connection, domain_id: int, said: tuple[str, str, str, str], *, now: int) -> None:
    kind, name, state, content = said
    row = {"domain_id": domain_id, "kind": kind, "name": name, "state": state, "content": content}
    connection.execute(insert(dns_snapshot).values(**row, first_seen_at=now, last_seen_at=now))


def _seen_again(connection: Connection, row_id: int, *, now: int) -> None:
    connection.execute(update(dns_snapshot).where(dns_snapshot.c.id == row_id).values(last_seen_at=now))


def _save_state(connection: Connection, domain_id: int, look: Look, known: Any, *, now: int) -> None:
    """The row LOOK, which is changed in place: it is no history."""
    left = sorted([each.kind, each.name, each.state] for each in look.unanswered)[:MOST_UNANSWERED]
    state, content = (PARTLY if left else COMPLETE), stable({"unanswered": left})
    if known is None:
        _add(connection, domain_id, (LOOK, look.domain, state, content), now=now)
        return
    changed = {"state": state, "content": content, "last_seen_at": now}
    connection.execute(update(dns_snapshot).where(dns_snapshot.c.id == known.id).values(changed))
