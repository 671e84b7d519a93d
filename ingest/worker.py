"""A worker's program: reads the messages that come through its pipe and sends their readings back, until it closes.

Limits on memory, computing and files are the kernel's. Only here and in what it imports are parsedmarc's tables held:
they cost 0.3 s and 40 MB.
"""

import gc
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from ingest import unarmed
from ingest.collecting import collect_seldom
from ingest.reading import Message, Reading, Refusal, Send

if TYPE_CHECKING:
    from settings import Limits

OPEN_FILES = 64


_Read = Callable[[Message, int, Send], Reading]


def main() -> None:
    """Serve the pipe whose file descriptor is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    unarmed.take_away()
    from ingest.read import Reader  # here: what it imports shall find the network libraries taken away

    try:
        limits, registered, namer = connection.recv()
        serve(connection, Reader(limits, registered, namer).read, limits)
    except (EOFError, ConnectionError):
        return  # the other end has closed, or its process has died


def serve(connection: Connection, read: _Read, limits: "Limits") -> None:
    """Answer each message with its reading; what is read of a long report goes ahead of it."""
    gc.freeze()
    collect_seldom()
    _set_limits(limits)
    while True:
        message, now = connection.recv()
        _allow_cpu(limits.cpu_seconds)
        connection.send(_reading(read, message, now, connection.send))


def _reading(read: _Read, message: Message, now: int, send: Send) -> Reading:
    try:
        return read(message, now, send)
    except (MemoryError, RecursionError) as error:
        refusal = Refusal("memory", f"reading it needs too much memory ({type(error).__name__})")
        return Reading("reports", refusals=(refusal,))


def _set_limits(limits: "Limits") -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


def _allow_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))


if __name__ == "__main__":
    main()
