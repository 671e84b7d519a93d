"""A domain's section "Records": what it publishes as the last look saw it, what is wrong with it, when it changed."""

from functools import partial

import streamlit as st

from analysis.days import DayRow
from analysis.frames import Period, Scope
from analysis.published import Checked
from analysis.records.findings import Finding, Severity
from analysis.records.lint import Kind
from analysis.records_page import MOST_LOOKUPS, MOST_ROWS, MOST_VOID_LOOKUPS, RecordsPage
from dashboard import answers, answers_records, domain_parts, parts, record_tables, table_files
from dashboard.parts import Figure
from dashboard.session import Visit
from dashboard.tables import Table
from dashboard.text import md, plain, strong
from wording import forms, later, translator

KINDS = {Kind.DMARC: "DMARC", Kind.SPF: "SPF", Kind.DKIM: "DKIM"}
SEVERITIES = {
    Severity.ERROR: later("error"),
    Severity.WARNING: later("warning"),
    Severity.INFO: later("hint"),
}
ICONS = {
    Severity.ERROR: ":material/error:",
    Severity.WARNING: ":material/warning:",
    Severity.INFO: ":material/info:",
}
COLOURS = {
    Severity.ERROR: "orange",
    Severity.WARNING: "yellow",
    Severity.INFO: "gray",
}
_MOST_CHANGES = 5


def show(visit: Visit, name: str, period: Period) -> None:
    """Draw the records, or say that nobody has looked yet."""
    page = answers_records.records(visit.scope, name, period)
    if page is None:
        return
    if page.published.looked_at is None:
        _show_never_looked(visit, name)
        return
    _show_age(visit, page, page.published.looked_at)
    parts.figures(_figures(visit, page))
    _show_dmarc(visit, page)
    _show_spf(visit, page)
    _show_dkim(visit, page)
    _show_mail_hosts(visit, page)
    _show_timeline(visit, name, page, period)


def _show_never_looked(visit: Visit, name: str) -> None:
    _ = translator(visit.language)
    st.subheader(_("Nobody has looked at the DNS of this domain yet"), anchor=False)
    if visit.visitor.role == "customer":
        st.write(_("The records are looked up every night. Please come back tomorrow."))
        return
    st.write(_("The nightly run looks at every domain. To look now, run this command on the server:"))
    st.code(f"sekisho check {name}", language=None)


def _show_age(visit: Visit, page: RecordsPage, looked_at: int) -> None:
    _ = translator(visit.language)
    age = forms.age_of_day(visit.language, looked_at // 86_400, visit.today)
    st.caption(
        _("As DNS answered on %(at)s UTC (%(age)s); a page never asks DNS itself.", at=forms.moment(looked_at), age=age)
    )
    if page.published.unanswered:
        names = ", ".join(f"{each.kind} {each.name}" for each in page.published.unanswered[:8])
        st.warning(
            _(
                "Questions of that look without an answer: %(count)s. What stands there is not known: %(names)s.",
                count=forms.number(visit.language, len(page.published.unanswered)),
                names=md(names),
            )
        )


def _figures(visit: Visit, page: RecordsPage) -> list[Figure]:
    _ = translator(visit.language)
    count = partial(forms.number, visit.language)
    findings = [finding for each in page.published.records for finding in each.findings]
    errors = sum(finding.severity == Severity.ERROR for finding in findings)
    warnings = sum(finding.severity == Severity.WARNING for finding in findings)
    lookups = "—" if page.spf is None else f"{count(page.spf.lookups)} / {MOST_LOOKUPS}"
    void = "—" if page.spf is None else f"{count(page.spf.void_lookups)} / {MOST_VOID_LOOKUPS}"
    usable = sum(key.state == "found" and not key.revoked for key in page.keys)
    policy = page.published.policy_domain
    return [
        Figure(
            _("DMARC record"),
            _("found") if policy else _("none"),
            _("at %(name)s", name=md(f"_dmarc.{policy}")) if policy else _("no receiver finds one"),
        ),
        Figure(_("SPF lookups"), lookups, _("void lookups: %(void)s", void=void)),
        Figure(_("DKIM keys"), count(usable), _("found, of %(count)s names looked at", count=count(len(page.keys)))),
        Figure(_("Errors"), count(errors), _("warnings: %(count)s", count=count(warnings))),
    ]


# ---- The records


def _show_dmarc(visit: Visit, page: RecordsPage) -> None:
    _ = translator(visit.language)
    st.subheader("DMARC", anchor=False)
    st.markdown(_place_words(visit, page))
    _show_checked(visit, page, Kind.DMARC)
    if page.authorisations:
        st.markdown(strong(_("Who agreed to receive the reports")))
        st.caption(_("A host of another organisation has to agree in DNS, or reporters send it nothing."))
        parts.show_table(
            record_tables.authorisations(page.authorisations, visit.language),
            key="authorisations",
            alt=_("Who agreed to receive the reports"),
        )


def _place_words(visit: Visit, page: RecordsPage) -> str:
    """Whose record applies, by the tree walk of RFC 9989."""
    _ = translator(visit.language)
    place, domain = page.place, page.published.domain
    if place is None:
        return _("Whose record applies is not known: DNS did not answer the whole walk.")
    if place.policy_domain is None:
        return _("No record applies: neither the domain nor a name above it has a valid one.")
    if place.policy_domain == domain:
        return _("The domain's own record applies.")
    return _(
        "The domain has no valid record of its own; that of %(name)s applies (its sp, or p).",
        name=md(place.policy_domain),
    )


def _show_spf(visit: Visit, page: RecordsPage) -> None:
    _ = translator(visit.language)
    st.subheader("SPF", anchor=False)
    _show_checked(visit, page, Kind.SPF)
    if page.spf is None:
        return
    st.markdown(strong(_("What the record asks DNS for")))
    words = _(
        "%(lookups)s of at most %(most)s lookups, %(void)s of at most %(most_void)s void ones. "
        "Every include counts with all that it brings.",
        lookups=page.spf.lookups,
        most=MOST_LOOKUPS,
        void=page.spf.void_lookups,
        most_void=MOST_VOID_LOOKUPS,
    )
    cut = _("The look was cut short: there are more.")
    st.caption(words if page.spf.complete else f"{words} {cut}")
    parts.show_table(record_tables.spf(page.spf.rows, visit.language), key="spf_tree", alt=_("SPF tree"))
    if len(page.spf.rows) == MOST_ROWS:
        st.caption(_("The first %(count)s terms.", count=MOST_ROWS))


def _show_dkim(visit: Visit, page: RecordsPage) -> None:
    _ = translator(visit.language)
    st.subheader("DKIM", anchor=False)
    if not page.keys:
        st.write(_("No key is known: reports of the last 30 days name no selector of this domain."))
        return
    st.caption(_("Keys that signatures of the last 30 days named, and those of known services that were found."))
    parts.show_table(record_tables.keys(page.keys, visit.language), key="dkim_keys", alt=_("DKIM keys"))
    _show_checked(visit, page, Kind.DKIM, only_found_wrong=True)


def _show_mail_hosts(visit: Visit, page: RecordsPage) -> None:
    _ = translator(visit.language)
    st.subheader(_("Mail hosts (MX)"), anchor=False)
    if page.mail_hosts:
        st.code("\n".join(plain(host) for host in page.mail_hosts), language=None)
    else:
        st.write(_("None was found: the domain receives no mail."))


def _show_checked(visit: Visit, page: RecordsPage, kind: Kind, *, only_found_wrong: bool = False) -> None:
    for each in page.published.records:
        if each.kind == kind and (each.findings or not only_found_wrong):
            _show_record(visit, each)


def _show_record(visit: Visit, each: Checked) -> None:
    _ = translator(visit.language)
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{KINDS[each.kind]}** · {md(each.name)}", width="content")
            _show_validity(visit, each)
        if each.text is not None:
            st.code(plain_lines(each.text), language=None, wrap_lines=True)
        for finding in each.findings:
            _show_finding(visit, finding)
        if each.corrected is not None and each.corrected != each.text:
            st.markdown(strong(_("Corrected, to copy")))
            st.code(plain_lines(each.corrected), language=None, wrap_lines=True)


def plain_lines(text: str) -> str:
    """Records of DNS, one per line, with what is invisible made visible."""
    return "\n".join(plain(line) for line in text.split("\n"))


def _show_validity(visit: Visit, each: Checked) -> None:
    _ = translator(visit.language)
    if each.valid is None:
        st.badge(_(record_tables.STATES.get(each.state, each.state)), icon=":material/help:", color="gray")
    elif each.valid:
        st.badge(_("valid"), icon=":material/check_circle:", color="blue")
    else:
        st.badge(_("not valid"), icon=":material/error:", color="orange")


def _show_finding(visit: Visit, finding: Finding) -> None:
    """The finding's sign and its sentence, as one paragraph that wraps."""
    severity = finding.severity
    word = translator(visit.language)(SEVERITIES[severity])
    sign = f":{COLOURS[severity]}-badge[{ICONS[severity]} {finding.id} {word}]"
    st.markdown(f"{sign} {md(finding.sentence(visit.language))}")


# ---- The timeline


def _show_timeline(visit: Visit, name: str, page: RecordsPage, period: Period) -> None:
    _ = translator(visit.language)
    st.subheader(_("Changes, beside the pass rate"), anchor=False)
    if page.first_look is not None:
        first = forms.day(visit.language, page.first_look // 86_400)
        st.caption(
            _("Orange rules: days on which a look saw another record. The first look was on %(day)s.", day=first)
        )
    days = _days(visit.scope, name, period)
    if any(day.messages for day in days):
        _show_chart(visit, name, page, days)
    else:
        st.write(_("No mail was reported in this period, so there is no pass rate to draw."))
    _show_changes(visit, name, page, period)


def _days(scope: Scope, name: str, period: Period) -> tuple[DayRow, ...]:
    page = answers.domain(scope, name, period)
    return page.days if page else ()


def _show_chart(visit: Visit, name: str, page: RecordsPage, days: tuple[DayRow, ...]) -> None:
    _ = translator(visit.language)
    st.vega_lite_chart(
        record_tables.timeline(days, page.changes, visit.language),
        key="timeline_chart",
        alt=_("Pass rate per day as a line, with a rule where a record changed; the same numbers are below."),
    )
    exact = st.expander(_("Exact numbers"), key="timeline_exact", on_change="rerun", icon=":material/table:")
    if exact.open:
        with exact:
            parts.show_table(record_tables.rates(days, visit.language), key="rates", alt=_("Pass rate per day"))
            period = Period(days[0].day, days[-1].day)
            make = partial(_rates_table, name, period, visit.language)
            table_files.table_button(visit, name, period, "pass_rate", make, key="rates_csv")


def _rates_table(name: str, period: Period, language: str, scope: Scope) -> Table | None:
    page = answers.domain(scope, name, period)
    return None if page is None else record_tables.rates(page.days, language)


def _show_changes(visit: Visit, name: str, page: RecordsPage, period: Period) -> None:
    _ = translator(visit.language)
    if not page.changes:
        st.write(_("No look of this period saw another record than the look before."))
        return
    for each in page.changes[:_MOST_CHANGES]:
        with st.container(border=True, gap="small"):
            st.markdown(f"**{md(each.name)}** · {forms.moment(each.at)} UTC")
            before, after = st.columns(2)
            for column, word, text in ((before, _("Before"), each.before), (after, _("After"), each.after)):
                column.caption(word)
                column.code(_("(no record)") if text is None else plain_lines(text), language=None, wrap_lines=True)
    if len(page.changes) > _MOST_CHANGES:
        parts.show_table(record_tables.changes(page.changes, visit.language), key="changes", alt=_("Changes"))
    domain_parts.show_csv(visit, name, period, "changes", key="changes_csv")
