"""The knowledge tables of this process (services, forwarders, reporters), read once with the settings' extensions."""

from functools import cache
from pathlib import Path

from dashboard import session
from knowledge.tables import Tables, load_tables


@cache
def tables() -> Tables:
    """The shipped knowledge with the extensions that the settings name. Raises TablesError for a wrong file."""
    named = session.settings_in_use().knowledge
    return load_tables(
        senders=_given(named.senders_file),
        forwarders=_given(named.forwarders_file),
        reporters=_given(named.reporters_file),
    )


def _given(path: Path | None) -> tuple[Path, ...]:
    return (path,) if path else ()
