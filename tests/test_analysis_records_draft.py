"""The next record is the live one with only what the step needs changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.records import tags
from analysis.records.draft import PARKED, REAL, TEST, WATCH, Draft, Step, draft
from analysis.records.findings import Severity
from analysis.records.lint import lint

LIVE = "v=DMARC1; p=none; x-note=keep; rua=mailto:dmarc@example.jp; fo=1;"


@pytest.mark.parametrize(
    ("step", "record", "reason"),
    [
        (Step.NONE, "v=DMARC1; p=none; x-note=keep; rua=mailto:dmarc@example.jp; fo=1;", WATCH),
        (
            Step.QUARANTINE_TEST,
            "v=DMARC1; p=quarantine; t=y; pct=0; x-note=keep; rua=mailto:dmarc@example.jp; fo=1;",
            TEST,
        ),
        (Step.QUARANTINE, "v=DMARC1; p=quarantine; x-note=keep; rua=mailto:dmarc@example.jp; fo=1;", REAL),
        (Step.REJECT_TEST, "v=DMARC1; p=reject; t=y; pct=0; x-note=keep; rua=mailto:dmarc@example.jp; fo=1;", TEST),
        (Step.REJECT, "v=DMARC1; p=reject; x-note=keep; rua=mailto:dmarc@example.jp; fo=1;", REAL),
    ],
)
def test_a_step_changes_what_it_needs_and_nothing_else(step: Step, record: str, reason: str) -> None:
    assert draft(LIVE, step) == Draft(record, None, reason, ())


def test_a_test_step_becomes_real_by_leaving_both_tags_out() -> None:
    test = draft(LIVE, Step.QUARANTINE_TEST).record

    assert draft(test, Step.QUARANTINE) == draft(LIVE, Step.QUARANTINE)


def test_tags_that_are_there_keep_their_place() -> None:
    live = "v=DMARC1;rua=mailto:dmarc@example.jp;pct=50;p=quarantine"

    assert draft(live, Step.REJECT_TEST).record == "v=DMARC1;rua=mailto:dmarc@example.jp;pct=0;p=reject; t=y"
    assert draft(live, Step.REJECT).record == "v=DMARC1;rua=mailto:dmarc@example.jp;p=reject"


def test_a_parked_domain_gets_both_records() -> None:
    parked = draft("v=DMARC1; p=none; sp=none; np=none; rua=mailto:dmarc@example.jp", Step.PARKED)

    assert parked == Draft(
        "v=DMARC1; p=reject; sp=reject; np=reject; rua=mailto:dmarc@example.jp", "v=spf1 -all", PARKED, ()
    )
    assert draft(None, Step.PARKED).record == "v=DMARC1; p=reject; sp=reject"


def test_without_a_live_record_a_new_one_is_written() -> None:
    address = ("dmarc@example.jp",)

    assert draft(None, Step.NONE, rua=address).record == "v=DMARC1; p=none; rua=mailto:dmarc@example.jp"
    assert draft("v=spf1 -all", Step.NONE, rua=address).record == "v=DMARC1; p=none; rua=mailto:dmarc@example.jp"


def test_an_address_is_added_once_and_the_others_stay() -> None:
    added = draft(LIVE, Step.NONE, rua=("reports@example.com", "DMARC@example.jp")).record

    assert added == "v=DMARC1; p=none; x-note=keep; rua=mailto:dmarc@example.jp,mailto:reports@example.com; fo=1;"


def test_errors_are_mended_on_the_way_and_said() -> None:
    drafted = draft("“v=dmarc1; p=rejct; x=y; rua=dmarc@example.jp; ri=3600”", Step.QUARANTINE)

    assert drafted.record == "v=DMARC1; p=quarantine; x=y; rua=mailto:dmarc@example.jp; ri=3600"
    assert [each.id for each in drafted.mended] == ["D19", "D3", "D5", "D7"]


def test_subdomain_policies_change_only_when_they_are_given() -> None:
    live = "v=DMARC1; p=quarantine; sp=none; rua=mailto:dmarc@example.jp"

    assert draft(live, Step.REJECT).record == "v=DMARC1; p=reject; sp=none; rua=mailto:dmarc@example.jp"
    assert (
        draft(live, Step.REJECT, sp="quarantine", np="reject").record
        == "v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:dmarc@example.jp"
    )


NAMES = st.from_regex(r"x[a-z]{1,8}", fullmatch=True)
VALUES = st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True)
KNOWN = st.sampled_from(["sp=none", "np=reject", "adkim=s", "t=y", "t=n", "pct=0", "pct=50", "fo=1", "ri=1", "psd=n"])


@settings(deadline=None)
@given(
    st.dictionaries(NAMES, VALUES, max_size=4), st.lists(KNOWN, max_size=4, unique_by=lambda each: each[:2]), st.data()
)
def test_a_draft_keeps_unknown_tags_and_order_and_has_no_error(
    unknown: dict[str, str], known: list[str], data: st.DataObject
) -> None:
    parts = data.draw(st.permutations([*(f"{name}={value}" for name, value in unknown.items()), *known, "p=none"]))
    live = "; ".join(["v=DMARC1", *parts])
    step = data.draw(st.sampled_from(Step))

    record = draft(live, step, rua=("dmarc@example.jp",)).record

    changed = {"p", "t", "pct", "sp", "np", "rua"}
    before = [(tag.name, tag.value) for tag in tags.entries(live) if tag.name not in changed]
    assert [(tag.name, tag.value) for tag in tags.entries(record) if tag.name not in changed] == before
    assert [each.id for each in lint(record).findings if each.severity == Severity.ERROR] == []
    assert (tags.value_of(record, "t") == "y", tags.value_of(record, "pct") == "0") == (
        (True, True) if step in (Step.QUARANTINE_TEST, Step.REJECT_TEST) else (False, False)
    )


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from(Step))
def test_a_draft_from_any_text_is_a_valid_record(text: str, step: Step) -> None:
    assert lint(draft(text, step).record).valid
    assert lint(draft("v=DMARC1; " + text, step).record).valid
