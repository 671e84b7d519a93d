"""How many mails are fetched at once, and how many a run may take at all: batches and budgets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

BATCH_BYTES = 4 * 1024 * 1024
BATCH_MESSAGES = 100
Stop = Literal["messages", "bytes", "bytes of the day", "seconds"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a mail before its download. `gmail_id` names the same mail under every label."""

    uid: int
    size: int
    gmail_id: int | None = None


@dataclass(slots=True)
class Budget:
    """What a run may still take. Mails that are too big cost nothing: they are not downloaded."""

    messages: int
    bytes_of_run: int
    bytes_of_day: int

    def take(self, batch: Sequence[Envelope], largest: int) -> tuple[Sequence[Envelope], Stop | None]:
        """Pay for the first mails of a batch; returns them, and the budget that the next one would have broken."""
        taken: list[Envelope] = []
        for envelope in batch:
            cost = _cost(envelope, largest)
            stop = self._refusal(cost)
            if stop:
                return taken, stop
            self.messages -= 1
            self.bytes_of_run -= cost
            self.bytes_of_day -= cost
            taken.append(envelope)
        return taken, None

    def _refusal(self, cost: int) -> Stop | None:
        if not self.messages:
            return "messages"
        if cost > self.bytes_of_run:
            return "bytes"
        return "bytes of the day" if cost > self.bytes_of_day else None


def batches(envelopes: Sequence[Envelope], largest: int) -> Iterator[list[Envelope]]:
    """Split mails, in order, into batches of at most 100 mails and 4 MiB; a bigger mail comes alone."""
    batch: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        cost = _cost(envelope, largest)
        if batch and (size + cost > BATCH_BYTES or len(batch) == BATCH_MESSAGES):
            yield batch
            batch, size = [], 0
        batch.append(envelope)
        size += cost
    if batch:
        yield batch


def _cost(envelope: Envelope, largest: int) -> int:
    return envelope.size if envelope.size <= largest else 0
