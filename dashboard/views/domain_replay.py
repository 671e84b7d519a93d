"""A domain's section "Replay": what a policy would have done to the mail already reported, as a range."""

from dataclasses import dataclass
from functools import partial

import streamlit as st

from analysis.frames import Period, Scope
from analysis.replay import LIMITS, Hit, Policy, Replay
from analysis.replay_record import record_of
from dashboard import answers, answers_replay, domain_parts, parts, replay_tables, table_files
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.tables import Table
from dashboard.text import md, strong
from wording import forms, translator

SAME = "same"
POLICY_FIELDS = ("sp", "np", "adkim", "aspf", "t", "pct")
_POLICIES = {each: f"p={each}" for each in ("none", "quarantine", "reject")}
_PERCENTS = ("100", "75", "50", "25", "10", "0")


def show(visit: Visit, name: str, period: Period) -> None:
    """Draw the choice of a policy and what it would have done in the period."""
    _ = translator(visit.language)
    st.caption(
        _(
            "The same mail once more, under a policy of your choice. Counted are reports that begin in the period; "
            "nothing is published or changed."
        )
    )
    policy = _chosen_policy(visit)
    with st.spinner(_("Replaying the mail of the period …")):
        found = answers_replay.replay(visit.scope, name, policy, period)
    if found is None:
        return
    if not found.messages:
        _show_silence(visit, name, period)
        return
    _show_result(visit, found)
    domain_parts.let_draw(40)
    _show_legitimate(visit, found)
    _show_hits(visit, found)


def _show_silence(visit: Visit, name: str, period: Period) -> None:
    _ = translator(visit.language)
    page = answers.domain(visit.scope, name, period)
    if page is None:
        return
    if page.rate.messages:
        st.subheader(_("The records of this period are not stored any more"), anchor=False)
        st.write(_("A replay needs single records, which go before the daily sums. Choose a later period."))
        return
    domain_parts.show_silence(visit, name, period, page.last_report_end)


# ---- The choice


def _chosen_policy(visit: Visit) -> Policy:
    _ = translator(visit.language)
    p = parts.choose_one(_("Policy"), _POLICIES, usual="reject", key="p")
    more = st.expander(
        _("Sub-domains, alignment, test"),
        expanded=bool(parts.address_of(*POLICY_FIELDS)),
        key="replay_rest",
        on_change="rerun",
        icon=":material/tune:",
    )
    fields = _fields(visit)
    if not more.open:
        return _policy(p, {each.key: parts.chosen_in_address(each.words, each.usual, each.key) for each in fields})
    with more, st.container(horizontal=True):
        return _policy(p, {each.key: _choose(each) for each in fields})


@dataclass(frozen=True, slots=True)
class Field:
    """One more part of a policy: its tag, its label, code -> word, and what it is where nothing was chosen."""

    key: str
    label: str
    words: dict[str, str]
    usual: str
    width: int


def _fields(visit: Visit) -> tuple[Field, ...]:
    _ = translator(visit.language)
    words = {each: each for each in ("none", "quarantine", "reject")}
    modes = {SAME: _("as it was"), "r": _("relaxed (r)"), "s": _("strict (s)")}
    percents = {each: f"{each} %" for each in _PERCENTS}
    return (
        Field("sp", _("Sub-domains (sp)"), {SAME: _("as p"), **words}, SAME, 150),
        Field("np", _("Names that do not exist (np)"), {SAME: _("as sp"), **words}, SAME, 190),
        Field("adkim", _("DKIM alignment (adkim)"), modes, SAME, 170),
        Field("aspf", _("SPF alignment (aspf)"), modes, SAME, 170),
        Field("t", _("Test (t)"), {"n": _("no"), "y": _("yes: one step milder")}, "n", 190),
        Field("pct", _("Share (pct, old receivers)"), percents, "100", 215),
    )


def _choose(field: Field) -> str:
    return parts.choose_in_list(field.label, field.words, usual=field.usual, key=field.key, width=field.width)


def _policy(p: str, rest: dict[str, str]) -> Policy:
    sp, np, adkim, aspf = (_given(rest[each]) for each in ("sp", "np", "adkim", "aspf"))
    return Policy(p, sp, np, adkim, aspf, rest["t"] == "y", int(rest["pct"]))


def _given(chosen: str) -> str | None:
    return None if chosen == SAME else chosen


# ---- The result


def _show_result(visit: Visit, found: Replay) -> None:
    _ = translator(visit.language)
    st.code(record_of(found.policy), language=None)
    parts.figures(_figures(visit, found))
    limits, honesty = st.columns(2, gap="large")
    lines = "\n".join(f"* {md(_(limit))}" for limit in LIMITS)
    limits.markdown("\n\n".join((strong(_("What this cannot know")), lines)))
    honesty.markdown("\n\n".join((strong(_("How well the formula fits")), _honesty(visit, found))))


def _figures(visit: Visit, found: Replay) -> list[Figure]:
    _ = translator(visit.language)
    count, share = partial(forms.number, visit.language), partial(forms.share, visit.language)
    rejectable = found.rejectable
    return [
        Figure(_("Messages"), count(found.messages), _period(visit, found)),
        Figure(
            _("Delivered"),
            count(found.delivered),
            _("%(share)s of %(all)s", share=share(found.delivered, found.messages), all=count(found.messages)),
        ),
        Figure(
            _("Quarantined"),
            count(found.quarantined),
            _("%(share)s of %(all)s", share=share(found.quarantined, found.messages), all=count(found.messages)),
        ),
        Figure(
            _("Eligible for rejection"),
            _range(visit, rejectable.certain, rejectable.possible),
            _("certain – possible, of %(all)s", all=count(found.messages)),
        ),
    ]


def _period(visit: Visit, found: Replay) -> str:
    if found.period is None:
        return ""
    _ = translator(visit.language)
    first, last = (forms.day(visit.language, day) for day in (found.period.first_day, found.period.last_day))
    return _("%(first)s – %(last)s", first=first, last=last)


def _range(visit: Visit, certain: int, possible: int) -> str:
    """`12 – 30`, or one number where the two are the same."""
    low, high = forms.number(visit.language, certain), forms.number(visit.language, possible)
    return high if certain == possible else f"{low} – {high}"


def _honesty(visit: Visit, found: Replay) -> str:
    """The policy that was really published, replayed and held against what receivers said they did."""
    _ = translator(visit.language)
    count, told = partial(forms.number, visit.language), found.agreement
    if told.share is None:
        return _("No report of this period says what a receiver did.")
    held = _(
        "The policies that were really published, replayed the same way, agree with what receivers say they did "
        "for %(share)s of messages (%(agreed)s of %(all)s).",
        share=forms.share(visit.language, told.agreed, told.agreed + told.differing),
        agreed=count(told.agreed),
        all=count(told.agreed + told.differing),
    )
    excused = _("Left out: %(count)s messages that receivers say they treated otherwise for a reason.")
    return f"{held} {excused % {'count': count(told.overridden)}}" if told.overridden else held


# ---- Whom it meets


def _show_legitimate(visit: Visit, found: Replay) -> None:
    _ = translator(visit.language)
    own = found.legitimate
    st.subheader(_("The customer's own mail"), anchor=False)
    if not own:
        st.success(_("No mail of the customer's own senders would have been met."), icon=":material/check_circle:")
        st.caption(_("Own senders are those judged or decided as the customer's; see “Senders” for the open ones."))
        return
    possible = forms.number(visit.language, sum(hit.possible for hit in own))
    st.error(
        _("%(count)s messages of the customer's own senders would have been met. Repair these first.", count=possible),
        icon=":material/report:",
    )
    st.markdown("\n".join(_own_line(visit, hit) for hit in own))


def _own_line(visit: Visit, hit: Hit) -> str:
    """One own sender that is met: how much, on which days, told by whom."""
    _ = translator(visit.language)
    days = ", ".join(forms.day(visit.language, day) for day in hit.days[:6])
    more = len(hit.days) - 6
    return _(
        "* **%(sender)s**: %(range)s messages, on %(days)s, reported by %(reporters)s",
        sender=md(hit.name),
        range=_range(visit, hit.certain, hit.possible),
        days=days + (_(" and %(count)s more days", count=forms.number(visit.language, more)) if more > 0 else ""),
        reporters=md(", ".join(hit.reporters)),
    )


def _show_hits(visit: Visit, found: Replay) -> None:
    _ = translator(visit.language)
    st.subheader(_("Whom the policy meets"), anchor=False)
    if not found.hits:
        st.write(_("Nobody: no message of the period would have been quarantined or eligible for rejection."))
        return
    st.caption(
        _(
            "Certain: failing mail at the mildest reading. Possible: also what receivers may spare, since they spared "
            "it before or read the record more mildly: %(spared)s messages.",
            spared=forms.number(visit.language, found.spared),
        )
    )
    parts.show_table(replay_tables.hits(found.hits, visit.language), key="replay_hits", alt=_("Whom the policy meets"))
    _show_chart(visit, found)
    if found.period is not None:
        make = partial(_file_table, found.domain, found.policy, found.period, visit.language)
        table_files.table_button(visit, found.domain, found.period, "replay", make, key="replay_csv")


def _show_chart(visit: Visit, found: Replay) -> None:
    _ = translator(visit.language)
    opened = st.expander(_("As a chart"), key="replay_bars", on_change="rerun", icon=":material/bar_chart:")
    if not opened.open:
        return
    with opened:
        st.vega_lite_chart(
            replay_tables.chart(found.hits, visit.language),
            key="replay_chart",
            alt=_("Messages met per sender as bars; the same numbers are in the table above."),
        )
        if len(found.hits) > replay_tables.MOST_BARS:
            st.caption(_("The chart shows the %(count)s largest; the table has all.", count=replay_tables.MOST_BARS))


def _file_table(name: str, policy: Policy, period: Period, language: str, scope: Scope) -> Table | None:
    found = answers_replay.replay(scope, name, policy, period)
    return None if found is None else replay_tables.hits(found.hits, language)
