"""The rows of the work queue -> its table on the screen. Nothing is computed here."""

from functools import partial

import streamlit as st

from analysis.customer_words import STAGES
from analysis.queue import QueueRow, State
from dashboard import ladder_words, tables
from dashboard.tables import Column, Table
from dashboard.text import plain
from wording import forms, translator

_STATE_PIXELS, _STAGE_PIXELS, _TREND_PIXELS, _RATE_PIXELS = 75, 160, 88, 130
_COUNT_PIXELS, _EVENTS_PIXELS, _DAY_PIXELS, _WAITS_PIXELS = 65, 75, 102, 285


def queue(rows: list[QueueRow], language: str, *, for_customer: bool) -> Table:
    """One line per domain, in the order of the rows; customers have no column of customers."""
    columns = _columns(language, for_customer=for_customer)
    left_out = {"customer"} if for_customer else set()
    return tables.table(rows, [column for column in columns if column.key not in left_out])


def _columns(language: str, *, for_customer: bool) -> list[Column[QueueRow]]:
    _ = translator(language)
    text = st.column_config.TextColumn
    state = partial(ladder_words.state_word, language=language)
    return [
        Column("state", text(_("State"), width=_STATE_PIXELS), lambda row: state(row.state)),
        Column("domain", text(_("Domain")), lambda row: row.domain),
        Column("customer", text(_("Customer")), lambda row: plain(row.customer) if row.customer else _("unassigned")),
        Column(
            "stage",
            text(
                _("Stage"),
                width=_STAGE_PIXELS,
                help=_(
                    "Rungs of the ladder: none, test of quarantine, quarantine,"
                    " test of reject, reject. By DNS; by the reports where nobody could look."
                ),
            ),
            lambda row: ladder_words.picture(row.stage, _),
        ),
        Column(
            "blocker",
            text(_("What it waits for"), width=_WAITS_PIXELS),
            lambda row: _waits_for(row, language, for_customer),
        ),
        Column(
            "confirmed",
            st.column_config.ProgressColumn(
                _("Own mail passed"),
                width=_RATE_PIXELS,
                format="%.1f%%",
                min_value=0,
                max_value=100,
                help=_(
                    "Passed over messages of the confirmed senders in the last 35 days; what forwarders broke is left"
                    " out."
                ),
            ),
            lambda row: forms.held_percent(row.confirmed.passed, row.confirmed.messages),
        ),
        Column(
            "of",
            st.column_config.NumberColumn(
                _("of"), width=_COUNT_PIXELS, format="localized", help=_("What the rate before is a part of.")
            ),
            lambda row: row.confirmed.messages,
        ),
        Column(
            "trend",
            st.column_config.LineChartColumn(
                _("Pass rate by day"),
                width=_TREND_PIXELS,
                y_min=0,
                y_max=100,
                help=_(
                    "All reported mail, strangers' too: one point per UTC day with mail in the last 30 days, oldest"
                    " first."
                ),
            ),
            lambda row: [forms.held_percent(rate.passed, rate.messages) for rate in row.daily if rate.messages],
        ),
        Column(
            "events",
            st.column_config.NumberColumn(_("Events"), width=_EVENTS_PIXELS, format="localized", help=_("Open events")),
            lambda row: row.open_events,
        ),
        Column(
            "last_report",
            text(_("Last report"), width=_DAY_PIXELS, help=_("UTC day on which its period ended.")),
            lambda row: _last_report(row.last_report_end, language),
        ),
    ]


def _last_report(end_at: int | None, language: str) -> str:
    _ = translator(language)
    return _("none yet") if end_at is None else forms.as_date(forms.last_day(end_at)).isoformat()


def _waits_for(row: QueueRow, language: str, for_customer: bool) -> str:
    """The next step, or what blocks it."""
    _ = translator(language)
    if row.blocker is not None:
        return plain(ladder_words.short_why(row.blocker, language, customer=for_customer))
    if row.state == State.NO_REPORTS:
        return _("Reports: check the address after rua= in its DMARC record.")
    if row.next_stage is not None:
        return _("Next step: %(stage)s", stage=_(STAGES[row.next_stage]))
    return _("nothing")
