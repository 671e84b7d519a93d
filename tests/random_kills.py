"""Runs over a mailbox that are killed at random moments of their lives, and the count of what that broke.

Mails keep coming. At the end a run may finish, and store and mailbox are compared with what was delivered.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count, islice

from forked_runs import ForkedRuns
from mailbox_runs import asked, report_mail
from servers_dovecot import MAIL

# Together more than a run reads, stores and moves at once (100).
REPORTS_AT_ONCE, REPEATED_AT_ONCE, JUNK_AT_ONCE = 90, 10, 10

# The guess of a run's length stays where it is when one run in eight ends before its kill.
LONGER, SHORTER = 1.03, 0.8


@dataclass(frozen=True, slots=True)
class Account:
    """An account on a test server: how mail is put into its INBOX, and what a folder of it holds."""

    server: str
    port: int
    user: str
    deliver: Callable[[Sequence[bytes]], None]
    contents: Callable[[str], list[bytes]]
    processed: str = "DMARC/Processed"


@dataclass(frozen=True, slots=True)
class Tally:
    """What many kills did. Everything from `moved_not_stored` on counts mistakes, but for `integrity`."""

    server: str
    kills: int
    between_commit_and_move: int
    finished_runs: int
    mails: int
    reports: int
    seconds: float
    moved_not_stored: int
    lost: int
    copied: int
    not_stored: int
    counted_wrong: int
    integrity: str


@dataclass(slots=True)
class Deliveries:
    """Everything that was put into the INBOX so far."""

    account: Account
    numbers: Iterator[int] = field(default_factory=count)
    mails: "Counter[bytes]" = field(default_factory=Counter)
    reports: dict[bytes, int] = field(default_factory=dict)

    def more(self) -> None:
        """New reports, some that came before, and mails that are none; report n tells of n + 1 messages."""
        new = {report_mail(number, messages=number + 1): number + 1 for number in islice(self.numbers, REPORTS_AT_ONCE)}
        repeated = list(self.reports)[-REPEATED_AT_ONCE:]
        self.reports |= new
        batch = [*new, *repeated, *[MAIL] * JUNK_AT_ONCE]
        self.account.deliver(batch)
        self.mails.update(batch)


def kill_at_random(
    account: Account, url: str, *, kills: int, seconds: float, chance: random.Random, between_at_least: int = 0
) -> Tally:
    """Kill `kills` runs, or as many as `seconds` allow, each at a moment of its life that chance picks; more of them
    until `between_at_least` fell between a commit and the end of its moves.

    Half of the moments are anywhere in a run, half in its last third, where it commits and moves. How long a run
    lives changes with what else the machine does, so the guess follows: longer after a kill, shorter after an end.
    """
    started = time.monotonic()
    deliveries = Deliveries(account)
    done = finished = between = 0
    with ForkedRuns() as runs:
        lasts = _life(deliveries, runs, url)
        while (done < kills or between < between_at_least) and time.monotonic() - started < seconds:
            runs.start(url, account.port, account.user)
            time.sleep(chance.uniform(chance.choice((0, lasts * 2 / 3)), lasts))
            if runs.kill():
                done += 1
                lasts *= LONGER
                between += bool(_stored_and_not_moved(url))
            else:
                finished += 1
                lasts *= SHORTER
                deliveries.more()
        assert runs.run(url, account.port, account.user) == 0
    took = round(time.monotonic() - started, 1)
    facts = (account.server, done, between, finished, deliveries.mails.total(), len(deliveries.reports), took)
    return Tally(*facts, **_mistakes(deliveries, url))


def _life(deliveries: Deliveries, runs: ForkedRuns, url: str) -> float:
    """How long a run over one delivery takes, when it is not the first; another delivery waits afterwards."""
    took = 0.0
    for _ in range(2):
        deliveries.more()
        started = time.monotonic()
        assert runs.run(url, deliveries.account.port, deliveries.account.user) == 0
        took = time.monotonic() - started
    deliveries.more()
    return took


def _stored_and_not_moved(url: str) -> int:
    ((found,),) = asked(url, "SELECT count(*) FROM message WHERE state IN ('stored', 'duplicate') AND filed_at IS NULL")
    return int(str(found))


def _mistakes(deliveries: Deliveries, url: str) -> dict[str, object]:
    moved = Counter(deliveries.account.contents(deliveries.account.processed))
    there = moved + Counter(deliveries.account.contents("INBOX"))
    stored = {row[0] for row in asked(url, "SELECT sha256 FROM message WHERE state IN ('stored', 'duplicate')")}
    known = {row[0] for row in asked(url, "SELECT report_id FROM report")}
    checked = [*asked(url, "PRAGMA integrity_check"), *asked(url, "PRAGMA foreign_key_check")]
    return {
        "moved_not_stored": sum(sha256(mail).hexdigest() not in stored for mail in moved),
        "lost": (deliveries.mails - there).total(),
        "copied": (there - deliveries.mails).total(),
        "not_stored": sum(f"r-{messages - 1}" not in known for messages in deliveries.reports.values()),
        "counted_wrong": _difference(deliveries, url),
        "integrity": ", ".join(str(row[0]) for row in checked),
    }


def _difference(deliveries: Deliveries, url: str) -> int:
    """By how many messages the store's three sums differ from what the reports tell."""
    told = sum(deliveries.reports.values())
    sums = [asked(url, f"SELECT sum(messages) FROM {table}")[0][0] for table in ("report", "record", "traffic")]
    return sum(abs(int(str(found)) - told) for found in sums)
