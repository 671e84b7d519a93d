"""Turns a stored shape and its source into the facts that `knowledge.identify` names a sender by."""

from knowledge.identify import (
    NO_INFRASTRUCTURE,
    OwnInfrastructure,
    SenderFacts,
    SenderName,
    name_sender,
    organisational,
)
from knowledge.tables import Tables
from store.values import Shape, SourceFacts


def sender_facts(shape: Shape, source: SourceFacts, ptr: str | None) -> SenderFacts:
    """What one record and its source tell about the sender; `ptr` only when it was confirmed forward."""
    passed = [result for result in shape.auth_results if result.result == "pass" and result.domain]
    signed = [result for result in passed if result.method == "dkim"]
    envelope = {result.domain for result in passed if result.method == "spf" and result.scope in (None, "mfrom")}
    own = organisational(shape.header_from) if shape.header_from else None
    return SenderFacts(
        ip=source.ip,
        header_from=shape.header_from,
        dkim_domains=tuple(dict.fromkeys(result.domain for result in signed if result.domain)),
        own_selectors=tuple(
            result.selector
            for result in signed
            if result.selector and result.domain and own and organisational(result.domain) == own
        ),
        spf_domain=_spf_domain({domain for domain in envelope if domain}, own),
        dkim_aligned=shape.dkim_aligned,
        spf_aligned=shape.spf_aligned,
        ptr=ptr,
        as_domain=source.as_domain,
        as_name=source.as_name,
        service=source.service,
        service_kind=source.service_kind,
    )


def _spf_domain(passed: set[str], own: str | None) -> str | None:
    """The aligned domain that passed SPF, else the alphabetically first: the order of results never decides."""
    aligned = {domain for domain in passed if own and organisational(domain) == own}
    return min(aligned or passed, default=None)


KNOWN_NAMES = 20_000


class Namer:
    """Names senders with one set of tables; remembers what it named without a host name."""

    def __init__(self, tables: Tables, own: OwnInfrastructure = NO_INFRASTRUCTURE) -> None:
        self._tables = tables
        self._own = own
        self._known: dict[tuple[str, str], SenderName] = {}

    def __call__(self, shape: Shape, source: SourceFacts, ptr: str | None) -> SenderName:
        return name_sender(sender_facts(shape, source, ptr), self._tables, self._own)

    def without_ptr(self, shape: Shape, source: SourceFacts) -> SenderName:
        """The name as far as it can be told without a host name."""
        key = (shape.digest, source.ip)
        name = self._known.get(key)
        if name is None:
            if len(self._known) >= KNOWN_NAMES:
                self._known.clear()
            name = self._known[key] = self(shape, source, None)
        return name
