"""One domain: how SPF and DKIM aligned by day, what receivers did, who sent, which reports say so."""

from functools import partial
from pathlib import Path

import streamlit as st

from analysis.domain import DomainPage
from dashboard import answers, charts, parts, session, tables
from dashboard.charts import Band, Spec
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.text import md
from dashboard.views.overview import LIST_FIELDS
from wording import forms, translator

OVERVIEW = Path(__file__).parent / "overview.py"


def render(visit: Visit) -> None:
    """Draw one domain in one of its states: unknown, no report, no mail in the period, or its figures."""
    _ = translator(visit.language)
    back = parts.address_of(*LIST_FIELDS)
    st.page_link(OVERVIEW, label=_("All domains"), icon=":material/arrow_back:", query_params=back)
    head, choice = st.container(), st.empty()
    with choice.container():
        period = parts.choose_period(visit)
    page = answers.domain(visit.scope, st.query_params.get("domain", ""), period)
    if page is None:
        choice.empty()
        _show_unknown(visit)
        return
    with head:
        parts.page_head(visit, md(page.domain), _about(visit, page))
    if page.rate.messages:
        _show_content(visit, page)
    else:
        _show_silence(visit, page)
    if page.reports:
        _show_reports(visit, page)


def _about(visit: Visit, page: DomainPage) -> str:
    _ = translator(visit.language)
    if page.policy is None:
        return _("No report yet")
    published = _(
        "Published: %(policy)s, as the report that ended on %(day)s says",
        policy=tables.policy_words(page.policy, _),
        day=forms.day(visit.language, forms.last_day(page.policy.seen_at)),
    )
    owner = md(page.customer) if page.customer else _("unassigned")
    return f"{owner} · {md(published)}"


def _show_unknown(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("There is no such domain here"))
    st.write(_("The address names a domain that has no report, or that is not yours. Choose one from the list."))


def _show_silence(visit: Visit, page: DomainPage) -> None:
    """No counted mail in the period: say whether there ever was a report, and what to do."""
    _ = translator(visit.language)
    if page.last_report_end is None:
        st.subheader(_("No report has come for this domain yet"))
        st.write(
            _("Receivers send reports to the address after rua= in this DNS record. Check that it names your mailbox.")
        )
        st.code(f"_dmarc.{page.domain}", language=None)
        return
    last_day = forms.last_day(page.last_report_end)
    st.subheader(_("No mail was reported in this period"))
    st.write(
        _(
            "Chosen: %(first)s – %(last)s (UTC days). The newest report ended on %(newest)s.",
            first=forms.day(visit.language, page.period.first_day),
            last=forms.day(visit.language, page.period.last_day),
            newest=forms.day(visit.language, last_day),
        )
    )
    st.button(
        _("Show the 30 days up to the newest report"),
        key="newest",
        type="primary",
        on_click=parts.show_period,
        args=(parts.last_days(last_day, 30),),
    )


def _show_content(visit: Visit, page: DomainPage) -> None:
    parts.figures(_figures(visit, page))
    _show_trust(visit, page)
    _show_alignment(visit, page)
    _show_dispositions(visit, page)
    _show_senders(visit, page)
    _show_sources(visit, page)
    _show_reporters(visit, page)


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
    st.subheader(_("SPF and DKIM alignment by day"))
    st.caption(
        _("Blue passed DMARC, orange did not. What the receivers saw and reported, per UTC day; not all mail sent.")
    )
    spec = charts.alignment_by_day(page.days, visit.language)
    _show_days(visit, page, spec, charts.ALIGNMENT, "alignment")


def _show_dispositions(visit: Visit, page: DomainPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("What receivers did"))
    st.caption(_("The disposition that receivers applied, per UTC day. “No action” need not mean the inbox."))
    spec = charts.dispositions_by_day(page.days, visit.language)
    _show_days(visit, page, spec, charts.DISPOSITION, "dispositions")


def _show_days(visit: Visit, page: DomainPage, spec: Spec, bands: tuple[Band, ...], key: str) -> None:
    _ = translator(visit.language)
    st.vega_lite_chart(spec, key=f"{key}_chart", alt=_("Messages per day as stacked bars; the same numbers are below."))
    exact = st.expander(_("Exact numbers"), key=f"{key}_exact", on_change="rerun", icon=":material/table:")
    if exact.open:
        with exact:
            parts.show_table(
                tables.days(page.days, bands, visit.language), key=f"{key}_days", alt=_("Messages per day")
            )
            _show_csv(visit, page, "daily", key=f"{key}_csv")


def _show_csv(visit: Visit, page: DomainPage, kind: str, *, key: str) -> None:
    """The file is made when it is asked for, and the session is checked once more then."""
    name = answers.export_name(page.domain, page.period, kind)
    make = partial(answers.export_file, visit.token, page.domain, page.period, kind)
    parts.csv_button(visit, name, make, key=key)


def _show_senders(visit: Visit, page: DomainPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Senders"))
    st.caption(_shown_of(visit, len(page.senders), page.sender_total))
    parts.show_table(tables.senders(page.senders, visit.language), key="senders", alt=_("Senders"))


def _show_sources(visit: Visit, page: DomainPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Sources"))
    st.caption(_shown_of(visit, len(page.sources), page.source_total))
    parts.show_table(tables.sources(page.sources, visit.language), key="sources", alt=_("Sources"))
    _show_csv(visit, page, "sources", key="sources_csv")
    parts.attribution(visit.language)


def _show_reporters(visit: Visit, page: DomainPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Reporters"))
    st.caption(_("Who sent reports. A receiver that is not in this list may have had mail all the same."))
    parts.show_table(tables.reporters(page.reporters, visit.language), key="reporters", alt=_("Reporters"))


def _show_reports(visit: Visit, page: DomainPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Reports"))
    shown = _shown_of(visit, len(page.reports), page.report_total)
    whole = _("Figures are of the whole report, also of its days outside the period.")
    st.caption(f"{shown} {whole}")
    parts.show_table(tables.reports(page.reports, visit.language), key="reports", alt=_("Reports"))


def _shown_of(visit: Visit, shown: int, total: int) -> str:
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    if shown == total:
        return _("All %(total)s in this period.", total=count(total))
    return _("The first %(shown)s of %(total)s in this period.", shown=count(shown), total=count(total))


if __name__ == "__main__":
    render(session.enter())
