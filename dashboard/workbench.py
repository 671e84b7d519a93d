"""One of the processes in which `dashboard.workshop` has answers worked out. Without Streamlit, which it does not need.

It has the store and the knowledge tables to itself, opened when they are first used, and ends with the server.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final, TypeVar

from dashboard import rehearsal
from knowledge.rows import TablesError
from knowledge.tables import Tables, load_tables
from store.errors import StoreError
from store.opened import OpenStore

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Known:
    """Among the arguments of a question: the knowledge tables of the process that answers it."""


KNOWN: Final = Known()


@dataclass(frozen=True, slots=True)
class Equipment:
    """What every process gets once: the store's address, the files that extend the knowledge tables, and the time
    (epoch seconds) at which it is started.
    """

    database_url: str
    knowledge_files: Mapping[str, tuple[Path, ...]]
    started_at: int


def begin(equipment: Equipment) -> None:
    """Make this process one of the workshop's, and rehearse: a first answer takes ten times as long as a later one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _in_use.append(equipment)
    threading.Thread(target=_end_with_server, daemon=True).start()
    # What is wrong with the store or the tables is told to the visitor whose question meets it.
    with suppress(StoreError, TablesError):
        tables = _tables()
        _store().read(lambda connection: rehearsal.rehearse(connection, tables, equipment.started_at))


def answer(build: Callable[..., Answer], arguments: tuple[object, ...], named: dict[str, object]) -> Answer:
    """What `build` makes of one state of the store."""
    given = [_tables() if each == KNOWN else each for each in arguments]
    return _store().read(lambda connection: build(connection, *given, **named))


def number() -> int:
    """This process's id, once its tables are read."""
    _tables()
    return os.getpid()


_in_use: list[Equipment] = []


def _end_with_server() -> None:
    """A killed server closes nothing: without this its processes would wait for questions for ever."""
    server = multiprocessing.parent_process()
    if server is not None:
        wait([server.sentinel])
        os._exit(1)


@cache
def _store() -> OpenStore:
    return OpenStore(_in_use[0].database_url)


@cache
def _tables() -> Tables:
    return load_tables(**_in_use[0].knowledge_files)
