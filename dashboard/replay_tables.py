"""A replay -> its chart and its table. Nothing is computed here; foreign text stays text (dashboard/text.py)."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from analysis.replay import Hit
from dashboard import sender_tables, tables, theme
from dashboard.sender_tables import VERDICTS, count
from dashboard.tables import Column, Table
from dashboard.text import plain
from wording import forms, translator

MOST_BARS = 15
_BAR_PIXELS = 26
# Streamlit fits a chart with its axis and legend into its height.
_AROUND_PIXELS = 100
_LONGEST_NAME = 30


def hits(rows: Sequence[Hit], language: str) -> Table:
    """One line per sender and verdict whose mail the policy meets, most messages first."""
    _ = translator(language)
    word = st.column_config.TextColumn
    columns: list[Column[Hit]] = [
        Column("sender", word(_("Sender"), pinned=True), lambda row: plain(row.name)),
        Column("verdict", word(_("Verdict")), lambda row: _(VERDICTS[row.verdict])),
        Column("certain", count(_("Certain")), lambda row: row.certain),
        Column("possible", count(_("Possible")), lambda row: row.possible),
        Column("days", count(_("Days")), lambda row: len(row.days)),
        Column("first", word(_("First day (UTC)")), lambda row: sender_tables.iso(row.days[0]) if row.days else ""),
        Column("last", word(_("Last day (UTC)")), lambda row: sender_tables.iso(row.days[-1]) if row.days else ""),
        Column("reporters", word(_("Reporters"), width="large"), lambda row: _names(row.reporters)),
        Column("key", word(_("Sender's code")), lambda row: plain(row.sender)),
    ]
    return tables.table(rows, columns)


def chart(rows: Sequence[Hit], language: str) -> dict[str, Any]:
    """Messages that the policy meets, per sender and verdict: the certain ones, then those only possible."""
    _ = translator(language)
    shown = rows[:MOST_BARS]
    parts = (_("certain"), _("possible"))
    points = [
        {"sender": label, "order": number, "part": part, "messages": messages}
        for label, row in zip(_labels(shown, language), shown, strict=True)
        for number, (part, messages) in enumerate(zip(parts, (row.certain, row.possible - row.certain), strict=True))
    ]
    return {
        "data": {"values": points},
        "height": _BAR_PIXELS * len(shown) + _AROUND_PIXELS,
        "mark": "bar",
        "encoding": {
            "y": {
                "field": "sender",
                "type": "nominal",
                "sort": None,
                "axis": {"title": None, "labelLimit": 320, "labelOverlap": False},
            },
            "x": {
                "field": "messages",
                "type": "quantitative",
                "axis": {"title": _("Messages"), "format": ",d", "tickMinStep": 1},
            },
            "color": {
                "field": "part",
                "type": "nominal",
                "scale": {"domain": list(parts), "range": [theme.FAIL, theme.QUARANTINE]},
                "legend": {"title": None, "orient": "top", "symbolType": "square"},
            },
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [
                {"field": "sender", "type": "nominal", "title": _("Sender")},
                {"field": "part", "type": "nominal", "title": _("Kind")},
                {"field": "messages", "type": "quantitative", "format": ",d", "title": _("Messages")},
            ],
        },
    }


def _labels(rows: Sequence[Hit], language: str) -> list[str]:
    """A label for each bar; two of one name are told apart by a number."""
    _ = translator(language)
    seen: dict[str, int] = {}
    labels = []
    for row in rows:
        label = f"{plain(row.name)[:_LONGEST_NAME]} · {_(VERDICTS[row.verdict])}"
        seen[label] = seen.get(label, 0) + 1
        labels.append(label if seen[label] == 1 else f"{label} ({forms.number(language, seen[label])})")
    return labels


def _names(reporters: Sequence[str]) -> str:
    return plain(", ".join(reporters))
