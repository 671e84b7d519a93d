"""What the page of published records asks of the analysis layer, kept until the store changes or an hour ends."""

import streamlit as st

from analysis import records_page
from analysis.frames import Period, Scope
from analysis.records_page import RecordsPage
from dashboard import session, workshop
from dashboard.workbench import KNOWN

HOUR_SECONDS = 3_600


def records(scope: Scope, name: str, period: Period) -> RecordsPage | None:
    """A domain's records, or None when it is unknown or outside the scope. Raises StoreError."""
    return _records(session.opened().generation(), scope, name, period, session.now() // HOUR_SECONDS)


@st.cache_resource(max_entries=200, show_spinner=False)
def _records(generation: int, scope: Scope, name: str, period: Period, hour: int) -> RecordsPage | None:  # noqa: ARG001 part of the key
    return workshop.ask(records_page.build, scope, name, KNOWN, period, now=hour * HOUR_SECONDS)
