"""The shipped sender table: each fact of a row names that row's service, and nothing else does."""

import pytest

from knowledge.identify import SenderFacts, name_sender, service_of
from knowledge.tables import Tables, load_tables

TABLES = load_tables()
CUSTOMER = "example.jp"

SIGNED = {
    "gappssmtp": ("other-example.20230601.gappssmtp.com", "google-workspace"),
    "calendar": ("google.com", "google-workspace"),
    "onmicrosoft": ("contoso.onmicrosoft.com", "microsoft-365"),
    "dxg.dox.jp": ("dxg.dox.jp", "iij-dox"),
    "clients.bmsend.com": ("shop.clients.bmsend.com", "benchmark-email"),
}

RETURN_PATHS = {
    "_spf.google.com": "google-workspace",
    "u1234.wl.sendgrid.net": "sendgrid",
    "ap-northeast-1.amazonses.com": "amazon-ses",
    "servers.mcsv.net": "mailchimp",
    "bounce.mcdlv.net": "mailchimp",
    "bounce.rsgsv.net": "mailchimp",
    "mandrillapp.com": "mailchimp-transactional",
    "bf01.hubspotemail.net": "hubspot",
    "_spf.salesforce.com": "salesforce",
    "bounce.exacttarget.com": "salesforce-marketing-cloud",
    "bounce.exactt.com": "salesforce-marketing-cloud",
    "mail.zendesk.com": "zendesk",
    "mailgun.org": "mailgun",
    "mail.mailgun.net": "mailgun",
    "out1.messagingengine.com": "fastmail",
    "www1234.sakura.ne.jp": "sakura",
    "spf.sender.xserver.jp": "xserver",
    "spf.sender.netowl.jp": "star-server",
    "www.star.ne.jp": "star-server",
    "_spf.conoha.ne.jp": "conoha-wing",
    "_spf.onamae.ne.jp": "onamae",
    "spf.gmoserver.jp": "onamae",
    "_spf.lolipop.jp": "lolipop",
    "_spf.heteml.jp": "heteml",
    "www1.secure.jp": "cpi",
    "wpmx.wadax.ne.jp": "wadax",
    "_pmg.wadax-sv.jp": "wadax",
    "_spf-mg.wadax-sv.jp": "wadax",
    "fmx.etius.jp": "webarena-suitex",
    "spf.alpha-prm.jp": "alpha-mail",
    "mail.alpha-mail.net": "alpha-mail",
    "spfcm.cybermail.jp": "cybermail-sigma",
    "mx.securemx.jp": "iij-securemx",
    "spf.dox.jp": "iij-dox",
    "simplemail.jp": "gmo-simple-mail",
    "mail.mailsecure.jp": "nttpc-mailsecure",
    "spf.haihaimail.jp": "haihaimail",
    "spf.rakus-cloud.jp": "rakuraku-seisan",
    "spf.bmv.jp": "blastmail",
    "spf.besender.jp": "blastengine",
    "bmsend.com": "benchmark-email",
    "spf.te.smtps.jp": "customers-mail-cloud",
    "spf.am.arara.com": "arara-message",
    "spf.repica.jp": "arara-message",
    "mail.cuenote.jp": "cuenote-srs",
    "smp.ne.jp": "spiral",
    "spiral-platform.com": "spiral",
    "myasp.jp": "myasp",
    "omspf.orange-mail.org": "orange-mail",
    "jcity.com": "jcity",
    "mail-spf.ferret-one.com": "ferret-one",
    "spf.makeshop.jp": "makeshop",
    "ebisumart-lite.com": "ebisumart-zero",
    "spf.espar.biz": "espar-form",
    "mail.wise365cloud.com": "wise-365-alert",
    "cybozu.com": "cybozu-kintone",
    "spf.shopserve.jp": "shopserve",
    "spf.futoka.jp": "futoka",
    "spf.q-send.jp": "q-send",
    "spf.aams4.jp": "aams",
    "spf.aams6.jp": "aams",
    "mxr.valueserver.jp": "valueserver",
    "xaas3.jp": "xaas3",
    "_spf.bizmw.com": "bizmw",
}

HOSTS = {
    "mail-sor-f41.google.com": "google-workspace",
    "mail-ty1jpn01on2071.outbound.protection.outlook.com": "microsoft-365",
    "o1.ptr1234.sendgrid.net": "sendgrid",
    "a8-31.smtp-out.amazonses.com": "amazon-ses",
    "mail1.mcsv.net": "mailchimp",
    "mail1.mcdlv.net": "mailchimp",
    "mail1.rsgsv.net": "mailchimp",
    "mail1.mandrillapp.com": "mailchimp-transactional",
    "mail1.hubspotemail.net": "hubspot",
    "smtp1.salesforce.com": "salesforce",
    "mta1.exacttarget.com": "salesforce-marketing-cloud",
    "mta1.exactt.com": "salesforce-marketing-cloud",
    "outbyoip1.zdsys.com": "zendesk",
    "m1.mailgun.net": "mailgun",
    "mail1.smtp2go.com": "smtp2go",
    "relay1.mailchannels.net": "mailchannels",
    "out1.messagingengine.com": "fastmail",
    "www1234.sakura.ne.jp": "sakura",
    "sv123.xserver.jp": "xserver",
    "sv1.star.ne.jp": "star-server",
    "users1.lolipop.jp": "lolipop",
    "users1.heteml.jp": "heteml",
    "mail1.kagoya.net": "kagoya",
    "www1.secure.jp": "cpi",
    "fmx1.etius.jp": "webarena-suitex",
    "mail1.alpha-mail.net": "alpha-mail",
    "mail1.alpha-prm.jp": "alpha-mail",
    "mx1.securemx.jp": "iij-securemx",
    "mx1.mailsecure.jp": "nttpc-mailsecure",
    "mta1.benchmarkemail.com": "benchmark-email",
    "mta1.cuenote.jp": "cuenote-srs",
}

SELECTORS = {
    "zendesk1": "zendesk",
    "zendesk2": "zendesk",
    "bmdeda": "benchmark-email",
    "omdk": "orange-mail",
    "wise365alert1": "wise-365-alert",
}

ADDRESSES = {
    "40.92.1.1": "microsoft-365",
    "40.107.1.1": "microsoft-365",
    "52.100.1.1": "microsoft-365",
    "104.47.1.1": "microsoft-365",
    "2a01:111:f400::1": "microsoft-365",
    "2a01:111:f403::1": "microsoft-365",
    "54.240.8.31": "amazon-ses",
    "199.127.232.1": "amazon-ses",
    "199.255.192.1": "amazon-ses",
    "13.114.137.106": "seikyu-kanri-robo",
}

AS_DOMAINS = {
    "google.com": "google-workspace",
    "sendgrid.com": "sendgrid",
    "mailgun.com": "mailgun",
    "sendinblue.com": "brevo",
    "fastmail.com": "fastmail",
    "cybozu.co.jp": "cybozu-kintone",
}

# Rows that hold advice only: no fact of theirs can be seen in a report.
ADVICE_ONLY = {
    "resend",
    "emailoctopus",
    "muumuu-mail",
    "zenlogic",
    "minim",
    "clara",
    "synergy-lead",
    "satori",
    "mazrica",
    "subscpay-pro",
}


def named(facts: SenderFacts, tables: Tables = TABLES) -> str | None:
    service = service_of(name_sender(facts, tables).key, tables)
    return service.id if service else None


@pytest.mark.parametrize(
    ("domain", "service"), SIGNED.values(), ids=[f"a signature of {k} names {v}" for k, (_, v) in SIGNED.items()]
)
def test_a_passing_signature_of_a_service_names_it(domain: str, service: str) -> None:
    facts = SenderFacts(ip="192.0.2.1", header_from=CUSTOMER, dkim_domains=(CUSTOMER, domain))

    assert named(facts) == service
    assert name_sender(facts, TABLES).basis == "dkim"


@pytest.mark.parametrize(
    ("domain", "service"), RETURN_PATHS.items(), ids=[f"SPF of {k} names {v}" for k, v in RETURN_PATHS.items()]
)
def test_an_envelope_domain_that_passed_spf_names_its_service(domain: str, service: str) -> None:
    by_spf = SenderFacts(ip="192.0.2.1", header_from=CUSTOMER, spf_domain=domain)
    by_dkim = SenderFacts(ip="192.0.2.1", header_from=CUSTOMER, dkim_domains=(domain,))

    assert (named(by_spf), name_sender(by_spf, TABLES).basis) == (service, "spf")
    assert (named(by_dkim), name_sender(by_dkim, TABLES).basis) == (service, "dkim")


@pytest.mark.parametrize(("host", "service"), HOSTS.items(), ids=[f"host {k} names {v}" for k, v in HOSTS.items()])
def test_a_confirmed_host_name_names_its_service(host: str, service: str) -> None:
    facts = SenderFacts(ip="192.0.2.1", header_from=CUSTOMER, ptr=host, spf_aligned=True)

    sender = name_sender(facts, TABLES)

    assert (sender.key, sender.basis) == (f"service:{service}", "ptr")


@pytest.mark.parametrize(
    ("selector", "service"), SELECTORS.items(), ids=[f"selector {k} names {v}" for k, v in SELECTORS.items()]
)
def test_a_selector_that_one_service_uses_names_it(selector: str, service: str) -> None:
    facts = SenderFacts("192.0.2.1", CUSTOMER, (CUSTOMER,), own_selectors=(selector,), dkim_aligned=True)

    sender = name_sender(facts, TABLES)

    assert (sender.key, sender.basis) == (f"service:{service}", "selector")


@pytest.mark.parametrize(
    ("ip", "service"), ADDRESSES.items(), ids=[f"address {k} names {v}" for k, v in ADDRESSES.items()]
)
def test_a_published_range_names_its_service(ip: str, service: str) -> None:
    sender = name_sender(SenderFacts(ip, CUSTOMER, spf_aligned=True, as_domain="microsoft.com"), TABLES)

    assert (sender.key, sender.basis) == (f"service:{service}", "range")


@pytest.mark.parametrize(
    ("domain", "service"), AS_DOMAINS.items(), ids=[f"AS of {k} names {v}" for k, v in AS_DOMAINS.items()]
)
def test_the_as_of_a_service_names_it(domain: str, service: str) -> None:
    sender = name_sender(SenderFacts("192.0.2.1", CUSTOMER, spf_aligned=True, as_domain=domain), TABLES)

    assert (sender.key, sender.basis) == (f"service:{service}", "as-service")


def test_every_fact_of_the_table_stands_in_the_lists_above() -> None:
    def below(names: object, suffix: str) -> bool:
        return any(name == suffix or str(name).endswith("." + suffix) for name in names)  # type: ignore[attr-defined]

    missing = []
    for service in TABLES.services.values():
        domains = service.sending_domains + service.account_domains
        listed = [*RETURN_PATHS, *(domain for domain, _ in SIGNED.values())]
        missing += [fact for fact in domains if not below(listed, fact)]
        missing += [fact for fact in service.ptr_suffixes if not below(HOSTS, fact)]
        missing += [fact for fact in service.selectors if fact not in SELECTORS]
        missing += [fact for fact in service.as_domains if fact not in AS_DOMAINS]

    assert missing == []
    assert len(TABLES.networks) == len(ADDRESSES)


def test_only_the_rows_that_are_listed_as_advice_hold_no_fact_of_recognition() -> None:
    recognised = {service for _, service in SIGNED.values()}
    for facts in (RETURN_PATHS, HOSTS, SELECTORS, ADDRESSES, AS_DOMAINS):
        recognised |= set(facts.values())

    assert set(TABLES.services) - recognised == ADVICE_ONLY


def test_each_include_and_dkim_target_to_publish_belongs_to_the_domains_of_its_row() -> None:
    strays = []
    for service in TABLES.services.values():
        hosts = [*service.spf_include, *service.spf_include_legacy]
        for host in hosts:
            concrete = host.replace("<subdomain>", "firm")
            by_host = SenderFacts("192.0.2.1", CUSTOMER, spf_domain=concrete, ptr=concrete)
            if named(by_host) != service.id:
                strays.append(host)

    assert strays == []


def test_every_row_has_its_source_its_mark_its_day_and_advice_in_both_languages() -> None:
    incomplete = [
        service.id
        for service in TABLES.services.values()
        if not (service.source and service.how_to_fix_en and service.how_to_fix_ja)
        or service.mark not in ("P", "S", "O")
        or service.checked != "2026-11-24"
    ]

    assert incomplete == []
    assert len(TABLES.services) == 68


def test_what_could_not_be_verified_is_never_an_include_to_publish() -> None:
    published = {host for service in TABLES.services.values() for host in service.spf_include}

    assert published.isdisjoint({"_spf.sakura.ne.jp", "spf.secure.ne.jp", "fmx.etius.jp", "myasp.jp"})
