"""A part of a page that its own fields draw anew alone: the rest of the page costs nothing at such a click.

Streamlit then runs the part without `app.py`: what that looks at before it draws is looked at here once more.
"""

from collections.abc import Callable

import streamlit as st

from dashboard import notices, parts, session
from dashboard.session import Visit
from store.errors import StoreError


def alone(visit: Visit, draw: Callable[[Visit], None]) -> None:
    """Draw a part with this visit, and anew at each click within it with the visit as it is then.

    Where the session has ended or the store has changed since, the whole page is drawn anew.
    """
    _part(draw, visit, session.opened().generation())


@st.fragment
def _part(draw: Callable[[Visit], None], drawn_for: Visit, generation: int) -> None:
    try:
        visit = session.enter()
        changed = visit != drawn_for or session.opened().generation() != generation
    except (session.Ended, StoreError):
        changed = True
    if changed:
        st.rerun()
    try:
        draw(visit)
    except StoreError as error:
        parts.show_notice(notices.store_notice(error, visit.language))
