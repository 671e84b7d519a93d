"""The stage by record text, by the history of looks, and by what reports say."""

import json

import pytest

from analysis.ladder_frames import PolicyRow, SnapshotRow
from analysis.records.draft import Step, draft
from analysis.stages import CLIMB, Stage, Witness, above, below, live, stage_of, step_of, witness

NOW = 1_800_000_000
DAY = 86_400
RUA = "rua=mailto:a@example.jp"


@pytest.mark.parametrize(
    ("record", "stage"),
    [
        (f"v=DMARC1; p=none; {RUA}", Stage.NONE),
        (f"v=DMARC1 ; P=none; {RUA}", Stage.NONE),
        (f"v=DMARC1; p=quarantine; t=y; pct=0; {RUA}", Stage.QUARANTINE_TEST),
        (f"v=DMARC1; p=quarantine; t=y; {RUA}", Stage.QUARANTINE_TEST),
        (f"v=DMARC1; p=quarantine; pct=50; {RUA}", Stage.QUARANTINE),
        (f"v=DMARC1; p=reject; pct=0; {RUA}", Stage.REJECT_TEST),
        (f"v=DMARC1; p=reject; {RUA}", Stage.REJECT),
        (f"v=DMARC1; p=quarentine; {RUA}", Stage.NONE),
        (f"v=DMARC1; p=reject; sp=quarentine; {RUA}", Stage.NONE),
        ("v=DMARC1; p=quarentine", Stage.NO_RECORD),
        (f"v=dmarc1; p=reject; {RUA}", Stage.NO_RECORD),
    ],
)
def test_a_record_stands_where_receivers_take_it_to_stand(record: str, stage: Stage) -> None:
    assert stage_of(record) == stage


def test_a_name_below_the_record_stands_where_sp_says() -> None:
    record = f"v=DMARC1; p=reject; sp=none; {RUA}"

    assert (stage_of(record), stage_of(record, inherited=True)) == (Stage.REJECT, Stage.NONE)


@pytest.mark.parametrize("stage", CLIMB)
def test_the_record_of_a_step_makes_the_stage_of_that_name(stage: Stage) -> None:
    assert stage_of(draft(f"v=DMARC1; p=none; {RUA}", step_of(stage)).record) == stage


def test_the_ladder_goes_up_step_by_step_and_down_by_one_that_acts_more_mildly() -> None:
    assert [above(stage) for stage in Stage] == [*CLIMB, None, None]
    assert below(Stage.QUARANTINE) == Stage.QUARANTINE_TEST
    assert below(Stage.REJECT_TEST) == Stage.QUARANTINE_TEST
    assert below(Stage.REJECT) == Stage.QUARANTINE
    assert Step(Stage.PARKED.value) == Step.PARKED


def walk(record: str | None, first: int, last: int, *, at: str = "example.jp") -> SnapshotRow:
    content = {"policy_domain": at if record else None, "records": {at: record} if record else {}}
    state = "found" if record else "no-record"
    return SnapshotRow("dmarc-walk", "example.jp", state, json.dumps(content), NOW + first * DAY, NOW + last * DAY)


def test_the_stage_holds_since_the_first_of_the_looks_that_say_so() -> None:
    rows = [
        walk("v=DMARC1; p=none", 0, 9),
        walk("v=DMARC1; p=quarantine", 10, 19),
        walk("v=DMARC1; p=quarantine; fo=1", 20, 30),
    ]
    found = live(rows, "example.jp", NOW + 30 * DAY)

    assert (found.stage, found.since, found.first) == (Stage.QUARANTINE, NOW + 10 * DAY, False)
    assert (found.looked_at, found.fresh, found.changed_at) == (NOW + 30 * DAY, True, NOW + 20 * DAY)
    assert live(rows, "example.jp", NOW + 34 * DAY).fresh is False


def test_nobody_looked_is_not_the_same_as_nothing_there() -> None:
    assert live([], "example.jp", NOW).stage is None
    assert live([walk(None, 0, 0)], "example.jp", NOW).stage == Stage.NO_RECORD


def test_a_record_of_the_parent_counts_and_is_named() -> None:
    found = live([walk("v=DMARC1; p=none; sp=reject", 0, 0, at="jp.example")], "example.jp", NOW)

    assert (found.stage, found.inherited, found.record) == (Stage.REJECT, "jp.example", None)


def policy(p: str, first: int, last: int, *, testing: str | None = None, pct: int | None = 100) -> PolicyRow:
    return PolicyRow(p, p, None, testing, pct, first, last)


def test_reports_say_the_policy_they_named_last_and_since_when_without_another() -> None:
    rows = [policy("quarantine", 90, 130), policy("none", 50, 100)]

    assert witness(rows) == Witness(Stage.QUARANTINE, 101, 130)
    assert witness([policy("reject", 90, 130, testing="y")]) == Witness(Stage.REJECT_TEST, 90, 130)
    assert witness([policy("quarantine", 90, 130, pct=0)]) == Witness(Stage.QUARANTINE_TEST, 90, 130)
    assert witness([]) is None
