"""The advice that facts allow: the next step, what blocks it, whether it is ready, and the record to publish."""

from typing import Any

import pytest
from gate_facts import AS_OF, DAY, RECORD, STRANGERS, consent, covered, facts, live, own

from analysis import ladder
from analysis.gates import Facts
from analysis.ladder import Advice
from analysis.own_mail import Held, Unreviewed
from analysis.records.findings import Rule, Severity, finding
from analysis.stages import Stage

HELD = (Held("server:a", "Server a", AS_OF, "one.example", 2),)
# A stage below quarantine whose record is not at fault: only what the gates ask for differs.
CLIMB = ("none", "quarantine-test", "quarantine", "reject-test", "reject")


def advise(found: Facts, *, rua: tuple[str, ...] = ()) -> Advice:
    return ladder.advise("example.jp", found, rua=rua)


def at(stage: Stage | None, **changes: Any) -> Facts:
    """The domain at this stage, as DNS says it."""
    seen = changes.pop("live", {})
    return facts(stage=stage, live=live(stage=stage, **seen), **changes)


def blockers(found: Advice) -> list[str]:
    return [gate.id for gate in found.blockers]


@pytest.mark.parametrize(
    ("stage", "target", "blocked"),
    [
        (Stage.NO_RECORD, "none", []),
        (Stage.NONE, "quarantine-test", ["G0", "G1", "G2"]),
        (Stage.QUARANTINE_TEST, "quarantine", ["G0", "G1", "G2", "G3"]),
        (Stage.QUARANTINE, "reject-test", ["G0", "G1", "G2", "G3", "G4"]),
        (Stage.REJECT_TEST, "reject", ["G0", "G1", "G2", "G3", "G4", "G5"]),
        (Stage.REJECT, None, []),
        (Stage.PARKED, None, []),
    ],
)
def test_each_step_needs_its_gates(stage: Stage, target: str | None, blocked: list[str]) -> None:
    """Of this domain nothing is known but that some mail passed."""
    found = advise(at(stage, live={"fresh": False}, own=(), coverage=covered(first_day=None), stage_since=AS_OF))

    assert (found.next_stage, blockers(found), found.ready) == (target, blocked, None)
    assert (found.stage, found.step_down) == (stage, False)


@pytest.mark.parametrize(
    ("stage", "target"),
    [
        (Stage.NO_RECORD, "none"),
        (Stage.NONE, "quarantine-test"),
        (Stage.QUARANTINE_TEST, "quarantine"),
        (Stage.QUARANTINE, "reject-test"),
        (Stage.REJECT_TEST, "reject"),
    ],
)
def test_a_step_whose_gates_are_passed_is_ready(stage: Stage, target: str) -> None:
    found = advise(at(stage, consents={name: consent(name) for name in CLIMB}))

    assert (found.next_stage, blockers(found), found.ready) == (target, [], True)


def test_a_gate_that_fails_makes_a_step_not_ready_and_one_that_is_unknown_leaves_it_open() -> None:
    unknown = advise(at(Stage.NONE, unreviewed=STRANGERS))
    failing = advise(at(Stage.NONE, unreviewed=STRANGERS, own=(own(failed=200),), coverage=covered(first_day=None)))

    assert (unknown.ready, blockers(unknown)) == (None, ["G2"])
    assert (failing.ready, blockers(failing)) == (False, ["G1", "G2"])


@pytest.mark.parametrize("unlooked", [{"fresh": False}, {"unanswered": (("dmarc", "_dmarc.example.jp"),)}])
def test_a_first_record_is_ready_only_after_a_fresh_and_whole_look(unlooked: dict[str, Any]) -> None:
    found = advise(at(Stage.NO_RECORD, live={"record": None, **unlooked}))

    assert (found.next_stage, found.ready) == ("none", None)
    assert advise(at(Stage.NO_RECORD, live={"record": None})).ready is True


def test_a_stage_that_only_reports_know_makes_nothing_ready_and_drafts_no_record() -> None:
    found = advise(facts(stage=Stage.NONE, live=live(stage=None, record=None, fresh=False)))

    assert (found.stage, found.next_stage, found.ready, found.record_next) == ("none", "quarantine-test", None, None)


def test_where_nobody_knows_the_stage_there_is_no_step() -> None:
    found = advise(at(None, held=HELD))

    assert (found.stage, found.next_stage, found.ready, found.step_down) == (None, None, None, False)
    assert (found.record_next, found.consent, found.blockers) == (None, None, ())


@pytest.mark.parametrize(
    ("stage", "target"),
    [
        (Stage.QUARANTINE, "quarantine-test"),
        (Stage.REJECT_TEST, "quarantine-test"),
        (Stage.REJECT, "quarantine"),
        (Stage.PARKED, "quarantine"),
    ],
)
def test_held_own_mail_leads_one_step_down_at_once(stage: Stage, target: str) -> None:
    found = advise(at(stage, held=HELD, unreviewed=STRANGERS))

    assert (found.next_stage, found.step_down, found.ready, blockers(found)) == (target, True, True, ["Back"])


def test_mail_held_below_quarantine_is_no_reason_to_go_down() -> None:
    found = advise(at(Stage.QUARANTINE_TEST, held=HELD))

    assert (found.next_stage, found.step_down) == ("quarantine", False)


# ---- Parked

IDLE: dict[str, Any] = {"own": (), "passed": 0, "consents": {}}


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in (Stage.NO_RECORD, Stage.PARKED)])
def test_a_domain_of_which_nobody_sends_is_led_to_parking(stage: Stage) -> None:
    found = advise(at(stage, **IDLE))

    assert (found.next_stage, found.ready, blockers(found)) == ("parked", False, ["Parked"])


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"unreviewed": STRANGERS}, "parked"),
        ({"unreviewed": (*STRANGERS, Unreviewed("service:x", "X", "candidate", 1))}, "quarantine-test"),
        ({"own": (own(),)}, "quarantine-test"),
        ({"passed": 1}, "quarantine-test"),
        ({"reported": None}, "quarantine-test"),
    ],
)
def test_what_might_be_the_domains_own_mail_keeps_it_from_parking(changes: dict[str, Any], target: str) -> None:
    assert advise(at(Stage.NONE, **{**IDLE, **changes})).next_stage == target


def test_a_parked_domain_needs_readable_records() -> None:
    found = advise(at(Stage.NONE, **{**IDLE, "consents": {"parked": consent("parked")}, "live": {"fresh": False}}))

    assert (blockers(found), found.ready) == (["G0"], None)


@pytest.mark.parametrize(
    ("changes", "sends"),
    [
        ({}, False),
        ({"own": (own(),)}, True),
        ({"passed": 1}, True),
        ({"passed": 1, "consents": {"parked": consent("parked")}}, True),
        ({"reported": None}, None),
        ({"reported": None, "consents": {"parked": consent("parked")}}, False),
        ({"reported": (AS_OF - 28, AS_OF)}, None),
        ({"reported": (AS_OF - 29, AS_OF - 5)}, False),
        ({"unreviewed": STRANGERS}, None),
    ],
)
def test_a_month_without_own_mail_or_the_customers_word_says_that_none_is_sent(
    changes: dict[str, Any], sends: bool | None
) -> None:
    assert ladder.sends_mail(facts(**{**IDLE, **changes})) is sends


# ---- Consent


@pytest.mark.parametrize(
    ("stage", "asked"),
    [
        (Stage.NONE, "quarantine"),
        (Stage.QUARANTINE_TEST, "quarantine"),
        (Stage.QUARANTINE, "reject-test"),
        (Stage.REJECT_TEST, "reject"),
        (Stage.REJECT, "reject"),
        (None, "quarantine"),
    ],
)
def test_consent_is_asked_for_the_next_step_that_treats_mail_differently(stage: Stage | None, asked: str) -> None:
    given = {name: consent(name) for name in CLIMB}
    proven = advise(at(stage, consents=given)).gates[3]

    assert proven.id == "G3"
    assert proven.figures["consent"]["stage"] == asked


def test_the_consent_to_the_next_step_is_told() -> None:
    given = {name: consent(name, at=7) for name in CLIMB}

    assert advise(at(Stage.QUARANTINE, consents=given)).consent == consent("reject-test", at=7)
    assert advise(at(Stage.QUARANTINE, consents={})).consent is None


# ---- The records


def test_the_next_record_is_the_live_one_a_step_further() -> None:
    found = advise(at(Stage.QUARANTINE))

    assert (found.domain, found.record_now, found.as_of, found.coverage) == ("example.jp", RECORD, AS_OF, covered())
    assert found.record_next is not None
    assert found.record_next.record == (
        "v=DMARC1; p=reject; t=y; pct=0; sp=none; np=reject; rua=mailto:dmarc@example.jp"
    )


@pytest.mark.parametrize(
    ("record", "drafted"),
    [
        (None, "v=DMARC1; p=none; rua=mailto:new@example.net"),
        ("v=DMARC1; p=reject", "v=DMARC1; p=none; rua=mailto:new@example.net"),
        ("v=DMARC1; p=reject; rua=mailto:a@example.jp", "v=DMARC1; p=none; rua=mailto:a@example.jp"),
    ],
)
def test_an_address_for_reports_is_added_only_where_the_live_record_names_none(record: str, drafted: str) -> None:
    found = advise(at(Stage.NO_RECORD, live={"record": record}), rua=("new@example.net",))

    assert found.record_next is not None
    assert found.record_next.record == drafted


def test_a_broken_record_blocks_whatever_else_is_known() -> None:
    error = finding(Rule("D7", Severity.ERROR, "x"))
    found = advise(at(Stage.NONE, live={"errors": (error,), "looked_at": AS_OF * DAY}))

    assert (found.ready, blockers(found)) == (False, ["G0"])
