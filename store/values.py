"""What an aggregate report says, as plain frozen values: made by `ingest.normalize`, kept by `store.reports`.

A value that a reporter wrote in other words than the canonical ones keeps the raw word beside it (`*_raw`, None when
they are equal) or in `repairs`, so that nothing is repaired silently. What comes by the hundred thousand is a tuple.
"""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Policy:
    """policy_published (RFC 9990 section 3.1.1.6), repaired. `raw` holds each word that a repair changed."""

    domain: str
    p: str
    sp: str
    np: str | None
    adkim: str
    aspf: str
    pct: int | None
    fo: str | None
    testing: str | None
    discovery_method: str | None
    raw: tuple[tuple[str, str], ...] = ()


class AuthResult(NamedTuple):
    """One raw dkim or spf result. `domain` is None when the reporter left it empty: it then aligns with nothing."""

    method: str
    domain: str | None
    selector: str | None
    scope: str | None
    result: str
    result_raw: str | None
    human_result: str | None


class Reason(NamedTuple):
    """One override reason. `type` is `none` when type and comment were both empty: it then overrides nothing."""

    type: str
    type_raw: str | None
    comment: str | None


class Shape(NamedTuple):
    """A record without source IP and count: what equal records share, normalised once.

    `digest` is a hash of the canonical content; `bad` a code when the record must be shown as unreadable;
    `raw` the record's XML when it is bad.
    """

    header_from: str | None
    envelope_from: str | None
    envelope_to: str | None
    disposition: str
    dkim_aligned: bool
    spf_aligned: bool
    override: str
    auth_results: tuple[AuthResult, ...]
    reasons: tuple[Reason, ...]
    repairs: tuple[str, ...]
    digest: str
    bad: str | None = None
    raw: str | None = None

    @property
    def passed(self) -> bool:
        """DMARC pass as the reporter saw it: DKIM or SPF aligned."""
        return self.dkim_aligned or self.spf_aligned


class Record(NamedTuple):
    """One `<record>`: `messages` mails of one shape from one address.

    `ip` is canonical text, or "" when the reporter gave no usable address. `messages` is 0 when the count could not
    be read. `bad` names what could not be read, `raw` what the reporter wrote there.
    """

    ip: str
    messages: int
    shape: Shape
    bad: str | None = None
    raw: str | None = None


class SourceFacts(NamedTuple):
    """What parsedmarc's offline tables (IPinfo Lite, CC BY-SA 4.0) say about one address; a hint, never evidence."""

    ip: str
    country: str | None
    asn: int | None
    as_name: str | None
    as_domain: str | None
    service: str | None
    service_kind: str | None
