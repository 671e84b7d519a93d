"""The figures of a gate -> tables on the screen: the senders or messages that a gate's sentence is about."""

from collections.abc import Iterator
from typing import Any

import streamlit as st

from analysis.coverage import Coverage, ReporterShare, Seasonal
from analysis.customer_words import VERDICTS
from analysis.gates import Gate
from analysis.own_mail import OwnSender
from analysis.records.changes import TagChange
from dashboard import tables
from dashboard.tables import Column, Table
from dashboard.text import plain
from wording import Translator, forms, later, translator

RHYTHMS = {"weekly": later("weekly"), "month-end": later("at month ends"), "quarterly": later("quarterly")}
SEEN_SINCE = {True: later("yes"), False: later("not seen yet"), None: later("not known")}

_WORD = st.column_config.TextColumn
_COUNT = st.column_config.NumberColumn


def of_gate(gate: Gate, language: str) -> Iterator[tuple[str, Table]]:
    """(title, table) for each list among the figures of a gate."""
    _ = translator(language)
    figures = gate.figures
    if figures.get("failing"):
        yield _("Own senders that fail"), _rates(figures["failing"], _)
    if figures.get("unreviewed"):
        yield _("Senders to decide"), _unreviewed(figures["unreviewed"], _)
    if figures.get("senders"):
        yield _("Own senders, and what their mail proves"), _proofs(figures["senders"], _)
    if figures.get("held"):
        yield _("Own mail that was held up"), _held(figures["held"], _)


def lines_of_gate(gate: Gate, language: str) -> Iterator[str]:
    """The single figures of a gate, each as one line of our own words and numbers."""
    _ = translator(language)
    figures = gate.figures
    if "of_days" in figures:
        yield _("Days with own mail that passed: %(days)s of %(all)s", days=figures["days"], all=figures["of_days"])
        ends = ", ".join(month for month, seen in figures["month_ends"].items() if seen)
        yield _("Month ends seen: %(months)s", months=ends or "—")
        yield _("Reporters of own mail: %(count)s", count=figures["reporters"])
    if gate.id == "G4" and figures.get("days") is not None:
        yield _("In force for %(days)s days", days=figures["days"])
    if figures.get("looked_at"):
        yield _("Looked up in DNS: %(at)s UTC", at=forms.moment(figures["looked_at"]))


def _rates(rows: list[list[Any]], _: Translator) -> Table:
    columns: list[Column[list[Any]]] = [
        Column("sender", _WORD(_("Sender")), lambda row: plain(row[1])),
        Column("passed", _COUNT(_("Passed"), format="localized"), lambda row: row[2]),
        Column("messages", _COUNT(_("Messages"), format="localized"), lambda row: row[3]),
    ]
    return tables.table(rows, columns)


def _unreviewed(rows: list[list[Any]], _: Translator) -> Table:
    columns: list[Column[list[Any]]] = [
        Column("sender", _WORD(_("Sender")), lambda row: plain(row[1])),
        Column("verdict", _WORD(_("Looks like")), lambda row: _(VERDICTS.get(row[2], row[2]))),
        Column("messages", _COUNT(_("Messages in a year"), format="localized"), lambda row: row[3]),
    ]
    return tables.table(rows, columns)


def _proofs(rows: list[list[Any]], _: Translator) -> Table:
    proven = _COUNT(_("Proves"), format="percent", help=_("The share that passes at least, at 95 % confidence."))
    columns: list[Column[list[Any]]] = [
        Column("sender", _WORD(_("Sender")), lambda row: plain(row[1])),
        Column("good", _COUNT(_("Good"), format="localized"), lambda row: row[2]),
        Column("messages", _COUNT(_("Messages"), format="localized"), lambda row: row[3]),
        Column("proves", proven, lambda row: row[4]),
    ]
    return tables.table(rows, columns)


def _held(rows: list[list[Any]], _: Translator) -> Table:
    columns: list[Column[list[Any]]] = [
        Column("sender", _WORD(_("Sender")), lambda row: plain(row[1])),
        Column("day", _WORD(_("Day (UTC)")), lambda row: row[2]),
        Column("reporter", _WORD(_("Reporter")), lambda row: plain(row[3])),
        Column("messages", _COUNT(_("Messages"), format="localized"), lambda row: row[4]),
    ]
    return tables.table(rows, columns)


def silent(coverage: Coverage, language: str) -> Table:
    """Reporters that had a habit of reporting and stopped."""
    _ = translator(language)
    columns: list[Column[ReporterShare]] = [
        Column("reporter", _WORD(_("Reporter")), lambda row: plain(row.name)),
        Column("messages", _COUNT(_("Messages in a year"), format="localized"), lambda row: row.messages),
        Column("last", _WORD(_("Last day (UTC)")), lambda row: forms.as_date(row.last_day).isoformat()),
    ]
    return tables.table(coverage.silent, columns)


def seasonal(coverage: Coverage, own: tuple[OwnSender, ...], language: str) -> Table:
    """Own senders that are not seen all the time."""
    _ = translator(language)
    names = {sender.key: sender.name for sender in own}
    columns: list[Column[Seasonal]] = [
        Column("sender", _WORD(_("Sender")), lambda row: plain(names.get(row.sender, row.sender))),
        Column("rhythm", _WORD(_("Sends")), lambda row: _(RHYTHMS[row.rhythm])),
        Column("last", _WORD(_("Last day (UTC)")), lambda row: forms.as_date(row.last_day).isoformat()),
        Column("since", _WORD(_("Seen since the records changed")), lambda row: _(SEEN_SINCE[row.seen_since])),
    ]
    return tables.table(coverage.seasonal, columns)


def changes(rows: tuple[TagChange, ...], language: str) -> Table:
    """What the drafted record says otherwise than the live one."""
    _ = translator(language)
    columns: list[Column[TagChange]] = [
        Column("tag", _WORD(_("Tag")), lambda row: plain(row.name)),
        Column("before", _WORD(_("Now")), lambda row: "—" if row.before is None else plain(row.before)),
        Column("after", _WORD(_("Then")), lambda row: "—" if row.after is None else plain(row.after)),
    ]
    return tables.table(rows, columns)
