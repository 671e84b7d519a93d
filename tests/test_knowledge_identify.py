"""The rules that name a sender, in their order, and what they keep apart."""

import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.hosts import organisational
from knowledge.identify import (
    SenderFacts,
    SenderName,
    explain_sender,
    is_rewritten_envelope,
    name_sender,
    own_infrastructure,
    service_of,
)
from knowledge.tables import load_tables

TABLES = load_tables()


def key(**facts: object) -> str:
    given_facts: dict[str, object] = {"ip": "192.0.2.10", "header_from": "example.jp", **facts}
    return name_sender(SenderFacts(**given_facts), TABLES).key  # type: ignore[arg-type]


RENTED = {
    "as_domain": "sakura.ad.jp",
    "as_name": "SAKURA Internet Inc.",
    "service": "Sakura",
    "service_kind": "Web Host",
}


def test_organisational_domains_follow_the_public_suffix_list_with_its_private_part() -> None:
    assert organisational("a.mail.example.co.jp") == "example.co.jp"
    assert organisational("WWW.Example.JP.") == "example.jp"
    assert organisational("www1.sakura.ne.jp") == "www1.sakura.ne.jp"
    assert organisational("co.jp") is None


@pytest.mark.parametrize("text", ["", ".", "a..b", "<script>.jp", "日本.jp", "a" * 300 + ".jp", "a.\x00.jp"])
def test_text_that_is_no_host_name_has_no_organisational_domain(text: str) -> None:
    assert organisational(text) is None


def test_a_signature_decides_before_the_envelope_the_envelope_before_the_host_and_the_host_before_the_as() -> None:
    facts = {"ptr": "sv1.haihaimail.example", "as_domain": "mailgun.com"}

    assert key(**facts) == "service:mailgun"
    assert key(**{**facts, "ptr": "o1.sendgrid.net"}) == "service:sendgrid"
    assert key(**{**facts, "ptr": "o1.sendgrid.net", "spf_domain": "spf.haihaimail.jp"}) == "service:haihaimail"
    assert (
        key(**{**facts, "ptr": "o1.sendgrid.net", "spf_domain": "spf.haihaimail.jp", "dkim_domains": ("mcsv.net",)})
        == "service:mailchimp"
    )


def test_a_service_is_shown_by_its_japanese_name_too_whether_it_sends_or_passes_on() -> None:
    def name(**facts: object) -> str:
        given_facts: dict[str, object] = {"ip": "192.0.2.10", "header_from": "example.jp", **facts}
        return name_sender(SenderFacts(**given_facts), TABLES).name  # type: ignore[arg-type]

    assert name(spf_domain="spf.haihaimail.jp") == "配配メール · HaihaiMail (Rakus)"
    sakura = "さくらのレンタルサーバ / メールボックス · Sakura Rental Server / Mailbox"
    assert name(ptr="www1.sakura.ne.jp") == f"via {sakura}"
    assert name(ptr="o1.sendgrid.net") == "SendGrid"


def test_the_customers_own_domain_names_nothing() -> None:
    own = {"dkim_domains": ("mail.sendgrid.net",), "spf_domain": "bounce.sendgrid.net", "header_from": "sendgrid.net"}

    assert key(**own, dkim_aligned=True) == "server:192.0.2.0/24"


def test_several_known_signatures_give_the_same_sender_in_any_order() -> None:
    one = key(dkim_domains=("sendgrid.net", "mcsv.net", "example.jp"))
    other = key(dkim_domains=("example.jp", "mcsv.net", "sendgrid.net"))

    assert one == other == "service:mailchimp"


def test_a_list_that_signed_last_is_the_sender_of_a_services_mail() -> None:
    assert key(dkim_domains=("sendgrid.net", "googlegroups.com")) == "forwarder:google-groups"


def test_one_service_is_one_sender_whichever_results_a_reporter_leaves_out() -> None:
    source = {"ip": "167.89.100.1", "ptr": "o1.ptr.sendgrid.net", "as_domain": "sendgrid.com"}

    seen = {
        key(**source, dkim_domains=("sendgrid.net",), spf_domain="u1.wl.sendgrid.net"),
        key(**source, spf_domain="u1.wl.sendgrid.net"),
        key(**source, dkim_domains=("example.jp",), dkim_aligned=True, spf_domain="em1.example.jp", spf_aligned=True),
        key(**source),
        key(ip="167.89.100.1", as_domain="sendgrid.com"),
    }

    assert seen == {"service:sendgrid"}


def test_an_own_server_in_a_rented_network_keeps_apart_from_its_spoofing_neighbours() -> None:
    own = key(**RENTED, ip="198.51.100.10", spf_aligned=True)
    signed = key(**RENTED, ip="198.51.100.10", dkim_aligned=True, dkim_domains=("example.jp",))
    neighbour = key(**RENTED, ip="198.51.100.99")
    far = key(**RENTED, ip="203.0.113.7", spf_aligned=True)

    assert own == signed == "server:198.51.100.0/24"
    assert neighbour == "as:sakura.ad.jp"
    assert far == "server:203.0.113.0/24"


def test_the_default_name_of_a_rented_host_says_no_more_than_its_network() -> None:
    for ptr in ("ik1-413-38519.vs.sakura.ne.jp", "v198-51-100-10.vir.kagoya.net", "ec2-198-51-100-10.compute.example"):
        assert key(**RENTED, ip="198.51.100.10", ptr=ptr, spf_aligned=True) == "server:198.51.100.0/24"
        assert key(**RENTED, ip="198.51.100.10", ptr=ptr) == "as:sakura.ad.jp"


def test_a_host_name_of_another_organisation_names_it_and_authenticated_mail_apart() -> None:
    assert key(**RENTED, ptr="mx1.saas.example.net") == "ptr:example.net"
    assert key(**RENTED, ptr="mx2.saas.example.net", spf_aligned=True) == "server:example.net"


def test_a_confirmed_host_in_the_customers_own_domain_is_its_server_whether_mail_passed_or_not() -> None:
    assert key(**RENTED, ptr="mail.example.jp") == "server:example.jp"
    assert key(**RENTED, ptr="mail2.example.jp", header_from="news.example.jp", spf_aligned=True) == "server:example.jp"


def test_an_as_that_is_not_rented_out_is_one_place() -> None:
    university = {"as_domain": "example.net", "as_name": "Example University", "service_kind": "Education"}

    assert key(**university, ip="192.0.2.1", dkim_aligned=True) == "server:example.net"
    assert key(**university, ip="198.51.100.1", dkim_aligned=True) == "server:example.net"
    assert key(**university, ip="198.51.100.1") == "as:example.net"


def test_the_as_of_a_mail_service_that_no_row_knows_is_named_by_parsedmarcs_tables() -> None:
    facts = SenderFacts(
        "192.0.2.1", "example.jp", as_domain="mail.example.net", service="Example Mail", service_kind="SaaS"
    )

    assert name_sender(facts, TABLES) == SenderName("as:mail.example.net", "Example Mail", "network", "as-service")


def test_without_any_table_the_network_remains() -> None:
    assert key(ip="192.0.2.77") == "net:192.0.2.0/24"
    assert key(ip="2001:db8:1:2::3") == "net:2001:db8:1::/48"
    assert key(ip="2001:db8:1:2::3", spf_aligned=True) == "server:2001:db8:1::/48"
    assert key(ip="") == key(ip="not an address") == "unknown"


def test_microsoft_mail_of_the_customer_of_other_tenants_and_of_forwards_are_three_senders() -> None:
    pool = {"ip": "40.107.1.1", "as_domain": "microsoft.com", "service": "Microsoft", "service_kind": "Technology"}

    direct = key(**pool, spf_domain="example.jp", spf_aligned=True, dkim_domains=("contoso.onmicrosoft.com",))
    without_spf = key(**pool, dkim_domains=("example.jp",), dkim_aligned=True)
    other_tenant = key(**pool, dkim_domains=("evil.onmicrosoft.com",))
    forwarded = key(**pool, dkim_domains=("example.jp",), dkim_aligned=True, spf_domain="forwarder.example.net")

    assert direct == without_spf == "service:microsoft-365"
    assert other_tenant == "tenant:microsoft-365:evil.onmicrosoft.com"
    assert forwarded == "relay:microsoft-365"
    assert service_of(other_tenant, TABLES) is service_of(forwarded, TABLES) is TABLES.services["microsoft-365"]


def test_googles_default_signature_of_the_customers_domain_is_the_customers_own_account() -> None:
    assert key(dkim_domains=("example-jp.20230601.gappssmtp.com",)) == "service:google-workspace"
    assert (
        key(dkim_domains=("example-net.20230601.gappssmtp.com",)) == "tenant:google-workspace:example-net.gappssmtp.com"
    )


def test_a_shared_servers_forwards_keep_apart_from_the_mail_that_spf_authorises() -> None:
    host = {"ptr": "www1234.sakura.ne.jp", "ip": "49.212.1.1"}

    assert key(**host, spf_aligned=True) == "service:sakura"
    assert key(**host, dkim_aligned=True) == key(**host) == "relay:sakura"
    assert key(**host, spf_domain="www1234.sakura.ne.jp") == "tenant:sakura:www1234.sakura.ne.jp"


def test_a_forwarding_host_is_a_forwarder_though_its_network_belongs_to_a_mailbox_service() -> None:
    facts = {"ptr": "x1.r1.unverified-forwarding.1e100.net", "as_domain": "google.com", "dkim_aligned": True}

    assert key(**facts) == "forwarder:google-forwarding"


def test_the_firms_own_servers_are_one_sender_before_everything_else() -> None:
    own = own_infrastructure(["192.0.2.0/28", "2001:db8:5::/48"], ["Relay.Example.net"])
    in_network = SenderFacts("192.0.2.15", "example.jp", dkim_domains=("sendgrid.net",))
    in_v6 = SenderFacts("2001:db8:5::1", "example.jp")
    by_host = SenderFacts("198.51.100.1", "example.jp", ptr="mx1.relay.example.net")
    beside = SenderFacts("192.0.2.16", "example.jp", ptr="notrelay.example.net")

    keys = [name_sender(facts, TABLES, own).key for facts in (in_network, in_v6, by_host, beside)]

    assert keys == ["own-infrastructure", "own-infrastructure", "own-infrastructure", "ptr:example.net"]


def test_a_network_of_our_own_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2\.0/99"):
        own_infrastructure(["192.0.2.0/99"], [])


def test_an_explanation_shows_the_fact_and_the_row_that_decided() -> None:
    explained = explain_sender(SenderFacts("192.0.2.1", "example.jp", spf_domain="U1.WL.SendGrid.net"), TABLES)

    assert explained.sender == SenderName("service:sendgrid", "SendGrid", "transactional", "spf")
    assert explained.fact == "u1.wl.sendgrid.net"
    assert explained.row is TABLES.services["sendgrid"]


def test_hostile_names_name_nothing() -> None:
    hostile = "<script>alert(1)</script>.sendgrid.net"

    assert key(ptr=hostile, dkim_domains=(hostile,), spf_domain=hostile) == "net:192.0.2.0/24"
    assert key(as_name="=cmd|' /C calc'!A0") == "as:cmd-c-calc-a0"


def test_a_rewritten_envelope_is_recognised_by_its_first_label() -> None:
    assert is_rewritten_envelope("SRS.example.net", TABLES)
    assert not is_rewritten_envelope("example.net", TABLES)
    assert not is_rewritten_envelope("mail.srs.example.net", TABLES)


@given(
    st.lists(st.sampled_from(["sendgrid.net", "mcsv.net", "googlegroups.com", "a.onmicrosoft.com", "x.example"])),
    st.randoms(),
)
def test_the_order_of_signatures_never_changes_the_sender(domains: list[str], random: Random) -> None:
    shuffled = list(domains)
    random.shuffle(shuffled)

    assert key(dkim_domains=tuple(domains)) == key(dkim_domains=tuple(shuffled))


@given(st.text(), st.text(), st.text(), st.text(), st.booleans())
def test_any_text_gives_an_ascii_key_and_a_printable_name(a: str, b: str, c: str, d: str, aligned: bool) -> None:
    facts = SenderFacts(a, b, (c, d), (d,), a, aligned, aligned, b, c, d, a, "SaaS")

    sender = name_sender(facts, TABLES)

    assert sender.key.isascii()
    assert sender.key.isprintable()
    assert sender.name.isprintable()
    assert len(sender.key) < 300 + len("tenant:")


def test_nothing_is_read_at_import() -> None:
    code = (
        "import builtins, io, sys\n"
        "from publicsuffixlist import PublicSuffixList\n"
        "def refuse(*a, **k): raise SystemExit('read at import')\n"
        "PublicSuffixList.__init__ = refuse\n"
        "import tomllib\n"
        "tomllib.loads = refuse\n"
        "import knowledge.identify, knowledge.tables\n"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
