"""A domain's section "Next step": what to publish, which gates it needs, what blocks it, and the customer's consent."""

from functools import partial
from typing import Literal

import streamlit as st

from analysis.customer_words import STAGES
from analysis.domain_head import NextStep
from analysis.frames import Period
from analysis.gates import FAIL, PASS, UNKNOWN, Gate
from analysis.ladder import NEEDS
from analysis.records.changes import tag_changes
from analysis.stages import Stage
from dashboard import answers_domain, domain_changes, gate_tables, ladder_words, parts, said, sender_parts
from dashboard.session import Visit
from dashboard.tables import Table
from dashboard.text import md, strong
from store.consents import TEXT_LENGTH, Given
from store.office import OfficeError
from store.schema import CONSENT_STAGES
from wording import forms, translator

COLOURS: dict[str, Literal["blue", "orange", "gray"]] = {PASS: "blue", FAIL: "orange", UNKNOWN: "gray"}
ICONS = {PASS: ":material/check_circle:", FAIL: ":material/cancel:", UNKNOWN: ":material/help:"}


def show(visit: Visit, name: str, period: Period) -> None:  # noqa: ARG001 gates judge days of their own
    """Draw the section."""
    found = answers_domain.next_step(visit.scope, name)
    if found is None:
        return
    said.show(visit)
    drawn = (_show_record, _show_gates) if found.advice.ready else (_show_gates, _show_record)
    for draw in drawn:
        draw(visit, found)
    _show_coverage(visit, found)
    _show_consents(visit, found)


# ---- The record


def _show_record(visit: Visit, found: NextStep) -> None:
    _ = translator(visit.language)
    advice = found.advice
    if advice.next_stage is None:
        st.subheader(_("There is no further step"), anchor=False)
        st.write(_nothing_next(visit, found))
        return
    st.subheader(_("Next step: %(stage)s", stage=_(STAGES[advice.next_stage])), anchor=False)
    if advice.record_next is None:
        st.write(_("The record can be drafted as soon as the live one was looked up in DNS."))
        return
    if not advice.ready:
        st.warning(_("Do not publish this yet: not all gates of this step are passed."), icon=":material/front_hand:")
    now, then = st.columns(2)
    with now:
        st.markdown(_at(_("In DNS now"), f"_dmarc.{found.domain}"))
        st.code(advice.record_now or _("(no record)"), language=None, wrap_lines=True)
    with then:
        st.markdown(_at(_("To publish"), f"_dmarc.{found.domain}"))
        st.code(advice.record_next.record, language=None, wrap_lines=True)
    st.caption(md(_(advice.record_next.reason)))
    _show_changes(visit, found, advice.record_next.record)
    if advice.record_next.spf is not None:
        st.markdown(_at(_("To publish"), found.domain))
        st.code(advice.record_next.spf, language=None, wrap_lines=True)


def _at(words: str, name: str) -> str:
    """A heading (Markdown) for a record at a name in DNS."""
    return f"{strong(words)} · {md(name)} TXT"


def _nothing_next(visit: Visit, found: NextStep) -> str:
    _ = translator(visit.language)
    if found.advice.stage is None:
        return _("Neither DNS nor a report has said yet which policy the domain publishes.")
    return _("The domain stands at the top of the ladder. Watch its events: a new sender has to be set up first.")


def _show_changes(visit: Visit, found: NextStep, drafted: str) -> None:
    _ = translator(visit.language)
    changed = tag_changes(found.advice.record_now, drafted)
    if found.advice.record_now is not None and changed:
        words = _("What changes in the record")
        opened = st.expander(words, key="record_changes", on_change="rerun", icon=":material/difference:")
        if opened.open:
            with opened:
                parts.show_table(gate_tables.changes(changed, visit.language), key="tag_changes", alt=words)


# ---- The gates


def _show_gates(visit: Visit, found: NextStep) -> None:
    _ = translator(visit.language)
    advice = found.advice
    needed = ("Back",) if advice.step_down else NEEDS[advice.next_stage] if advice.next_stage else ()
    now = [gate for gate in advice.gates if gate.id in needed]
    rest = [gate for gate in advice.gates if gate.id not in needed and (gate.id != "Parked" or gate.state == PASS)]
    if now:
        passed = sum(gate.state == PASS for gate in now)
        st.subheader(_("Gates of this step"), anchor=False)
        judged = _("Judged by the mail of 35 days up to %(day)s (UTC).", day=forms.day(visit.language, advice.as_of))
        count = _("%(passed)s of %(all)s passed.", passed=passed, all=len(now))
        st.caption(f"{count} {judged}")
        for gate in sorted(now, key=lambda each: each.state == PASS):
            _show_gate(visit, gate)
    if rest:
        others = st.expander(_("Gates of other steps"), key="other_gates", on_change="rerun", icon=":material/stairs:")
        if others.open:
            with others:
                for gate in rest:
                    _show_gate(visit, gate)


def _show_gate(visit: Visit, gate: Gate) -> None:
    with st.container(border=True, gap="xsmall"):
        st.markdown(_gate_words(visit, gate))
        for number, (title, table) in enumerate(gate_tables.of_gate(gate, visit.language)):
            _show_figures(visit, gate, number, title, table)


def _gate_words(visit: Visit, gate: Gate) -> str:
    """The gate, its state, why, and its single figures (Markdown)."""
    _ = translator(visit.language)
    name = strong(f"{gate.id} · {_(ladder_words.GATES[gate.id])}")
    state = f":{COLOURS[gate.state]}-badge[{ICONS[gate.state]} {_(ladder_words.GATE_STATES[gate.state])}]"
    why = md(ladder_words.why(gate, visit.language, customer=visit.visitor.role == "customer"))
    lines = " · ".join(md(line) for line in gate_tables.lines_of_gate(gate, visit.language))
    return "\n\n".join((f"{name} {state}", why, *([sender_parts.small(lines)] if lines else [])))


def _show_figures(visit: Visit, gate: Gate, number: int, title: str, table: Table) -> None:
    """The rows behind a gate, drawn where they are open: at first where they are what has to be worked off."""
    words = f"{title} ({forms.number(visit.language, len(table.frame))})"
    key = f"gate_{gate.id}_{number}"
    first = gate.state == FAIL and gate.id in ("G2", "Back")
    rows = st.expander(words, expanded=first, key=f"{key}_rows", on_change="rerun", icon=":material/table:")
    if rows.open:
        with rows:
            parts.show_table(table, key=key, alt=title)


# ---- What cannot be seen


def _show_coverage(visit: Visit, found: NextStep) -> None:
    _ = translator(visit.language)
    coverage = found.advice.coverage
    if coverage.silent:
        st.subheader(_("Reporters that went silent"), anchor=False)
        st.caption(
            _("They told of own mail on several days and of none for two weeks. What they receive is not seen now.")
        )
        parts.show_table(
            gate_tables.silent(coverage, visit.language), key="silent", alt=_("Reporters that went silent")
        )
    if coverage.seasonal:
        st.subheader(_("Senders with a season"), anchor=False)
        st.caption(_("They send now and then only. Before a step, wait until each was seen to pass once more, or ask."))
        table = gate_tables.seasonal(coverage, found.facts.own, visit.language)
        parts.show_table(table, key="seasonal", alt=_("Senders with a season"))


# ---- Consent


def _show_consents(visit: Visit, found: NextStep) -> None:
    """The consents that hold; staff can write one down, or take one back."""
    _ = translator(visit.language)
    staff = visit.visitor.role in domain_changes.STAFF
    st.subheader(_("The customer's consent"), anchor=False)
    st.caption(_("A step that treats mail otherwise needs it. It keeps what the reports showed on that day."))
    if not found.facts.consents:
        st.write(_("No consent is recorded."))
    for consent in found.facts.consents.values():
        row = st.container(horizontal=True, vertical_alignment="center")
        words = _(
            "%(stage)s: %(by)s, %(day)s. %(note)s",
            stage=_(STAGES[Stage(consent.stage)]),
            by=consent.by,
            day=forms.day(visit.language, consent.at // 86_400),
            note=consent.note,
        )
        row.markdown(md(words), width="content")
        if staff and row.button(_("Withdraw"), key=f"withdraw_{consent.stage}"):
            _withdraw(visit, found.domain, Stage(consent.stage))
    if staff:
        _show_form(visit, found)


def _show_form(visit: Visit, found: NextStep) -> None:
    _ = translator(visit.language)
    opened = st.expander(_("Record a consent"), key="record_consent", on_change="rerun", icon=":material/approval:")
    if opened.open:
        with opened:
            _show_fields(visit, found)


def _show_fields(visit: Visit, found: NextStep) -> None:
    _ = translator(visit.language)
    wanted = str(found.advice.next_stage)
    with st.form("consent", border=False):
        stage = st.selectbox(
            _("Step"),
            CONSENT_STAGES,
            index=CONSENT_STAGES.index(wanted) if wanted in CONSENT_STAGES else 0,
            format_func=lambda each: _(STAGES[Stage(each)]),
            key="consent_stage",
            width=360,
        )
        by = st.text_input(_("Who of the customer agreed"), max_chars=TEXT_LENGTH, key="consent_by")
        note = st.text_input(
            _("How"), placeholder=_("a mail, a call, a ticket"), max_chars=TEXT_LENGTH, key="consent_note"
        )
        if st.form_submit_button(_("Record the consent"), type="primary"):
            _give(visit, found.domain, Stage(stage), by, note)


def _give(visit: Visit, name: str, stage: Stage, by: str, note: str) -> None:
    _ = translator(visit.language)
    if not (by.strip() and note.strip()):
        st.error(_("Say who agreed, and how."))
        return
    _change(
        visit, partial(domain_changes.give_consent, visit, name, stage, Given(by, note)), _("The consent is recorded.")
    )


def _withdraw(visit: Visit, name: str, stage: Stage) -> None:
    _ = translator(visit.language)
    _change(visit, partial(domain_changes.withdraw_consent, visit, name, stage), _("The consent is withdrawn."))


def _change(visit: Visit, write: partial[None], done: str) -> None:
    try:
        write()
    except OfficeError as error:
        said.say(said.reason(visit, error))
    said.say(said.Said(done))
