"""What the work queue asks of the analysis layer, kept until the store changes or an hour ends."""

import streamlit as st

from analysis import queue
from analysis.frames import Scope
from analysis.queue import Queue
from dashboard import session, workshop
from dashboard.workbench import KNOWN

HOUR_SECONDS = 3_600


def work_queue(scope: Scope) -> Queue:
    """Every domain of the scope, what needs a person first. Raises StoreError."""
    return _work_queue(session.opened().generation(), scope, session.now() // HOUR_SECONDS)


@st.cache_resource(max_entries=50, show_spinner=False)
def _work_queue(generation: int, scope: Scope, hour: int) -> Queue:  # noqa: ARG001 part of the key
    return workshop.ask(queue.of_scope, scope, KNOWN, hour * HOUR_SECONDS)
