"""What the mail seen after a decision of staff says against it. Pure."""

from dataclasses import dataclass

from wording import forms, later, text

# Figures of a decision's contradiction: so many failing messages and no pass, or so many passes.
CONTRADICTING_MESSAGES = 10


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What speaks against a decision: `never-passes` or `passes`, its sentence's key, and by how many `messages`."""

    id: str
    sentence: str
    messages: int

    def why(self, language: str) -> str:
        """The sentence in `language`, its figure filled in."""
        return text(language, self.sentence, messages=forms.number(language, self.messages))


NEVER_PASSES = later("Decided as the customer's, but none of its %(messages)s messages since then passed.")
STRANGER_PASSES = later(
    "Decided as not the customer's, but since then %(messages)s of its messages passed in the domain's name."
)
FORWARDER_PASSES = later(
    "Decided as a forwarder, but since then SPF passed aligned for %(messages)s messages: the domain's SPF names it."
)


def contradiction(decision: str, messages: int, passed: int, spf_aligned: int) -> Contradiction | None:
    """What the mail seen after a decision says against it, or None.

    An own sender of which nothing passes aligned; a stranger whose mail does; a forwarder that the domain's SPF names.
    """
    against = {
        "ours": Contradiction("never-passes", NEVER_PASSES, 0 if passed else messages),
        "not-ours": Contradiction("passes", STRANGER_PASSES, passed),
        "forwarder": Contradiction("passes", FORWARDER_PASSES, spf_aligned),
    }[decision]
    return against if against.messages >= CONTRADICTING_MESSAGES else None
