"""The digest as addresses receive it: told once, kept while an address refuses, nobody else's events, known silence."""

import json
import logging
from collections.abc import Callable

import pytest
from check_server import Check, check_server
from sqlalchemy import Connection, select
from store_builder import ask, fill

from analysis import health
from sekisho import digest, nightly, status
from sekisho.digest import Delivery, Refusing, tell
from settings import Dashboard, Notify, Settings
from store import events, office
from store.engine import open_store, writing
from store.events import FoundEvent
from store.schema import digest as digest_table
from store.schema import event

# Apprise 2.2 imports imghdr on Python below 3.13.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
NIGHT = 1_800_000_000
DAY = 86_400


@pytest.fixture
def url(store_url: str) -> str:
    fill(store_url, [], customers={"Sakura": ["example.jp"], "Tanaka": ["example.com"]})
    return store_url


def change(url: str, what: Callable[[Connection], object]) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        what(connection)
    engine.dispose()


def happened(url: str, *names: str, severity: str = "incident", now: int = NIGHT) -> None:
    """A sender fell at each of these domains, and nothing else is so."""

    def found(link: Connection) -> list[FoundEvent]:
        evidence = {"name": "Own server", "passed": 1, "messages": 9, "day": "2026-08-28"}
        evidence |= {"passed_before": 50, "messages_before": 50}
        ids = [office.domain_id_of(link, name) for name in names]
        return [FoundEvent(domain_id, "sender-fell", "server:x", severity, evidence) for domain_id in ids]

    change(url, lambda link: events.reconcile(link, found(link), now=now))


def chosen(url: str, staff: str = "", customers: str = "", *, language: str = "en") -> Settings:
    notify = Notify(staff=staff, customers=customers)
    board = Dashboard(public_url="https://dmarc.example.jp")
    return Settings(database_url=url, language=language, notify=notify, dashboard=board)


def address(check: Check, path: str = "hook") -> str:
    return f"{check.address.replace('http', 'json')}/{path}"


def told(check: Check) -> list[tuple[str, str]]:
    """Title and text of everything that the server was told."""
    messages = [json.loads(body) for _, body in check.pings]
    return [(message["title"], message["message"]) for message in messages]


def test_the_staff_is_told_once_customer_by_customer(url: str) -> None:
    happened(url, "example.jp", "example.com")

    with check_server() as check:
        options = chosen(url, address(check))
        assert tell(options, now=NIGHT) == Delivery(1, (), ())
        assert tell(options, now=NIGHT + DAY) == Delivery(0, (), ())

    assert told(check) == [
        (
            "Sekisho: incidents: 2, new events: 2",
            "■ Sakura\n"
            "- Incident: example.jp: Own server: only 1 of 9 messages passed since 2026-08-28; before, 50 of 50 did.\n"
            "  → Find out what changed there (key, SPF, server), and mend it. Take no step before that.\n"
            "\n"
            "■ Tanaka\n"
            "- Incident: example.com: Own server: only 1 of 9 messages passed since 2026-08-28; before, 50 of 50 did.\n"
            "  → Find out what changed there (key, SPF, server), and mend it. Take no step before that.\n"
            "\n"
            "Details: https://dmarc.example.jp",
        )
    ]


def test_an_address_that_refuses_gets_the_same_text_the_next_night_and_others_nothing_twice(url: str) -> None:
    happened(url, "example.jp")

    with check_server() as good, check_server(answer=503) as bad:
        options = chosen(url, f"{address(good)} {address(bad)}")
        assert tell(options, now=NIGHT) == Delivery(1, ("staff address 2 (json)",), ())
        refusing = ask(url, lambda link: digest.refusing(link, options))
        assert refusing == (Refusing("staff address 2 (json)", 1, NIGHT, 1),)
        port = int(bad.address.rpartition(":")[2])
        happened(url, "example.jp", "example.com", now=NIGHT + DAY)
        assert tell(options, now=NIGHT + DAY) == Delivery(1, ("staff address 2 (json)",), ())

    with check_server(port=port) as mended:
        options = chosen(url, f"{address(good)} {address(mended)}")
        assert tell(options, now=NIGHT + 2 * DAY) == Delivery(2, (), ())
        assert tell(options, now=NIGHT + 3 * DAY) == Delivery(0, (), ())

    assert len(bad.pings) == 2, "one attempt a night"
    assert told(mended) == told(good), "the address that refused has both texts now, in order, once"
    assert [title for title, _ in told(good)] == [
        "Sekisho: incidents: 1, new events: 1",
        "Sekisho: incidents: 1, new events: 1",
    ]
    assert ask(url, lambda link: digest.refusing(link, options)) == ()


def test_a_night_succeeds_and_status_says_who_did_not_take_the_digest(
    url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    happened(url, "example.jp")
    caplog.set_level(logging.DEBUG)

    with check_server(answer=500) as bad:
        options = chosen(url, address(bad, "canary-token"))
        lines: list[str] = []
        step = dict(nightly.STEPS)["digest"]
        (taken,) = nightly.run_night(options, [("digest", step)], clock=lambda: NIGHT, say=lines.append)

    assert taken.code == 0
    assert lines == ["digest: done in 0 s: sent 0; not taken by staff address 1 (json): tried again the next night"]
    found = ask(url, lambda link: status.read_status(link, options, now=NIGHT))
    assert health.Finding("digest-refused", number=1) in found.health.problems
    status._print(found)
    assert (
        "\naddress staff address 1 (json): waiting 1, since 2027-01-15 08:00Z, attempts 1\n" in capsys.readouterr().out
    )
    logged = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("urllib3"))
    assert "canary" not in logged + capsys.readouterr().err
    stored = ask(url, lambda link: str(link.execute(select(digest_table)).all()))
    assert "canary" not in stored


def test_what_an_address_refused_goes_to_the_one_written_in_its_place_and_to_nobody_else(url: str) -> None:
    """A mended token makes another address; the events in that digest count as told, so that it must not be lost."""
    happened(url, "example.jp")

    with check_server() as good, check_server(answer=403) as bad, check_server() as mended, check_server() as sakura:
        old = chosen(url, f"{address(good)} {address(bad, 'old-token')}")
        assert tell(old, now=NIGHT).sent == 1
        new = chosen(url, f"{address(mended, 'new-token')} {address(good)}", f"Sakura = {address(sakura)}")
        assert [tell(new, now=NIGHT + night * DAY).sent for night in (1, 2)] == [2, 0]

    assert told(mended) == told(good)
    assert [title for title, _ in told(sakura)] == ["関所: 障害1件、新しいお知らせ1件"]


def test_an_address_that_comes_weeks_later_hears_nothing_of_what_another_one_refused(url: str) -> None:
    happened(url, "example.jp")

    with check_server(answer=403) as bad, check_server() as late:
        tell(chosen(url, address(bad)), now=NIGHT)
        sent = tell(chosen(url, address(late)), now=NIGHT + 15 * DAY).sent

    assert (sent, [title for title, _ in told(late)]) == (1, ["Sekisho: all is quiet"])


def test_a_customer_gets_its_own_events_in_its_language_without_the_advice_for_staff(url: str) -> None:
    happened(url, "example.jp", "example.com")

    with check_server() as staff, check_server() as sakura:
        options = chosen(url, address(staff), f"Sakura = {address(sakura)}\n")
        assert tell(options, now=NIGHT) == Delivery(2, (), ())
        assert tell(options, now=NIGHT + DAY) == Delivery(0, (), ())

    ((title, body),) = told(sakura)
    assert "example.jp" in body
    assert "example.com" not in body
    assert "Tanaka" not in body
    assert "→" not in body
    assert title == "関所: 障害1件、新しいお知らせ1件"


def test_a_customer_that_does_not_exist_is_named(url: str) -> None:
    happened(url, "example.jp")

    with check_server() as check:
        done = tell(chosen(url, "", f"Nobody = {address(check)}"), now=NIGHT)

    assert done == Delivery(0, (), ("Nobody",))
    assert digest.sentence(done) == "sent 0; [notify] names customers that do not exist: Nobody"
    assert check.pings == []


def test_a_week_of_silence_is_said_once_a_week(url: str) -> None:
    with check_server() as check:
        options = chosen(url, address(check))
        sent = [tell(options, now=NIGHT + day * DAY).sent for day in range(15)]

    assert sent == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert {title for title, _ in told(check)} == {"Sekisho: all is quiet"}


def test_noise_alone_waits_for_the_weekly_digest(url: str) -> None:
    with check_server() as check:
        options = chosen(url, address(check))
        tell(options, now=NIGHT)
        happened(url, "example.jp", severity="noise", now=NIGHT + DAY)
        sent = [tell(options, now=NIGHT + day * DAY).sent for day in (1, 6, 7, 8)]

    assert sent == [0, 0, 1, 0]
    assert told(check)[1][0] == "Sekisho: new events: 1"


def test_what_was_over_before_it_could_be_told_says_so_and_old_news_are_not_told(url: str) -> None:
    happened(url, "example.jp")
    happened(url, now=NIGHT + DAY)

    with check_server() as check:
        options = chosen(url, address(check))
        tell(options, now=NIGHT + 2 * DAY)
        happened(url, "example.com", now=NIGHT + 3 * DAY)
        happened(url, now=NIGHT + 4 * DAY)
        assert tell(options, now=NIGHT + 30 * DAY) == Delivery(1, (), ()), "only that all is quiet"

    (first, _), (second, _) = told(check)
    assert "(over by now)" in told(check)[0][1]
    assert (first, second) == ("Sekisho: incidents: 1, new events: 1", "Sekisho: all is quiet")


def test_without_an_address_nothing_is_marked_as_told(url: str) -> None:
    happened(url, "example.jp")

    assert tell(chosen(url), now=NIGHT) == Delivery(0, (), ())
    assert ask(url, lambda link: link.execute(select(event.c.notified_at)).scalar_one()) is None


def test_texts_of_strangers_are_neither_links_nor_mentions(url: str) -> None:
    evidence = {"name": "<!channel> @everyone https://evil.example [x](y)\nSekisho:", "day": "2026-08-28", "habit": 1}
    found = FoundEvent(None, "reporter-silent", "x", "change", evidence)
    change(url, lambda link: events.reconcile(link, [found], now=NIGHT))

    with check_server() as check:
        tell(chosen(url, address(check)), now=NIGHT)

    ((_, body),) = told(check)
    assert "‹!channel› ＠everyone https:/ /evil.example ［x］(y) Sekisho: has sent no report" in body
