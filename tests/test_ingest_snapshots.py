"""What DNS says of a domain, asked of a real name server with real zones, and of servers that are silent or broken."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hostile_dns import hostile_server, silent

from ingest.questions import joined
from ingest.snapshots import Subject, key_name, look_at
from ingest.tree_walk import walk_names
from settings import Lookup
from store.snapshots import Look, Observation

NameServer = Callable[..., str]

KEY = "v=DKIM1; k=rsa; p=" + "A" * 200
TEN = " ".join(f"a:a{number}.example.jp" for number in range(9))
HOSTS = "".join(f"a{number} A 192.0.2.{number}\n" for number in range(1, 10)) + "a0 AAAA 2001:db8::1\n"


def look(server: str, domain: str = "example.jp", **more: tuple[str, ...]) -> Look:
    return look_at(Lookup(nameservers=(server,), timeout_seconds=1.0), Subject(domain, **more))


def said(found: Look, kind: str, name: str) -> Observation:
    (one,) = [each for each in found.observations if (each.kind, each.name) == (kind, name)]
    return one


def texts(found: Look, kind: str, name: str) -> list[str]:
    one = said(found, kind, name)
    assert one.state == "found"
    return list(one.content["texts"])


def unanswered(found: Look) -> set[tuple[str, str, str]]:
    return {(each.kind, each.name, each.state) for each in found.unanswered}


def tree(found: Look, domain: str = "example.jp") -> Mapping[str, Any]:
    one = said(found, "spf-tree", domain)
    assert one.state == "found"
    return one.content


def place(found: Look, domain: str = "example.jp") -> tuple[str | None, str | None]:
    """Policy domain and organisational domain."""
    content = said(found, "dmarc-walk", domain).content
    return content["policy_domain"], content["organisational_domain"]


def txt(name: str, *strings: str) -> str:
    return f"{name} TXT " + " ".join(f'"{string}"' for string in strings) + "\n"


def dmarc(rest: str = "p=none", at: str = "_dmarc") -> str:
    return txt(at, f"v=DMARC1; {rest}")


# ---- The tree walk


def test_a_long_name_is_asked_itself_and_then_from_its_last_seven_labels_on() -> None:
    assert walk_names("a.b.c.d.e.f.g.h.i.j.mail.example.com") == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]


@pytest.mark.parametrize("labels", [7, 8, 9, 20])
def test_a_walk_has_at_most_eight_questions(labels: int) -> None:
    name = ".".join(["a"] * (labels - 2) + ["example", "jp"])
    asked = walk_names(name)

    assert len(asked) == min(labels, 8)
    assert (asked[0], asked[-1]) == (name, "jp")
    assert len(asked[1].split(".")) == min(labels - 1, 7)


@pytest.mark.requires_nsd
def test_the_record_of_the_domain_itself_is_its_policy_and_the_shortest_name_its_organisation(
    name_server: NameServer,
) -> None:
    server = name_server({"example.jp": dmarc("p=reject") + dmarc("p=none", "_dmarc.mail"), "jp": ""})

    own, above, below = look(server), look(server, "a.mail.example.jp"), look(server, "mail.example.jp")

    assert place(own) == ("example.jp", "example.jp")
    assert texts(own, "dmarc", "_dmarc.example.jp") == ["v=DMARC1; p=reject"]
    assert place(above, "a.mail.example.jp") == ("example.jp", "example.jp")
    assert texts(above, "dmarc", "_dmarc.example.jp") == ["v=DMARC1; p=reject"]
    assert said(above, "dmarc", "_dmarc.a.mail.example.jp").state == "no-name"
    assert place(below, "mail.example.jp") == ("mail.example.jp", "example.jp")


@pytest.mark.requires_nsd
def test_a_name_of_ten_labels_finds_the_policy_above_it(name_server: NameServer) -> None:
    deep = "a.b.c.d.e.f.g.h.example.jp"
    server = name_server({"example.jp": dmarc("p=quarantine") + dmarc("p=reject", "_dmarc.b.c.d.e.f.g.h"), "jp": ""})

    found = look(server, deep)

    assert len(deep.split(".")) == 10
    # The record at the name of nine labels is never asked for.
    assert said(found, "dmarc-walk", deep).content == {
        "policy_domain": "example.jp",
        "organisational_domain": "example.jp",
        "records": {"example.jp": "v=DMARC1; p=quarantine"},
    }


@pytest.mark.requires_nsd
def test_psd_n_ends_the_walk_and_names_the_organisation(name_server: NameServer) -> None:
    zone = dmarc("p=reject") + dmarc("p=none; psd=n", "_dmarc.mail")
    found = look(name_server({"example.jp": zone, "jp": ""}), "a.mail.example.jp")

    assert place(found, "a.mail.example.jp") == ("mail.example.jp", "mail.example.jp")
    assert list(said(found, "dmarc-walk", "a.mail.example.jp").content["records"]) == ["mail.example.jp"]


@pytest.mark.requires_nsd
def test_psd_y_above_makes_the_name_below_it_the_organisation(name_server: NameServer) -> None:
    server = name_server({"jp": dmarc("p=reject; psd=y"), "example.jp": ""})

    assert place(look(server, "mail.example.jp"), "mail.example.jp") == ("jp", "example.jp")
    assert texts(look(server), "dmarc", "_dmarc.jp") == ["v=DMARC1; p=reject; psd=y"]


@pytest.mark.requires_nsd
def test_two_records_at_one_name_are_both_kept_and_neither_is_a_policy(name_server: NameServer) -> None:
    found = look(name_server({"example.jp": dmarc("p=none") + dmarc("p=reject"), "jp": ""}))

    assert place(found) == (None, "example.jp")
    assert texts(found, "dmarc", "_dmarc.example.jp") == ["v=DMARC1; p=none", "v=DMARC1; p=reject"]


@pytest.mark.requires_nsd
def test_a_domain_without_any_record_is_said_to_have_none(name_server: NameServer) -> None:
    found = look(name_server({"example.jp": txt("@", "google-site-verification=1"), "jp": ""}))

    states = {(each.kind, each.name): each.state for each in found.observations if each.expected}
    assert states == {
        ("dmarc", "_dmarc.example.jp"): "no-name",
        ("dmarc-walk", "example.jp"): "no-record",
        ("mx", "example.jp"): "no-record",
        ("spf", "example.jp"): "no-record",
    }
    assert found.unanswered == ()


@pytest.mark.requires_nsd
def test_a_servfail_above_leaves_the_own_record_known_and_the_organisation_unknown(name_server: NameServer) -> None:
    server = name_server({"mail.example.jp": dmarc("p=reject"), "b.example.jp": ""}, broken=("example.jp",))

    found, without = look(server, "mail.example.jp"), look(server, "b.example.jp")

    assert texts(found, "dmarc", "_dmarc.mail.example.jp") == ["v=DMARC1; p=reject"]
    assert ("dmarc-walk", "mail.example.jp", "failed") in unanswered(found)
    assert said(without, "dmarc", "_dmarc.b.example.jp").state == "no-name"
    assert ("dmarc-walk", "b.example.jp", "failed") in unanswered(without)
    assert [each for each in without.observations if each.kind == "dmarc-walk"] == []


# ---- SPF


@pytest.mark.requires_nsd
def test_ten_lookups_and_eleven_are_counted_through_the_whole_tree(name_server: NameServer) -> None:
    zone = HOSTS + txt("_ten", f"v=spf1 {TEN} ip4:192.0.2.1 -all")
    zone += txt("ten", "v=spf1 include:_ten.example.jp -all mx") + txt(
        "eleven", "v=spf1 include:_ten.example.jp mx ~all"
    )
    zone += "eleven MX 10 a1\n"
    server = name_server({"example.jp": zone, "jp": ""})

    ten, eleven = tree(look(server, "ten.example.jp"), "ten.example.jp"), look(server, "eleven.example.jp")

    assert (ten["lookups"], ten["void_lookups"], ten["dead"], ten["looping"]) == (10, 0, [], [])
    assert list(ten["records"]) == ["_ten.example.jp"]
    assert tree(eleven, "eleven.example.jp")["lookups"] == 11


@pytest.mark.requires_nsd
def test_void_lookups_are_names_without_an_answer_whatever_asks_for_them(name_server: NameServer) -> None:
    zone = txt("@", "v=spf1 a:gone.example.jp mx exists:gone.example.jp a:here.example.jp include:gone.example.jp -all")
    found = tree(look(name_server({"example.jp": zone + "here AAAA 2001:db8::1\n", "jp": ""})))

    assert (found["lookups"], found["void_lookups"]) == (5, 4)
    assert found["void"] == ["example.jp", "gone.example.jp"]
    assert found["dead"] == [["gone.example.jp", "gone.example.jp"]]


@pytest.mark.requires_nsd
@pytest.mark.parametrize(
    ("record", "looping", "lookups"),
    [
        ("v=spf1 include:example.jp -all", ["example.jp"], 1),
        ("v=spf1 include:one.example.jp -all", ["one.example.jp"], 3),
        ("v=spf1 redirect=two.example.jp", ["two.example.jp"], 3),
    ],
)
def test_a_loop_ends_and_names_the_own_term_that_leads_into_it(
    name_server: NameServer, record: str, looping: list[str], lookups: int
) -> None:
    zone = txt("@", record) + txt("one", "v=spf1 include:two.example.jp -all")
    found = tree(look(name_server({"example.jp": zone + txt("two", "v=spf1 include:one.example.jp -all"), "jp": ""})))

    assert (found["looping"], found["lookups"]) == (looping, lookups)


@pytest.mark.requires_nsd
def test_a_tree_that_grows_without_end_is_cut(name_server: NameServer) -> None:
    wide = " ".join(["include:wide.example.jp"] + [f"include:w{number}.example.jp" for number in range(9)])
    zone = txt("@", f"v=spf1 {wide} -all")
    zone += "".join(
        txt(f"w{number}", "v=spf1 " + " ".join(f"include:w{other}.example.jp" for other in range(9) if other != number))
        for number in range(9)
    )
    found = tree(look(name_server({"example.jp": zone, "jp": ""})))

    assert (found["cut"], found["lookups"]) == (True, 60)


@pytest.mark.requires_nsd
def test_dead_ends_deep_in_the_tree_are_named_with_the_own_term_that_leads_there(name_server: NameServer) -> None:
    zone = txt("@", "v=spf1 include:one.example.jp redirect=none.example.jp") + txt("none", "no spf")
    zone += txt("one", "v=spf1 include:two.example.jp ~all") + txt("two", "v=spf1 -all") + txt("two", "v=spf1 ~all")
    found = tree(look(name_server({"example.jp": zone, "jp": ""})))

    assert found["dead"] == [["none.example.jp", "none.example.jp"], ["one.example.jp", "two.example.jp"]]
    assert found["void_lookups"] == 0


@pytest.mark.requires_nsd
def test_macros_are_counted_and_not_followed(name_server: NameServer) -> None:
    zone = txt("@", "v=spf1 exists:%{i}.example.jp include:%{d}._spf.example.net -all")
    found = tree(look(name_server({"example.jp": zone, "jp": ""})))

    assert (found["lookups"], found["void_lookups"]) == (2, 0)
    assert found["macros"] == ["exists:%{i}.example.jp", "include:%{d}._spf.example.net"]


@pytest.mark.requires_nsd
def test_an_include_that_could_not_be_asked_leaves_the_tree_unknown_and_the_record_known(
    name_server: NameServer,
) -> None:
    zone = txt("@", "v=spf1 include:spf.broken.example.net -all")
    found = look(name_server({"example.jp": zone, "jp": ""}, broken=("broken.example.net",)))

    assert texts(found, "spf", "example.jp") == ["v=spf1 include:spf.broken.example.net -all"]
    assert unanswered(found) == {("spf-tree", "example.jp", "failed")}
    assert [each for each in found.observations if each.kind == "spf-tree"] == []


@pytest.mark.requires_nsd
def test_two_spf_records_are_kept_and_no_tree_is_followed(name_server: NameServer) -> None:
    zone = txt("@", "v=spf1 -all") + txt("@", "v=spf1 include:", "example.net -all") + txt("@", "verification=1")
    found = look(name_server({"example.jp": zone, "jp": ""}))

    assert texts(found, "spf", "example.jp") == ["v=spf1 -all", "v=spf1 include:example.net -all"]
    assert said(found, "spf-tree", "example.jp").state == "no-record"


@pytest.mark.requires_nsd
def test_a_damaged_spf_record_is_kept_for_the_linter(name_server: NameServer) -> None:
    zone = txt("@", "\u201cv=spf1 -all\u201d") + "@ TYPE99 \\# 4 03613d62\n"
    found = look(name_server({"example.jp": zone, "jp": ""}))

    assert texts(found, "spf", "example.jp") == ["\u201cv=spf1 -all\u201d"]
    assert said(found, "spf-type99", "example.jp").state == "found"


# ---- Keys, hosts, authorisation


@pytest.mark.requires_nsd
def test_a_key_behind_a_cname_is_found_and_a_cname_to_nowhere_is_an_absence(name_server: NameServer) -> None:
    zone = "s1._domainkey CNAME s1.dkim.example.net.\ns2._domainkey CNAME gone.example.net.\n"
    server = name_server(
        {"example.jp": zone, "example.net": txt("s1.dkim", KEY[:100], KEY[100:]), "jp": "", "net": ""},
        broken=("shop.example.jp",),
    )

    names = ("s1._domainkey", "s2._domainkey", "s4._domainkey", "s1._domainkey.shop")
    found = look(server, keys=tuple(f"{name}.example.jp" for name in names))

    assert texts(found, "dkim", "s1._domainkey.example.jp") == [KEY]
    assert said(found, "dkim", "s2._domainkey.example.jp").state == "no-name"
    assert said(found, "dkim", "s4._domainkey.example.jp").state == "no-name"
    assert ("dkim", "s1._domainkey.shop.example.jp", "failed") in unanswered(found)


@pytest.mark.requires_nsd
def test_a_key_at_a_name_with_the_domain_twice_is_found(name_server: NameServer) -> None:
    zone = txt("s1._domainkey.example.jp", KEY)
    found = look(name_server({"example.jp": zone, "jp": ""}), keys=("s1._domainkey.example.jp",))

    assert texts(found, "dkim", "s1._domainkey.example.jp.example.jp") == [KEY]


@pytest.mark.requires_nsd
def test_a_wildcard_that_answers_everything_is_no_key(name_server: NameServer) -> None:
    found = look(name_server({"example.jp": txt("*", "v=spf1 -all"), "jp": ""}), listed=("google",))

    assert said(found, "dkim", "google._domainkey.example.jp").state == "no-record"


def test_a_selector_that_no_name_can_hold_is_not_asked_for() -> None:
    assert key_name("s1", "example.jp") == "s1._domainkey.example.jp"
    assert key_name("2024.mail", "example.jp") == "2024.mail._domainkey.example.jp"
    assert key_name("<script>", "example.jp") is None
    assert key_name("a" * 64, "example.jp") is None


@pytest.mark.requires_nsd
def test_mail_goes_to_mx_hosts_or_else_to_the_address_itself(name_server: NameServer) -> None:
    server = name_server(
        {
            "example.jp": "@ MX 10 Mail.example.jp.\n",
            "example.com": "@ A 192.0.2.1\n",
            "example.net": "@ MX 0 .\n",
            "jp": "",
            "com": "",
            "net": "",
        }
    )

    assert said(look(server), "mx", "example.jp").content == {"hosts": ["10 mail.example.jp."]}
    direct = said(look(server, "example.com"), "mx", "example.com")
    assert (direct.state, direct.content) == ("no-record", {"hosts": ["0 example.com."]})
    assert said(look(server, "example.net"), "mx", "example.net").content == {"hosts": ["0 ."]}


REPORTS = "p=none; rua=mailto:a@dmarc.example.net,mailto:b@example.jp!10m, mailto:c@sub.example.jp"


@pytest.mark.requires_nsd
@pytest.mark.parametrize("at", ["example.jp._report._dmarc.dmarc", "*._report._dmarc.dmarc"])
def test_a_foreign_host_agrees_to_reports_by_name_or_by_wildcard(name_server: NameServer, at: str) -> None:
    server = name_server({"example.jp": dmarc(REPORTS), "example.net": txt(at, "v=DMARC1"), "jp": "", "net": ""})

    found = look(server)

    agreed = [each for each in found.observations if each.kind == "report-authorisation"]
    assert [(each.name, each.state, each.content["texts"]) for each in agreed] == [
        ("example.jp._report._dmarc.dmarc.example.net", "found", ["v=DMARC1"])
    ]
    hosts = {each.name for each in found.observations if each.kind == "mx"}
    assert hosts == {"example.jp", "dmarc.example.net", "sub.example.jp"}


@pytest.mark.requires_nsd
def test_a_foreign_host_that_did_not_agree_is_told_from_one_that_could_not_be_asked(name_server: NameServer) -> None:
    zones = {
        "example.jp": dmarc("p=none; rua=mailto:a@example.net,mailto:b@example.com"),
        "net": "",
        "jp": "",
        "com": "",
    }
    server = name_server({**zones, "example.net": ""}, broken=("example.com",))

    found = look(server)

    name = "example.jp._report._dmarc.example."
    assert said(found, "report-authorisation", f"{name}net").state == "no-name"
    assert ("report-authorisation", f"{name}com", "failed") in unanswered(found)
    assert ("mx", "example.com", "failed") in unanswered(found)


@pytest.mark.requires_nsd
def test_sub_domains_are_asked_for_records_of_their_own(name_server: NameServer) -> None:
    zone = dmarc("p=reject") + dmarc("p=none", "_dmarc.shop") + txt("shop", "v=spf1 -all")
    found = look(name_server({"example.jp": zone, "jp": ""}), subdomains=("shop.example.jp", "gone.example.jp"))

    assert texts(found, "dmarc", "_dmarc.shop.example.jp") == ["v=DMARC1; p=none"]
    assert texts(found, "spf", "shop.example.jp") == ["v=spf1 -all"]
    assert said(found, "spf", "gone.example.jp").state == "no-name"


@pytest.mark.requires_nsd
def test_records_at_places_where_nobody_looks_are_found(name_server: NameServer) -> None:
    zone = txt("@", "v=DMARC1; p=none") + txt("_dmarc.example.jp", "v=DMARC1; p=reject")
    found = look(name_server({"example.jp": zone, "jp": ""}))

    assert texts(found, "dmarc", "example.jp") == ["v=DMARC1; p=none"]
    assert texts(found, "dmarc", "_dmarc.example.jp.example.jp") == ["v=DMARC1; p=reject"]
    assert place(found) == (None, "example.jp")


def test_a_silent_server_says_nothing_about_anything() -> None:
    with hostile_server(silent) as server:
        found = look_at(
            Lookup(nameservers=(server.address,), timeout_seconds=0.3),
            Subject("example.jp", ("s1._domainkey.example.jp",), ("google",), ("shop.example.jp",)),
        )

    assert found.observations == ()
    assert {(each.kind, each.state) for each in found.unanswered} == {
        (kind, "timeout") for kind in ("dmarc", "dmarc-walk", "dkim", "mx", "spf", "spf-tree", "spf-type99")
    }


@pytest.mark.requires_nsd
def test_a_whole_refusal_is_no_absence(name_server: NameServer) -> None:
    found = look(name_server({"example.net": ""}))

    assert found.observations == ()
    assert {each.state for each in found.unanswered} == {"failed"}


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ('"v=spf1 " "-all"', "v=spf1 -all"),
        (r'"a\"b\\c\;d"', 'a"b\\c;d'),
        (r'"\227\128\140v"', "\u300cv"),
        (r'"\255x\000"', "\\xffx\0"),
        ('""', ""),
    ],
)
def test_the_strings_of_a_txt_record_are_joined_and_its_bytes_read_as_utf_8(record: str, text: str) -> None:
    assert joined(record) == text
