"""Where a store is: its address as people write it, read and shown."""

from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from store.errors import StoreError


def parse_url(url: str) -> URL:
    """`sqlite:///PATH` or `postgresql://...` as SQLAlchemy's URL with our drivers. Raises StoreError."""
    path = url.removeprefix("sqlite:///")
    if path not in (url, "", ":memory:"):
        # Not through make_url, which would decode percent signs in a path that people wrote as it is.
        return URL.create("sqlite", database=path)
    with suppress(ArgumentError, ValueError):  # a port that is no number is the latter
        address = make_url(url)
        if address.drivername in ("postgresql", "postgresql+psycopg"):
            return address.set(drivername="postgresql+psycopg")
    raise StoreError("the database address must be sqlite:///PATH (a file) or postgresql://HOST/NAME")


def is_sqlite(address: URL) -> bool:
    """Whether the store is a SQLite file."""
    return address.drivername == "sqlite"


def store_path(address: URL) -> Path:
    """The file of a SQLite store."""
    return Path(address.database or "").absolute()


def shown(address: URL) -> str:
    """The store's address for people, without a password."""
    if is_sqlite(address) and address.database:
        return address.database
    return address.render_as_string(hide_password=True)
