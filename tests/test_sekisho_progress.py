"""How far a long command has come, away from a terminal: a plain line now and then."""

import pytest

from sekisho import progress


def test_a_line_says_how_many_are_done_and_of_how_many_when_that_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY_SECONDS", 0)

    with progress.shown("messages read") as advance:
        advance(3, None)
        advance(2, 40)

    assert capsys.readouterr().err == "3 messages read\n5 of 40 messages read\n"


def test_what_is_done_at_once_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("messages read") as advance:
        advance(40, 40)

    assert capsys.readouterr().err == ""
