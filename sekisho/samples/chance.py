"""Chance without state: each draw is a hash of the seed and of its own name.

Python's `random` may draw differently in another release; SHA-256 does not.
"""

import hashlib

SEED = "sekisho-samples-1"


def digest(*name: object) -> str:
    """64 hex digits that belong to this name alone."""
    return hashlib.sha256("|".join([SEED, *map(str, name)]).encode()).hexdigest()


def share(*name: object) -> float:
    """A number in [0, 1)."""
    return int(digest(*name)[:13], 16) / 16**13


def below(limit: int, *name: object) -> int:
    """A whole number from 0 to limit - 1."""
    return int(digest(*name)[:13], 16) % limit


def rounded(mean: float, *name: object) -> int:
    """`mean` made whole so that many draws keep their average."""
    return int(mean + share(*name))


def digits(length: int, *name: object) -> str:
    """A decimal id of this length without a leading zero."""
    return str(10 ** (length - 1) + int(digest(*name), 16) % (9 * 10 ** (length - 1)))
