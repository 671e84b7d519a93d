"""Every rule of the table alone, the order of the table, and that thin evidence gives unknown."""

import pytest

from analysis.contradiction import contradiction
from analysis.streams import Elsewhere, Evidence, Stream
from analysis.verdict import RULES, VERDICTS, judge


def stream(key: str = "net:192.0.2.0/24", messages: int = 20, **facts: object) -> Stream:
    """A stream of 20 messages, all recent, none passed, seen by four of the six reporters about a domain that signs."""
    aligned = {name: facts.get(name, 0) for name in ("dkim_aligned", "spf_aligned")}
    passed = max(aligned.values())  # type: ignore[type-var]
    values = {"passed": passed, "recent": messages, "recent_passed": passed, "days": 10, "reporters": 4}
    values |= {**aligned, **facts}
    return Stream(key=key, messages=messages, domain_reporters=6, domain_signs=True, **values)  # type: ignore[arg-type]


def seen(messages: int = 20, **counters: int) -> Evidence:
    return Evidence(**{"messages": messages, **counters})


STRANGER = seen(dkim_absent=20, spf_softfail=20)

CASES = {
    "decided-not-ours": (stream(spf_aligned=20, decision="not-ours"), "impostor"),
    "decided-forwarder": (stream(decision="forwarder"), "forwarded"),
    "decided-ours-bounce": (stream(decision="ours", evidence=seen(null_sender=3)), "bounce"),
    "decided-ours-failing": (stream(decision="ours", evidence=STRANGER), "ours-fix"),
    "decided-ours": (stream(decision="ours", spf_aligned=20), "ours-ok"),
    "spf-aligned-failing": (stream(messages=60, spf_aligned=57), "ours-fix"),
    "spf-aligned": (stream(messages=61, spf_aligned=58), "ours-ok"),
    "service-signed-failing": (
        stream("service:mailchimp", dkim_aligned=10, service="Mailchimp", evidence=seen(spf_service=20)),
        "ours-fix",
    ),
    "service-signed": (
        stream("service:mailchimp", dkim_aligned=20, service="Mailchimp", evidence=seen(spf_service=20)),
        "ours-ok",
    ),
    "signed-rewritten": (stream(dkim_aligned=20, evidence=seen(spf_forwarder=20, dkim_aligned=20)), "forwarded"),
    "signed-to-many": (stream(dkim_aligned=20, evidence=seen(spf_softfail=20, dkim_aligned=20)), "ours-fix"),
    "signed-to-few": (stream(dkim_aligned=20, reporters=2, evidence=seen(spf_other=20)), "forwarded"),
    "signed-thin": (stream(messages=4, dkim_aligned=4, evidence=seen(4, spf_other=4)), "unknown"),
    "override": (stream(evidence=seen(forward_override=4, dkim_absent=20)), "forwarded"),
    "null-sender": (stream(evidence=seen(null_sender=9, named_sender=1)), "bounce"),
    "known-forwarder": (stream("forwarder:groups-io"), "forwarded"),
    "own-servers": (stream("own-infrastructure", evidence=STRANGER), "candidate"),
    "known-service": (stream("service:amazon-ses", service="Amazon SES", evidence=seen(dkim_other=20)), "candidate"),
    "also-passes": (stream(passes_as=True, evidence=STRANGER), "candidate"),
    "own-signature-failed": (stream(evidence=seen(dkim_failed=12, spf_other=20)), "forwarded"),
    "forwards-for-others": (stream(evidence=STRANGER, elsewhere=Elsewhere(forwards=3)), "forwarded"),
    "fails-for-many": (stream(evidence=STRANGER, elsewhere=Elsewhere(failing=2, signing=1)), "impostor"),
    "fails-without-name": (stream(evidence=STRANGER, elsewhere=Elsewhere(failing=1, nameless=True)), "impostor"),
    "only-here": (stream(evidence=STRANGER), "unknown"),
    "nothing-known": (stream(messages=1, days=1, evidence=seen(1, dkim_absent=1)), "unknown"),
}


def test_large_figures_of_a_reason_are_grouped_as_everywhere_on_the_page() -> None:
    found = judge(stream(messages=12_400, spf_aligned=12_300))

    assert found.why("en") == "The domain's SPF names it: SPF passed aligned for 12,300 of 12,400 messages."
    assert "12,400通のうち12,300通" in found.why("ja")


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_gives_its_verdict(rule: str) -> None:
    found = judge(CASES[rule][0])

    assert (found.rule, found.verdict) == (rule, CASES[rule][1])


def test_every_rule_has_its_case_and_every_verdict_its_rule() -> None:
    assert list(CASES) == [rule.id for rule in RULES]
    assert {rule.verdict for rule in RULES} == set(VERDICTS)


@pytest.mark.parametrize("rule", CASES)
def test_a_verdict_says_its_facts_in_both_languages(rule: str) -> None:
    found = judge(CASES[rule][0])

    assert found.facts
    assert all(isinstance(value, int | str) for _, value in found.facts)
    assert found.why("en") != found.why("ja")
    assert "%(" not in found.why("en") + found.why("ja")


@pytest.mark.parametrize("word", ["ours", "not-ours", "forwarder"])
@pytest.mark.parametrize("rule", [rule for rule in CASES if not rule.startswith("decided")])
def test_a_decision_wins_over_every_rule(rule: str, word: str) -> None:
    found = judge(CASES[rule][0]._replace(decision=word))

    assert found.rule.startswith(f"decided-{word}")


@pytest.mark.parametrize("rule", CASES)
def test_without_an_aligned_pass_or_a_decision_nothing_is_ours(rule: str) -> None:
    bare = {"decision": None, "passed": 0, "recent_passed": 0, "dkim_aligned": 0, "spf_aligned": 0}
    found = judge(CASES[rule][0]._replace(**bare))

    assert found.verdict not in ("ours-ok", "ours-fix")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"elsewhere": Elsewhere(failing=1, signing=1)}, "one other customer may share an office"),
        ({"elsewhere": Elsewhere(failing=3, signing=0)}, "nobody else signs: it may be a forward of unsigned mail"),
        ({"elsewhere": Elsewhere(failing=3, signing=2, passes=1)}, "it passes for somebody: a shared server"),
        ({"elsewhere": Elsewhere(failing=3, signing=2), "evidence": seen(dkim_failed=20)}, "it carries a signature"),
        ({"elsewhere": Elsewhere(nameless=True)}, "an office line has no host name either"),
        ({"evidence": seen(dkim_failed=20, spf_failed=20)}, "a header can be copied"),
        ({"evidence": seen(forward_override=3, dkim_absent=20)}, "too few receivers say forwarded"),
        ({"evidence": seen(null_sender=2, dkim_absent=20)}, "two bounces are no habit"),
        ({"evidence": seen(null_sender=5, named_sender=5)}, "half of it names its sender"),
    ],
)
def test_what_is_not_enough_stays_unknown(facts: dict[str, object], why: str) -> None:
    assert judge(stream(**{"evidence": STRANGER, **facts})).verdict == "unknown", why  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "prefix", ["relay:microsoft-365", "tenant:microsoft-365:x.onmicrosoft.com", "service:sendgrid"]
)
def test_through_a_shared_pool_one_senders_spoofing_says_nothing_of_another(prefix: str) -> None:
    everywhere = stream(prefix, evidence=STRANGER, elsewhere=Elsewhere(failing=9, signing=9), service="Microsoft 365")

    assert judge(everywhere).verdict in ("unknown", "candidate")


def test_seen_by_few_means_nothing_where_few_report_at_all() -> None:
    found = stream(dkim_aligned=20, reporters=2, evidence=seen(spf_other=20))

    assert judge(found._replace(domain_reporters=2)).rule == "signed-thin"


def test_signed_mail_of_a_service_from_a_forwarders_address_is_not_the_services() -> None:
    found = stream("service:mailchimp", dkim_aligned=20, service="Mailchimp", spf_aligns=False)

    assert judge(found._replace(reporters=2, evidence=seen(spf_failed=20))).rule == "signed-to-few"


@pytest.mark.parametrize(
    ("decision", "later", "against"),
    [
        ("ours", (12, 0, 0), ("never-passes", "none of its 12 messages", "12通")),
        ("ours", (9, 0, 0), None),
        ("ours", (10, 1, 0), None),
        ("not-ours", (50, 10, 0), ("passes", "10 of its messages passed", "10通")),
        ("not-ours", (50, 9, 9), None),
        ("forwarder", (50, 50, 9), None),
        ("forwarder", (50, 40, 10), ("passes", "the domain's SPF names it", "10通")),
    ],
)
def test_later_mail_can_speak_against_a_decision(
    decision: str, later: tuple[int, int, int], against: tuple[str, str, str] | None
) -> None:
    found = contradiction(decision, *later)

    if against is None:
        assert found is None
    else:
        assert found is not None
        assert found.id == against[0]
        assert against[1] in found.why("en")
        assert against[2] in found.why("ja")
