"""The work queue: what each domain waits for, and what stands first."""

from dataclasses import replace

import pytest

from analysis import queue
from analysis.frames import DayMessages, DomainFacts, Period, PublishedPolicy
from analysis.gate_words import NO_CONSENT, UNREVIEWED, say
from analysis.queue import Queue, State
from analysis.rates import PassRate
from analysis.stages import Stage
from analysis.standings import Blocker, Standing

DAY = 20_000
PERIOD = Period(DAY - 29, DAY)
CONSENT = Blocker("G3", "fail", (say(NO_CONSENT, stage="quarantine"),))
BLOCKED = Standing("example.jp", "Sakura", "none", "quarantine", False, False, 1, CONSENT, 0, 0, DAY - 1, False)


def facts(name: str, last_day: int | None = DAY) -> DomainFacts:
    """A domain whose newest report ended with `last_day`."""
    policy = None if last_day is None else PublishedPolicy("none", "none", (last_day + 1) * 86_400)
    return DomainFacts(name, "Sakura", policy)


def built(*standings: Standing, last_day: int | None = DAY, events: dict[str, int] | None = None) -> Queue:
    known = [facts(each.domain, last_day) for each in standings]
    return queue.build(standings, known, [], events or {}, PERIOD)


@pytest.mark.parametrize(
    ("standing", "last_day", "state"),
    [
        (replace(BLOCKED, step_down=True, ready=True), DAY, State.INCIDENT),
        (replace(BLOCKED, step_down=True, ready=True), None, State.INCIDENT),
        (replace(BLOCKED, ready=True, blocker=None, blockers=0), DAY, State.READY),
        (BLOCKED, DAY, State.BLOCKED),
        (replace(BLOCKED, ready=None), DAY - 29, State.BLOCKED),
        (replace(BLOCKED, ready=None), DAY - 30, State.NO_REPORTS),
        (BLOCKED, None, State.NO_REPORTS),
        (replace(BLOCKED, stage="reject", next_stage=None, ready=None), DAY, State.DONE),
        (replace(BLOCKED, stage="reject", next_stage=None, ready=None), None, State.NO_REPORTS),
        (replace(BLOCKED, stage="parked", next_stage=None, ready=None), None, State.DONE),
        (replace(BLOCKED, stage=None, next_stage=None, ready=None, as_of=None), DAY, State.NO_REPORTS),
    ],
)
def test_a_domain_waits_for_what_its_standing_and_its_reports_say(
    standing: Standing, last_day: int | None, state: State
) -> None:
    assert built(standing, last_day=last_day).rows[0].state == state


def test_the_first_record_can_be_published_before_any_report_came() -> None:
    first = replace(BLOCKED, stage="no-record", next_stage="none", ready=True, blocker=None, blockers=0)

    assert built(first, last_day=None).rows[0].state == State.READY


def test_what_needs_a_person_comes_first() -> None:
    found = built(
        replace(BLOCKED, domain="done.example", stage="reject", next_stage=None, ready=None),
        replace(BLOCKED, domain="three.example", blockers=3),
        replace(BLOCKED, domain="b.example"),
        replace(BLOCKED, domain="a.example"),
        replace(BLOCKED, domain="ready.example", ready=True),
        replace(BLOCKED, domain="events.example", blockers=3),
        replace(BLOCKED, domain="down.example", step_down=True),
        events={"events.example": 2},
    )

    assert [row.domain for row in found.rows] == [
        "down.example",
        "ready.example",
        "events.example",
        "a.example",
        "b.example",
        "three.example",
        "done.example",
    ]
    assert [found.count(state) for state in State] == [1, 1, 4, 0, 1]


def test_a_row_holds_the_figures_of_its_domain_alone() -> None:
    other = replace(BLOCKED, domain="example.com", customer=None, confirmed_messages=7, confirmed_passed=6)
    messages = [
        DayMessages("example.com", DAY, "pass", 10, 4),
        DayMessages("example.com", DAY, "unverified", 5, 5),
        DayMessages("example.com", DAY, "fail", 90, 90),
        DayMessages("example.com", DAY - 29, "pass", 1, 0),
        DayMessages("example.jp", DAY, "pass", 2, 2),
    ]

    found = queue.build([BLOCKED, other], [facts("example.jp"), facts("example.com")], messages, {}, PERIOD)
    row = next(row for row in found.rows if row.domain == "example.com")

    assert len(row.daily) == 30
    assert (row.daily[0], row.daily[-1], row.daily[1]) == (PassRate(1, 0), PassRate(15, 9), PassRate(0, 0))
    assert (row.confirmed, row.open_events, row.blocker, row.stage) == (PassRate(7, 6), 0, CONSENT, Stage.NONE)
    assert found.customers == ("Sakura",)


def test_a_domain_that_is_out_of_scope_meanwhile_has_no_row() -> None:
    found = queue.build([BLOCKED], [], [], {}, PERIOD)

    assert found.rows == ()


def test_a_blocker_says_its_sentence_in_both_languages() -> None:
    blocker = Blocker("G2", "unknown", (say(UNREVIEWED, count=2, names="A, B"),))

    assert "2 senders" in blocker.words("en")
    assert "2件" in blocker.words("ja")
