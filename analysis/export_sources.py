"""The sources file: every address under every sender, for those who have to look an address up."""

from collections.abc import Iterable, Iterator

from analysis.customer_words import SENDER_KINDS, VERDICTS
from analysis.export_facts import DomainFacts
from analysis.export_senders import DKIM, SENDER, SENDER_KEY, SENDER_KIND, SPF
from analysis.export_tables import DOMAIN, MESSAGES, PASSED, Cell, Column, Table, word
from analysis.frames import SenderSource
from wording import later

COLUMNS = (
    DOMAIN,
    SENDER_KEY,
    SENDER,
    SENDER_KIND,
    Column("ip", later("IP address"), later("The address that sent. Empty: reporters gave no usable one.")),
    Column("ptr", later("Host name"), later("The address's name when DNS was asked for it. Empty: none is known.")),
    Column("country", later("Country"), later("A hint from IPinfo Lite, no evidence.")),
    Column("as_name", later("Network"), later("Whose network it is: a hint from IPinfo Lite, no evidence.")),
    Column("service", later("Service"), later("What the network is known for: a hint, no evidence.")),
    Column(
        "verdict", later("Assessment"), later("Whether mail of this address is yours, judged for the address alone.")
    ),
    MESSAGES,
    PASSED,
    DKIM,
    SPF,
)


def table(facts: Iterable[DomainFacts]) -> Table:
    """One line per domain, sender and address; of a domain most messages first."""
    about = later("One line per domain, sender and address. A domain's messages add up to those of the other files.")
    lines = tuple(line for found in facts for line in _lines(found))
    return Table("sources", later("Sources"), about, COLUMNS, lines)


def _lines(found: DomainFacts) -> Iterator[tuple[Cell, ...]]:
    verdicts = {(sender.key, source.ip): source.verdict for sender in found.senders for source in sender.sources}
    for row in found.addresses:
        yield _line(row, verdicts.get((row.sender_key, row.ip)))


def _line(row: SenderSource, verdict: str | None) -> tuple[Cell, ...]:
    return (
        row.domain,
        row.sender_key,
        row.sender,
        word(SENDER_KINDS, row.sender_kind),
        row.ip,
        row.ptr,
        row.country,
        row.as_name,
        row.service,
        None if verdict is None else word(VERDICTS, verdict),
        row.messages,
        row.passed,
        row.dkim_aligned,
        row.spf_aligned,
    )
