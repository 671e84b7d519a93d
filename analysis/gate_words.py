"""The sentences of the gates: what was found, and what would open a gate. Keys of the catalogues with their values."""

from collections.abc import Iterable
from dataclasses import dataclass

from wording import forms, later, text
from wording.forms import as_date

NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence by its key in the catalogues, with the values of its places."""

    key: str
    values: tuple[tuple[str, int | str], ...] = ()

    def words(self, language: str) -> str:
        """The sentence in `language`."""
        return text(language, self.key, **forms.counted(language, self.values))


def say(key: str, **values: int | str) -> Sentence:
    """A sentence with its values."""
    return Sentence(key, tuple(values.items()))


def percent(share: float, bar: float) -> int:
    """In whole per cent; what lies below the bar is not rounded up to it."""
    rounded = round(100 * share)
    return min(rounded, round(100 * bar) - 1) if share < bar else rounded


def joined(names: Iterable[str]) -> str:
    """The first NAMES_SHOWN names, and how many more there are."""
    listed = list(names)
    more = f" (+{len(listed) - NAMES_SHOWN})" if len(listed) > NAMES_SHOWN else ""
    return ", ".join(listed[:NAMES_SHOWN]) + more


def iso(day: int) -> str:
    """A UTC day number as a date, `2026-11-23`."""
    return as_date(day).isoformat()


NOT_LOOKED = later("Nobody could look at the domain's records in DNS yet. Run “sekisho check”.")
LOOKED_PARTLY = later("The last look at DNS is too old or could not learn everything (%(names)s). Look again.")
RECORD_ERRORS = later("The records have errors (%(errors)s). Correct them as “sekisho check” says.")
NO_RECORD = later("There is no DMARC record. Publish the first one.")
NO_RUA = later("The record names no address for reports (rua). Add it.")
DKIM_YOUNG = later(
    "It is not known that DKIM has worked for %(hours)s hours: neither a key in DNS nor signed mail is that old. Set up"
    " DKIM, or wait."
)
RECORDS_FINE = later("The records can be read, and reports can arrive.")
DIFFER = later("DNS says %(dns)s, but reports until %(day)s say %(reports)s.")

NOTHING_SEEN = later("No report has told of own mail that passes yet. Wait for reports.")
NEW_SENDER = later("%(names)s: seen for the first time within %(days)s days. Watch that long.")
THIN = later("Own mail was seen for %(days)s days only; %(needed)s are needed.")
GAPS = later(
    "On %(count)s days no report told of own mail that passed (%(days)s). If that is right, for example days without"
    " business, record it with a consent."
)
FEW_REPORTERS = later(
    "Only %(count)s reporters tell of the domain's own mail; %(needed)s are needed, or a consent given in knowledge"
    " of that."
)
ONLY = later("All that is known comes from one reporter: %(reporter)s only.")
SEEN = later("Own mail was seen over %(days)s days with a month end, by %(reporters)s reporters.")

FAILING = later(
    "%(name)s: only %(passed)s of %(messages)s messages passed (last seen on %(day)s). Mend this sender first."
)
ALSO_FAILING = later("Also failing: %(names)s.")
FAILING_SUBDOMAINS = later("Own mail of sub-domains fails: %(names)s. Mend it first.")
UNREVIEWED = later("Nobody has said yet what %(count)s senders are (%(names)s). Decide each of them.")
NO_OWN_MAIL = later("No own mail was seen.")
ALL_SETTLED = later("Every sender is known, and the own ones pass (%(count)s).")

WEAKEST = later("Weakest sender %(name)s: %(good)s of %(messages)s messages passed, which proves %(proves)s%%.")
WEAKEST_DKIM = later(
    "Weakest sender %(name)s: %(good)s of %(messages)s messages aligned by DKIM, which proves %(proves)s%%."
)
UNEXPLAINED = later("%(name)s: %(failed)s messages failed without an explanation. So few messages allow none.")
NOT_PROVEN = later("%(name)s: %(failed)s messages failed. At least 95%% have to be proven.")
NO_CONSENT = later("The customer's consent to “%(stage)s” is not recorded yet (“sekisho consent”).")
CONSENT = later("%(by)s agreed on %(day)s.")

NOT_AT_QUARANTINE = later("Quarantine is not in force yet.")
HELD_SHORT = later("Quarantine has been in force for %(days)s of %(needed)s days, a month end included.")
HELD_LONG = later("Quarantine has been in force for %(days)s days with a month end and met no own mail.")
WAIT_AFTER_HELD = later("Mend the sender; then %(days)s days without such mail are needed.")
COMPLAINT = later("On %(day)s the customer said that wanted mail did not arrive: %(note)s")
WAIT_AFTER_COMPLAINT = later(
    "Find the reason. If DMARC was not it, withdraw the complaint (“sekisho complaint --withdraw”); else mend it, and"
    " %(days)s days without a complaint are needed."
)
OWN_HELD = later(
    "%(messages)s messages of own senders (%(names)s) were quarantined or rejected (%(days)s, by %(reporters)s)."
)
STEP_DOWN = later("Go one step down today, and mend the sender.")
NOTHING_HELD = later("No own mail was quarantined or rejected.")

UNSIGNED = later("%(name)s: set up a DKIM signature with the domain. SPF alone must not carry mail under reject.")
UNDECIDED = later("Decide the policy for sub-domains before reject: %(tags)s is missing in the record.")
LISTS = later(
    "%(messages)s messages came through mailing lists. RFC 9989 says that domains whose users post to lists should not"
    " use reject."
)

SENDS = later("The domain sends mail, so it is not parked.")
PARKED_THIN = later("Reports over %(needed)s days have to be read before a domain counts as parked.")
PARKED_ALONE = later("Only strangers send in the domain's name.")
PARKED_READY = later("Reports since %(day)s show no own mail, and the customer says that none is sent.")
