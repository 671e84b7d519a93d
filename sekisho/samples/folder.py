"""The honest history as files: which reports lie in which mailbox file, archive or single file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

from sekisho.samples.history import Report
from sekisho.samples.packing import Member, mbox, zipped
from sekisho.samples.rendering import as_file, as_mail, by_reporter, envelope_line, file_name
from sekisho.samples.reporters import Reporter


@dataclass(frozen=True, slots=True)
class Sample:
    """One file, the in-force reports that it brings, and how many of its messages end in each state.

    `set_aside` counts the corrections in it: kept and shown, in no total.
    """

    path: str
    content: bytes
    reports: tuple[Report, ...] = ()
    states: dict[str, int] = field(default_factory=dict)
    about: str = ""
    set_aside: int = 0


def history_files(reports: Iterable[Report], until: date) -> list[Sample]:
    """Every report in the packing that its reporter's row asks for."""
    return [sample for reporter, own in by_reporter(reports).items() for sample in _of_reporter(reporter, own, until)]


def _of_reporter(reporter: Reporter, reports: Sequence[Report], until: date) -> Iterator[Sample]:
    match reporter.grouping:
        case "mailbox per month":
            yield from _mailboxes(reporter, reports)
        case "ten to an archive":
            yield from _archives(reporter, reports)
        case "ten to an archive, the last month a mailbox":
            month = (until.year, until.month)
            yield from _archives(reporter, [r for r in reports if (r.day.year, r.day.month) != month])
            yield from _mailboxes(reporter, [r for r in reports if (r.day.year, r.day.month) == month])
        case "file per report":
            yield from (_single(reporter, report) for report in reports)


def _mailboxes(reporter: Reporter, reports: Sequence[Report]) -> Iterator[Sample]:
    for month, group in groupby(reports, key=lambda report: f"{report.day:%Y-%m}"):
        own = tuple(group)
        content = mbox((envelope_line(report), as_mail(report)) for report in own)
        yield Sample(f"history/{reporter.key}/{month}.mbox", content, own, {"stored": len(own)})


def _archives(reporter: Reporter, reports: Sequence[Report]) -> Iterator[Sample]:
    repeated = beside_another(reports)
    for number, own in enumerate(_tens(reports), start=1):
        members = [Member(file_name(report, "xml.gz"), as_file(report), method=0) for report in own]
        path = f"history/{reporter.key}/saved-{number:02}-{own[0].day}.zip"
        state = "variant" if any(report in repeated for report in own) else "stored"
        yield Sample(path, zipped(members), own, {state: 1})


def _single(reporter: Reporter, report: Report) -> Sample:
    if reporter.container == "gzip file":
        return Sample(
            f"history/{reporter.key}/{file_name(report, 'xml.gz')}", as_file(report), (report,), {"stored": 1}
        )
    name = f"history/{reporter.key}/{report.day}-{report.domain}.eml"
    return Sample(name, as_mail(report), (report,), {"stored": 1})


def _tens(reports: Sequence[Report]) -> Iterator[tuple[Report, ...]]:
    yield from (tuple(reports[at : at + 10]) for at in range(0, len(reports), 10))


def beside_another(reports: Iterable[Report]) -> list[Report]:
    """Reports that an earlier one equals in all of its key but the reporter's e-mail address (GMO Pepabo's brands)."""
    seen: set[tuple[object, ...]] = set()
    later = []
    for report in reports:
        key = (report.org_name, report.report_id, report.domain, report.begin, report.end)
        later += [report] if key in seen else []
        seen.add(key)
    return later
