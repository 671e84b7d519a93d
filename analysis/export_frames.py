"""The SQL of the CSV set: which policies reports named, and since when.

The rules of analysis/frames.py hold here too: a domain of the scope is found by `sender_frames.domain_row`, and only
counted reports tell.
"""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from analysis.frames import FAILED, IN_FORCE
from analysis.sender_frames import DomainRow
from store.schema import report


class PolicySeen(NamedTuple):
    """A policy that reports name, and the first day on which one did."""

    first_day: int
    p: str
    sp: str
    testing: str | None
    pct: int | None

    @property
    def words(self) -> str:
        """The policy as its record says it."""
        tags = (f"p={self.p}", f"sp={self.sp}", f"t={self.testing}" if self.testing else "")
        return "; ".join(each for each in (*tags, "" if self.pct in (None, 100) else f"pct={self.pct}") if each)


def policies(connection: Connection, where: DomainRow, last_day: int) -> tuple[PolicySeen, ...]:
    """The policies of counted reports that begin on that day or before, in the order in which they came."""
    table = report.c
    keys = (table.p, table.sp, table.testing, table.pct)
    counted = (table.domain_id == where.id, table.first_day <= last_day, table.standing == IN_FORCE)
    wanted = select(func.min(table.first_day), *keys).where(*counted, table.authenticity != FAILED).group_by(*keys)
    found = (PolicySeen(*row) for row in connection.execute(wanted))
    return tuple(sorted(found, key=lambda each: (each.first_day, each.words)))
