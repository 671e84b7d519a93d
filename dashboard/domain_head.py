"""The head of a domain's page: stage, what it waits for, the policy by DNS and by reports, what can be seen of it."""

from functools import partial
from pathlib import Path

import streamlit as st

from analysis.customer_words import STAGES
from analysis.domain_head import DomainHead
from analysis.queue import State
from analysis.records import tags
from analysis.stages import Stage
from dashboard import domain_changes, ladder_words, markup, parts, tables
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.text import md
from wording import forms, translator

EVENTS_VIEW = Path(__file__).parent / "views" / "events.py"


def show(visit: Visit, head: DomainHead) -> None:
    """Draw the head; it is the same above every section."""
    parts.page_head(visit, md(head.domain), _about(visit, head))
    markup.show_ladder(*stages_of(head), visit.language)
    _show_state(visit, head)
    _show_events(visit, head)
    notes = [_dns(visit, head), _reports(visit, head), _coverage(visit, head), _own_mail(visit, head)]
    parts.figures(notes, small=True)


def stages_of(head: DomainHead) -> tuple[Stage | None, Stage | None]:
    """Where the domain stands, and the next stage."""
    stage, following = (Stage(word) if word else None for word in (head.standing.stage, head.standing.next_stage))
    return stage, following


def _about(visit: Visit, head: DomainHead) -> str:
    _ = translator(visit.language)
    owner = md(head.standing.customer) if head.standing.customer else _("unassigned")
    last = md(tables.last_report_words(head.last_report_end, visit.today, visit.language))
    return _("%(owner)s · last report: %(last)s", owner=owner, last=last)


def _show_state(visit: Visit, head: DomainHead) -> None:
    """What the domain waits for, in one sentence."""
    box, icon = {
        State.INCIDENT: (st.error, ":material/emergency_home:"),
        State.READY: (st.success, ":material/check_circle:"),
        State.BLOCKED: (st.warning, ":material/front_hand:"),
        State.NO_REPORTS: (st.info, ":material/visibility_off:"),
        State.DONE: (st.success, ":material/verified_user:"),
    }[head.state]
    box(state_words(visit, head), icon=icon)


def _show_events(visit: Visit, head: DomainHead) -> None:
    """The way to the domain's open events, for those who may see them."""
    _ = translator(visit.language)
    if head.open_events and visit.visitor.role in domain_changes.STAFF:
        words = _("Open events of this domain: %(count)s", count=head.open_events)
        st.page_link(EVENTS_VIEW, label=words, icon=":material/notifications:", query_params={"find": head.domain})


def state_words(visit: Visit, head: DomainHead) -> str:
    """What the domain waits for, in one sentence (Markdown)."""
    _ = translator(visit.language)
    standing = head.standing
    _now, following = stages_of(head)
    step = _(STAGES[following]) if following else ""
    if head.state == State.READY:
        return md(_("Ready for the next step: %(stage)s. The record stands in the section “Next step”.", stage=step))
    if head.state == State.DONE:
        return md(_("The domain is protected: it stands at the top of the ladder."))
    if standing.blocker is None:
        return md(_("No report of the last 30 days tells of this domain, so nothing can be judged."))
    first = ladder_words.short_why(standing.blocker, visit.language, customer=visit.visitor.role == "customer")
    if head.state == State.INCIDENT:
        return md(first)
    more = standing.blockers - 1
    others = _("And %(count)s more.", count=more)
    words = _("Not ready for %(stage)s: %(why)s", stage=step, why=first)
    return md(f"{words} {others}" if more else words)


def _dns(visit: Visit, head: DomainHead) -> Figure:
    """What the last look at DNS found."""
    _ = translator(visit.language)
    live = head.live
    if live.looked_at is None:
        customer = visit.visitor.role == "customer"
        note = _("we look it up every night") if customer else _("Run “sekisho check” or wait for the night.")
        return Figure(_("Policy in DNS"), _("not looked up yet"), note)
    looked = _("looked up %(at)s UTC", at=forms.moment(live.looked_at))
    if live.record is None and live.inherited is not None:
        return Figure(_("Policy in DNS"), md(_("that of %(domain)s", domain=live.inherited)), looked)
    return Figure(_("Policy in DNS"), md(record_policy(live.record) or _("no DMARC record")), looked)


def record_policy(record: str | None) -> str:
    """`p=quarantine (sp=none, t=y)` of a record's text; "" of none."""
    if record is None:
        return ""
    found = {tag: tags.value_of(record, tag) for tag in ("p", "sp", "t", "pct")}
    rest = ", ".join(f"{tag}={value}" for tag, value in found.items() if value and tag != "p")
    policy = f"p={found['p'] or '?'}"
    return f"{policy} ({rest})" if rest else policy


def _reports(visit: Visit, head: DomainHead) -> Figure:
    """What reports say was published: a second witness, and an older one."""
    _ = translator(visit.language)
    told = head.witness
    if head.reported is None:
        return Figure(_("Policy in reports"), "—", _("No report yet"))
    policy = md(tables.policy_words(head.reported, _))
    seen = _("newest report of %(day)s", day=forms.day(visit.language, forms.last_day(head.reported.seen_at)))
    if told is None or head.live.stage in (None, told.stage):
        return Figure(_("Policy in reports"), policy, seen)
    since = _("%(day)s: reports lag behind DNS", day=forms.day(visit.language, told.last_day))
    return Figure(_("Policy in reports"), policy, since)


def _coverage(visit: Visit, head: DomainHead) -> Figure:
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    days = _("%(seen)s of %(all)s days", seen=count(head.days_seen), all=count(len(head.period.days)))
    if not head.reporters:
        return Figure(_("Seen in reports"), days, _("no reporter in this time"))
    if len(head.reporters) == 1:
        return Figure(_("Seen in reports"), days, _("%(reporter)s only", reporter=md(head.reporters[0])))
    return Figure(_("Seen in reports"), days, _("%(count)s reporters", count=count(len(head.reporters))))


def _own_mail(visit: Visit, head: DomainHead) -> Figure:
    _ = translator(visit.language)
    messages, passed = head.standing.confirmed_messages, head.standing.confirmed_passed
    share = forms.share(visit.language, passed, messages)
    count = partial(forms.number, visit.language)
    of = _("%(passed)s of %(messages)s in 35 days", passed=count(passed), messages=count(messages))
    return Figure(_("Own mail passed"), share, of)
