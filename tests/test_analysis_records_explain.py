"""What a record means, part by part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.records.explain import UNKNOWN, Part, explain
from analysis.records.lint import MOST_CHARACTERS
from wording import LANGUAGES, text


def said(record: str) -> list[tuple[str, str]]:
    return [(part.text, text("en", part.says, value=part.value)) for part in explain(record)]


def test_every_part_of_an_spf_record_is_explained() -> None:
    assert said("v=spf1 ip4:192.0.2.0/24 include:_spf.example.com ~all") == [
        ("v=spf1", "This is an SPF record: which servers may send for the domain."),
        ("ip4:192.0.2.0/24", "The address or network 192.0.2.0/24 may send."),
        (
            "include:_spf.example.com",
            "Whatever the SPF record of _spf.example.com allows may send, too. Counts as a look-up.",
        ),
        ("~all", "Mail from all other servers fails SPF softly: suspicious, but not refused by SPF alone."),
    ]


def test_an_all_without_a_sign_lets_everybody_send() -> None:
    assert said("v=spf1 all")[1] == ("all", "Every server in the world may send: SPF protects nothing.")


def test_every_part_of_a_dmarc_record_is_explained() -> None:
    assert said("v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.jp") == [
        ("v=DMARC1", "This is a DMARC record: what receivers do with mail that fails."),
        ("p=reject", "Mail that fails DMARC is refused."),
        ("sp=none", "For subdomains: mail that fails is treated as before."),
        (
            "rua=mailto:dmarc@example.jp",
            "Aggregate reports, the ones that Sekisho reads, are sent to mailto:dmarc@example.jp.",
        ),
    ]


def test_an_empty_key_is_withdrawn() -> None:
    assert said("v=DKIM1; p=")[1] == (
        "p=",
        "The key is empty, which means withdrawn: no signature with it counts any more.",
    )


@pytest.mark.parametrize("record", ["v=DMARC1; p=block", "v=DMARC1; zz=1", "v=spf1 foo:bar", "v=DKIM1; zz"])
def test_what_nobody_knows_is_said_to_be_unknown(record: str) -> None:
    assert explain(record)[1].says == UNKNOWN


@pytest.mark.parametrize("pasted", ["", "hello", "v=spf1 " + "a" * MOST_CHARACTERS])
def test_what_is_no_record_has_no_explanation(pasted: str) -> None:
    assert explain(pasted) == ()


def test_a_percent_sign_of_a_stranger_stays_a_percent_sign() -> None:
    assert explain("v=spf1 exists:%{i}.example.jp")[1] == Part(
        "exists:%{i}.example.jp",
        "A server may send if a look-up made of its address finds something. Counts as a look-up.",
        "%{i}.example.jp",
    )


@given(st.text(max_size=200), st.sampled_from(["v=spf1 ", "v=DMARC1; ", "v=DKIM1; "]))
def test_any_text_is_explained_without_an_error_in_every_language(rest: str, start: str) -> None:
    for part in explain(start + rest):
        assert all(text(language, part.says, value=part.value) for language in LANGUAGES)
