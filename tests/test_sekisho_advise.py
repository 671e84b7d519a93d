"""`sekisho advise`, `sekisho consent`, `sekisho replay` and the list of domains, as programs."""

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest
from forked_commands import run_command
from published_dns import publish
from store_builder import DAY_SECONDS, fill, line, report

from analysis import standings

RECORD = "v=DMARC1; p=quarantine; t=y; pct=0; sp=none; np=none; rua=mailto:dmarc@example.jp"
FIELDS = ["domain", "stage", "next_stage", "ready", "gates", "blockers", "record_now", "record_next"]
REPORTERS = ("one.example", "two.example", "three.example")


@pytest.fixture
def url(sqlite_url: str) -> str:
    """A store with seventy days of one sender's mail that passes, up to yesterday, and one look at DNS."""
    today = int(time.time()) // DAY_SECONDS
    mail = [line("192.0.2.1", 2, dkim=True, spf=True)]
    reports = [report("example.jp", today - back, mail, org=org) for back in range(1, 71) for org in REPORTERS]
    fill(sqlite_url, reports, customers={"Shop": ["example.jp"]})
    publish(sqlite_url, "example.jp", RECORD, at=int(time.time()))
    return sqlite_url


def sekisho(url: str, *words: str, language: str = "en") -> str:
    done = run_command(*words, variables={"SEKISHO_DATABASE_URL": url, "SEKISHO_LANGUAGE": language})
    assert done.returncode == 0, done.stderr
    return done.stdout


def answered(url: str, *words: str) -> Any:
    return json.loads(sekisho(url, *words, "--json"))


def test_the_customers_consent_makes_the_step_ready(url: str) -> None:
    sekisho(url, "decide", "example.jp", "test:192.0.2.1", "ours", "--note", "asked")
    before = answered(url, "advise", "example.jp")
    sekisho(url, "consent", "example.jp", "quarantine", "--by", "Web staff", "--note", "mail of today")
    after = answered(url, "advise", "example.jp")
    sekisho(url, "consent", "example.jp", "quarantine", "--withdraw")
    withdrawn = answered(url, "advise", "example.jp")

    assert list(before) == [*FIELDS, "spf_next", "consent", "silent_reporters", "seasonal", "as_of"]
    assert (before["stage"], before["next_stage"], before["record_now"]) == ("quarantine-test", "quarantine", RECORD)
    assert (before["ready"], before["blockers"], before["consent"]) == (False, ["G3"], None)
    assert (after["ready"], after["blockers"]) == (True, [])
    assert (after["consent"]["stage"], after["consent"]["by"]) == ("quarantine", "Web staff")
    assert after["record_next"] == "v=DMARC1; p=quarantine; sp=none; np=none; rua=mailto:dmarc@example.jp"
    assert (withdrawn["ready"], withdrawn["consent"]) == (False, None)


def test_every_gate_says_its_reason_in_both_languages(url: str) -> None:
    gates = answered(url, "advise", "example.jp")["gates"]

    assert [gate["gate"] for gate in gates] == ["G0", "G1", "G2", "G3", "G4", "G5", "Parked", "Back"]
    assert all(list(gate) == ["gate", "state", "why", "figures"] for gate in gates)
    assert all(gate["why"]["en"] and gate["why"]["ja"] and gate["why"]["en"] != gate["why"]["ja"] for gate in gates)


def test_the_list_of_domains_says_stage_readiness_and_blockers(url: str) -> None:
    (row,) = answered(url, "domains", "list")

    assert (row["name"], row["stage"], row["next_stage"]) == ("example.jp", "quarantine-test", "quarantine")
    assert (row["ready"], row["blockers"]) == (False, 1)
    assert row["as_of"] == time.strftime("%Y-%m-%d", time.gmtime(time.time() - DAY_SECONDS))


def test_a_list_of_many_domains_says_what_the_night_kept_and_when(url: str) -> None:
    names = [f"d{number}.example.com" for number in range(standings.FEW)]
    fill(url, [], customers={"Many": names})
    before = {row["name"]: row for row in answered(url, "domains", "list")}
    sekisho(url, "domains", "refresh")
    after = {row["name"]: row for row in answered(url, "domains", "list")}

    shop = before["example.jp"], after["example.jp"]
    assert [(row["stage"], row["as_of"] is None) for row in shop] == [(None, True), ("quarantine-test", False)]
    assert len(after) == standings.FEW + 1


def test_a_complaint_keeps_a_domain_from_reject_until_it_is_withdrawn(sqlite_url: str) -> None:
    note = "no invoices since Monday, says a client"
    fill(sqlite_url, [], customers={"Shop": ["example.jp"]})
    for back in (70, 0):
        published = RECORD.replace("; t=y; pct=0", "")
        publish(sqlite_url, "example.jp", published, at=int(time.time()) - back * DAY_SECONDS)

    def fourth() -> Any:
        return next(gate for gate in answered(sqlite_url, "advise", "example.jp")["gates"] if gate["gate"] == "G4")

    before = fourth()
    sekisho(sqlite_url, "complaint", "example.jp", "--note", note)
    during = fourth()
    sekisho(sqlite_url, "complaint", "example.jp", "--withdraw", "--note", "their filter was broken")
    after = fourth()

    assert [gate["state"] for gate in (before, during, after)] == ["pass", "fail", "pass"]
    assert during["figures"]["complaints"][0][1] == note
    assert note in during["why"]["en"]
    assert note in during["why"]["ja"]


def test_silent_reporters_and_seasonal_senders_are_named(sqlite_url: str) -> None:
    today = int(time.time()) // DAY_SECONDS
    daily, weekly = [line("192.0.2.1", 2, dkim=True, spf=True)], [line("192.0.2.2", 1, dkim=True, spf=True)]
    reports = [report("example.jp", today - back, daily, org="one.example") for back in range(1, 71)]
    reports += [report("example.jp", today - back, daily, org="gone.example") for back in range(30, 50)]
    reports += [report("example.jp", today - back, weekly, org="two.example") for back in range(2, 60, 7)]
    fill(sqlite_url, reports, customers={"Shop": ["example.jp"]})
    found = answered(sqlite_url, "advise", "example.jp")

    last = time.strftime("%Y-%m-%d", time.gmtime((today - 30) * DAY_SECONDS))
    assert found["silent_reporters"] == [{"reporter": "gone.example", "messages": 40, "last_day": last}]
    assert [(each["sender"], each["rhythm"]) for each in found["seasonal"]] == [("test:192.0.2.2", "weekly")]
    assert "gone.example has told of no own mail since" in sekisho(sqlite_url, "advise", "example.jp")


@pytest.mark.parametrize(
    ("record", "drafted"),
    [
        (None, "v=DMARC1; p=none; rua=mailto:reports@example.net"),
        (RECORD, "v=DMARC1; p=quarantine; sp=none; np=none; rua=mailto:dmarc@example.jp"),
    ],
)
def test_a_record_that_names_no_address_is_drafted_with_that_of_the_settings(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, record: str | None, drafted: str
) -> None:
    monkeypatch.setenv("SEKISHO_REPORT_ADDRESS", "reports@example.net")
    fill(sqlite_url, [], customers={"Shop": ["example.jp"]})
    publish(sqlite_url, "example.jp", record, at=int(time.time()))

    assert answered(sqlite_url, "advise", "example.jp")["record_next"] == drafted


def test_the_files_draft_the_same_record_as_the_advice(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEKISHO_REPORT_ADDRESS", "reports@example.net")
    fill(sqlite_url, [], customers={"Shop": ["example.jp"]})
    publish(sqlite_url, "example.jp", None, at=int(time.time()))

    sekisho(sqlite_url, "export", "Shop", "--headers", "names", "--out", str(tmp_path))
    (summary,) = tmp_path.rglob("*summary.csv")
    with summary.open(encoding="utf-8-sig", newline="") as file:
        assert [row["record_next"] for row in csv.DictReader(file)] == [
            "v=DMARC1; p=none; rua=mailto:reports@example.net"
        ]


def test_a_replay_names_its_policy_period_and_limits(url: str) -> None:
    found = answered(url, "replay", "example.jp", "--policy", "reject", "--sp", "none", "--adkim", "s")

    assert found["policy"] == "v=DMARC1; p=reject; sp=none; adkim=s"
    assert (found["messages"], found["delivered"], found["quarantined"]) == (420, 420, 0)
    assert (found["rejectable"], found["senders"]) == ({"certain": 0, "possible": 0}, [])
    assert found["agreement"] == {"agreed": 420, "overridden": 0, "differing": 0, "share": 1.0}
    assert len(found["limits"]) == 4


def test_the_words_on_the_screen_are_in_the_chosen_language(url: str) -> None:
    assert "正規のメールで隔離または拒否されたものはありません。" in sekisho(url, "advise", "example.jp", language="ja")
    assert "p=quarantine; sp=none" in sekisho(url, "advise", "example.jp")
    assert "本文の送信前に拒否された" in sekisho(url, "replay", "example.jp", "--policy", "reject", language="ja")
