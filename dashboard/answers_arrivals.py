"""What the ingest page asks of the analysis layer. For operators and staff only: each question looks at the role again.

Runs are read anew at every look, since a run begins without a new generation; the rest is kept until the store changes.
"""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from analysis import arrivals
from analysis.arrival_frames import Apart, ApartKey
from analysis.arrivals import ApartPage, MailboxLine, QuarantinedMessage, QuarantinePage, RunsPage, Silences
from analysis.frames import Connection, Period, Scope
from dashboard import session
from dashboard.session import Visit

STAFF = ("operator", "staff")
HOUR_SECONDS = 3_600
Answer = TypeVar("Answer")


def runs(visit: Visit, before: int | None) -> RunsPage:
    """A page of the runs. Raises Ended, StoreError; so do all of these."""
    return _read(visit, lambda connection: arrivals.runs(connection, visit.scope, before=before, now=session.now()))


def states(visit: Visit) -> dict[str, int]:
    """How many messages the ledger has in each state."""
    _require(visit)
    return _states(session.opened().generation(), visit.scope)


def mailboxes(visit: Visit) -> tuple[MailboxLine, ...]:
    """Every mailbox and how its last run went."""
    return _read(visit, lambda connection: arrivals.mailboxes(connection, visit.scope, _mailbox_names()))


def quarantine(visit: Visit, before: int | None) -> QuarantinePage:
    """A page of the messages that could not be read."""
    return _read(visit, lambda connection: arrivals.quarantine(connection, visit.scope, before=before))


def quarantined(visit: Visit, message_id: int) -> QuarantinedMessage | None:
    """One message in quarantine, or None."""
    return _read(visit, lambda connection: arrivals.quarantined(connection, visit.scope, message_id))


def silences(visit: Visit) -> Silences:
    """Which reporters and domains went silent."""
    _require(visit)
    return _silences(session.opened().generation(), visit.scope, _mailbox_names(), session.now() // HOUR_SECONDS)


def apart(visit: Visit, period: Period, why: Apart, before: ApartKey | None) -> ApartPage:
    """A page of the reports that are set apart for this reason."""
    _require(visit)
    return _apart(session.opened().generation(), visit.scope, period, why, before)


@st.cache_resource(max_entries=10, show_spinner=False)
def _states(generation: int, scope: Scope) -> dict[str, int]:  # noqa: ARG001 part of the key
    return session.opened().read(lambda connection: arrivals.states(connection, scope))


@st.cache_resource(max_entries=10, show_spinner=False)
def _silences(generation: int, scope: Scope, names: tuple[str, ...], hour: int) -> Silences:  # noqa: ARG001 part of the key
    return session.opened().read(
        lambda connection: arrivals.silences(connection, scope, names, now=hour * HOUR_SECONDS)
    )


@st.cache_resource(max_entries=50, show_spinner=False)
def _apart(
    generation: int,  # noqa: ARG001 part of the key
    scope: Scope,
    period: Period,
    why: Apart,
    before: ApartKey | None,
) -> ApartPage:
    return session.opened().read(lambda connection: arrivals.apart(connection, scope, period, why, before=before))


def _mailbox_names() -> tuple[str, ...]:
    return tuple(mailbox.name for mailbox in session.settings_in_use().mailbox)


def _read(visit: Visit, question: Callable[[Connection], Answer]) -> Answer:
    _require(visit)
    return session.opened().read(question)


def _require(visit: Visit) -> None:
    if visit.visitor.role not in STAFF:
        raise session.Ended
