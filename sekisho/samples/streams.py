"""The words of the tables in `customers.py`: what a domain publishes, who sends for it, how its mail arrives."""

from dataclasses import dataclass
from datetime import date

ALWAYS = date(2012, 1, 1)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the domain's DMARC record says from this day on."""

    since: date
    p: str
    sp: str
    np: str | None = None
    pct: int = 100
    t: str = "n"
    adkim: str = "r"
    aspf: str = "r"
    fo: str = "0"


@dataclass(frozen=True, slots=True)
class Dkim:
    """One signature and how it verified."""

    domain: str
    selector: str
    result: str = "pass"
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class Spf:
    """The SPF check of one identity."""

    domain: str
    result: str = "pass"
    scope: str = "mfrom"


@dataclass(frozen=True, slots=True)
class Way:
    """One way a stream's mail arrives: `weight` is its part of the stream; an empty `envelope` is the null sender."""

    weight: float
    envelope: str
    spf: Spf
    dkim: tuple[Dkim, ...] = ()
    since: date = ALWAYS
    until: date = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Sender:
    """One sender of one domain and the truth about it: a row of the label file.

    `verdict` lists what the rules may say before anybody has decided; `decision` is what the customer would answer.
    """

    domain: str
    name: str
    kind: str
    truth: str
    verdict: str
    decision: str
    networks: tuple[str, ...]
    recognise: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Mail of one kind: `per_day` messages on a full day of its calendar, seen by the receivers of its audience."""

    sender: Sender
    per_day: float
    calendar: str
    audience: str
    addresses: tuple[str, ...]
    ways: tuple[Way, ...]
    header_from: str = ""
    reason: str = ""
    spread: float = 0.3
