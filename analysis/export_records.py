"""The records file: what a domain publishes in DNS, and what is wrong with it."""

from collections.abc import Iterable, Iterator

from analysis.export_facts import DomainFacts
from analysis.export_tables import DOMAIN, NO, YES, Cell, Column, Table, Word, day_cell, one_line, word
from analysis.published import Checked, Published
from analysis.records.findings import Severity
from wording import later

DAY_SECONDS = 86_400

STATES = {
    "found": later("published"),
    "no-name": later("not published"),
    "no-record": later("not published"),
    "unanswered": later("could not look"),
    "not-looked": later("not looked yet"),
}
SEVERITIES: dict[str, str] = {
    Severity.ERROR: later("error"),
    Severity.WARNING: later("warning"),
    Severity.INFO: later("note"),
}

COLUMNS = (
    DOMAIN,
    Column(
        "record_kind", later("Kind of record"), later("DMARC, SPF or DKIM, or another thing that DNS was asked for.")
    ),
    Column("name", later("Name in DNS"), later("Where the record stands, or has to stand.")),
    Column("state", later("State"), later("Whether a record stands there. Could not look: DNS gave no answer.")),
    Column("record", later("Record"), later("The text in DNS; several ones with | between.")),
    Column("valid", later("Usable"), later("Whether receivers can use the record as it stands.")),
    Column("severity", later("Severity"), later("How bad the finding is. Empty: nothing is wrong.")),
    Column("finding_id", later("Finding's code"), later("The finding's stable code.")),
    Column("finding", later("Finding"), later("What is wrong, and what receivers do because of it.")),
    Column("corrected", later("Corrected record"), later("How the record should read. Empty: it can stay.")),
    Column("looked_on", later("Looked on (UTC)"), later("The UTC day on which DNS was asked.")),
)


def table(facts: Iterable[DomainFacts], language: str) -> Table:
    """One line per record and finding, one for a record without any; sentences in `language`."""
    lines = tuple(line for found in facts for line in _lines(found.published, language))
    about = later("One line per record and finding, and one for a record in which nothing is wrong.")
    return Table("records", later("DNS records"), about, COLUMNS, lines)


def _lines(found: Published, language: str) -> Iterator[tuple[Cell, ...]]:
    nothing = (None,) * 6
    if found.looked_at is None:
        yield found.domain, None, None, word(STATES, "not-looked"), *nothing, None
        return
    day = day_cell(found.looked_at // DAY_SECONDS)
    for record in found.records:
        for line in _record_lines(record, language):
            yield found.domain, *line, day
    for left in found.unanswered:
        yield found.domain, left.kind, left.name, word(STATES, "unanswered"), *nothing, day


def _record_lines(found: Checked, language: str) -> Iterator[tuple[Cell, ...]]:
    corrected = None if found.corrected == found.text else found.corrected
    head = (str(found.kind), found.name, word(STATES, found.state), one_line([found.text or ""]), _usable(found.valid))
    for each in found.findings:
        severity = word(SEVERITIES, each.severity)
        yield *head, severity, each.id, one_line([each.sentence(language)]), one_line([corrected or ""])
    if not found.findings:
        yield *head, None, None, None, one_line([corrected or ""])


def _usable(valid: bool | None) -> Word | None:
    if valid is None:
        return None
    return YES if valid else NO
