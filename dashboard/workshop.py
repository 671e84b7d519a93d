"""Answers that take long to work out, worked out in processes beside the server's own.

Python runs one thread at a time: in the server's process the page of one large domain would hold up everybody's clicks.
Until the workshop is open, as in tests of single pages, answers are worked out in place.
"""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from threading import Thread
from typing import TypeVar

from dashboard import known, session, workbench
from dashboard.workbench import KNOWN, Equipment

_LOG = logging.getLogger(__name__)
_MOST_PROCESSES = 4
# What a process needs for its first answer is imported before the first visitor asks.
_IMPORTED = ["analysis.queue", "analysis.sender_page", "dashboard.workbench"]

Answer = TypeVar("Answer")


class Workshop:
    """The processes. Each holds one connection to the store; a question waits while all are busy."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def start(self) -> None:
        """Start the processes, one for each core up to a limit; returns when each has rehearsed."""
        size = min(len(os.sched_getaffinity(0)), _MOST_PROCESSES)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_IMPORTED)
        pool = ProcessPoolExecutor(size, context, workbench.begin, (_equipment(),))
        wait([pool.submit(workbench.number) for _ in range(size)])
        self._pool = pool

    def stop(self) -> None:
        """End the processes; answers are worked out in place from now on."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def ask(self, build: Callable[..., Answer], *arguments: object, **named: object) -> Answer:
        """What `build(connection, *arguments, **named)` returns; KNOWN among the arguments stands for the tables.

        `build` is a function of a module without Streamlit. Raises what it raises, and StoreError.
        """
        pool = self._pool
        if pool is None:
            return _in_place(build, arguments, named)
        try:
            return pool.submit(workbench.answer, build, arguments, named).result()
        except BrokenProcessPool:
            _LOG.exception("a process that works out answers has died; all are started anew")
            self._replace(pool)
            return _in_place(build, arguments, named)

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        """Only the first of those who met the broken pool starts a new one."""
        if self._pool is broken:
            self.start()


def _in_place(build: Callable[..., Answer], arguments: tuple[object, ...], named: dict[str, object]) -> Answer:
    given = [known.tables() if each == KNOWN else each for each in arguments]
    return session.opened().read(lambda connection: build(connection, *given, **named))


@cache
def _shared() -> Workshop:
    return Workshop()


def ask(build: Callable[..., Answer], *arguments: object, **named: object) -> Answer:
    """`Workshop.ask` of this process's workshop."""
    return _shared().ask(build, *arguments, **named)


@contextmanager
def opened() -> Iterator[Callable[[], None]]:
    """This process's workshop is open until the block ends; it is started meanwhile, and what is given waits for it."""
    starting = Thread(target=_shared().start)
    starting.start()
    try:
        yield starting.join
    finally:
        starting.join()
        _shared().stop()


def _equipment() -> Equipment:
    chosen = session.settings_in_use()
    return Equipment(chosen.database_url, chosen.knowledge.files, session.now())
