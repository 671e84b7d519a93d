"""The only HTML of the pages besides links: how pages look and print, the ladder, the words of the file field."""

from html import escape

import streamlit as st

from analysis.customer_words import STAGES
from analysis.stages import CLIMB, Stage
from dashboard import ladder_words, theme
from wording import translator

_STYLE = """
<style>
.sekisho-ladder { display: flex; gap: 4px; margin: 2px 0 6px; }
.sekisho-ladder span { flex: 1; padding: 5px 8px; border-radius: 4px; font-size: .82rem; line-height: 1.25;
  border: 1px solid rgba(128, 140, 155, .55); }
.sekisho-ladder .reached { background: #0b5cad; border-color: #0b5cad; color: #ffffff; opacity: .62; }
.sekisho-ladder .here { opacity: 1; font-weight: 700; }
.sekisho-ladder .next { border: 2px dashed #c2410c; }
</style>
"""

# Streamlit writes white on the theme's primary colour, which is light in the dark theme: see theme.BUTTON.
_PAGE = f"""
<style>
button[data-testid^=stBaseButton-primary]:not(:disabled) {{
  background-color: {theme.BUTTON}; border-color: {theme.BUTTON}; color: {theme.BUTTON_WORDS}; }}
button[data-testid^=stBaseButton-primary]:is(:hover, :focus-visible):not(:disabled) {{
  background-color: {theme.PASS}; border-color: {theme.PASS}; }}
[data-testid=stMain] h1 {{ padding-top: .25rem; }}
@media (max-width: 1600px) {{ [data-testid=stMainBlockContainer] {{ padding-left: 2.5rem; padding-right: 2.5rem; }} }}
@media (max-width: 1000px) {{ [data-testid=stMainBlockContainer] {{ padding-left: 1.25rem; padding-right: 1.25rem; }} }}
</style>
"""

_PRINT = """
<style>
@media print {
  @page { size: A4 landscape; margin: 11mm; }
  html, body, #root, .stApp, .stApp > *, [data-testid=stAppViewContainer], [data-testid=stMain] {
    position: static !important; overflow: visible !important; height: auto !important; }
  [data-testid=stHeader], [data-testid=stToolbar], [data-testid=stPopover], [data-testid=stButtonGroup],
  [data-testid=stButton], [data-testid=stDownloadButton], [data-testid=stPageLink], [data-testid=stDateInput],
  [data-testid=stSelectbox], [data-testid=stTextInput], [data-testid=stForm], [data-testid=stStatusWidget],
  [data-testid=stElementToolbar], [data-testid=stExpander]:has(> details:not([open])) { display: none !important; }
  [data-testid=stMainBlockContainer] { padding: 0 !important; max-width: none !important; zoom: .7; }
  [data-testid=stVegaLiteChart], [data-testid=stDataFrame], [data-testid=stMetric], [data-testid=stAlert],
  .sekisho-ladder, [class*=st-key-card_], [data-testid=stHorizontalBlock] { break-inside: avoid; }
  [data-testid=stElementContainer]:has(h2, h3),
  [data-testid=stElementContainer]:has(h2, h3) + [data-testid=stElementContainer] { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
</style>
"""


def show_ladder(stage: Stage | None, next_stage: Stage | None, language: str) -> None:
    """The rungs of the ladder: those reached, the one where the domain stands, the next one."""
    _ = translator(language)
    reached = ladder_words.rung(stage)
    rungs = "".join(_rung(each, number < reached, stage, next_stage, language) for number, each in enumerate(CLIMB))
    words = _(STAGES[stage]) if stage else _("not known")
    spoken = _("Stage: %(stage)s, rung %(reached)s of %(all)s", stage=words, reached=reached, all=len(CLIMB))
    st.html(f'{_STYLE}<div class="sekisho-ladder" role="img" aria-label="{escape(spoken)}">{rungs}</div>')


def _rung(each: Stage, reached: bool, stage: Stage | None, next_stage: Stage | None, language: str) -> str:
    here = each == stage or (each == Stage.REJECT and stage == Stage.PARKED)
    classes = [word for word, holds in (("reached", reached), ("here", here), ("next", each == next_stage)) if holds]
    word = translator(language)(STAGES[Stage.PARKED if here and stage == Stage.PARKED else each])
    return f'<span class="{" ".join(classes)}">{escape(word)}</span>'


def page_style() -> None:
    """How every page looks beyond its theme, and how it prints: without controls, whole, on A4."""
    st.html(_PAGE + _PRINT)


def uploader_words(choose: str, drop: str) -> None:
    """The words of the field for files, which Streamlit has in English only. Both are our own sentences."""
    st.html(
        "<style>[data-testid=stFileUploaderDropzone] > span p,"
        "[data-testid=stFileUploaderDropzoneInstructions] span { font-size: 0; }"
        f"[data-testid=stFileUploaderDropzone] > span p::after {{ content: {_css(choose)}; font-size: 0.95rem; }}"
        f"[data-testid=stFileUploaderDropzoneInstructions] span::after {{ content: {_css(drop)}; font-size: 0.9rem; }}"
        "</style>"
    )


def _css(words: str) -> str:
    """A CSS string (CSS Syntax 3, section 4.3.5) that cannot end its style sheet."""
    return '"' + "".join(each if each.isalnum() else f"\\{ord(each):x} " for each in words) + '"'
