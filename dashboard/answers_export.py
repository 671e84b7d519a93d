"""The complete set of files of a customer or a domain as one download, and its button.

Made when it is clicked, for the scope that the session has then; the audit trail says who took what.
"""

from functools import partial

import streamlit as st

from analysis import export
from analysis.export import ExportFile, Subject
from analysis.export_tables import Style
from analysis.frames import Connection, Period
from dashboard import known, session
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
    return session.opened().read(lambda connection: _subject(connection, visit.visitor, wanted))


def export_button(visit: Visit, wanted: str, period: Period, *, key: str) -> None:
    """The button that downloads the set of a domain or customer; no button where there is no such subject."""
    _ = translator(visit.language)
    subject = subject_of(visit, wanted)
    if subject is None:
        return
    st.download_button(
        _("All files (CSV, Excel)"),
        data=partial(export_set, visit.token, wanted, period),
        file_name=set_name(subject.slug, period),
        mime="application/zip",
        key=key,
        icon=":material/folder_zip:",
        on_click="ignore",
        help=_("Summary, days, senders, sources, DNS records and changes of the chosen period, with an explanation."),
    )


def _zip(connection: Connection, visitor: Visitor, wanted: str, period: Period) -> ExportFile:
    subject = _subject(connection, visitor, wanted)
    if subject is None:
        raise session.Ended
    style = Style(visitor.language)
    return export.zip_set(connection, subject, period, known.tables(), style, now=session.now())


def _subject(connection: Connection, visitor: Visitor, wanted: str) -> Subject | None:
    return export.find(connection, visitor.scope, wanted) if wanted else export.own(connection, visitor.scope)
