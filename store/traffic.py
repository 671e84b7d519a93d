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
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Table

from store.evidence import EnvelopeKind, evidence_of, marks_of, unknown_envelope
from store.schema import traffic, traffic_day, traffic_evidence, traffic_source
from store.statements import upsert_sql
from store.values import Record, Shape

DAY_SECONDS = 86_400
ONE_DAY_REPORT_SECONDS = 36 * 3_600


class Placed(NamedTuple):
    """One stored record with the ids of its source and sender."""

    record: Record
    source_id: int
    sender_id: int


class Words(NamedTuple):
    """What the roll-ups tell records apart by, but for who sent and who reported; in the order of `traffic`."""

    header_from: str
    spf_aligned: bool
    dkim_aligned: bool
    disposition: str
    override: str


def words_of(shape: Shape) -> Words:
    """The words of a shape's records."""
    return Words(shape.header_from or "", shape.spf_aligned, shape.dkim_aligned, shape.disposition, shape.override)


class Line(NamedTuple):
    """What the roll-ups count of one record; `marks` as in `store.evidence`, of any value where both ways aligned."""

    words: Words
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


class _Told(NamedTuple):
    """Who reported on which day."""

    domain_id: int
    day: int
    reporter: str
    authenticity: str


class _Sums:
    """Messages and records of one reporter's day, by all that a roll-up tells apart."""

    def __init__(self) -> None:
        self.by_words: defaultdict[tuple[Words, int], list[int]] = defaultdict(lambda: [0, 0])
        self.by_source: defaultdict[tuple[int, int, int, bool, bool], list[int]] = defaultdict(lambda: [0, 0])

    def count(self, lines: Iterable[Line], sign: int, records: int) -> None:
        """Count lines; `records` is what each adds to the numbers of records."""
        by_words, by_source = self.by_words, self.by_source
        for words, unsigned, source_id, sender_id, marks in lines:
            messages = unsigned * sign
            row = by_words[words, sender_id]
            row[0] += messages
            row[1] += records
            row = by_source[source_id, sender_id, marks, words[1], words[2]]
            row[0] += messages
            row[1] += records


class RollUp:
    """Sums of one transaction's reports, written once at its end. `add` with sign -1 takes a report out of force.

    `kind_of` says whose an envelope domain is that is not the author's (`knowledge.envelope`).
    """

    def __init__(self, kind_of: EnvelopeKind = unknown_envelope) -> None:
        self._kind_of = kind_of
        # By identity, the shape kept with it: a shape read back from the store has no digest.
        self._marks: dict[int, tuple[Shape, int]] = {}
        self._sums: defaultdict[_Told, _Sums] = defaultdict(_Sums)

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
            Line(words_of(found.shape), found.messages, source_id, sender_id, self.marks_of(found.shape))
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
        sums = [self._sums[_Told(domain_id, day, reporter, authenticity)] for day, _ in weights]
        if len(weights) == 1:
            sums[0].count(lines, sign, sign)
            return
        by_day = {day: of_day for (day, _), of_day in zip(weights, sums, strict=True)}
        for line in lines:
            records = sign
            for day, messages in dealt_out(line.messages, weights):
                by_day[day].count((line._replace(messages=messages),), sign, records)
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
        return max(
            sum(len(sums.by_words) for sums in self._sums.values()),
            sum(len(sums.by_source) for sums in self._sums.values()),
            len(self._marks),
        )

    def write(self, connection: Connection, engine: Engine) -> None:
        """Add the sums to the stored roll-ups and begin anew."""
        rows = _Rows()
        for told, sums in self._sums.items():
            rows.add(told, sums)
        for table, added, figures in rows.tables():
            if added:
                listed = [(*key, *values) for key, values in sorted(added.items())]
                connection.exec_driver_sql(upsert_sql(table, figures, engine), listed)
        self._sums.clear()
        self._marks.clear()


_Added = defaultdict[tuple[int | str | bool, ...], list[int]]


class _Rows:
    """What is added to each roll-up, by primary key."""

    def __init__(self) -> None:
        self.traffic: _Added = defaultdict(lambda: [0] * 2)
        self.source: _Added = defaultdict(lambda: [0] * 5)
        self.day: _Added = defaultdict(lambda: [0] * 11)
        self.evidence: _Added = defaultdict(lambda: [0])

    def tables(self) -> Iterator[tuple[Table, _Added, tuple[str, ...]]]:
        """Each roll-up with what is added, and the columns to which it is."""
        yield traffic, self.traffic, ("messages", "records")
        yield traffic_source, self.source, ("messages", "passed", "dkim_aligned", "spf_aligned", "records")
        yield traffic_day, self.day, tuple(column.name for column in traffic_day.columns)[3:]
        yield traffic_evidence, self.evidence, ("messages",)

    def add(self, told: _Told, sums: _Sums) -> None:
        """Add the sums of one reporter's day."""
        domain_id, day, reporter, authenticity = told
        of_day = self.day[domain_id, day, authenticity]
        for (words, sender_id), (messages, records) in sums.by_words.items():
            key = (domain_id, day, words[0], sender_id, reporter, authenticity, *words[1:])
            _add(self.traffic[key], (messages, records))
            _add_to_day(of_day, words, messages, records)
        for (source_id, sender_id, marks, spf, dkim), (messages, records) in sums.by_source.items():
            passed = messages if spf or dkim else 0
            figures = (messages, passed, messages if dkim else 0, messages if spf else 0, records)
            _add(self.source[domain_id, day, source_id, sender_id, authenticity], figures)
            if not (spf and dkim):
                self.evidence[domain_id, day, sender_id, source_id, reporter, authenticity, marks][0] += messages


def _add(row: list[int], figures: Iterable[int]) -> None:
    for place, figure in enumerate(figures):
        row[place] += figure


def _add_to_day(row: list[int], words: Words, messages: int, records: int) -> None:
    row[0] += messages
    row[1] += messages if words.dkim_aligned or words.spf_aligned else 0
    row[2 + _ALIGNED[words.dkim_aligned, words.spf_aligned]] += messages
    row[6 + _DISPOSED[words.disposition]] += messages
    row[10] += records


# Places in traffic_day: both_aligned, dkim_only, spf_only, neither; then the dispositions, where pass acts as none.
_ALIGNED = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}
_DISPOSED = {"none": 0, "pass": 0, "quarantine": 1, "reject": 2, "unknown": 3}
