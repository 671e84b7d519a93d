"""The four daily roll-ups that every screen reads, kept inside the transaction that stores a report.

`traffic` has one row per domain, day, header from, sender, reporter, authenticity, alignment, disposition and override;
`traffic_source` one per day, source and sender; `traffic_day` one per day. `traffic_evidence` has one row per day,
source, sender, reporter and marks for mail that did not align by both DKIM and SPF: what the records say about why
(store/evidence.py). They hold reports in force only.

The day of a report (docs/decisions/0003): a period of up to 36 hours counts whole on the UTC day of its middle, so that
local-midnight reports and those a few seconds longer than a day stay in one piece. A longer one is spread over the UTC
days it covers, in proportion to the seconds in each; each record's messages are dealt out by largest remainder, so that
sums stay exact.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from store.evidence import EnvelopeKind, evidence_of, marks_of, unknown_envelope
from store.schema import traffic, traffic_day, traffic_evidence, traffic_source
from store.statements import upsert_sql
from store.values import Record, Shape

DAY_SECONDS = 86_400
ONE_DAY_REPORT_SECONDS = 36 * 3_600

_Key = tuple[int | str | bool, ...]


class Placed(NamedTuple):
    """One stored record with the ids of its source and sender."""

    record: Record
    source_id: int
    sender_id: int


class Line(NamedTuple):
    """What the roll-ups count of one record; `marks` as in `store.evidence`, of any value where both ways aligned."""

    shape: Shape
    messages: int
    source_id: int
    sender_id: int
    marks: int


def days_of(begin: int, end: int) -> list[tuple[int, int]]:
    """The UTC days on which a report counts, each with its weight in seconds (the weights of one report only)."""
    if end - begin <= ONE_DAY_REPORT_SECONDS:
        return [((begin + end) // 2 // DAY_SECONDS, 1)]
    last = (end - 1) // DAY_SECONDS
    return [(day, _overlap(day, begin, end)) for day in range(begin // DAY_SECONDS, last + 1)]


def dealt_out(messages: int, weights: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """`messages` over the days by largest remainder: whole numbers whose sum is `messages`; days with none left out.

    The first day stays in the answer when there is nothing to deal out, so that the record is still counted.
    """
    total = sum(weight for _, weight in weights)
    shares = [(day, messages * weight // total, messages * weight % total) for day, weight in weights]
    left = messages - sum(share for _, share, _ in shares)
    favoured = {day for day, _, _ in sorted(shares, key=lambda share: (-share[2], share[0]))[:left]}
    dealt = [(day, share + (day in favoured)) for day, share, _ in shares]
    return [(day, share) for day, share in dealt if share] or [(weights[0][0], 0)]


def _overlap(day: int, begin: int, end: int) -> int:
    return min(end, (day + 1) * DAY_SECONDS) - max(begin, day * DAY_SECONDS)


class RollUp:
    """Sums of one transaction's reports, written once at its end. `add` with sign -1 takes a report out of force.

    `kind_of` says whose an envelope domain is that is not the author's (`knowledge.envelope`).
    """

    def __init__(self, kind_of: EnvelopeKind = unknown_envelope) -> None:
        self._kind_of = kind_of
        # By identity, the shape kept with it: a shape read back from the store has no digest.
        self._marks: dict[int, tuple[Shape, int]] = {}
        self._evidence: defaultdict[_Key, list[int]] = defaultdict(lambda: [0])
        self._traffic: defaultdict[_Key, list[int]] = defaultdict(lambda: [0] * 2)
        self._source: defaultdict[_Key, list[int]] = defaultdict(lambda: [0] * 5)
        self._day: defaultdict[_Key, list[int]] = defaultdict(lambda: [0] * 11)

    def add(
        self,
        domain_id: int,
        period: tuple[int, int],
        reporter: str,
        authenticity: str,
        records: Iterable[Placed],
        sign: int = 1,
    ) -> None:
        """Count the records of one report on its days."""
        lines = (
            Line(found.shape, found.messages, source_id, sender_id, self.marks_of(found.shape))
            for found, source_id, sender_id in records
        )
        self.add_lines(domain_id, period, reporter, authenticity, lines, sign)

    def add_lines(
        self,
        domain_id: int,
        period: tuple[int, int],
        reporter: str,
        authenticity: str,
        lines: Iterable[Line],
        sign: int = 1,
    ) -> None:
        """As `add`, with the marks already told."""
        weights = days_of(*period)
        if len(weights) == 1:
            self._count(domain_id, weights[0][0], reporter, authenticity, lines, sign, sign)
            return
        for line in lines:
            records = sign
            for day, messages in dealt_out(line.messages, weights):
                share = line._replace(messages=messages)
                self._count(domain_id, day, reporter, authenticity, (share,), sign, records)
                records = 0

    def marks_of(self, shape: Shape) -> int:
        """The marks of a shape that did not align both ways; 0 for one that did."""
        if shape.dkim_aligned and shape.spf_aligned:
            return 0
        known = self._marks.get(id(shape))
        if known is None:
            known = self._marks[id(shape)] = (shape, marks_of(evidence_of(shape, self._kind_of)))
        return known[1]

    def rows(self) -> int:
        """How many rows of the largest roll-up wait to be written."""
        return max(len(self._source), len(self._traffic), len(self._evidence))

    def write(self, connection: Connection, engine: Engine) -> None:
        """Add the sums to the stored roll-ups and begin anew."""
        for table, sums, columns in (
            (traffic, self._traffic, ("messages", "records")),
            (traffic_source, self._source, ("messages", "passed", "dkim_aligned", "spf_aligned", "records")),
            (traffic_day, self._day, tuple(column.name for column in traffic_day.columns)[3:]),
            (traffic_evidence, self._evidence, ("messages",)),
        ):
            if sums:
                rows = [(*key, *values) for key, values in sorted(sums.items())]
                connection.exec_driver_sql(upsert_sql(table, columns, engine), rows)
                sums.clear()
        self._marks.clear()

    def _count(
        self,
        domain_id: int,
        day: int,
        reporter: str,
        authenticity: str,
        lines: Iterable[Line],
        sign: int,
        records: int,
    ) -> None:
        """Count lines on one day; `records` is what each adds to the numbers of records."""
        day_row = self._day[(domain_id, day, authenticity)]
        for shape, unsigned, source_id, sender_id, marks in lines:
            messages = unsigned * sign
            spf, dkim, disposition = shape.spf_aligned, shape.dkim_aligned, shape.disposition
            passed = messages if spf or dkim else 0
            header_from = shape.header_from or ""
            words = (spf, dkim, disposition, shape.override)
            row = self._traffic[(domain_id, day, header_from, sender_id, reporter, authenticity, *words)]
            row[0] += messages
            row[1] += records
            row = self._source[(domain_id, day, source_id, sender_id, authenticity)]
            row[0] += messages
            row[1] += passed
            row[2] += messages if dkim else 0
            row[3] += messages if spf else 0
            row[4] += records
            day_row[0] += messages
            day_row[1] += passed
            day_row[2 + _ALIGNED[dkim, spf]] += messages
            day_row[6 + _DISPOSED[disposition]] += messages
            day_row[10] += records
            if not (spf and dkim):
                self._evidence[(domain_id, day, sender_id, source_id, reporter, authenticity, marks)][0] += messages


# Places in traffic_day: both_aligned, dkim_only, spf_only, neither; then the dispositions, where pass acts as none.
_ALIGNED = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}
_DISPOSED = {"none": 0, "pass": 0, "quarantine": 1, "reject": 2, "unknown": 3}
