"""The senders file: who sent in a domain's name, what each sender is and why, and what to mend."""

from collections.abc import Iterable

from analysis.customer_words import DECISIONS, SENDER_KINDS, VERDICTS
from analysis.export_facts import DomainFacts
from analysis.export_tables import (
    DOMAIN,
    MESSAGES,
    PASS_RATE,
    PASSED,
    Cell,
    Column,
    Table,
    day_cell,
    one_line,
    percent,
    word,
)
from analysis.senders import Sender
from wording import later

SENDER_KEY = Column("sender_key", later("Sender's code"), later("The sender's stable code, the same in every file."))
SENDER = Column("sender", later("Sender"), later("The service or server that sent, by name."))
SENDER_KIND = Column("sender_kind", later("Kind"), later("What kind of sender it is."))
DKIM = Column(
    "dkim_aligned", later("DKIM aligned"), later("Of the messages, those aligned by DKIM. Some are aligned by SPF too.")
)
SPF = Column(
    "spf_aligned", later("SPF aligned"), later("Of the messages, those aligned by SPF. Some are aligned by DKIM too.")
)

COLUMNS = (
    DOMAIN,
    SENDER_KEY,
    SENDER,
    SENDER_KIND,
    Column(
        "verdict",
        later("Assessment"),
        later("Whether the sender is yours, judged by its mail and by what you told us."),
    ),
    Column("why", later("Reason"), later("What the assessment rests on.")),
    Column("decision", later("Decision"), later("What was decided about the sender with you. Empty: nothing yet.")),
    Column("repair", later("What to mend"), later("What is missing so that the sender's mail passes. Empty: nothing.")),
    MESSAGES,
    PASSED,
    PASS_RATE,
    DKIM,
    Column("dkim_rate", later("DKIM rate (%)"), later("Aligned by DKIM, in per cent of the messages of the line.")),
    SPF,
    Column("spf_rate", later("SPF rate (%)"), later("Aligned by SPF, in per cent of the messages of the line.")),
    Column("first_day", later("First day"), later("The first UTC day of the period with mail of the sender.")),
    Column("last_day", later("Last day"), later("The last UTC day of the period with mail of the sender.")),
    Column("days_seen", later("Days with mail"), later("On how many UTC days of the period it sent.")),
    Column("reporters", later("Reporters"), later("How many receivers told of it.")),
)


def table(facts: Iterable[DomainFacts], language: str) -> Table:
    """One line per domain and sender, most messages first; sentences in `language`."""
    lines = tuple(_line(found.domain, sender, language) for found in facts for sender in found.senders)
    about = later("One line per domain and sender. A domain's messages add up to those of the other files.")
    return Table("senders", later("Senders"), about, COLUMNS, lines)


def _line(domain: str, found: Sender, language: str) -> tuple[Cell, ...]:
    return (
        domain,
        found.key,
        found.name,
        word(SENDER_KINDS, found.kind),
        word(VERDICTS, found.verdict),
        found.judgement.why(language),
        word(DECISIONS, found.decision.decision) if found.decision else None,
        one_line(repair.words(language) for repair in found.repairs),
        found.messages,
        found.passed,
        percent(found.passed, found.messages),
        found.dkim_aligned,
        percent(found.dkim_aligned, found.messages),
        found.spf_aligned,
        percent(found.spf_aligned, found.messages),
        day_cell(found.first_day),
        day_cell(found.last_day),
        found.days_seen,
        found.reporters,
    )
