"""One sender's page: why its records did not align, and what is kept as evidence of a decision."""

from typing import Any

from histories import tables
from screen_store import CLOUD, OWN, fill_store
from store_builder import ask

from analysis import sender_frames, sender_page
from analysis.alignment import RecordFacts
from analysis.frames import Period, Scope
from analysis.sender_frames import RecordRow
from store.values import AuthResult

TODAY = 20_781
EVERYTHING = Scope(None)
SIGNED = AuthResult("dkim", "other.example.net", "s1", None, "pass", None, None)


def record(messages: int, day: int, *results: AuthResult, dkim: bool = False, spf: bool = False) -> RecordRow:
    facts = RecordFacts("example.jp", None, "r", "r", dkim, spf, results)
    return RecordRow(day, f"reporter-{day}", "192.0.2.1", messages, "none", facts)


def test_equal_reasons_are_added_and_the_newest_record_stands_for_them() -> None:
    found = sender_page.causes([record(5, 12, SIGNED, spf=True), record(7, 10, SIGNED, spf=True)])

    (cause,) = found
    assert (cause.reason.way, cause.reason.code, cause.reason.domain) == ("dkim", "other-domain", "other.example.net")
    assert (cause.messages, cause.records, cause.last_day, cause.reporter) == (12, 2, 12, "reporter-12")


def test_a_record_that_missed_both_ways_has_two_reasons_and_one_that_aligned_has_none() -> None:
    found = sender_page.causes([record(3, 12, SIGNED), record(9, 11, SIGNED, dkim=True, spf=True)])

    assert [(cause.reason.way, cause.messages) for cause in found] == [("dkim", 3), ("spf", 3)]


def page(url: str, scope: Scope, name: str, key: str) -> Any:
    period = Period(TODAY - 29, TODAY)
    return ask(url, lambda connection: sender_page.build(connection, scope, name, key, tables(), period))


def test_only_staff_gets_other_domains_and_decisions(store_url: str) -> None:
    fill_store(store_url, TODAY)
    where = ask(store_url, lambda connection: sender_frames.domain_row(connection, EVERYTHING, "shop.example.jp"))
    assert where is not None

    staff = page(store_url, EVERYTHING, "shop.example.jp", f"test:{OWN}")
    customer = page(store_url, Scope((where.owner,)), "shop.example.jp", f"test:{OWN}")
    foreign = page(store_url, Scope((where.owner,)), "firm.example.com", f"test:{OWN}")

    assert [(row.domain, row.customer, row.messages) for row in staff.elsewhere] == [("firm.example.com", "Tanaka", 30)]
    assert (customer.elsewhere, customer.history) == ((), ())
    assert customer.sender == staff.sender
    assert foreign is None


def test_the_days_of_a_sender_are_its_own_and_whole(store_url: str) -> None:
    fill_store(store_url, TODAY)

    found = page(store_url, EVERYTHING, "shop.example.jp", f"test:{CLOUD}")

    assert len(found.days) == 30
    assert [(day.day, day.messages, day.dkim_only) for day in found.days if day.messages] == [(TODAY - 3, 100, 100)]
    assert sum(row.messages for row in found.reporters) == 100
    assert found.last_day == TODAY - 3


def test_evidence_is_of_the_sender_or_of_the_address_as_each_sender(sqlite_url: str) -> None:
    fill_store(sqlite_url, TODAY)

    def evidence(subject: str) -> Any:
        return ask(
            sqlite_url,
            lambda connection: sender_page.evidence_of(connection, EVERYTHING, "shop.example.jp", subject, tables()),
        )

    own = {"verdict": "ours-ok", "rule": "spf-aligned", "messages": 1104, "passed": 1104}
    assert evidence(f"test:{OWN}") == own
    assert evidence(f"source:{OWN}") == {f"test:{OWN}": own}
    assert evidence("test:nobody") == {}
