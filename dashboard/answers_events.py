"""What the page of events asks of the analysis layer, kept until the store changes or an hour ends."""

import streamlit as st

from analysis import events
from analysis.events import Event
from analysis.frames import Scope
from dashboard import session

HOUR_SECONDS = 3_600
PAST_DAYS = 90


def recent(scope: Scope) -> tuple[Event, ...]:
    """The open events of the scope and those that ended in the last PAST_DAYS days, the gravest open ones first.

    Raises StoreError.
    """
    return _recent(session.opened().generation(), scope, session.now() // HOUR_SECONDS)


@st.cache_resource(max_entries=50, show_spinner=False)
def _recent(generation: int, scope: Scope, hour: int) -> tuple[Event, ...]:  # noqa: ARG001 part of the key
    since = hour * HOUR_SECONDS - PAST_DAYS * 86_400
    return session.opened().read(lambda connection: events.all_events(connection, scope, since=since))
