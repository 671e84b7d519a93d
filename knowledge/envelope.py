"""What our tables say about an envelope domain that is not the author's: a service's, a forwarder's, or nobody we know.

Pure; used when a report is stored, so that a verdict later knows on whose behalf SPF passed.
"""

from typing import Literal

from knowledge.identify import is_rewritten_envelope
from knowledge.rows import Service
from knowledge.tables import Tables

Envelope = Literal["service", "forwarder", "other"]


def envelope_kind(domain: str, tables: Tables) -> Envelope:
    """Whose envelope `domain` (lower-case A-label) is. A tenant's account at a service is `other`: anybody has one.

    service: a service's own domain, or the name of one of its servers (SPF then looked at HELO).
    forwarder: the domain of a row of forwarders.toml, or a first label that marks a rewritten return path (SRS).
    """
    if is_rewritten_envelope(domain, tables):
        return "forwarder"
    suffix = domain
    while suffix:
        owner = tables.domains.get(suffix) or (tables.ptr.get(suffix) if suffix != domain else None)
        if owner is not None:
            return _kind_of(owner, suffix)
        suffix = suffix.partition(".")[2]
    return "other"


def _kind_of(owner: object, suffix: str) -> Envelope:
    if not isinstance(owner, Service):
        return "forwarder"
    return "other" if suffix in owner.account_domains else "service"
