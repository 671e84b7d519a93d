"""The gates of proof alone: what own mail proves, how long quarantine held, and who signs."""

from typing import Any

import pytest
from gate_facts import AS_OF, DAY, consent, facts, found, live, own

from analysis import gate_words as words
from analysis import gates
from analysis.gate_words import Sentence, say
from analysis.gates import FAIL, PASS, UNKNOWN, Gate
from analysis.ladder_frames import ComplaintRow
from analysis.own_mail import Held, OwnSender
from analysis.stages import Stage

# ---- G3


@pytest.mark.parametrize(
    ("sender", "state", "why"),
    [
        (own(messages=58), PASS, None),
        (own(messages=58, failed=1), FAIL, say(words.UNEXPLAINED, name="Server a", failed=1)),
        (own(messages=59), PASS, None),
        (own(messages=59, failed=1), FAIL, say(words.NOT_PROVEN, name="Server a", failed=1)),
        (own(messages=92, failed=1), FAIL, say(words.NOT_PROVEN, name="Server a", failed=1)),
        (own(messages=93, failed=1), PASS, None),
    ],
)
def test_many_messages_prove_their_share_and_few_allow_no_failure(
    sender: OwnSender, state: str, why: Sentence | None
) -> None:
    gate = gates.proven(facts(own=(own("server:z"), sender)), Stage.QUARANTINE)

    assert gate.state == state
    if why:
        assert gate.why[1] == why


def test_of_the_senders_that_pass_the_one_that_proves_least_is_named() -> None:
    gate = gates.proven(
        facts(own=(own(), own("server:c", 60), own("server:b", 60), own("server:d", 100))), Stage.QUARANTINE
    )

    assert gate.why == (
        say(words.WEAKEST, name="Server b", good=60, messages=60, proves=95),
        say(words.CONSENT, by="Web staff", day="2024-06-26"),
    )
    assert gate.figures["weakest"] == "server:b"


def test_a_sender_that_does_not_pass_is_named_before_one_that_proves_less() -> None:
    gate = gates.proven(facts(own=(own(messages=20), own("server:b", 90, failed=1))), Stage.QUARANTINE)

    assert (gate.state, gate.figures["weakest"]) == (FAIL, "server:b")
    assert gate.why[0] == say(words.WEAKEST, name="Server b", good=89, messages=90, proves=94)


def test_the_customer_has_to_agree_and_there_has_to_be_own_mail() -> None:
    alone = gates.proven(facts(consents={"reject": consent("reject")}), Stage.QUARANTINE)
    empty = gates.proven(facts(own=()), Stage.QUARANTINE)

    assert alone.state == FAIL
    assert alone.why[1] == say(words.NO_CONSENT, stage="quarantine")
    assert found(empty) == (UNKNOWN, (say(words.NO_OWN_MAIL),))
    assert (empty.id, empty.figures["weakest"], empty.figures["senders"]) == ("G3", None, [])


def test_the_figures_of_the_proof_gate() -> None:
    senders = (own(messages=60), own("server:b", 0))
    figures = {
        "bar": 0.95,
        "senders": [["server:a", "Server a", 60, 60, 0.9513], ["server:b", "Server b", 0, 0, None]],
        "weakest": "server:b",
        "consent": {"stage": "quarantine", "by": "Web staff", "note": "by mail", "at": 19_900 * DAY},
    }
    agreed = gates.proven(facts(own=senders), Stage.QUARANTINE)
    alone = gates.proven(facts(own=senders, consents={}), Stage.QUARANTINE)
    failing = gates.proven(facts(own=(own("server:c", 90, failed=1),)), Stage.QUARANTINE)

    assert (agreed.id, agreed.figures) == ("G3", figures)
    assert agreed.why[0] == say(words.WEAKEST, name="Server b", good=0, messages=0, proves=0)
    assert (alone.id, alone.figures) == ("G3", {**figures, "consent": None})
    assert (failing.id, failing.figures["bar"], failing.figures["weakest"]) == ("G3", 0.95, "server:c")


# ---- G4

HELD = (
    Held("server:b", "Server b", AS_OF - 2, "two.example", 3),
    Held("server:a", "Server a", AS_OF - 1, "one.example", 1),
    Held("server:b", "Server b", AS_OF, "one.example", 2),
)
HELD_ROWS = [
    ["server:b", "Server b", "2024-10-02", "two.example", 3],
    ["server:a", "Server a", "2024-10-03", "one.example", 1],
    ["server:b", "Server b", "2024-10-04", "one.example", 2],
]
OWN_HELD = say(
    words.OWN_HELD,
    messages=6,
    names="Server b, Server a",
    days="2024-10-02…2024-10-04",
    reporters="one.example, two.example",
)


@pytest.mark.parametrize(
    "changes", [{"stage": None}, {"stage": Stage.NONE}, {"stage": Stage.QUARANTINE_TEST}, {"stage_since": None}]
)
def test_what_is_not_in_force_has_not_held(changes: dict[str, Any]) -> None:
    gate = gates.quarantine_held(facts(**changes))

    assert gate == Gate("G4", UNKNOWN, (say(words.NOT_AT_QUARANTINE),), {"days": None})


@pytest.mark.parametrize("stage", [Stage.QUARANTINE, Stage.REJECT_TEST, Stage.REJECT, Stage.PARKED])
def test_quarantine_has_held_after_thirty_days_with_a_month_end(stage: Stage) -> None:
    gate = gates.quarantine_held(facts(stage=stage, stage_since=AS_OF - 29))

    assert gate == Gate(
        "G4",
        PASS,
        (say(words.HELD_LONG, days=30),),
        {"days": 30, "month_ends": ["2024-09"], "held": [], "complaints": []},
    )


def test_twenty_nine_days_are_too_short_to_have_held() -> None:
    gate = gates.quarantine_held(facts(stage_since=AS_OF - 28))

    assert found(gate) == (UNKNOWN, (say(words.HELD_SHORT, days=29, needed=30),))
    assert (gate.id, gate.figures["days"]) == ("G4", 29)


def test_thirty_days_without_a_whole_month_end_have_not_held() -> None:
    """From 30 August to 28 September 2024: the last days of August had begun before."""
    gate = gates.quarantine_held(facts(as_of=19_994, stage_since=19_965))

    assert found(gate) == (UNKNOWN, (say(words.HELD_SHORT, days=30, needed=30),))
    assert gate.figures["month_ends"] == []


def test_a_stage_that_began_after_the_last_judged_day_has_not_held() -> None:
    assert found(gates.quarantine_held(facts(stage_since=AS_OF + 1))) == (
        UNKNOWN,
        (say(words.HELD_SHORT, days=0, needed=30),),
    )


def test_own_mail_in_quarantine_closes_the_gate_before_any_complaint() -> None:
    complaint = ComplaintRow("an order is missing", AS_OF * DAY)
    gate = gates.quarantine_held(facts(held=HELD, complaints=(complaint,)))

    assert gate == Gate(
        "G4",
        FAIL,
        (OWN_HELD, say(words.WAIT_AFTER_HELD, days=30)),
        {
            "days": 101,
            "month_ends": ["2024-06", "2024-07", "2024-08", "2024-09"],
            "held": HELD_ROWS,
            "complaints": [["2024-10-04", "an order is missing"]],
        },
    )


@pytest.mark.parametrize(
    ("days_ago", "since", "counts"),
    [(-1, 19_900, True), (29, 19_900, True), (30, 19_900, False), (10, AS_OF - 9, False), (9, AS_OF - 9, True)],
)
def test_a_complaint_of_the_time_that_quarantine_has_to_hold_counts(days_ago: int, since: int, counts: bool) -> None:
    complaint = ComplaintRow("lost", (AS_OF - days_ago) * DAY + 5)
    gate = gates.quarantine_held(facts(complaints=(complaint,), stage_since=since))

    assert (gate.state == FAIL) is counts
    assert len(gate.figures["complaints"]) == counts


def test_the_newest_complaint_is_quoted() -> None:
    complaints = (ComplaintRow("first", (AS_OF - 3) * DAY), ComplaintRow("second", (AS_OF - 1) * DAY))
    gate = gates.quarantine_held(facts(complaints=complaints))

    assert found(gate) == (
        FAIL,
        (say(words.COMPLAINT, day="2024-10-03", note="second"), say(words.WAIT_AFTER_COMPLAINT, days=30)),
    )
    assert (gate.id, gate.figures["complaints"]) == ("G4", [["2024-10-01", "first"], ["2024-10-03", "second"]])


# ---- G5


@pytest.mark.parametrize(
    ("sender", "state"),
    [
        (own(messages=20), PASS),
        (own(messages=298), PASS),
        (own(messages=298, dkim_aligned=297), FAIL),
        (own(messages=299), PASS),
        (own(messages=299, dkim_aligned=298), FAIL),
        (own(messages=473, dkim_aligned=472), PASS),
        (own(messages=300, dkim_aligned=297, unchecked=3), PASS),
        (own(messages=300, dkim_aligned=296, unchecked=3), FAIL),
    ],
)
def test_every_own_sender_has_to_sign(sender: OwnSender, state: str) -> None:
    assert gates.signed(facts(own=(own("server:z"), sender))).state == state


def test_the_sender_that_signs_least_is_named() -> None:
    unsigned = own("server:b", 50, dkim_aligned=48, unchecked=1)
    gate = gates.signed(facts(own=(own(messages=20), unsigned), list_messages=7))

    assert gate.why == (
        say(words.WEAKEST_DKIM, name="Server b", good=48, messages=49, proves=91),
        say(words.UNSIGNED, name="Server b"),
        say(words.LISTS, messages=7),
    )


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        (None, "sp, np"),
        ("v=DMARC1; p=quarantine; sp=none", "np"),
        ("v=DMARC1; p=quarantine; np=none", "sp"),
    ],
)
def test_the_policy_of_sub_domains_has_to_be_decided(record: str | None, missing: str) -> None:
    gate = gates.signed(facts(live=live(record=record), list_messages=7))

    assert gate.state == FAIL
    assert gate.why == (
        say(words.WEAKEST_DKIM, name="Server a", good=400, messages=400, proves=99),
        say(words.UNDECIDED, tags=missing),
        say(words.LISTS, messages=7),
    )
    assert (gate.id, gate.figures["undecided"]) == ("G5", missing.split(", "))


def test_list_mail_is_only_remarked_upon() -> None:
    proof = say(words.WEAKEST_DKIM, name="Server a", good=400, messages=400, proves=99)

    assert found(gates.signed(facts(list_messages=7))) == (PASS, (proof, say(words.LISTS, messages=7)))
    assert found(gates.signed(facts())) == (PASS, (proof,))


def test_the_figures_of_the_signature_gate() -> None:
    senders = (own(messages=60, dkim_aligned=50, unchecked=10), own("server:b", 0))
    gate = gates.signed(facts(own=senders, list_messages=7))
    failing = gates.signed(facts(own=(own("server:c", 9, dkim_aligned=0),)))
    empty = gates.signed(facts(own=()))

    assert (gate.id, gate.figures) == (
        "G5",
        {
            "bar": 0.99,
            "senders": [["server:a", "Server a", 50, 50, 0.9418], ["server:b", "Server b", 0, 0, None]],
            "weakest": "server:b",
            "undecided": [],
            "list_messages": 7,
        },
    )
    assert gate.why[0] == say(words.WEAKEST_DKIM, name="Server b", good=0, messages=0, proves=0)
    assert (failing.id, failing.state, failing.figures["weakest"]) == ("G5", FAIL, "server:c")
    assert (empty.id, empty.state, empty.why) == ("G5", UNKNOWN, (say(words.NO_OWN_MAIL),))
    assert (empty.figures["senders"], empty.figures["weakest"]) == ([], None)


def test_of_equally_weak_senders_the_first_by_key_is_named() -> None:
    assert gates.signed(facts(own=(own("server:c"), own("server:b")))).figures["weakest"] == "server:b"
    assert gates.signed(facts(own=(own("server:b", 20), own("server:c", 30)))).figures["weakest"] == "server:b"


# ---- Back


def test_held_own_mail_sends_an_enforced_domain_back() -> None:
    figures = {"held": HELD_ROWS}

    assert gates.back(facts(held=HELD)) == Gate("Back", FAIL, (OWN_HELD, say(words.STEP_DOWN)), figures)
    assert gates.back(facts(held=HELD, stage=Stage.NONE)) == Gate("Back", PASS, (say(words.NOTHING_HELD),), figures)
    assert gates.back(facts(held=HELD, stage=None)) == Gate("Back", UNKNOWN, (say(words.NOT_LOOKED),), figures)
    assert gates.back(facts()) == Gate("Back", PASS, (say(words.NOTHING_HELD),), {"held": []})
