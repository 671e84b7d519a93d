"""What a domain's page asks of the analysis layer, kept until the store changes or an hour ends."""

import streamlit as st

from analysis import domain_head
from analysis.domain_head import DomainHead, NextStep, Opened
from analysis.frames import Scope
from dashboard import session, workshop
from dashboard.workbench import KNOWN

HOUR_SECONDS = 3_600


def head(scope: Scope, name: str) -> DomainHead | None:
    """What stands above every section, or None when the domain is unknown or outside the scope. Raises StoreError."""
    found = _opened(session.opened().generation(), scope, name, session.now() // HOUR_SECONDS)
    return None if found is None else found.head


def next_step(scope: Scope, name: str) -> NextStep | None:
    """What is advised, or None when the domain is unknown or outside the scope. Raises StoreError."""
    key = (session.opened().generation(), scope, name, session.now() // HOUR_SECONDS)
    found = _opened(*key)
    return found.step or _next_step(*key) if found else None


@st.cache_resource(max_entries=200, show_spinner=False)
def _opened(generation: int, scope: Scope, name: str, hour: int) -> Opened | None:  # noqa: ARG001 part of the key
    rua = session.settings_in_use().rua
    return workshop.ask(domain_head.build, scope, name, KNOWN, hour * HOUR_SECONDS, rua=rua)


@st.cache_resource(max_entries=200, show_spinner=False)
def _next_step(generation: int, scope: Scope, name: str, hour: int) -> NextStep | None:  # noqa: ARG001 part of the key
    rua = session.settings_in_use().rua
    return workshop.ask(domain_head.next_step, scope, name, KNOWN, hour * HOUR_SECONDS, rua=rua)
