"""`sekisho check`, as a person types it, with a real name server and reports that name keys and sub-domains."""

import json
import time
from collections.abc import Callable

import pytest
from hostile_dns import hostile_server, silent
from servers_ingest import ingest_into
from sqlalchemy import Connection, func, select
from store_builder import ask
from typer.testing import CliRunner, Result
from xml_reports import record, report

from sekisho import check
from store.schema import dns_snapshot
from store.snapshots import Signature, Subdomain, signatures, subdomains, target

NameServer = Callable[..., str]


def run(url: str, server: str, *words: str) -> Result:
    environment = {
        "SEKISHO_DATABASE_URL": url,
        "SEKISHO_LOOKUP__NAMESERVERS": server,
        "SEKISHO_LOOKUP__TIMEOUT_SECONDS": "0.5",
    }
    return CliRunner().invoke(check.app, list(words), env=environment, catch_exceptions=False)


def dkim(selector: str, domain: str = "example.jp", result: str = "pass") -> str:
    return f"<dkim><domain>{domain}</domain><selector>{selector}</selector><result>{result}</result></dkim>"


def fill(url: str) -> None:
    """Yesterday's mail: two keys, one of a name below, a stranger's; a sub-domain that passes, and a spoofed one."""
    begin = int(time.time()) - 86_400
    records = (
        record(count=5, auth=dkim("s1")),
        record(count=3, auth=dkim("s2", result="fail") + dkim("s9", "example.net"), dkim="fail", spf="fail"),
        record(count=2, auth=dkim("s3", "shop.example.jp"), header_from="shop.example.jp"),
        record(count=9, auth=dkim("s9", "badexample.jp"), header_from="spoof.example.jp", dkim="fail", spf="fail"),
    )
    ingest_into(url, report(*records, begin=begin, end=begin + 3_600), now=int(time.time()))


def test_reports_name_the_keys_and_sub_domains_to_ask_for(store_url: str) -> None:
    fill(store_url)
    since = int(time.time()) // 86_400 - 2

    def asked(connection: Connection) -> tuple[object, ...]:
        where = target(connection, "example.jp")
        assert where is not None
        return (
            signatures(connection, where, since_day=since, limit=10),
            signatures(connection, where, since_day=since, limit=1),
            signatures(connection, where, since_day=since + 10, limit=10),
            subdomains(connection, where, since_day=since, limit=10),
        )

    s1, s2 = Signature("example.jp", "s1", 1, 1), Signature("example.jp", "s2", 1, 0)
    below = Signature("shop.example.jp", "s3", 1, 1)
    assert ask(store_url, asked) == (
        (s1, below, s2),
        (s1,),
        (),
        (Subdomain("shop.example.jp", 2, 2), Subdomain("spoof.example.jp", 9, 0)),
    )


ZONE = """_dmarc TXT "v=DMARC1 ; P=none; rua=mailto:a@example.net"
@ TXT "v=spf1 +ipv4:203.0.113.5 -all"
@ MX 10 mail
s1._domainkey CNAME key.example.net.
_dmarc.shop TXT "v=DMARC1; p=none"
"""
ZONES = {"example.jp": ZONE, "example.net": 'key TXT "v=DKIM1; p="\n@ MX 10 mail\n', "jp": "", "net": ""}


@pytest.mark.requires_nsd
def test_json_has_every_record_with_its_findings_and_the_store_keeps_the_look(
    sqlite_url: str, name_server: NameServer
) -> None:
    fill(sqlite_url)
    server = name_server(ZONES)

    done = run(sqlite_url, server, "example.jp", "--json")
    again = run(sqlite_url, server, "example.jp", "--json")

    found = json.loads(done.stdout)
    assert (done.exit_code, found["domain"], found["policy_domain"]) == (0, "example.jp", "example.jp")
    assert found["unanswered"] == []
    by_name = {each["name"]: each for each in found["records"]}
    policy, spf = by_name["_dmarc.example.jp"], by_name["example.jp"]
    assert (policy["kind"], policy["valid"], [each["id"] for each in policy["findings"]]) == (
        "dmarc",
        False,
        ["D20", "D8"],
    )
    assert (spf["valid"], spf["corrected"]) == (False, "v=spf1 +ip4:203.0.113.5 -all")
    term = spf["findings"][0]
    assert (term["id"], term["severity"], term["at"]) == ("S2", "error", [7, 24])
    assert "ip4" in term["en"]
    assert "ip4" in term["ja"]
    assert [each["id"] for each in by_name["s1._domainkey.example.jp"]["findings"]] == ["K4"]
    assert by_name["s2._domainkey.example.jp"]["valid"] is None
    assert "_dmarc.shop.example.jp" in by_name
    assert json.loads(again.stdout) == found
    count = ask(sqlite_url, lambda connection: connection.execute(_ROWS).all())
    assert {row[0]: row[1] for row in count}["dmarc"] == 3


_ROWS = select(dns_snapshot.c.kind, func.count()).group_by(dns_snapshot.c.kind)


@pytest.mark.requires_nsd
def test_a_domain_that_is_not_in_the_store_is_looked_at_and_not_kept(sqlite_url: str, name_server: NameServer) -> None:
    done = run(sqlite_url, name_server(ZONES), "example.jp")

    assert done.exit_code == 0
    assert "dmarc at _dmarc.example.jp: not valid\n  v=DMARC1 ; P=none; rua=mailto:a@example.net\n" in done.stdout
    assert "corrected: v=spf1 +ip4:203.0.113.5 -all\n" in done.stdout
    assert ask(sqlite_url, lambda connection: connection.execute(_ROWS).all()) == []


@pytest.mark.requires_nsd
def test_a_record_cannot_steer_the_terminal(sqlite_url: str, name_server: NameServer) -> None:
    zone = '_dmarc TXT "v=DMARC1; p=none; x=\\027[31m"\n'
    done = run(sqlite_url, name_server({"example.jp": zone, "jp": ""}), "example.jp")

    assert "dmarc at _dmarc.example.jp" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_silent_server_is_said_to_be_silent_and_asks_to_come_back(sqlite_url: str) -> None:
    with hostile_server(silent) as server:
        done = run(sqlite_url, server.address, "example.jp")

    assert done.exit_code == 75
    assert "dmarc at _dmarc.example.jp: could not look (timeout)\n" in done.stdout
    assert "absent" not in done.stdout
