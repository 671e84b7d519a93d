"""`sekisho senders` and `sekisho decide`, as programs."""

import json
import re
import subprocess
from typing import Any

import pytest
from forked_commands import run_command
from histories import DAY_SECONDS, FIRST_DAY, STREAMS, history, store_history

from store import decisions, office
from store.engine import open_store, writing

FIELDS = [
    "sender",
    "name",
    "kind",
    "verdict",
    "rule",
    "why",
    "decision",
    "messages",
    "passed",
    "dkim_aligned",
    "spf_aligned",
    "failed",
    "first_day",
    "last_day",
    "days_seen",
    "reporters",
    "repair",
]
SOURCE_FIELDS = ["ip", "ptr", "country", "as_name", "verdict", "messages", "passed"]


@pytest.fixture
def url(sqlite_url: str) -> str:
    """A store with four days of every stream of one domain."""
    store_history(sqlite_url, history(1, domains=1, days=4, busy=1, steady=True).reports)
    return sqlite_url


def sekisho(url: str, *words: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    return run_command(*words, variables={"SEKISHO_DATABASE_URL": url, "SEKISHO_LANGUAGE": language})


def listed(url: str, *words: str, language: str = "en") -> dict[str, dict[str, Any]]:
    done = sekisho(url, "senders", "example.jp", "--json", *words, language=language)
    assert (done.returncode, done.stderr) == (0, "")
    return {row["sender"]: row for row in json.loads(done.stdout)}


def test_json_has_exactly_the_promised_fields(url: str) -> None:
    plain, with_sources = listed(url), listed(url, "--sources")

    assert len(STREAMS) > len(plain) > 10
    assert all(list(row) == FIELDS for row in plain.values())
    assert all(list(row) == [*FIELDS, "sources"] for row in with_sources.values())
    assert all(list(found) == SOURCE_FIELDS for row in with_sources.values() for found in row["sources"])
    assert {key: row["verdict"] for key, row in plain.items()} == {
        key: row["verdict"] for key, row in with_sources.items()
    }


def test_a_sender_says_what_it_is_and_what_to_mend(url: str) -> None:
    row = listed(url)["service:amazon-ses"]

    assert (row["name"], row["verdict"], row["rule"]) == ("Amazon SES", "candidate", "known-service")
    assert row["why"] == "Mail of Amazon SES, not aligned. Does the customer use this service?"
    assert (row["passed"], row["failed"], row["first_day"], row["last_day"]) == (
        0,
        row["messages"],
        "2026-05-27",
        "2026-05-30",
    )
    assert (row["days_seen"], row["reporters"], row["decision"]) == (4, 6, None)
    assert [repair["repair"] for repair in row["repair"]] == ["dkim-misaligned", "spf-misaligned"]
    assert "DKIM CNAMEs" in row["repair"][0]["en"]
    assert "DKIM用CNAME" in row["repair"][0]["ja"]


def test_the_period_can_be_chosen(url: str) -> None:
    row = listed(url, "--since", "2026-05-28", "--until", "2026-05-29")["service:mailchimp"]

    assert (row["first_day"], row["last_day"], row["days_seen"]) == ("2026-05-28", "2026-05-29", 2)


def test_the_reason_is_in_the_language_of_the_settings(url: str) -> None:
    assert "ご利用中かどうか" in listed(url, language="ja")["service:amazon-ses"]["why"]


def test_a_decision_wins_is_shown_and_can_be_withdrawn(url: str) -> None:
    decided = sekisho(url, "decide", "example.jp", "Amazon SES", "ours", "--note", "invoices, says the customer")
    row = listed(url)["service:amazon-ses"]
    withdrawn = sekisho(url, "decide", "example.jp", "service:amazon-ses", "--withdraw")

    assert (decided.returncode, decided.stdout) == (0, "")
    assert decided.stderr == "example.jp: service:amazon-ses ours\n"
    assert (row["verdict"], row["rule"]) == ("ours-fix", "decided-ours-failing")
    assert (row["decision"]["decision"], row["decision"]["note"]) == ("ours", "invoices, says the customer")
    assert row["decision"]["by"].startswith("shell:")
    assert (row["decision"]["contradiction"], row["decision"]["against"]) == (None, None)
    assert withdrawn.stderr == "example.jp: service:amazon-ses withdrawn\n"
    assert listed(url)["service:amazon-ses"]["verdict"] == "candidate"


def test_later_mail_that_contradicts_a_decision_is_said_in_words(url: str) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        actor = decisions.Actor("test", FIRST_DAY * DAY_SECONDS)
        domain_id = office.domain_id_of(connection, "example.jp")
        decisions.decide(connection, domain_id, "service:amazon-ses", "ours", note="asked", evidence={}, actor=actor)
    engine.dispose()

    english, japanese = (listed(url, language=word)["service:amazon-ses"]["decision"] for word in ("en", "ja"))

    assert english["contradiction"] == japanese["contradiction"] == "never-passes"
    assert re.fullmatch(
        r"Decided as the customer's, but none of its \d+ messages since then passed\.", english["against"]
    )
    assert "合格していません" in japanese["against"]
    assert f"! {english['against']}\n" in sekisho(url, "senders", "example.jp").stdout


def test_one_address_can_be_decided_alone(url: str) -> None:
    sekisho(url, "decide", "example.jp", "192.0.2.201", "not-ours", "--note", "rented to somebody else")

    sources = {found["ip"]: found["verdict"] for found in listed(url, "--sources")["net:192.0.2.0/24"]["sources"]}
    assert sources == {"192.0.2.21": "unknown", "192.0.2.201": "impostor"}


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("senders", "nowhere.example"), 1, "there is no domain nowhere.example"),
        (("decide", "example.jp", "service:nobody", "ours", "--note", "x"), 1, "no sender and no address"),
        (("decide", "example.jp", "service:amazon-ses", "ours"), 1, "needs a note"),
        (("decide", "example.jp", "service:amazon-ses", "--withdraw"), 1, "nothing to withdraw"),
        (("decide", "example.jp", "service:amazon-ses"), 2, "or --withdraw"),
        (("decide", "example.jp", "service:amazon-ses", "ours", "--withdraw"), 2, "or --withdraw"),
    ],
)
def test_what_cannot_be_done_is_said(url: str, words: tuple[str, ...], code: int, complaint: str) -> None:
    done = sekisho(url, *words)

    assert (done.returncode, done.stdout) == (code, "")
    assert complaint in done.stderr


def test_days_without_mail_are_said_to_be_so(url: str) -> None:
    done = sekisho(url, "senders", "example.jp", "--since", "2001-01-01", "--until", "2001-01-02")

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no mail of example.jp was reported in these days\n"


def test_without_json_people_read_lines(url: str) -> None:
    done = sekisho(url, "senders", "example.jp", "--sources")

    assert done.stdout.startswith("verdict     messages    passed  sender  [its key, for `sekisho decide`]\n")
    assert "candidate " in done.stdout
    assert "Does the customer use this service?" in done.stdout
    assert "54.240.11.3" in done.stdout
