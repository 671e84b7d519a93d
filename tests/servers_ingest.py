"""Fixtures that read and store reports: one reader for a whole session, and whole runs into a fresh store."""

from collections.abc import Callable, Iterable
from functools import partial

import pytest
from xml_reports import NOON

from ingest.read import Reader
from ingest.reading import Message, Reading
from ingest.run import RunSummary
from ingest.session import ingest_messages
from settings import Limits, Settings

Ingest = Callable[..., RunSummary]


@pytest.fixture(scope="session")
def reader() -> Reader:
    """One reader, as a worker process keeps it."""
    return Reader(Limits())


@pytest.fixture
def read(reader: Reader) -> Callable[[bytes | str], Reading]:
    """Read one file as an operator names it."""

    def read_one(content: bytes | str) -> Reading:
        return reader.read(message(content), NOON)

    return read_one


def message(content: bytes | str, place: str = "report.xml", **facts: object) -> Message:
    """A message whose content may be given as text."""
    return Message(place=place, content=content.encode() if isinstance(content, str) else content, **facts)  # type: ignore[arg-type]


def ingest_into(url: str, *contents: bytes | str | Message, workers: int = 1, now: int = NOON) -> RunSummary:
    """A whole run: worker processes, transactions, ledger."""
    return ingest_messages(
        Settings(database_url=url, workers=workers),
        _messages(contents),
        command="test",
        now=now,
        after_commit=lambda outcomes: None,
    )


def _messages(contents: Iterable[bytes | str | Message]) -> Iterable[Message]:
    for number, content in enumerate(contents):
        yield content if isinstance(content, Message) else message(content, f"file-{number}.xml")


@pytest.fixture
def ingest(store_url: str) -> Ingest:
    """Ingest contents (or messages) into a fresh store, on SQLite and on PostgreSQL."""
    return partial(ingest_into, store_url)
