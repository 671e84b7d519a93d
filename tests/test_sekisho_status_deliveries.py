"""What `sekisho status` says of monthly files that did not reach their customer, with a real SMTP server."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from servers_smtp import Post
from store_builder import DAY_SECONDS, ask, fill, line, report

from analysis.health import Finding
from sekisho import status
from sekisho.deliver import deliver
from sekisho.status import DeliveryLine, Status
from settings import Schedule, Settings
from store import deliveries
from store.engine import open_store, writing

OCTOBER = 20_727  # 2026-10-01
THIRD = (OCTOBER + 33) * DAY_SECONDS  # 2026-11-03


@pytest.fixture
def url(store_url: str) -> str:
    fill(
        store_url,
        [report("shop.example.jp", OCTOBER + 3, [line("192.0.2.1", 5, dkim=True)])],
        customers={"Sakura": ["shop.example.jp"]},
    )
    return store_url


def chosen(url: str, post: Post, **options: object) -> Settings:
    plan = {"day": 3, "report": False, "recipients": "Sakura = owner@example.jp", **options}
    return Settings(database_url=url, schedule=Schedule(**plan), smtp=post.settings())  # type: ignore[arg-type]


def looked(options: Settings, day: float) -> Status:
    now = THIRD + int(day * DAY_SECONDS)
    return ask(options.database_url, lambda link: status.read_status(link, options, now=now))


def about_deliveries(found: Status) -> list[Finding]:
    return [each for each in found.health.problems if each.kind.startswith("delivery")]


def test_what_a_server_will_not_take_for_now_is_shown_and_a_problem_from_the_second_night_on(
    url: str, start_post: Callable[..., Post], capsys: pytest.CaptureFixture[str]
) -> None:
    post = start_post()
    options = chosen(url, post)
    post.at_recipient = "451 4.7.1 come\tagain"

    deliver(options, now=THIRD)
    first = looked(options, 0.1)
    deliver(options, now=THIRD + DAY_SECONDS)
    second = looked(options, 1.6)
    post.at_recipient = None
    deliver(options, now=THIRD + 2 * DAY_SECONDS)
    last = looked(options, 2)

    said = f"localhost:{post.port} refused the recipient owner@example.jp: 451 4.7.1 come again"
    assert about_deliveries(first) == []
    assert first.deliveries == (DeliveryLine("Sakura", "export", "2026-10", "due", THIRD, 1, said),)
    assert about_deliveries(second) == [Finding("delivery-late", number=1)]
    assert second.deliveries[0].attempts == 2
    assert (about_deliveries(last), last.deliveries) == ([], ())
    status._print(second)
    shown = capsys.readouterr().out
    assert "problem: 1 monthly files could not be delivered for more than a day: see `sekisho deliveries list`" in shown
    assert (
        f"delivery Sakura: kind export, month 2026-10, state due, since 2026-11-03 00:00Z, attempts 2, error {said}"
        in shown
    )


def test_what_a_server_refuses_for_good_is_a_problem_at_once_until_it_is_asked_for_again(
    url: str, start_post: Callable[..., Post]
) -> None:
    post = start_post()
    options = chosen(url, post)
    post.at_recipient = "550 5.1.1 nobody of that name"

    deliver(options, now=THIRD)
    failed = looked(options, 0.1)
    engine = open_store(url)
    with writing(engine) as connection:
        deliveries.again(connection, 1, now=THIRD + 9 * DAY_SECONDS)
    engine.dispose()
    asked_again = looked(options, 9.1)

    assert about_deliveries(failed) == [Finding("delivery-failed", number=1)]
    assert not failed.health.well
    said: dict[str, Any] = json.loads(json.dumps(status._as_json(failed)))
    assert [(each["customer"], each["state"], each["since_at"]) for each in said["deliveries"]] == [
        ("Sakura", "failed", THIRD)
    ]
    assert "550 5.1.1" in said["deliveries"][0]["error"]
    assert about_deliveries(asked_again) == []
    assert asked_again.deliveries[0].since_at == THIRD + 9 * DAY_SECONDS


def test_what_was_put_down_before_the_schedule_was_given_up_is_no_problem(
    url: str, start_post: Callable[..., Post]
) -> None:
    post = start_post()
    post.at_recipient = "451 4.7.1 come again"
    deliver(chosen(url, post), now=THIRD)

    found = looked(chosen(url, post, day=0), 30)

    assert (about_deliveries(found), found.deliveries) == ([], ())
