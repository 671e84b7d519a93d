"""A look at DNS in, findings out: what is known around each record, and what is not."""

from typing import Any

import pytest
from histories import FIRST_DAY, STREAMS, history, store_history
from store_builder import NOW, ask, fill

from analysis import published
from analysis.frames import Scope
from analysis.published import Checked, Facts, Published, examine
from knowledge.rows import DkimRecord, Service
from knowledge.tables import load_tables
from store.actor import Actor
from store.decisions import decide
from store.engine import open_store, writing
from store.office import assign_domain, domain_id_of
from store.snapshots import Look, Observation, Signature, Subdomain, Unanswered, save_look, target

RUA = "v=DMARC1; p=reject; rua=mailto:a@example.net"
SERVICE = Service("invoice", "Example Invoice", "business-app", dkim=(DkimRecord("inv1"),), aligns_spf="relaxed")
NOTHING = Facts()


def said(kind: str, name: str, *texts: str, **content: Any) -> Observation:
    found = bool(texts or content)
    return Observation(kind, name, "found" if found else "no-name", {"texts": list(texts)} if texts else content)


def own(text: str = RUA) -> Observation:
    return said("dmarc", "_dmarc.example.jp", text)


def tree(name: str = "example.jp", **more: Any) -> Observation:
    return said("spf-tree", name, **{"lookups": 1, "void_lookups": 0, "dead": [], "looping": [], **more})


def checked(*observations: Observation, around: Facts = NOTHING) -> Published:
    return examine(Look("example.jp", observations, ()), around, looked_at=NOW)


def ids(found: Published, name: str) -> list[str]:
    (one,) = [each for each in found.records if each.name == name]
    return [finding.id for finding in one.findings]


def test_a_clean_record_with_all_that_is_known_around_it_has_no_finding() -> None:
    found = checked(
        own(),
        said("mx", "example.net", hosts=["10 mail.example.net."]),
        said("report-authorisation", "example.jp._report._dmarc.example.net", host="example.net", texts=["v=DMARC1"]),
        said("dmarc-walk", "example.jp", policy_domain="example.jp"),
    )

    assert found.records == (Checked(found.records[0].kind, "_dmarc.example.jp", "found", RUA, True, (), RUA),)
    assert found.policy_domain == "example.jp"


@pytest.mark.parametrize(
    ("texts", "agreed"),
    [
        (["v=DMARC1"], True),
        (["v=DMARC1; rua=mailto:b@example.net"], True),
        (["v=DMARC1; rua=mailto:b@example.com"], False),
        ([], False),
    ],
)
def test_a_host_agrees_to_reports_unless_its_record_sends_them_to_another(texts: list[str], agreed: bool) -> None:
    state = "found" if texts else "no-name"
    content = {"host": "example.net", "texts": texts}
    found = checked(own(), Observation("report-authorisation", "x", state, content))

    assert ids(found, "_dmarc.example.jp") == ([] if agreed else ["D8"])


@pytest.mark.parametrize(("hosts", "finding"), [(["0 ."], ["D9"]), ([], ["D9"]), (["0 example.net."], [])])
def test_a_host_without_mail_loses_the_reports(hosts: list[str], finding: list[str]) -> None:
    found = checked(own(), Observation("mx", "example.net", "no-record", {"hosts": hosts}))

    assert ids(found, "_dmarc.example.jp") == finding


def test_what_dns_did_not_say_is_no_finding() -> None:
    look = Look(
        "example.jp",
        (own(), said("spf", "example.jp", "v=spf1 include:a.example.net -all")),
        (
            Unanswered("mx", "example.net", "timeout"),
            Unanswered("spf-tree", "example.jp", "failed"),
        ),
    )
    found = examine(look, Facts(), looked_at=NOW)

    assert [each.findings for each in found.records] == [(), ()]
    assert [each.kind for each in found.unanswered] == ["mx", "spf-tree"]
    # The walk is missing, but the domain's own record stands.
    assert found.policy_domain == "example.jp"


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        ({"lookups": 10}, []),
        ({"lookups": 11}, ["S4"]),
        ({"void_lookups": 2}, []),
        ({"void_lookups": 3}, ["S5"]),
        ({"dead": [["a.example.net", "a.example.net"]]}, ["S6"]),
        ({"looping": ["a.example.net"]}, ["S6"]),
        ({"dead": [["a.example.net", "b.example.net"]]}, ["S25"]),
    ],
)
def test_the_whole_tree_of_an_spf_record_counts(facts: dict[str, Any], finding: list[str]) -> None:
    found = checked(said("spf", "example.jp", "v=spf1 include:a.example.net -all"), tree(**facts))

    assert ids(found, "example.jp") == finding
    assert found.records[0].valid is not bool(finding)


def test_a_redirect_to_nowhere_is_an_error_in_both_languages() -> None:
    found = checked(
        said("spf", "example.jp", "v=spf1 redirect=a.example.net"), tree(dead=[["a.example.net", "a.example.net"]])
    )

    (one,) = found.records[0].findings
    assert "a.example.net" in one.sentence("en")
    assert one.sentence("ja") != one.sentence("en")


def test_two_records_of_a_kind_disturb_each_other_and_two_kinds_do_not() -> None:
    found = checked(
        said("dmarc", "_dmarc.example.jp", "v=DMARC1; p=none", "v=DMARC1; p=reject", "v=spf1 -all"),
        said("spf", "example.jp", "v=spf1 -all", "v=spf1 ip4:192.0.2.1 -all"),
    )

    assert [(each.kind, each.findings[0].id) for each in found.records] == [
        ("dmarc", "D1"),
        ("spf", "S1"),
        ("spf", "D15"),
    ]
    assert found.policy_domain is None


def test_a_record_in_the_wrong_place_is_said_to_be_there() -> None:
    found = checked(said("dmarc", "_dmarc.example.jp"), said("dmarc", "example.jp", RUA))

    assert ids(found, "example.jp") == ["D2"]
    assert [(each.name, each.state, each.valid) for each in found.records if each.text is None] == [
        ("_dmarc.example.jp", "no-name", None)
    ]


def test_an_inherited_record_stands_in_its_right_place() -> None:
    found = checked(
        said("dmarc", "_dmarc.example.jp"),
        said("dmarc", "_dmarc.jp", RUA),
        said("dmarc-walk", "example.jp", policy_domain="jp"),
    )

    assert ids(found, "_dmarc.jp") == []
    assert found.policy_domain == "jp"


def test_a_sub_domain_with_a_weaker_record_or_without_spf_is_named() -> None:
    around = Facts(subdomains=(Subdomain("shop.example.jp", 9, 9), Subdomain("spoofed.example.jp", 900, 0)))
    found = checked(
        own(),
        said("dmarc", "_dmarc.shop.example.jp", "v=DMARC1; p=none; rua=mailto:a@example.jp"),
        said("spf", "example.jp", "v=spf1 -all"),
        said("spf", "shop.example.jp"),
        said("spf", "spoofed.example.jp"),
        around=around,
    )

    assert ids(found, "_dmarc.example.jp") == ["D18"]
    assert [finding.sentence("en") for finding in found.records[2].findings] == [
        "shop.example.jp sends mail but has no SPF record of its own."
    ]


def test_a_key_is_read_with_and_without_its_version_and_with_what_reports_say_of_it() -> None:
    used = Facts(signatures=(Signature("example.jp", "s1", 5, 0),))
    short = "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK"
    found = checked(
        said("dkim", "s1._domainkey.example.jp", "v=DKIM1; p="),
        said("dkim", "s2._domainkey.example.jp", short),
        said("dkim", "s3._domainkey.example.jp.example.jp", "v=DKIM1; p="),
        around=used,
    )

    by_name = {each.name: each for each in found.records}
    revoked, broken, doubled = (by_name[name] for name in sorted(by_name))
    assert [(each.id, each.severity) for each in revoked.findings] == [("K4", "error")]
    assert [(each.id, each.at) for each in broken.findings] == [("K7", (2, len(short)))]
    assert [each.id for each in doubled.findings] == ["K4", "K2"]


@pytest.mark.parametrize(
    ("signature", "missing"),
    [
        (Signature("example.jp", "inv1", 5, 0), ["K1"]),
        (Signature("example.jp", "inv1", 5, 1), []),
        (Signature("example.jp", "other", 5, 0), []),
    ],
)
def test_a_key_that_a_service_signs_with_and_nobody_published_is_missed(
    signature: Signature, missing: list[str]
) -> None:
    name = f"{signature.selector}._domainkey.example.jp"
    found = checked(said("dkim", name), around=Facts(services_in_use=(SERVICE,), signatures=(signature,)))

    assert ids(found, name) == missing


def test_a_listed_selector_that_nobody_signs_with_is_not_missed() -> None:
    assert checked(said("dkim", "google._domainkey.example.jp")).records == ()


def test_strict_alignment_is_judged_by_the_services_in_use() -> None:
    text = "v=DMARC1; p=none; aspf=s; rua=mailto:a@example.jp"

    assert ids(checked(own(text), around=Facts(services_in_use=(SERVICE,))), "_dmarc.example.jp") == ["D16"]
    assert ids(checked(own(text)), "_dmarc.example.jp") == []


def test_the_last_look_of_the_store_is_read_and_older_answers_are_not(store_url: str) -> None:
    fill(store_url, [], customers={"Sakura": ["example.jp"]})
    engine = open_store(store_url)
    with writing(engine) as connection:
        assign_domain(connection, "example.com", None, now=NOW)
        where = target(connection, "example.jp")
        assert where is not None
        first = (own("v=DMARC1; p=none"), said("dkim", "old._domainkey.example.jp", "v=DKIM1; p="))
        save_look(connection, where.id, Look("example.jp", first, ()), now=NOW)
        left = (Unanswered("spf", "example.jp", "timeout"),)
        save_look(connection, where.id, Look("example.jp", (own(),), left), now=NOW + 9)
    engine.dispose()
    tables = load_tables()

    def built(name: str, scope: Scope) -> Published | None:
        return ask(store_url, lambda connection: published.build(connection, scope, name, tables, now=NOW + 10))

    found = built("example.jp", Scope(None))
    assert found is not None
    assert [(each.name, each.text) for each in found.records] == [("_dmarc.example.jp", RUA)]
    assert (found.looked_at, found.unanswered) == (NOW + 9, left)
    assert built("example.com", Scope(None)) == Published("example.com", None, None, (), ())
    assert built("example.jp", Scope((999,))) is None


@pytest.mark.parametrize(("count", "found"), [(10, []), (11, ["S26"])])
def test_an_mx_term_may_stand_for_ten_servers(count: int, found: list[str]) -> None:
    hosts = [f"10 mx{number}.example.jp." for number in range(count)]
    records = checked(said("spf", "example.jp", "v=spf1 mx -all"), tree(), said("mx", "example.jp", hosts=hosts))

    assert ids(records, "example.jp") == found
    assert records.records[0].valid is not bool(found)


def test_a_service_that_signs_with_its_own_name_is_told_where_its_key_has_to_stand() -> None:
    around = Facts(foreign=((SERVICE, "invoice.example.com"),))
    absent = said("dkim", "inv1._domainkey.example.jp")
    (one,) = checked(absent, around=around).records

    assert (one.name, one.text, one.valid) == ("inv1._domainkey.example.jp", None, None)
    assert [each.id for each in one.findings] == ["K3"]
    assert "Example Invoice" in one.findings[0].sentence("en")
    assert "invoice.example.com" in one.findings[0].sentence("ja")


def test_a_service_whose_key_stands_already_is_not_told_so() -> None:
    key = said("dkim", "inv1._domainkey.example.jp", "v=DKIM1; p=AAAA")

    assert "K3" not in ids(checked(key, around=Facts(foreign=((SERVICE, "d.example.com"),))), key.name)


def test_own_services_that_never_sign_for_the_domain_are_named_with_what_they_sign_as(store_url: str) -> None:
    """Zendesk passes by SPF and signs as itself; SES is decided; Mailchimp signs rightly; SendGrid is a stranger's."""
    some = [each for each in STREAMS if each.name in ("Zendesk", "invoices", "Mailchimp", "spoof by a service")]
    store_history(store_url, history(1, domains=1, days=5, busy=1, streams=some, steady=True).reports)
    now = (FIRST_DAY + 6) * 86_400

    def foreign(at: int) -> set[tuple[str, str]]:
        found = ask(store_url, lambda c: published.facts(c, Scope(None), "example.jp", load_tables(), now=at))
        return {(service.id, d) for service, d in found.foreign}

    before = foreign(now)
    engine = open_store(store_url)
    with writing(engine) as connection:
        where, actor = domain_id_of(connection, "example.jp"), Actor("test", now)
        decide(connection, where, "service:amazon-ses", "ours", note="asked", evidence={}, actor=actor)
    engine.dispose()

    assert before == {("zendesk", "zendesk.com")}
    assert foreign(now) == {("zendesk", "zendesk.com"), ("amazon-ses", "amazonses.com")}
    assert foreign(now + 60 * 86_400) == set()
