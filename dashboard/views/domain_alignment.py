"""A domain's section "Alignment": how SPF and DKIM aligned by day, who reported it, what receivers did."""

from functools import partial

import streamlit as st

from analysis.domain import DomainPage
from analysis.frames import Period, ReporterRow, Scope
from dashboard import answers, charts, domain_parts, parts, table_files, tables
from dashboard.charts import Band, Spec
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.tables import Table
from dashboard.text import md
from wording import forms, translator

# So many reporters stand on the page, the largest; the table has all.
LISTED = 12


def show(visit: Visit, name: str, period: Period) -> None:
    """Draw the section: no mail in the period, or its figures."""
    page = answers.domain(visit.scope, name, period)
    if page is None:
        return
    if not page.rate.messages:
        domain_parts.show_silence(visit, name, period, page.last_report_end)
        return
    parts.figures(_figures(visit, page))
    domain_parts.show_counted(visit, period)
    _show_trust(visit, page)
    _show_alignment(visit, page)
    domain_parts.let_draw(60)
    _show_reporters(visit, page)
    _show_dispositions(visit, page)


def _figures(visit: Visit, page: DomainPage) -> list[Figure]:
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    failed = page.rate.messages - page.rate.passed
    return [
        Figure(_("Messages"), count(page.rate.messages), _("in reports, not all mail")),
        Figure(
            _("Pass rate"),
            forms.share(visit.language, page.rate.passed, page.rate.messages),
            f"{count(page.rate.passed)} / {count(page.rate.messages)}",
        ),
        Figure(_("Not passed"), count(failed), _("neither SPF nor DKIM aligned")),
        Figure(
            _("Reporters"),
            count(len(page.reporters)),
            _("reports in this period: %(count)s", count=count(page.report_total)),
        ),
    ]


def _show_trust(visit: Visit, page: DomainPage) -> None:
    """Say how much of the figures rests on reports whose own mail was not checked, and what was left out."""
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    if page.failed_authentication:
        st.warning(
            _(
                "Messages in reports whose own mail failed authentication: %(count)s. They are not counted here.",
                count=count(page.failed_authentication),
            )
        )
    if page.unverified:
        st.caption(
            _(
                "From reports whose own mail was not checked, such as files: %(count)s of %(total)s messages.",
                count=count(page.unverified),
                total=count(page.rate.messages),
            )
        )


def _show_alignment(visit: Visit, page: DomainPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("SPF and DKIM alignment by day"), anchor=False)
    st.caption(
        _("Blue passed DMARC, orange did not. What the receivers saw and reported, per UTC day; not all mail sent.")
    )
    spec = charts.alignment_by_day(page.days, visit.language)
    _show_days(visit, page, spec, charts.ALIGNMENT, "alignment")


def _show_dispositions(visit: Visit, page: DomainPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("What receivers did"), anchor=False)
    st.caption(_("The disposition that receivers applied, per UTC day. “No action” need not mean the inbox."))
    opened = st.expander(_dispositions(visit, page), key="dispositions", on_change="rerun", icon=":material/bar_chart:")
    if opened.open:
        with opened:
            spec = charts.dispositions_by_day(page.days, visit.language)
            _show_days(visit, page, spec, charts.DISPOSITION, "dispositions")


def _dispositions(visit: Visit, page: DomainPage) -> str:
    """The messages of the period by disposition, in one line; the days behind it are drawn where somebody asks."""
    _ = translator(visit.language)
    sums = ((_(band.word), sum(map(band.messages, page.days))) for band in charts.DISPOSITION)
    return " · ".join(f"{word}: {forms.number(visit.language, messages)}" for word, messages in sums)


def _show_days(visit: Visit, page: DomainPage, spec: Spec, bands: tuple[Band, ...], key: str) -> None:
    _ = translator(visit.language)
    st.vega_lite_chart(spec, key=f"{key}_chart", alt=_("Messages per day as stacked bars; the same numbers are below."))
    exact = st.expander(_("Exact numbers"), key=f"{key}_exact", on_change="rerun", icon=":material/table:")
    if exact.open:
        with exact:
            parts.show_table(
                tables.days(page.days, bands, visit.language), key=f"{key}_days", alt=_("Messages per day")
            )
            domain_parts.show_csv(visit, page.domain, page.period, "daily", key=f"{key}_csv")


def _show_reporters(visit: Visit, page: DomainPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Reporters"), anchor=False)
    who = _("Who sent reports. A receiver that is not in this list may have had mail all the same.")
    total = len(page.reporters)
    listed = domain_parts.shown_of(visit, LISTED, total)
    st.caption(f"{who} {listed}" if total > LISTED else who)
    headings = (_("Reporter"), _("Reports"), _("Messages"), _("Passed"), _("Pass rate"))
    parts.show_list(headings, (_line(visit, row) for row in page.reporters[:LISTED]), key="reporters")
    exact = st.expander(
        _("All reporters in one table"), key="reporters_exact", on_change="rerun", icon=":material/table:"
    )
    if exact.open:
        with exact:
            parts.show_table(tables.reporters(page.reporters, visit.language), key="reporters", alt=_("Reporters"))
            make = partial(_reporter_table, page.domain, page.period, visit.language)
            table_files.table_button(visit, page.domain, page.period, "reporters", make, key="reporters_csv")


def _line(visit: Visit, row: ReporterRow) -> tuple[str, ...]:
    count, rate = partial(forms.number, visit.language), row.rate
    share = forms.share(visit.language, rate.passed, rate.messages)
    return md(row.reporter), count(row.reports), count(rate.messages), count(rate.passed), share


def _reporter_table(name: str, period: Period, language: str, scope: Scope) -> Table | None:
    page = answers.domain(scope, name, period)
    return None if page is None else tables.reporters(page.reporters, language)
