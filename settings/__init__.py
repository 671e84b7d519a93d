"""Every option of Sekisho: its name, its default and one sentence about it.

`load` reads sekisho.toml, the SEKISHO_* variables and the files that SEKISHO_*_FILE variables name, and raises one
`SettingsError` that lists everything wrong in them. Nothing is read at import; imports nothing else of ours.
"""

from settings.checks import name_server
from settings.loading import SettingsError, load
from settings.options import PREFIX, Option, Settings, mailbox_options, options
from settings.tables import (
    Authenticity,
    Backup,
    Dashboard,
    Heartbeat,
    Knowledge,
    Limits,
    Lookup,
    Mailbox,
    Notify,
    OpenIdConnect,
    OwnInfrastructure,
    Retention,
    Schedule,
    Smtp,
)

__all__ = [
    "PREFIX",
    "Authenticity",
    "Backup",
    "Dashboard",
    "Heartbeat",
    "Knowledge",
    "Limits",
    "Lookup",
    "Mailbox",
    "Notify",
    "OpenIdConnect",
    "Option",
    "OwnInfrastructure",
    "Retention",
    "Schedule",
    "Settings",
    "SettingsError",
    "Smtp",
    "load",
    "mailbox_options",
    "name_server",
    "options",
]
