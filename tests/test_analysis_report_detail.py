"""The list of reports with its filters, and one report in full, on both databases."""

import pytest
from packed_records import pack
from store_builder import DAY_SECONDS, NOW, ask, fill, line, report

from analysis import frames, report_detail
from analysis.frames import Period, ReportFilter, ReportRow, Scope
from analysis.report_detail import ReportDetail, Word
from store.packing import Report
from store.values import AuthResult, Policy, Reason, Record, Shape, SourceFacts

DAY = 20_000
STAFF = Scope(None)
PERIOD = Period(DAY - 1, DAY)
EVERY = ReportFilter()


def listed(url: str, only: ReportFilter = EVERY, *, limit: int = 100, scope: Scope = STAFF) -> list[ReportRow]:
    def question(connection: frames.Connection) -> list[ReportRow]:
        found = list(frames.reports(connection, scope, "example.jp", PERIOD, limit, only))
        assert limit < 100 or len(found) == frames.report_total(connection, scope, "example.jp", PERIOD, only)
        return found

    return ask(url, question)


def full(url: str, report_id: int, *, scope: Scope = STAFF, first: int = 0, rows: int = 100) -> ReportDetail | None:
    return ask(
        url,
        lambda connection: report_detail.build(connection, scope, "example.jp", report_id, first=first, rows=rows),
    )


def newest(url: str) -> ReportDetail:
    found = full(url, listed(url)[0].id)
    assert found is not None
    return found


def mixed(url: str) -> None:
    fill(
        url,
        [
            report("example.jp", DAY - 1, [line("192.0.2.1", 4, dkim=True)], p="quarantine"),
            report("example.jp", DAY, [], p="reject", sp="quarantine", repairs=("encoding",)),
            report("example.jp", DAY, [line("192.0.2.1", 2, bad="count")], org="Other", report_id="1"),
            report("example.jp", DAY, [line("192.0.2.1", 3)], org="Other", report_id="1"),
            (report("example.jp", DAY, [line("203.0.113.9", 90, dkim=True)], org="Forged"), "fail"),
            report("example.jp", DAY + 1, [line("192.0.2.1", 5)], org="After"),
            report("example.com", DAY, [line("192.0.2.1", 6)], org="Elsewhere"),
        ],
        customers={"Sakura": ["example.jp"], "Tanaka": ["example.com"]},
    )


def test_a_report_is_listed_with_its_states(store_url: str) -> None:
    mixed(store_url)

    found = listed(store_url)

    assert {(row.reporter, row.messages, row.states) for row in found} == {
        ("Reporter", 0, ("empty", "repaired")),
        ("Other", 2, ("partial",)),
        ("Other", 3, ("set-aside", "correction")),
        ("Reporter", 4, ()),
        ("Forged", 90, ()),
    }
    assert found[-1] == ReportRow(
        id=found[-1].id,
        reporter="Reporter",
        org_name="Reporter",
        email="dmarc@example.net",
        report_id=f"Reporter-{DAY - 1}",
        begin_at=(DAY - 1) * DAY_SECONDS,
        end_at=DAY * DAY_SECONDS - 1,
        p="quarantine",
        authenticity="unverified",
        records=1,
        bad_records=0,
        messages=4,
        passed=4,
    )


@pytest.mark.parametrize(
    ("only", "messages"),
    [
        (ReportFilter(state="counted"), {0, 2, 4}),
        (ReportFilter(state="set-aside"), {3}),
        (ReportFilter(state="failed"), {90}),
        (ReportFilter(state="related"), {3}),
        (ReportFilter(state="partial"), {2}),
        (ReportFilter(state="empty"), {0}),
        (ReportFilter(state="repaired"), {0}),
        (ReportFilter(reporter="Other"), {2, 3}),
        (ReportFilter(reporter="Other", state="counted"), {2}),
        (ReportFilter(reporter="Elsewhere"), set()),
    ],
)
def test_a_filter_lets_its_reports_pass_and_no_other(sqlite_url: str, only: ReportFilter, messages: set[int]) -> None:
    mixed(sqlite_url)

    assert {row.messages for row in listed(sqlite_url, only)} == messages


def test_a_short_list_holds_the_newest(store_url: str) -> None:
    mixed(store_url)

    assert [row.messages for row in listed(store_url, ReportFilter(reporter="Reporter"), limit=1)] == [0]
    assert ask(store_url, lambda connection: frames.reporter_names(connection, STAFF, "example.jp", PERIOD)) == (
        "Forged",
        "Other",
        "Reporter",
    )


def test_a_report_is_shown_with_its_own_words_beside_the_repaired_ones(store_url: str) -> None:
    results = (
        AuthResult("dkim", "example.jp", "s1", None, "fail", "hardfail", "bad key"),
        AuthResult("spf", None, None, "mfrom", "none", None, None),
    )
    reasons = (Reason("other", "Weird", "as it is"),)
    shape = Shape("example.jp", "b.example", None, "reject", False, False, "other", results, reasons, (), "1" * 64)
    policy = Policy("example.jp", "none", "none", None, "r", "r", 100, None, None, None, raw=(("p", "NONE!"),))
    begin = DAY * DAY_SECONDS
    record = Record("192.0.2.1", 7, shape)
    written = Report(
        part="a.xml",
        org_name="Org",
        email="a@example.net",
        report_id="1",
        begin=begin,
        end=begin + DAY_SECONDS - 1,
        policy=policy,
        records=pack([record], lambda ip: SourceFacts(ip, None, None, None, None, None, None)),
        errors=("first error", "second error"),
    )
    fill(store_url, [(written, "pass")])

    found = newest(store_url)

    assert (found.facts["org_name"], found.facts["messages"], found.facts["authenticity"]) == ("Org", 7, "pass")
    assert found.policy[0] == Word("p", "none", "NONE!")
    assert Word("pct", "100", None) in found.policy
    assert "np" not in [word.name for word in found.policy]
    assert found.errors == ("first error", "second error")
    assert (found.arrival.place, found.arrival.first_seen_at, found.arrival.kept) == ("0.xml", NOW, False)
    (row,) = found.records
    assert (row.record.ip, row.record.sender, row.record.envelope_from) == ("192.0.2.1", "192.0.2.1", "b.example")
    assert [tuple(each) for each in row.results] == [
        ("dkim", "example.jp", "s1", None, "fail", "hardfail", "bad key"),
        ("spf", None, None, "mfrom", "none", None, None),
    ]
    assert [tuple(each) for each in row.reasons] == [("other", "Weird", "as it is")]


def test_records_come_page_by_page_and_none_is_left_out(store_url: str) -> None:
    fill(store_url, [report("example.jp", DAY, [line(f"192.0.2.{number}", number) for number in range(1, 6)])])
    report_id = listed(store_url)[0].id

    seen: list[int] = []
    first: int | None = 0
    while first is not None:
        page = full(store_url, report_id, first=first, rows=2)
        assert page is not None
        seen += [row.record.messages for row in page.records]
        first = page.next

    assert seen == [1, 2, 3, 4, 5]


def test_a_report_of_another_customer_looks_like_one_that_does_not_exist(store_url: str) -> None:
    mixed(store_url)
    report_id = listed(store_url)[0].id

    assert full(store_url, report_id, scope=Scope((1,))) is not None
    assert full(store_url, report_id, scope=Scope((2,))) is None
    assert full(store_url, 999) is None
    assert listed(store_url, scope=Scope((2,))) == []
