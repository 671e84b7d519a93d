"""A domain's section "Senders": who sends in its name in four classes, what is wrong, what staff decides."""

from functools import partial
from pathlib import Path

import streamlit as st

from analysis.customer_words import SENDER_KINDS
from analysis.frames import Period, Scope
from analysis.sender_board import BOUNCES, FIX, FORWARDED, OK, OTHERS, Board, Entry, Group
from analysis.senders import Sender
from dashboard import answers_senders, domain_parts, markup, parts, said, sender_parts, sender_tables, table_files
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.tables import Table
from dashboard.text import md, strong
from wording import forms, later, translator

SENDER_VIEW = Path(__file__).parent / "sender.py"
ASKING = (FIX, OTHERS)
# So many senders of a class are drawn at first, and so many more at each click: each costs time at every click.
FIRST, MORE = {FIX: 3, OTHERS: 2, OK: 3, FORWARDED: 3, BOUNCES: 3}, 20
# So many of them are seen before scrolling.
FIRST_SCREEN = 2
ABOUT = {
    FIX: later("Mail of the customer that fails. Repair it before the next step, or it will be lost."),
    OTHERS: later(
        "Nobody has confirmed these. Ask the customer about services that it may use; impostors need no action."
    ),
    OK: later("Mail of the customer that passes DMARC."),
    FORWARDED: later("Passed on by somebody else: SPF fails there as a rule. Nothing to do."),
    BOUNCES: later("Error messages and automatic replies without an envelope sender. Nothing to do."),
}


def show(visit: Visit, name: str, period: Period) -> None:
    """Draw the senders of the period, class by class, or say that there is none."""
    said.show(visit)
    found = answers_senders.board(visit.scope, name, period)
    if found is None:
        return
    if not found.entries:
        domain_parts.show_silence(visit, name, period, found.last_report_end)
        return
    _ = translator(visit.language)
    parts.figures([_figure(visit, found.group(each)) for each in (OK, FIX, FORWARDED, OTHERS)])
    domain_parts.show_counted(visit, period)
    language = sender_parts.choose_repair_language(visit, (entry.sender for entry in found.entries))
    filled = [group for group in found.groups if group.entries]
    for group in filled:
        # What asks for nobody is folded, where there is something that does.
        if group.id in ASKING or group is filled[0]:
            _show_class(visit, found, group, language)
        else:
            _show_folded(visit, found, group, language)
    _show_table(visit, found)


def _figure(visit: Visit, group: Group) -> Figure:
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    messages = _(
        "%(count)s messages, %(passed)s passed", count=count(group.rate.messages), passed=count(group.rate.passed)
    )
    asked = _("to ask about: %(count)s", count=count(group.candidates))
    note = f"{messages} · {asked}" if group.candidates else messages
    return Figure(_(sender_tables.CLASSES[group.id]), count(len(group.entries)), note)


def _show_class(visit: Visit, found: Board, group: Group, language: str) -> None:
    """A class of senders under its heading; the texts to copy are in `language`."""
    st.subheader(_heading(visit, group), anchor=False)
    _show_cards(visit, found, group, language)


def _show_folded(visit: Visit, found: Board, group: Group, language: str) -> None:
    """A class of senders that is drawn where it is opened; at first where the mail speaks against a decision."""
    doubted = any(entry.sender.decision and entry.sender.decision.contradiction for entry in group.entries)
    folded = st.expander(_heading(visit, group), expanded=doubted, key=f"class_{group.id}", on_change="rerun")
    if folded.open:
        with folded:
            _show_cards(visit, found, group, language)


def _heading(visit: Visit, group: Group) -> str:
    word = translator(visit.language)(sender_tables.CLASSES[group.id])
    return f"{word} ({forms.number(visit.language, len(group.entries))})"


def _show_cards(visit: Visit, found: Board, group: Group, language: str) -> None:
    _ = translator(visit.language)
    st.caption(_(ABOUT[group.id]))
    shown = st.session_state.get(_shown_key(found, group), FIRST[group.id])
    left = len(group.entries) - shown
    edge = found.entries[:FIRST_SCREEN][-1]
    for entry in group.entries if left == 1 else group.entries[:shown]:
        _show_card(visit, found, entry, language)
        if entry is edge:
            domain_parts.let_draw(30)
    if left > 1:
        st.button(
            _("Show %(count)s more", count=forms.number(visit.language, min(left, MORE))),
            key=f"more_{group.id}",
            icon=":material/expand_more:",
            on_click=_show_more,
            args=(_shown_key(found, group), shown + MORE),
        )


def _shown_key(found: Board, group: Group) -> str:
    return f"shown {found.domain} {group.id}"


def _show_more(key: str, count: int) -> None:
    st.session_state[key] = count


# ---- One sender


def _show_card(visit: Visit, found: Board, entry: Entry, language: str) -> None:
    sender = entry.sender
    with st.container(border=True, gap="small", key=f"card_{sender_parts.key_of(sender.key)}"):
        # Both buttons stand here, too: a row of their own would be felt at every click.
        with st.container(horizontal=True, gap="medium"):
            st.markdown(_words(visit, sender), width="stretch")
            _show_figures(visit, found, entry)
            sender_parts.show_decide(visit, found.domain, sender)
            _show_link(visit, found, sender)
        sender_parts.show_contradiction(visit, sender)
        sender_parts.show_repair(sender, language)


def _words(visit: Visit, sender: Sender) -> str:
    """Who it is, the verdict and why (Markdown): one element, as a list has many cards."""
    _ = translator(visit.language)
    kind = _(SENDER_KINDS.get(sender.kind, "unknown"))
    name = f"{strong(md(sender.name))} {sender_parts.verdict_badge(visit, sender.verdict)}"
    seen = sender_parts.small(f"{kind} · {_seen(visit, sender)}")
    return "\n\n".join((name, sender_parts.reason(visit, sender), seen))


def _show_link(visit: Visit, found: Board, sender: Sender) -> None:
    _ = translator(visit.language)
    st.page_link(
        SENDER_VIEW,
        label=_("Details"),
        icon=":material/arrow_forward:",
        query_params={"domain": found.domain, "sender": sender.key, **parts.address_of("period", "since", "until")},
    )


def _seen(visit: Visit, sender: Sender) -> str:
    """When it was seen, and by how many."""
    _ = translator(visit.language)
    return _(
        "%(first)s – %(last)s · days with mail: %(days)s · told by reporters: %(reporters)s",
        first=forms.day(visit.language, sender.first_day),
        last=forms.day(visit.language, sender.last_day),
        days=forms.number(visit.language, sender.days_seen),
        reporters=forms.number(visit.language, sender.reporters),
    )


def _show_figures(visit: Visit, found: Board, entry: Entry) -> None:
    _ = translator(visit.language)
    count, sender = partial(forms.number, visit.language), entry.sender
    trend = _("Messages per day") if found.days_per_point == 1 else _("Messages per week")
    whole = count(sender.messages)
    lines = (
        _("Passed %(count)s / %(all)s", count=count(sender.passed), all=whole),
        _("DKIM aligned %(count)s / %(all)s", count=count(sender.dkim_aligned), all=whole),
        _("SPF aligned %(count)s / %(all)s", count=count(sender.spf_aligned), all=whole),
    )
    spoken = _("%(what)s of the period, at most %(most)s.", what=trend, most=count(max(entry.trend, default=0)))
    markup.show_sender(
        (_("Messages"), whole),
        (_("Pass rate"), forms.share(visit.language, sender.passed, sender.messages)),
        lines,
        markup.bars(entry.trend, spoken),
    )


# ---- All of them


def _show_table(visit: Visit, found: Board) -> None:
    _ = translator(visit.language)
    exact = st.expander(_("All senders in one table"), key="senders_exact", on_change="rerun", icon=":material/table:")
    if exact.open:
        with exact:
            parts.show_table(sender_tables.board(found, visit.language), key="senders", alt=_("Senders"))
            make = partial(_file_table, found.domain, found.period, visit.language)
            table_files.table_button(visit, found.domain, found.period, "sender_list", make, key="senders_csv")
            st.caption(_("Every address of the period, with its sender, as a file:"))
            domain_parts.show_csv(visit, found.domain, found.period, "sources", key="sources_csv")


def _file_table(name: str, period: Period, language: str, scope: Scope) -> Table | None:
    found = answers_senders.board(scope, name, period)
    return None if found is None else sender_tables.board(found, language)
