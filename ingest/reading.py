"""What reading one message yields: plain frozen values that travel from a worker process to the writer.

Nothing here parses or stores. What a report says is in `store.packing` and `store.values`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from store.packing import Report

Kind = Literal["reports", "tls-report", "failure-report", "not-a-report"]


@dataclass(frozen=True, slots=True)
class Message:
    """One mail or file as it arrived.

    `place` says where it came from, for people (a path, or mailbox/folder/uid). `operator_named` is True for
    files that an operator gave on the command line: they get the full limits. `gmail_id` is Gmail's own number of the
    mail (X-GM-MSGID), the same under every label. `signed_by`: the domains whose DKIM
    signature the fetching side found good (`ingest.dkim_check`); None when it did not look. `sha256` is of the content.
    """

    place: str
    content: bytes
    operator_named: bool = True
    mailbox: str | None = None
    folder: str | None = None
    uidvalidity: int | None = None
    uid: int | None = None
    size: int | None = None
    gmail_id: int | None = None
    signed_by: tuple[str, ...] | None = None
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", sha256(self.content).hexdigest())


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message, or one document in it, was not stored: a stable code and a sentence for people."""

    code: str
    detail: str
    part: str = ""

    def __str__(self) -> str:
        where = f" ({self.part})" if self.part else ""
        return f"{self.code}: {self.detail}{where}"


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one message held: reports in order, and each document that could not be read with its reason."""

    kind: Kind
    reports: tuple[Report, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Beginning:
    """A long report that is not read to its end yet, in a message that holds no other before it: all but its records,
    and what the reporter may write behind them. Its chunks follow, then the reading of the whole message.

    Nobody knows yet whether the end can be read. Only where the reading's first report is marked as `sent` it could.
    """

    report: Report


Send = Callable[[Beginning | bytes], None]
