"""Pieces about one sender that the list of senders and the sender's own page share: verdict, reason, repair, decision.

Everything that names a sender is foreign text.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Literal

import streamlit as st

from analysis.sender_board import repair_text
from analysis.senders import Decided, Sender
from dashboard import parts, said, sender_changes
from dashboard.said import Said
from dashboard.sender_tables import DECISIONS, VERDICTS
from dashboard.session import Visit
from dashboard.text import md
from store.decisions import NOTE_LENGTH
from store.office import OfficeError
from wording import forms, later, translator

COLOURS: dict[str, Literal["blue", "orange", "gray", "violet"]] = {
    "ours-ok": "blue",
    "ours-fix": "orange",
    "candidate": "violet",
    "impostor": "orange",
}
ICONS = {
    "ours-ok": ":material/check_circle:",
    "ours-fix": ":material/build:",
    "forwarded": ":material/forward:",
    "bounce": ":material/reply:",
    "candidate": ":material/help:",
    "impostor": ":material/block:",
    "unknown": ":material/question_mark:",
}
# Words of the buttons, in the order of store.schema.DECISIONS.
_BUTTONS = {
    "ours": later("The customer's own"),
    "not-ours": later("Not the customer's"),
    "forwarder": later("A forwarder"),
}
_LANGUAGES = {"ja": "日本語", "en": "English"}


def may_decide(visit: Visit) -> bool:
    """Whether the visitor sees the buttons; the write looks at the role once more."""
    return visit.visitor.role in sender_changes.STAFF


def key_of(sender: str) -> str:
    """A sender's key in the name of a field: the key itself may hold anything."""
    return sha256(sender.encode()).hexdigest()[:12]


def verdict_badge(visit: Visit, verdict: str) -> str:
    """The verdict in a word, a colour and a sign (Markdown)."""
    word = translator(visit.language)(VERDICTS[verdict])
    return f":{COLOURS.get(verdict, 'gray')}-badge[{ICONS[verdict]} {word}]"


def small(markdown: str) -> str:
    """Markdown that says less than what stands beside it."""
    return f":small[:gray[{markdown}]]"


def reason(visit: Visit, sender: Sender) -> str:
    """Why the verdict is what it is, how the addresses divide, and what was decided (Markdown)."""
    _ = translator(visit.language)
    why = md(sender.judgement.why(visit.language))
    said = [f":material/contact_support: **{why}**" if sender.verdict == "candidate" else why]
    if len(sender.split) > 1:
        shares = (f"{_(VERDICTS[verdict])} {forms.number(visit.language, each)}" for verdict, each in sender.split)
        said.append(small(_("Messages by the verdict of their address: %(shares)s.", shares=md(" · ".join(shares)))))
    if sender.decision:
        said.append(small(_decision(visit, sender.decision)))
    return "\n\n".join(said)


def _decision(visit: Visit, decided: Decided) -> str:
    _ = translator(visit.language)
    word = _(DECISIONS[decided.decision])
    day = forms.day(visit.language, decided.at // 86_400)
    if not may_decide(visit):
        return _("Decided: %(decision)s (%(day)s).", decision=word, day=day)
    words = _("Decided: %(decision)s (%(by)s, %(day)s).", decision=word, by=md(decided.by), day=day)
    return f"{words} {md(decided.note)}"


def show_contradiction(visit: Visit, sender: Sender) -> None:
    """What the mail says against the decision, where it does."""
    if sender.decision and sender.decision.contradiction:
        st.warning(md(sender.decision.contradiction.why(visit.language)), icon=":material/warning:")


def choose_repair_language(visit: Visit, senders: Iterable[Sender]) -> str:
    """The language of the texts to copy: the reader's until another is chosen; no choice where there is no text."""
    if not any(sender.repairs for sender in senders):
        return visit.language
    _ = translator(visit.language)
    return parts.choose_one(_("Language of the repairs to copy"), _LANGUAGES, usual=visit.language, key="repair")


def show_repair(sender: Sender, language: str) -> None:
    """What to do, to copy."""
    if sender.repairs:
        st.code(repair_text(sender.repairs, language), language=None, wrap_lines=True)


def show_decide(visit: Visit, domain: str, sender: Sender) -> None:
    """The buttons of staff, with a note; nothing for a customer."""
    if not may_decide(visit):
        return
    _ = translator(visit.language)
    field = key_of(sender.key)
    question = _("Decide") if sender.decision is None else _("Decide anew")
    # The form of every sender of a long list would cost more than the list: it is drawn where it is opened.
    opened = st.popover(question, icon=":material/gavel:", key=f"decide_{field}", on_change="rerun")
    if opened.open:
        with opened:
            _show_form(visit, domain, sender, field)


def _show_form(visit: Visit, domain: str, sender: Sender, field: str) -> None:
    _ = translator(visit.language)
    st.caption(_("A decision wins over every rule. It is kept with your name, the note and today's figures."))
    with st.form(f"decision_{field}", border=False, enter_to_submit=False, width=600):
        note = st.text_input(
            _("Note: who said so, and why"), key=f"note_{field}", max_chars=NOTE_LENGTH, autocomplete="off"
        )
        row = st.container(horizontal=True)
        for word, label in _BUTTONS.items():
            if row.form_submit_button(_(label), key=f"{word}_{field}"):
                _decide(visit, domain, sender, word, note)
        if sender.decision and row.form_submit_button(_("Withdraw"), key=f"withdraw_{field}"):
            _withdraw(visit, domain, sender, note)


def _decide(visit: Visit, domain: str, sender: Sender, word: str, note: str) -> None:
    _ = translator(visit.language)
    if not sender_changes.is_note(note):
        said.say(Said(_("Not decided: write in the note who said so, and why."), done=False))
    try:
        sender_changes.decide(visit, domain, sender.key, word, note)
    except OfficeError as error:
        said.say(said.reason(visit, error))
    words = _("%(sender)s is now decided as: %(decision)s.", sender=md(sender.name), decision=_(DECISIONS[word]))
    said.say(Said(words))


def _withdraw(visit: Visit, domain: str, sender: Sender, note: str) -> None:
    _ = translator(visit.language)
    try:
        sender_changes.withdraw(visit, domain, sender.key, note)
    except OfficeError as error:
        said.say(said.reason(visit, error))
    said.say(Said(_("The decision about %(sender)s was withdrawn.", sender=md(sender.name))))
