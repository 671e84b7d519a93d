"""Everything that the files of a set tell of one domain, asked of the store once, so that they agree.

A domain outside the scope is left out like one that does not exist.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from analysis import export_frames, frames, ladder, ladder_frames, published, report_frames, sender_frames
from analysis import senders as senders_analysis
from analysis.export_frames import PolicySeen
from analysis.frames import Connection, Day, Period, Scope, SenderSource
from analysis.ladder import Advice
from analysis.published import Published
from analysis.record_changes import RecordChange, record_changes
from analysis.report_frames import Act
from analysis.senders import Sender
from knowledge.tables import Tables


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """One domain in a period; `advice` and `published` are as of the day on which the files are made.

    senders    of the period, with their addresses, most messages first
    addresses  every address under every sender with its figures
    policies   those that reports name up to the end of the period, in the order in which they came
    """

    domain: str
    days: tuple[Day, ...]
    advice: Advice
    senders: tuple[Sender, ...]
    addresses: tuple[SenderSource, ...]
    published: Published
    acts: tuple[Act, ...]
    changes: tuple[RecordChange, ...]
    policies: tuple[PolicySeen, ...]


def gather(
    connection: Connection, scope: Scope, name: str | None, period: Period, tables: Tables, now: int
) -> Iterator[DomainFacts]:
    """The facts of every domain of the scope, or of the one called `name`; by domain."""
    for known in frames.domains(connection, scope, name):
        found = _domain(connection, scope, known.domain, period, tables, now)
        if found is not None:
            yield found


def _domain(
    connection: Connection, scope: Scope, name: str, period: Period, tables: Tables, now: int
) -> DomainFacts | None:
    where = sender_frames.domain_row(connection, scope, name)
    advice = ladder.build(connection, scope, name, tables, now)
    looked = published.build(connection, scope, name, tables, now=now)
    if where is None or advice is None or looked is None:
        return None
    listed = senders_analysis.build(
        connection, scope, name, tables, since=period.first_day, until=period.last_day, with_sources=True
    )
    return DomainFacts(
        domain=name,
        days=frames.days(connection, scope, period, name),
        advice=advice,
        senders=listed.senders if listed else (),
        addresses=frames.sender_sources(connection, scope, period, name),
        published=looked,
        acts=report_frames.acts(connection, where, period),
        changes=tuple(record_changes(ladder_frames.snapshots(connection, where), period)),
        policies=export_frames.policies(connection, where, period.last_day),
    )
