"""Senders, their addresses, reporters and causes -> tables on the screen. Nothing is computed here.

Codes become words of the reader's language; foreign text stays text (dashboard/text.py).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import streamlit as st
from babel import Locale

from analysis.board_frames import ElsewhereRow, PastDecision, ReporterMail
from analysis.customer_words import SENDER_KINDS
from analysis.days import DayRow
from analysis.rates import PassRate
from analysis.sender_board import BOUNCES, FIX, FORWARDED, OK, OTHERS, Board, Entry, class_of
from analysis.sender_page import Cause
from analysis.senders import Source
from dashboard import charts, tables
from dashboard.tables import Column, Table
from dashboard.text import plain
from store.decisions import SOURCE_PREFIX
from wording import Translator, forms, later, translator

CLASSES = {
    OK: later("Own, set up well"),
    FIX: later("Own, needs a repair"),
    FORWARDED: later("Forwarded"),
    OTHERS: later("Unknown or spoofed"),
    BOUNCES: later("Bounces and automatic replies"),
}
VERDICTS = {
    "ours-ok": later("own, set up well"),
    "ours-fix": later("own, needs a repair"),
    "forwarded": later("forwarded"),
    "bounce": later("automatic reply"),
    "candidate": later("in use? Please confirm"),
    "impostor": later("impostor"),
    "unknown": later("unknown"),
}
DECISIONS = {
    "ours": later("the customer's own"),
    "not-ours": later("not the customer's"),
    "forwarder": later("a forwarder"),
}
WAYS = {"dkim": "DKIM", "spf": "SPF"}

_WORD = st.column_config.TextColumn
Row = TypeVar("Row")


def board(found: Board, language: str) -> Table:
    """One line per sender, class by class."""
    _ = translator(language)
    columns: list[Column[Entry]] = [
        Column("sender", _WORD(_("Sender"), pinned=True), lambda row: plain(row.sender.name)),
        Column("class", _WORD(_("Class")), lambda row: _(CLASSES[class_of(row.sender.verdict)])),
        Column("verdict", _WORD(_("Verdict")), lambda row: _(VERDICTS[row.sender.verdict])),
        Column("decision", _WORD(_("Decision")), lambda row: _decision(row, _)),
        *rates(_, lambda row: PassRate(row.sender.messages, row.sender.passed)),
        Column("dkim", count(_("DKIM aligned")), lambda row: row.sender.dkim_aligned),
        Column("spf", count(_("SPF aligned")), lambda row: row.sender.spf_aligned),
        Column("first", _WORD(_("First day (UTC)")), lambda row: iso(row.sender.first_day)),
        Column("last", _WORD(_("Last day (UTC)")), lambda row: iso(row.sender.last_day)),
        Column("days", count(_("Days with mail")), lambda row: row.sender.days_seen),
        Column("reporters", count(_("Reporters")), lambda row: row.sender.reporters),
        Column("kind", _WORD(_("Kind")), lambda row: _(SENDER_KINDS.get(row.sender.kind, row.sender.kind))),
        Column("why", _WORD(_("Reason")), lambda row: plain(row.sender.judgement.why(language))),
        Column("key", _WORD(_("Sender's code")), lambda row: plain(row.sender.key)),
    ]
    return tables.table(found.entries, columns)


def sources(rows: Sequence[Source], language: str) -> Table:
    """One line per address of a sender, most messages first."""
    _ = translator(language)
    columns: list[Column[Source]] = [
        Column("ip", _WORD(_("IP address")), lambda row: row.ip or _("no usable address")),
        Column("ptr", _WORD(_("Host name")), lambda row: plain(row.ptr or "")),
        Column("country", _WORD(_("Country")), lambda row: _country(row.country, language)),
        Column("network", _WORD(_("Network")), lambda row: plain(row.as_name or "")),
        Column("verdict", _WORD(_("Verdict")), lambda row: _(VERDICTS[row.verdict])),
        *rates(_, lambda row: PassRate(row.messages, row.passed)),
        Column("why", _WORD(_("Reason")), lambda row: plain(row.judgement.why(language))),
    ]
    return tables.table(rows, columns)


def reporters(rows: Sequence[ReporterMail], language: str) -> Table:
    """One line per reporter of a sender's mail, most messages first."""
    _ = translator(language)
    columns: list[Column[ReporterMail]] = [
        Column("reporter", _WORD(_("Reporter")), lambda row: plain(row.reporter)),
        *rates(_, lambda row: PassRate(row.messages, row.passed)),
        Column("dkim", count(_("DKIM aligned")), lambda row: row.dkim_aligned),
        Column("spf", count(_("SPF aligned")), lambda row: row.spf_aligned),
        Column("first", _WORD(_("First day (UTC)")), lambda row: iso(row.first_day)),
        Column("last", _WORD(_("Last day (UTC)")), lambda row: iso(row.last_day)),
    ]
    return tables.table(rows, columns)


def causes(rows: Sequence[Cause], language: str) -> Table:
    """One line per reason for which mail did not align, most messages first."""
    _ = translator(language)
    columns: list[Column[Cause]] = [
        Column("way", _WORD(_("Way")), lambda row: WAYS[row.reason.way]),
        Column("reason", _WORD(_("Reason"), width="large"), lambda row: plain(row.reason.words(language))),
        Column("messages", count(_("Messages")), lambda row: row.messages),
        Column("records", count(_("Records")), lambda row: row.records),
        Column("last", _WORD(_("Newest (UTC)")), lambda row: iso(row.last_day)),
        Column("ip", _WORD(_("Newest from")), lambda row: row.ip),
        Column("reporter", _WORD(_("Newest told by")), lambda row: plain(row.reporter)),
    ]
    return tables.table(rows, columns)


def days(rows: Sequence[DayRow], language: str) -> Table:
    """One line per UTC day, newest first."""
    return tables.days(rows, charts.ALIGNMENT, language)


def history(rows: Sequence[PastDecision], language: str) -> Table:
    """One line per decision, newest first."""
    _ = translator(language)
    columns: list[Column[PastDecision]] = [
        Column("at", _WORD(_("When (UTC)")), lambda row: forms.moment(row.at)),
        Column("by", _WORD(_("Who")), lambda row: plain(row.by)),
        Column("decision", _WORD(_("Decision")), lambda row: _(DECISIONS[row.decision])),
        Column("note", _WORD(_("Note"), width="large"), lambda row: plain(row.note)),
        Column("about", _WORD(_("About")), lambda row: _about(row.subject, _)),
        Column("until", _WORD(_("Withdrawn (UTC)")), lambda row: _withdrawn(row)),
    ]
    return tables.table(rows, columns)


def elsewhere(rows: Sequence[ElsewhereRow], language: str) -> Table:
    """One line per other domain with the same sender, most messages first."""
    _ = translator(language)
    columns: list[Column[ElsewhereRow]] = [
        Column("domain", _WORD(_("Domain")), lambda row: plain(row.domain)),
        Column("customer", _WORD(_("Customer")), lambda row: plain(row.customer or _("unassigned"))),
        *rates(_, lambda row: PassRate(row.messages, row.passed)),
        Column("last", _WORD(_("Last day (UTC)")), lambda row: iso(row.last_day)),
    ]
    return tables.table(rows, columns)


def rates(_: Translator, rate: Callable[[Row], PassRate]) -> Iterator[Column[Row]]:
    """The share, then both its parts, so that no rate stands without its denominator."""
    passed = _("Passed over messages: DKIM or SPF aligned, as the receivers reported it.")
    share = st.column_config.ProgressColumn(
        _("Pass rate"), width=130, format="%.1f%%", min_value=0, max_value=100, help=passed
    )
    yield Column("rate", share, lambda row: forms.held_percent(rate(row).passed, rate(row).messages))
    yield Column("passed", count(_("Passed")), lambda row: rate(row).passed)
    yield Column("messages", count(_("Messages")), lambda row: rate(row).messages)


def count(title: str) -> Any:
    """A column of whole numbers in the reader's habit."""
    return st.column_config.NumberColumn(title, format="localized")


def iso(day: int) -> str:
    """A UTC day as 2026-11-24."""
    return forms.as_date(day).isoformat()


def _decision(row: Entry, _: Translator) -> str:
    decided = row.sender.decision
    if decided is None:
        return ""
    word = _(DECISIONS[decided.decision])
    return f"⚠ {word}" if decided.contradiction else word


def _about(subject: str, _: Translator) -> str:
    return subject.removeprefix(SOURCE_PREFIX) if subject.startswith(SOURCE_PREFIX) else _("the whole sender")


def _withdrawn(row: PastDecision) -> str:
    if row.withdrawn_at is None:
        return ""
    return f"{forms.moment(row.withdrawn_at)} {plain(row.withdrawn_by or '')}".strip()


def _country(code: str | None, language: str) -> str:
    if not code:
        return ""
    name = Locale(language).territories.get(code)
    return f"{name} ({code})" if name else plain(code)
