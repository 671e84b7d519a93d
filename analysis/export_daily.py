"""The daily file: one line per domain and UTC day on which a report tells of mail."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from analysis.days import day_row
from analysis.export_tables import DOMAIN, MESSAGES, PASSED, Cell, Column, Table, day_cell
from analysis.frames import FAILED, Day
from wording import later

COLUMNS = (
    DOMAIN,
    Column("day", later("Day (UTC)"), later("The UTC day. In Japan it begins at 9 in the morning.")),
    MESSAGES,
    PASSED,
    Column(
        "both_aligned",
        later("SPF and DKIM"),
        later("Of the messages, those aligned by both. This and the next three add up."),
    ),
    Column("dkim_only", later("DKIM only"), later("Of the messages, those aligned by DKIM only.")),
    Column("spf_only", later("SPF only"), later("Of the messages, those aligned by SPF only.")),
    Column("neither", later("Neither"), later("Of the messages, those aligned by neither: they did not pass.")),
    Column(
        "disposition_none",
        later("No action"),
        later("Of the messages, those that the receiver treated as ever. This and the next three add up."),
    ),
    Column(
        "disposition_quarantine", later("Quarantined"), later("Of the messages, those put aside, for example as spam.")
    ),
    Column("disposition_reject", later("Rejected"), later("Of the messages, those that the receiver refused.")),
    Column(
        "disposition_unknown", later("Action unknown"), later("Of the messages, those of which no reporter says it.")
    ),
    Column(
        "messages_failed_authentication",
        later("Messages in doubtful reports"),
        later("Messages in reports whose own mail failed authentication. They are in no other column."),
    ),
)
_FIGURES = tuple(column.name for column in COLUMNS[2:-1])


def table(days: Iterable[Day]) -> Table:
    """One line per domain and day with mail, in the order of `days`, which has a domain's day in one place."""
    about = later("One line per domain and UTC day with mail. On a day that is missing no report tells of any.")
    return Table("daily", later("Daily figures"), about, COLUMNS, tuple(_lines(days)))


def _lines(days: Iterable[Day]) -> Iterator[tuple[Cell, ...]]:
    for (domain, number), parts in groupby(days, key=lambda part: (part.domain, part.day)):
        found = list(parts)
        row = day_row(number, (part for part in found if part.authenticity != FAILED))
        failed = sum(part.messages for part in found if part.authenticity == FAILED)
        yield domain, day_cell(number), *(getattr(row, name) for name in _FIGURES), failed
