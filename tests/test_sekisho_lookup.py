"""`sekisho lookup` and `sekisho db reclassify`, as a person types them."""

import json

import dns.message
import pytest
from hostile_dns import answer, hostile_server, silent
from store_builder import fill, line, report
from typer.testing import CliRunner, Result

from sekisho import db, lookup


def run(command: object, *words: str, **options: str) -> Result:
    environment = {f"SEKISHO_{name}": value for name, value in options.items()}
    return CliRunner().invoke(command.app, list(words), env=environment, catch_exceptions=False)  # type: ignore[attr-defined]


def fill_store(url: str) -> None:
    fill(url, [report("example.jp", 20_000, [line("192.0.2.1", 1_200, dkim=True), line("198.51.100.1", 4)])])


def mail_host(query: dns.message.Message) -> dns.message.Message:
    name = query.question[0].name.to_text()
    if name == "mail.example.jp.":
        return answer(query, "192.0.2.1")
    return answer(query, "mail.example.jp.")


def test_json_says_in_figures_what_was_asked_and_found(sqlite_url: str) -> None:
    fill_store(sqlite_url)

    with hostile_server(mail_host) as server:
        done = run(lookup, "--json", DATABASE_URL=sqlite_url, LOOKUP__NAMESERVERS=server.address)

    figures = json.loads(done.stdout)
    assert figures.pop("seconds") < 30
    assert figures == {
        "asked": 2,
        "found": 2,
        "confirmed": 1,
        "failed": 0,
        "left": 0,
        "moved_records": 1,
        "decisions_left": 0,
    }


def test_a_dead_resolver_is_no_failure_of_the_command(sqlite_url: str) -> None:
    fill_store(sqlite_url)

    with hostile_server(silent) as server:
        done = run(lookup, DATABASE_URL=sqlite_url, LOOKUP__NAMESERVERS=server.address, LOOKUP__TIMEOUT_SECONDS="0.2")

    assert done.exit_code == 0
    assert done.stdout.startswith("asked 2, found 0, confirmed 0, failed 2, left 0, ")


def test_reclassify_says_which_sender_became_which(sqlite_url: str) -> None:
    fill_store(sqlite_url)

    done = run(db, "reclassify", "--json", DATABASE_URL=sqlite_url, OWN_INFRASTRUCTURE__NETWORKS="192.0.2.0/24")

    changes = json.loads(done.stdout)
    assert changes["records"] == 2
    assert changes["moved"] == [
        {
            "domain": "example.jp",
            "before": "test:192.0.2.1",
            "after": "own-infrastructure",
            "records": 1,
            "messages": 1200,
        },
        {
            "domain": "example.jp",
            "before": "test:198.51.100.1",
            "after": "as:example.net",
            "records": 1,
            "messages": 4,
        },
    ]


def test_reclassify_is_a_table_for_people(sqlite_url: str) -> None:
    fill_store(sqlite_url)

    first = run(db, "reclassify", DATABASE_URL=sqlite_url)
    second = run(db, "reclassify", "--domain", "EXAMPLE.jp", DATABASE_URL=sqlite_url)

    assert first.stdout.split()[:5] == ["domain", "before", "after", "records", "messages"]
    assert "test:198.51.100.1" in first.stdout
    assert first.stderr == "2 records read, 2 with another sender\n"
    assert (second.stdout, second.stderr) == ("", "2 records read, 0 with another sender\n")


def test_reclassify_of_an_unknown_domain_names_the_near_ones(sqlite_url: str) -> None:
    fill_store(sqlite_url)

    with pytest.raises(Exception, match=r"there is no domain exampel\.jp\. Did you mean example\.jp\?"):
        run(db, "reclassify", "--domain", "exampel.jp", DATABASE_URL=sqlite_url)
