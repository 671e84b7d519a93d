"""The page script that Streamlit runs for every click: session check, menu, the chosen view, the store's troubles."""

from pathlib import Path

import streamlit as st

from dashboard import markup, notices, parts, session
from dashboard.menu import MENU
from store.errors import StoreError
from wording import translator

HERE = Path(__file__).parent
VIEWS = HERE / "views"
ICON = HERE / "static" / "icon.png"


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
