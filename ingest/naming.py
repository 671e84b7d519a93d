"""Turns a stored shape and its source into the facts that `knowledge.identify` names a sender by."""

from collections import defaultdict
from dataclasses import dataclass

from knowledge.envelope import Envelope, envelope_kind
from knowledge.hosts import organisational
from knowledge.identify import (
    NO_INFRASTRUCTURE,
    OwnInfrastructure,
    SenderFacts,
    SenderName,
    is_own_address,
    name_by_record,
    name_sender,
    standing,
)
from knowledge.tables import Tables
from store.evidence import evidence_of, marks_of
from store.values import Shape, SourceFacts


def sender_facts(shape: Shape, source: SourceFacts, ptr: str | None) -> SenderFacts:
    """What one record and its source tell about the sender; `ptr` only when it was confirmed forward."""
    own = organisational(shape.header_from) if shape.header_from else None
    signed: dict[str, None] = {}
    selectors: list[str] = []
    envelope: set[str] = set()
    for method, domain, selector, scope, result, _, _ in shape.auth_results:
        if result != "pass" or not domain:
            continue
        if method == "dkim":
            signed[domain] = None
            if selector and own and organisational(domain) == own:
                selectors.append(selector)
        elif method == "spf" and scope in (None, "mfrom"):
            envelope.add(domain)
    return SenderFacts(
        ip=source.ip,
        header_from=shape.header_from,
        dkim_domains=tuple(signed),
        own_selectors=tuple(selectors),
        spf_domain=_spf_domain(envelope, own),
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
    if not passed:
        return None
    aligned = {domain for domain in passed if own and organisational(domain) == own}
    return min(aligned or passed)


_NOWHERE = SourceFacts("", None, None, None, None, None, None)
KNOWN_NAMES = 20_000
KNOWN_SHAPES = 6_000
KNOWN_ALIKE = 3_000


@dataclass(slots=True)
class _Alike:
    """What shapes have in common that say the same about the sender: their marks, the sender where they name it, and
    the names by address of those that are told by less than the whole shape (`knowledge.identify.standing`)."""

    marks: int
    name: SenderName | None
    names: dict[str, SenderName]


class Namer:
    """Names senders with one set of tables; remembers what it named without a host name."""

    def __init__(self, tables: Tables, own: OwnInfrastructure = NO_INFRASTRUCTURE) -> None:
        self._tables = tables
        self._own = own
        self._forget()

    def _forget(self) -> None:
        self._alike: dict[tuple[object, ...], _Alike] = {}
        self._of_shape: dict[str, _Alike] = {}
        self._by_standing: dict[tuple[bool, bool, bool], dict[str, SenderName]] = defaultdict(dict)
        self._names = 0

    def __call__(self, shape: Shape, source: SourceFacts, ptr: str | None) -> SenderName:
        return name_sender(sender_facts(shape, source, ptr), self._tables, self._own)

    def without_ptr(self, shape: Shape, source: SourceFacts) -> SenderName:
        """The name as far as it can be told without a host name."""
        alike = self._of_shape.get(shape.digest) or self._alike_of(shape)
        if alike.name and not (self._own.networks and is_own_address(source.ip, self._own)):
            return alike.name
        name = alike.names.get(source.ip)
        if name is None:
            name = alike.names[source.ip] = self(shape, source, None)
            self._names += 1
            if self._names >= KNOWN_NAMES:
                self._forget()
        return name

    def marks(self, shape: Shape) -> int:
        """The marks of a shape that did not align both ways; 0 for one that did."""
        return (self._of_shape.get(shape.digest) or self._alike_of(shape)).marks

    def _alike_of(self, shape: Shape) -> _Alike:
        if len(self._of_shape) >= KNOWN_SHAPES:
            self._of_shape.clear()
        if len(self._alike) >= KNOWN_ALIKE:
            self._forget()
        key = _telling(shape)
        alike = self._alike.get(key)
        if alike is None:
            facts = sender_facts(shape, _NOWHERE, None)
            names = self._by_standing[standing(facts)]
            alike = self._alike[key] = _Alike(self._marks_of(shape), name_by_record(facts, self._tables), names)
        self._of_shape[shape.digest] = alike
        return alike

    def _marks_of(self, shape: Shape) -> int:
        if shape.dkim_aligned and shape.spf_aligned:
            return 0
        return marks_of(evidence_of(shape, self._envelope_kind))

    def _envelope_kind(self, domain: str) -> Envelope:
        return envelope_kind(domain, self._tables)


def _telling(shape: Shape) -> tuple[object, ...]:
    """All that `sender_facts` and `evidence_of` read of a shape. Of envelope_from only whether it is named or empty."""
    header_from, envelope_from, _, _, dkim, spf, override, results, reasons, *_ = shape
    return (header_from, envelope_from and "named", dkim, spf, override, results, reasons)
