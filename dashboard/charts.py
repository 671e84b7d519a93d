"""Finished numbers -> Vega-Lite specifications (plain dicts). No Streamlit, no arithmetic.

Shades of blue passed, orange did not, grey says nothing about passing; each colour has its word in the legend.
https://vega.github.io/vega-lite/docs/
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.days import DayRow
from dashboard import theme
from wording import Translator, forms, later, translator

Spec = dict[str, Any]

_HEIGHT = 260
_MOST_LABELS = 14


@dataclass(frozen=True, slots=True)
class Band:
    """One part of a stacked bar: its word, its colour, and how to read its messages from a day."""

    word: str
    colour: str
    messages: Callable[[DayRow], int]


ALIGNMENT = (
    Band(later("SPF and DKIM"), theme.PASS, lambda day: day.both_aligned),
    Band(later("DKIM only"), theme.DKIM_ONLY, lambda day: day.dkim_only),
    Band(later("SPF only"), theme.SPF_ONLY, lambda day: day.spf_only),
    Band(later("neither"), theme.FAIL, lambda day: day.neither),
)
DISPOSITION = (
    Band(later("no action (none)"), theme.GREY, lambda day: day.disposition_none),
    Band(later("quarantined"), theme.QUARANTINE, lambda day: day.disposition_quarantine),
    Band(later("rejected"), theme.FAIL, lambda day: day.disposition_reject),
    Band(later("not said"), theme.UNKNOWN, lambda day: day.disposition_unknown),
)


def alignment_by_day(days: Sequence[DayRow], language: str) -> Spec:
    """Messages per UTC day, stacked by which of SPF and DKIM was aligned."""
    _ = translator(language)
    return _stacked_days(days, ALIGNMENT, _("Aligned"), language)


def dispositions_by_day(days: Sequence[DayRow], language: str) -> Spec:
    """Messages per UTC day, stacked by what the receivers did with them."""
    _ = translator(language)
    return _stacked_days(days, DISPOSITION, _("Disposition"), language)


def _stacked_days(days: Sequence[DayRow], bands: tuple[Band, ...], title: str, language: str) -> Spec:
    _ = translator(language)
    return {
        "data": {"values": _points(days, bands, _)},
        "height": _HEIGHT,
        "mark": "bar",
        "encoding": {
            "x": _every_day(days, language),
            "y": {
                "field": "messages",
                "type": "quantitative",
                "axis": {"title": _("Messages"), "format": ",d", "tickMinStep": 1},
            },
            "color": {
                "field": "band",
                "type": "nominal",
                "scale": {"domain": [_(band.word) for band in bands], "range": [band.colour for band in bands]},
                "legend": {"title": title, "orient": "top", "symbolType": "square"},
            },
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [
                {"field": "day", "type": "nominal", "title": _("Day (UTC)")},
                {"field": "band", "type": "nominal", "title": title},
                {"field": "messages", "type": "quantitative", "format": ",d", "title": _("Messages")},
                {"field": "total", "type": "quantitative", "format": ",d", "title": _("Messages of the day")},
            ],
        },
    }


def _every_day(days: Sequence[DayRow], language: str) -> Spec:
    """The axis with all days, also those for which no bar is drawn."""
    axis = day_axis(days, language)
    return axis | {"scale": axis["scale"] | {"domain": [forms.as_date(day.day).isoformat() for day in days]}}


def _points(days: Sequence[DayRow], bands: tuple[Band, ...], _: Translator) -> list[dict[str, object]]:
    """What is to be drawn: a bar without height would only cost the browser time."""
    return [
        {
            "day": forms.as_date(day.day).isoformat(),
            "band": _(band.word),
            "order": order,
            "messages": band.messages(day),
            "total": day.messages,
        }
        for day in days
        for order, band in enumerate(bands)
        if band.messages(day)
    ]


def day_axis(days: Sequence[DayRow], language: str) -> Spec:
    """One place per day, in order; a time scale would put a day's label at the left edge of its bar."""
    form = "%-m/%-d" if language == "ja" else "%b %-d"
    return {
        "field": "day",
        "type": "ordinal",
        "scale": {"paddingInner": 0.15},
        "axis": {
            "title": None,
            "values": [forms.as_date(day).isoformat() for day in labelled_days([row.day for row in days])],
            "labelExpr": f"utcFormat(toDate(datum.value), '{form}')",
            "labelAngle": 0,
            "labelOverlap": True,
        },
    }


def labelled_days(days: Sequence[int]) -> list[int]:
    """Which of these UTC days have a label: each, every other, Mondays, or the first of a month, by their number."""
    if len(days) <= _MOST_LABELS:
        return list(days)
    if len(days) <= 2 * _MOST_LABELS:
        return list(days[::2])
    if len(days) <= 7 * _MOST_LABELS:
        return [day for day in days if forms.as_date(day).weekday() == 0]
    return [day for day in days if forms.as_date(day).day == 1]
