"""At least two hundred runs killed at random. `benchmarks/kill.py` does the same a thousand times, and on Cyrus too."""

import random
from collections.abc import Sequence
from functools import partial

import pytest
from random_kills import Account, kill_at_random
from servers_dovecot import Dovecot, contents, deliver

pytestmark = [pytest.mark.requires_dovecot, pytest.mark.slow]

KILLS, BETWEEN = 200, 11


def test_runs_that_are_killed_at_random_lose_nothing_and_count_nothing_twice(dovecot: Dovecot, sqlite_url: str) -> None:
    user = "killed"

    def deliver_all(mails: Sequence[bytes]) -> None:
        for content in mails:
            deliver(dovecot, user, content)

    account = Account("Dovecot", dovecot.port, user, deliver_all, partial(contents, dovecot, user))

    chance = random.Random(4)
    tally = kill_at_random(account, sqlite_url, kills=KILLS, seconds=900, chance=chance, between_at_least=BETWEEN)

    assert tally.kills >= KILLS
    assert tally.between_commit_and_move >= BETWEEN
    assert tally.finished_runs > 5
    mistakes = (tally.moved_not_stored, tally.lost, tally.copied, tally.not_stored, tally.counted_wrong)
    assert mistakes == (0, 0, 0, 0, 0)
    assert tally.integrity == "ok"
