"""What a program of `dashboard/press.py` is besides its own work: it answers its pipe, until that closes.

The programs, `paper.py` and `ink.py`, import nothing else of ours: what they do not have cannot grow with them.
"""

import gc
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from traceback import format_exc


def serve(draw: Callable[[str], bytes]) -> None:
    """Answer what comes through the pipe whose file descriptor is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    try:
        while True:
            connection.send(_answer(draw, connection.recv()))
            # The trees that a PDF is drawn from refer to themselves; by itself, Python keeps many of them.
            gc.collect()
    except (EOFError, ConnectionError):
        return  # the other end has closed, or its process has died


def _answer(draw: Callable[[str], bytes], wanted: str) -> bytes | Exception:
    try:
        return draw(wanted)
    except MemoryError:
        raise  # this process is of no more use, and a new one may do
    except Exception as error:  # noqa: BLE001 raised again by who asked
        error.add_note(format_exc())
        return error
