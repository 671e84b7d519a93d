"""`sekisho events` and `sekisho digest --print` as programs."""

import json
import subprocess

import pytest
from forked_commands import run_command
from sqlalchemy import select
from store_builder import ask, fill

from store import events, office
from store.engine import open_store, writing
from store.events import FoundEvent
from store.locks import night_lock
from store.schema import event

NIGHT = 1_700_000_000
EVIDENCE = {"name": "Own\u202e server", "passed": 1, "messages": 9, "day": "2026-08-28"}


@pytest.fixture
def url(sqlite_url: str) -> str:
    """A store with one open event and one that is over."""
    fill(sqlite_url, [], customers={"Sakura": ["example.jp", "example.com"]})
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        first, second = (office.domain_id_of(connection, name) for name in ("example.jp", "example.com"))
        fails = FoundEvent(first, "sender-fails", "server:x", "misconfiguration", EVIDENCE)
        due = FoundEvent(second, "step-due", "quarantine", "change", {"stage": "quarantine"})
        events.reconcile(connection, [fails, due], now=NIGHT)
        events.reconcile(connection, [fails], now=NIGHT + 86_400)
    engine.dispose()
    return sqlite_url


def sekisho(url: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_command(*words, variables={"SEKISHO_DATABASE_URL": url, "SEKISHO_LANGUAGE": "en", **variables})


def test_the_open_events_are_listed_with_what_to_do_on_one_line_each(url: str) -> None:
    done = sekisho(url, "events")

    assert done.stdout == (
        "Misconfiguration  example.jp  2023-11-14 22:13  Own\\u202e server: only 1 of 9 messages passed since "
        "2026-08-28. Mend this sender as its page says. Take no step before that.\n"
    )


def test_json_says_everything_in_both_languages(url: str) -> None:
    (found,) = json.loads(sekisho(url, "events", "EXAMPLE.com.", "--all", "--json").stdout)

    assert (found["domain"], found["customer"], found["kind"], found["subject"]) == (
        "example.com",
        "Sakura",
        "step-due",
        "quarantine",
    )
    assert (found["opened_at"], found["seen_at"], found["closed_at"]) == (NIGHT, NIGHT, NIGHT + 86_400)
    assert found["evidence"] == {"stage": "quarantine"}
    assert found["sentence"] == {
        "en": "The evidence allows the next step, “quarantine”.",
        "ja": "次の段階「quarantine」へ進む条件が整いました。",
    }


def test_a_domain_without_events_and_one_that_does_not_exist(url: str) -> None:
    none = sekisho(url, "events", "example.com")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no events\n")

    wrong = sekisho(url, "events", "exmaple.com")
    assert wrong.returncode == 1
    assert "there is no domain exmaple.com" in wrong.stderr


def test_the_dry_run_prints_the_digest_and_changes_nothing(url: str) -> None:
    customers = "Sakura = json://127.0.0.1:1/x"
    first = sekisho(url, "digest", "--print", SEKISHO_NOTIFY__CUSTOMERS=customers)
    again = sekisho(url, "digest", "--print", SEKISHO_NOTIFY__CUSTOMERS=customers)

    assert first.stdout == again.stdout
    assert "== staff: Sekisho: new events: 1" in first.stdout
    assert "== Sakura: 関所: 新しいお知らせ1件" in first.stdout
    assert ask(url, lambda link: set(link.scalars(select(event.c.notified_at)))) == {None}


def test_a_refused_digest_by_hand_exits_with_one_and_does_not_say_the_address(url: str) -> None:
    done = sekisho(url, "digest", SEKISHO_NOTIFY__STAFF="json://127.0.0.1:1/canary")

    assert done.returncode == 1
    assert done.stderr == "sent 0; not taken by staff address 1 (json): tried again the next night\n"


def test_no_digest_is_sent_by_hand_while_a_night_is_running(url: str) -> None:
    with night_lock(url):
        done = sekisho(url, "digest", SEKISHO_NOTIFY__STAFF="json://127.0.0.1:1/x")

    assert done.returncode == 75
