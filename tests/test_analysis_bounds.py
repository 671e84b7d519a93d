"""The exact one-sided bound against known values and against the binomial sum itself."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.bounds import PROVES_95, PROVES_99, at_least, lower_bound


@pytest.mark.parametrize(
    ("passed", "messages", "share"),
    [(12, 12, 0.7791), (59, 59, 0.9505), (299, 299, 0.9900), (5, 10, 0.2224), (92, 93, 0.9500), (0, 7, 0.0)],
)
def test_the_lower_bound_has_the_known_clopper_pearson_values(passed: int, messages: int, share: float) -> None:
    assert lower_bound(passed, messages) == pytest.approx(share, abs=5e-5)


def test_fewer_messages_than_the_named_ones_do_not_prove_the_bars() -> None:
    assert (lower_bound(PROVES_95, PROVES_95) or 0) >= 0.95 > (lower_bound(PROVES_95 - 1, PROVES_95 - 1) or 0)
    assert (lower_bound(PROVES_99, PROVES_99) or 0) >= 0.99 > (lower_bound(PROVES_99 - 1, PROVES_99 - 1) or 0)


def test_no_mail_proves_nothing_rather_than_zero() -> None:
    assert lower_bound(0, 0) is None


@given(messages=st.integers(1, 400), passed=st.integers(0, 400), share=st.floats(0.01, 0.99))
def test_the_tail_is_the_binomial_sum(messages: int, passed: int, share: float) -> None:
    passed = min(passed, messages)
    exact = sum(comb(messages, k) * share**k * (1 - share) ** (messages - k) for k in range(passed, messages + 1))

    assert at_least(passed, messages, share) == pytest.approx(exact, abs=1e-10)


@given(messages=st.integers(1, 100_000), failed=st.integers(0, 1_000))
def test_one_more_failure_always_proves_less(messages: int, failed: int) -> None:
    passed = max(messages - failed, 1)

    assert (lower_bound(passed, messages + 1) or 0) < (lower_bound(passed, messages) or 0)


def test_millions_of_messages_are_no_trouble() -> None:
    assert lower_bound(990_000, 1_000_000) == pytest.approx(0.98983, abs=1e-5)
