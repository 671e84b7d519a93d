"""What staff changes on the pages of customers and accounts: each change with its audit row, in one transaction.

Session and role are looked up again inside `session.change`, whatever the page has drawn. All raise Ended,
OfficeError and StoreError.
"""

from collections.abc import Callable, Sequence

from analysis.frames import Connection
from dashboard import session
from dashboard.session import Visit
from store import accounts, office
from store.actor import Actor

STAFF = ("operator", "staff")
OPERATOR = ("operator",)


def add_customer(visit: Visit, name: str, language: str) -> None:
    """Add a customer."""

    def write(connection: Connection, actor: Actor) -> None:
        customer_id = office.add_customer(connection, name, language=language, now=actor.at)
        _audit(connection, actor, "customer-add", name, customer_id=customer_id)

    session.change(visit, STAFF, write)


def rename_customer(visit: Visit, old: str, new: str) -> None:
    """Give a customer another name."""

    def write(connection: Connection, actor: Actor) -> None:
        customer_id = office.customer_id_of(connection, old)
        office.rename_customer(connection, old, new)
        _audit(connection, actor, "customer-rename", f"{old} -> {new}", customer_id=customer_id)

    session.change(visit, STAFF, write)


def set_customer_language(visit: Visit, name: str, language: str) -> None:
    """Say in which language a customer gets files and reports."""

    def write(connection: Connection, actor: Actor) -> None:
        customer_id = office.set_customer_language(connection, name, language)
        _audit(connection, actor, "customer-language", f"{name}: {language}", customer_id=customer_id)

    session.change(visit, STAFF, write)


def assign_domains(visit: Visit, domains: Sequence[str], customer: str | None) -> None:
    """Register the domains and give them to a customer (None: to nobody), all of them or none."""

    def write(connection: Connection, actor: Actor) -> None:
        customer_id = None if customer is None else office.customer_id_of(connection, customer)
        for domain in domains:
            office.assign_domain(connection, domain, customer, now=actor.at)
            words = f"{office.a_label(domain)} -> {customer or 'nobody'}"
            _audit(connection, actor, "domain-assign", words, customer_id=customer_id)

    session.change(visit, STAFF, write)


def add_account(visit: Visit, name: str, role: str, customer: str | None, language: str) -> str:
    """Add an account with a random password, which is returned only here."""
    password = accounts.new_password()

    def write(connection: Connection, actor: Actor) -> None:
        accounts.add_account(connection, name, password, role=role, customer=customer, language=language, now=actor.at)
        _audit(connection, actor, "account-add", name, detail=_role_words(role, customer))

    session.change(visit, OPERATOR, write)
    return password


def reset_password(visit: Visit, name: str) -> str:
    """Give an account a random password, which is returned only here, and end its sessions."""
    password = accounts.new_password()
    _change_other(
        visit,
        "account-reset",
        name,
        lambda connection, actor: accounts.set_password(connection, name, password, now=actor.at),
    )
    return password


def set_disabled(visit: Visit, name: str, disabled: bool) -> None:
    """Shut an account out at once, or let it in again."""
    _change_other(
        visit,
        "account-disable" if disabled else "account-enable",
        name,
        lambda connection, actor: accounts.set_disabled(connection, name, disabled, now=actor.at),
    )


def end_sessions(visit: Visit, name: str) -> None:
    """Log an account out everywhere."""

    def write(connection: Connection, actor: Actor) -> None:
        accounts.end_all_sessions(connection, accounts.account_of(connection, name).id, now=actor.at)

    _change_other(visit, "sessions-end", name, write)


def set_role(visit: Visit, name: str, role: str, customer: str | None) -> None:
    """Give an account another role."""
    _change_other(
        visit,
        "account-role",
        name,
        lambda connection, actor: accounts.set_role(connection, name, role, customer, now=actor.at),
        detail=_role_words(role, customer),
    )


def _change_other(
    visit: Visit,
    action: str,
    name: str,
    change: Callable[[Connection, Actor], None],
    *,
    detail: str | None = None,
) -> None:
    """Nobody changes the own account here, so that one operator always stays."""

    def write(connection: Connection, actor: Actor) -> None:
        if accounts.account_of(connection, name).name == actor.name:
            raise office.OfficeError("an operator does not change the own account")
        change(connection, actor)
        _audit(connection, actor, action, name, detail=detail)

    session.change(visit, OPERATOR, write)


def _role_words(role: str, customer: str | None) -> str:
    return role if customer is None else f"{role} of {customer}"


def _audit(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: str,
    *,
    customer_id: int | None = None,
    detail: str | None = None,
) -> None:
    office.audit(
        connection,
        at=actor.at,
        actor=actor.name,
        action=action,
        subject=subject,
        customer_id=customer_id,
        address=actor.address,
        detail=detail,
    )
