"""A store held open by a program that serves people: many reads, few writes, errors as StoreError.

Each of the two engines is opened when it is first needed and kept; one that could not be opened is tried again.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from sqlalchemy import Connection, Engine, select

from store.engine import engine_name, open_reader, open_store, writing
from store.errors import translated
from store.schema import generation

Answer = TypeVar("Answer")
_GENERATION = select(generation.c.number)


class OpenStore:
    """The store at `url`. Every method raises StoreError when it cannot be used."""

    def __init__(self, url: str) -> None:
        self._url = url

    def read(self, question: Callable[[Connection], Answer]) -> Answer:
        """What `question` makes of one unchanging state of the store; it cannot write."""
        engine = self._reader
        with translated(engine_name(engine)), engine.connect() as connection:
            return question(connection)

    def write(self, change: Callable[[Connection], Answer]) -> Answer:
        """What `change` returns, after everything it wrote was committed."""
        with writing(self.writer) as connection:
            return change(connection)

    def generation(self) -> int:
        """A number that grows with every change of what a screen shows."""
        return self.read(lambda connection: int(connection.execute(_GENERATION).scalar_one()))

    def close(self) -> None:
        """Give the connections back; the store opens again when it is next used."""
        for name in ("writer", "_reader"):
            engine = self.__dict__.pop(name, None)
            if engine is not None:
                engine.dispose()

    @cached_property
    def writer(self) -> Engine:
        """The writing engine, for functions of the store that take their own transactions."""
        return open_store(self._url)

    @cached_property
    def _reader(self) -> Engine:
        return open_reader(self._url)
