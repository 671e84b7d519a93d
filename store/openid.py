"""Accounts whose person an OpenID provider knows: found by issuer and subject, made at the first login.

The provider says at every login which role a person has. Whom it gives none is refused and loses all sessions; a
disabled account stays out. A local account of the same name is never taken over. Audit rows are written here.
"""

import hashlib
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sqlalchemy import Connection, and_, insert, or_, select

from store.accounts import Account, account_of, end_all_sessions, free_account_name, set_role
from store.office import BadName, NameTaken, audit, customer_id_of
from store.schema import account as account_table
from store.schema import customer as customer_table


@dataclass(frozen=True, slots=True)
class Person:
    """What a provider says of somebody. `subject` is its own number for the person, `name` what people call it.

    `role` is None where the provider's claims give none. `customer` is the name or slug of a customer, for the role
    `customer` only.
    """

    issuer: str
    subject: str
    name: str
    role: str | None
    customer: str | None


@dataclass(frozen=True, slots=True)
class _Login:
    """One login: when, and from which address."""

    at: int
    address: str


def log_in_person(connection: Connection, person: Person, address: str, *, language: str, now: int) -> Account | None:
    """The account of `person`, made or brought in step first; None when it has no access. `language` is a new one's."""
    login = _Login(now, address)
    known = replace(person, customer=_customer_named(connection, person.customer))
    found = _account_of(connection, known)
    refusal = _refusal(person, known, found)
    if refusal is not None:
        _refuse(connection, known, found, refusal, login)
        return None
    account = _brought_in_step(connection, found, known, login) if found else _added(connection, known, language, login)
    _write(connection, "login", account.name, login, f"OpenID {known.issuer}")
    return account


def _account_of(connection: Connection, person: Person) -> Account | None:
    columns = account_table.c
    of_person = and_(columns.issuer == person.issuer, columns.subject == person.subject)
    name = connection.execute(select(columns.name).where(of_person)).scalar()
    return None if name is None else account_of(connection, name)


def _customer_named(connection: Connection, wanted: str | None) -> str | None:
    columns = customer_table.c
    question = select(columns.name).where(or_(columns.name == wanted, columns.slug == wanted))
    # One customer's slug may be another one's name: the name wins.
    name: str | None = connection.execute(question.order_by(columns.name != wanted)).scalar()
    return name


def _refusal(person: Person, known: Person, found: Account | None) -> str | None:
    if person.role is None:
        return "the provider gives no role"
    if person.role == "customer" and known.customer is None:
        return f"there is no customer {person.customer!r}"
    return "the account is disabled" if found is not None and found.disabled else None


def _refuse(connection: Connection, person: Person, found: Account | None, refusal: str, login: _Login) -> None:
    if found is not None:
        end_all_sessions(connection, found.id, now=login.at)
    name = found.name if found else person.name
    _write(connection, "login-refused", name, login, f"OpenID {person.issuer}: {refusal}")


def _added(connection: Connection, person: Person, language: str, login: _Login) -> Account:
    name = _free_name(connection, person)
    row = {
        "name": name,
        "issuer": person.issuer,
        "subject": person.subject,
        "role": person.role,
        "customer_id": None if person.customer is None else customer_id_of(connection, person.customer),
        "language": language,
        "disabled": False,
        "created_at": login.at,
        "password_changed_at": login.at,
    }
    connection.execute(insert(account_table).values(row))
    _write(connection, "account-add", name, login, f"{_role_words(person)}, OpenID {person.issuer}")
    return account_of(connection, name)


def _brought_in_step(connection: Connection, found: Account, person: Person, login: _Login) -> Account:
    if (found.role, found.customer) == (person.role, person.customer):
        return found
    set_role(connection, found.name, str(person.role), person.customer, now=login.at)
    _write(connection, "account-role", found.name, login, f"{_role_words(person)}, OpenID {person.issuer}")
    return account_of(connection, found.name)


def _free_name(connection: Connection, person: Person) -> str:
    for wanted in (person.name, f"{person.name}@{urlsplit(person.issuer).hostname}"):
        try:
            return free_account_name(connection, wanted)
        except (BadName, NameTaken):
            continue
    digest = hashlib.sha256(f"{person.issuer} {person.subject}".encode()).hexdigest()
    return free_account_name(connection, f"openid-{digest[:32]}")


def _role_words(person: Person) -> str:
    return f"{person.role} of {person.customer}" if person.customer else str(person.role)


def _write(connection: Connection, action: str, name: str, login: _Login, detail: str) -> None:
    audit(connection, at=login.at, actor=name, action=action, subject=name, address=login.address, detail=detail)
