"""Customers, whose domain is whose, and the audit trail. Every function works inside the caller's transaction.

The caller writes the audit row, because only it knows who acts.
"""

import csv
import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from knowledge.names import a_label as canonical
from store.errors import StoreError
from store.ledger import raise_generation
from store.schema import audit as audit_table
from store.schema import customer as customer_table
from store.schema import domain as domain_table

CUSTOMER_NAME_LENGTH = 200
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# RFC 1123 section 2.1: letters, digits, hyphens; the last label is not a number, or the name would be an address.
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)+(?![0-9]+$){_LABEL}")


class OfficeError(StoreError):
    """A customer, domain or account cannot be changed as asked; the text says why and names what is near."""


class BadName(OfficeError):
    """A name that no customer or account may have."""


class NameTaken(OfficeError):
    """A name that another customer or account has."""


class BadDomain(OfficeError):
    """No domain name."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; `domains` counts the domains assigned to it, `slug` names its files."""

    id: int
    name: str
    slug: str
    language: str
    domains: int


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain by its A-label. `customer` is None while it is unassigned; `registered` by us, or only seen."""

    id: int
    name: str
    customer: str | None
    registered: bool


def add_customer(connection: Connection, name: str, *, language: str, now: int) -> int:
    """Add a customer and return its id. Raises OfficeError when the name is empty, unprintable or taken."""
    wanted = _free_name(connection, name)
    row = {"name": wanted, "slug": _free_slug(connection, wanted), "language": language, "created_at": now}
    raise_generation(connection)
    return int(connection.execute(insert(customer_table).values(row).returning(customer_table.c.id)).scalar_one())


def rename_customer(connection: Connection, old: str, new: str) -> None:
    """Give a customer another name; its slug stays, so that its files keep their names."""
    customer_id = customer_id_of(connection, old)
    wanted = _free_name(connection, new)
    connection.execute(update(customer_table).where(customer_table.c.id == customer_id).values(name=wanted))
    raise_generation(connection)


def set_customer_language(connection: Connection, name: str, language: str) -> int:
    """Say in which language a customer gets files and reports; return its id. Raises OfficeError."""
    customer_id = customer_id_of(connection, name)
    connection.execute(update(customer_table).where(customer_table.c.id == customer_id).values(language=language))
    raise_generation(connection)
    return customer_id


def customers(connection: Connection) -> tuple[Customer, ...]:
    """Every customer by name."""
    counted = select(func.count()).where(domain_table.c.customer_id == customer_table.c.id).scalar_subquery()
    columns = customer_table.c
    rows = connection.execute(
        select(columns.id, columns.name, columns.slug, columns.language, counted).order_by(columns.name)
    )
    return tuple(Customer(*row) for row in rows)


def customer_id_of(connection: Connection, name: str) -> int:
    """The id of the customer of exactly this name. Raises OfficeError with near names."""
    names = _customer_ids(connection)
    wanted = _tidy(name)
    if wanted not in names:
        raise OfficeError(f"there is no customer {name!r}.{_nearest(wanted, names)}")
    return names[wanted]


def ensure_domain(connection: Connection, name: str, now: int) -> int:
    """The id of the domain `name` (a canonical A-label), which is added unregistered and unassigned when new."""
    found = connection.execute(select(domain_table.c.id).where(domain_table.c.name == name)).scalar()
    if found is not None:
        return int(found)
    row = {"name": name, "customer_id": None, "registered": False, "created_at": now}
    return int(connection.execute(insert(domain_table).values(row).returning(domain_table.c.id)).scalar_one())


def assign_domain(connection: Connection, name: str, customer: str | None, *, now: int) -> int:
    """Register the domain and give it to `customer` (None: to nobody); return its id. Raises OfficeError."""
    customer_id = None if customer is None else customer_id_of(connection, customer)
    domain_id = ensure_domain(connection, a_label(name), now)
    change = {"customer_id": customer_id, "registered": True}
    connection.execute(update(domain_table).where(domain_table.c.id == domain_id).values(change))
    raise_generation(connection)
    return domain_id


def import_domains(connection: Connection, lines: Iterable[str], *, now: int) -> int:
    """Assign every line `domain,customer` of a CSV (an empty customer: to nobody) and return how many there were.

    All or nothing: raises OfficeError with every wrong line by its number. A heading `domain,customer` is allowed.
    """
    known = _customer_ids(connection)
    wanted: dict[str, str | None] = {}
    problems: list[str] = []
    reader = csv.reader(lines)
    for row in reader:
        try:
            _read_row(row, known, wanted)
        except OfficeError as error:
            problems.append(f"line {reader.line_num}: {error}")
    if problems:
        raise OfficeError("nothing was imported:\n" + "\n".join(problems))
    for name, customer in wanted.items():
        assign_domain(connection, name, customer, now=now)
    return len(wanted)


def domains(connection: Connection) -> tuple[Domain, ...]:
    """Every domain by name, assigned or not."""
    joined = domain_table.outerjoin(customer_table)
    columns = (domain_table.c.id, domain_table.c.name, customer_table.c.name, domain_table.c.registered)
    rows = connection.execute(select(*columns).select_from(joined).order_by(domain_table.c.name))
    return tuple(Domain(*row) for row in rows)


def registered_domains(connection: Connection) -> frozenset[str]:
    """The names of the domains that somebody registered (not only seen in a report)."""
    return frozenset(connection.scalars(select(domain_table.c.name).where(domain_table.c.registered)))


def domain_id_of(connection: Connection, name: str) -> int:
    """The id of a domain that is known. Raises OfficeError with near names."""
    wanted = a_label(name)
    known = {row.name: int(row.id) for row in connection.execute(select(domain_table.c.name, domain_table.c.id))}
    if wanted not in known:
        raise OfficeError(f"there is no domain {wanted}.{_nearest(wanted, known)}")
    return known[wanted]


def audit(
    connection: Connection,
    *,
    at: int,
    actor: str,
    action: str,
    subject: str,
    customer_id: int | None = None,
    address: str | None = None,
    detail: str | None = None,
) -> None:
    """Write who did what to what. No secret may stand in any of the texts."""
    row = {"at": at, "actor": actor, "action": action, "subject": subject}
    row |= {"customer_id": customer_id, "address": address, "detail": detail}
    connection.execute(insert(audit_table).values(row))


def a_label(name: str) -> str:
    """A domain name as lower-case A-labels without the last dot (RFC 5890). Raises OfficeError."""
    bare = canonical(name)
    if bare is None or not _HOST_NAME.fullmatch(bare):
        raise BadDomain(f"{name!r} is not a domain name; write it like example.jp")
    return bare


def _read_row(row: list[str], known: dict[str, int], wanted: dict[str, str | None]) -> None:
    cells = [cell.strip().removeprefix("\ufeff") for cell in row]
    if not any(cells) or cells == ["domain", "customer"]:
        return
    if len(cells) != 2:
        raise OfficeError(f"has {len(cells)} cells instead of two, domain and customer")
    name, customer = a_label(cells[0]), _tidy(cells[1]) or None
    if customer is not None and customer not in known:
        raise OfficeError(f"there is no customer {cells[1]!r}.{_nearest(customer, known)}")
    if wanted.setdefault(name, customer) != customer:
        raise OfficeError(f"{name} stands in the file already, with another customer")


def _customer_ids(connection: Connection) -> dict[str, int]:
    return {row.name: int(row.id) for row in connection.execute(select(customer_table.c.name, customer_table.c.id))}


def _free_name(connection: Connection, name: str) -> str:
    wanted = _tidy(name)
    if not wanted or len(wanted) > CUSTOMER_NAME_LENGTH or not wanted.isprintable():
        raise BadName(f"{name!r} cannot be a customer's name: 1 to {CUSTOMER_NAME_LENGTH} printable characters")
    if wanted in _customer_ids(connection):
        raise NameTaken(f"there is a customer {wanted!r} already")
    return wanted


def _tidy(name: str) -> str:
    """One spelling for one name: composed characters, single spaces."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def _free_slug(connection: Connection, name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:50] or "customer"
    taken = set(connection.execute(select(customer_table.c.slug)).scalars())
    number = 1
    slug = base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    return (
        f" Did you mean {' or '.join(near)}?" if near else " See `sekisho customers list` and `sekisho domains list`."
    )
