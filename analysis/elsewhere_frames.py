"""The SQL about what the addresses that failed for a domain did in other owners' names.

The one exception to the rules of analysis/frames.py: it looks at every customer's mail, and gives back numbers only.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, bindparam, case, func, literal, or_, select

from analysis.frames import FAILED, Period
from analysis.sender_frames import DomainRow, asked, counted, owner, signing, sum_of, tuples, value
from analysis.streams import Elsewhere
from store.evidence import BOTH_ALIGNED, MARKS
from store.schema import domain, sender, source, traffic_evidence, traffic_source
from store.sources import ABSENT, BAD_NAME, FOUND

# Bound variables of one statement: SQLite allows 32,766.
CHUNK = 5_000
# Kinds of sender of which nobody vouches for the address.
STRANGER_KINDS = ("network", "unknown")


def elsewhere(connection: Connection, where: DomainRow, period: Period) -> dict[int, Elsewhere]:
    """What the addresses that failed for this domain did in the names of other owners in the period; numbers only.

    Only addresses of networks that nobody vouches for: through a service's own go many people's mail.
    """
    failed = _failed_elsewhere(connection, where, period)
    by_source: defaultdict[int, list[_Failed]] = defaultdict(list)
    for row in failed:
        by_source[row.source_id].append(row)
    passing: defaultdict[int, set[int]] = defaultdict(set)
    nameless: set[int] = set()
    # Whose mail fails nowhere else unsigned is judged by what it forwards alone.
    for chunk in _chunks(sorted({row.source_id for row in failed if row.unsigned})):
        nameless |= _nameless(connection, chunk)
        for source_id, other in _passes_elsewhere(connection, where, period, chunk):
            passing[source_id].add(other)
    signs = signing(connection, sorted({row.domain_id for row in failed}), period)
    return {
        source_id: _added(rows, passing[source_id], signs, source_id in nameless)
        for source_id, rows in by_source.items()
    }


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]


class _Failed(NamedTuple):
    """Mail of one address in one other domain's name on the same days: unsigned and failing, and forwarded."""

    source_id: int
    domain_id: int
    owner: int
    unsigned: int
    forwards: int


def _added(mine: Sequence[_Failed], passes: set[int], signing: frozenset[int], nameless: bool) -> Elsewhere:
    failing = {row.owner for row in mine if row.unsigned} - passes
    return Elsewhere(
        forwards=sum(row.forwards for row in mine),
        failing=len(failing),
        signing=len({row.owner for row in mine if row.domain_id in signing} & failing),
        passes=len(passes),
        nameless=nameless,
    )


def _failed_elsewhere(connection: Connection, where: DomainRow, period: Period) -> list[_Failed]:
    values = asked(where, period) | {"owner": where.owner}
    return [_Failed._make(row) for row in tuples(connection, _failed_in_other_names(), values)]


@cache
def _failed_in_other_names() -> Select[Any]:
    """The fields of _Failed."""
    table = traffic_evidence.c
    here = _failed_here()
    forwards = (_marked("forward_override"), _marked("spf_forwarder"), _marked("dkim_failed", "spf_other"))
    columns = (
        table.source_id,
        table.domain_id,
        owner(),
        sum_of(case((and_(_marked("dkim_absent"), ~_marked("spf_aligned")), table.messages), else_=0)),
        sum((sum_of(case((marked, table.messages), else_=0)) for marked in forwards), literal(0)),
    )
    near = and_(table.source_id == here.c.source_id, table.day.between(here.c.first_day, here.c.last_day))
    joined = here.join(traffic_evidence, near).join(domain, domain.c.id == table.domain_id)
    others = (table.domain_id != value("domain_id"), table.authenticity != FAILED, owner() != value("owner"))
    statement = select(*columns).select_from(joined).where(_is_elsewhere(here), *others)
    return statement.group_by(table.source_id, table.domain_id, domain.c.customer_id, domain.c.id)


def _is_elsewhere(here: FromClause) -> ColumnElement[bool]:
    """That the address has mail in another domain's name on those days. Most have not, and the index alone tells.

    The sub-query names its column: `SELECT *` would read the table as well.
    """
    other = traffic_evidence.alias("other").c
    near = (other.source_id == here.c.source_id, other.day.between(here.c.first_day, here.c.last_day))
    return select(other.domain_id).where(*near, other.domain_id != value("domain_id")).exists()


def _marked(*names: str) -> ColumnElement[bool]:
    """That a row of `traffic_evidence` has all of these marks."""
    mask = sum(MARKS[name] for name in names)
    return traffic_evidence.c.marks.bitwise_and(mask) == mask


def _failed_here() -> FromClause:
    """Addresses of strangers' networks that failed for this domain, and the days between which they did."""
    table = traffic_evidence.c
    strangers = select(sender.c.id).where(sender.c.domain_id == value("domain_id"), sender.c.kind.in_(STRANGER_KINDS))
    columns = (table.source_id, func.min(table.day).label("first_day"), func.max(table.day).label("last_day"))
    failed = (table.marks.bitwise_and(BOTH_ALIGNED) == 0, table.sender_id.in_(strangers))
    return select(*columns).where(*counted(traffic_evidence), *failed).group_by(table.source_id).subquery()


def _passes_elsewhere(
    connection: Connection, where: DomainRow, period: Period, chunk: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """(address, owner) of mail that passed in another owner's name."""
    values = asked(where, period) | {"owner": where.owner, "sources": chunk}
    return tuples(connection, _passed_in_other_names(), values)


@cache
def _passed_in_other_names() -> Select[Any]:
    table = traffic_source.c
    joined = traffic_source.join(domain, domain.c.id == table.domain_id)
    wanted = (
        table.source_id.in_(bindparam("sources", expanding=True)),
        table.day.between(value("first_day"), value("last_day")),
        table.authenticity != FAILED,
        table.passed > 0,
        owner() != value("owner"),
    )
    return select(table.source_id, owner()).select_from(joined).where(*wanted).distinct()


def _nameless(connection: Connection, chunk: Sequence[int]) -> set[int]:
    """Those of which DNS was asked and said that no host name leads back to them."""
    table = source.c
    unconfirmed = and_(table.ptr_state == FOUND, table.ptr_confirmed.is_not(True))
    wanted = or_(table.ptr_state.in_((ABSENT, BAD_NAME)), unconfirmed)
    return set(connection.scalars(select(table.id).where(table.id.in_(chunk), wanted)))
