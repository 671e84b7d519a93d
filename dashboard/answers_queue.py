"""What the work queue asks of the analysis layer, kept until the store changes or an hour ends."""

import streamlit as st

from analysis import events, frames, queue, standings
from analysis.frames import Connection, Period, Scope
from analysis.queue import Queue
from dashboard import known, session

DAYS = 30
HOUR_SECONDS = 3_600


def work_queue(scope: Scope) -> Queue:
    """Every domain of the scope, what needs a person first. Raises StoreError."""
    return _work_queue(session.opened().generation(), scope, session.now() // HOUR_SECONDS)


@st.cache_resource(max_entries=50, show_spinner=False)
def _work_queue(generation: int, scope: Scope, hour: int) -> Queue:  # noqa: ARG001 part of the key
    return session.opened().read(lambda connection: _build(connection, scope, hour * HOUR_SECONDS))


def _build(connection: Connection, scope: Scope, now: int) -> Queue:
    today = now // 86_400
    period = Period(today - DAYS + 1, today)
    return queue.build(
        standings.current(connection, scope, known.tables(), now),
        frames.domains(connection, scope),
        frames.day_messages(connection, scope, period),
        events.open_counts(connection, scope),
        period,
    )
