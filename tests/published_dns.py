"""Puts into a store what a look at DNS would have said, through the store's own function."""

from store import office
from store.engine import open_store, writing
from store.snapshots import DMARC, MX, SPF, SPF_TREE, WALK, Look, Observation, Unanswered, save_look

RUA = "rua=mailto:dmarc@{domain}"


def publish(
    url: str,
    domain: str,
    record: str | None,
    *,
    at: int,
    spf: str | None = "v=spf1 ip4:192.0.2.1 -all",
    unanswered: tuple[Unanswered, ...] = (),
) -> None:
    """One look at a domain whose own DMARC record is `record`, its reports going to itself."""
    engine = open_store(url)
    with writing(engine) as connection:
        look = Look(domain, _observations(domain, record, spf), unanswered)
        save_look(connection, office.domain_id_of(connection, domain), look, now=at)
    engine.dispose()


def _observations(domain: str, record: str | None, spf: str | None) -> tuple[Observation, ...]:
    walk = {
        "policy_domain": domain if record else None,
        "organisational_domain": domain,
        "records": {domain: record} if record else {},
    }
    tree = {"lookups": 0, "void_lookups": 0, "void": [], "records": {}, "dead": [], "looping": [], "macros": []}
    return (
        _texts(DMARC, f"_dmarc.{domain}", record),
        Observation(WALK, domain, "found" if record else "no-record", walk),
        _texts(SPF, domain, spf),
        Observation(SPF_TREE, domain, "found", {**tree, "cut": False}),
        Observation(MX, domain, "found", {"hosts": [f"10 mx.{domain}."]}),
    )


def _texts(kind: str, name: str, text: str | None) -> Observation:
    return Observation(kind, name, "found" if text else "no-record", {"texts": [text]} if text else {})
