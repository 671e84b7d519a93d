"""Pieces that several sections of a domain's page share: what is drawn first, which days are counted, a period without
mail, how much of a list is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import sleep

import streamlit as st

from analysis.export import Kind
from analysis.frames import Period
from dashboard import answers, parts
from dashboard.session import Visit
from wording import forms, translator

_DRAWN, _IS_NEW = "section drawn", "section is new"


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its word and what draws it. `of_period`: whether it shows the days that the reader chose."""

    word: str
    show: Callable[[Visit, str, Period], None]
    of_period: bool = True


def begin(*what: object) -> None:
    """A section is drawn; `what` tells it from all others, and from itself for another domain or other days."""
    st.session_state[_IS_NEW] = st.session_state.get(_DRAWN) != what
    st.session_state[_DRAWN] = what


def let_draw(milliseconds: int) -> None:
    """Let the browser draw what a reader sees of a new section before scrolling: it takes so many `milliseconds`.

    Without a gap the browser draws all at once, when the last of it has come (docs/decisions/0011-the-top-first.md).
    """
    if st.session_state.get(_IS_NEW):
        sleep(milliseconds / 1000)


def show_silence(visit: Visit, name: str, period: Period, last_report_end: int | None) -> None:
    """No counted mail in the period: say whether there ever was a report (its end in epoch seconds), and what to do."""
    _ = translator(visit.language)
    if last_report_end is None:
        st.subheader(_("No report has come for this domain yet"), anchor=False)
        st.write(
            _("Receivers send reports to the address after rua= in this DNS record. Check that it names your mailbox.")
        )
        st.code(f"_dmarc.{name}", language=None)
        return
    last_day = forms.last_day(last_report_end)
    st.subheader(_("No mail was reported in this period"), anchor=False)
    st.write(
        _(
            "Chosen: %(first)s – %(last)s (UTC days). The newest report ended on %(newest)s.",
            first=forms.day(visit.language, period.first_day),
            last=forms.day(visit.language, period.last_day),
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


def show_counted(visit: Visit, period: Period) -> None:
    """Which days the figures of a section are of, and that they are not all mail."""
    _ = translator(visit.language)
    st.caption(
        _(
            "Counted messages of %(first)s – %(last)s (UTC days), as receivers reported them; not all mail.",
            first=forms.day(visit.language, period.first_day),
            last=forms.day(visit.language, period.last_day),
        )
    )


def show_csv(visit: Visit, name: str, period: Period, kind: Kind, *, key: str) -> None:
    """A domain's file of `kind`, made when it is asked for; the session is checked once more then."""
    make = partial(answers.export_file, visit.token, name, period, kind)
    parts.csv_button(visit, answers.export_name(name, period, kind), make, key=key)


def shown_of(visit: Visit, shown: int, total: int) -> str:
    """How much of a list of the period is on the screen."""
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    if shown == total:
        return _("All %(total)s in this period.", total=count(total))
    return _("The first %(shown)s of %(total)s in this period.", shown=count(shown), total=count(total))
