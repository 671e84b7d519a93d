"""What the pages of customers and accounts ask of the store. Small lists, read anew at every run: nothing is cached.

Each question looks at the role again: these lists are for operators and staff only.
"""

from dataclasses import dataclass

from dashboard import session
from dashboard.office_changes import OPERATOR, STAFF
from dashboard.office_tables import AccountRow, actions_named
from dashboard.session import Visit
from store import accounts as store_accounts
from store import office
from store import trail as store_trail
from store.accounts import Use
from store.office import Customer, Domain
from store.trail import Entry

PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class TrailPage:
    """One page of the audit trail, newest first, and where the next one begins (None: this is the last)."""

    rows: tuple[Entry, ...]
    next_before: int | None


def customers(visit: Visit) -> tuple[Customer, ...]:
    """Every customer by name. Raises Ended, StoreError."""
    _require(visit, STAFF)
    return session.opened().read(office.customers)


def domains(visit: Visit) -> tuple[Domain, ...]:
    """Every domain by name. Raises Ended, StoreError."""
    _require(visit, STAFF)
    return session.opened().read(office.domains)


def accounts(visit: Visit) -> tuple[AccountRow, ...]:
    """Every account by name. Raises Ended, StoreError."""
    _require(visit, OPERATOR)
    limits, at = session.settings_in_use().dashboard, session.now()
    uses = session.opened().read(
        lambda connection: store_accounts.uses(
            connection,
            now=at,
            idle_seconds=limits.session_idle_minutes * 60,
            absolute_seconds=limits.session_hours * 3600,
        )
    )
    found = session.opened().read(store_accounts.accounts)
    return tuple(AccountRow(account, uses.get(account.name, Use(None, 0))) for account in found)


def trail(visit: Visit, text: str, before: int | None) -> TrailPage:
    """A page of the audit trail with entries older than `before`, those that hold `text`. Raises Ended, StoreError."""
    _require(visit, OPERATOR)
    actions = actions_named(text, visit.language)
    found = session.opened().read(
        lambda connection: store_trail.entries(
            connection, text=text, actions=actions, before=before, limit=PAGE_ROWS + 1
        )
    )
    rows = found[:PAGE_ROWS]
    return TrailPage(rows, rows[-1].id if len(found) > PAGE_ROWS else None)


def _require(visit: Visit, roles: tuple[str, ...]) -> None:
    if visit.visitor.role not in roles:
        raise session.Ended
