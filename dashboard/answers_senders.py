"""What the pages about senders ask of the analysis layer, kept until the store changes."""

import streamlit as st

from analysis import sender_board, sender_page
from analysis.frames import Period, Scope
from analysis.sender_board import Board
from analysis.sender_page import SenderPage
from dashboard import session, workshop
from dashboard.workbench import KNOWN


def board(scope: Scope, name: str, period: Period) -> Board | None:
    """A domain's senders by class, or None when it is unknown or outside the scope. Raises StoreError."""
    return _board(session.opened().generation(), scope, name, period)


def page(scope: Scope, name: str, key: str, period: Period) -> SenderPage | None:
    """One sender of a domain, or None when either is unknown or outside the scope. Raises StoreError."""
    return _page(session.opened().generation(), scope, name, key, period)


@st.cache_resource(max_entries=200, show_spinner=False)
def _board(generation: int, scope: Scope, name: str, period: Period) -> Board | None:  # noqa: ARG001 part of the key
    return workshop.ask(sender_board.build, scope, name, KNOWN, period)


@st.cache_resource(max_entries=200, show_spinner=False)
def _page(generation: int, scope: Scope, name: str, key: str, period: Period) -> SenderPage | None:  # noqa: ARG001 part of the key
    return workshop.ask(sender_page.build, scope, name, key, KNOWN, period)
