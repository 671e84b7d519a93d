"""Findings that need facts from around the record: their place, what their sentences name, and what mends them."""

import pytest

from analysis.records import dkim, dmarc, lint, spf
from analysis.records.findings import Effect, Finding, edited
from analysis.records.lint import Kind
from analysis.records.surroundings import RuaDomain, SpfTree, Surroundings
from knowledge.rows import Service

RUA = "rua=mailto:dmarc@example.jp"
KEY = "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
OWN_PATH = Service("m", "Letters", "marketing", aligns_spf="no", spf_include=("a.example.net",))
OLD_PATH = Service("o", "Old Letters", "marketing", aligns_spf="no", spf_include_legacy=("b.example.net",))
RELAXED = Service("r", "Relay", "crm", aligns_spf="relaxed", spf_include=("c.example.net",))

Expected = list[tuple[str, str | None, dict[str, str], str | None]]


def told(record: str, found: list[Finding]) -> Expected:
    return [
        (
            each.id,
            None if each.at is None else record[slice(*each.at)],
            dict(each.values),
            edited(record, [each.edits]) if each.edits else None,
        )
        for each in found
    ]


@pytest.mark.parametrize(
    ("record", "around", "expected"),
    [
        ("v=spf1 -all", Surroundings(records_at_name=2), [("S1", None, {"count": "2"}, None)]),
        ("v=spf1 -all", Surroundings(old_spf_record=True), [("S10", None, {}, None)]),
        (
            "v=spf1 mx -all",
            Surroundings(subdomains_without_spf=("a.example.jp", "b.example.jp")),
            [("S14", None, {"name": "a.example.jp"}, None), ("S14", None, {"name": "b.example.jp"}, None)],
        ),
        ("v=spf1 mx -all", Surroundings(spf_tree=SpfTree(10, 2)), []),
        ("v=spf1 mx -all", Surroundings(spf_tree=SpfTree(11, 2)), [("S4", None, {"count": "11"}, None)]),
        ("v=spf1 mx -all", Surroundings(spf_tree=SpfTree(10, 3)), [("S5", None, {"count": "3"}, None)]),
        (
            "v=spf1 include:a.example.jp include:b.example.jp a:a.example.jp -all",
            Surroundings(spf_tree=SpfTree(3, missing=("a.example.jp",), looping=("b.example.jp",))),
            [
                (
                    "S6",
                    "include:a.example.jp",
                    {"host": "a.example.jp"},
                    "v=spf1 include:b.example.jp a:a.example.jp -all",
                ),
                (
                    "S6",
                    "include:b.example.jp",
                    {"host": "b.example.jp"},
                    "v=spf1 include:a.example.jp a:a.example.jp -all",
                ),
            ],
        ),
        (
            "v=spf1 include:a.example.net include:b.example.net include:c.example.net a:a.example.net -all",
            Surroundings(services_known=(OWN_PATH, OLD_PATH, RELAXED)),
            [
                (
                    "S12",
                    "include:a.example.net",
                    {"service": "Letters", "host": "a.example.net"},
                    "v=spf1 include:b.example.net include:c.example.net a:a.example.net -all",
                ),
                (
                    "S12",
                    "include:b.example.net",
                    {"service": "Old Letters", "host": "b.example.net"},
                    "v=spf1 include:a.example.net include:c.example.net a:a.example.net -all",
                ),
            ],
        ),
    ],
)
def test_what_surrounds_an_spf_record(record: str, around: Surroundings, expected: Expected) -> None:
    assert told(record, list(spf.findings(record, around))) == expected


def test_eleven_lookups_of_the_record_itself_are_told_once() -> None:
    record = "v=spf1 " + " ".join(f"include:s{n}.example.com" for n in range(11)) + " -all"
    found = spf.findings(record, Surroundings(spf_tree=SpfTree(12)))

    assert told(record, list(found)) == [("S4", None, {"count": "11"}, None)]


@pytest.mark.parametrize(
    ("record", "around", "expected"),
    [
        (f"v=DMARC1; p=none; {RUA}", Surroundings(records_at_name=2), [("D1", None, {"count": "2"}, None)]),
        (
            f"v=DMARC1; p=none; {RUA}",
            Surroundings(name="dmarc.example.jp", domain="example.jp"),
            [("D2", None, {"host": "dmarc.example.jp", "domain": "example.jp"}, None)],
        ),
        (f"v=DMARC1; p=none; {RUA}", Surroundings(name="dmarc.example.jp"), []),
        (f"v=DMARC1; p=none; {RUA}", Surroundings(domain="example.jp"), []),
        (f"v=DMARC1; p=quarantine; {RUA}", Surroundings(sends_mail=False), [("D17", None, {}, None)]),
        (f"v=DMARC1; p=quarantine; {RUA}", Surroundings(sends_mail=True), []),
        (
            f"v=DMARC1; p=none; {RUA}",
            Surroundings(weaker_subdomains=("a.example.jp", "b.example.jp")),
            [("D18", None, {"name": "a.example.jp"}, None), ("D18", None, {"name": "b.example.jp"}, None)],
        ),
        (
            f"v=DMARC1; p=none; aspf=S; {RUA}",
            Surroundings(services_in_use=(OWN_PATH, RELAXED)),
            [
                ("D20", "S", {"term": "S"}, f"v=DMARC1; p=none; aspf=s; {RUA}"),
                ("D16", "aspf=S", {"tag": "aspf", "service": "Relay"}, f"v=DMARC1; p=none; aspf=r; {RUA}"),
            ],
        ),
        (
            "v=DMARC1; p=none; rua=mailto:a@example.com; ruf=mailto:a@example.com; fo=1",
            Surroundings(domain="example.jp", rua_domains={"example.com": RuaDomain(False, False)}),
            [
                (
                    "D8",
                    "mailto:a@example.com",
                    {"rua_domain": "example.com", "domain": "example.jp"},
                    None,
                ),
                ("D9", "mailto:a@example.com", {"rua_domain": "example.com"}, None),
            ],
        ),
        (
            "v=DMARC1; p=none; rua=mailto:a@example.com",
            Surroundings(rua_domains={"example.com": RuaDomain(True, False)}),
            [("D8", "mailto:a@example.com", {"rua_domain": "example.com", "domain": "…"}, None)],
        ),
    ],
)
def test_what_surrounds_a_dmarc_record(record: str, around: Surroundings, expected: Expected) -> None:
    assert told(record, list(dmarc.findings(record, around))) == expected


@pytest.mark.parametrize(
    ("record", "around", "expected"),
    [
        ("v=DKIM1; p=", Surroundings(key_in_use=True), [("K4", "p=", {}, None)]),
        (
            f"v=DKIM1; k=ed25519; {KEY}",
            Surroundings(name="s._domainkey.example.jp.example.jp", domain="example.jp"),
            [("K2", None, {"host": "s._domainkey.example.jp.example.jp"}, None)],
        ),
        (
            f"v=DKIM1; k=ed25519; {KEY}",
            Surroundings(name="s._domainkey.example.jp", domain="example.jp"),
            [],
        ),
        (f"v=DKIM1; k=ed25519; {KEY}", Surroundings(name="a.example.jp.example.jp"), []),
        (f"v=DKIM1; k=ed25519; {KEY}", Surroundings(domain="example.jp"), []),
    ],
)
def test_what_surrounds_a_key(record: str, around: Surroundings, expected: Expected) -> None:
    assert told(record, list(dkim.findings(record, around))) == expected


def test_keys_that_reports_tell_of_name_the_service_and_where_it_signs() -> None:
    missing, foreign = (
        dkim.missing_key("Letters", "s._domainkey.example.jp"),
        dkim.foreign_signature("Letters", "x.example"),
    )

    assert told("", [missing, foreign]) == [
        ("K1", None, {"service": "Letters", "host": "s._domainkey.example.jp"}, None),
        ("K3", None, {"service": "Letters", "d": "x.example"}, None),
    ]


# ---- What lint adds to the text's own findings


@pytest.mark.parametrize(
    ("record", "around", "ids"),
    [
        ("v=spf1 -all", Surroundings(name="_dmarc.example.jp"), ["D15"]),
        ("v=spf1 -all", Surroundings(name="example.jp", sends_mail=False), []),
        ("v=spf1 ~all", Surroundings(sends_mail=False), ["D17"]),
        ("v=spf1 ~all", Surroundings(sends_mail=True), []),
        ("v=spf1 ~all", Surroundings(sends_mail=None), []),
    ],
)
def test_an_spf_record_at_the_wrong_name_or_of_a_domain_without_mail(
    record: str, around: Surroundings, ids: list[str]
) -> None:
    linted = lint.lint(record, around)

    assert [each.id for each in linted.findings] == ids
    assert linted.corrected == record


@pytest.mark.parametrize(
    ("text", "around", "corrected"),
    [
        (f"v=DMARC1; p=none; {RUA}", Surroundings(name="example.jp", domain="example.jp"), True),
        ("v=spf1 -all", Surroundings(name="_dmarc.example.jp"), True),
        (
            f"v=DKIM1; k=ed25519; {KEY}",
            Surroundings(name="s._domainkey.example.jp.example.jp", domain="example.jp"),
            True,
        ),
        ("v=DKIM1; p=", Surroundings(key_in_use=True), True),
        (
            "v=DMARC1; p=none; rua=mailto:a@example.com",
            Surroundings(rua_domains={"example.com": RuaDomain(False)}),
            True,
        ),
        (
            "v=DMARC1; p=none; rua=mailto:a@example.com",
            Surroundings(rua_domains={"example.com": RuaDomain(True, False)}),
            True,
        ),
        (f"v=DMARC1; p=none; {RUA}", Surroundings(records_at_name=2), False),
        ("v=spf1 mx -all", Surroundings(spf_tree=SpfTree(11)), False),
    ],
)
def test_what_another_record_or_party_has_to_mend_leaves_the_text_as_it_is(
    text: str, around: Surroundings, corrected: bool
) -> None:
    linted = lint.lint(text, around)

    assert (linted.corrected, linted.valid) == (text if corrected else None, False)


def test_several_records_on_lines_are_counted_and_the_second_is_shown() -> None:
    text = "v=spf1 a -all\nv=spf1 mx ~all\nv=spf1 ptr -all"
    linted = lint.lint(text)

    first = linted.findings[0]
    assert (first.id, first.at, dict(first.values)) == ("S1", (14, 28), {"count": "3"})
    assert [(each.id, text[slice(*each.at)]) for each in linted.findings[1:] if each.at] == [("S7", "ptr")]
    assert linted.corrected == "v=spf1 a mx ptr ~all"


@pytest.mark.parametrize(
    ("records", "kept"),
    [
        (("v=DMARC1; p=reject; {}", "v=DMARC1; p=quarantine"), 1),
        (("v=DMARC1; p=none", "v=DMARC1; p=none; {}"), 1),
        (("v=DMARC1; p=none; {}", "v=DMARC1; p=none"), 0),
        (("v=DMARC1; p=quarantine; {}", "v=DMARC1; p=reject"), 0),
    ],
)
def test_of_several_dmarc_records_the_mildest_is_kept_and_of_those_one_with_reports(
    records: tuple[str, ...], kept: int
) -> None:
    filled = [record.format(RUA) for record in records]

    assert lint.lint("\n".join(filled)).corrected == filled[kept]


def test_of_several_records_none_is_kept_while_one_cannot_be_mended() -> None:
    assert lint.lint("v=spf1 a -all\nv=spf1 ip4:203.0.113 -all").corrected is None


@pytest.mark.parametrize(
    ("text", "at", "effect", "names"),
    [
        ("v=spf1 a –all", (9, 10), Effect.SPF_FAILS, "– (U+2013)"),
        ("v=spf1\u3000a -all", (6, 7), Effect.RECORD_IGNORED, "U+3000"),
        (f"v=DMARC1; p=none；{RUA}", (16, 17), Effect.PART_IGNORED, "； (U+FF1B)"),
        (f"v=DKIM1; k=ed25519；{KEY}", (18, 19), Effect.SIGNATURES_FAIL, "； (U+FF1B)"),
    ],
)
def test_a_character_that_looks_right_is_shown_with_what_it_breaks(
    text: str, at: tuple[int, int], effect: Effect, names: str
) -> None:
    first = lint.lint(text).findings[0]

    assert (first.at, first.effect, dict(first.values)) == (at, effect, {"characters": names})


def test_a_space_before_a_key_is_none_of_its_errors() -> None:
    assert lint.lint(f"  v=DKIM1; k=ed25519; {KEY}").findings == ()
    (leads,) = lint.lint("  v=spf1 -all").findings
    assert (leads.at, leads.effect) == ((0, 2), Effect.RECORD_IGNORED)


def test_a_text_is_read_up_to_four_thousand_characters() -> None:
    longest = "v=DMARC1; p=none; x=" + "y" * (lint.MOST_CHARACTERS - 20)

    assert (len(longest), lint.lint(longest).kind) == (4_000, Kind.DMARC)
    assert lint.lint(longest + "y").kind == Kind.UNKNOWN


def test_only_errors_are_mended_where_only_errors_are_to_be() -> None:
    linted = lint.lint_errors(f"v=DMARC1; p=non; rf=afrf; {RUA}")

    assert [each.id for each in linted.findings] == ["D5", "D12"]
    assert linted.corrected == f"v=DMARC1; p=none; rf=afrf; {RUA}"
