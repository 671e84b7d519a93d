"""The store's totals, on both databases, and the real reports' totals."""

from store_builder import ask, fill, line, report

from analysis import totals
from analysis.frames import Scope
from analysis.totals import Dispositions, DomainLine, Totals

DAY = 20_000
STAFF = Scope(None)


def counted(url: str, domain: str | None = None, scope: Scope = STAFF) -> Totals | None:
    return ask(url, lambda connection: totals.build(connection, scope, domain))


def fill_two_domains(url: str) -> None:
    fill(
        url,
        [
            report("example.jp", DAY, [line("192.0.2.1", 10, dkim=True, disposition="pass"), line("192.0.2.2", 4)]),
            report(
                "example.jp",
                DAY - 400,
                [line("192.0.2.1", 3, spf=True, disposition="quarantine"), line("192.0.2.2", 2, disposition="reject")],
            ),
            report("example.jp", DAY, [], org="Empty"),
            report("example.com", DAY, [line("192.0.2.1", 7, dkim=True, spf=True), line("192.0.2.3", 0, bad="count")]),
            report("example.com", DAY, [line("192.0.2.1", 1, disposition="unknown")], org="Other"),
        ],
        customers={"Sakura": ["example.jp"], "Tanaka": ["example.com"]},
        quarantined=2,
    )


def test_totals_add_up_everything_that_is_in_force(store_url: str) -> None:
    fill_two_domains(store_url)

    assert counted(store_url) == Totals(
        reports=5,
        records=7,
        messages=27,
        passed=20,
        dispositions=Dispositions(none=21, quarantine=3, reject=2),
        disposition_unknown=1,
        empty=1,
        variants=0,
        partial=1,
        set_aside=0,
        quarantined=2,
        domains=(
            DomainLine("example.com", reports=2, records=3, messages=8, passed=7),
            DomainLine("example.jp", reports=3, records=4, messages=19, passed=13),
        ),
    )


def test_totals_of_one_domain_hold_nothing_of_another(store_url: str) -> None:
    fill_two_domains(store_url)

    found = counted(store_url, "example.com")

    assert found is not None
    assert (found.reports, found.records, found.messages, found.passed, found.empty) == (2, 3, 8, 7, 0)
    assert [row.domain for row in found.domains] == ["example.com"]


def test_a_correction_is_set_aside_and_adds_no_message(store_url: str) -> None:
    fill(
        store_url,
        [
            report("example.jp", DAY, [line("192.0.2.1", 8)], report_id="1", email="a@example.net"),
            report("example.jp", DAY, [line("192.0.2.1", 8, dkim=True)], report_id="1", email="b@example.net"),
            report("example.jp", DAY, [line("192.0.2.1", 9)], report_id="1", email="a@example.net"),
            report("example.jp", DAY, [line("192.0.2.1", 9)], report_id="1", email="a@example.net"),
        ],
    )

    found = counted(store_url)

    assert found is not None
    assert (found.reports, found.records, found.messages, found.passed) == (2, 2, 16, 8)
    assert (found.variants, found.set_aside) == (2, 1)


def test_an_empty_store_has_totals_of_zero(store_url: str) -> None:
    assert counted(store_url) == Totals(0, 0, 0, 0, Dispositions(0, 0, 0), 0, 0, 0, 0, 0, 0, ())


def test_a_customers_totals_are_its_own_and_show_no_quarantine(store_url: str) -> None:
    fill_two_domains(store_url)

    found = counted(store_url, scope=Scope((1,)))

    assert found is not None
    assert (found.messages, [row.domain for row in found.domains], found.quarantined) == (19, ["example.jp"], 0)
    assert counted(store_url, "example.com", Scope((1,))) is None
    assert counted(store_url, "absent.example.jp", Scope((1,))) is None
