"""The start: every domain of the reader's scope, what needs a person first; a click opens one."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.customer_words import STAGES
from analysis.queue import Queue, QueueRow, State
from dashboard import answers_export, answers_queue, parts, queue_tables, session
from dashboard.ladder_words import STATES
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.text import md
from wording import forms, translator

DOMAIN_VIEW = Path(__file__).parent / "domain.py"
LIST_FIELDS = ("find", "state", "stage", "customer")
EVERY, UNASSIGNED = "all", "-"
# Streamlit wraps the text of a table only in rows of more than 4 rem: here for what blocks a domain.
ROW_PIXELS, HEAD_PIXELS, MOST_ROWS = 66, 38, 11


def render(visit: Visit) -> None:
    """Draw the queue in one of its states: nothing stored, nothing that matches, or the domains."""
    _ = translator(visit.language)
    shown = answers_queue.work_queue(visit.scope)
    title = _("All domains") if _is_customer(visit) else _("Work queue")
    parts.page_head(visit, title, _about(visit, shown))
    if not shown.rows:
        _show_empty(visit)
        return
    parts.figures(_figures(visit, shown))
    if _is_customer(visit):
        _show_files(visit)
    rows = _chosen(visit, shown)
    if rows:
        _show_domains(visit, rows, len(shown.rows))
    else:
        _show_no_match(visit, len(shown.rows))


def matching(rows: Sequence[QueueRow], *, find: str, state: str, stage: str, customer: str) -> list[QueueRow]:
    """The rows that pass every filter; EVERY lets all pass, UNASSIGNED those without a customer."""
    wanted = find.strip().casefold()
    return [
        row
        for row in rows
        if wanted in f"{row.domain}\n{row.customer or ''}".casefold()
        and state in (EVERY, row.state)
        and stage in (EVERY, row.stage)
        and customer in (EVERY, UNASSIGNED if row.customer is None else row.customer)
    ]


def chosen_domain(rows: Sequence[QueueRow], selection: Mapping[str, Any]) -> str | None:
    """The domain of the row that was clicked, or None."""
    cells = selection.get("cells") or []
    number = cells[0][0] if cells else len(rows)
    return rows[number].domain if number < len(rows) else None


def _is_customer(visit: Visit) -> bool:
    return visit.visitor.role == "customer"


def _about(visit: Visit, shown: Queue) -> str:
    _ = translator(visit.language)
    words = _("What needs a person comes first. Days are UTC days.")
    days = {row.as_of for row in shown.rows if row.as_of is not None}
    if not days:
        return words
    judged = _("Judged by the mail up to %(day)s.", day=forms.day(visit.language, min(days)))
    return f"{words} {judged}"


def _figures(visit: Visit, shown: Queue) -> list[Figure]:
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    notes = {
        State.INCIDENT: _("own mail was held up: go one step down"),
        State.READY: _("the next step is safe now"),
        State.BLOCKED: _("something has to be done or awaited first"),
        State.NO_REPORTS: _("none in the last 30 days, or none at all"),
        State.DONE: _("at the top of the ladder"),
    }
    return [Figure(_(STATES[state]), count(shown.count(state)), note) for state, note in notes.items()]


def _chosen(visit: Visit, shown: Queue) -> list[QueueRow]:
    _ = translator(visit.language)
    states = {EVERY: _("all"), **{state.value: _(word) for state, word in STATES.items()}}
    stages = {EVERY: _("all stages"), **{str(stage): _(word) for stage, word in STAGES.items()}}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        find = parts.find_text(_("Find"), _("Domain or customer"), key="find")
        stage = parts.choose_in_list(_("Stage"), stages, usual=EVERY, key="stage")
        customer = EVERY if _is_customer(visit) else _choose_customer(visit, shown)
        state = parts.choose_one(_("State"), states, usual=EVERY, key="state")
    return matching(shown.rows, find=find, state=state, stage=stage, customer=customer)


def _choose_customer(visit: Visit, shown: Queue) -> str:
    _ = translator(visit.language)
    names = {name: md(name) for name in shown.customers}
    words = {EVERY: _("all customers"), **names, UNASSIGNED: _("unassigned")}
    return parts.choose_in_list(_("Customer"), words, usual=EVERY, key="customer")


def _show_domains(visit: Visit, rows: list[QueueRow], total: int) -> None:
    _ = translator(visit.language)
    table = queue_tables.queue(rows, visit.language, for_customer=_is_customer(visit))
    count = partial(forms.number, visit.language)
    st.caption(
        _(
            "%(shown)s of %(total)s domains. Click a line to open the domain.",
            shown=count(len(rows)),
            total=count(total),
        )
    )
    event = st.dataframe(
        table.frame,
        key="domains",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        column_config=table.columns,
        row_height=ROW_PIXELS,
        height=ROW_PIXELS * min(len(rows), MOST_ROWS) + HEAD_PIXELS,
        alt=_("Domains"),
    )
    domain = chosen_domain(rows, event["selection"])
    if domain is not None:
        st.switch_page(DOMAIN_VIEW, query_params={"domain": domain, **parts.address_of(*LIST_FIELDS)})
    st.caption(
        _(
            "Counted is what receivers reported, not all mail: receivers that send no reports are missing. "
            "“Passed” means that DKIM or SPF was aligned, as the receiver saw it."
        )
    )
    if any(row.stale for row in rows):
        st.caption(_("Some standings are older than the newest reports; the nightly run works them out anew."))


def _show_empty(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("No report has been read yet"), anchor=False)
    if _is_customer(visit):
        st.write(_("None of your domains has a report so far. The first ones come about a day after DMARC is set up."))
        return
    st.write(_("Read report files, or a folder of them, with this command on the server. Then reload this page."))
    st.code("sekisho ingest PATH", language=None)


def _show_files(visit: Visit) -> None:
    """A customer's own files: everything of the last 30 days, and the report of the last whole month."""
    with st.container(horizontal=True):
        answers_export.export_button(visit, "", parts.last_days(visit.today, 30), key="export_set")
        answers_export.report_button(visit, "", key="report")


def _show_no_match(visit: Visit, total: int) -> None:
    """Say which filters let nothing pass."""
    _ = translator(visit.language)
    set_ones = ", ".join(md(value) for value in parts.address_of(*LIST_FIELDS).values())
    st.subheader(_("Nothing matches “%(text)s”", text=set_ones), anchor=False)
    st.write(
        _(
            "None of the %(total)s domains passes all filters. Clear some of them to see more.",
            total=forms.number(visit.language, total),
        )
    )
    st.button(_("Clear the filters"), key="clear_filters", on_click=_clear)


def _clear() -> None:
    for key in LIST_FIELDS:
        st.query_params.pop(key, None)


if __name__ == "__main__":
    render(session.enter())
