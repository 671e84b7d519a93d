"""What the watch of the night found, for staff: what is open, the gravest first, with its evidence and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from analysis.event_words import KINDS, SEVERITY_NAMES, kind_name, severity_name
from analysis.events import Event
from dashboard import answers_events, paging, parts, session
from dashboard.office_tables import moment
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.tables import Column, table
from dashboard.text import md, plain
from wording import forms, later, translator

VIEWS = Path(__file__).parent
EVERY, OPEN, PAST, UNASSIGNED = "all", "open", "past", "-"
FILTERS = ("find", "state", "severity", "kind", "customer")
PAGE_ROWS = 20
_LAST_FILTERS = "events_filters"
COLOURS = {"incident": "red", "misconfiguration": "orange", "change": "blue", "noise": "gray"}
ICONS = {
    "incident": ":material/e911_emergency:",
    "misconfiguration": ":material/build:",
    "change": ":material/change_circle:",
    "noise": ":material/info:",
}
# The section of the domain's page that shows more.
TABS = {
    "own-mail-held": "next",
    "complaint": "next",
    "step-due": "next",
    "record-broken": "records",
    "record-changed": "records",
    "domain-silent": "reports",
    "spoofing-wave": "senders",
}
SENDER_KINDS = ("sender-fell", "sender-fails", "new-sender")
EVIDENCE = {
    "name": later("Name"),
    "day": later("Day (UTC)"),
    "days": later("Days"),
    "messages": later("Messages"),
    "passed": later("Passed"),
    "messages_before": later("Messages before"),
    "passed_before": later("Passed before"),
    "usual": later("Usual"),
    "habit": later("Longest pause before, days"),
    "before": later("Before"),
    "after": later("After"),
    "finding": later("Finding"),
    "note": later("Note"),
    "names": later("Senders"),
    "reporters": later("Reporters"),
}


def render(visit: Visit) -> None:
    """Draw the events in one of their states: none at all, none that passes the filters, or the list."""
    _ = translator(visit.language)
    parts.page_head(
        visit,
        _("Events"),
        _("What the nightly watch found. Times are those of %(zone)s, days are UTC days.", zone=_zone()),
    )
    found = answers_events.recent(visit.scope)
    if not found:
        _show_nothing(visit)
        return
    parts.figures(_figures(visit, found))
    chosen = _chosen(visit, found)
    if chosen:
        _show_page(visit, chosen)
    else:
        _show_no_match(visit, len(found))


def matching(
    rows: Iterable[Event], language: str, *, find: str, state: str, severity: str, kind: str, customer: str
) -> list[Event]:
    """The events that pass every filter; EVERY lets all pass, UNASSIGNED those of nobody."""
    wanted = find.strip().casefold()
    return [
        row
        for row in rows
        if wanted in f"{row.domain or ''}\n{row.customer or ''}\n{row.sentence.words(language)}".casefold()
        and state in (EVERY, OPEN if row.is_open else PAST)
        and severity in (EVERY, row.severity)
        and kind in (EVERY, row.kind)
        and customer in (EVERY, UNASSIGNED if row.customer is None else row.customer)
    ]


def target(event: Event) -> tuple[str, str, dict[str, str]]:
    """Where to see more of an event: the view's file, the key of the link's words, the fields of its address."""
    if event.domain is None:
        return "ingest.py", later("See who went silent"), {"tab": "silent"}
    if event.kind in SENDER_KINDS and event.subject:
        return "sender.py", later("Open the sender"), {"domain": event.domain, "sender": event.subject}
    return "domain.py", later("Open the domain"), {"domain": event.domain, "tab": TABS.get(event.kind, "alignment")}


def _figures(visit: Visit, found: Sequence[Event]) -> list[Figure]:
    _ = translator(visit.language)
    still = [event.severity for event in found if event.is_open]
    return [
        Figure(
            severity_name(visit.language, severity), forms.number(visit.language, still.count(severity)), _("open now")
        )
        for severity in SEVERITY_NAMES
    ]


def _chosen(visit: Visit, found: Sequence[Event]) -> list[Event]:
    _ = translator(visit.language)
    states = {OPEN: _("open"), PAST: _("past"), EVERY: _("all")}
    severities = {each: severity_name(visit.language, each) for each in SEVERITY_NAMES}
    kinds = {each: kind_name(visit.language, each) for each in KINDS}
    customers = {name: md(name) for name in sorted({event.customer for event in found if event.customer})}
    choose = partial(parts.choose_in_list, usual=EVERY)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        find = parts.find_text(_("Find"), _("Domain, customer or words"), key="find")
        severity = choose(_("Severity"), {EVERY: _("all severities"), **severities}, key="severity")
        kind = choose(_("Kind"), {EVERY: _("all kinds"), **kinds}, key="kind")
        customer = choose(
            _("Customer"), {EVERY: _("all customers"), **customers, UNASSIGNED: _("unassigned")}, key="customer"
        )
        state = parts.choose_one(_("State"), states, usual=OPEN, key="state")
    return matching(found, visit.language, find=find, state=state, severity=severity, kind=kind, customer=customer)


def _show_page(visit: Visit, rows: Sequence[Event]) -> None:
    _ = translator(visit.language)
    first = min(_page_start(), len(rows) - 1)
    shown = rows[first : first + PAGE_ROWS]
    count = partial(forms.number, visit.language)
    st.caption(
        _(
            "%(first)s to %(last)s of %(total)s events, the gravest first. Past ones are kept here for %(days)s days.",
            first=count(first + 1),
            last=count(first + len(shown)),
            total=count(len(rows)),
            days=answers_events.PAST_DAYS,
        )
    )
    for event in shown:
        _show_event(visit, event)
    paging.buttons(visit, "from", (first + PAGE_ROWS,) if first + PAGE_ROWS < len(rows) else None)


def _page_start() -> int:
    """The page of the address; other filters begin anew."""
    filters = parts.address_of(*FILTERS)
    if st.session_state.get(_LAST_FILTERS, filters) != filters:
        st.query_params.pop("from", None)
    st.session_state[_LAST_FILTERS] = filters
    return paging.start("from") or 0


def _show_event(visit: Visit, event: Event) -> None:
    _ = translator(visit.language)
    severity, kind = severity_name(visit.language, event.severity), kind_name(visit.language, event.kind)
    badge = f":{COLOURS[event.severity]}-badge[{ICONS[event.severity]} {severity}]"
    whose = " · ".join(md(each) for each in (event.domain, event.customer) if each)
    with st.container(border=True, gap="xsmall"):
        st.markdown(f"{badge} **{kind}** {whose}")
        st.markdown(md(event.sentence.words(visit.language)))
        to_do = _("What to do:")
        st.markdown(f"**{to_do}** {md(event.advice.words(visit.language))}")
        with st.container(horizontal=True, vertical_alignment="center"):
            file, words, query = target(event)
            st.page_link(VIEWS / file, label=_(words), icon=":material/arrow_forward:", query_params=query)
            st.caption(_lasting(visit, event), width="stretch")
        with st.expander(_("Evidence")):
            _show_evidence(visit, event)


def _lasting(visit: Visit, event: Event) -> str:
    _ = translator(visit.language)
    opened, seen = moment(event.opened_at, _zone()), moment(event.seen_at, _zone())
    if event.closed_at is None:
        return _("Open since %(opened)s, last seen %(seen)s", opened=opened, seen=seen)
    return _("From %(opened)s until %(closed)s", opened=opened, closed=moment(event.closed_at, _zone()))


def _show_evidence(visit: Visit, event: Event) -> None:
    _ = translator(visit.language)
    columns: list[Column[tuple[str, str]]] = [
        Column("what", st.column_config.TextColumn(_("Evidence"), width="medium"), lambda row: row[0]),
        Column("value", st.column_config.TextColumn(_("Value"), width="large"), lambda row: row[1]),
    ]
    rows = facts(event.evidence, visit.language)
    parts.show_table(table(rows, columns), key=f"evidence_{event.id}", alt=_("Evidence"))


def facts(evidence: Mapping[str, object], language: str) -> list[tuple[str, str]]:
    """The figures of an event that have a name, each with its value in the reader's habit."""
    _ = translator(language)
    found = [(word, evidence[name]) for name, word in EVIDENCE.items() if evidence.get(name) is not None]
    return [
        (_(word), forms.number(language, value) if type(value) is int else plain(str(value))) for word, value in found
    ]


def _show_nothing(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("There is no event"), anchor=False)
    st.write(_("The watch is a step of the nightly run. What it finds stands here from then on."))
    st.code("sekisho nightly", language=None)


def _show_no_match(visit: Visit, total: int) -> None:
    _ = translator(visit.language)
    st.subheader(_("No event passes the filters"), anchor=False)
    st.write(
        _(
            "None of %(total)s events does. Clear some filters, or choose “all”.",
            total=forms.number(visit.language, total),
        )
    )
    st.button(_("Clear the filters"), key="clear_filters", on_click=_clear)


def _clear() -> None:
    for key in (*FILTERS, "from"):
        st.query_params.pop(key, None)


def _zone() -> str:
    return session.settings_in_use().time_zone


if __name__ == "__main__":
    render(session.enter())
