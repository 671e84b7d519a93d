"""One sender of a domain: its days, why mail did not align, who told of it, its addresses, what was decided."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from analysis.customer_words import SENDER_KINDS
from analysis.frames import Period, Scope
from analysis.sender_page import SenderPage
from dashboard import (
    answers_senders,
    charts,
    parts,
    said,
    sender_parts,
    sender_tables,
    session,
    table_files,
)
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.tables import Table
from dashboard.text import md
from wording import forms, translator

DOMAIN_VIEW = Path(__file__).parent / "domain.py"
PERIOD_FIELDS = ("period", "since", "until")
MOST_ROWS = 500


def render(visit: Visit) -> None:
    """Draw the sender that the address names, or say that there is none."""
    _ = translator(visit.language)
    name, key = st.query_params.get("domain", ""), st.query_params.get("sender", "")
    back = {"domain": name, "tab": "senders", **parts.address_of(*PERIOD_FIELDS)}
    st.page_link(DOMAIN_VIEW, label=_("Back to the domain"), icon=":material/arrow_back:", query_params=back)
    page = answers_senders.page(visit.scope, name, key, parts.last_days(visit.today, 30))
    if page is None:
        _show_unknown(visit)
        return
    about = _(SENDER_KINDS.get(page.kind, "unknown"))
    parts.page_head(visit, md(page.name), f"{about} · {md(page.domain)}")
    said.show(visit)
    period = parts.choose_period(visit)
    chosen = answers_senders.page(visit.scope, name, key, period)
    if chosen is None:
        return
    _show_sender(visit, chosen)


def _show_unknown(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("There is no such sender here"), anchor=False)
    st.write(_("The address names a sender that has sent nothing for the domain, or a domain that is not yours."))


def _show_sender(visit: Visit, page: SenderPage) -> None:
    if page.sender is None:
        _show_silence(visit, page)
    else:
        parts.figures(_figures(visit, page))
        _show_assessment(visit, page)
        _show_days(visit, page)
        _show_causes(visit, page)
        _show_reporters(visit, page)
        _show_sources(visit, page)
    if sender_parts.may_decide(visit):
        _show_history(visit, page)
        _show_elsewhere(visit, page)


def _show_silence(visit: Visit, page: SenderPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("No mail of this sender was reported in this period"), anchor=False)
    if page.last_day is None:
        st.write(_("None was ever counted. Choose another period, or go back to the domain."))
        return
    st.write(
        _(
            "Chosen: %(first)s – %(last)s (UTC days). Its last mail was on %(day)s.",
            first=forms.day(visit.language, page.period.first_day),
            last=forms.day(visit.language, page.period.last_day),
            day=forms.day(visit.language, page.last_day),
        )
    )
    st.button(
        _("Show the 30 days up to its last mail"),
        key="newest",
        type="primary",
        on_click=parts.show_period,
        args=(parts.last_days(page.last_day, 30),),
    )


def _figures(visit: Visit, page: SenderPage) -> list[Figure]:
    _ = translator(visit.language)
    count, sender = partial(forms.number, visit.language), page.sender
    if sender is None:
        return []
    whole = count(sender.messages)
    seen = _("%(first)s – %(last)s", first=_day(visit, sender.first_day), last=_day(visit, sender.last_day))
    share = partial(forms.share, visit.language)
    return [
        Figure(_("Messages"), whole, seen),
        Figure(_("Pass rate"), share(sender.passed, sender.messages), f"{count(sender.passed)} / {whole}"),
        Figure(
            _("DKIM aligned"),
            share(sender.dkim_aligned, sender.messages),
            f"{count(sender.dkim_aligned)} / {whole}",
        ),
        Figure(
            _("SPF aligned"),
            share(sender.spf_aligned, sender.messages),
            f"{count(sender.spf_aligned)} / {whole}",
        ),
        Figure(
            _("Days with mail"),
            count(sender.days_seen),
            _("told by reporters: %(count)s", count=count(sender.reporters)),
        ),
    ]


def _day(visit: Visit, day: int) -> str:
    return forms.day(visit.language, day)


def _show_assessment(visit: Visit, page: SenderPage) -> None:
    if page.sender is None:
        return
    with st.container(border=True):
        verdict = sender_parts.verdict_badge(visit, page.sender.verdict)
        st.markdown(f"{verdict}\n\n{sender_parts.reason(visit, page.sender)}")
        sender_parts.show_contradiction(visit, page.sender)
        language = sender_parts.choose_repair_language(visit, [page.sender])
        sender_parts.show_repair(page.sender, language)
        sender_parts.show_decide(visit, page.domain, page.sender)


def _show_days(visit: Visit, page: SenderPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("SPF and DKIM alignment by day"), anchor=False)
    st.caption(
        _("Blue passed DMARC, orange did not. What the receivers saw and reported, per UTC day; not all mail sent.")
    )
    spec = charts.alignment_by_day(page.days, visit.language)
    st.vega_lite_chart(spec, key="sender_chart", alt=_("Messages per day as stacked bars; the same numbers are below."))
    exact = st.expander(_("Exact numbers"), key="sender_exact", on_change="rerun", icon=":material/table:")
    if exact.open:
        with exact:
            parts.show_table(sender_tables.days(page.days, visit.language), key="days", alt=_("Messages per day"))
            _csv(visit, page, "sender_days", lambda found, language: sender_tables.days(found.days, language))


def _show_causes(visit: Visit, page: SenderPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Why mail did not align"), anchor=False)
    if not page.records:
        st.write(_("No record whose report begins in the period is stored: older records go before the daily sums."))
        return
    read = forms.number(visit.language, page.records)
    words = (
        _("From the newest %(count)s records of the period.", count=read)
        if page.more
        else _("From all %(count)s records whose report begins in the period.", count=read)
    )
    both = _("A record that missed both DKIM and SPF stands in two lines.")
    st.caption(f"{words} {both}")
    if not page.causes:
        st.write(_("Every one of them was aligned by DKIM and by SPF."))
        return
    parts.show_table(sender_tables.causes(page.causes, visit.language), key="causes", alt=_("Why mail did not align"))
    _csv(visit, page, "sender_reasons", lambda found, language: sender_tables.causes(found.causes, language))


def _show_reporters(visit: Visit, page: SenderPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Reporters"), anchor=False)
    st.caption(_("Who told of this sender's mail in the period."))
    parts.show_table(sender_tables.reporters(page.reporters, visit.language), key="reporters", alt=_("Reporters"))


def _show_sources(visit: Visit, page: SenderPage) -> None:
    _ = translator(visit.language)
    sources = page.sender.sources if page.sender else ()
    st.subheader(_("Sources"), anchor=False)
    count = forms.number(visit.language, len(sources))
    words = _("The addresses from which it sent in the period: %(count)s.", count=count)
    most = _("Shown are the %(count)s with most mail; the file has all.", count=forms.number(visit.language, MOST_ROWS))
    st.caption(words if len(sources) <= MOST_ROWS else f"{words} {most}")
    table = sender_tables.sources(sources[:MOST_ROWS], visit.language)
    parts.show_table(table, key="sources", alt=_("Sources"))
    _csv(visit, page, "sender_sources", _sources_table)
    parts.attribution(visit.language)


def _sources_table(page: SenderPage, language: str) -> Table:
    return sender_tables.sources(page.sender.sources if page.sender else (), language)


# ---- For staff


def _show_history(visit: Visit, page: SenderPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Decisions"), anchor=False)
    if not page.history:
        st.write(_("Nothing was decided about this sender yet."))
        return
    st.caption(_("Every decision about it and its addresses, newest first. A new one withdraws the one before."))
    parts.show_table(sender_tables.history(page.history, visit.language), key="history", alt=_("Decisions"))


def _show_elsewhere(visit: Visit, page: SenderPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("The same sender under other domains"), anchor=False)
    if not page.elsewhere:
        st.write(_("In this period it sent for no other domain."))
        return
    st.caption(_("For staff only: no customer sees this. Counted messages of the period."))
    parts.show_table(
        sender_tables.elsewhere(page.elsewhere, visit.language),
        key="elsewhere",
        alt=_("The same sender under other domains"),
    )


def _csv(visit: Visit, page: SenderPage, what: str, table: Callable[[SenderPage, str], Table]) -> None:
    make = partial(_file_table, page.domain, page.key, page.period, visit.language, table)
    table_files.table_button(visit, page.domain, page.period, what, make, key=f"{what}_csv")


def _file_table(
    name: str, key: str, period: Period, language: str, table: Callable[[SenderPage, str], Table], scope: Scope
) -> Table | None:
    page = answers_senders.page(scope, name, key, period)
    return None if page is None else table(page, language)


if __name__ == "__main__":
    render(session.enter())
