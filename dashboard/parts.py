"""Pieces that several views share: page head, figures, notices, tables with their CSV, the choice of a period.

Every word comes in already translated or is translated here; foreign text comes through `dashboard.text.md`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import streamlit as st

from analysis.frames import Period
from dashboard import markup, session
from dashboard.notices import Notice
from dashboard.session import Visit
from dashboard.tables import Table
from dashboard.text import md, strong
from wording import forms, later, translator

ROLE_WORDS = {"operator": later("operator"), "staff": later("staff"), "customer": later("customer")}
LANGUAGE_WORDS = {"ja": "日本語", "en": "English"}
ACCOUNT_VIEW = Path(__file__).parent / "views" / "account.py"
DEFAULT_PERIOD = "30"

_ROW_PIXELS = 35
_MOST_ROWS = 16
_LONGEST_TEXT = 253
# RFC 7489 is of 2015, and the first reports came in 2012.
_FIRST_DATE, _LAST_DATE = date(2012, 1, 1), date(2099, 12, 31)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its label and what it is a part of, or what it is not. All three are Markdown."""

    label: str
    value: str
    note: str


def page_head(visit: Visit, title: str, about: str) -> None:
    """The title of a view and what it is about (both Markdown), with the account's menu at the right."""
    row = st.container(horizontal=True, vertical_alignment="top")
    with row.container(width="stretch", gap="xxsmall"):
        st.title(title, anchor=False)
        st.caption(about)
    with row:
        account_menu(visit)


def account_menu(visit: Visit) -> None:
    """Who is logged in, the language, and the way out."""
    _ = translator(visit.language)
    with st.popover(md(visit.visitor.name), icon=":material/person:"):
        st.caption(_(ROLE_WORDS[visit.visitor.role]))
        _language_link(visit.language)
        st.page_link(ACCOUNT_VIEW, label=_("Your account"), icon=":material/manage_accounts:")
        if st.button(_("Log out"), icon=":material/logout:", key="log_out"):
            session.end(visit.token)
            st.rerun()


def _language_link(language: str) -> None:
    other = "en" if language == "ja" else "ja"
    same_tab_link(LANGUAGE_WORDS[other], language_path(other))


def language_path(language: str) -> str:
    """The path of this server that makes `language` the account's and comes back to this page."""
    return f"/language/{language}?to={quote(this_page(), safe='')}"


def this_page() -> str:
    """Path and query of the page that is shown."""
    query = urlencode(st.query_params.to_dict())
    path = urlsplit(st.context.url or "/").path or "/"
    return f"{path}?{query}" if query else path


def address_of(*keys: str) -> dict[str, str]:
    """Those of `keys` that stand in the page's address, with their values."""
    return {key: st.query_params[key] for key in keys if key in st.query_params}


def same_tab_link(words: str, path: str) -> None:
    """A link to a path of this server that leaves the app in this tab; Streamlit's own links open another tab."""
    st.html(f'<a href="{escape(path)}" style="color: inherit">{escape(words)}</a>')


def figures(shown: list[Figure], *, small: bool = False) -> None:
    """Numbers side by side, as cards (`markup`): one element, where three for each would be felt at every click."""
    rows = (
        [figure.label for figure in shown],
        ["---"] * len(shown),
        [strong(figure.value) if small else figure.value for figure in shown],
        [figure.note for figure in shown],
    )
    _show_rows(rows)


def show_list(headings: Sequence[str], lines: Iterable[Sequence[str]], *, key: str) -> None:
    """Few lines under their headings, all Markdown; the columns behind the first are numbers.

    It prints whole, and costs the browser a third of a table that can be sorted.
    """
    rule = [":---", *["---:"] * (len(headings) - 1)]
    with st.container(key=f"{markup.LIST_KEY}{key}"):
        _show_rows((headings, rule, *lines))


def _show_rows(rows: Iterable[Sequence[str]]) -> None:
    """A Markdown table; `dashboard.markup` says how it looks."""
    st.markdown("\n".join(f"| {' | '.join(row)} |" for row in rows))


def show_notice(notice: Notice) -> None:
    """A screen without numbers: what is the matter and what to do."""
    st.subheader(notice.title, anchor=False)
    st.write(notice.sentence)
    if notice.command:
        st.code(notice.command, language=None)


def show_table(table: Table, *, key: str, alt: str) -> None:
    """A table as high as its rows, up to a limit above which it scrolls."""
    st.dataframe(
        table.frame,
        key=key,
        hide_index=True,
        column_config=table.columns,
        height=table_height(len(table.frame)),
        alt=alt,
    )


def table_height(rows: int) -> int:
    """Pixels of a table of so many rows under its head."""
    return _ROW_PIXELS * (min(rows, _MOST_ROWS) + 1) + 3


def csv_button(visit: Visit, name: str, make: Callable[[], bytes], *, key: str) -> None:
    """A download that is made when it is clicked, not before."""
    _ = translator(visit.language)
    st.download_button(
        _("CSV file"),
        data=make,
        file_name=name,
        mime="text/csv",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )


def choose_period(visit: Visit) -> Period:
    """The UTC days that the reader chose; they stand in the address of the page."""
    _ = translator(visit.language)
    words = {
        "7": _("7 days"),
        "30": _("30 days"),
        "90": _("90 days"),
        "365": _("365 days"),
        "dates": _("From – until"),
    }
    chosen = choose_one(_("Period (UTC days)"), words, usual=DEFAULT_PERIOD, key="period")
    if chosen == "dates":
        return _chosen_dates(visit)
    return last_days(visit.today, int(chosen))


def last_days(today: int, days: int) -> Period:
    """The `days` UTC days that end with `today`."""
    return Period(today - days + 1, today)


def show_period(period: Period) -> None:
    """Put `period` into the address, for `choose_period` to find; for callbacks."""
    st.query_params.update(
        period="dates",
        since=forms.as_date(period.first_day).isoformat(),
        until=forms.as_date(period.last_day).isoformat(),
    )


def _chosen_dates(visit: Visit) -> Period:
    _ = translator(visit.language)
    usual = last_days(visit.today, int(DEFAULT_PERIOD))
    with st.container(horizontal=True):
        first = _choose_day(_("First day"), usual.first_day, key="since")
        last = _choose_day(_("Last day"), usual.last_day, key="until")
    if last < first:
        st.warning(_("The last day lies before the first: the two were exchanged."))
    return Period(min(first, last), max(first, last))


def _choose_day(label: str, usual: int, *, key: str) -> int:
    usual_date = forms.as_date(usual)
    _follow_address(key, usual_date, _written_date)
    chosen = st.date_input(
        label,
        min_value=_FIRST_DATE,
        max_value=_LAST_DATE,
        format="YYYY-MM-DD",
        key=key,
        on_change=_keep_in_address,
        args=(key, usual_date),
        width=180,
    )
    return forms.as_day(chosen) if isinstance(chosen, date) else usual


def _written_date(written: str) -> date | None:
    try:
        found = date.fromisoformat(written)
    except ValueError:
        return None
    return found if _FIRST_DATE <= found <= _LAST_DATE else None


def choose_one(label: str, words: dict[str, str], *, usual: str, key: str) -> str:
    """One code of `words` (code -> word on the screen), kept in the page's address as `key`."""
    _follow_address(key, usual, lambda written: written if written in words else None)
    chosen = st.segmented_control(
        label,
        list(words),
        required=True,
        key=key,
        format_func=words.__getitem__,
        on_change=_keep_in_address,
        args=(key, usual),
    )
    return chosen or usual


def choose_in_list(label: str, words: dict[str, str], *, usual: str, key: str, width: int = 220) -> str:
    """One code of many `words` (code -> Markdown), from a list that opens; kept in the page's address as `key`."""
    _follow_address(key, usual, lambda written: written if written in words else None)
    chosen = st.selectbox(
        label,
        list(words),
        key=key,
        format_func=words.__getitem__,
        on_change=_keep_in_address,
        args=(key, usual),
        width=width,
    )
    return chosen or usual


def chosen_in_address(words: dict[str, str], usual: str, key: str) -> str:
    """What `choose_in_list` would find chosen in the page's address, where the list is not drawn."""
    written = st.query_params.get(key, usual)
    return written if written in words else usual


def find_text(label: str, placeholder: str, *, key: str) -> str:
    """A text to look for, kept in the page's address as `key`."""
    _follow_address(key, "", lambda written: written[:_LONGEST_TEXT])
    found = st.text_input(
        label,
        key=key,
        placeholder=placeholder,
        icon=":material/search:",
        width=320,
        max_chars=_LONGEST_TEXT,
        on_change=_keep_in_address,
        args=(key, ""),
    )
    return found or ""


def _follow_address(key: str, usual: Value, read: Callable[[str], Value | None]) -> None:
    """Give the field `key` what the address says (or `usual`), so that links, reload and Back all work.

    Streamlit's own binding writes the words on the screen into the address, which differ by language.
    """
    written = st.query_params.get(key)
    wanted = usual if written is None else read(written)
    if st.session_state.get(key) != (wanted or usual):
        st.session_state[key] = wanted or usual


def _keep_in_address(key: str, usual: object) -> None:
    chosen = st.session_state[key]
    if chosen == usual:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = str(chosen)


def attribution(language: str) -> None:
    """What the licence of the address tables asks for (CC BY-SA 4.0), where country, network or service is shown."""
    _ = translator(language)
    st.caption(
        _("Country, network and service of an address:")
        + " [IPinfo Lite](https://ipinfo.io/lite), [CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/). "
        + _("A hint, not evidence.")
    )
