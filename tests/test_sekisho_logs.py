"""The log: one line of JSON for each event, safe to read in a terminal."""

import io
import json
import logging
import sys
from pathlib import Path

import pytest

from sekisho import logs
from settings import SettingsError

log = logging.getLogger("ingest.test")


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_an_event_is_one_line_of_json_with_its_facts(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.log"

    with logs.kept(str(file)):
        log.info("message", extra={"facts": {"place": "報告.xml", "records": 3, "mailbox": None}})

    (line,) = lines(file)
    assert str(line.pop("at")).endswith("Z")
    assert line == {
        "level": "info",
        "logger": "ingest.test",
        "event": "message",
        "place": "報告.xml",
        "records": 3,
    }
    assert "報告.xml" in file.read_text(encoding="utf-8")


def test_what_a_terminal_or_a_reader_would_act_on_is_escaped() -> None:
    hostile = "a\r\nb\x1b[31m\x9b0m\u202e\u200b\u2028\x00\ud800"
    # Not through a logger: the test's own report could not carry half a surrogate pair.
    record = logging.makeLogRecord({"msg": f"event {hostile}", "levelname": "INFO", "facts": {"place": hostile}})

    line = logs.JsonLines().format(record)

    assert all(sign.isprintable() for sign in line)
    assert json.loads(line)["place"] == hostile


def test_a_traceback_is_part_of_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.log"

    with logs.kept(str(file)):
        try:
            raise ValueError("no such thing")
        except ValueError:
            log.exception("unexpected error")

    (line,) = lines(file)
    assert line["level"] == "error"
    assert str(line["traceback"]).endswith("ValueError: no such thing")


def test_the_file_is_private_grows_and_survives_a_rotation(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.log"

    with logs.kept(str(file)):
        log.info("one")
        file.rename(tmp_path / "sekisho.log.1")
        log.info("two")
    with logs.kept(str(file)):
        log.info("three")

    assert [line["event"] for line in lines(tmp_path / "sekisho.log.1")] == ["one"]
    assert [line["event"] for line in lines(file)] == ["two", "three"]
    assert (tmp_path / "sekisho.log.1").stat().st_mode & 0o777 == 0o600


def test_without_a_file_lines_go_to_the_error_stream_and_end_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)

    with logs.kept(""):
        log.info("inside")
    log.info("outside")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["inside"]


def test_words_of_other_packages_are_logged_from_warnings_on(tmp_path: Path) -> None:
    file = tmp_path / "sekisho.log"

    with logs.kept(str(file)):
        logging.getLogger("imapclient").debug("A1 LOGIN canary")
        logging.getLogger("imapclient").info("details")
        logging.getLogger("imapclient").warning("odd")

    assert [line["event"] for line in lines(file)] == ["odd"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match=r"log\.file: .*/absent/sekisho\.log cannot be written"),
        logs.kept(str(tmp_path / "absent" / "sekisho.log")),
    ):
        pass
