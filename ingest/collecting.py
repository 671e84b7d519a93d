"""How often Python looks for cycles among objects while messages are read and stored.

Neither makes cycles that last, but both make hundreds of thousands of tuples: with Python's own thresholds the search
takes a tenth of all computing.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (20_000, 50, 100)


def collect_seldom() -> None:
    """For the rest of this process."""
    gc.set_threshold(*SELDOM)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """For the time of a run."""
    before = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
