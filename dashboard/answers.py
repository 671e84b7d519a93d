"""What the views ask of the analysis layer, kept until the store changes.

Answers are frozen, so one object serves every reader; the scope is part of each key, never read from a session here.
"""

import streamlit as st

from analysis import domain as domain_analysis
from analysis import export
from analysis import overview as overview_analysis
from analysis.domain import DomainPage
from analysis.frames import Period, Scope
from analysis.overview import Overview
from dashboard import session


def overview(scope: Scope, today: int, days: int) -> Overview:
    """The overview of the `days` UTC days that end with `today`. Raises StoreError."""
    return _overview(session.opened().generation(), scope, today, days)


def domain(scope: Scope, name: str, period: Period) -> DomainPage | None:
    """One domain's page, or None when it is unknown or outside the scope. Raises StoreError."""
    return _domain(session.opened().generation(), scope, name, period)


def export_name(name: str, period: Period, kind: str) -> str:
    """The name of a domain's file of `kind` (daily or sources)."""
    return f"dmarc_{export.slug(name)}_{export.iso(period.first_day)}_{export.iso(period.last_day)}_{kind}.csv"


def export_file(token: str, name: str, period: Period, kind: str) -> bytes:
    """The CSV file of that name, for the scope that the session has now; the audit trail says who took it.

    Raises Ended when the session or its right to the domain is gone.
    """
    visitor = session.find(token)
    if visitor is None:
        raise session.Ended
    wanted = export_name(name, period, kind)
    content = _export_content(visitor.scope, name, period, wanted)
    session.audit(visitor, action="export", subject=wanted)
    return content


def _export_content(scope: Scope, name: str, period: Period, wanted: str) -> bytes:
    subject = session.opened().read(lambda connection: export.find(connection, scope, name))
    if subject is None:
        raise session.Ended
    files = session.opened().read(lambda connection: export.files(connection, subject, period))
    return next(file.content for file in files if file.name == wanted)


@st.cache_resource(max_entries=50, show_spinner=False)
def _overview(generation: int, scope: Scope, today: int, days: int) -> Overview:  # noqa: ARG001 part of the key
    return session.opened().read(lambda connection: overview_analysis.build(connection, scope, today=today, days=days))


@st.cache_resource(max_entries=200, show_spinner=False)
def _domain(generation: int, scope: Scope, name: str, period: Period) -> DomainPage | None:  # noqa: ARG001 as above
    return session.opened().read(lambda connection: domain_analysis.build(connection, scope, name, period))
