"""What is true of the samples, counted from the rows themselves: label file, expected numbers, README."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

from sekisho.samples.customers import CUSTOMERS, SENDERS
from sekisho.samples.folder import Sample, beside_another
from sekisho.samples.history import Report
from sekisho.samples.hostile import Broken
from sekisho.samples.reporters import REPORTERS
from sekisho.samples.streams import Sender

_SENDER_COLUMNS = (
    "domain sender kind truth verdict decision networks recognise messages passed first_day last_day".split()
)


def domains_csv() -> str:
    """`domain,customer` for `sekisho domains import`."""
    return _csv([("domain", "customer"), *CUSTOMERS])


def senders_csv(reports: Sequence[Report]) -> str:
    """The label file: one row per domain and sender, messages counted over the in-force reports."""
    return _csv([_SENDER_COLUMNS, *(_sender_row(sender, reports) for sender in SENDERS)])


def _sender_row(sender: Sender, reports: Iterable[Report]) -> tuple[object, ...]:
    seen = [(report.day, row) for report in reports for row in report.rows if row.sender == sender]
    days = sorted(day for day, _ in seen)
    return (
        sender.domain,
        sender.name,
        sender.kind,
        sender.truth,
        sender.verdict,
        sender.decision,
        " ".join(sender.networks),
        sender.recognise,
        sum(row.count for _, row in seen),
        sum(row.count for _, row in seen if row.passed),
        days[0] if days else "",
        days[-1] if days else "",
    )


def _csv(rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def expected_json(samples: Sequence[Sample], broken: Sequence[Broken], until: date) -> str:
    """Totals of the distinct in-force reports of `history/`, and the right states of each file of `broken/`."""
    reports = [report for sample in samples for report in sample.reports]
    states = sum((Counter(sample.states) for sample in samples), Counter[str]())
    told = {
        "until": str(until),
        "history": {
            **_totals(reports),
            "variants": len(beside_another(reports)),
            "set_aside": sum(sample.set_aside for sample in samples),
            "files": len(samples),
            "mails_and_files": sum(states.values()),
            "states": dict(sorted(states.items())),
            "domains": _by(reports, [report.domain for report in reports]),
            "reporters": _by(reports, [report.org_name for report in reports]),
        },
        "broken": {item.name: {"states": item.states, "reports": item.reports} for item in broken},
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _by(reports: Sequence[Report], names: Sequence[str]) -> dict[str, dict[str, object]]:
    pairs = list(zip(names, reports, strict=True))
    return {name: _totals([report for own, report in pairs if own == name]) for name in sorted(set(names))}


def _totals(reports: Sequence[Report]) -> dict[str, object]:
    rows = [row for report in reports for row in report.rows]
    dispositions = Counter({"none": 0, "quarantine": 0, "reject": 0})
    for row in rows:
        dispositions[row.disposition] += row.count
    return {
        "reports": len(reports),
        "empty": sum(not report.rows for report in reports),
        "records": len(rows),
        "messages": sum(row.count for row in rows),
        "passed": sum(row.count for row in rows if row.passed),
        "dispositions": dict(dispositions),
    }


_README = """# Sample reports

Made by `scripts/make_samples`; do not edit by hand. The same command makes the same bytes on every machine.
{days} days of history that end on {until}: three customers, {reports} reports, {messages} messages.
Names of third parties end in `.example`; addresses come from the documentation ranges (RFC 5737, RFC 3849), except
those of services that Sekisho has to name. No report here was sent by anybody.

| file | holds |
|---|---|
| `history/` | the honest reports, with the mistakes that reporters make |
| `broken/` | one small file for each kind of hostile or unreadable input |
| `domains.csv` | whose domain is whose, for `sekisho domains import` |
| `senders.csv` | the truth about each sender of each domain, with its messages |
| `expected.json` | totals of the distinct reports in force, and the right state of each broken file |

Customers: {customers}. The shop sends through a rented server and Google Workspace, all of it aligned.
The firm uses many services; its invoice system sends at month ends only and aligns with nothing. The third domain
sends no mail at all.

`senders.csv`: `truth` is what the sender is; `verdict` is what the rules can say before anybody has decided (several
words are joined by `|`); `decision` is what the customer answers when asked; `networks` holds every address of the
sender and of no other sender of that domain. Messages count the reports in force: a repeated report once, a
set-aside correction never.

## Reporters

| folder | reporter | reports | how they travel |
|---|---|---|---|
{reporters}

## Mistakes and odd packings

| file | what it is | state |
|---|---|---|
{extras}

## Broken files

Where several states stand, each is right; none of these files may stop a run or change another's numbers.

| file | what it is | state |
|---|---|---|
{broken}
"""


def readme(samples: Sequence[Sample], broken: Sequence[Broken], days: int, until: date) -> str:
    """The README of the folder."""
    reports = [report for sample in samples for report in sample.reports]
    return _README.format(
        days=days,
        until=until,
        reports=f"{len(reports):,}",
        messages=f"{sum(report.messages for report in reports):,}",
        customers=", ".join(f"`{domain}` ({name})" for domain, name in CUSTOMERS),
        reporters="\n".join(_reporter_lines(reports)),
        extras="\n".join(
            _line(s.path, s.about, " + ".join(f"{n} {w}" for w, n in s.states.items())) for s in samples if s.about
        ),
        broken="\n".join(_line(f"broken/{item.name}", item.about, " or ".join(item.states)) for item in broken),
    )


def _reporter_lines(reports: Sequence[Report]) -> Iterable[str]:
    for reporter in REPORTERS:
        count = sum(report.reporter == reporter for report in reports)
        yield _line(
            f"history/{reporter.key}/", reporter.org_name, str(count), f"{reporter.container}; {reporter.grouping}"
        )


def _line(path: str, *cells: str) -> str:
    safe = [
        cell.translate({ord("|"): "&#124;", ord("<"): "&lt;", 0x202E: "U+202E", 0x200B: "U+200B"}) for cell in cells
    ]
    return "| " + " | ".join([f"`{path}`", *safe]) + " |"
