"""A domain's section "Reports": the reports that touch the period, and one of them in full."""

from collections.abc import Iterable
from functools import partial

import streamlit as st

from analysis.frames import REPORT_STATES, Period, ReportFilter
from analysis.report_detail import ReportDetail
from dashboard import answers_reports, domain_parts, parts, report_tables, tables
from dashboard.answers_reports import ReportList
from dashboard.session import Visit
from dashboard.text import md, plain, strong
from wording import forms, later, translator

EVERY = "all"
STATE_WORDS = dict(
    zip(
        REPORT_STATES,
        (
            later("counted"),
            later("set aside, not counted"),
            later("mail failed authentication"),
            later("variant or correction"),
            later("partly unreadable"),
            later("without a record"),
            later("repaired"),
        ),
        strict=True,
    )
)


def show(visit: Visit, name: str, period: Period) -> None:
    """Draw the list, or the report that the address names."""
    chosen = st.query_params.get("report", "")
    if chosen.isascii() and chosen.isdigit():
        _show_report(visit, name, int(chosen[:18]))
    else:
        _show_list(visit, name, period)


# ---- The list


def _show_list(visit: Visit, name: str, period: Period) -> None:
    _ = translator(visit.language)
    st.subheader(_("Reports"), anchor=False)
    only = _filter(visit, name, period)
    found = answers_reports.listed(visit.scope, name, period, only)
    if not found.total:
        _show_nothing(visit, name, period, only, found)
        return
    shown = domain_parts.shown_of(visit, len(found.rows), found.total)
    whole = _("Figures are of the whole report, also of its days outside the period.")
    click = _("Click a line to see the report in full.")
    st.caption(f"{shown} {whole} {click}")
    table = tables.reports(found.rows, visit.language)
    event = st.dataframe(
        table.frame,
        key="reports",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        column_config=table.columns,
        height=parts.table_height(len(found.rows)),
        alt=_("Reports"),
    )
    cells = event["selection"].get("cells") or []
    if cells and cells[0][0] < len(found.rows):
        st.query_params["report"] = str(found.rows[cells[0][0]].id)
        st.rerun()


def _filter(visit: Visit, name: str, period: Period) -> ReportFilter:
    """The filter that the reader chose; both parts stand in the address."""
    _ = translator(visit.language)
    everything = answers_reports.listed(visit.scope, name, period, ReportFilter())
    reporters = {EVERY: _("all reporters"), **{reporter: md(reporter) for reporter in everything.reporters}}
    states = {EVERY: _("all"), **{state: _(word) for state, word in STATE_WORDS.items()}}
    opened = st.expander(
        _("Filter by reporter and state"),
        expanded=bool(parts.address_of("reporter", "standing")),
        key="report_filter",
        on_change="rerun",
        icon=":material/filter_list:",
    )
    if not opened.open:
        reporter = parts.chosen_in_address(reporters, EVERY, "reporter")
        return _only(reporter, parts.chosen_in_address(states, EVERY, "standing"))
    with opened, st.container(horizontal=True):
        reporter = parts.choose_in_list(_("Reporter"), reporters, usual=EVERY, key="reporter", width=320)
        return _only(reporter, parts.choose_in_list(_("State"), states, usual=EVERY, key="standing", width=320))


def _only(reporter: str, state: str) -> ReportFilter:
    return ReportFilter(None if reporter == EVERY else reporter, None if state == EVERY else state)


def _show_nothing(visit: Visit, name: str, period: Period, only: ReportFilter, found: ReportList) -> None:
    _ = translator(visit.language)
    if only == ReportFilter():
        domain_parts.show_silence(visit, name, period, found.last_report_end)
        return
    st.write(_("No report of this period passes the filter. Choose “all” to see more."))


# ---- One report


def _show_report(visit: Visit, name: str, report_id: int) -> None:
    _ = translator(visit.language)
    st.button(_("All reports"), icon=":material/arrow_back:", key="all_reports", on_click=_close)
    first = st.query_params.get("from", "0")
    number = int(first[:9]) if first.isascii() and first.isdigit() else 0
    found = answers_reports.detail(visit.scope, name, report_id, number)
    if found is None:
        st.subheader(_("There is no such report here"), anchor=False)
        st.write(_("The address names a report that is not stored any more, or that is not yours."))
        return
    st.subheader(
        _("Report of %(reporter)s, %(end)s", reporter=md(found.facts["reporter"]), end=md(_last_day(found, visit))),
        anchor=False,
    )
    _show_standing(visit, found)
    _show_words(visit, found)
    _show_records(visit, found)
    if visit.visitor.role in answers_reports.STAFF:
        _show_original(visit, found, report_id)


def _close() -> None:
    for key in ("report", "from"):
        st.query_params.pop(key, None)


def _last_day(found: ReportDetail, visit: Visit) -> str:
    return forms.day(visit.language, forms.last_day(found.facts["end_at"]))


def _show_standing(visit: Visit, found: ReportDetail) -> None:
    """Figures, how the report stands, and whether its own mail was genuine."""
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    said = found.facts
    shown = [
        parts.Figure(_("Messages"), count(said["messages"]), _("of the whole report")),
        parts.Figure(
            _("Pass rate"),
            forms.share(visit.language, said["passed"], said["messages"]),
            f"{count(said['passed'])} / {count(said['messages'])}",
        ),
        parts.Figure(
            _("Records"),
            count(said["records"]),
            _("could not be read whole: %(count)s", count=count(said["bad_records"])),
        ),
    ]
    parts.figures(shown)
    for word in report_tables.standing_words(found, _):
        st.badge(md(word), color="gray")
    authenticity = _(tables.AUTHENTICITY.get(said["authenticity"], said["authenticity"]))
    domain = found.arrival.auth_domain
    of = _("for the domain %(domain)s", domain=domain) if domain else ""
    arrived = _("arrived %(at)s UTC", at=forms.moment(found.arrival.first_seen_at))
    st.caption(
        md(" · ".join(part for part in (_("Mail authentication: %(word)s", word=authenticity), of, arrived) if part))
    )


def _show_words(visit: Visit, found: ReportDetail) -> None:
    _ = translator(visit.language)
    left, right = st.columns(2)
    with left:
        st.markdown(strong(_("What it says of itself")))
        parts.show_table(report_tables.facts(found, visit.language), key="facts", alt=_("What it says of itself"))
    with right:
        st.markdown(strong(_("The policy that the reporter saw")))
        table = report_tables.policy(found.policy, visit.language)
        parts.show_table(table, key="policy", alt=_("The policy that the reporter saw"))
    if found.repairs:
        st.markdown(strong(_("What was repaired to read it")))
        st.code(_literal(found.repairs), language=None, wrap_lines=True)
    if found.errors:
        st.markdown(strong(_("Errors that the reporter tells of")))
        st.code(_literal(found.errors), language=None, wrap_lines=True)


def _literal(lines: Iterable[str]) -> str:
    return "\n".join(plain(line) for line in lines)


def _show_records(visit: Visit, found: ReportDetail) -> None:
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    st.markdown(strong(_("Records")))
    if not found.records:
        st.write(_("The report has no record: a sign of life of its reporter."))
        return
    numbers = (found.records[0].record.number + 1, found.records[-1].record.number + 1)
    st.caption(
        _(
            "Records %(first)s to %(last)s of %(all)s. Words in [brackets] are the reporter's own, where they were"
            " repaired.",
            first=count(numbers[0]),
            last=count(numbers[1]),
            all=count(found.facts["records"]),
        )
    )
    parts.show_table(report_tables.records(found.records, visit.language), key="records", alt=_("Records"))
    _show_raw(visit, found)
    with st.container(horizontal=True):
        if found.first:
            st.button(_("From the first record"), key="first_records", on_click=_go_to, args=(0,))
        if found.next is not None:
            st.button(_("Next records"), key="next_records", on_click=_go_to, args=(found.next,))


def _show_raw(visit: Visit, found: ReportDetail) -> None:
    """The XML of the records that could not be read whole."""
    _ = translator(visit.language)
    for row in found.records:
        if row.record.raw is not None:
            st.caption(_("Record %(number)s as it was written", number=row.record.number + 1))
            st.code(_literal(row.record.raw.splitlines()), language=None, wrap_lines=True)


def _go_to(number: int) -> None:
    if number:
        st.query_params["from"] = str(number)
    else:
        st.query_params.pop("from", None)


def _show_original(visit: Visit, found: ReportDetail, report_id: int) -> None:
    _ = translator(visit.language)
    st.markdown(strong(_("Original")))
    if not found.arrival.kept:
        st.write(_("The original message is not kept any more."))
        return
    st.caption(
        md(
            _(
                "The message as it came, %(size)s bytes: %(place)s. It may hold reports about other domains too.",
                size=forms.number(visit.language, found.arrival.size),
                place=found.arrival.place,
            )
        )
    )
    st.download_button(
        _("Download the original"),
        data=partial(answers_reports.original, visit.token, found.domain, report_id),
        file_name=answers_reports.original_name(found),
        mime="application/octet-stream",
        key="original",
        icon=":material/download:",
        on_click="ignore",
    )
