"""The SQL about what the addresses that failed for a domain did in other owners' names.

The one exception to the rules of analysis/frames.py: it looks at every customer's mail, and gives back numbers only.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from analysis.frames import FAILED, Period
from analysis.mail_rows import Failures
from analysis.sender_frames import DomainRow, asked, owner, signing, sum_of, tuples, value
from analysis.streams import Elsewhere
from store.evidence import MARKS
from store.schema import domain, source, traffic_evidence, traffic_source
from store.sources import ABSENT, BAD_NAME, FOUND

# Bound variables of one statement: SQLite allows 32,766.
CHUNK = 5_000
# A day of the period, counted from its first one, in so many bits: enough for two years.
_DAY_BITS = 10
# Kinds of sender of which nobody vouches for the address.
STRANGER_KINDS = ("network", "unknown")


def elsewhere(connection: Connection, where: DomainRow, period: Period, here: Failures) -> dict[int, Elsewhere]:
    """What the addresses that failed for this domain did in the names of other owners in the period; numbers only.

    `here`: those of strangers (STRANGER_KINDS) alone, for through a service's own go many people's mail.
    """
    failed = _failed_elsewhere(connection, where, period, here)
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


def _failed_elsewhere(connection: Connection, where: DomainRow, period: Period, here: Failures) -> list[_Failed]:
    days = (here.first_day - period.first_day) << _DAY_BITS | (here.last_day - period.first_day)
    packed = str((here.source << 2 * _DAY_BITS | days).tolist())
    values = {"domain_id": where.id, "owner": where.owner, "first_day": period.first_day, "here": packed}
    statement = _failed_in_other_names(connection.dialect.name)
    return [_Failed._make(row) for row in tuples(connection, statement, values)]


@cache
def _failed_in_other_names(dialect: str) -> Select[Any]:
    """The fields of _Failed."""
    table = traffic_evidence.c
    here = _failed_here(dialect)
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
    """That the address has mail in another domain's name on those days. Most have not, and an index alone tells.

    `traffic_source` has a row wherever `traffic_evidence` has one, and its index is the smaller one. The sub-query
    names its column: `SELECT *` would read the table as well.
    """
    other = traffic_source.alias("other").c
    near = (other.source_id == here.c.source_id, other.day.between(here.c.first_day, here.c.last_day))
    return select(other.domain_id).where(*near, other.domain_id != value("domain_id")).exists()


def _marked(*names: str) -> ColumnElement[bool]:
    """That a row of `traffic_evidence` has all of these marks."""
    mask = sum(MARKS[name] for name in names)
    return traffic_evidence.c.marks.bitwise_and(mask) == mask


def _failed_here(dialect: str) -> FromClause:
    """The addresses that failed for this domain, and the days between which they did.

    They arrive as one text: finding them again takes half of the statement's time.
    """
    packed = cast(_ELEMENTS[dialect](bindparam("here", type_=Text())), BigInteger)
    listed = select(packed.label("address")).subquery().c.address
    day = (1 << _DAY_BITS) - 1
    columns = (
        listed.bitwise_rshift(literal(2 * _DAY_BITS, Integer())).label("source_id"),
        (value("first_day") + listed.bitwise_rshift(literal(_DAY_BITS, Integer())).bitwise_and(day)).label("first_day"),
        (value("first_day") + listed.bitwise_and(day)).label("last_day"),
    )
    return select(*columns).subquery()


# The elements of a JSON list of numbers.
_ELEMENTS: dict[str, Callable[[ColumnElement[str]], ColumnElement[Any]]] = {
    "sqlite": lambda listed: func.json_each(listed).table_valued("value").c.value,
    "postgresql": lambda listed: func.json_array_elements_text(cast(listed, JSON)).table_valued("value").c.value,
}


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
