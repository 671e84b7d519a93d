"""The heartbeat, against real servers on loopback."""

import logging
import time

import pytest
from check_server import check_server, dripping_server
from ports import free_port

from sekisho import heartbeat


def problems(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [record.facts for record in caplog.records if record.levelno == logging.WARNING]  # type: ignore[attr-defined]


def test_a_night_is_told_by_three_different_pings(caplog: pytest.LogCaptureFixture) -> None:
    with check_server() as check:
        heartbeat.started(f"{check.address}/abc")
        heartbeat.succeeded(f"{check.address}/abc", "mailboxes: 関所\nbackup: done")
        heartbeat.failed(f"{check.address}/abc", "no store")

    assert check.pings == [
        ("/abc/start", ""),
        ("/abc", "mailboxes: 関所\nbackup: done"),
        ("/abc/fail", "no store"),
    ]
    assert problems(caplog) == []


def test_without_an_address_nobody_is_told_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    heartbeat.started("")

    assert caplog.records == []


def test_a_long_summary_is_cut() -> None:
    with check_server() as check:
        heartbeat.failed(check.address, "x" * 20_000)

    assert check.pings == [("/fail", "x" * heartbeat.BODY_BYTES)]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_success_is_logged_and_not_followed(caplog: pytest.LogCaptureFixture, status: int) -> None:
    with check_server(status) as check:
        heartbeat.succeeded(f"{check.address}/canary", "")

    assert [path for path, _ in check.pings] == ["/canary"]
    assert problems(caplog) == [{"ping": "/", "reason": f"the server answered {status}"}]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}/canary", "http://{long}.example/canary", "http://[x/canary"]
)
def test_a_ping_that_fails_is_logged_without_its_address(caplog: pytest.LogCaptureFixture, address: str) -> None:
    heartbeat.started(address.format(port=free_port(), long="a" * 70))

    (problem,) = problems(caplog)
    assert problem["ping"] == "/start"
    assert "canary" not in caplog.text + str(problem)


def test_a_server_that_drips_is_left_at_the_deadline(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SECONDS", 1)
    started = time.monotonic()

    with dripping_server() as address:
        heartbeat.started(address)
        seconds = time.monotonic() - started

    assert 1 <= seconds < 3
    assert problems(caplog) == [{"ping": "/start", "reason": "no answer in time"}]
