"""Who changes something about a domain by hand, and the audit row of it; the words come from the caller."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from store.office import audit
from store.schema import domain


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and when (epoch seconds); `address` is where the person sat, None at a shell."""

    name: str
    at: int
    address: str | None = None


def audit_domain(
    connection: Connection, domain_id: int, action: str, actor: Actor, detail: str | None, *, about: str | None = None
) -> None:
    """Write what was done to a domain, or to what stands for `about` within it. No secret may stand in the texts."""
    row = connection.execute(select(domain.c.name, domain.c.customer_id).where(domain.c.id == domain_id)).one()
    audit(
        connection,
        at=actor.at,
        actor=actor.name,
        action=action,
        subject=row.name if about is None else f"{row.name} {about}",
        customer_id=row.customer_id,
        address=actor.address,
        detail=detail,
    )
