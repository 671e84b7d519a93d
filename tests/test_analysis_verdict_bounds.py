"""Each figure of the verdict rules at its bound: one message, day or reporter less gives another verdict."""

from typing import Any

import pytest

from analysis.streams import Elsewhere, Evidence, Stream
from analysis.verdict import judge

POOLS = ("relay:microsoft-365", "tenant:microsoft-365:x.onmicrosoft.com", "service:sendgrid", "own-infrastructure")


def stream(key: str = "net:192.0.2.0/24", messages: int = 20, **facts: Any) -> Stream:
    """A stream of 20 messages, all recent, none passed, seen by four of the six reporters about a domain that signs."""
    passed = max(facts.get(name, 0) for name in ("dkim_aligned", "spf_aligned"))
    values = {"passed": passed, "dkim_aligned": 0, "spf_aligned": 0, "recent": messages, "recent_passed": passed}
    seen = {"days": 10, "reporters": 4, "domain_reporters": 6, "domain_signs": True}
    return Stream(**{"key": key, "messages": messages, **values, **seen, **facts})


def seen(messages: int = 20, **counters: int) -> Evidence:
    return Evidence(**{"messages": messages, **counters})


def rule(*arguments: Any, **facts: Any) -> str:
    return judge(stream(*arguments, **facts)).rule


@pytest.mark.parametrize(
    ("recent", "failed", "fails"), [(60, 3, True), (61, 3, False), (40, 2, False), (3, 3, True), (20, 2, False)]
)
def test_a_sender_fails_with_three_messages_that_are_a_twentieth(recent: int, failed: int, fails: bool) -> None:
    figures = {"recent": recent, "recent_passed": recent - failed}

    assert rule(spf_aligned=1, **figures) == ("spf-aligned-failing" if fails else "spf-aligned")
    assert rule(spf_aligned=1, decision="ours", **figures) == ("decided-ours-failing" if fails else "decided-ours")


def test_a_confirmed_sender_that_never_passed_fails_however_little_it_sent_lately() -> None:
    assert rule(decision="ours", recent=0) == "decided-ours-failing"
    assert rule(decision="ours", recent=0, spf_aligned=1, recent_passed=0) == "decided-ours"


@pytest.mark.parametrize(
    ("null", "named", "bounce"), [(3, 0, True), (2, 0, False), (9, 1, True), (8, 1, False), (9, 2, False)]
)
def test_nine_of_ten_named_envelopes_must_be_empty_and_three_at_least(null: int, named: int, bounce: bool) -> None:
    evidence = seen(null_sender=null, named_sender=named)

    assert (rule(evidence=evidence) == "null-sender") is bounce
    assert (rule(evidence=evidence, decision="ours") == "decided-ours-bounce") is bounce


def test_a_sender_of_which_something_passed_sends_no_bounces() -> None:
    assert rule(evidence=seen(null_sender=9), decision="ours", spf_aligned=20) == "decided-ours"


# ---- Signed mail

FOREIGN = ("spf_failed", "spf_softfail", "spf_forwarder", "spf_other")


def service(**counters: int) -> str:
    return rule("service:mailchimp", dkim_aligned=20, service="Mailchimp", evidence=seen(**counters))


@pytest.mark.parametrize("counter", FOREIGN)
def test_a_service_signs_unless_half_of_its_mail_came_from_elsewhere(counter: str) -> None:
    assert service(spf_service=1, **{counter: 9}) == "service-signed"
    assert service(spf_service=1, **{counter: 10}) == (
        "signed-rewritten" if counter == "spf_forwarder" else "signed-to-many"
    )


def test_what_came_from_elsewhere_is_summed() -> None:
    assert service(spf_service=1, spf_failed=3, spf_softfail=3, spf_forwarder=2, spf_other=1) == "service-signed"
    assert service(spf_service=1, spf_failed=3, spf_softfail=3, spf_forwarder=2, spf_other=2) == "signed-to-many"
    assert service(spf_service=10, spf_other=10) == "signed-to-many"


def test_a_service_that_spf_never_named_signs_only_if_its_spf_is_not_expected_to() -> None:
    mail = {"dkim_aligned": 20, "service": "Mailchimp", "evidence": seen()}

    assert rule("service:mailchimp", **mail) == "signed-to-many"
    assert rule("service:mailchimp", spf_aligns=False, **mail) == "service-signed"
    assert rule("service:mailchimp", spf_aligns=False, **{**mail, "service": None}) == "signed-to-many"


@pytest.mark.parametrize(("named", "expected"), [(10, "service-signed"), (9, "signed-thin")])
def test_a_relay_signs_when_spf_named_the_service_for_half_of_the_mail(named: int, expected: str) -> None:
    mail = {"dkim_aligned": 20, "service": "Microsoft 365", "spf_aligns": False}

    assert rule("relay:microsoft-365", evidence=seen(spf_service=named), **mail) == expected


@pytest.mark.parametrize(
    ("key", "counters", "expected"),
    [
        ("net:192.0.2.0/24", {"spf_forwarder": 10}, "signed-rewritten"),
        ("net:192.0.2.0/24", {"spf_forwarder": 9}, "signed-to-many"),
        ("net:192.0.2.0/24", {"spf_forwarder": 9, "spf_other": 9}, "signed-to-many"),
        ("relay:microsoft-365", {"spf_forwarder": 5, "spf_other": 5}, "signed-rewritten"),
        ("relay:microsoft-365", {"spf_forwarder": 5, "spf_other": 4}, "signed-thin"),
        ("forwarder:groups-io", {}, "signed-rewritten"),
    ],
)
def test_a_forwarder_put_its_return_path_on_half_of_the_mail(key: str, counters: dict[str, int], expected: str) -> None:
    assert rule(key, dkim_aligned=20, evidence=seen(**counters)) == expected


@pytest.mark.parametrize(
    ("messages", "days", "reporters", "domain_reporters", "expected"),
    [
        (5, 3, 3, 3, "signed-to-many"),
        (4, 3, 3, 3, "signed-thin"),
        (5, 2, 3, 3, "signed-thin"),
        (5, 3, 2, 4, "signed-to-few"),
        (5, 3, 2, 3, "signed-thin"),
        (5, 3, 1, 9, "signed-to-few"),
        (4, 3, 2, 4, "signed-thin"),
        (5, 2, 2, 4, "signed-thin"),
    ],
)
def test_signed_mail_needs_a_habit_and_enough_reporters(
    messages: int, days: int, reporters: int, domain_reporters: int, expected: str
) -> None:
    found = rule(
        messages=messages,
        dkim_aligned=1,
        days=days,
        reporters=reporters,
        domain_reporters=domain_reporters,
        evidence=seen(messages),
    )

    assert found == expected


# ---- Mail that never passed


@pytest.mark.parametrize(
    ("messages", "said", "expected"), [(10, 2, "override"), (11, 2, "nothing-known"), (4, 1, "nothing-known")]
)
def test_two_receivers_and_a_fifth_of_the_mail_must_say_forwarded(messages: int, said: int, expected: str) -> None:
    assert rule(messages=messages, days=1, evidence=seen(messages, forward_override=said)) == expected


def test_a_relay_is_only_a_place_and_no_candidate() -> None:
    assert rule("relay:microsoft-365", service="Microsoft 365", evidence=seen()) == "only-here"
    assert rule("tenant:microsoft-365:x.example", service="Microsoft 365", evidence=seen()) == "known-service"


@pytest.mark.parametrize("key", POOLS[:3])
def test_that_a_pool_also_sends_mail_that_passes_says_nothing(key: str) -> None:
    assert rule(key, passes_as=True, evidence=seen()) == "only-here"


@pytest.mark.parametrize(
    ("messages", "failed", "counters", "expected"),
    [
        (10, 5, {"spf_other": 5}, "own-signature-failed"),
        (10, 4, {"spf_other": 5}, "only-here"),
        (10, 5, {"spf_other": 4}, "only-here"),
        (11, 5, {"spf_other": 5}, "only-here"),
        (11, 6, {"spf_other": 6}, "own-signature-failed"),
        (10, 5, {"spf_other": 2, "spf_forwarder": 2, "spf_service": 1}, "own-signature-failed"),
        (10, 5, {"spf_forwarder": 5}, "own-signature-failed"),
        (10, 5, {"spf_service": 5}, "own-signature-failed"),
        (10, 5, {"spf_softfail": 5}, "only-here"),
    ],
)
def test_a_broken_signature_counts_on_mail_whose_host_spf_names(
    messages: int, failed: int, counters: dict[str, int], expected: str
) -> None:
    evidence = seen(messages, dkim_failed=failed, **counters)

    assert rule(messages=messages, evidence=evidence) == expected
    assert rule(messages=messages, evidence=evidence, domain_signs=False) == "only-here"


@pytest.mark.parametrize(("forwards", "expected"), [(3, "forwards-for-others"), (2, "only-here")])
def test_three_forwards_for_others_make_a_forwarder_known(forwards: int, expected: str) -> None:
    assert rule(evidence=seen(), elsewhere=Elsewhere(forwards=forwards)) == expected


@pytest.mark.parametrize("key", POOLS[:3])
def test_what_a_pool_forwards_or_sends_for_others_says_nothing(key: str) -> None:
    everywhere = Elsewhere(forwards=9, failing=9, signing=9, nameless=True)

    assert rule(key, evidence=seen(dkim_absent=20), elsewhere=everywhere) == "nothing-known"


@pytest.mark.parametrize(
    ("failing", "signing", "domain_signs", "expected"),
    [
        (2, 1, True, "fails-for-many"),
        (2, 2, False, "fails-for-many"),
        (2, 1, False, "nothing-known"),
        (1, 2, True, "nothing-known"),
    ],
)
def test_two_owners_of_domains_that_sign_make_an_impostor(
    failing: int, signing: int, domain_signs: bool, expected: str
) -> None:
    elsewhere = Elsewhere(failing=failing, signing=signing)

    assert rule(evidence=seen(dkim_absent=20), elsewhere=elsewhere, domain_signs=domain_signs) == expected


@pytest.mark.parametrize(
    "elsewhere", [Elsewhere(failing=2, signing=2), Elsewhere(failing=1, nameless=True)], ids=["many", "nameless"]
)
@pytest.mark.parametrize(("unsigned", "passes", "impostor"), [(10, 0, True), (9, 0, False), (20, 1, False)])
def test_half_of_an_impostors_mail_is_unsigned_and_none_passes_for_anybody(
    elsewhere: Elsewhere, unsigned: int, passes: int, impostor: bool
) -> None:
    found = judge(stream(evidence=seen(dkim_absent=unsigned), elsewhere=elsewhere._replace(passes=passes)))

    assert found.verdict == ("impostor" if impostor else "unknown")


@pytest.mark.parametrize(
    ("elsewhere", "expected"),
    [
        (Elsewhere(nameless=True, failing=1), "fails-without-name"),
        (Elsewhere(nameless=True, failing=0), "only-here"),
        (Elsewhere(nameless=False, failing=1), "nothing-known"),
    ],
)
def test_an_address_without_a_name_is_an_impostor_once_it_failed_in_another_name(
    elsewhere: Elsewhere, expected: str
) -> None:
    assert rule(evidence=seen(dkim_absent=20), elsewhere=elsewhere) == expected


@pytest.mark.parametrize(
    ("messages", "days", "expected"), [(5, 3, "only-here"), (4, 3, "nothing-known"), (5, 2, "nothing-known")]
)
def test_five_messages_on_three_days_are_worth_a_question(messages: int, days: int, expected: str) -> None:
    assert rule(messages=messages, days=days, evidence=seen(messages)) == expected


# ---- What a verdict records

RECORDED: list[tuple[Stream, str, dict[str, int | str]]] = [
    (stream(decision="not-ours"), "decided-not-ours", {"decision": "not-ours"}),
    (stream(decision="forwarder"), "decided-forwarder", {"decision": "forwarder"}),
    (
        stream(decision="ours", evidence=seen(null_sender=7)),
        "decided-ours-bounce",
        {"decision": "ours", "null_sender": 7},
    ),
    (
        stream(decision="ours", recent=9),
        "decided-ours-failing",
        {"decision": "ours", "recent": 9, "recent_passed": 0},
    ),
    (
        stream(decision="ours", spf_aligned=19, recent=7, recent_passed=7),
        "decided-ours",
        {"decision": "ours", "passed": 19, "messages": 20},
    ),
    (
        stream(spf_aligned=5, recent=9, recent_passed=1),
        "spf-aligned-failing",
        {"spf_aligned": 5, "recent": 9, "recent_passed": 1},
    ),
    (stream(spf_aligned=20, messages=21), "spf-aligned", {"spf_aligned": 20, "messages": 21}),
    (
        stream("service:x", dkim_aligned=5, recent=9, recent_passed=1, service="X", evidence=seen(spf_service=9)),
        "service-signed-failing",
        {"dkim_aligned": 5, "recent": 9, "recent_passed": 1},
    ),
    (
        stream("service:x", dkim_aligned=20, messages=21, service="X", evidence=seen(spf_service=9)),
        "service-signed",
        {"dkim_aligned": 20, "messages": 21},
    ),
    (stream("forwarder:x", dkim_aligned=7), "signed-rewritten", {"dkim_aligned": 7, "messages": 20}),
    (
        stream(dkim_aligned=7, evidence=seen()),
        "signed-to-many",
        {"dkim_aligned": 7, "reporters": 4, "days": 10},
    ),
    (
        stream(dkim_aligned=7, reporters=1, evidence=seen()),
        "signed-to-few",
        {"dkim_aligned": 7, "reporters": 1, "domain_reporters": 6},
    ),
    (stream(dkim_aligned=3, days=1, evidence=seen()), "signed-thin", {"dkim_aligned": 3, "messages": 20}),
    (stream(evidence=seen(forward_override=5)), "override", {"forward_override": 5, "messages": 20}),
    (
        stream(evidence=seen(null_sender=19, named_sender=1)),
        "null-sender",
        {"null_sender": 19, "named_sender": 1},
    ),
    (stream("forwarder:x"), "known-forwarder", {"messages": 20}),
    (stream("own-infrastructure"), "own-servers", {"messages": 20}),
    (stream("service:x", service="X"), "known-service", {"service": "X", "messages": 20}),
    (stream(passes_as=True), "also-passes", {"messages": 20}),
    (
        stream(evidence=seen(dkim_failed=12, spf_other=20)),
        "own-signature-failed",
        {"dkim_failed": 12, "messages": 20},
    ),
    (stream(elsewhere=Elsewhere(forwards=9)), "forwards-for-others", {"forwards": 9}),
    (
        stream(evidence=seen(dkim_absent=20), elsewhere=Elsewhere(failing=4, signing=5)),
        "fails-for-many",
        {"failing": 4, "messages": 20},
    ),
    (
        stream(evidence=seen(dkim_absent=20), elsewhere=Elsewhere(failing=1, nameless=True)),
        "fails-without-name",
        {"failing": 1, "messages": 20},
    ),
    (stream(evidence=seen()), "only-here", {"days": 10, "messages": 20}),
    (stream(), "nothing-known", {"messages": 20}),
]


@pytest.mark.parametrize(("found", "rule_id", "facts"), RECORDED, ids=[each[1] for each in RECORDED])
def test_a_verdict_records_the_facts_that_its_rule_used(
    found: Stream, rule_id: str, facts: dict[str, int | str]
) -> None:
    judgement = judge(found)

    assert (judgement.rule, dict(judgement.facts)) == (rule_id, facts)
    assert all(str(value) in judgement.why("en") for value in _shown(judgement.sentence, facts))


def _shown(sentence: str, facts: dict[str, int | str]) -> list[int | str]:
    return [value for name, value in facts.items() if f"%({name})s" in sentence]
