"""The monthly report on paper: numbers of `analysis.report` -> one self-contained HTML page -> PDF.

Charts are those of the screen, drawn as SVG. Nothing is fetched: no font, no picture, no address of the page.
Charts and paper are drawn in processes beside this one (`press.py`).
"""

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import date
from functools import cache, partial
from threading import Lock
from typing import Any

from babel.dates import format_date
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from analysis.customer_words import DECISIONS, STAGES, VERDICTS, gate_words
from analysis.frames import Period
from analysis.gates import Gate
from analysis.ladder import Advice
from analysis.report import DomainReport, MonthlyReport
from analysis.report_frames import Act
from analysis.senders import Sender
from analysis.stages import Stage
from dashboard import charts
from dashboard.paper import NoPango
from dashboard.press import CHARTS, PAGES, NotDrawn, Press
from dashboard.text import plain
from wording import Translator, forms, translator

FONTS = "Noto Sans CJK JP"
_CHART_WIDTH, _CHART_HEIGHT = 620, 150
# Visitors may ask for many reports at once, and each takes two hundred megabytes.
_ONE_AT_A_TIME = Lock()


def html(report: MonthlyReport, language: str) -> str:
    """The report as one HTML page that can be mailed: all of it is inside, and every foreign text is escaped.

    Raises NotDrawn.
    """
    words = translator(language)
    with closing(Press(CHARTS)) as press:
        return (
            _templates()
            .get_template("monthly.html")
            .render(
                report=report,
                language=language,
                month=month_of(report.period, language),
                verdict=verdict(report, language),
                _=words,
                number=partial(forms.number, language),
                share=lambda rate: forms.share(language, rate.passed, rate.messages),
                day=partial(forms.day, language),
                moment=forms.moment,
                standing=partial(standing, language=language),
                condition=partial(condition, language=language),
                stage=lambda found: words(STAGES[found]) if found else words("not known yet"),
                assessment=lambda found, sender: words(
                    VERDICTS["ours-fix" if sender in found.failing else sender.verdict]
                ),
                act=partial(act_words, language=language),
                trend=partial(_trend, press, language=language),
            )
        )


def pdf(report: MonthlyReport, language: str, press: Press | None = None) -> bytes:
    """The same report as PDF/UA with its fonts inside, drawn by a press for pages, or by one that ends with it.

    Takes about three seconds the first time, then one. Raises NoPango and NotDrawn.
    """
    if press:
        return press.draw(html(report, language))
    with _ONE_AT_A_TIME, closing(Press(PAGES)) as own:
        return pdf(report, language, own)


@cache
def can_draw() -> bool:
    """Whether this machine has what draws a PDF, as a process beside says. Takes a second, the first time.

    A process that says nothing says nothing about the machine either: what is wrong is told to who asks for a PDF.
    """
    with closing(Press(PAGES)) as press:
        try:
            press.draw("<p>")
        except NoPango:
            return False
        except NotDrawn:
            return True
    return True


def month_of(period: Period, language: str) -> str:
    """The month that begins a period: `2026年10月`, `October 2026`."""
    first: date = forms.as_date(period.first_day)
    return format_date(first, "y年M月" if language == "ja" else "MMMM y", locale=language)


# ---- What the first page says


def verdict(report: MonthlyReport, language: str) -> str:
    """Everything in one sentence."""
    _ = translator(language)
    if not report.domains:
        return _("No domain is assigned to you yet, so there is nothing to report.")
    if len(report.domains) == 1:
        return _one(report.domains[0], _)
    return _many(report.domains, _)


def _one(found: DomainReport, _: Translator) -> str:
    advice = found.advice
    if not found.rate.messages:
        return _("No report told of mail of %(domain)s in this month.", domain=found.domain)
    if advice.step_down:
        return _("Act today: own mail of %(domain)s was held up or refused.", domain=found.domain)
    if advice.ready:
        return _("%(domain)s can take the next step now: %(stage)s.", domain=found.domain, stage=_next_words(advice, _))
    if advice.stage in (Stage.REJECT, Stage.PARKED):
        return _("%(domain)s is fully protected.", domain=found.domain)
    if advice.ready is False:
        return _(
            "%(domain)s is not ready for the next step yet: %(count)s points are open.",
            domain=found.domain,
            count=len(advice.blockers),
        )
    return _("It cannot be said yet whether the next step is safe for %(domain)s.", domain=found.domain)


def _many(domains: Iterable[DomainReport], _: Translator) -> str:
    found = list(domains)
    return _(
        "Of %(all)s domains, %(protected)s are fully protected, %(ready)s can take the next step now, "
        "%(urgent)s need action today, and %(waiting)s have open points or too few reports.",
        all=len(found),
        protected=_count(found, _is_protected),
        ready=_count(found, _is_ready),
        urgent=_count(found, lambda each: each.advice.step_down),
        waiting=_count(found, lambda each: not (_is_protected(each) or _is_ready(each) or each.advice.step_down)),
    )


def _count(domains: list[DomainReport], holds: Callable[[DomainReport], bool]) -> int:
    return sum(1 for each in domains if holds(each))


def _is_protected(found: DomainReport) -> bool:
    return found.advice.stage in (Stage.REJECT, Stage.PARKED) and not found.advice.step_down


def _is_ready(found: DomainReport) -> bool:
    return found.advice.ready is True and not found.advice.step_down and not _is_protected(found)


def _next_words(advice: Advice, _: Translator) -> str:
    return _(STAGES[advice.next_stage]) if advice.next_stage else _("none")


# ---- A domain's next step


def standing(found: DomainReport, *, language: str) -> str:
    """Whether the next step can be taken, in a few words."""
    _ = translator(language)
    if found.advice.step_down:
        return _("act today")
    if found.advice.next_stage is None or _is_protected(found):
        return _("protected") if _is_protected(found) else _("cannot be said yet")
    words = {True: _("can be taken now"), False: _("not yet"), None: _("cannot be said yet")}
    return words[found.advice.ready]


def condition(found: DomainReport, *, language: str) -> list[str]:
    """What has to be so before the next step: the sentence of each gate that blocks it, with its first possible day."""
    return [_with_day(gate, found.advice, language) for gate in found.advice.blockers]


def _with_day(gate: Gate, advice: Advice, language: str) -> str:
    _ = translator(language)
    words = gate_words(gate, language)
    earliest = earliest_day(gate, advice)
    if earliest is None:
        return words
    return _("%(sentence)s Not before %(day)s.", sentence=words, day=forms.day(language, earliest))


def earliest_day(gate: Gate, advice: Advice) -> int | None:
    """The first UTC day on which a gate that only needs time can pass; None where something else is missing."""
    waited: Any = dict(gate.why[0].values) if gate.why else {}
    if "days" not in waited or "needed" not in waited:
        return None
    return advice.as_of + max(1, int(waited["needed"]) - int(waited["days"]) + 1)


# ---- Parts


def act_words(act: Act, senders: Iterable[Sender], *, language: str) -> str:
    """A decision or consent in words; a sender by its name where it sent mail in the month."""
    _ = translator(language)
    names = {sender.key: sender.name for sender in senders}
    if act.kind == "consent":
        stage = _(STAGES[Stage(act.word)])
        return _("Consent withdrawn: %(stage)s", stage=stage) if act.withdrawn else _("Consent: %(stage)s", stage=stage)
    said = _("%(sender)s: %(decision)s", sender=names.get(act.subject, act.subject), decision=_(DECISIONS[act.word]))
    return _("Withdrawn: %(decision)s", decision=said) if act.withdrawn else said


def _trend(press: Press, found: DomainReport, *, language: str) -> Markup:
    """The chart as SVG. Its texts are our words and dates; vl-convert escapes them."""
    drawn = press.draw(json.dumps(trend(found, language)))
    return Markup(drawn.decode())  # noqa: S704 the chart holds no foreign text


def trend(found: DomainReport, language: str) -> charts.Spec:
    """The alignment chart of the screen, in the size and the font of the page."""
    return {
        **charts.alignment_by_day(found.days, language),
        "width": _CHART_WIDTH,
        "height": _CHART_HEIGHT,
        "config": {"font": FONTS, "axis": {"labelFontSize": 10}, "legend": {"labelFontSize": 10}},
    }


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_visible,
    )


def _visible(value: object) -> object:
    """A text without characters that hide or turn around what stands beside them; several records keep their lines."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "\n".join(map(plain, value.split("\n")))
