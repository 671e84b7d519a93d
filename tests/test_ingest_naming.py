"""Naming senders by the hundred thousand: what is remembered of records that are alike never changes a name."""

import random
from itertools import product

import pytest
from histories import shape, signed, spf, tables

from ingest import naming
from ingest.naming import Namer, sender_facts
from knowledge.identify import NO_INFRASTRUCTURE, OwnInfrastructure, name_sender, own_infrastructure
from store.values import Shape, SourceFacts

OWN = "example.jp"
RESULTS = [
    (),
    (signed(OWN),),
    (signed("sendgrid.net"),),
    (spf("sendgrid.net"),),
    (spf(OWN),),
    (spf("lists.example.net"), signed(OWN)),
    (spf("tenant.onmicrosoft.com"),),
]
SHAPES = [
    shape(name, *results, dkim=dkim, spf=spf_aligned)._replace(digest=f"{number}")
    for number, (name, results, dkim, spf_aligned) in enumerate(
        product((OWN, "example.com"), RESULTS, (False, True), (False, True))
    )
]
SOURCES = [
    SourceFacts(ip, "JP", 64_496, as_name, as_domain, service, kind)
    for ip in ("192.0.2.1", "192.0.2.77", "198.51.100.9", "40.92.0.10", "209.85.128.3", "2001:db8::1", "")
    for as_name, as_domain, service, kind in (
        (None, None, None, None),
        ("Example Network", "example.net", "Example Hosting", "Web Host"),
        ("Microsoft", "microsoft.com", "Microsoft", "Email Provider"),
        ("Example Mail", "mail.example.net", "Example Mail", "SaaS"),
    )
]


def fresh_name(each: Shape, source: SourceFacts, own: OwnInfrastructure) -> str:
    return name_sender(sender_facts(each, source, None), tables(), own).key


@pytest.mark.parametrize(
    "own", [NO_INFRASTRUCTURE, own_infrastructure(["192.0.2.0/26"], ["mail.example.jp"])], ids=["none", "a network"]
)
@pytest.mark.parametrize("known", [20_000, 5], ids=["all remembered", "often forgotten"])
def test_a_sender_has_the_name_that_its_record_alone_would_give_it(
    own: OwnInfrastructure, known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("KNOWN_NAMES", "KNOWN_SHAPES", "KNOWN_ALIKE"):
        monkeypatch.setattr(naming, bound, known)
    # An address has the same facts all through a run.
    sources = random.Random(5).sample(SOURCES, len(SOURCES))
    sources = list({source.ip: source for source in sources}.values())
    pairs = 3 * list(product(SHAPES, sources))
    random.Random(6).shuffle(pairs)

    namer = Namer(tables(), own)
    names = {(each.digest, source.ip): set[str]() for each, source in pairs}
    for each, source in pairs:
        names[each.digest, source.ip].add(namer.without_ptr(each, source).key)

    assert names == {(each.digest, source.ip): {fresh_name(each, source, own)} for each, source in pairs}
    assert len(set.union(*names.values())) > 10
