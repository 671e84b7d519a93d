"""Published records -> chart and tables on the screen. Nothing is computed here; what DNS says is foreign text."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from analysis.days import DayRow
from analysis.record_changes import RecordChange
from analysis.records_page import Authorisation, Key, SpfRow
from dashboard import charts, sender_tables, tables, theme
from dashboard.sender_tables import count
from dashboard.tables import Column, Table
from dashboard.text import plain
from wording import forms, later, translator

STATES = {
    "found": later("found"),
    "no-name": later("no such name"),
    "no-record": later("no record"),
    "dead": later("no single SPF record there"),
    "looping": later("leads back to itself"),
    "cut": later("not followed further"),
    "void": later("holds nothing (void)"),
    "timeout": later("no answer"),
    "failed": later("the name server failed"),
    "not-asked": later("not asked"),
    "": "",
}
DAY_SECONDS = 86_400
_HEIGHT = 220
_WORD = st.column_config.TextColumn


def spf(rows: Sequence[SpfRow], language: str) -> Table:
    """One line per term, what an include brings indented below it."""
    _ = translator(language)
    columns: list[Column[SpfRow]] = [
        Column(
            "term",
            _WORD(_("Term"), width="large"),
            lambda row: "\u3000" * row.depth + "└ " * bool(row.depth) + plain(row.term),
        ),
        Column("lookups", count(_("DNS lookups")), lambda row: row.lookups),
        Column("state", _WORD(_("State")), lambda row: _(STATES[row.state]) if row.state else ""),
    ]
    return tables.table(rows, columns)


def keys(rows: Sequence[Key], language: str) -> Table:
    """One line per DKIM key."""
    _ = translator(language)
    columns: list[Column[Key]] = [
        Column("name", _WORD(_("Name"), width="large"), lambda row: plain(row.name)),
        Column("state", _WORD(_("State")), lambda row: _key_state(row, language)),
        Column("algorithm", _WORD(_("Algorithm")), lambda row: plain(row.algorithm or "")),
        Column("bits", _WORD(_("Bits")), lambda row: "" if row.bits is None else str(row.bits)),
        Column("passed", count(_("Good signatures")), lambda row: row.passed),
        Column("signatures", count(_("Records with a signature")), lambda row: row.signatures),
        Column("since", _WORD(_("Seen so since (UTC)")), lambda row: forms.moment(row.since) if row.since else ""),
    ]
    return tables.table(rows, columns)


def authorisations(rows: Sequence[Authorisation], language: str) -> Table:
    """One line per foreign host that reports go to."""
    _ = translator(language)
    columns: list[Column[Authorisation]] = [
        Column("host", _WORD(_("Host")), lambda row: plain(row.host)),
        Column("agreed", _WORD(_("Agreed to receive")), lambda row: _("yes") if row.agreed else _("no")),
        Column("name", _WORD(_("Asked at"), width="large"), lambda row: plain(row.name)),
    ]
    return tables.table(rows, columns)


def changes(rows: Sequence[RecordChange], language: str) -> Table:
    """One line per change, newest first."""
    _ = translator(language)
    columns: list[Column[RecordChange]] = [
        Column("at", _WORD(_("Seen (UTC)")), lambda row: forms.moment(row.at)),
        Column("name", _WORD(_("Name")), lambda row: plain(row.name)),
        Column("before", _WORD(_("Before"), width="large"), lambda row: _one_line(row.before)),
        Column("after", _WORD(_("After"), width="large"), lambda row: _one_line(row.after)),
    ]
    return tables.table(rows, columns)


def rates(rows: Sequence[DayRow], language: str) -> Table:
    """One line per UTC day, newest first: the pass rate and its parts."""
    _ = translator(language)
    columns: list[Column[DayRow]] = [
        Column("day", _WORD(_("Day (UTC)")), lambda row: sender_tables.iso(row.day)),
        Column(
            "rate",
            st.column_config.NumberColumn(_("Pass rate"), format="%.1f%%"),
            lambda row: forms.held_percent(row.passed, row.messages),
        ),
        Column("passed", count(_("Passed")), lambda row: row.passed),
        Column("messages", count(_("Messages")), lambda row: row.messages),
    ]
    return tables.table(rows[::-1], columns)


def timeline(days: Sequence[DayRow], found: Sequence[RecordChange], language: str) -> dict[str, Any]:
    """The pass rate of each UTC day, with a rule on every day on which a record changed."""
    _ = translator(language)
    axis = _axis(days, language)
    y = {
        "field": "rate",
        "type": "quantitative",
        "scale": {"domain": [0, 100]},
        "axis": {"title": _("Pass rate (%)"), "tickCount": 5},
    }
    tooltip = [
        {"field": "day", "type": "nominal", "title": _("Day (UTC)")},
        {"field": "rate", "type": "quantitative", "title": _("Pass rate (%)")},
        {"field": "passed", "type": "quantitative", "format": ",d", "title": _("Passed")},
        {"field": "messages", "type": "quantitative", "format": ",d", "title": _("Messages")},
    ]
    line = {"type": "line", "color": theme.PASS, "point": {"color": theme.PASS, "size": 30}, "strokeWidth": 2}
    rule = {"type": "rule", "color": theme.FAIL, "strokeDash": [4, 3], "strokeWidth": 2}
    changed = [
        {"field": "day", "type": "nominal", "title": _("Day (UTC)")},
        {"field": "names", "type": "nominal", "title": _("Changed")},
    ]
    return {
        "height": _HEIGHT,
        "encoding": {"x": axis},
        "layer": [
            {"data": {"values": _points(days)}, "mark": line, "encoding": {"y": y, "tooltip": tooltip}},
            {"data": {"values": _rules(days, found)}, "mark": rule, "encoding": {"tooltip": changed}},
            {
                "data": {"values": _rules(days, found)},
                "mark": {"type": "text", "text": "▼", "color": theme.FAIL, "dy": -6, "baseline": "bottom"},
                "encoding": {"y": {"value": 0}, "tooltip": changed},
            },
        ],
    }


def _axis(days: Sequence[DayRow], language: str) -> dict[str, Any]:
    axis: dict[str, Any] = charts.day_axis(days, language)
    return {**axis, "scale": {**axis["scale"], "domain": [sender_tables.iso(day.day) for day in days]}}


def _points(days: Sequence[DayRow]) -> list[dict[str, object]]:
    """Days without mail have no rate, and no point."""
    return [
        {
            "day": sender_tables.iso(day.day),
            "rate": forms.held_percent(day.passed, day.messages),
            "passed": day.passed,
            "messages": day.messages,
        }
        for day in days
        if day.messages
    ]


def _rules(days: Sequence[DayRow], found: Sequence[RecordChange]) -> list[dict[str, object]]:
    """One rule per day with changes, naming them."""
    shown = {day.day for day in days}
    names: dict[int, dict[str, None]] = {}
    for each in reversed(found):
        names.setdefault(each.at // DAY_SECONDS, {})[plain(each.name)] = None
    return [{"day": sender_tables.iso(day), "names": ", ".join(named)} for day, named in names.items() if day in shown]


def _key_state(row: Key, language: str) -> str:
    _ = translator(language)
    if row.revoked:
        return _("revoked (empty key)")
    word, test = _(STATES.get(row.state, row.state)), _("test, t=y")
    return f"{word} ({test})" if row.test else word


def _one_line(text: str | None) -> str:
    return "—" if text is None else plain(" | ".join(text.splitlines()))
