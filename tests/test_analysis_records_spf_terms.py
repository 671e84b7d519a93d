"""The grammar of SPF terms (RFC 7208), and what broken ones were meant to be."""

import pytest

from analysis.records import spf, tags
from analysis.records.spf_terms import is_about_addresses, is_valid, meant, term, terms

VALID = (
    "all|-all|include:_spf.example.com|exists:%{i}.example.jp|a|A|a:mail.example.jp|a/24|a/0|a/32|a//64|a//128|a/24//64"
    "|a:mail.example.jp/32//128|mx|mx/0|?mx:example.jp|ptr|ptr:example.jp|ip4:192.0.2.1|ip4:192.0.2.0/32|ip4:0.0.0.0/0"
    "|ip6:2001:db8::/128|ip6:2001:db8::1|redirect=example.jp|exp=e.example.jp|x=y|x=|a:example.jp.|include:%{d}"
).split("|")
INVALID = (
    "all:x|all/24|all=|include|include:|include=example.jp|include:example|exists:example|exists=example.jp|a/33|a//129"
    "|a/33//64|a/24//129|a/|a:|a=|a=example.jp|a:x|a/24x|a/024|mx=|ptr/24|ptr:example.jp/24|ip4:192.0.2.1/33|ip4:192.0.2.1/"
    "|ip4:192.0.2.1/024|ip4:2001:db8::1|ip4=192.0.2.1|ip4|ip6:192.0.2.1|ip6:2001:db8::/129|ip6:fe80::1%eth0"
    "|redirect:example.jp|-redirect=example.jp|redirect=|+exp=e.example.jp|exp=|+x=y|x:y|x|1|include:.jp"
).split("|")


@pytest.mark.parametrize("word", VALID)
def test_a_term_of_the_grammar_is_valid(word: str) -> None:
    assert is_valid(term(word))


@pytest.mark.parametrize("word", INVALID)
def test_a_term_outside_the_grammar_is_not(word: str) -> None:
    assert not is_valid(term(word))


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("ip4:192.0.2.1;", "ip4:192.0.2.1"),
        ("all.", "all"),
        ("-ALL.", "-ALL"),
        ("MX.", "MX"),
        ("-", ""),
        (";", ""),
        ("-ip4:192.0.2.1,192.0.2.2", "-ip4:192.0.2.1 -ip4:192.0.2.2"),
        ("~192.0.2.1", "~ip4:192.0.2.1"),
        ("192.0.2.0/24", "ip4:192.0.2.0/24"),
        ("2001:db8::/32", "ip6:2001:db8::/32"),
        ("ipv6:2001:db8::1/129", "ip6:2001:db8::1"),
        ("ip:192,0,2,1", "ip4:192.0.2.1"),
        ("-inlcude:_spf.example.com", "-include:_spf.example.com"),
        ("-redirect:example.jp", "redirect=example.jp"),
        ("redirct=example.jp", "redirect=example.jp"),
        ("include", ""),
        ("redirect=", ""),
        ("~mxx", "~mx"),
        ("-al", "-all"),
        ("a:関所.example.jp/24", "a:xn--8ous75i.example.jp/24"),
        ("mail.example.jp", None),
        ("x:y", None),
        ("ip4:192.0.2", None),
    ],
)
def test_a_broken_term_is_what_it_was_evidently_meant_to_be(word: str, wanted: str | None) -> None:
    assert meant(term(word)) == wanted


@pytest.mark.parametrize(
    ("word", "about"),
    [("ipaddr:x", True), ("IP4:x", True), ("192.0.2.1", True), ("-192.0.2.1/24", True), ("::1", True), ("mx", False)],
)
def test_a_broken_term_that_is_about_addresses_is_told_so(word: str, about: bool) -> None:
    assert is_about_addresses(term(word)) is about


def test_the_words_of_a_record_know_their_places_and_the_names_that_they_ask_for() -> None:
    found = terms("v=spf1  ~include:Example.COM./24\tredirect=b.example a/24", 6)

    assert [(word.text, word.start, word.end) for word in found] == [
        ("~include:Example.COM./24", 8, 32),
        ("redirect=b.example", 33, 51),
        ("a/24", 52, 56),
    ]
    assert [(word.qualifier, word.name, word.separator, word.value) for word in found] == [
        ("~", "include", ":", "Example.COM./24"),
        ("", "redirect", "=", "b.example"),
        ("", "a", "/", "24"),
    ]
    assert [word.domain for word in found] == ["example.com", "b.example", ""]


@pytest.mark.parametrize(
    ("records", "one"),
    [
        (["v=spf1 a -all", "v=spf1 mx a ~all"], "v=spf1 a mx ~all"),
        (["v=spf1 a -all", "v=spf1 a ?all"], "v=spf1 a ?all"),
        (["v=spf1 a -all", "v=spf1 mx -all"], "v=spf1 a mx -all"),
        (["v=spf1 a", "v=spf1 redirect=b.example.jp"], "v=spf1 a include:b.example.jp ~all"),
    ],
)
def test_several_records_become_one_with_the_mildest_end(records: list[str], one: str) -> None:
    assert spf.merged(records) == one


# ---- Tags


def test_an_entry_is_taken_out_with_its_semicolon_and_spaces() -> None:
    record = "v=DMARC1 ; p=none;  fo=1; rua=x"

    def without(name: str) -> str:
        return tags.without_tag(record, name)

    assert without("v") == "p=none;  fo=1; rua=x"
    assert without("p") == "v=DMARC1 ; fo=1; rua=x"
    assert without("rua") == "v=DMARC1 ; p=none;  fo=1"
    assert without("np") == record
    assert tags.without_tag("p=none", "p") == ""


def test_a_tag_is_set_at_its_place_or_behind_its_neighbour_or_at_the_end() -> None:
    record = "v=DMARC1; p=none; fo=1"

    assert tags.with_tag(record, "p", "reject", after="v") == "v=DMARC1; p=reject; fo=1"
    assert tags.with_tag(record, "t", "y", after="p") == "v=DMARC1; p=none; t=y; fo=1"
    assert tags.with_tag(record, "t", "y", after="sp") == "v=DMARC1; p=none; fo=1; t=y"
    assert tags.with_tag(record, "p", "none", after="v") == record


def test_entries_know_their_places() -> None:
    found = tags.entries("V = DMARC1;; oops ;p=;")

    assert [(tag.name, tag.written, tag.value, tag.at, tag.value_at) for tag in found] == [
        ("v", "V", "DMARC1", (0, 10), (4, 10)),
        ("", "", "", (11, 11), (11, 11)),
        ("", "", "oops", (13, 17), (13, 17)),
        ("p", "p", "", (19, 21), (19, 21)),
    ]
    assert [tag.value for tag in tags.entries("")] == [""]
