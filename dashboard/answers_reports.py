"""What a domain's section "Reports" asks of the analysis layer, kept until the store changes."""

from dataclasses import dataclass
from pathlib import PurePath

import streamlit as st

from analysis import frames, report_detail
from analysis.frames import Connection, Period, ReportFilter, ReportRow, Scope
from analysis.report_detail import ReportDetail
from dashboard import session
from store import ledger, office

ROWS = 100
STAFF = ("operator", "staff")
# Endings that a file may keep; the rest of its name is a stranger's.
ENDINGS = frozenset({".eml", ".gz", ".mbox", ".xml", ".zip"})


@dataclass(frozen=True, slots=True)
class ReportList:
    """The newest reports that touch a period and pass a filter, how many do in all, and every reporter of the period.

    `last_report_end`: of the newest counted report, whatever the period (epoch seconds); None: there is none.
    """

    rows: tuple[ReportRow, ...]
    total: int
    reporters: tuple[str, ...]
    last_report_end: int | None


def listed(scope: Scope, name: str, period: Period, only: ReportFilter) -> ReportList:
    """The list; empty for a domain that is unknown or outside the scope. Raises StoreError."""
    return _listed(session.opened().generation(), scope, name, period, only)


def detail(scope: Scope, name: str, report_id: int, first: int) -> ReportDetail | None:
    """One report with its records from number `first` on, or None. Raises StoreError."""
    return _detail(session.opened().generation(), scope, name, report_id, first)


def original_name(found: ReportDetail) -> str:
    """A file name for the message that brought a report, with nothing of a stranger's text in it."""
    ending = ".eml" if found.arrival.mailbox else PurePath(found.arrival.place).suffix.lower()
    return f"dmarc_original_{(found.arrival.sha256 or '')[:16]}{ending if ending in ENDINGS else '.bin'}"


def original(token: str, name: str, report_id: int) -> bytes:
    """The bytes of the message that brought the report, for staff only; the audit trail says who took them.

    Raises Ended when the session or its right is gone, StoreError when the bytes are not kept any more.
    """
    visitor = session.find(token)
    if visitor is None or visitor.role not in STAFF:
        raise session.Ended
    content = session.opened().read(lambda connection: _original(connection, visitor.scope, name, report_id))
    at, actor = session.now(), visitor.name
    session.opened().write(
        lambda connection: office.audit(
            connection, at=at, actor=actor, action="original", subject=f"{name} {report_id}"
        )
    )
    return content


def _original(connection: Connection, scope: Scope, name: str, report_id: int) -> bytes:
    found = report_detail.build(connection, scope, name, report_id, rows=1)
    if found is None or found.arrival.sha256 is None:
        raise session.Ended
    return ledger.original(connection, found.arrival.sha256)


@st.cache_resource(max_entries=200, show_spinner=False)
def _listed(generation: int, scope: Scope, name: str, period: Period, only: ReportFilter) -> ReportList:  # noqa: ARG001 part of the key
    return session.opened().read(lambda connection: _build(connection, scope, name, period, only))


def _build(connection: Connection, scope: Scope, name: str, period: Period, only: ReportFilter) -> ReportList:
    known = frames.domains(connection, scope, name)
    policy = known[0].policy if known else None
    return ReportList(
        frames.reports(connection, scope, name, period, ROWS, only),
        frames.report_total(connection, scope, name, period, only),
        frames.reporter_names(connection, scope, name, period),
        policy.seen_at if policy else None,
    )


@st.cache_resource(max_entries=200, show_spinner=False)
def _detail(generation: int, scope: Scope, name: str, report_id: int, first: int) -> ReportDetail | None:  # noqa: ARG001 as above
    return session.opened().read(
        lambda connection: report_detail.build(connection, scope, name, report_id, first=first, rows=ROWS)
    )
