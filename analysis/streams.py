"""What the rules of analysis/verdict.py may look at: the figures of one stream of mail, and nothing else.

A stream is one address under one sender, or a whole sender. Counts are of counted messages in a period.
"""

from typing import NamedTuple


class Evidence(NamedTuple):
    """Messages that did not align both ways, and those with each mark of `traffic_evidence` (docs/DATA.md)."""

    messages: int = 0
    dkim_aligned: int = 0
    spf_aligned: int = 0
    spf_failed: int = 0
    spf_softfail: int = 0
    spf_strict: int = 0
    spf_service: int = 0
    spf_forwarder: int = 0
    spf_other: int = 0
    dkim_absent: int = 0
    dkim_failed: int = 0
    dkim_error: int = 0
    dkim_strict: int = 0
    dkim_other: int = 0
    null_sender: int = 0
    named_sender: int = 0
    forward_override: int = 0


class Elsewhere(NamedTuple):
    """What the same address did in other customers' names in the period; numbers only, nobody's name.

    forwards: messages that it forwarded as their receivers or signatures show. failing: customers of whose mail
    it sent only unsigned, failing messages; signing: those of them that sign their own mail. passes: customers
    for whom it passed aligned. nameless: DNS was asked, and no host name leads back to the address.
    """

    forwards: int = 0
    failing: int = 0
    signing: int = 0
    passes: int = 0
    nameless: bool = False


NO_EVIDENCE = Evidence()
NOWHERE = Elsewhere()


class Stream(NamedTuple):
    """Everything the rules may look at. Counts are of counted messages in the period.

    `days`: distinct days on which it was seen. `reporters`: distinct ones that saw mail aligned by DKIM alone.
    `key`: the sender's. `service`: the name of the known service behind it. `spf_aligns`: False when mail of that
    service is expected to pass by DKIM alone. `passes_as`: the same address also sends mail of this domain that passes
    aligned, as another sender.
    `domain_reporters`: distinct reporters about the whole domain. `domain_signs`: it signs its own mail.
    """

    key: str
    messages: int
    passed: int
    dkim_aligned: int
    spf_aligned: int
    recent: int
    recent_passed: int
    days: int
    reporters: int
    evidence: Evidence = NO_EVIDENCE
    elsewhere: Elsewhere = NOWHERE
    service: str | None = None
    spf_aligns: bool = True
    passes_as: bool = False
    domain_reporters: int = 0
    domain_signs: bool = False
    decision: str | None = None

    @property
    def prefix(self) -> str:
        """The kind of place that the key names: service, tenant, relay, forwarder, server, ptr, as, net."""
        return self.key.partition(":")[0]

    @property
    def has_service(self) -> bool:
        """Whether a known service is behind it."""
        return self.service is not None

    @property
    def failed(self) -> int:
        """Messages that did not pass."""
        return self.messages - self.passed
