"""Streams judged as columns are judged as each of them alone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_analysis_verdict import CASES, STRANGER, stream

from analysis.sender_looks import Looks
from analysis.stream_columns import Around, Streams, columns_of, rules_of
from analysis.streams import Elsewhere, Evidence, Stream
from analysis.verdict import RULES, rule_of

KEYS = (
    "service:sendgrid", "tenant:microsoft-365:x", "relay:microsoft-365", "forwarder:groups-io", "server:mx.example.jp",
    "ptr:example.net", "as:64500", "net:192.0.2.0/24", "own-infrastructure", "unknown",
)  # fmt: skip
COUNTS = st.sampled_from([0, 1, 2, 3, 5, 20])
WORDS = st.sampled_from([None, None, "ours", "not-ours", "forwarder"])


def tuples_of(made: Any, *flags: str) -> st.SearchStrategy[Any]:
    return st.builds(made, **{name: st.booleans() if name in flags else COUNTS for name in made._fields})


ELSEWHERE = tuples_of(Elsewhere, "nameless")
EVIDENCE = tuples_of(Evidence)
STREAMS = st.builds(
    Stream,
    st.sampled_from(KEYS),
    *[COUNTS] * 8,
    EVIDENCE,
    ELSEWHERE,
    st.sampled_from([None, "SendGrid"]),
    st.booleans(),
    st.booleans(),
    COUNTS,
    st.booleans(),
    WORDS,
)


def rules(streams: list[Stream]) -> list[str]:
    return [RULES[place].id for place in rules_of(columns_of(streams)).tolist()]


def test_each_case_of_the_rules_is_judged_so_among_all_others() -> None:
    assert rules([case for case, _ in CASES.values()]) == list(CASES)


def test_no_streams_have_no_rules() -> None:
    assert rules([]) == []


@given(st.lists(STREAMS, max_size=20))
def test_columns_are_judged_as_each_stream_alone(streams: list[Stream]) -> None:
    assert rules(streams) == [rule_of(stream).id for stream in streams]


@given(
    wholes=st.lists(STREAMS, min_size=1, max_size=4),
    looks=st.lists(st.tuples(*[COUNTS] * 10, EVIDENCE), min_size=1, max_size=4),
    addresses=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(0, 3)), max_size=12),
    elsewhere=st.dictionaries(st.integers(1, 5), ELSEWHERE),
    decided=st.dictionaries(st.integers(1, 5), st.sampled_from(["ours", "not-ours", "forwarder"])),
    shared=st.dictionaries(st.integers(1, 5), st.integers(0, 2)),
)
def test_addresses_are_judged_by_what_is_read_of_them(
    wholes: list[Stream],
    looks: list[tuple[Any, ...]],
    addresses: list[tuple[int, int, int]],
    elsewhere: dict[int, Elsewhere],
    decided: dict[int, str],
    shared: dict[int, int],
) -> None:
    figures = np.array([(*look[:10], *look[10]) for look in looks], np.int64).T
    sender, source, look = np.array(addresses, np.int64).reshape(-1, 3).T
    around = Around(elsewhere, decided, shared)
    streams = Streams(wholes, sender % len(wholes), source, look % len(looks), Looks(figures), around)

    found = [RULES[place] for place in streams.rules().tolist()]

    assert found == [rule_of(stream) for stream in streams.of(np.arange(len(found)))]


@pytest.mark.parametrize(
    ("passed", "as_senders", "also"),
    [(0, None, False), (0, 0, False), (0, 1, True), (1, 1, False), (1, 2, True), (0, 2, True)],
)
def test_an_address_also_passes_where_mail_of_it_passed_as_another_sender(
    passed: int, as_senders: int | None, also: bool
) -> None:
    """`as_senders`: as how many senders it passed, this one among them; None: it was seen as this one alone."""
    whole = stream(evidence=STRANGER)
    look = (20, passed, 0, 0, 20, passed, 3, 3, 3, 3, *STRANGER)
    around = Around({}, {}, {} if as_senders is None else {1: as_senders})
    streams = Streams([whole], *np.array([[0], [1], [0]]), Looks(np.array([look], np.int64).T), around)

    (one,) = streams.of(np.array([1]))

    assert one.passes_as is also
    assert (RULES[streams.rules()[1]].id == "also-passes") is also
