"""Any SPF, DKIM or DMARC text: what is wrong with it, how it should read, what it means. Nothing of the store is shown.

Everything on the page follows from the pasted text alone, which is a stranger's and drawn as text only.
"""

import streamlit as st

from analysis.records.explain import Part, explain
from analysis.records.findings import Finding, Severity
from analysis.records.lint import MOST_CHARACTERS, Kind, Linted, lint
from dashboard import parts, session
from dashboard.session import Visit
from dashboard.tables import Column, table
from dashboard.text import md, plain
from wording import later, translator

# Longer texts stay out of the address, which browsers and proxies cut.
LONGEST_IN_ADDRESS = 500
KINDS = {Kind.SPF: "SPF", Kind.DMARC: "DMARC", Kind.DKIM: "DKIM"}
EXAMPLES = (
    ("SPF", "v=spf1 +ipv4:203.0.113.5 include:_spf.example.com"),
    ("DMARC", "v=DMARC1; p=none; rua=dmarc@example.jp"),
    ("DKIM", "v=DKIM1; k=rsa; p="),
)
MARKS = {
    Severity.ERROR: (later("Error"), ":material/error:", "red"),
    Severity.WARNING: (later("Warning"), ":material/warning:", "orange"),
    Severity.INFO: (later("For information"), ":material/info:", "blue"),
}


def render(visit: Visit) -> None:
    """Draw the field, and under it what there is to say about the text."""
    _ = translator(visit.language)
    parts.page_head(
        visit,
        _("Check a record"),
        _("Paste an SPF, DKIM or DMARC record. Nothing is looked up and nothing is stored: only the text is judged."),
    )
    text = _field(visit)
    if text.strip():
        _show_judgement(visit, text, lint(text))
    else:
        _show_examples(visit)


def _field(visit: Visit) -> str:
    _ = translator(visit.language)
    written = st.query_params.get("record")
    if written is not None and st.session_state.get("record") is None:
        st.session_state["record"] = written[:MOST_CHARACTERS]
    found = st.text_area(
        _("Text of the record"),
        key="record",
        height=120,
        max_chars=MOST_CHARACTERS,
        placeholder="v=spf1 include:_spf.example.com ~all",
        on_change=_keep_short_text,
    )
    st.button(_("Check"), type="primary", key="check", icon=":material/fact_check:")
    return found or ""


def _keep_short_text() -> None:
    text = st.session_state["record"] or ""
    if 0 < len(text) <= LONGEST_IN_ADDRESS:
        st.query_params["record"] = text
    else:
        st.query_params.pop("record", None)


def _show_examples(visit: Visit) -> None:
    _ = translator(visit.language)
    st.caption(_("Quotation marks and line breaks of a zone file may stay. To see how it works, take an example:"))
    with st.container(horizontal=True):
        for kind, text in EXAMPLES:
            st.button(kind, key=f"example_{kind}", on_click=_take, args=(text,))


def _take(text: str) -> None:
    st.session_state["record"] = text
    st.query_params["record"] = text


def _show_judgement(visit: Visit, text: str, linted: Linted) -> None:
    _ = translator(visit.language)
    _show_verdict(visit, linted)
    if linted.findings:
        st.subheader(_("Findings"), anchor=False)
        for finding in linted.findings:
            _show_finding(visit, text, finding)
    _show_corrected(visit, text, linted)
    explained = explain(linted.corrected or text)
    if explained:
        _show_meaning(visit, explained)


def _show_verdict(visit: Visit, linted: Linted) -> None:
    _ = translator(visit.language)
    kind = KINDS.get(linted.kind)
    if kind is None:
        st.error(_("This is no SPF, DMARC or DKIM record."), icon=":material/help:")
    elif not linted.valid:
        st.error(_("%(kind)s: receivers do not use this record as it is meant.", kind=kind), icon=":material/error:")
    elif linted.findings:
        st.warning(_("%(kind)s: the record works, but see below.", kind=kind), icon=":material/warning:")
    else:
        st.success(_("%(kind)s: nothing is wrong with this text.", kind=kind), icon=":material/check_circle:")


def _show_corrected(visit: Visit, text: str, linted: Linted) -> None:
    _ = translator(visit.language)
    if linted.kind == Kind.UNKNOWN or linted.corrected == text.strip():
        return
    st.subheader(_("Corrected record"), anchor=False)
    if linted.corrected is None:
        st.write(_("What to write cannot be known from the text alone; the findings say what is missing."))
        return
    st.code(linted.corrected, language=None, wrap_lines=True)
    st.caption(_("How strict the policy is stays as it was: that is the owner's decision."))


def _show_finding(visit: Visit, text: str, finding: Finding) -> None:
    _ = translator(visit.language)
    word, icon, colour = MARKS[finding.severity]
    with st.container(border=True, gap="xsmall"):
        st.markdown(f":{colour}-badge[{icon} {_(word)}] **{finding.id}** {md(finding.sentence(visit.language))}")
        if finding.at is not None:
            start, end = finding.at
            st.caption(_("Characters %(first)s to %(last)s:", first=start + 1, last=end))
            st.code(plain(text[start:end]), language=None, wrap_lines=True)


def _show_meaning(visit: Visit, explained: tuple[Part, ...]) -> None:
    _ = translator(visit.language)
    st.subheader(_("What it means"), anchor=False)
    columns: list[Column[Part]] = [
        Column("part", st.column_config.TextColumn(_("Part"), width="medium"), lambda part: plain(part.text)),
        Column("meaning", st.column_config.TextColumn(_("Meaning"), width="large"), lambda part: _meaning(visit, part)),
    ]
    parts.show_table(table(explained, columns), key="meaning", alt=_("What it means"))


def _meaning(visit: Visit, part: Part) -> str:
    return translator(visit.language)(part.says, value=plain(part.value))


if __name__ == "__main__":
    render(session.enter())
