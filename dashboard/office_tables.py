"""The tables of the pages of customers and accounts. Names are typed by people and drawn as text only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard.parts import LANGUAGE_WORDS, ROLE_WORDS
from dashboard.tables import Column, Table, table
from dashboard.text import plain
from store.accounts import Account, Use
from store.office import Customer, Domain
from store.trail import Entry
from wording import later, text, translator

# Action of the audit trail -> words. What follows a blank in an action (the step of a consent) stays behind them.
ACTIONS = {
    "login": later("logged in"),
    "login-refused": later("login refused"),
    "password-change": later("own password changed"),
    "password-refused": later("change of password refused"),
    "account-add": later("account added"),
    "account-role": later("role changed"),
    "account-enable": later("account enabled"),
    "account-disable": later("account disabled"),
    "account-reset": later("password reset"),
    "sessions-end": later("sessions ended"),
    "customer-add": later("customer added"),
    "customer-rename": later("customer renamed"),
    "customer-language": later("customer's language changed"),
    "domain-assign": later("domain assigned"),
    "domain-import": later("domains imported"),
    "decide-ours": later("decided: the customer's sender"),
    "decide-not-ours": later("decided: not the customer's sender"),
    "decide-forwarder": later("decided: forwarder"),
    "decide-withdraw": later("decision withdrawn"),
    "consent": later("consent recorded"),
    "consent-withdraw": later("consent withdrawn"),
    "export": later("file downloaded"),
    "original": later("original report downloaded"),
    "upload": later("reports uploaded"),
    "quarantine-retry": later("unreadable message tried again"),
    "prune": later("old data deleted"),
}


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account and how it is used."""

    account: Account
    use: Use


def customers(rows: Sequence[Customer], language: str) -> Table:
    """One line per customer."""
    _ = translator(language)
    return table(
        rows,
        [
            Column("name", st.column_config.TextColumn(_("Customer")), lambda row: plain(row.name)),
            Column("domains", st.column_config.NumberColumn(_("Domains")), lambda row: row.domains),
            Column("language", st.column_config.TextColumn(_("Language")), lambda row: LANGUAGE_WORDS[row.language]),
            Column(
                "slug",
                st.column_config.TextColumn(_("Name in files"), help=_("It stays when the customer is renamed.")),
                lambda row: row.slug,
            ),
        ],
    )


def domains(rows: Sequence[Domain], language: str) -> Table:
    """One line per domain."""
    _ = translator(language)
    return table(
        rows,
        [
            Column("domain", st.column_config.TextColumn(_("Domain")), lambda row: row.name),
            Column(
                "customer",
                st.column_config.TextColumn(_("Customer")),
                lambda row: _("unassigned") if row.customer is None else plain(row.customer),
            ),
            Column(
                "registered",
                st.column_config.TextColumn(
                    _("Known from"),
                    help=_("A domain that was never registered is only known because a report spoke of it."),
                ),
                lambda row: _("registration") if row.registered else _("reports only"),
            ),
        ],
    )


def accounts(rows: Sequence[AccountRow], language: str, time_zone: str) -> Table:
    """One line per account."""
    _ = translator(language)
    return table(
        rows,
        [
            Column("name", st.column_config.TextColumn(_("Account")), lambda row: plain(row.account.name)),
            Column("role", st.column_config.TextColumn(_("Role")), lambda row: _(ROLE_WORDS[row.account.role])),
            Column(
                "customer", st.column_config.TextColumn(_("Customer")), lambda row: plain(row.account.customer or "—")
            ),
            Column(
                "state",
                st.column_config.TextColumn(_("State")),
                lambda row: _("disabled") if row.account.disabled else _("may log in"),
            ),
            Column(
                "way",
                st.column_config.TextColumn(_("Login")),
                lambda row: plain(row.account.issuer) if row.account.issuer else _("password"),
            ),
            Column("sessions", st.column_config.NumberColumn(_("Sessions now")), lambda row: row.use.sessions),
            Column(
                "seen",
                st.column_config.TextColumn(_("Last seen (%(zone)s)", zone=time_zone)),
                lambda row: "—" if row.use.seen_at is None else moment(row.use.seen_at, time_zone),
            ),
            Column(
                "language",
                st.column_config.TextColumn(_("Language")),
                lambda row: LANGUAGE_WORDS[row.account.language],
            ),
        ],
    )


def trail(rows: Sequence[Entry], language: str, time_zone: str) -> Table:
    """One line per entry of the audit trail."""
    _ = translator(language)
    return table(
        rows,
        [
            Column(
                "at",
                st.column_config.TextColumn(_("Time (%(zone)s)", zone=time_zone)),
                lambda row: moment(row.at, time_zone, seconds=True),
            ),
            Column("actor", st.column_config.TextColumn(_("Actor")), lambda row: plain(row.actor)),
            Column(
                "action",
                st.column_config.TextColumn(_("Action")),
                lambda row: plain(action_words(row.action, language)),
            ),
            Column("subject", st.column_config.TextColumn(_("Subject of the action")), lambda row: plain(row.subject)),
            Column("customer", st.column_config.TextColumn(_("Customer")), lambda row: plain(row.customer or "—")),
            Column("address", st.column_config.TextColumn(_("From address")), lambda row: plain(row.address or "—")),
            Column("detail", st.column_config.TextColumn(_("Detail")), lambda row: plain(row.detail or "")),
        ],
    )


def action_words(action: str, language: str) -> str:
    """An action in the reader's language, with what stands behind it; one that is not known here as it is."""
    code, _blank, rest = action.partition(" ")
    words = text(language, ACTIONS[code]) if code in ACTIONS else code
    return f"{words} {rest}".rstrip()


def actions_named(wanted: str, language: str) -> tuple[str, ...]:
    """The actions whose words in the reader's language hold `wanted`, in either case."""
    return tuple(code for code in ACTIONS if wanted.casefold() in text(language, ACTIONS[code]).casefold())


def moment(at: int, time_zone: str, *, seconds: bool = False) -> str:
    """A time in the zone of the settings: `2026-11-24 12:17`."""
    return datetime.fromtimestamp(at, ZoneInfo(time_zone)).strftime(
        "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    )
