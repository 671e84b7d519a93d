"""Finished rows -> tables for the screen: each column's title, kind and value. Nothing is computed here.

Codes become words of the reader's language. Foreign text stays text: `plain` makes what is invisible visible, and
only `st.dataframe` with text columns draws it. The CSV files are made by `analysis.export`, not from these.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd
import streamlit as st

from analysis.days import DayRow
from analysis.frames import FAILED, PublishedPolicy, ReporterRow, ReportRow
from analysis.rates import PassRate
from dashboard.charts import Band
from dashboard.text import plain
from wording import Translator, forms, later, translator

STATES = {
    "set-aside": later("set aside, not counted"),
    "variant": later("variant of another report"),
    "correction": later("correction of another report"),
    "replaced": later("replaced by another report"),
    "lookalike": later("looks like another report"),
    "partial": later("partly unreadable"),
    "empty": later("without a record"),
    "repaired": later("repaired"),
}
AUTHENTICITY = {
    "pass": later("authenticated"),
    "fail": later("failed"),
    "none": later("not signed"),
    "unknown": later("unknown"),
    "unverified": later("not checked"),
}

# `p=quarantine (sp=quarantine)` in one line.
_POLICY_PIXELS = 180
_RATE_PIXELS = 130

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column: its key in the frame, how Streamlit draws it, and its value in a row."""

    key: str
    config: Any
    value: Callable[[Row], object]


@dataclass(frozen=True, slots=True)
class Table:
    """A frame and how to draw its columns; one line per row, in the order of the rows."""

    frame: pd.DataFrame
    columns: dict[str, Any]


def table(rows: Sequence[Row], columns: Iterable[Column[Row]]) -> Table:
    """`rows` as a frame with the values of `columns`."""
    chosen = list(columns)
    frame = pd.DataFrame({column.key: [column.value(row) for row in rows] for column in chosen})
    return Table(frame, {column.key: column.config for column in chosen})


def days(rows: Sequence[DayRow], bands: Sequence[Band], language: str) -> Table:
    """One line per UTC day, newest first, one column per band of the chart."""
    _ = translator(language)
    columns: list[Column[DayRow]] = [
        Column("day", st.column_config.TextColumn(_("Day (UTC)")), lambda row: forms.as_date(row.day).isoformat()),
        *(Column(f"band{number}", _count(_(band.word)), band.messages) for number, band in enumerate(bands)),
        Column("messages", _count(_("Messages")), lambda row: row.messages),
    ]
    return table(rows[::-1], columns)


def reporters(rows: Sequence[ReporterRow], language: str) -> Table:
    """One line per reporter, largest first."""
    _ = translator(language)
    columns: list[Column[ReporterRow]] = [
        Column("reporter", st.column_config.TextColumn(_("Reporter")), lambda row: plain(row.reporter)),
        Column("reports", _count(_("Reports")), lambda row: row.reports),
        *_rate_columns(_, lambda row: row.rate),
        Column(
            "last", st.column_config.TextColumn(_("Last report (UTC)")), lambda row: forms.moment(row.last_report_end)
        ),
    ]
    return table(rows, columns)


def reports(rows: Sequence[ReportRow], language: str) -> Table:
    """One line per report, newest first; its figures are of the whole report, also where it leaves the period."""
    _ = translator(language)
    columns: list[Column[ReportRow]] = [
        Column("reporter", st.column_config.TextColumn(_("Reporter")), lambda row: plain(row.reporter)),
        Column("begin", st.column_config.TextColumn(_("From (UTC)")), lambda row: forms.moment(row.begin_at)),
        Column("end", st.column_config.TextColumn(_("Until (UTC)")), lambda row: forms.moment(row.end_at)),
        Column("records", _count(_("Records")), lambda row: row.records),
        *_rate_columns(_, lambda row: row.rate),
        Column("state", st.column_config.TextColumn(_("State")), lambda row: _standing(row, _)),
        Column(
            "authenticity",
            st.column_config.TextColumn(_("Mail authentication"), help=_("Whether the report's own mail was genuine.")),
            lambda row: _(AUTHENTICITY.get(row.authenticity, row.authenticity)),
        ),
        Column("policy", st.column_config.TextColumn(_("Policy")), lambda row: f"p={row.p}"),
        Column("org", st.column_config.TextColumn(_("Name in the report")), lambda row: plain(row.org_name)),
        Column("report_id", st.column_config.TextColumn(_("Report ID")), lambda row: plain(row.report_id)),
    ]
    return table(rows, columns)


def policy_words(policy: PublishedPolicy | None, _: Translator) -> str:
    """`p=reject`, with `sp` where it differs, or a dash before the first report."""
    if policy is None:
        return "—"
    return f"p={policy.p}" if policy.sp in ("", policy.p) else f"p={policy.p} (sp={policy.sp})"


def last_report_words(end_at: int | None, today: int, language: str) -> str:
    """The UTC day on which the newest report's period ended and its age, or that there is none."""
    _ = translator(language)
    if end_at is None:
        return _("none yet")
    day = forms.last_day(end_at)
    return f"{forms.as_date(day).isoformat()} ({forms.age_of_day(language, day, today)})"


def _standing(report: ReportRow, _: Translator) -> str:
    """Whether the report is counted, and everything else that sets it apart."""
    forged = [_("not counted: its mail failed authentication")] if report.authenticity == FAILED else []
    return _(", ").join(forged + [_(STATES.get(state, state)) for state in report.states]) or _("counted")


def _rate_columns(_: Translator, rate: Callable[[Row], PassRate]) -> list[Column[Row]]:
    """The share, then both its parts, so that no rate stands without its denominator."""
    return [
        Column(
            "rate",
            st.column_config.ProgressColumn(
                _("Pass rate"),
                width=_RATE_PIXELS,
                format="%.1f%%",
                min_value=0,
                max_value=100,
                help=_("Passed over messages: DKIM or SPF aligned, as the receivers reported it."),
            ),
            lambda row: forms.held_percent(rate(row).passed, rate(row).messages),
        ),
        Column("passed", _count(_("Passed")), lambda row: rate(row).passed),
        Column("messages", _count(_("Messages")), lambda row: rate(row).messages),
    ]


def _count(title: str) -> Any:
    return st.column_config.NumberColumn(title, format="localized")
