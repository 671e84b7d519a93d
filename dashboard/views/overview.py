"""The overview: every domain of the reader's scope with its pass rate of the last days; a click opens one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from analysis.overview import DomainRow, Overview
from dashboard import answers, parts, session, tables
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.text import md
from wording import forms, translator

DOMAIN_VIEW = Path(__file__).parent / "domain.py"
DAYS = 30
LIST_FIELDS = ("find", "sort")
SORTS: dict[str, Callable[[DomainRow], Any]] = {
    "failing": lambda row: (row.rate.passed - row.rate.messages, row.domain),
    "name": lambda row: row.domain,
    "silent": lambda row: (row.last_report_end or 0, row.domain),
    "volume": lambda row: (-row.rate.messages, row.domain),
}


def render(visit: Visit) -> None:
    """Draw the overview in one of its states: nothing stored, nothing that matches, or the domains."""
    _ = translator(visit.language)
    shown = answers.overview(visit.scope, visit.today, DAYS)
    parts.page_head(visit, _("All domains"), _period_words(visit, shown))
    if not shown.rows:
        _show_empty(visit)
        return
    parts.figures(_figures(visit, shown))
    text, sort = _controls(visit)
    rows = ordered(matching(shown.rows, text), sort)
    if not rows:
        _show_no_match(visit, text, len(shown.rows))
        return
    _show_domains(visit, rows)
    st.caption(
        _(
            "Counted is what receivers reported, not all mail: receivers that send no reports are missing. "
            "“Passed” means that DKIM or SPF was aligned, as the receiver saw it."
        )
    )


def matching(rows: Sequence[DomainRow], text: str) -> list[DomainRow]:
    """The rows whose domain or customer contains `text`, in either case."""
    wanted = text.strip().casefold()
    return [row for row in rows if wanted in row.domain or wanted in (row.customer or "").casefold()]


def ordered(rows: Sequence[DomainRow], sort: str) -> list[DomainRow]:
    """The rows by one of SORTS."""
    return sorted(rows, key=SORTS[sort])


def chosen_domain(rows: Sequence[DomainRow], selection: Mapping[str, Any]) -> str | None:
    """The domain of the row that was clicked, or None."""
    cells = selection.get("cells") or []
    number = cells[0][0] if cells else len(rows)
    return rows[number].domain if number < len(rows) else None


def _period_words(visit: Visit, shown: Overview) -> str:
    _ = translator(visit.language)
    return _(
        "%(days)s UTC days, %(first)s – %(last)s",
        days=shown.last_day - shown.first_day + 1,
        first=forms.day(visit.language, shown.first_day),
        last=forms.day(visit.language, shown.last_day),
    )


def _figures(visit: Visit, shown: Overview) -> list[Figure]:
    _ = translator(visit.language)
    silent = sum(1 for row in shown.rows if not row.rate.messages)
    failed = shown.rate.messages - shown.rate.passed
    count = _counter(visit)
    return [
        Figure(_("Domains"), count(len(shown.rows)), _("without mail in this period: %(count)s", count=count(silent))),
        Figure(_("Messages"), count(shown.rate.messages), _("in reports, not all mail")),
        Figure(
            _("Pass rate"),
            forms.share(visit.language, shown.rate.passed, shown.rate.messages),
            f"{count(shown.rate.passed)} / {count(shown.rate.messages)}",
        ),
        Figure(_("Not passed"), count(failed), _("neither SPF nor DKIM aligned")),
    ]


def _counter(visit: Visit) -> Callable[[int], str]:
    return lambda value: forms.number(visit.language, value)


def _controls(visit: Visit) -> tuple[str, str]:
    _ = translator(visit.language)
    words = {
        "failing": _("Most not passed"),
        "volume": _("Most messages"),
        "silent": _("Longest silent"),
        "name": _("Name"),
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = parts.find_text(_("Find"), _("Domain or customer"), key="find")
        return text, parts.choose_one(_("Order"), words, usual="failing", key="sort")


def _show_domains(visit: Visit, rows: list[DomainRow]) -> None:
    _ = translator(visit.language)
    with_customer = visit.visitor.role != "customer"
    table = tables.overview(rows, visit.language, visit.today, with_customer=with_customer)
    st.caption(_("Click a line to open the domain."))
    event = st.dataframe(
        table.frame,
        key="domains",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        column_config=table.columns,
        height=parts.table_height(len(rows)),
        alt=_("Domains"),
    )
    domain = chosen_domain(rows, event["selection"])
    if domain is not None:
        st.switch_page(DOMAIN_VIEW, query_params={"domain": domain, **parts.address_of(*LIST_FIELDS)})


def _show_empty(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("No report has been read yet"))
    if visit.visitor.role == "customer":
        st.write(_("None of your domains has a report so far. The first ones come about a day after DMARC is set up."))
        return
    st.write(_("Read report files, or a folder of them, with this command on the server. Then reload this page."))
    st.code("sekisho ingest PATH", language=None)


def _show_no_match(visit: Visit, text: str, total: int) -> None:
    _ = translator(visit.language)
    st.subheader(_("Nothing matches “%(text)s”", text=md(text)))
    st.write(
        _(
            "None of the %(total)s domains has this in its own or its customer's name. Clear the field to see all.",
            total=forms.number(visit.language, total),
        )
    )


if __name__ == "__main__":
    render(session.enter())
