"""The views, and who reaches which. Streamlit runs `app.py` at every click: what never changes stands here."""

from dataclasses import dataclass

from wording import later


@dataclass(frozen=True, slots=True)
class View:
    """One view: its file below views/, the path of its address, its word in the menu, and the roles that reach it.

    Who has another role gets the page of an unknown address. A hidden view is reached by links only.
    """

    file: str
    path: str
    title: str
    roles: tuple[str, ...]
    hidden: bool = False


EVERYBODY = ("operator", "staff", "customer")
STAFF = ("operator", "staff")
OPERATOR = ("operator",)
# In the order of the menu; the first view of a role is its start, which Streamlit serves at the bare address only.
MENU = (
    View("queue", "", later("Domains"), EVERYBODY),
    View("domain", "domain", later("Domain"), EVERYBODY, hidden=True),
    View("sender", "sender", later("Sender"), EVERYBODY, hidden=True),
    View("events", "events", later("Events"), STAFF),
    View("ingest", "ingest", later("Ingest"), STAFF),
    View("upload", "upload", later("Upload"), STAFF),
    View("check", "check", later("Check a record"), EVERYBODY),
    View("customers", "customers", later("Customers"), STAFF),
    View("accounts", "accounts", later("Accounts"), OPERATOR),
    View("account", "account", later("Your account"), EVERYBODY, hidden=True),
)
