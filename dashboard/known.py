"""The knowledge tables of this process (services, forwarders, reporters), read once with the settings' extensions."""

from functools import cache
from pathlib import Path

from dashboard import session
from knowledge.tables import Tables, load_tables

Files = tuple[Path, ...]


@cache
def tables() -> Tables:
    """The shipped knowledge with the extensions that the settings name. Raises TablesError for a wrong file."""
    senders, forwarders, reporters = files()
    return load_tables(senders=senders, forwarders=forwarders, reporters=reporters)


def files() -> tuple[Files, Files, Files]:
    """The extensions that the settings name: of senders, forwarders, reporters."""
    named = session.settings_in_use().knowledge
    return _given(named.senders_file), _given(named.forwarders_file), _given(named.reporters_file)


def _given(path: Path | None) -> Files:
    return (path,) if path else ()
