"""The only HTML of the pages besides links: how pages look and print, the ladder, a sender's figures, the words of the
file field. No foreign text comes in here.
"""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import streamlit as st

from analysis.customer_words import STAGES
from analysis.stages import CLIMB, Stage
from dashboard import ladder_words, theme
from wording import translator

_LINE = "1px solid rgba(128, 140, 155, .4)"
# A Markdown table is a row of cards, one for each column: label, value, note (`parts.figures`). In a container whose
# key begins like this it is a list (`parts.show_list`).
LIST_KEY = "list_"
_CARD = f"[data-testid=stMarkdownContainer]:not([class*=st-key-{LIST_KEY}] *) table"
_LIST = f"[class*=st-key-{LIST_KEY}] table"
_TABLES = f"""
<style>
{_CARD} {{ table-layout: fixed; width: calc(100% + 2rem); margin: 0 -1rem .75rem;
  border-collapse: separate; border-spacing: 1rem 0; }}
{_CARD} :is(th, td) {{ border: 0; border-inline: {_LINE}; padding: 0 1rem;
  text-align: left; vertical-align: top; font-size: .875rem; line-height: 1.5; overflow-wrap: anywhere; }}
{_CARD} th {{ border-top: {_LINE}; border-radius: 6px 6px 0 0; padding-top: .85rem; font-weight: 400; }}
{_CARD} td {{ opacity: .78; }}
{_CARD} tr:not(:last-child) td {{ opacity: 1; line-height: 1.4; font-size: clamp(1.15rem, 2vw, 1.75rem); }}
{_CARD} td strong {{ font-size: 1rem; font-weight: 600; }}
{_CARD} tr:last-child td {{ border-bottom: {_LINE}; border-radius: 0 0 6px 6px; padding-bottom: .85rem; }}
{_LIST} {{ width: 100%; margin: 0 0 1rem; font-variant-numeric: tabular-nums; }}
{_LIST} :is(th, td) {{ border: 0; border-bottom: {_LINE}; padding: .35rem .75rem; font-size: .875rem; line-height: 1.5;
  overflow-wrap: anywhere; }}
{_LIST} th {{ font-weight: 400; opacity: .78; }}
</style>
"""

_LADDER = """
<style>
.sekisho-ladder { display: flex; gap: 4px; margin: 2px 0 6px; }
.sekisho-ladder span { flex: 1; padding: 5px 8px; border-radius: 4px; font-size: .82rem; line-height: 1.25;
  border: 1px solid rgba(128, 140, 155, .55); }
.sekisho-ladder .reached { background: #0b5cad; border-color: #0b5cad; color: #ffffff; opacity: .62; }
.sekisho-ladder .here { opacity: 1; font-weight: 700; }
.sekisho-ladder .next { border: 2px dashed #c2410c; }
</style>
"""

_SENDER = """
<style>
.sekisho-sender { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.5rem;
  font-size: .875rem; line-height: 1.5; }
.sekisho-sender b { display: block; font-size: 1.5rem; font-weight: 400; line-height: 1.4; }
.sekisho-sender img { display: block; width: 100%; height: 44px; margin-top: .25rem; }
.sekisho-sender small { display: block; font-size: .82rem; opacity: .78; }
@media (min-width: 1200px) { [data-testid=stHorizontalBlock]:has(> div .sekisho-sender) { flex-wrap: nowrap; } }
@media (max-width: 1199px) {
  [data-testid=stHorizontalBlock]:has(> div .sekisho-sender) > :first-child { flex-basis: 100%; } }
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
  [data-testid=stElementToolbar], :not([class*=st-key-class_]) > [data-testid=stExpander]:has(> details:not([open])) {
    display: none !important; }
  [data-testid=stMainBlockContainer] { padding: 0 !important; max-width: none !important; zoom: .7; }
  [data-testid=stVegaLiteChart], [data-testid=stDataFrame], [data-testid=stMarkdown] table, [data-testid=stAlert],
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
    st.html(f'<div class="sekisho-ladder" role="img" aria-label="{escape(spoken)}">{rungs}</div>')


def _rung(each: Stage, reached: bool, stage: Stage | None, next_stage: Stage | None, language: str) -> str:
    here = each == stage or (each == Stage.REJECT and stage == Stage.PARKED)
    classes = [word for word, holds in (("reached", reached), ("here", here), ("next", each == next_stage)) if holds]
    word = translator(language)(STAGES[Stage.PARKED if here and stage == Stage.PARKED else each])
    return f'<span class="{" ".join(classes)}">{escape(word)}</span>'


def show_sender(left: tuple[str, str], right: tuple[str, str], lines: Sequence[str], trend: str) -> None:
    """Two numbers, each with its label before it, `lines` under the right one and a picture of `bars` under the left.

    One element, where a list of senders would need ten for each.
    """
    first, second = (f"{escape(label)}<b>{escape(value)}</b>" for label, value in (left, right))
    small = "".join(f"<small>{escape(line)}</small>" for line in lines)
    st.html(f'<div class="sekisho-sender"><div>{first}{trend}</div><div>{second}{small}</div></div>', width=400)


def bars(values: Sequence[int], spoken: str) -> str:
    """Numbers as a picture of bars, the first one at the left; `spoken` is what it says without being seen."""
    most = max(values, default=0) or 1
    drawn = "".join(
        f'<rect x="{place}" y="{100 - height:.1f}" width=".8" height="{height:.1f}"/>'
        for place, height in enumerate(100 * value / most for value in values)
        if height
    )
    box = f'viewBox="0 0 {max(len(values), 1)} 100" preserveAspectRatio="none" fill="{theme.GREY}"'
    # Streamlit takes elements of SVG out of HTML, but not a picture that is one.
    picture = quote(f'<svg xmlns="http://www.w3.org/2000/svg" {box}>{drawn}</svg>', safe="")
    return f'<img alt="{escape(spoken)}" title="{escape(spoken)}" src="data:image/svg+xml,{picture}">'


def page_style() -> None:
    """How every page looks beyond its theme, and how it prints: without controls, whole, on A4."""
    st.html(_PAGE + _TABLES + _LADDER + _SENDER + _PRINT)


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
