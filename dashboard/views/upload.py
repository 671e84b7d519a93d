"""Report files from the reader's own machine, for staff: read like every other message, and kept only in the store."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dashboard import arrival_tables, doors, markup, parts, session
from dashboard.doors import File, Outcome
from dashboard.parts import Figure
from dashboard.session import Visit
from wording import forms, translator

INGEST_VIEW = Path(__file__).parent / "ingest.py"
MIB = 1_048_576
_ROUND, _DONE = "upload_round", "upload_done"


def render(visit: Visit) -> None:
    """Draw the place to drop files, and what became of those that were dropped last."""
    _ = translator(visit.language)
    parts.page_head(
        visit, _("Upload"), _("Report files from your machine, read like those of a mailbox. Nothing is counted twice.")
    )
    if not doors.are_open():
        st.subheader(_("This server takes no files"), anchor=False)
        st.write(_("Read them with this command on the server."))
        st.code("sekisho ingest PATH", language=None)
        return
    _show_form(visit)
    _show_outcomes(visit, st.session_state.get(_DONE, ()))


def counts(rows: Sequence[Outcome]) -> tuple[int, int, int]:
    """How many messages brought new records, were known already or no report, and could not be read."""
    unread = sum(row.state == "quarantined" for row in rows)
    new = sum(row.records > 0 for row in rows)
    return new, len(rows) - new - unread, unread


def _show_form(visit: Visit) -> None:
    _ = translator(visit.language)
    largest = session.settings_in_use().limits.message_bytes
    markup.uploader_words(_("Choose files"), _("or drop them here"))
    with st.form("upload", border=False):
        dropped = st.file_uploader(
            _("Report files"),
            accept_multiple_files=True,
            key=f"files_{st.session_state.get(_ROUND, 0)}",
            help=_("Whole mails too: .xml, .gz, .zip, .eml, mbox. What a file is, its content says, not its name."),
        )
        st.caption(
            _(
                "XML, gzip, zip, mails and mbox, up to %(size)s MiB each. Who uploaded what is written down.",
                size=forms.number(visit.language, largest // MIB),
            )
        )
        sent = st.form_submit_button(_("Read the files"), type="primary", icon=":material/upload_file:")
    if sent and not dropped:
        st.warning(_("Choose files first, or drop them on the field above."))
    elif sent:
        _read(visit, [File(file.name, file.getvalue()) for file in dropped])


def _read(visit: Visit, files: Sequence[File]) -> None:
    """Have the files read, with a bar; then draw the page anew with an empty field."""
    _ = translator(visit.language)
    bar = st.progress(0.0, _("The files are checked and read …"))
    outcomes: list[Outcome] = []

    def told(outcome: Outcome) -> None:
        outcomes.append(outcome)
        count = forms.number(visit.language, len(outcomes))
        bar.progress(min(len(outcomes) / len(files), 1.0), _("%(count)s messages read", count=count))

    try:
        doors.upload(visit, files, told)
    except doors.Busy:
        bar.empty()
        st.warning(
            _("Another run is reading at this moment, so nothing was read. Your files are still here: try again.")
        )
        return
    except doors.Failed:
        bar.empty()
        st.error(_("Reading ended early; the server's log says why. What the list below names is safe."))
        _show_outcomes(visit, outcomes)
        return
    st.session_state[_DONE] = tuple(outcomes)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.rerun()


def _show_outcomes(visit: Visit, rows: Sequence[Outcome]) -> None:
    _ = translator(visit.language)
    if not rows:
        return
    new, known, unread = counts(rows)
    count = [forms.number(visit.language, each) for each in (len(rows), new, known, unread)]
    st.subheader(_("What became of the files"), anchor=False)
    parts.figures(
        [
            Figure(_("Mails and files"), count[0], _("mails and files of this upload")),
            Figure(_("With new records"), count[1], _("counted from now on")),
            Figure(_("Nothing new"), count[2], _("known already, empty, or no report")),
            Figure(_("In quarantine"), count[3], _("could not be read")),
        ]
    )
    parts.show_table(arrival_tables.outcomes(rows, visit.language), key="outcomes", alt=_("What became of the files"))
    if unread:
        st.page_link(
            INGEST_VIEW, label=_("See the quarantine"), icon=":material/report:", query_params={"tab": "quarantine"}
        )


if __name__ == "__main__":
    render(session.enter())
