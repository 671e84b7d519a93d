"""The timeline of what DNS said: new rows for other answers only, and none for a question without an answer."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from store_builder import NOW, ask, fill, report

from ingest.snapshots import SnapshotSummary, take_snapshots
from settings import Lookup, Settings
from store.engine import open_store, writing
from store.office import assign_domain
from store.schema import dns_snapshot
from store.snapshots import Look, Observation, Unanswered, due_domains, save_look, target

NameServer = Callable[..., str]
DAY = 86_400
Row = tuple[str, str, str, str, int, int]


def record(text: str, name: str = "_dmarc.example.jp") -> Observation:
    return Observation("dmarc", name, "found", {"texts": [text]})


def gone(name: str = "_dmarc.example.jp", *, expected: bool = True) -> Observation:
    return Observation("dmarc", name, "no-name", {}, expected)


def save(url: str, now: int, *said: Observation, unanswered: tuple[Unanswered, ...] = ()) -> int:
    engine = open_store(url)
    with writing(engine) as connection:
        domain_id = assign_domain(connection, "example.jp", None, now=NOW)
        changed = save_look(connection, domain_id, Look("example.jp", said, unanswered), now=now)
    engine.dispose()
    return changed


def rows(url: str, kind: str = "dmarc") -> list[Row]:
    columns = [dns_snapshot.c[name] for name in ("name", "state", "content", "first_seen_at", "last_seen_at")]
    wanted = select(*columns).where(dns_snapshot.c.kind == kind).order_by(dns_snapshot.c.id)
    return ask(url, lambda connection: [tuple(row) for row in connection.execute(wanted)])  # type: ignore[misc]


def test_an_answer_that_did_not_change_makes_no_new_row(store_url: str) -> None:
    changed = [save(store_url, at, record("v=DMARC1; p=none")) for at in (100, 200, 300)]

    assert changed == [1, 0, 0]
    assert rows(store_url) == [("_dmarc.example.jp", "found", '{"texts":["v=DMARC1; p=none"]}', 100, 300)]


def test_a_changed_record_a_vanished_one_and_one_that_came_back_are_rows_of_their_own(store_url: str) -> None:
    save(store_url, 100, record("p=none"))
    save(store_url, 200, record("p=reject"))
    save(store_url, 300, gone())
    save(store_url, 400, record("p=reject"))

    assert [(state, first, last) for _, state, _, first, last in rows(store_url)] == [
        ("found", 100, 100),
        ("found", 200, 200),
        ("no-name", 300, 300),
        ("found", 400, 400),
    ]


def test_a_question_without_an_answer_makes_no_row_and_is_said_by_the_last_look(store_url: str) -> None:
    save(store_url, 100, record("p=none"))
    changed = save(store_url, 200, unanswered=(Unanswered("dmarc", "_dmarc.example.jp", "timeout"),))
    later = save(store_url, 300, record("p=none"))

    assert (changed, later) == (0, 0)
    assert [(first, last) for *_, first, last in rows(store_url)] == [(100, 300)]
    assert rows(store_url, "look") == [("example.jp", "complete", '{"unanswered":[]}', 100, 300)]
    save(store_url, 400, unanswered=(Unanswered("dmarc", "_dmarc.example.jp", "timeout"),))
    assert rows(store_url, "look") == [
        ("example.jp", "partly", '{"unanswered":[["dmarc","_dmarc.example.jp","timeout"]]}', 100, 400)
    ]


def test_where_nothing_needs_to_stand_an_absence_is_kept_only_after_a_presence(store_url: str) -> None:
    save(store_url, 100, gone("s1", expected=False))
    save(store_url, 200, record("p=none", "s1"))
    save(store_url, 300, gone("s1", expected=False))

    assert [(state, first) for _, state, _, first, _ in rows(store_url)] == [("found", 200), ("no-name", 300)]


def test_the_order_of_keys_in_a_content_is_no_change(store_url: str) -> None:
    save(store_url, 100, Observation("mx", "example.jp", "found", {"a": 1, "b": {"c": 2, "d": 3}}))

    assert save(store_url, 200, Observation("mx", "example.jp", "found", {"b": {"d": 3, "c": 2}, "a": 1})) == 0


def test_a_clock_that_went_back_shortens_no_row(store_url: str) -> None:
    save(store_url, 300, record("p=none"))
    save(store_url, 100, record("p=none"))

    assert [(first, last) for *_, first, last in rows(store_url)] == [(300, 300)]


def test_hostile_bytes_of_a_record_are_stored_as_they_are(store_url: str) -> None:
    save(store_url, 100, record("\x00\x1b[31m\u2028v=DMARC1\ufffd"))

    assert rows(store_url)[0][2] == '{"texts":["\\u0000\\u001b[31m\u2028v=DMARC1\ufffd"]}'


def test_the_domain_not_looked_at_for_longest_comes_first_and_strangers_without_mail_never(sqlite_url: str) -> None:
    day = NOW // DAY
    mail = [report(name, day) for name in ("b.example.jp", "old.example.jp")]
    fill(sqlite_url, mail)
    save(sqlite_url, 100, record("p=none"))

    found = ask(sqlite_url, lambda connection: due_domains(connection, since_day=day - 90, limit=10))

    assert ([each.name for each in found[0]], found[1]) == (["example.jp"], 0)


ZONES = {
    "example.jp": '_dmarc TXT "v=DMARC1; p=none"\n@ TXT "v=spf1 -all"\n@ MX 10 mail\n',
    "jp": "",
}


def night(url: str, server: str, now: int, **options: float) -> SnapshotSummary:
    lookup = Lookup(nameservers=(server,), **{"timeout_seconds": 0.5, **options})  # type: ignore[arg-type]
    return take_snapshots(Settings(database_url=url, lookup=lookup), now=now)


@pytest.fixture
def registered(sqlite_url: str) -> str:
    engine = open_store(sqlite_url)
    with writing(engine) as connection:
        for name in ("example.jp", "example.com"):
            assign_domain(connection, name, None, now=NOW)
    engine.dispose()
    return sqlite_url


@pytest.mark.requires_nsd
def test_two_nights_of_the_same_zone_are_one_row_each_and_a_dead_server_changes_nothing(
    registered: str, name_server: NameServer
) -> None:
    server = name_server(ZONES)

    first, second = night(registered, server, NOW), night(registered, server, NOW + DAY)
    before = rows(registered)
    dead = night(registered, "127.0.0.1:1", NOW + 2 * DAY)

    assert (first.domains, first.left) == (2, 0)
    assert first.changed > 4
    assert (second.domains, second.changed) == (2, 0)
    assert before == [
        ("_dmarc.example.jp", "found", '{"texts":["v=DMARC1; p=none"]}', NOW, NOW + DAY),
    ]
    assert (dead.domains, dead.partly, dead.changed) == (2, 2, 0)
    assert rows(registered) == before


@pytest.mark.requires_nsd
def test_a_record_that_vanished_is_a_new_row(registered: str, name_server: NameServer) -> None:
    night(registered, name_server(ZONES), NOW)
    night(registered, name_server({"example.jp": "@ MX 10 mail\n", "jp": ""}), NOW + DAY)

    assert [(name, state) for name, state, *_ in rows(registered)] == [
        ("_dmarc.example.jp", "found"),
        ("_dmarc.example.jp", "no-name"),
    ]
    assert [state for _, state, *_ in rows(registered, "spf")] == ["found", "no-record"]
    assert [state for _, state, *_ in rows(registered, "spf-tree")] == ["found", "no-record"]


@pytest.mark.requires_nsd
def test_a_night_with_a_bound_of_one_domain_takes_the_other_in_the_next(
    registered: str, name_server: NameServer
) -> None:
    server = name_server({**ZONES, "example.com": "", "com": ""})

    one = night(registered, server, NOW, domains_per_run=1)
    names = {name for name, *_ in rows(registered, "look")}
    two = night(registered, server, NOW + DAY, domains_per_run=1)

    assert (one.domains, one.left, two.domains, two.left) == (1, 1, 1, 1)
    assert names == {"example.com"}
    assert {name for name, *_ in rows(registered, "look")} == {"example.com", "example.jp"}


def test_an_unknown_domain_is_no_target(sqlite_url: str) -> None:
    assert ask(sqlite_url, lambda connection: target(connection, "example.org")) is None
