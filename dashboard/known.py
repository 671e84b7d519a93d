"""The knowledge tables of this process (services, forwarders, reporters), read once with the settings' extensions."""

from functools import cache

from dashboard import session
from knowledge.tables import Tables, load_tables


@cache
def tables() -> Tables:
    """The shipped knowledge with the extensions that the settings name. Raises TablesError for a wrong file."""
    return load_tables(**session.settings_in_use().knowledge.files)
