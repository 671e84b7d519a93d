"""One test per finding of the linter: what is found, and the corrected record; with and without surroundings."""

import base64
import re
from pathlib import Path

import pytest

from analysis.records import dkim, dmarc, lint, rua, spf
from analysis.records.findings import Effect, Finding, Rule, Severity
from analysis.records.surroundings import RuaDomain, SpfTree, Surroundings
from knowledge.rows import Service
from knowledge.tables import load_tables

RUA = "rua=mailto:dmarc@example.jp"


def found(text: str, around: Surroundings | None = None) -> list[str]:
    linted = lint.lint(text, around) if around else lint.lint(text)
    return [each.id for each in linted.findings]


def one(text: str, around: Surroundings | None = None) -> Finding:
    (finding,) = (lint.lint(text, around) if around else lint.lint(text)).findings
    return finding


def corrected(text: str, around: Surroundings | None = None) -> str | None:
    return (lint.lint(text, around) if around else lint.lint(text)).corrected


SPF = [
    ("v=spf1 ipv4:203.0.113.5 -all", ["S2"], "v=spf1 ip4:203.0.113.5 -all"),
    ("v=spf1 ip:203.0.113.5 -all", ["S2"], "v=spf1 ip4:203.0.113.5 -all"),
    ("v=spf1 ip4:2001:db8::1 -all", ["S2"], "v=spf1 ip6:2001:db8::1 -all"),
    ("v=spf1 203.0.113.5 -all", ["S2"], "v=spf1 ip4:203.0.113.5 -all"),
    ("v=spf1 ip4=203.0.113.5 -all", ["S2"], "v=spf1 ip4:203.0.113.5 -all"),
    ("v=spf1 ip4:203,0,113,5 -all", ["S2"], "v=spf1 ip4:203.0.113.5 -all"),
    ("v=spf1 ip4:203.0.113.5, -all", ["S2"], "v=spf1 ip4:203.0.113.5 -all"),
    ("v=spf1 ip4:203.0.113.5,203.0.113.6 -all", ["S2"], "v=spf1 ip4:203.0.113.5 ip4:203.0.113.6 -all"),
    ("v=spf1 ip4:203.0.113.5/33 -all", ["S2"], "v=spf1 ip4:203.0.113.5 -all"),
    ("v=spf1 ip4:203.0.113 -all", ["S2"], None),
    ("v=spf1 ip4:203.0.113.5include:_spf.example.com -all", ["S3"],
     "v=spf1 ip4:203.0.113.5 include:_spf.example.com -all"),
    ("v=spf1 include:_spf.example.com~all", ["S3"], "v=spf1 include:_spf.example.com ~all"),
    ("v=spf1include:_spf.example.com -all", ["S3"], "v=spf1 include:_spf.example.com -all"),
    ("v=spf1 ptr -all", ["S7"], "v=spf1 ptr -all"),
    ("v=spf1 +all include:_spf.example.com", ["S9", "S8"], "v=spf1 include:_spf.example.com ~all"),
    ("v=spf1 -all exp=explain.example.jp", [], "v=spf1 -all exp=explain.example.jp"),
    ("spf2.0/pra include:_spf.example.com -all", ["S10"], None),
    ("v=spf1 redirect=_spf.example.com -all", ["S15"], "v=spf1 -all"),
    ("V=SPF1 -all", ["S16"], "v=spf1 -all"),
    ("v=spf10 -all", ["S17"], "v=spf1 -all"),
    ("v=spf1; -all", ["S17"], "v=spf1 -all"),
    ("v = spf1 -all", ["S17"], "v=spf1 -all"),
    ("include:_spf.example.com -all", ["S17"], "v=spf1 include:_spf.example.com -all"),
    ("v=spf1 inlcude:_spf.example.com -all", ["S18"], "v=spf1 include:_spf.example.com -all"),
    ("v=spf1 include=_spf.example.com -all", ["S18"], "v=spf1 include:_spf.example.com -all"),
    ("v=spf1 include:関所.example.jp -all", ["S18"], "v=spf1 include:xn--8ous75i.example.jp -all"),
    ("v=spf1 mail.example.jp -all", ["S18"], None),
    ("v=spf1 a; -all;", ["S18", "S18"], "v=spf1 a -all"),
    ("v=spf1 include: _spf.example.com -all", ["S19"], "v=spf1 include:_spf.example.com -all"),
    ("v=spf1 mx - all", ["S19"], "v=spf1 mx -all"),
    ("v=spf1 mx ip4:192.0.2.1 MX -all", ["S20"], "v=spf1 mx ip4:192.0.2.1 -all"),
    ("v=spf1 redirect=a.example.jp redirect=b.example.jp", ["S21"], "v=spf1 redirect=a.example.jp"),
    ("v=spf1 ip4:0.0.0.0/0 -all", ["S22"], "v=spf1 ip4:0.0.0.0/0 -all"),
    ("v=spf1 ip4:203.0.113.5/24 -all", ["S23"], "v=spf1 ip4:203.0.113.0/24 -all"),
    ("v=spf1 x=y -all", ["S24"], "v=spf1 x=y -all"),
    ("v=spf1 a\t-all", ["S13"], "v=spf1 a -all"),
    ("'v=spf1 a -all'", ["S13"], "v=spf1 a -all"),
    ("v=spf1 a:mail.example.jp.-all", ["S3"], "v=spf1 a:mail.example.jp. -all"),
]  # fmt: skip

DMARC = [
    (f"v=DMARC1 p=none; {RUA}", ["D4"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none, {RUA}", ["D4"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p:none; {RUA}", ["D4", "D21"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; oops; {RUA}", ["D4"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; {RUA}; mailto:b@example.jp", ["D4"], f"v=DMARC1; p=none; {RUA},mailto:b@example.jp"),
    (f"p=none; {RUA}", ["D3"], f"v=DMARC1; p=none; {RUA}"),
    (f"p=none; v=DMARC1; {RUA}", ["D3"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC2; p=none; {RUA}", ["D3"], f"v=DMARC1; p=none; {RUA}"),
    (f"V=DMARC1; p=none; {RUA}", ["D20"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=deny; {RUA}", ["D5"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=reject; sp=quarantin; {RUA}", ["D5"], f"v=DMARC1; p=reject; sp=quarantine; {RUA}"),
    (f"v=DMARC1; {RUA}", ["D21"], f"v=DMARC1; p=none; {RUA}"),
    ("v=DMARC1", ["D21", "D6"], "v=DMARC1; p=none"),
    ("v=DMARC1; p=none; rua=mail:dmarc@example.jp", ["D7"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; {RUA},mailto:b@example.jp,mailto:c@example.jp", ["D10"],
     f"v=DMARC1; p=none; {RUA},mailto:b@example.jp,mailto:c@example.jp"),
    (f"v=DMARC1; p=none; {RUA}; fo=1", ["D11"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; {RUA}; ruf=mailto:a@example.jp; fo=0:1", ["D11"],
     f"v=DMARC1; p=none; {RUA}; ruf=mailto:a@example.jp"),
    (f"v=DMARC1; p=none; rf=afrf; ri=86400; pct=100; {RUA}", ["D12", "D12", "D12"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=reject; np=none; {RUA}", ["D13"], f"v=DMARC1; p=reject; np=none; {RUA}"),
    (f"v=DMARC1; p=none; sp=none; {RUA}", [], f"v=DMARC1; p=none; sp=none; {RUA}"),
    (f"v=DMARC1; p=none; p=reject; {RUA}", ["D14"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; {RUA}; rua=mailto:b@example.jp", ["D14"],
     f"v=DMARC1; p=none; {RUA},mailto:b@example.jp"),
    (f"v=DMARC1; {RUA}; p=none", ["D22"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; {RUA},https://example.jp/r", ["D23"], f"v=DMARC1; p=none; {RUA},https://example.jp/r"),
    ("v=DMARC1; p=none; rua=mailto://dmarc@example.jp", ["D24"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; {RUA},dmarc", ["D24"], f"v=DMARC1; p=none; {RUA}"),
    ("v=DMARC1; p=none; rua=dmarc", ["D24"], "v=DMARC1; p=none"),
    ("v=DMARC1; p=none; rua='mailto:dmarc@example.jp'", ["D24"], f"v=DMARC1; p=none; {RUA}"),
    ("v=DMARC1; p=none; rua=mailto:dmarc@関所.example.jp", ["D24"],
     "v=DMARC1; p=none; rua=mailto:dmarc@xn--8ous75i.example.jp"),
    (f'_dmarc.example.jp. 300 IN TXT "v=DMARC1; p=none; {RUA}"', ["D19", "D3"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; {RUA} mailto:b@example.jp", ["D25"], f"v=DMARC1; p=none; {RUA},mailto:b@example.jp"),
    (f"v=DMARC1; p=none; {RUA}!10m", ["D26"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; adkim=strict; t=yes; {RUA}", ["D27", "D27"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; x=y; {RUA}", ["D28"], f"v=DMARC1; p=none; x=y; {RUA}"),
    (f"v=DMARC1; p=reject; t=y; {RUA}", ["D29"], f"v=DMARC1; p=reject; t=y; pct=0; {RUA}"),
    (f"v=DMARC1; p=reject; pct=0; {RUA}", ["D29"], f"v=DMARC1; p=reject; pct=0; t=y; {RUA}"),
    (f"v=DMARC1;; p=none; {RUA}", ["D30"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none; x=関所; {RUA}", ["D31", "D28"], f"v=DMARC1; p=none; {RUA}"),
    (f"v=DMARC1; p=none；{RUA}", ["D19"], f"v=DMARC1; p=none;{RUA}"),
]  # fmt: skip

KEY = "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
DKIM = [
    (f"v=DKIM1; k=ed25519; {KEY[:-8]}", ["K7"], None),
    ("v=DKIM1; k=rsa; p=MIGfMA0G!!", ["K7"], None),
    ("v=DKIM1; k=rsa", ["K8"], None),
    (f"v=dkim1; k=ed25519; {KEY}", ["K9"], f"v=DKIM1; k=ed25519; {KEY}"),
    (f"k=ed25519; v=DKIM1; {KEY}", ["K9"], f"v=DKIM1; k=ed25519; {KEY}"),
    (f"v=DKIM1; k=dsa; {KEY}", ["K10"], None),
    (f"v=DKIM1; h=sha1; k=ed25519; {KEY}", ["K11"], f"v=DKIM1; k=ed25519; {KEY}"),
    (f"v=DKIM1; s=web; k=ed25519; {KEY}", ["K12"], f"v=DKIM1; k=ed25519; {KEY}"),
    (f"v=DKIM1; t=y:s; k=ed25519; {KEY}", ["K13"], f"v=DKIM1; t=s; k=ed25519; {KEY}"),
    (f"v=DKIM1; k=ed25519; k=ed25519; {KEY}", ["K14"], f"v=DKIM1; k=ed25519; {KEY}"),
    (f"“v=DKIM1; k=ed25519; {KEY}”", ["K15"], f"v=DKIM1; k=ed25519; {KEY}"),
    (f"v=DKIM1; K=ed25519; {KEY}", ["K16"], f"v=DKIM1; k=ed25519; {KEY}"),
    (f"v=DKIM1; oops; k=ed25519; {KEY}", ["K17"], f"v=DKIM1; k=ed25519; {KEY}"),
]


@pytest.mark.parametrize(("text", "ids", "right"), [*SPF, *DMARC, *DKIM])
def test_a_text_gives_its_findings_and_its_corrected_record(text: str, ids: list[str], right: str | None) -> None:
    assert found(text) == ids
    assert corrected(text) == right


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        (f"v=dmarc1; p=none; {RUA}", Effect.RECORD_IGNORED),
        (f"v=DMARC1; p=rejct; {RUA}", Effect.ACTS_AS_NONE),
        (f"v=DMARC1; p=reject; sp=rejct; {RUA}", Effect.ACTS_AS_NONE),
        (f"v=DMARC1; p=none; x=y; {RUA}", Effect.PART_IGNORED),
        (f"v=DMARC1; p=none；{RUA}", Effect.PART_IGNORED),
        (f"v=DMARC1；p=none; {RUA}", Effect.RECORD_IGNORED),
        ("v=spf1 ipv4:203.0.113.5 -all", Effect.SPF_FAILS),
        ("v=spf1 a –all", Effect.SPF_FAILS),
        ("“v=spf1 a -all”", Effect.RECORD_IGNORED),
        (f"v=DKIM1; h=sha1; k=ed25519; {KEY}", Effect.SIGNATURES_FAIL),
        ("v=spf1 +all", None),
    ],
)
def test_a_finding_says_what_receivers_do(text: str, effect: Effect | None) -> None:
    assert lint.lint(text).findings[0].effect == effect


def test_a_bad_policy_without_a_rua_switches_dmarc_off() -> None:
    linted = lint.lint("v=DMARC1; p=rejct")

    assert [(each.id, each.effect) for each in linted.findings] == [("D5", Effect.NO_DMARC), ("D6", None)]


def test_half_of_the_mail_is_said_to_be_no_sample() -> None:
    assert "full policy" in one(f"v=DMARC1; p=reject; pct=50; {RUA}").sentence("en")
    assert "full policy" not in one(f"v=DMARC1; p=none; pct=50; {RUA}").sentence("en")


def rsa(bits: int, *, wrapped: bool) -> str:
    """A public key of this many bits: RFC 6376's RSAPublicKey, or wrapped in SubjectPublicKeyInfo as it is usual."""

    def der(tag: int, content: bytes) -> bytes:
        return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content

    key = der(0x30, der(0x02, b"\x00" + b"\xff" * (bits // 8)) + der(0x02, b"\x01\x00\x01"))
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return base64.b64encode(der(0x30, algorithm + der(0x03, b"\x00" + key)) if wrapped else key).decode()


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(("bits", "ids", "valid"), [(512, ["K5"], False), (1024, ["K6"], True), (2048, [], True)])
def test_a_key_is_measured_in_both_forms(bits: int, ids: list[str], valid: bool, wrapped: bool) -> None:
    text = f"v=DKIM1; p={rsa(bits, wrapped=wrapped)}"

    assert found(text) == ids
    assert lint.lint(text).valid is valid
    assert all(str(bits) in each.sentence("en") for each in lint.lint(text).findings)


def test_a_real_key_is_measured() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa as real
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = real.generate_private_key(65537, 2048).public_key()

    assert dkim.rsa_bits(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)) == 2048
    assert dkim.rsa_bits(key.public_bytes(Encoding.DER, PublicFormat.PKCS1)) == 2048


def test_a_key_in_the_two_strings_of_a_zone_file_is_one_key() -> None:
    key = rsa(2048, wrapped=True)
    linted = lint.lint(f'"v=DKIM1; k=rsa; p={key[:200]}"\n"{key[200:]}"')

    assert [(each.id, each.severity) for each in linted.findings] == [("K15", Severity.INFO)]
    assert linted.corrected == f"v=DKIM1; k=rsa; p={key}"


def test_a_withdrawn_key_is_an_error_only_while_mail_is_signed_with_it() -> None:
    assert one("v=DKIM1; p=").severity == Severity.WARNING
    assert one("v=DKIM1; p=", Surroundings(key_in_use=True)).severity == Severity.ERROR


def test_the_lookups_of_the_whole_tree_count() -> None:
    text = "v=spf1 include:_spf.example.com -all"
    ten, eleven = Surroundings(spf_tree=SpfTree(10, 2)), Surroundings(spf_tree=SpfTree(11, 3))

    assert found(text, ten) == []
    assert found(text, eleven) == ["S4", "S5"]
    assert corrected(text, eleven) is None
    assert "needs 11 DNS lookups" in lint.lint(text, eleven).findings[0].sentence("en")


def test_ten_lookups_of_the_record_itself_are_allowed() -> None:
    assert found("v=spf1 " + " ".join(f"include:s{n}.example.com" for n in range(10)) + " -all") == []


@pytest.mark.parametrize("tree", [SpfTree(3, missing=("gone.example.com",)), SpfTree(3, looping=("gone.example.com",))])
def test_an_include_that_leads_nowhere_is_left_out(tree: SpfTree) -> None:
    text = "v=spf1 include:Gone.example.com. mx -all"

    assert one(text, Surroundings(spf_tree=tree)).id == "S6"
    assert corrected(text, Surroundings(spf_tree=tree)) == "v=spf1 mx -all"
    assert found(text) == []


def test_the_number_of_records_at_the_name_is_told_for_both_kinds() -> None:
    two = Surroundings(records_at_name=2)

    assert one("v=spf1 -all", two).id == "S1"
    assert one(f"v=DMARC1; p=none; {RUA}", two).id == "D1"
    assert corrected("v=spf1 -all", two) is None


def test_two_dmarc_records_on_two_lines() -> None:
    linted = lint.lint(f"v=DMARC1; p=none; {RUA}\nv=DMARC1; p=none; {RUA}")

    assert [(each.id, each.effect) for each in linted.findings] == [("D1", Effect.RECORD_IGNORED)]


def test_an_include_of_a_service_with_its_own_return_path_is_useless() -> None:
    services = tuple(load_tables().services.values())
    text = "v=spf1 include:servers.mcsv.net include:_spf.google.com -all"

    finding = one(text, Surroundings(services_known=services))

    assert (finding.id, "Mailchimp" in finding.sentence("en")) == ("S12", True)
    assert corrected(text, Surroundings(services_known=services)) == "v=spf1 include:_spf.google.com -all"
    assert found(text) == []


@pytest.mark.parametrize("service", ["sendgrid", "amazon-ses"])
def test_strict_spf_alignment_breaks_sendgrid_and_ses(service: str) -> None:
    row = load_tables().services[service]
    text = f"v=DMARC1; p=none; aspf=s; {RUA}"

    assert one(text, Surroundings(services_in_use=(row,))).id == "D16"
    assert corrected(text, Surroundings(services_in_use=(row,))) == f"v=DMARC1; p=none; aspf=r; {RUA}"
    assert found(text) == []
    assert found(text, Surroundings(services_in_use=(Service("x", "X", "crm", aligns_spf="yes"),))) == []
    assert found(f"v=DMARC1; p=none; aspf=r; {RUA}", Surroundings(services_in_use=(row,))) == []


def test_a_subdomain_that_sends_without_spf_is_named() -> None:
    finding = one("v=spf1 -all", Surroundings(subdomains_without_spf=("news.example.jp",)))

    assert (finding.id, "news.example.jp" in finding.sentence("ja")) == ("S14", True)


def test_a_dmarc_record_works_in_one_place_only() -> None:
    text = f"v=DMARC1; p=none; {RUA}"

    assert one(text, Surroundings(name="example.jp", domain="example.jp")).id == "D2"
    assert found(text, Surroundings(name="_dmarc.example.jp", domain="example.jp")) == []
    assert one("v=spf1 -all", Surroundings(name="_dmarc.example.jp")).id == "D15"


def test_reports_to_another_domain_need_its_consent_and_its_mail_server() -> None:
    text = "v=DMARC1; p=none; rua=mailto:dmarc@example.com,mailto:dmarc@example.net"
    around = Surroundings(
        domain="example.jp",
        rua_domains={"example.com": RuaDomain(True, False), "example.net": RuaDomain(False, None)},
    )

    linted = lint.lint(text, around)

    assert [each.id for each in linted.findings] == ["D8", "D9"]
    assert "example.jp._report._dmarc.example.com" in linted.findings[0].sentence("en")
    assert (linted.valid, linted.corrected) == (False, text)
    assert found(text, Surroundings(rua_domains={"example.com": RuaDomain(None, None)})) == []


def test_a_domain_without_mail_should_be_closed() -> None:
    silent = Surroundings(sends_mail=False)

    assert found(f"v=DMARC1; p=none; {RUA}", silent) == ["D17"]
    assert found(f"v=DMARC1; p=reject; {RUA}", silent) == []
    assert found("v=spf1 mx -all", silent) == ["D17"]
    assert found("v=spf1 -all", silent) == []


def test_a_weaker_record_of_a_subdomain_is_named() -> None:
    assert one(f"v=DMARC1; p=reject; {RUA}", Surroundings(weaker_subdomains=("news.example.jp",))).id == "D18"


def test_an_old_record_beside_the_right_one_may_go() -> None:
    assert one("v=spf1 -all", Surroundings(old_spf_record=True)).id == "S10"


def test_what_is_wrong_with_keys_that_are_not_there() -> None:
    missing = dkim.missing_key("SendGrid", "s1._domainkey.example.jp")
    foreign = dkim.foreign_signature("SendGrid", "sendgrid.net")
    doubled = Surroundings(name="s1._domainkey.example.jp.example.jp", domain="example.jp")

    assert (missing.id, "s1._domainkey.example.jp" in missing.sentence("ja")) == ("K1", True)
    assert (foreign.id, "sendgrid.net" in foreign.sentence("en")) == ("K3", True)
    assert one(f"v=DKIM1; k=ed25519; {KEY}", doubled).id == "K2"


def test_every_rule_of_the_list_exists_and_every_rule_has_a_test() -> None:
    """S13, D19 and K15 are made for their text in lint.py."""
    rules = {
        each.id for module in (spf, dmarc, rua, dkim, lint) for each in vars(module).values() if isinstance(each, Rule)
    }
    listed = {f"S{n}" for n in range(1, 15)} | {f"D{n}" for n in range(1, 19)} | {"K1", "K2", "K3"}
    tests = "".join(
        path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_analysis_records_*.py")
    )

    assert listed - rules == {"S13"}
    assert {each for each in rules if re.search(rf'"{each}"', tests) is None} == set()
