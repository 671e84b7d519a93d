"""What the replay asks of the analysis layer, kept until the store changes."""

import streamlit as st

from analysis import replay as replay_analysis
from analysis.frames import Period, Scope
from analysis.replay import Policy, Replay
from dashboard import session, workshop
from dashboard.workbench import KNOWN


def replay(scope: Scope, name: str, policy: Policy, period: Period) -> Replay | None:
    """The replay of a policy, or None when the domain is unknown or outside the scope. Raises StoreError."""
    return _replay(session.opened().generation(), scope, name, policy, period)


@st.cache_resource(max_entries=100, show_spinner=False)
def _replay(generation: int, scope: Scope, name: str, policy: Policy, period: Period) -> Replay | None:  # noqa: ARG001 part of the key
    return workshop.ask(
        replay_analysis.build, scope, name, KNOWN, policy, since=period.first_day, until=period.last_day
    )
