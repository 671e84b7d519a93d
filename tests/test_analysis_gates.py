"""Gates alone: at which figure each passes, what it says where it does not, and which figures it shows."""

from dataclasses import replace
from typing import Any

import pytest
from gate_facts import AS_OF, DAY, FACTS, STRANGERS, THREE, consent, covered, facts, found, live, own

from analysis import gate_words as words
from analysis import gates
from analysis.coverage import MonthEnd
from analysis.gate_words import say
from analysis.gates import FAIL, PASS, UNKNOWN, Gate
from analysis.own_mail import Subdomain
from analysis.records.findings import Rule, Severity, finding
from analysis.stages import Stage, Witness


def test_the_domain_of_these_tests_passes_every_gate_but_the_one_for_parked_domains() -> None:
    assert [(gate.id, gate.state) for gate in gates.all_gates(FACTS, Stage.QUARANTINE)] == [
        ("G0", PASS),
        ("G1", PASS),
        ("G2", PASS),
        ("G3", PASS),
        ("G4", PASS),
        ("G5", PASS),
        ("Parked", FAIL),
        ("Back", PASS),
    ]


def test_the_third_gate_asks_for_consent_to_the_step_in_question() -> None:
    agreed = facts(consents={"reject": consent("reject")})

    assert gates.all_gates(agreed, Stage.REJECT)[3].state == PASS
    assert gates.all_gates(agreed, Stage.QUARANTINE)[3].state == FAIL


# ---- Sentences


def test_a_gate_says_its_sentences_one_behind_the_other() -> None:
    gate = Gate("G5", FAIL, (say(words.SENDS), say(words.PARKED_THIN, needed=30)))

    assert gate.words("en") == (
        "The domain sends mail, so it is not parked."
        " Reports over 30 days have to be read before a domain counts as parked."
    )
    assert gate.figures == {}


@pytest.mark.parametrize(
    ("share", "bar", "shown"),
    [(0.9499, 0.95, 94), (0.95, 0.95, 95), (0.9899, 0.99, 98), (0.78, 0.95, 78), (1, 0.99, 100)],
)
def test_what_lies_below_the_bar_is_not_rounded_up_to_it(share: float, bar: float, shown: int) -> None:
    assert words.percent(share, bar) == shown


def test_of_many_names_five_are_shown_and_the_others_counted() -> None:
    assert words.joined("abcde") == "a, b, c, d, e"
    assert words.joined("abcdefg") == "a, b, c, d, e (+2)"


# ---- G0

BROKEN = tuple(finding(Rule(id_, Severity.ERROR, "x")) for id_ in ("D7", "S4", "D7"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stage": None, "errors": BROKEN}, (UNKNOWN, (say(words.NOT_LOOKED),))),
        ({"errors": BROKEN, "fresh": False}, (FAIL, (say(words.RECORD_ERRORS, errors="D7, S4"),))),
        ({"fresh": False, "stage": Stage.NO_RECORD}, (UNKNOWN, (say(words.LOOKED_PARTLY, names=""),))),
        (
            {"unanswered": (("spf", "example.jp"), ("mx", "mail.example.jp"))},
            (UNKNOWN, (say(words.LOOKED_PARTLY, names="example.jp, mail.example.jp"),)),
        ),
        ({"stage": Stage.NO_RECORD, "record": None}, (FAIL, (say(words.NO_RECORD),))),
        ({"record": "v=DMARC1; p=none"}, (FAIL, (say(words.NO_RUA),))),
        ({"record": None, "inherited": "example.jp"}, (PASS, (say(words.RECORDS_FINE),))),
        ({}, (PASS, (say(words.RECORDS_FINE),))),
    ],
)
def test_records_must_be_there_be_read_and_ask_for_reports(changes: dict[str, Any], expected: object) -> None:
    assert found(gates.valid(facts(live=live(**changes)))) == expected


# DKIM_HOURS before the end of the last judged day.
TWO_DAYS_AGO = (AS_OF - 1) * DAY


@pytest.mark.parametrize(
    ("key_since", "signed_day", "state"),
    [
        (TWO_DAYS_AGO, None, PASS),
        (TWO_DAYS_AGO + 1, None, UNKNOWN),
        (None, AS_OF - 1, PASS),
        (None, AS_OF, UNKNOWN),
        (TWO_DAYS_AGO + 1, AS_OF - 1, PASS),
        (None, None, UNKNOWN),
    ],
)
def test_a_key_or_signed_mail_must_be_two_days_old(key_since: int | None, signed_day: int | None, state: str) -> None:
    gate = gates.valid(facts(live=live(key_since=key_since), signed_day=signed_day))

    assert gate.state == state
    assert (say(words.DKIM_YOUNG, hours=48) in gate.why) is (state == UNKNOWN)


def test_a_domain_without_own_mail_needs_no_key() -> None:
    assert gates.valid(facts(own=(), live=live(key_since=None), signed_day=None)).state == PASS


@pytest.mark.parametrize(
    ("stage", "told", "differs"),
    [
        (Stage.QUARANTINE, Stage.NONE, True),
        (Stage.QUARANTINE, Stage.QUARANTINE, False),
        (Stage.PARKED, Stage.REJECT, False),
        (Stage.PARKED, Stage.NONE, True),
        (None, Stage.NONE, False),
    ],
)
def test_reports_that_name_another_policy_are_quoted(stage: Stage | None, told: Stage, differs: bool) -> None:
    gate = gates.valid(facts(live=live(stage=stage), witness=Witness(told, 19_990, 19_999)))

    quoted = (say(words.DIFFER, dns=str(stage), reports=told, day="2024-10-03"),) if differs else ()
    assert gate.why[1:] == quoted


def test_the_figures_of_the_records_gate() -> None:
    gate = gates.valid(
        facts(
            live=live(unanswered=(("mx", "example.jp"),), errors=BROKEN[:1]),
            witness=Witness(Stage.QUARANTINE, 19_990, 19_999),
        )
    )
    bare = gates.valid(facts(live=live(key_since=None), signed_day=None))

    assert (gate.id, gate.figures) == (
        "G0",
        {
            "looked_at": 1_728_086_400,
            "unanswered": [["mx", "example.jp"]],
            "errors": ["D7"],
            "reports_say": "quarantine",
            "reports_say_until": "2024-10-03",
            "key_since": 1_700_000_000,
            "signed_since": "2023-12-09",
        },
    )
    assert [bare.figures[name] for name in ("reports_say", "reports_say_until", "key_since", "signed_since")] == [
        None
    ] * 4


# ---- G1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"coverage": covered(first_day=None), "own": (own(first_passed_day=AS_OF),)},
            (UNKNOWN, (say(words.NOTHING_SEEN),)),
        ),
        (
            {"own": (own(first_passed_day=AS_OF - 13), own("server:b", first_passed_day=AS_OF))},
            (FAIL, (say(words.NEW_SENDER, names="Server a, Server b", days=14),)),
        ),
        (
            {"own": (own(first_passed_day=AS_OF - 14), own("server:b", first_passed_day=None))},
            (PASS, (say(words.SEEN, days=33, reporters=3),)),
        ),
        (
            {"coverage": covered(first_day=AS_OF - 28, missing=(19_970,))},
            (UNKNOWN, (say(words.THIN, days=29, needed=30),)),
        ),
        ({"coverage": covered(first_day=AS_OF - 29)}, (PASS, (say(words.SEEN, days=33, reporters=3),))),
        (
            {"coverage": covered(missing=(19_970, 19_971), reporters=THREE[:2])},
            (UNKNOWN, (say(words.GAPS, count=2, days="2024-09-04, 2024-09-05"),)),
        ),
        ({"coverage": covered(reporters=THREE[:2])}, (UNKNOWN, (say(words.FEW_REPORTERS, count=2, needed=3),))),
        (
            {"coverage": covered(reporters=THREE[:1])},
            (UNKNOWN, (say(words.FEW_REPORTERS, count=1, needed=3), say(words.ONLY, reporter="one.example"))),
        ),
    ],
)
def test_own_mail_must_be_seen_long_enough_by_enough_reporters(changes: dict[str, Any], expected: object) -> None:
    assert found(gates.observed(facts(**changes))) == expected


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        ({"missing_days": [19_970], "reporters": 3}, UNKNOWN),
        ({"missing_days": [19_970, 19_971], "reporters": 3}, UNKNOWN),
        ({"missing_days": [19_970, 19_971], "reporters": 2}, PASS),
        ({"missing_days": [19_970, 19_971], "reporters": 1}, PASS),
        ({"missing_days": [19_970], "reporters": 2}, UNKNOWN),
        ({"reporters": 2}, UNKNOWN),
        ({"missing_days": [19_970, 19_971]}, UNKNOWN),
    ],
)
def test_thin_places_are_fine_as_far_as_the_newest_consent_knew_them(evidence: dict[str, Any], state: str) -> None:
    consents = {
        "quarantine": consent(at=19_950 * DAY, **evidence),
        "reject-test": consent("reject-test", at=19_949 * DAY, missing_days=[19_970, 19_971], reporters=2),
    }
    thin = facts(coverage=covered(missing=(19_970, 19_971), reporters=THREE[:2]), consents=consents)

    assert gates.observed(thin).state == state


def test_a_consent_given_without_any_reporter_still_asks_for_one() -> None:
    unseen = facts(coverage=covered(reporters=()), consents={"quarantine": consent(reporters=0)})

    assert found(gates.observed(unseen)) == (UNKNOWN, (say(words.FEW_REPORTERS, count=0, needed=3),))
    assert gates.observed(replace(unseen, coverage=covered(reporters=THREE[:1]))).state == PASS


def test_a_consent_that_knew_more_reporters_asks_for_no_more_than_three() -> None:
    assert gates.observed(facts(consents={"quarantine": consent(reporters=9)})).state == PASS


def test_the_figures_of_the_observation_gate() -> None:
    thin = covered(missing=(19_970, 19_971), month_ends=(MonthEnd(19_967, False),), reporters=THREE[:1])
    gate = gates.observed(
        facts(
            coverage=thin,
            own=(own(first_passed_day=AS_OF),),
            consents={"quarantine": consent(missing_days=[19_970], reporters=1)},
        )
    )

    assert (gate.id, gate.figures) == (
        "G1",
        {
            "days": 31,
            "of_days": 33,
            "missing_days": ["2024-09-04", "2024-09-05"],
            "accepted_days": 1,
            "first_day": "2023-12-09",
            "month_ends": {"2024-09": False},
            "reporters": 1,
            "only": "one.example",
            "new_senders": ["Server a"],
        },
    )
    assert gates.observed(facts(coverage=covered(first_day=None))).figures["first_day"] is None


# ---- G2

FAILING = own("server:b", 40, failed=4, last_day=AS_OF - 1)
FAILING_TOO = own("server:c", 10, failed=10)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"own": (FAILING, own()), "subdomains": (Subdomain("shop.example.jp", 4, 0),)},
            (FAIL, (say(words.FAILING, name="Server b", passed=36, messages=40, day="2024-10-03"),)),
        ),
        (
            {"own": (FAILING, FAILING_TOO, own())},
            (
                FAIL,
                (
                    say(words.FAILING, name="Server b", passed=36, messages=40, day="2024-10-03"),
                    say(words.ALSO_FAILING, names="Server c"),
                ),
            ),
        ),
        (
            {
                "subdomains": (Subdomain("a.example.jp", 4, 4), Subdomain("shop.example.jp", 4, 0)),
                "unreviewed": STRANGERS,
            },
            (FAIL, (say(words.FAILING_SUBDOMAINS, names="shop.example.jp"),)),
        ),
        (
            {"unreviewed": STRANGERS, "own": ()},
            (
                UNKNOWN,
                (
                    say(
                        words.UNREVIEWED,
                        count=7,
                        names="192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5 (+2)",
                    ),
                ),
            ),
        ),
        ({"own": ()}, (UNKNOWN, (say(words.NO_OWN_MAIL),))),
        ({"own": (own(), own("server:b"))}, (PASS, (say(words.ALL_SETTLED, count=2),))),
    ],
)
def test_every_sender_is_known_and_the_own_ones_pass(changes: dict[str, Any], expected: object) -> None:
    assert found(gates.settled(facts(**changes))) == expected


def test_the_figures_of_the_senders_gate_are_the_same_whatever_it_says_first() -> None:
    gate = gates.settled(
        facts(own=(FAILING, own()), subdomains=(Subdomain("shop.example.jp", 4, 0),), unreviewed=STRANGERS[:1])
    )
    figures = {
        "own": 2,
        "unreviewed": [["net:1", "192.0.2.1", "unknown", 9]],
        "failing": [["server:b", "Server b", 36, 40]],
        "failing_subdomains": ["shop.example.jp"],
    }
    empty: dict[str, object] = {"own": 1, "unreviewed": [], "failing": [], "failing_subdomains": []}

    assert (gate.id, gate.figures) == ("G2", figures)
    variants: list[tuple[dict[str, Any], dict[str, object]]] = [
        ({}, {}),
        ({"subdomains": (Subdomain("a.example.jp", 4, 0),)}, {"failing_subdomains": ["a.example.jp"]}),
        ({"unreviewed": STRANGERS[:1]}, {"unreviewed": figures["unreviewed"]}),
        ({"own": ()}, {"own": 0}),
    ]
    for changes, changed in variants:
        other = gates.settled(facts(**changes))
        assert (other.id, other.figures) == ("G2", {**empty, **changed})


# ---- Parked


def test_a_domain_whose_mail_passes_is_not_parked() -> None:
    assert found(gates.parked(facts(own=()))) == (FAIL, (say(words.SENDS),))
    assert found(gates.parked(facts(passed=0))) == (FAIL, (say(words.SENDS),))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reported": None}, (UNKNOWN, (say(words.PARKED_THIN, needed=30),))),
        ({"reported": (AS_OF - 28, AS_OF), "unreviewed": STRANGERS}, (UNKNOWN, (say(words.PARKED_THIN, needed=30),))),
        ({"unreviewed": STRANGERS[:2]}, (UNKNOWN, (say(words.UNREVIEWED, count=2, names="192.0.2.1, 192.0.2.2"),))),
        ({"consents": {}}, (FAIL, (say(words.PARKED_ALONE), say(words.NO_CONSENT, stage="parked")))),
        ({}, (PASS, (say(words.PARKED_READY, day="2024-09-05"),))),
    ],
)
def test_a_month_of_read_reports_and_the_customers_word_make_a_domain_parked(
    changes: dict[str, Any], expected: object
) -> None:
    idle = facts(own=(), passed=0, reported=(AS_OF - 29, AS_OF - 1), consents={"parked": consent("parked")})

    assert found(gates.parked(replace(idle, **changes))) == expected


def test_the_figures_of_the_parked_gate_are_the_same_whatever_it_says() -> None:
    idle = facts(own=(), passed=0, reported=(AS_OF - 29, AS_OF - 1), consents={"parked": consent("parked")})
    figures = {
        "first_day": "2024-09-05",
        "last_day": "2024-10-03",
        "passed": 0,
        "own": 0,
        "unreviewed": [],
        "consent": {"stage": "parked", "by": "Web staff", "note": "by mail", "at": 19_900 * DAY},
    }

    variants: list[tuple[dict[str, Any], dict[str, object]]] = [
        ({}, {}),
        ({"reported": None}, {"first_day": None, "last_day": None}),
        ({"unreviewed": STRANGERS[:1]}, {"unreviewed": [["net:1", "192.0.2.1", "unknown", 9]]}),
        ({"consents": {}}, {"consent": None}),
        ({"own": (own(),), "passed": 5}, {"own": 1, "passed": 5}),
    ]
    for changes, changed in variants:
        gate = gates.parked(replace(idle, **changes))
        assert (gate.id, gate.figures) == ("Parked", {**figures, **changed})


# ---- What a consent keeps


def test_a_consent_keeps_the_thin_places_that_its_giver_saw() -> None:
    thin = facts(coverage=covered(missing=(19_970,), reporters=THREE[:2]), own=(own(), own("server:b", 40, failed=4)))

    assert gates.evidence_of(thin) == {
        "as_of": AS_OF,
        "missing_days": [19_970],
        "reporters": 2,
        "own_senders": {"server:a": [400, 400], "server:b": [36, 40]},
    }


def test_the_newest_consent_counts_and_of_the_same_moment_the_one_to_the_later_name() -> None:
    older, newer = consent("reject", at=5), consent("quarantine", at=6)

    assert facts(consents={"reject": older, "quarantine": newer}).accepted == newer
    assert facts(consents={"reject": consent("reject", at=6), "quarantine": newer}).accepted == consent("reject", at=6)
    assert facts(consents={}).accepted is None
