"""What the files of a set tell of one domain, each fact asked of the store once and only when a file needs it.

One unchanging state of the store answers all, so that the files agree. A domain outside the scope is left out like one
that does not exist.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from analysis import export_frames, frames, ladder, ladder_frames, report_frames, sender_frames
from analysis import published as published_analysis
from analysis import senders as senders_analysis
from analysis.export_frames import PolicySeen
from analysis.frames import Connection, Day, Period, Scope, SenderSource
from analysis.ladder import Advice
from analysis.published import Published
from analysis.record_changes import RecordChange, record_changes
from analysis.report_frames import Act
from analysis.sender_frames import DomainRow
from analysis.senders import Sender
from knowledge.tables import Tables


@dataclass(frozen=True)
class DomainFacts:
    """One domain in a period. Not to be asked once the connection has ended."""

    connection: Connection
    scope: Scope
    where: DomainRow
    period: Period
    tables: Tables
    now: int
    rua: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """Its name (A-label)."""
        return self.where.name

    @cached_property
    def days(self) -> tuple[Day, ...]:
        """Its mail by day, by the authenticity of the reports."""
        return frames.days(self.connection, self.scope, self.period, self.domain)

    @cached_property
    def advice(self) -> Advice:
        """Its stage and next step, as of the day on which the files are made."""
        found = ladder.facts_of(self.connection, self.scope, self.where, self.tables, self.now)
        return ladder.advise(self.domain, found, rua=self.rua)

    @cached_property
    def senders(self) -> tuple[Sender, ...]:
        """Those of the period, with their addresses, most messages first."""
        first, last = self.period.first_day, self.period.last_day
        listed = senders_analysis.build(
            self.connection, self.scope, self.domain, self.tables, since=first, until=last, with_sources=True
        )
        return listed.senders if listed else ()

    @cached_property
    def addresses(self) -> tuple[SenderSource, ...]:
        """Every address under every sender with its figures."""
        return frames.sender_sources(self.connection, self.scope, self.period, self.domain)

    @cached_property
    def published(self) -> Published:
        """Its records in DNS, as of the last look before the day on which the files are made."""
        found = published_analysis.build(self.connection, self.scope, self.domain, self.tables, now=self.now)
        return found or Published(self.domain, None, None, (), ())

    @cached_property
    def acts(self) -> tuple[Act, ...]:
        """What people decided and agreed to in the period."""
        return report_frames.acts(self.connection, self.where, self.period)

    @cached_property
    def changes(self) -> tuple[RecordChange, ...]:
        """How its records in DNS changed in the period."""
        return tuple(record_changes(ladder_frames.snapshots(self.connection, self.where), self.period))

    @cached_property
    def policies(self) -> tuple[PolicySeen, ...]:
        """Those that reports name up to the end of the period, in the order in which they came."""
        return export_frames.policies(self.connection, self.where, self.period.last_day)


def gather(
    connection: Connection,
    scope: Scope,
    name: str | None,
    period: Period,
    tables: Tables,
    now: int,
    rua: tuple[str, ...] = (),
) -> Iterator[DomainFacts]:
    """The facts of every domain of the scope, or of the one called `name`; by domain. `rua` as in `ladder.build`."""
    for known in frames.domains(connection, scope, name):
        where = sender_frames.domain_row(connection, scope, known.domain)
        if where is not None:
            yield DomainFacts(connection, scope, where, period, tables, now, rua)
