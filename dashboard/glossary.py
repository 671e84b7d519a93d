"""The words of DMARC explained to a junior colleague: a table of sentence keys, and how it is shown."""

import streamlit as st

from wording import later, translator

WORDS = (
    (
        later("SPF, DKIM, DMARC"),
        later(
            "SPF lists the servers that may send for a domain, DKIM signs the mail. DMARC asks that at least one of the"
            " two holds for the domain in From, and says what a receiver should do otherwise."
        ),
    ),
    (
        later("Aligned"),
        later(
            "SPF or DKIM passed, and for the same domain as the address in From that a person sees. A pass for another"
            " domain, like that of a mailing service, does not count."
        ),
    ),
    (
        later("p=none"),
        later(
            "Nothing happens to mail that fails. Receivers only report what they saw: the time to find every sender."
        ),
    ),
    (
        later("p=quarantine"),
        later("Mail that fails goes to the spam folder. The last step at which a mistake can still be found again."),
    ),
    (later("p=reject"), later("Mail that fails is refused. This is what protects against forged senders.")),
    (
        later("Test step (t=y, pct=0)"),
        later(
            "The policy is announced but treated one level more mildly. New receivers read t=y, older ones pct=0; only"
            " both together are a test everywhere."
        ),
    ),
    (
        later("Gate"),
        later(
            "A condition that has to be seen, not assumed, before a step is safe. “Cannot be said yet” never counts as"
            " passed: waiting, reviewing or looking up settles it."
        ),
    ),
    (
        later("“Proves 95 %”"),
        later(
            "With few messages a good rate may be luck. This is the share that is certain enough (95 % confidence):"
            " 59 messages without a failure prove 95 %, 299 prove 99 %."
        ),
    ),
)


def show(language: str) -> None:
    """The words, folded away until somebody asks."""
    _ = translator(language)
    opened = st.expander(_("What these words mean"), key="glossary", on_change="rerun", icon=":material/menu_book:")
    if opened.open:
        opened.markdown("\n\n".join(f"**{_(word)}**: {_(meaning)}" for word, meaning in WORDS))
