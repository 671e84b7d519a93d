"""The replay: what any policy would have done, as a range, and its own honesty check."""

from dataclasses import replace
from typing import Any

import pytest
from histories import FIRST_DAY, history, store_history, tables
from hypothesis import given
from hypothesis import strategies as st
from store_builder import ask

from analysis import replay
from analysis.frames import Period, Scope
from analysis.replay import POLICIES, Policy, Range, Replay, replayed
from analysis.replay_frames import ReplayRow, ResultsRow
from store.values import AuthResult

PERIOD = Period(20_000, 20_030)
KNOWN = {("server:a", "192.0.2.1"): ("A", "ours-ok"), ("net:b", "192.0.2.2"): ("B", "impostor")}


def row(messages: int = 1, **facts: Any) -> ReplayRow:
    """A failing record of the own server under p=none."""
    base = ReplayRow(
        "server:a", "192.0.2.1", "example.jp", 20_001, "one.example", "none", "none", False, False,
        "none", "none", None, 100, None, messages,
    )  # fmt: skip
    return base._replace(**facts)


def done(policy: Policy, *rows: ReplayRow, missing: frozenset[str] = frozenset()) -> Replay:
    return replayed("example.jp", policy, PERIOD, rows, KNOWN, missing)


def test_none_changes_nothing() -> None:
    found = done(Policy("none"), row(5), row(7, dkim_aligned=True))

    assert (found.messages, found.delivered, found.quarantined, found.rejectable) == (12, 12, 0, Range(0, 0))
    assert found.hits == ()


def test_what_a_receiver_said_it_would_spare_is_possible_and_not_certain() -> None:
    found = done(Policy("reject"), row(5), row(3, override="mailing_list"), row(2, override="sampled_out"))

    assert found.rejectable == Range(7, 10)
    assert (found.hits[0].certain, found.hits[0].possible, found.spared) == (7, 10, 3)


def test_own_senders_that_are_hit_are_named_with_days_and_reporters() -> None:
    stranger = row(9, sender="net:b", ip="192.0.2.2")
    found = done(Policy("quarantine"), row(5), row(1, day=20_003, reporter="two.example"), stranger)

    assert [(hit.name, hit.verdict, hit.possible) for hit in found.hits] == [("B", "impostor", 9), ("A", "ours-ok", 6)]
    (own,) = found.legitimate
    assert (own.days, own.reporters) == ((20_001, 20_003), ("one.example", "two.example"))


def test_the_sums_of_a_replay_are_of_messages() -> None:
    passed = (row(7, dkim_aligned=True), row(2, spf_aligned=True))
    found = done(Policy("quarantine"), row(5), *passed, row(3, ip="192.0.2.9"))
    rejected = done(Policy("reject"), row(5), *passed)

    assert (found.messages, found.delivered, found.quarantined, found.rejectable) == (17, 9, 8, Range(0, 0))
    assert (rejected.messages, rejected.delivered, rejected.quarantined, rejected.rejectable) == (14, 9, 0, Range(5, 5))
    assert (found.domain, found.policy, found.period) == ("example.jp", Policy("quarantine"), PERIOD)


def test_an_unknown_address_is_named_by_its_sender_and_the_largest_hit_stands_first() -> None:
    rows = (row(5), row(5, ip="192.0.2.9"), row(6, sender="net:b", ip="192.0.2.2", reporter="", day=0))
    found = done(Policy("reject"), *rows)

    assert [(hit.sender, hit.name, hit.verdict, hit.possible) for hit in found.hits] == [
        ("net:b", "B", "impostor", 6),
        ("server:a", "A", "ours-ok", 5),
        ("server:a", "server:a", "unknown", 5),
    ]
    assert (found.hits[0].days, found.hits[0].reporters) == ((), ())
    assert [hit.name for hit in found.legitimate] == ["A"]


def test_what_a_sender_needs_mended_is_the_domains_own_mail_too() -> None:
    known = {("server:a", "192.0.2.1"): ("A", "ours-fix")}

    assert replayed("example.jp", Policy("reject"), PERIOD, [row(5)], known).legitimate[0].possible == 5


@pytest.mark.parametrize(
    ("policy", "quarantined", "rejectable", "certain"),
    [
        (Policy("quarantine", t=True), 5, Range(0, 0), 0),
        (Policy("quarantine", pct=50), 5, Range(0, 0), 0),
        (Policy("quarantine"), 5, Range(0, 0), 5),
        (Policy("reject", t=True), 0, Range(0, 5), 5),
        (Policy("reject", t=True, pct=0), 5, Range(0, 0), 5),
        (Policy("reject"), 0, Range(5, 5), 5),
    ],
)
def test_a_test_is_certain_only_of_its_mildest_reading(
    policy: Policy, quarantined: int, rejectable: Range, certain: int
) -> None:
    found = done(policy, row(5))

    assert (found.quarantined, found.rejectable) == (quarantined, rejectable)
    assert (found.hits[0].certain, found.hits[0].possible, found.spared) == (certain, 5, 5 - certain)


@pytest.mark.parametrize("reason", ["forwarded", "trusted_forwarder", "mailing_list", "local_policy"])
def test_the_reasons_for_which_receivers_spare_mail(reason: str) -> None:
    assert done(Policy("reject"), row(5, override=reason)).rejectable == Range(0, 5)


@pytest.mark.parametrize(
    ("policy", "header_from", "hit"),
    [
        (Policy("reject", sp="none"), "example.jp", True),
        (Policy("reject", sp="none"), "shop.example.jp", False),
        (Policy("none", sp="reject"), "shop.example.jp", True),
        (Policy("none", sp="none", np="reject"), "nothing.example.jp", True),
        (Policy("none", sp="none", np="reject"), "shop.example.jp", False),
        (Policy("reject"), "nothing.example.jp", True),
        (Policy("reject", sp="none"), "Example.JP", True),
        (Policy("none", np="reject"), "Nothing.example.JP", True),
        (Policy("reject", sp="none"), "nothing.example.jp", False),
    ],
)
def test_names_below_the_domain_follow_sp_and_those_that_do_not_exist_np(
    policy: Policy, header_from: str, hit: bool
) -> None:
    found = done(policy, row(header_from=header_from), missing=frozenset({"nothing.example.jp"}))

    assert (found.rejectable.possible == 1) is hit


@pytest.mark.parametrize(
    ("policy", "actions"),
    [
        (Policy("reject", t=True, pct=0), ("quarantine", "quarantine")),
        (Policy("quarantine", t=True, pct=0), ("none", "none")),
        (Policy("reject", t=True), ("quarantine", "reject")),
        (Policy("reject", pct=50), ("quarantine", "reject")),
        (Policy("quarantine", pct=0), ("none", "quarantine")),
        (Policy("reject"), ("reject", "reject")),
    ],
)
def test_two_generations_of_receivers_read_a_test_differently(policy: Policy, actions: tuple[str, str]) -> None:
    assert policy.actions(policy.p) == actions


# ---- Alignment in other modes

SIGNED_BELOW = AuthResult("dkim", "mail.example.jp", "s1", None, "pass", None, None)
BOUNCE_BELOW = AuthResult("spf", "bounce.example.jp", None, "mfrom", "pass", None, None)


def test_strict_modes_are_computed_from_the_results() -> None:
    found = ResultsRow(row(dkim_aligned=True, spf_aligned=True), "r", "r", (SIGNED_BELOW, BOUNCE_BELOW))

    strict = replay.realigned(found, Policy("reject", adkim="s", aspf="s"))
    half = replay.realigned(found, Policy("reject", aspf="s"))

    assert (strict.dkim_aligned, strict.spf_aligned) == (False, False)
    assert (half.dkim_aligned, half.spf_aligned) == (True, False)


def test_relaxed_modes_are_computed_for_mail_that_was_judged_strictly() -> None:
    found = ResultsRow(row(header_from="shop.example.jp"), "s", "s", (SIGNED_BELOW, BOUNCE_BELOW))

    relaxed = replay.realigned(found, Policy("reject", adkim="r", aspf="r"))
    half = replay.realigned(found, Policy("reject", adkim="r"))

    assert (relaxed.dkim_aligned, relaxed.spf_aligned) == (True, True)
    assert (half.dkim_aligned, half.spf_aligned) == (True, False)
    assert relaxed == found.row._replace(dkim_aligned=True, spf_aligned=True)


def test_a_mode_that_does_not_change_stays_as_the_reporter_saw_it() -> None:
    found = ResultsRow(row(dkim_aligned=True), "r", "r", ())

    assert replay.realigned(found, Policy("reject", adkim="r")).dkim_aligned is True
    unseen = ResultsRow(row(spf_aligned=False), "s", "r", (BOUNCE_BELOW,))
    assert replay.realigned(unseen, Policy("reject", adkim="r", aspf="r")).spf_aligned is False


# ---- Agreement


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"p": "reject", "disposition": "reject"}, "agreed"),
        ({"p": "reject", "disposition": "none", "override": "local_policy"}, "overridden"),
        ({"p": "reject", "disposition": "quarantine"}, "differing"),
        ({"p": "none", "disposition": "reject"}, "differing"),
        ({"p": "quarantine", "disposition": "none", "testing": "y", "pct": 0}, "agreed"),
        ({"p": "reject", "disposition": "quarantine", "pct": 20, "override": "sampled_out"}, "agreed"),
        ({"p": "reject", "disposition": "pass", "dkim_aligned": True}, "agreed"),
        ({"p": "reject", "disposition": "reject", "spf_aligned": True}, "differing"),
        ({"p": "reject", "disposition": "reject", "pct": None}, "agreed"),
        ({"p": "reject", "disposition": "quarantine", "pct": None}, "differing"),
        ({"p": "reject", "disposition": "reject", "pct": 400}, "agreed"),
        ({"p": "reject", "disposition": "quarantine", "pct": 400}, "differing"),
        ({"p": "reject", "disposition": "quarantine", "pct": -5}, "agreed"),
        ({"p": "reject", "disposition": "none", "pct": -5}, "differing"),
        ({"p": "reject", "disposition": "quarantine", "testing": "n"}, "differing"),
        ({"p": "reject", "disposition": "none", "testing": "y"}, "differing"),
        ({"p": "quarantine", "disposition": "none", "testing": "y"}, "agreed"),
        ({"p": "reject", "sp": "none", "disposition": "none", "header_from": "shop.example.jp"}, "agreed"),
        ({"p": "none", "sp": "reject", "disposition": "reject", "header_from": "shop.example.jp"}, "agreed"),
        ({"np": "reject", "disposition": "reject", "header_from": "nothing.example.jp"}, "agreed"),
        ({"np": "reject", "disposition": "none", "header_from": "shop.example.jp"}, "agreed"),
    ],
)
def test_the_published_policy_is_held_against_what_was_done(facts: dict[str, Any], word: str) -> None:
    found = done(Policy("none"), row(4, **facts), missing=frozenset({"nothing.example.jp"})).agreement

    assert {"agreed": found.agreed, "overridden": found.overridden, "differing": found.differing} == {
        "agreed": 0,
        "overridden": 0,
        "differing": 0,
        word: 4,
    }


def test_agreement_is_a_share_of_what_agreed_or_differed_without_a_reason() -> None:
    rows = (row(2), row(4), row(2, disposition="reject"), row(5, disposition="reject", override="other"))
    found = done(Policy("reject"), *rows).agreement

    assert (found.agreed, found.overridden, found.differing, found.share) == (6, 5, 2, 0.75)


def test_without_a_message_there_is_no_agreement_rather_than_all_or_nothing() -> None:
    assert done(Policy("none")).agreement.share is None
    assert done(Policy("none"), row(disposition="unknown")).agreement.share is None


# ---- Properties

ROWS = st.lists(
    st.builds(
        row,
        st.integers(1, 50),
        dkim_aligned=st.booleans(),
        spf_aligned=st.booleans(),
        header_from=st.sampled_from(["example.jp", "shop.example.jp", "nothing.example.jp"]),
        override=st.sampled_from(["none", "forwarded", "local_policy", "other", "sampled_out"]),
        ip=st.sampled_from(["192.0.2.1", "192.0.2.9"]),
    ),
    max_size=12,
)


@given(rows=ROWS, t=st.booleans(), pct=st.integers(0, 100))
def test_a_stronger_policy_never_lets_more_through_and_sums_agree(rows: list[ReplayRow], t: bool, pct: int) -> None:
    found = [done(Policy(p, t=t, pct=pct), *rows) for p in POLICIES]

    assert [each.delivered for each in found] == sorted((each.delivered for each in found), reverse=True)
    assert [each.rejectable.possible for each in found] == sorted(each.rejectable.possible for each in found)
    for each in found:
        assert each.messages == each.delivered + each.quarantined + each.rejectable.possible
        assert sum(hit.possible for hit in each.hits) == each.quarantined + each.rejectable.possible
        assert 0 <= each.rejectable.certain <= each.rejectable.possible
        assert all(hit.certain <= hit.possible for hit in each.hits)


def test_both_readings_of_the_store_give_the_same_figures(store_url: str) -> None:
    """Summed records, and one by one with their results in the modes that were published."""
    found = history(3, domains=1, days=5, busy=1, steady=True)
    store_history(store_url, found.reports)
    messages = sum(record.messages for report in found.reports for record in report.records)

    def replays(policy: Policy) -> Replay:
        answer = ask(
            store_url,
            lambda connection: replay.build(connection, Scope(None), "example.jp", tables(), policy, since=FIRST_DAY),
        )
        assert answer is not None
        return answer

    summed, single = replays(Policy("reject")), replays(Policy("reject", adkim="r", aspf="r"))

    assert (summed.messages, summed.agreement.share) == (messages, 1.0)
    assert 0 < summed.rejectable.certain < summed.rejectable.possible < messages
    assert replace(single, policy=summed.policy) == summed


def test_a_domain_out_of_scope_is_answered_like_one_that_does_not_exist(sqlite_url: str) -> None:
    store_history(sqlite_url, history(3, domains=1, days=2, busy=1, steady=True).reports)
    for scope, name in ((Scope((99,)), "example.jp"), (Scope(None), "nowhere.example")):
        assert ask(sqlite_url, lambda c, s=scope, n=name: replay.build(c, s, n, tables(), Policy("none"))) is None
