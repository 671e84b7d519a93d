"""Accounts and the audit trail, for operators: who may log in as what, and who did what."""

from collections.abc import Callable

import streamlit as st

from dashboard import answers_office, office_changes, office_tables, parts, said, session
from dashboard.office_tables import AccountRow
from dashboard.said import Said
from dashboard.session import Visit
from dashboard.text import md
from store.accounts import Account
from store.office import OfficeError
from wording import LANGUAGES, translator

NOBODY = ""
FIELD_PIXELS = 420


def render(visit: Visit) -> None:
    """Draw the accounts, or the audit trail."""
    _ = translator(visit.language)
    parts.page_head(visit, _("Accounts"), _("Who may log in, as what, and who did what."))
    said.show(visit)
    words = {"accounts": _("Accounts"), "trail": _("Audit trail")}
    if parts.choose_one(_("Section"), words, usual="accounts", key="tab") == "trail":
        _show_trail(visit)
    else:
        _show_accounts(visit)


def _show_accounts(visit: Visit) -> None:
    _ = translator(visit.language)
    rows = answers_office.accounts(visit)
    table = office_tables.accounts(rows, visit.language, session.settings_in_use().time_zone)
    parts.show_table(table, key="accounts", alt=_("Accounts"))
    one, new = st.columns(2, gap="large")
    with one:
        _show_one(visit, rows)
    with new:
        _show_new(visit)


def _show_one(visit: Visit, rows: tuple[AccountRow, ...]) -> None:
    _ = translator(visit.language)
    st.subheader(_("Change an account"), anchor=False)
    names = {NOBODY: _("Choose an account"), **{row.account.name: md(row.account.name) for row in rows}}
    chosen = parts.choose_in_list(_("Account"), names, usual=NOBODY, key="account", width=FIELD_PIXELS)
    found = next((row for row in rows if row.account.name == chosen), None)
    if found is None:
        return
    if found.account.name == visit.visitor.name:
        st.write(_("This is your own account. Your password and language are changed under “Your account”."))
        return
    _show_actions(visit, found)
    if found.account.issuer is None:
        _show_role(visit, found.account)
    else:
        st.caption(_("The login service decides at every login which role this account has."))


def _show_actions(visit: Visit, row: AccountRow) -> None:
    _ = translator(visit.language)
    account = row.account
    with st.container(horizontal=True):
        if st.button(_("Enable") if account.disabled else _("Disable"), key="switch"):
            _switch(visit, account)
        if st.button(_("End its sessions"), key="end_sessions", disabled=not row.use.sessions):
            _do(visit, lambda: office_changes.end_sessions(visit, account.name), _("It is logged out everywhere."))
        if account.issuer is None and st.button(_("New password"), key="reset", help=_("Ends its sessions.")):
            _reset(visit, account)


def _switch(visit: Visit, account: Account) -> None:
    _ = translator(visit.language)
    words = _("The account may log in again.") if account.disabled else _("The account is shut out, at once.")
    _do(visit, lambda: office_changes.set_disabled(visit, account.name, not account.disabled), words)


def _reset(visit: Visit, account: Account) -> None:
    _ = translator(visit.language)
    words = _("%(name)s has another password and is logged out everywhere.", name=md(account.name))
    _do(visit, lambda: office_changes.reset_password(visit, account.name), words)


def _show_role(visit: Visit, account: Account) -> None:
    _ = translator(visit.language)
    with st.form("role", width=FIELD_PIXELS):
        role = _role_field(visit, account.role, key="role")
        customer = _customer_field(visit, account.customer, key="role_customer")
        st.caption(_("Another role ends the account's sessions."))
        if st.form_submit_button(_("Change the role")):
            _change_role(visit, account, role, customer)


def _change_role(visit: Visit, account: Account, role: str, customer: str | None) -> None:
    _ = translator(visit.language)
    _with_customer(
        visit,
        role,
        customer,
        lambda whose: office_changes.set_role(visit, account.name, role, whose),
        _("The role was changed."),
    )


def _show_new(visit: Visit) -> None:
    _ = translator(visit.language)
    st.subheader(_("New account"), anchor=False)
    with st.form("new_account", clear_on_submit=True, width=FIELD_PIXELS):
        name = st.text_input(_("Account"), max_chars=100, key="new_name", autocomplete="off")
        role = _role_field(visit, "staff", key="new_role")
        customer = _customer_field(visit, None, key="new_customer")
        language = st.selectbox(
            _("Language"), LANGUAGES, key="new_language", format_func=parts.LANGUAGE_WORDS.__getitem__
        )
        if st.form_submit_button(_("Add the account"), type="primary"):
            _add(visit, name, role, customer, language)


def _add(visit: Visit, name: str, role: str, customer: str | None, language: str) -> None:
    _ = translator(visit.language)
    _with_customer(
        visit,
        role,
        customer,
        lambda whose: office_changes.add_account(visit, name, role, whose, language),
        _("The account %(name)s was added.", name=md(name.strip())),
    )


def _with_customer(
    visit: Visit, role: str, customer: str | None, change: Callable[[str | None], str | None], words: str
) -> None:
    """Only the role `customer` has a customer, and it needs one."""
    _ = translator(visit.language)
    if role == "customer" and customer is None:
        said.say(Said(_("An account of the role customer needs a customer. Nothing was changed."), done=False))
    whose = customer if role == "customer" else None
    _do(visit, lambda: change(whose), words)


def _do(visit: Visit, change: Callable[[], str | None], words: str) -> None:
    """Make the change and say so, with the password that it gave; or say why not."""
    try:
        secret = change() or ""
    except OfficeError as error:
        said.say(said.reason(visit, error))
    else:
        said.say(Said(words, secret=secret))


def _role_field(visit: Visit, usual: str, *, key: str) -> str:
    _ = translator(visit.language)
    roles = list(parts.ROLE_WORDS)
    return st.selectbox(
        _("Role"),
        roles,
        index=roles.index(usual),
        key=key,
        format_func=lambda role: _(parts.ROLE_WORDS[role]),
        help=_(
            "Operators see everything and manage accounts. Staff sees all customers and decides. A customer reads "
            "its own domains."
        ),
    )


def _customer_field(visit: Visit, usual: str | None, *, key: str) -> str | None:
    _ = translator(visit.language)
    names = [customer.name for customer in answers_office.customers(visit)]
    return st.selectbox(
        _("Customer (for the role customer)"),
        names,
        index=names.index(usual) if usual in names else None,
        key=key,
        format_func=md,
        placeholder=_("None"),
    )


def _show_trail(visit: Visit) -> None:
    _ = translator(visit.language)
    zone = session.settings_in_use().time_zone
    text = parts.find_text(_("Find"), _("Who, what, about, customer, address"), key="find")
    before = _page_start(text)
    page = answers_office.trail(visit, text, before)
    if not page.rows:
        _show_no_entry(visit, text)
        return
    parts.show_table(office_tables.trail(page.rows, visit.language, zone), key="trail", alt=_("Audit trail"))
    st.caption(_("Newest first. Times are those of %(zone)s.", zone=zone))
    _show_pages(visit, page, before)


def _show_no_entry(visit: Visit, text: str) -> None:
    _ = translator(visit.language)
    st.subheader(_("Nothing matches “%(text)s”", text=md(text)) if text else _("Nothing was written yet"), anchor=False)
    st.write(_("The trail has logins, changes, decisions, consents and downloads. Clear the field to see all."))


def _page_start(text: str) -> int | None:
    """The page of the address; another text to look for begins anew."""
    if st.session_state.get("trail_text", text) != text:
        st.query_params.pop("before", None)
    st.session_state["trail_text"] = text
    written = st.query_params.get("before", "")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 16 else None


def _show_pages(visit: Visit, page: answers_office.TrailPage, before: int | None) -> None:
    _ = translator(visit.language)
    with st.container(horizontal=True):
        if before is not None and st.button(_("Newest"), key="newest", icon=":material/first_page:"):
            del st.query_params["before"]
            st.rerun()
        if page.next_before is not None and st.button(_("Older"), key="older", icon=":material/chevron_right:"):
            st.query_params["before"] = str(page.next_before)
            st.rerun()


if __name__ == "__main__":
    render(session.enter())
