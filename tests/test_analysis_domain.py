"""One domain's page, on both databases."""

from store_builder import DAY_SECONDS, ask, fill, line, report

from analysis import domain
from analysis.days import DayRow
from analysis.domain import DomainPage
from analysis.frames import Period, PublishedPolicy, ReporterRow, Scope
from analysis.rates import PassRate
from store.packing import Report

DAY = 20_000
STAFF = Scope(None)


def page(url: str, name: str = "example.jp", scope: Scope = STAFF, *, days: int = 2) -> DomainPage | None:
    period = Period(DAY - days + 1, DAY)
    return ask(url, lambda connection: domain.build(connection, scope, name, period))


def shown(url: str, *, days: int = 2) -> DomainPage:
    found = page(url, days=days)
    assert found is not None
    return found


def mixed_day() -> Report:
    return report(
        "example.jp",
        DAY,
        [
            line("192.0.2.1", 10, dkim=True, spf=True),
            line("192.0.2.1", 5, dkim=True, disposition="pass"),
            line("192.0.2.2", 3, spf=True, disposition="quarantine"),
            line("198.51.100.7", 2, disposition="reject"),
            line("198.51.100.7", 1, disposition="unknown"),
        ],
    )


def test_a_day_is_split_by_alignment_and_by_disposition(store_url: str) -> None:
    fill(store_url, [mixed_day()])

    found = shown(store_url)

    assert found.days == (
        DayRow(DAY - 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        DayRow(
            DAY,
            messages=21,
            passed=18,
            both_aligned=10,
            dkim_only=5,
            spf_only=3,
            neither=3,
            disposition_none=15,
            disposition_quarantine=3,
            disposition_reject=2,
            disposition_unknown=1,
        ),
    )
    assert found.rate == PassRate(21, 18)


def test_mail_outside_the_period_or_of_another_domain_is_in_no_figure(store_url: str) -> None:
    fill(
        store_url,
        [
            report("example.jp", DAY - 2, [line("203.0.113.1", 50)], org="Before"),
            report("example.jp", DAY + 1, [line("203.0.113.2", 60)], org="After"),
            report("example.com", DAY, [line("203.0.113.3", 70)], org="Elsewhere"),
            report("example.jp", DAY, [line("192.0.2.1", 1, dkim=True)]),
        ],
    )

    found = shown(store_url)

    assert found.rate == PassRate(1, 1)
    assert [row.reporter for row in found.reporters] == ["Reporter"]
    assert found.report_total == 1
    assert found.last_report_end == (DAY + 2) * DAY_SECONDS - 1


def test_mail_of_a_failed_report_is_in_no_figure_but_the_report_is_counted_apart(store_url: str) -> None:
    fill(
        store_url,
        [
            (report("example.jp", DAY, [line("192.0.2.1", 4, spf=True)]), "pass"),
            (report("example.jp", DAY, [line("203.0.113.9", 90, dkim=True)], org="Forged"), "fail"),
        ],
    )

    found = shown(store_url)

    assert (found.rate, found.failed_authentication, found.unverified) == (PassRate(4, 4), 90, 0)
    assert found.days[1].messages == 4
    assert [row.reporter for row in found.reporters] == ["Reporter"]
    assert found.report_total == 2


def test_reporters_count_their_reports_in_force(store_url: str) -> None:
    fill(
        store_url,
        [
            report("example.jp", DAY - 1, [line("192.0.2.1", 4, dkim=True)], p="quarantine"),
            report("example.jp", DAY, [], p="reject", sp="quarantine", repairs=("encoding",)),
            report("example.jp", DAY, [line("192.0.2.1", 2)], org="Other", report_id="1"),
            report("example.jp", DAY, [line("192.0.2.1", 3)], org="Other", report_id="1"),
        ],
    )

    found = shown(store_url)

    day_end = (DAY + 1) * DAY_SECONDS - 1
    assert found.reporters == (
        ReporterRow("Reporter", reports=2, messages=4, passed=4, last_report_end=day_end),
        ReporterRow("Other", reports=1, messages=2, passed=0, last_report_end=day_end),
    )
    assert found.report_total == 4


def test_the_policy_is_that_of_the_newest_report_whatever_the_order_of_arrival(store_url: str) -> None:
    fill(
        store_url,
        [
            report("example.jp", DAY, [line("192.0.2.1", 1)], p="reject", sp="quarantine"),
            report("example.jp", DAY - 9, [line("192.0.2.1", 1)], p="none", sp="none"),
        ],
    )

    assert shown(store_url).policy == PublishedPolicy("reject", "quarantine", (DAY + 1) * DAY_SECONDS - 1)


def test_another_customers_domain_looks_like_one_that_does_not_exist(store_url: str) -> None:
    fill(store_url, [mixed_day()], customers={"Sakura": ["example.jp"], "Tanaka": ["example.com"]})

    assert page(store_url, scope=Scope((1,))) == page(store_url)
    assert page(store_url, scope=Scope((2,))) is None
    assert page(store_url, "absent.example.jp", Scope((2,))) is None
    assert page(store_url, "absent.example.jp") is None


def test_a_domain_without_mail_in_the_period_has_a_page_of_empty_tables(store_url: str) -> None:
    fill(store_url, [], customers={"Sakura": ["example.jp"]})

    found = shown(store_url)

    assert (found.rate.share, found.reporters, found.report_total, found.policy) == (None, (), 0, None)
    assert [day.day for day in found.days] == [DAY - 1, DAY]
