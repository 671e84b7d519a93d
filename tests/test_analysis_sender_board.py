"""A domain's senders in classes: what comes first, how a trend is cut, what a repair says."""

from dataclasses import replace

from analysis import sender_board
from analysis.board_frames import SenderDay
from analysis.contradiction import Contradiction
from analysis.frames import Period
from analysis.repair import Repair
from analysis.sender_board import FIX, OK, OTHERS
from analysis.senders import Decided, Sender
from analysis.verdict import Judgement

PERIOD = Period(20_001, 20_030)


def sender(key: str, verdict: str, messages: int, passed: int = 0) -> Sender:
    return Sender(
        key=key, name=key, kind="server", judgement=Judgement(verdict, "rule", (), "why"), split=((verdict, messages),),
        decision=None, messages=messages, passed=passed, dkim_aligned=passed, spf_aligned=0, recent=messages,
        recent_passed=passed, first_day=20_001, last_day=20_030, days_seen=1, reporters=1, repairs=(), own=(),
        sources=(),
    )  # fmt: skip


def keys(board: sender_board.Board, group: str) -> list[str]:
    return [entry.sender.key for entry in board.group(group).entries]


def test_every_message_is_in_one_class() -> None:
    verdicts = ("ours-ok", "ours-fix", "forwarded", "bounce", "candidate", "impostor", "unknown")
    board = sender_board.board("example.jp", PERIOD, [sender(each, each, 10, 4) for each in verdicts], (), None)

    assert [(group.id, len(group.entries)) for group in board.groups] == [
        ("fix", 1),
        ("others", 3),
        ("ok", 1),
        ("forwarded", 1),
        ("bounces", 1),
    ]
    assert board.messages == 70
    assert board.group(OTHERS).candidates == 1


def test_candidates_come_before_strangers_and_what_fails_most_before_what_sends_most() -> None:
    found = [
        sender("impostor", "impostor", 900),
        sender("unknown", "unknown", 800),
        sender("candidate", "candidate", 5),
        sender("busy", "ours-fix", 1000, 990),
        sender("broken", "ours-fix", 50, 0),
    ]
    board = sender_board.board("example.jp", PERIOD, found, (), None)

    assert keys(board, OTHERS) == ["candidate", "unknown", "impostor"]
    assert keys(board, FIX) == ["broken", "busy"]


def test_a_decision_that_the_facts_contradict_comes_first() -> None:
    decided = Decided("ours", "note", "staff", 0, Contradiction("never-passes", "sentence", 20))
    found = [sender("large", "ours-ok", 100, 100), replace(sender("odd", "ours-ok", 20), decision=decided)]

    assert keys(sender_board.board("example.jp", PERIOD, found, (), None), OK) == ["odd", "large"]


def test_a_trend_has_a_point_per_day_and_of_a_long_period_per_week_up_to_its_end() -> None:
    days = [SenderDay("a", 20_001, 3), SenderDay("a", 20_029, 4), SenderDay("a", 20_030, 5)]
    one = [sender("a", "ours-ok", 12, 12)]

    month = sender_board.board("example.jp", PERIOD, one, days, None).entries[0].trend
    quarter = sender_board.board("example.jp", Period(19_941, 20_030), one, days, None)

    assert (len(month), month[0], month[-2:]) == (30, 3, (4, 5))
    assert quarter.days_per_point == 7
    assert (len(quarter.entries[0].trend), quarter.entries[0].trend[-5:]) == (13, (3, 0, 0, 0, 9))


def test_an_instruction_that_two_repairs_share_is_said_once() -> None:
    repairs = [
        Repair(each, "Open the panel.", "設定画面を開いてください。") for each in ("dkim-missing", "spf-failing")
    ]

    assert sender_board.repair_text(repairs, "en").splitlines() == [
        "Let this sender sign its mail with the domain (DKIM).",
        "Add this sender to the SPF record of the domain.",
        "Open the panel.",
    ]
    assert sender_board.repair_text(repairs, "ja").splitlines()[-1] == "設定画面を開いてください。"
