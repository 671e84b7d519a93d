"""Rates of reported mail: a numerator never travels without its denominator.

Deliberately no formatting: a screen or a file says how a share is written.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PassRate:
    """Messages reported and how many of them passed DMARC as their reporter saw it (DKIM or SPF aligned)."""

    messages: int
    passed: int

    @property
    def share(self) -> float | None:
        """Passed over messages, or None when no message was reported."""
        return self.passed / self.messages if self.messages else None


def added(rates: Iterable[PassRate]) -> PassRate:
    """The rate of all their messages together: messages over messages, never a mean of shares."""
    counted = list(rates)
    return PassRate(sum(rate.messages for rate in counted), sum(rate.passed for rate in counted))
