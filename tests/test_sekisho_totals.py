"""`sekisho totals`, as a program."""

import json
import subprocess

from forked_commands import run_command
from store_builder import fill, line, report

DAY = 20_000


def totals(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command("totals", *words, variables={"SEKISHO_DATABASE_URL": url})


def fill_store(url: str) -> None:
    reports = [
        report("example.jp", DAY, [line("192.0.2.1", 1_200, dkim=True), line("192.0.2.2", 4, disposition="reject")]),
        report("example.com", DAY, [line("192.0.2.1", 7, disposition="quarantine")]),
    ]
    fill(url, reports, quarantined=1)


def test_json_has_exactly_the_promised_keys(sqlite_url: str) -> None:
    fill_store(sqlite_url)

    done = totals(sqlite_url, "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "reports": 2,
        "records": 3,
        "messages": 1211,
        "passed": 1200,
        "dispositions": {"none": 1200, "quarantine": 7, "reject": 4},
        "disposition_unknown": 0,
        "empty": 0,
        "variants": 0,
        "partial": 0,
        "set_aside": 0,
        "quarantined": 1,
        "domains": [
            {"domain": "example.com", "reports": 1, "records": 1, "messages": 7, "passed": 0},
            {"domain": "example.jp", "reports": 1, "records": 2, "messages": 1204, "passed": 1200},
        ],
    }


def test_one_domain_is_counted_alone_however_its_name_is_written(sqlite_url: str) -> None:
    fill_store(sqlite_url)

    done = totals(sqlite_url, "--domain", "Example.JP.", "--json")

    assert json.loads(done.stdout)["messages"] == 1204


def test_without_json_the_totals_are_a_table_for_people(sqlite_url: str) -> None:
    fill_store(sqlite_url)

    done = totals(sqlite_url)

    assert done.stdout.splitlines() == [
        "reports                               2",
        "records                               3",
        "messages                          1,211",
        "passed                            1,200",
        "disposition_none                  1,200",
        "disposition_quarantine                7",
        "disposition_reject                    4",
        "disposition_unknown                   0",
        "empty                                 0",
        "variants                              0",
        "partial                               0",
        "set_aside                             0",
        "quarantined                           1",
        "",
        "domain       reports  records  messages  passed",
        "example.com  1        1        7         0",
        "example.jp   1        2        1204      1200",
    ]


def test_an_unknown_domain_is_an_error_and_not_a_zero(sqlite_url: str) -> None:
    done = totals(sqlite_url, "--domain", "absent.example.jp", "--json")

    assert (done.returncode, done.stdout) == (1, "")
    assert "absent.example.jp" in done.stderr
