"""The page script that Streamlit runs for every click: session check, menu, the chosen view, the store's troubles."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import markup, notices, parts, session
from store.errors import StoreError
from wording import later, translator

HERE = Path(__file__).parent
VIEWS = HERE / "views"
ICON = HERE / "static" / "icon.png"


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


def run() -> None:
    """Draw the page that the address asks for, or say why there is nothing to draw."""
    st.set_page_config(page_title="Sekisho", page_icon=ICON, layout="wide")
    st.logo(ICON, size="large")
    markup.page_style()
    try:
        visit = session.enter()
        _pages(visit).run()
    except session.Ended:
        _say_ended()
    except StoreError as error:
        parts.show_notice(notices.store_notice(error, session.page_language()))


def _pages(visit: session.Visit) -> st.Page:
    _ = translator(visit.language)
    views = [view for view in MENU if visit.visitor.role in view.roles]
    return st.navigation(
        [
            st.Page(
                VIEWS / f"{view.file}.py",
                title=_(view.title),
                url_path=view.path,
                default=view is views[0],
                visibility="hidden" if view.hidden else "visible",
            )
            for view in views
        ],
        position="top",
    )


def _say_ended() -> None:
    language = session.page_language()
    _ = translator(language)
    st.subheader(_("You are logged out"), anchor=False)
    st.write(_("Your session has ended. Log in again to go on."))
    parts.same_tab_link(_("Log in"), "/login")


if __name__ == "__main__":
    run()
