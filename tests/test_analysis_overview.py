"""The overview's figures, on both databases."""

from store_builder import DAY_SECONDS, ask, fill, line, report

from analysis import overview
from analysis.frames import PublishedPolicy, Scope
from analysis.overview import Overview
from analysis.rates import PassRate

DAY = 20_000
STAFF = Scope(None)


def seen(url: str, scope: Scope = STAFF, *, today: int = DAY, days: int = 3) -> Overview:
    return ask(url, lambda connection: overview.build(connection, scope, today=today, days=days))


def test_a_row_sums_the_period_and_divides_messages_by_messages(store_url: str) -> None:
    fill(
        store_url,
        [
            report("example.jp", DAY - 3, [line("192.0.2.1", 1_000, dkim=True)]),
            report("example.jp", DAY - 2, [line("192.0.2.1", 5, dkim=True), line("192.0.2.2", 3)]),
            report("example.jp", DAY, [line("192.0.2.1", 2, spf=True)], org="Other"),
            report("example.jp", DAY, [], org="Empty"),
        ],
        customers={"Sakura": ["example.jp"]},
    )

    (row,) = seen(store_url).rows

    assert (row.domain, row.customer) == ("example.jp", "Sakura")
    assert row.rate == PassRate(messages=10, passed=7)
    assert row.rate.share == 0.7
    assert row.daily == (PassRate(8, 5), PassRate(0, 0), PassRate(2, 2))
    assert (row.unverified, row.failed_authentication) == (10, 0)
    assert (row.reports, row.reporters) == (3, 3)
    assert row.last_report_end == (DAY + 1) * DAY_SECONDS - 1


def test_no_mail_has_no_pass_rate_rather_than_zero(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY - 90, [line("192.0.2.1", 4, dkim=True)])])

    shown = seen(store_url)

    assert shown.rows[0].rate.share is None
    assert [rate.share for rate in shown.rows[0].daily] == [None, None, None]
    assert shown.rate == PassRate(0, 0)
    assert (shown.rows[0].reports, shown.rows[0].reporters) == (0, 0)
    assert shown.rows[0].policy is not None


def test_a_registered_domain_without_a_report_is_shown_and_has_no_policy(store_url: str) -> None:
    fill(store_url, [], customers={"Sakura": ["example.jp"]})

    (row,) = seen(store_url).rows

    assert (row.domain, row.policy, row.last_report_end, row.reports) == ("example.jp", None, None, 0)


def test_mail_of_a_failed_report_is_counted_apart_and_its_policy_is_not_believed(store_url: str) -> None:
    fill(
        store_url,
        [
            (report("example.jp", DAY - 1, [line("192.0.2.1", 8, dkim=True)], p="quarantine", sp="reject"), "pass"),
            (report("example.jp", DAY, [line("203.0.113.9", 500, dkim=True)], org="Forged", p="none"), "fail"),
        ],
    )

    (row,) = seen(store_url).rows

    assert row.rate == PassRate(8, 8)
    assert (row.failed_authentication, row.unverified) == (500, 0)
    assert row.daily[-1] == PassRate(0, 0)
    assert row.policy == PublishedPolicy("quarantine", "reject", DAY * DAY_SECONDS - 1)
    assert (row.reports, row.reporters) == (1, 1)


def test_a_variant_is_added_and_a_correction_is_not(store_url: str) -> None:
    fill(
        store_url,
        [
            report("example.jp", DAY, [line("192.0.2.1", 8)], report_id="1", email="a@example.net"),
            report("example.jp", DAY, [line("192.0.2.1", 8, dkim=True)], report_id="1", email="b@example.net"),
            report("example.jp", DAY, [line("192.0.2.1", 9)], report_id="1", email="a@example.net"),
        ],
    )

    (row,) = seen(store_url).rows

    assert row.rate == PassRate(16, 8)
    assert (row.reports, row.reporters, row.variants) == (2, 1, 2)


def test_a_report_with_an_unreadable_record_is_partial(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY, [line("192.0.2.1", 8), line("192.0.2.2", 0, bad="count")])])

    assert seen(store_url).rows[0].partial == 1


def test_a_customer_sees_its_own_domains_only_and_staff_the_unassigned_too(store_url: str) -> None:
    reports = [report(name, DAY, [line("192.0.2.1", 1)]) for name in ("b.example.jp", "a.example.jp", "c.example.jp")]
    fill(store_url, reports, customers={"Sakura": ["b.example.jp"], "Tanaka": ["a.example.jp"]})

    assert [(row.domain, row.customer) for row in seen(store_url).rows] == [
        ("a.example.jp", "Tanaka"),
        ("b.example.jp", "Sakura"),
        ("c.example.jp", None),
    ]
    assert [row.domain for row in seen(store_url, Scope((1,))).rows] == ["b.example.jp"]
    assert seen(store_url, Scope(())).rows == ()
    assert seen(store_url, Scope((1,))).rate == PassRate(1, 0)


def test_a_report_of_several_days_touches_each_period_it_reaches_into(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY - 4, [line("192.0.2.1", 7, dkim=True)], days=7)])

    shown = seen(store_url)

    assert shown.rows[0].daily == (PassRate(1, 1), PassRate(1, 1), PassRate(1, 1))
    assert shown.rows[0].reports == 1
    assert seen(store_url, today=DAY + 5, days=3).rows[0].reports == 0
