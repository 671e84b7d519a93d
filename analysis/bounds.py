"""The exact lower bound of a pass rate: what so many passes out of so many messages prove.

One-sided Clopper-Pearson bound, by bisection on the binomial tail; the tail is a regularised incomplete beta function.
"""

from functools import lru_cache
from math import exp, lgamma, log, log1p

CONFIDENCE = 0.95
# With no failure, so many messages prove 95 % and 99 %: 0.05 ** (1 / n) reaches them.
PROVES_95 = 59
PROVES_99 = 299

_HALVINGS = 45
_TINY = 1e-300
_MOST_TERMS = 100_000


@lru_cache(maxsize=4_096)
def lower_bound(passed: int, messages: int, confidence: float = CONFIDENCE) -> float | None:
    """The share that at least passes with this confidence (0 to 1), or None of no messages."""
    if not messages:
        return None
    if not passed:
        return 0.0
    doubt = 1 - confidence
    if passed == messages:
        return exp(log(doubt) / messages)
    low, high = 0.0, passed / messages
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if at_least(passed, messages, middle) < doubt else (low, middle)
    return low


def at_least(passed: int, messages: int, share: float) -> float:
    """The probability of `passed` or more passes among `messages` when each passes with probability `share`."""
    if passed <= 0:
        return 1.0
    return 0.0 if share <= 0 else 1.0 if share >= 1 else _beta(share, passed, messages - passed + 1)


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function by its continued fraction (DLMF 8.17.22), on its quick side."""
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """The denominator of DLMF 8.17.22 by Lentz's method (DLMF 3.10)."""
    value, c, d = 1.0, 1.0, 0.0
    for number in range(1, _MOST_TERMS):
        term = _term(number, x, a, b)
        d = 1 / _apart(1 + term * d)
        c = _apart(1 + term / c)
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _term(number: int, x: float, a: float, b: float) -> float:
    m = number // 2
    if number % 2 == 0:
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
    return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))


def _apart(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
