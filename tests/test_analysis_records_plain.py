"""Pasted text made plain, with the place of every character; findings shown and edits made."""

import pytest

from analysis.records.draft import Step, draft
from analysis.records.explain import UNKNOWN, explain
from analysis.records.findings import Edit, Effect, Severity, edited, shown
from analysis.records.lint import lint
from analysis.records.plain import Plain, named, plain
from wording import text


def places(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last))


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        ("abc", Plain("abc", (0, 1, 2))),
        ("\r\nabc \t\r\n", Plain("abc", (2, 3, 4))),
        ("  abc", Plain("abc", (2, 3, 4), leads=(0, 2))),
        ("\n abc", Plain("abc", (2, 3, 4), leads=(1, 2))),
        (" ", Plain("", ())),
        ("'ab'", Plain("ab", (1, 2), zone_file=((0, "'"), (3, "'")))),
        ("''", Plain("", (), zone_file=((0, "'"), (1, "'")))),
        ("'", Plain("'", (0,))),
        ("\n'", Plain("'", (1,))),
        ("'ab", Plain("'ab", (0, 1, 2))),
        ('"a" "b"', Plain("ab", (1, 5), zone_file=((0, '"'), (2, '"'), (6, '"')))),
        ("a\\;b", Plain("a;b", (0, 2, 3), zone_file=((1, "\\"),))),
        ("a\r\n b", Plain("a b", (0, 1, 4), zone_file=((1, "\n"),))),
        ("“a”", Plain("a", (1,), odd=((0, "“"), (2, "”")))),
        ("a–b、c。", Plain("a-b,c.", places(0, 6), odd=((1, "–"), (3, "、"), (5, "。")))),
        ("ｖ＝！～", Plain("v=!~", places(0, 4), odd=((0, "ｖ"), (1, "＝"), (2, "！"), (3, "～")))),
        ("＂a＇", Plain("a", (1,), odd=((0, "＂"), (2, "＇")))),
        ("a\u3000b", Plain("a b", (0, 1, 2), odd=((1, "\u3000"),))),
        ("\u3000b", Plain("b", (1,), odd=((0, "\u3000"),))),
        ("a\u200bb", Plain("ab", (0, 2), odd=((1, "\u200b"),))),
        (
            "a\x07\u2028\u2029\ud800b",
            Plain("ab", (0, 5), odd=((1, "\x07"), (2, "\u2028"), (3, "\u2029"), (4, "\ud800"))),
        ),
        ("a\tb関", Plain("a\tb関", places(0, 4))),
    ],
)
def test_pasted_text_becomes_what_it_was_meant_to_be(pasted: str, found: Plain) -> None:
    assert plain(pasted) == found


def test_a_place_in_the_plain_text_is_one_in_the_pasted() -> None:
    found = plain("“ab”c")

    assert (found.text, found.place((0, 2)), found.place((1, 3))) == ("abc", (1, 3), (2, 5))


def test_a_part_of_a_text_takes_the_odd_characters_in_it_and_behind_it() -> None:
    found = plain("a–b\n“c\nd")

    assert found.text == "a-b c d"
    assert found.part(0, 4) == Plain("a-b", (0, 1, 2), odd=((1, "–"), (4, "“")))
    assert found.part(4, 7) == Plain("c d", (5, 6, 7), zone_file=((6, "\n"),))


def test_the_space_before_a_text_belongs_to_its_first_part() -> None:
    found = plain(" ab cd")

    assert found.part(0, 3) == Plain("ab", (1, 2), leads=(0, 1))
    assert found.part(3, 5) == Plain("cd", (4, 5))


def test_five_different_characters_are_named_with_their_code_points() -> None:
    assert named(((0, "–"), (1, "–"), (2, "\u200b"))) == "– (U+2013), U+200B"
    assert named(tuple(enumerate("あいうえお"))).endswith("お (U+304A)")
    assert named(tuple(enumerate("あいうえおか"))).endswith("お (U+304A) …")


# ---- What a person sees of a stranger's text


def test_a_strangers_text_is_cut_to_sixty_characters_and_made_visible() -> None:
    assert shown("x" * 60) == "x" * 60
    assert shown("x" * 61) == "x" * 59 + "…"
    assert shown("a\u202eb\n") == "aU+202EbU+000A"


# ---- Edits


def test_edits_of_all_findings_are_made_at_their_own_places() -> None:
    mendings = [(Edit(4, 5, "Z"),), (Edit(0, 1, "XX"), Edit(2, 2, "-"))]

    assert edited("abcdef", mendings) == "XXb-cdZf"


@pytest.mark.parametrize(
    ("second", "result"),
    [
        ((Edit(3, 4, "!"),), "aXX!ef"),
        ((Edit(2, 4, "!"),), "aXXdef"),
        ((Edit(0, 2, "!"),), "aXXdef"),
        ((Edit(0, 1, "!"),), "!XXdef"),
        ((Edit(1, 3, "!"),), "aXXdef"),
        ((Edit(0, 6, "!"),), "aXXdef"),
        ((Edit(5, 6, "!"), Edit(2, 3, "?")), "aXXdef"),
        ((Edit(2, 3, "?"), Edit(5, 6, "!")), "aXXdef"),
    ],
)
def test_a_mending_that_overlaps_an_earlier_one_is_left_out_whole(second: tuple[Edit, ...], result: str) -> None:
    assert edited("abcdef", [(Edit(1, 3, "XX"),), second]) == result


def test_of_two_insertions_at_one_place_the_first_is_made() -> None:
    assert edited("ab", [(Edit(1, 1, "X"),), (Edit(1, 1, "Y"),)]) == "aXb"


def test_spaces_that_edits_leave_at_the_ends_go_but_no_line_break() -> None:
    assert edited(" \tab\n", [(Edit(2, 3),)]) == "b\n"


# ---- Details of findings that no record alone shows


@pytest.mark.parametrize(
    ("record", "effect"),
    [
        ("v=DMARC1 p=none; rua=mailto:a@example.jp", Effect.RECORD_IGNORED),
        ("v=DMARC1; p=none, sp=none; rua=mailto:a@example.jp", Effect.PART_IGNORED),
        ("v=DMARC1; p=none; oops; rua=mailto:a@example.jp", Effect.PART_IGNORED),
        ("v=DMARC1; rua=https://example.jp/r", Effect.ACTS_AS_NONE),
        ("v=DMARC1; rua=dmarc", Effect.NO_DMARC),
        ("v=spf1include:_spf.example.com -all", Effect.RECORD_IGNORED),
        ("v=spf1 ip4:192.0.2.1include:_spf.example.com -all", Effect.SPF_FAILS),
    ],
)
def test_receivers_ignore_a_part_or_the_whole(record: str, effect: Effect) -> None:
    assert lint(record).findings[0].effect == effect


def test_a_quarantined_domain_is_told_of_open_sub_domains() -> None:
    found = lint("v=DMARC1; p=quarantine; sp=none; rua=mailto:a@example.jp").findings

    assert [(each.id, each.severity) for each in found] == [("D13", Severity.WARNING)]


def test_an_address_keeps_its_case_and_punycode_is_written_only_where_it_must_be() -> None:
    assert lint("v=DMARC1; p=none; rua=Dmarc@Example.JP").corrected == "v=DMARC1; p=none; rua=mailto:Dmarc@Example.JP"
    assert (
        lint("v=DMARC1; p=none; rua=Dmarc@関所.example.jp").corrected
        == "v=DMARC1; p=none; rua=mailto:Dmarc@xn--8ous75i.example.jp"
    )


def test_of_several_addresses_only_the_one_that_is_none_is_left_out() -> None:
    record = "v=DMARC1; p=none; rua=mailto:a@example.jp,mailto:関@example.jp,mailto:b@example.jp"

    assert lint(record).corrected == "v=DMARC1; p=none; rua=mailto:a@example.jp,mailto:b@example.jp"


# ---- Drafts and explanations


def test_a_draft_puts_a_new_address_behind_those_that_are_there() -> None:
    live = "v=DMARC1; p=none; rua=mailto:a@example.jp; ruf=mailto:x@example.jp"

    assert draft(live, Step.NONE, rua=("b@example.jp",)).record == (
        "v=DMARC1; p=none; rua=mailto:a@example.jp,mailto:b@example.jp; ruf=mailto:x@example.jp"
    )
    assert draft("v=DMARC1; p=none; fo=1", Step.NONE, rua=("b@example.jp",)).record == (
        "v=DMARC1; p=none; fo=1; rua=mailto:b@example.jp"
    )


@pytest.mark.parametrize("letter", "kpht")
def test_each_tag_of_a_key_is_explained(letter: str) -> None:
    (_, part) = explain(f"v=DKIM1; {letter}=x")

    assert part.says != UNKNOWN
    assert part.text == f"{letter}=x"
    assert "withdrawn" not in text("en", part.says, value=part.value)


def test_only_an_empty_key_is_withdrawn_and_versions_have_no_value() -> None:
    (version, note, key) = explain("v=DKIM1; n=; p=")

    assert "public key" in text("en", version.says, value=version.value)
    assert "note" in text("en", note.says, value=note.value)
    assert "withdrawn" in text("en", key.says, value=key.value)
    assert [(part.text, part.value) for part in explain("v=spf1 -all")] == [("v=spf1", ""), ("-all", "")]
    assert [part.text for part in explain("v=spf1 a/24 ip6:2001:db8::1")] == ["v=spf1", "a/24", "ip6:2001:db8::1"]
