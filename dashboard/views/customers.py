"""Customers and domains, for staff: who the customers are, whose domain is whose, and what is our own."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import answers_export, answers_office, office_changes, office_tables, parts, said, session
from dashboard.said import Said
from dashboard.session import Visit
from dashboard.text import md
from store.office import CUSTOMER_NAME_LENGTH, Customer, Domain, OfficeError
from wording import LANGUAGES, forms, translator

FIELD_PIXELS = 420
NOBODY = ""
ALL, UNASSIGNED = "all", "unassigned"


def render(visit: Visit) -> None:
    """Draw one of the three lists: customers, domains, own infrastructure."""
    _ = translator(visit.language)
    parts.page_head(visit, _("Customers"), _("Whose domains are whose. Each customer sees only its own."))
    said.show(visit)
    sections = {"customers": _("Customers"), "domains": _("Domains"), "own": _("Own infrastructure")}
    chosen = parts.choose_one(_("Section"), sections, usual="customers", key="tab")
    {"customers": _show_customers, "domains": _show_domains, "own": _show_own}[chosen](visit)


def _show_customers(visit: Visit) -> None:
    _ = translator(visit.language)
    rows = answers_office.customers(visit)
    text = parts.find_text(_("Find"), _("Customer"), key="find")
    matching = [row for row in rows if text.strip().casefold() in row.name.casefold()]
    if matching:
        table = office_tables.customers(matching, visit.language)
        parts.show_table(table, key="customers", alt=_("Customers"))
    else:
        _show_no_customer(visit, text)
    new, one = st.columns(2, gap="large")
    with new:
        _show_new_customer(visit)
    with one:
        _show_one_customer(visit, rows)


def _show_no_customer(visit: Visit, text: str) -> None:
    _ = translator(visit.language)
    if text:
        st.subheader(_("Nothing matches “%(text)s”", text=md(text)), anchor=False)
        st.write(_("No customer has this in its name. Clear the field to see all."))
        return
    st.subheader(_("There is no customer yet"), anchor=False)
    st.write(_("Add the first one below, then assign domains to it under “Domains”."))


def _show_new_customer(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("New customer"), anchor=False)
    with st.form("new_customer", clear_on_submit=True, width=FIELD_PIXELS):
        name = st.text_input(_("Customer"), max_chars=CUSTOMER_NAME_LENGTH, key="new_name", autocomplete="off")
        language = _language_field(visit, visit.language, key="new_language")
        if st.form_submit_button(_("Add the customer"), type="primary"):
            words = _("The customer %(name)s was added.", name=md(name.strip()))
            _do(visit, lambda: office_changes.add_customer(visit, name, language), words)


def _show_one_customer(visit: Visit, rows: Sequence[Customer]) -> None:
    _ = translator(visit.language)
    if not rows:
        return
    st.subheader(_("Change a customer"), anchor=False)
    names = {NOBODY: _("Choose a customer"), **{row.name: md(row.name) for row in rows}}
    chosen = parts.choose_in_list(_("Customer"), names, usual=NOBODY, key="customer", width=FIELD_PIXELS)
    found = next((row for row in rows if row.name == chosen), None)
    if found is None:
        return
    with st.container(horizontal=True):
        answers_export.export_button(visit, found.slug, parts.last_days(visit.today, 30), key="export_set")
        answers_export.report_button(visit, found.slug, key="report")
    with st.form("rename", width=FIELD_PIXELS):
        name = st.text_input(_("Name"), found.name, max_chars=CUSTOMER_NAME_LENGTH, autocomplete="off")
        st.caption(_("Its domains, accounts and file names stay."))
        if st.form_submit_button(_("Rename")):
            _do(visit, lambda: _rename(visit, found.name, name), _("The customer was renamed."))
    with st.form("customer_language", width=FIELD_PIXELS):
        language = _language_field(visit, found.language, key="customer_language_choice")
        if st.form_submit_button(_("Change the language")):
            words = _("The language was changed.")
            _do(visit, lambda: office_changes.set_customer_language(visit, found.name, language), words)


def _rename(visit: Visit, old: str, new: str) -> None:
    office_changes.rename_customer(visit, old, new)
    st.query_params["customer"] = " ".join(new.split())


def _language_field(visit: Visit, usual: str, *, key: str) -> str:
    _ = translator(visit.language)
    return st.selectbox(
        _("Language of its files and reports"),
        LANGUAGES,
        index=LANGUAGES.index(usual),
        key=key,
        format_func=parts.LANGUAGE_WORDS.__getitem__,
    )


def _show_domains(visit: Visit) -> None:
    _ = translator(visit.language)
    rows = answers_office.domains(visit)
    customers = [customer.name for customer in answers_office.customers(visit)]
    unassigned = sum(1 for row in rows if row.customer is None)
    st.caption(
        _(
            "%(count)s domains, %(unassigned)s of them unassigned: only operators and staff see those.",
            count=forms.number(visit.language, len(rows)),
            unassigned=forms.number(visit.language, unassigned),
        )
    )
    matching = _matching(visit, rows)
    if matching:
        parts.show_table(office_tables.domains(matching, visit.language), key="domains", alt=_("Domains"))
    else:
        _show_no_domain(visit, known=bool(rows))
    assign, register = st.columns(2, gap="large")
    with assign:
        _show_assign(visit, rows, customers)
    with register:
        _show_register(visit, customers)


def _matching(visit: Visit, rows: Sequence[Domain]) -> list[Domain]:
    _ = translator(visit.language)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = parts.find_text(_("Find"), _("Domain or customer"), key="find").strip().casefold()
        shown = {ALL: _("All"), UNASSIGNED: _("Unassigned")}
        which = parts.choose_one(_("Show"), shown, usual=ALL, key="show")
    return [
        row
        for row in rows
        if (which == ALL or row.customer is None) and (text in row.name or text in (row.customer or "").casefold())
    ]


def _show_no_domain(visit: Visit, *, known: bool) -> None:
    _ = translator(visit.language)
    if known:
        st.subheader(_("No domain matches"), anchor=False)
        st.write(_("No domain has this in its own or its customer's name. Clear the field, or show all."))
        return
    st.subheader(_("There is no domain yet"), anchor=False)
    st.write(_("Register the first one below, or read reports: a domain that they speak of appears here."))


def _show_assign(visit: Visit, rows: Sequence[Domain], customers: list[str]) -> None:
    _ = translator(visit.language)
    st.subheader(_("Assign domains"), anchor=False)
    if not rows:
        st.write(_("Nothing to assign."))
        return
    unassigned_first = sorted(rows, key=lambda row: (row.customer is not None, row.name))
    with st.form("assign", clear_on_submit=True, width=FIELD_PIXELS):
        chosen = st.multiselect(
            _("Domains"),
            [row.name for row in unassigned_first],
            key="assign_domains",
            format_func=md,
            placeholder=_("Type to search; several at once"),
        )
        customer = _customer_field(visit, customers, key="assign_customer")
        if st.form_submit_button(_("Assign"), type="primary"):
            _assign(visit, chosen, customer)


def _show_register(visit: Visit, customers: list[str]) -> None:
    _ = translator(visit.language)
    st.subheader(_("Register a domain"), anchor=False)
    with st.form("register", clear_on_submit=True, width=FIELD_PIXELS):
        domain = st.text_input(_("Domain"), max_chars=253, placeholder="example.jp", key="register_domain")
        customer = _customer_field(visit, customers, key="register_customer")
        if st.form_submit_button(_("Register")):
            _assign(visit, [domain], customer)


def _assign(visit: Visit, domains: Sequence[str], customer: str | None) -> None:
    _ = translator(visit.language)
    if not domains:
        said.say(Said(_("No domain was chosen. Nothing was changed."), done=False))
    words = _("%(count)s domains were assigned.", count=forms.number(visit.language, len(domains)))
    _do(visit, lambda: office_changes.assign_domains(visit, domains, customer), words)


def _customer_field(visit: Visit, customers: list[str], *, key: str) -> str | None:
    _ = translator(visit.language)
    return st.selectbox(
        _("Customer"), customers, index=None, key=key, format_func=md, placeholder=_("Nobody (unassigned)")
    )


def _show_own(visit: Visit) -> None:
    _ = translator(visit.language)
    own = session.settings_in_use().own_infrastructure
    st.write(_("What these send is one sender of our own in every domain. It is set on the server, not here:"))
    st.code(_own_lines(own.networks, own.hosts), language=None)
    st.caption(_("Change it in sekisho.toml, restart the dashboard, then name the stored senders anew with:"))
    st.code("sekisho db reclassify", language=None)
    if not own.networks and not own.hosts:
        st.info(_("Nothing is set: mail of your own servers is judged like that of strangers."))


def _own_lines(networks: Sequence[str], hosts: Sequence[str]) -> str:
    return f"[own_infrastructure]\nnetworks = {_toml_list(networks)}\nhosts = {_toml_list(hosts)}"


def _toml_list(texts: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def _do(visit: Visit, change: Callable[[], None], words: str) -> None:
    """Make the change and say so, or say why not."""
    try:
        change()
    except OfficeError as error:
        said.say(said.reason(visit, error))
    else:
        said.say(Said(words))


if __name__ == "__main__":
    render(session.enter())
