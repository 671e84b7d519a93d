"""What the views ask of the analysis layer, kept until the store changes.

Answers are frozen, so one object serves every reader; the scope is part of each key, never read from a session here.
"""

import streamlit as st

from analysis import domain as domain_analysis
from analysis import export
from analysis.domain import DomainPage
from analysis.export_tables import Style
from analysis.frames import Connection, Period, Scope
from dashboard import known, session, workshop


def domain(scope: Scope, name: str, period: Period) -> DomainPage | None:
    """One domain's page, or None when it is unknown or outside the scope. Raises StoreError."""
    return _domain(session.opened().generation(), scope, name, period)


def export_name(name: str, period: Period, kind: export.Kind) -> str:
    """The name of a domain's file of `kind`."""
    return export.file_name(export.slug(name), period, f"{kind}.csv")


def export_file(token: str, name: str, period: Period, kind: export.Kind) -> bytes:
    """The CSV file of that name, for the scope that the session has now; the audit trail says who took it.

    Raises Ended when the session or its right to the domain is gone.
    """
    visitor = session.find(token)
    if visitor is None:
        raise session.Ended
    file = session.opened().read(lambda connection: _export_file(connection, visitor, name, period, kind))
    session.audit(visitor, action="export", subject=file.name)
    return file.content


def _export_file(
    connection: Connection, visitor: session.Visitor, name: str, period: Period, kind: export.Kind
) -> export.ExportFile:
    subject = export.find(connection, visitor.scope, name)
    if subject is None:
        raise session.Ended
    style = Style(visitor.language)
    return export.one_file(connection, subject, period, kind, known.tables(), style, now=session.now())


@st.cache_resource(max_entries=200, show_spinner=False)
def _domain(generation: int, scope: Scope, name: str, period: Period) -> DomainPage | None:  # noqa: ARG001 part of the key
    return workshop.ask(domain_analysis.build, scope, name, period)
