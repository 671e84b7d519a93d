"""The codes of stages, verdicts, decisions and kinds of senders in the words of who does not sit at our command line.

Tables of sentence keys only; whoever shows them looks them up in the reader's language.
"""

from analysis import gate_words as words
from analysis.gates import Gate
from analysis.stages import Stage
from wording import later, translator

STAGES: dict[str, str] = {
    Stage.NO_RECORD: later("no DMARC record"),
    Stage.NONE: later("watching only (p=none)"),
    Stage.QUARANTINE_TEST: later("test of quarantine (t=y)"),
    Stage.QUARANTINE: later("quarantine (p=quarantine)"),
    Stage.REJECT_TEST: later("test of reject (t=y)"),
    Stage.REJECT: later("reject (p=reject)"),
    Stage.PARKED: later("no mail at all (p=reject)"),
}
VERDICTS = {
    "ours-ok": later("yours, set up well"),
    "ours-fix": later("yours, needs a repair"),
    "forwarded": later("forwarded"),
    "bounce": later("automatic reply"),
    "candidate": later("yours? Please tell us"),
    "impostor": later("somebody else"),
    "unknown": later("unknown"),
}
SENDER_KINDS = {
    "mailbox": later("mailbox service"),
    "marketing": later("mass mailing service"),
    "transactional": later("mail delivery service"),
    "crm": later("customer management service"),
    "hosting": later("hosting service"),
    "business-app": later("business application"),
    "mailing-list": later("mailing list"),
    "forwarding": later("forwarder"),
    "own-infrastructure": later("own infrastructure"),
    "server": later("single server"),
    "network": later("network"),
    "unknown": later("unknown"),
}
DECISIONS = {"ours": later("is ours"), "not-ours": later("is not ours"), "forwarder": later("only forwards")}
# What a gate says to staff with a command in it, said to a customer.
_FOR_CUSTOMERS = {
    words.NOT_LOOKED: later("We still have to read your records in DNS."),
    words.LOOKED_PARTLY: later("Your records in DNS could not all be read (%(names)s). We look again."),
    words.RECORD_ERRORS: later("The records have errors (%(errors)s). Please correct them as shown below."),
    words.UNREVIEWED: later("What %(count)s senders are is not settled yet (%(names)s)."),
    words.NO_CONSENT: later("Your consent to “%(stage)s” is needed."),
}


def gate_words(gate: Gate, language: str) -> str:
    """What a gate found, and what would make it pass, to a customer."""
    _ = translator(language)
    said = (_(_FOR_CUSTOMERS.get(each.key, each.key), **dict(each.values)) for each in gate.why)
    return " ".join(said)
