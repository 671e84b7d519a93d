"""Host names of sending addresses, asked of a real name server, and of servers that are late, silent or wrong."""

from collections.abc import Callable
from pathlib import Path

import dns.message
import pytest
from hostile_dns import HostileServer, answer, garbage, hostile_server, silent, truncated
from sqlalchemy import select
from store_builder import DAY_SECONDS, NOW, ask, fill, line, report

from ingest.lookup import LookupSummary, host_name, look_up_sources
from ingest.resolver import NoNameServer, reverse_name
from settings import Lookup, Settings
from store.check import findings
from store.engine import open_reader
from store.errors import AlreadyRunning
from store.locks import run_lock
from store.schema import source

NameServer = Callable[..., str]
Row = tuple[str | None, bool | None, str | None]

REVERSE = "2.0.192.in-addr.arpa"
REVERSE_6 = "8.b.d.0.1.0.0.2.ip6.arpa"
ONE_6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
FORWARD = "mail A 192.0.2.1\nmail AAAA 2001:db8::1\n"


def fill_sources(url: str, *addresses: str) -> None:
    fill(url, [report("example.jp", 20_000, [line(ip, 1) for ip in addresses])])


def look_up(url: str, server: str, *, now: int = NOW, **options: float) -> LookupSummary:
    settings = {"timeout_seconds": 1.0, **options}
    return look_up_sources(
        Settings(database_url=url, lookup=Lookup(nameservers=(server,), **settings)),  # type: ignore[arg-type]
        now=now,
    )


def rows(url: str) -> dict[str, Row]:
    """(ptr, ptr_confirmed, ptr_state) by address."""
    columns = (source.c.ip, source.c.ptr, source.c.ptr_confirmed, source.c.ptr_state)
    return ask(
        url, lambda connection: {row[0]: (row[1], row[2], row[3]) for row in connection.execute(select(*columns))}
    )


@pytest.mark.requires_nsd
def test_a_host_name_is_confirmed_when_it_leads_back_to_the_address(sqlite_url: str, name_server: NameServer) -> None:
    reverse = """1 PTR Mail.example.jp.
2 PTR mail.example.jp.
3 PTR gone.example.jp.
4 TXT "no host name"
6 PTR other.example.jp.
6 PTR six.example.jp.
7 CNAME 7.0-31
7.0-31 PTR seven.example.jp.
8 PTR www.example.jp.
"""
    forward = f"{FORWARD}other A 192.0.2.66\nsix A 192.0.2.66\nsix A 192.0.2.6\nseven A 192.0.2.7\n" + (
        "www CNAME eight\neight A 192.0.2.8\n"
    )
    server = name_server({REVERSE: reverse, REVERSE_6: f"{ONE_6} PTR mail.example.jp.\n", "example.jp": forward})
    fill_sources(sqlite_url, *(f"192.0.2.{last}" for last in range(1, 9)), "2001:db8::1", "2001:db8::2")

    summary = look_up(sqlite_url, server)

    assert rows(sqlite_url) == {
        "192.0.2.1": ("mail.example.jp", True, "found"),
        "192.0.2.2": ("mail.example.jp", False, "found"),
        "192.0.2.3": ("gone.example.jp", False, "found"),
        "192.0.2.4": (None, False, "absent"),
        "192.0.2.5": (None, False, "absent"),
        "192.0.2.6": ("six.example.jp", True, "found"),
        "192.0.2.7": ("seven.example.jp", True, "found"),
        "192.0.2.8": ("www.example.jp", True, "found"),
        "2001:db8::1": ("mail.example.jp", True, "found"),
        "2001:db8::2": (None, False, "absent"),
    }
    assert (summary.asked, summary.found, summary.confirmed, summary.failed, summary.left) == (10, 7, 5, 0, 0)


@pytest.mark.requires_nsd
def test_a_name_that_no_host_can_have_is_not_kept(sqlite_url: str, name_server: NameServer) -> None:
    long = ".".join(["a" * 60] * 4)
    names = [
        r"\<script\>alert\(1\)\</script\>.example.jp.",
        r"mail\000\010\027[31m.example.jp.",
        r"xn--\227\129.example.jp.",
        r"two\032words.example.jp.",
        r"dot\.dot.example.jp.",
        "localhost.",
        "192.0.2.1.",
        ".",
        f"{'-' * 63}.example.jp.",
        rf"{long.replace('a', chr(92) + '001', 60)}.jp.",
    ]
    reverse = "".join(f"{last} PTR {name}\n" for last, name in enumerate(names, 1))
    reverse += f"100 PTR {names[0]}\n100 PTR mail.example.jp.\n"
    server = name_server({REVERSE: reverse, "example.jp": FORWARD + "mail A 192.0.2.100\n"})
    fill_sources(sqlite_url, *(f"192.0.2.{last}" for last in (*range(1, len(names) + 1), 100)))

    look_up(sqlite_url, server)

    found = rows(sqlite_url)
    assert found.pop("192.0.2.100") == ("mail.example.jp", True, "found")
    assert set(found.values()) == {(None, False, "bad-name")}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mail.Example.JP.", "mail.example.jp"),
        ("_dmarc.mail-1.example.jp", "_dmarc.mail-1.example.jp"),
        ("a" * 63 + ".example.jp", "a" * 63 + ".example.jp"),
        ("a" * 64 + ".example.jp", None),
        (".".join(["a" * 62] * 4) + ".a", ".".join(["a" * 62] * 4) + ".a"),
        (".".join(["a" * 62] * 4) + ".ab", None),
        ("mail..example.jp", None),
        ("mail.example.jp\n", None),
        ("日本.example.jp", None),
        ("", None),
    ],
)
def test_a_host_name_has_labels_of_letters_digits_and_hyphens(text: str, name: str | None) -> None:
    assert len(".".join(["a" * 62] * 4) + ".a") == 253
    assert host_name(text) == name


@pytest.mark.requires_nsd
def test_an_answer_of_four_kilobytes_comes_by_tcp(sqlite_url: str, name_server: NameServer) -> None:
    names = [f"{'customer-' * 5}{number:03}.example.jp." for number in range(80)]
    forward = "".join(f"{name.removesuffix('.example.jp.')} A 192.0.2.1\n" for name in names[2:])
    server = name_server({REVERSE: "".join(f"1 PTR {name}\n" for name in names), "example.jp": forward})
    fill_sources(sqlite_url, "192.0.2.1")

    look_up(sqlite_url, server)

    assert sum(map(len, names)) > 4_096
    assert rows(sqlite_url) == {"192.0.2.1": (f"{'customer-' * 5}002.example.jp", True, "found")}


@pytest.mark.requires_nsd
def test_what_dns_could_not_say_is_a_failure_and_not_an_absence(sqlite_url: str, name_server: NameServer) -> None:
    reverse = "1 CNAME 2\n2 CNAME 1\n3 CNAME 3\n4 PTR mail.broken.example.net.\n"
    server = name_server({REVERSE: reverse}, broken=("100.51.198.in-addr.arpa", "broken.example.net"))
    servfail, refused = "198.51.100.1", "203.0.113.1"
    fill_sources(sqlite_url, "192.0.2.1", "192.0.2.3", "192.0.2.4", servfail, refused)

    summary = look_up(sqlite_url, server)

    assert set(rows(sqlite_url).values()) == {(None, None, "failed")}
    assert (summary.asked, summary.found, summary.failed) == (5, 0, 5)


@pytest.mark.parametrize("behaviour", [silent, garbage, truncated])
def test_a_server_that_says_nothing_of_use_ends_in_a_timeout(
    sqlite_url: str, behaviour: Callable[[dns.message.Message], None]
) -> None:
    fill_sources(sqlite_url, "192.0.2.1", "192.0.2.2")

    with hostile_server(behaviour) as server:
        summary = look_up(sqlite_url, server.address, timeout_seconds=0.3)

    assert rows(sqlite_url) == {"192.0.2.1": (None, None, "timeout"), "192.0.2.2": (None, None, "timeout")}
    assert summary.failed == 2
    assert ("1.2.0.192.in-addr.arpa.", "PTR") in server.asked


def test_a_lost_packet_is_sent_again(sqlite_url: str) -> None:
    server: HostileServer

    def second_time(query: dns.message.Message) -> dns.message.Message | None:
        again = server.asked.count(server.asked[-1]) > 1
        text = "mail.example.jp." if server.asked[-1][1] == "PTR" else "192.0.2.1"
        return answer(query, text) if again else None

    fill_sources(sqlite_url, "192.0.2.1")

    with hostile_server(second_time) as server:
        look_up(sqlite_url, server.address)

    assert rows(sqlite_url) == {"192.0.2.1": ("mail.example.jp", True, "found")}


def test_a_dead_resolver_costs_a_run_no_more_than_its_seconds(sqlite_url: str) -> None:
    fill_sources(sqlite_url, *(f"192.0.2.{last}" for last in range(1, 201)))

    with hostile_server(silent) as server:
        summary = look_up(sqlite_url, server.address, at_once=10, timeout_seconds=0.8, seconds_per_run=2)

    assert summary.seconds < 20
    assert summary.asked == summary.failed
    assert 10 <= summary.asked < 200
    assert summary.asked + summary.left == 200
    assert sum(row == (None, None, "timeout") for row in rows(sqlite_url).values()) == summary.asked


def test_what_a_failure_cannot_say_stays_as_it_was(sqlite_url: str) -> None:
    fill_sources(sqlite_url, "192.0.2.1")
    with hostile_server(mail_host) as server:
        look_up(sqlite_url, server.address)
    later = NOW + 30 * DAY_SECONDS

    with hostile_server(silent) as server:
        summary = look_up(sqlite_url, server.address, now=later, timeout_seconds=0.2)

    assert (summary.asked, summary.failed) == (1, 1)
    assert rows(sqlite_url) == {"192.0.2.1": ("mail.example.jp", True, "timeout")}


def mail_host(query: dns.message.Message) -> dns.message.Message:
    """One host: 192.0.2.1 and mail.example.jp; every other address has no name."""
    (question,) = query.question
    if question.rdtype.name == "A":
        return answer(query, "192.0.2.1")
    if question.name.to_text().startswith("1."):
        return answer(query, "mail.example.jp.")
    made = dns.message.make_response(query)
    made.set_rcode(3)
    return made


def broken(query: dns.message.Message) -> dns.message.Message:
    made = dns.message.make_response(query)
    made.set_rcode(2)
    return made


HOUR = 3_600


@pytest.mark.parametrize(
    ("behaviour", "address", "age"),
    [
        (mail_host, "192.0.2.1", 30 * DAY_SECONDS),
        (mail_host, "192.0.2.2", 7 * DAY_SECONDS),
        (broken, "192.0.2.1", 6 * HOUR),
    ],
)
def test_an_address_is_asked_about_again_when_its_answer_is_old(
    sqlite_url: str, behaviour: Callable[[dns.message.Message], dns.message.Message], address: str, age: int
) -> None:
    fill_sources(sqlite_url, address)

    with hostile_server(behaviour) as server:
        asked = [look_up(sqlite_url, server.address, now=NOW + after).asked for after in (0, 1, age - 1, age, age + 1)]

    assert asked == [1, 0, 0, 1, 0]


def test_a_run_asks_about_no_more_addresses_than_its_cap_and_the_next_goes_on(sqlite_url: str) -> None:
    fill_sources(sqlite_url, *(f"192.0.2.{last}" for last in range(1, 6)))

    with hostile_server(broken) as server:
        first = look_up(sqlite_url, server.address, sources_per_run=3)
        failed_first = {ip for ip, row in rows(sqlite_url).items() if row[2]}
        # The failures are due again, but what was never asked comes before them.
        second = look_up(sqlite_url, server.address, sources_per_run=3, now=NOW + 7 * HOUR)

    assert (first.asked, first.left, second.asked, second.left) == (3, 2, 3, 2)
    assert failed_first == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}
    assert {row[2] for row in rows(sqlite_url).values()} == {"failed"}


def test_an_address_is_asked_about_once_however_many_reports_name_it(sqlite_url: str) -> None:
    fill(
        sqlite_url,
        [report(domain, day, [line("192.0.2.9", 1)]) for domain in ("example.jp", "example.com") for day in (1, 2)],
    )

    with hostile_server(mail_host) as server:
        look_up(sqlite_url, server.address)

    assert server.asked == [("9.2.0.192.in-addr.arpa.", "PTR")]


def test_addresses_of_local_networks_are_never_asked_about(sqlite_url: str) -> None:
    local = ["10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.31.0.1", "192.168.1.1", "224.0.0.1", "0.0.0.0"]
    fill_sources(sqlite_url, *local, "::1", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "")

    with hostile_server(mail_host) as server:
        summary = look_up(sqlite_url, server.address)
        again = look_up(sqlite_url, server.address, now=NOW + 1)

    assert server.asked == []
    assert set(rows(sqlite_url).values()) == {(None, False, "not-asked")}
    assert (summary.found, summary.failed, summary.left, again.asked) == (0, 0, 0, 0)


def test_two_thousand_new_addresses_are_named_in_half_a_minute_with_answers_of_20_milliseconds(
    sqlite_url: str,
) -> None:
    addresses = [f"{net}.{last}" for net in ("192.0.2", "198.51.100", "203.0.113") for last in range(1, 251)]
    addresses += [f"2001:db8::{number:x}" for number in range(1, 1_251)]
    # Made before the clock runs, so that the time is that of the asking side.
    answers = {}
    for number, ip in enumerate(addresses):
        host = f"host-{number}.example.jp."
        for name, kind, text in ((reverse_name(ip), "PTR", host), (host, "AAAA" if ":" in ip else "A", ip)):
            answers[name] = answer(dns.message.make_query(name, kind), text).to_wire()
    fill_sources(sqlite_url, *addresses)

    def all_hosts(query: dns.message.Message) -> bytes:
        return query.id.to_bytes(2, "big") + answers[query.question[0].name.to_text()][2:]

    with hostile_server(all_hosts, delay_seconds=0.02) as server:
        summary = look_up(sqlite_url, server.address, seconds_per_run=60, timeout_seconds=5)

    assert (summary.asked, summary.confirmed, summary.left) == (2_000, 2_000, 0)
    assert summary.seconds < 30
    assert rows(sqlite_url)["2001:db8::4e2"] == ("host-1999.example.jp", True, "found")


def test_questions_run_side_by_side_and_not_more_than_allowed(sqlite_url: str) -> None:
    fill_sources(sqlite_url, *(f"192.0.2.{last}" for last in range(2, 42)))

    with hostile_server(mail_host, delay_seconds=0.2) as server:
        fast = look_up(sqlite_url, server.address, at_once=40)
        slow = look_up(sqlite_url, server.address, at_once=4, now=NOW + 8 * DAY_SECONDS)

    assert (fast.asked, slow.asked) == (40, 40)
    # Ten rounds of 0.2 seconds instead of one.
    assert slow.seconds - fast.seconds > 1


def test_a_look_up_waits_for_no_other_run(sqlite_url: str) -> None:
    with run_lock(sqlite_url), pytest.raises(AlreadyRunning):
        look_up(sqlite_url, "127.0.0.1:9")


def test_without_any_name_server_it_says_what_to_set(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_sources(sqlite_url, "192.0.2.1")
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("# none\n")
    monkeypatch.setattr("dns.resolver.BaseResolver.__init__.__defaults__", (str(configuration), True))

    with pytest.raises(NoNameServer, match=r"set lookup\.nameservers"):
        look_up_sources(Settings(database_url=sqlite_url), now=NOW)


def test_a_new_host_name_renames_the_sender_of_its_address_only(sqlite_url: str) -> None:
    fill_sources(sqlite_url, "192.0.2.1", "192.0.2.2")

    with hostile_server(mail_host) as server:
        summary = look_up(sqlite_url, server.address)

    engine = open_reader(sqlite_url)
    with engine.connect() as connection:
        names = dict(
            connection.exec_driver_sql(
                "SELECT source.ip, sender.key FROM record JOIN source ON source.id = record.source_id "
                "JOIN sender ON sender.domain_id = record.domain_id AND sender.id = record.sender_id"
            ).all()
        )
    assert names == {"192.0.2.1": "server:example.jp", "192.0.2.2": "test:192.0.2.2"}
    assert summary.moved_records == 1
    assert findings(engine) == ()
    engine.dispose()
