"""Tells a check as healthchecks has it that a night starts, ended well, or failed.

The address is a secret: it stands in no message and no log. A ping that fails or hangs never fails the night.
"""

import logging
from threading import Thread

import requests

SECONDS = 10
BODY_BYTES = 10_000
log = logging.getLogger(__name__)


def started(url: str) -> None:
    """A night starts."""
    _ping(url, "/start", "")


def succeeded(url: str, summary: str) -> None:
    """It ended well; `summary` is its lines."""
    _ping(url, "", summary)


def failed(url: str, summary: str) -> None:
    """It did not end well; `summary` says why."""
    _ping(url, "/fail", summary)


def _ping(url: str, ending: str, summary: str) -> None:
    """At most SECONDS by the clock, whatever the server does; without `url` nothing. Problems go into the log."""
    if not url:
        return
    problems = ["no answer in time"]
    # Not of a pool, whose threads would be waited for at exit.
    thread = Thread(target=_post, args=(f"{url}{ending}", summary, problems), daemon=True)
    thread.start()
    thread.join(SECONDS)
    if problems:
        log.warning("heartbeat not delivered", extra={"facts": {"ping": ending or "/", "reason": problems[0]}})


def _post(url: str, summary: str, problems: list[str]) -> None:
    """Post, and take the problem out of the list when that went well. An error's own text would show the address."""
    body = summary.encode("utf-8", "replace")[:BODY_BYTES]
    try:
        with requests.post(url, data=body, timeout=SECONDS, stream=True, allow_redirects=False) as answer:
            code = answer.status_code
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; addresses it cannot read are ValueErrors
        problems[0] = type(error).__name__
        return
    if code < 300:
        problems.clear()
    else:
        problems[0] = f"the server answered {code}"
