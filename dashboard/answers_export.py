"""The complete set of files of a customer or a domain as one download, and its button.

Made when it is clicked, for the scope that the session has then; the audit trail says who took what.
"""

from functools import partial

import streamlit as st

from analysis import export, frames
from analysis import report as report_analysis
from analysis.export import ExportFile, Subject
from analysis.export_tables import Style
from analysis.frames import Connection, Customer, Period, Scope
from analysis.report import MonthlyReport
from dashboard import known, monthly, session
from dashboard.paper import PACKAGES, NoPango
from dashboard.press import NotDrawn
from dashboard.session import Visit, Visitor
from wording import translator


def set_name(slug: str, period: Period) -> str:
    """The name of the zip file of a subject with this slug."""
    return export.file_name(slug, period, "set.zip")


def export_set(token: str, wanted: str, period: Period) -> bytes:
    """The zip file of the domain or customer called `wanted`, which a customer need not name.

    Raises Ended when the session is gone, and where its scope has no such subject.
    """
    visitor = session.find(token)
    if visitor is None:
        raise session.Ended
    file = session.opened().read(lambda connection: _zip(connection, visitor, wanted, period))
    session.audit(visitor, action="export", subject=file.name)
    return file.content


def subject_of(visit: Visit, wanted: str) -> Subject | None:
    """What would be exported under that name, or the visitor's own customer for an empty one; None: nothing."""
    return _subject_of(session.opened().generation(), visit.scope, wanted)


def export_button(visit: Visit, wanted: str, period: Period, *, key: str) -> None:
    """The button that downloads the set of a domain or customer; no button where there is no such subject."""
    subject = subject_of(visit, wanted)
    if subject is not None:
        _show_button(visit, wanted, subject.slug, period, key)


def domain_button(visit: Visit, name: str, period: Period, *, key: str) -> None:
    """The button that downloads the set of a domain (A-label) that the visitor has just been shown."""
    _show_button(visit, name, export.slug(name), period, key)


def _show_button(visit: Visit, wanted: str, slug: str, period: Period, key: str) -> None:
    _ = translator(visit.language)
    st.download_button(
        _("All files (CSV, Excel)"),
        data=partial(export_set, visit.token, wanted, period),
        file_name=set_name(slug, period),
        mime="application/zip",
        key=key,
        icon=":material/folder_zip:",
        on_click="ignore",
        help=_("Summary, days, senders, sources, DNS records and changes of the chosen period, with an explanation."),
    )


def report_button(visit: Visit, wanted: str, *, key: str) -> None:
    """The button that downloads a customer's report of the last whole month; none where there is no such customer."""
    _ = translator(visit.language)
    owner = session.opened().read(lambda connection: _owner(connection, visit.visitor, wanted))
    if owner is None:
        return
    if not monthly.can_draw():
        st.warning(_undrawn(visit))
        return
    failed: set[str] = st.session_state.setdefault("reports_not_drawn", set())
    if wanted in failed:
        st.warning(_not_drawn_now(visit))
    period = report_analysis.last_month(visit.today)
    st.download_button(
        _("Monthly report (PDF)"),
        data=partial(_noted, failed, visit.token, wanted, period),
        file_name=export.file_name(owner.slug, period, "report.pdf"),
        mime="application/pdf",
        key=key,
        icon=":material/picture_as_pdf:",
        on_click="ignore",
        help=_("The report of %(month)s, as the customer gets it.", month=monthly.month_of(period, visit.language)),
    )


def _undrawn(visit: Visit) -> str:
    """Why there is no report to download, for who can do something about it and for who cannot."""
    _ = translator(visit.language)
    if visit.visitor.role == "customer":
        return _("The monthly report cannot be drawn as a PDF at the moment. Please ask us for it.")
    return _(
        "The monthly report cannot be drawn on this server: a PDF needs Pango and a Japanese font "
        "(Debian: apt-get install %(packages)s).",
        packages=PACKAGES,
    )


def _not_drawn_now(visit: Visit) -> str:
    """Why there was no report at the last click, and what to do."""
    _ = translator(visit.language)
    if visit.visitor.role == "customer":
        return _("The monthly report could not be made just now. Try again in a few minutes, or ask us for it.")
    return _(
        "The monthly report could not be made just now: what draws it died or did not answer, often for want of "
        "memory. Try again in a few minutes; the server's log says why."
    )


def _noted(failed: set[str], token: str, wanted: str, period: Period) -> bytes:
    """`monthly_report`. No page runs while it is made: a failure is noted, and the next one says it."""
    failed.discard(wanted)
    try:
        return monthly_report(token, wanted, period)
    except (NoPango, NotDrawn):
        failed.add(wanted)
        raise


def monthly_report(token: str, wanted: str, period: Period) -> bytes:
    """The PDF of the customer called `wanted`, or of the visitor's own for an empty one.

    Raises Ended as above, NoPango and NotDrawn.
    """
    visitor = session.find(token)
    if visitor is None:
        raise session.Ended
    found = session.opened().read(lambda connection: _report(connection, visitor, wanted, period))
    drawn = monthly.pdf(found, visitor.language)
    session.audit(visitor, action="export", subject=export.file_name(found.slug, period, "report.pdf"))
    return drawn


def _report(connection: Connection, visitor: Visitor, wanted: str, period: Period) -> MonthlyReport:
    owner = _owner(connection, visitor, wanted)
    slug = owner.slug if owner else ""
    rua = session.settings_in_use().rua
    found = report_analysis.build(connection, visitor.scope, slug, period, known.tables(), session.now(), rua=rua)
    if found is None:
        raise session.Ended
    return found


def _owner(connection: Connection, visitor: Visitor, wanted: str) -> Customer | None:
    named = report_analysis.customer_named(connection, visitor.scope, wanted)
    if wanted or visitor.scope.customer_ids is None:
        return named
    return next(iter(frames.customers(connection, visitor.scope)), None)


def _zip(connection: Connection, visitor: Visitor, wanted: str, period: Period) -> ExportFile:
    subject = _subject(connection, visitor.scope, wanted)
    if subject is None:
        raise session.Ended
    style = Style(visitor.language)
    return export.zip_set(
        connection, subject, period, known.tables(), style, now=session.now(), rua=session.settings_in_use().rua
    )


def _subject(connection: Connection, scope: Scope, wanted: str) -> Subject | None:
    return export.find(connection, scope, wanted) if wanted else export.own(connection, scope)


@st.cache_resource(max_entries=1_000, show_spinner=False)
def _subject_of(generation: int, scope: Scope, wanted: str) -> Subject | None:  # noqa: ARG001 part of the key
    return session.opened().read(lambda connection: _subject(connection, scope, wanted))
