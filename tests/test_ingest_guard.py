"""The guard: limits, raw identity, and its own count of records and messages."""

import resource
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xml_reports import BEGIN, END, NOON, record, report

from ingest.guard import Guard, Head, NotPlain, RawRecord, read_count, read_period
from ingest.reading import Reading
from ingest.wall import Malformed, Refused
from settings import Limits

Read = Callable[[bytes | str], Reading]


def scan(text: str, *, limits: Limits | None = None, step: int = 65_536) -> tuple[list[RawRecord], Head, Guard]:
    guard = Guard(limits or Limits(), known=frozenset(), registered=None)
    body = text.partition("?>\n")[2].encode()
    found = [raw for start in range(0, len(body), step) for raw in guard.feed(body[start : start + step])]
    return found, guard.close(), guard


def gzipped(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


def test_the_raw_identity_is_read_whole_and_only_trimmed() -> None:
    _, head, _ = scan(
        report(
            record(),
            org_name=" Example, Inc. ",
            report_id="<2026.09@mx.example.com>".replace("<", "&lt;").replace(">", "&gt;"),
        )
    )

    assert head.text("report_id") == "<2026.09@mx.example.com>"
    assert head.text("org_name") == "Example, Inc."
    assert head.text("email") == "dmarc@receiver.example.com"
    assert head.text("domain") == "example.jp"
    assert (head.text("begin"), head.text("end")) == (str(BEGIN), str(END))


def test_records_are_counted_and_their_counts_summed_from_the_raw_text() -> None:
    found, _, guard = scan(report(record("192.0.2.1", 3), record("192.0.2.2", 4), record("192.0.2.1", 5)))

    assert [(raw.ip_text, raw.count_text) for raw in found] == [
        (b"192.0.2.1", b"3"),
        (b"192.0.2.2", b"4"),
        (b"192.0.2.1", b"5"),
    ]
    assert (guard.records, guard.messages) == (3, 12)


def test_records_alike_but_for_address_and_count_are_one_shape() -> None:
    found, _, guard = scan(report(record("192.0.2.1", 3), record("2001:db8::1", 44), record(disposition="reject")))

    assert found[0].shape == found[1].shape != found[2].shape
    assert len(guard.novel) == 2


@pytest.mark.parametrize("step", [1, 7, 64, 65_536])
def test_the_size_of_the_steps_changes_nothing(step: int) -> None:
    text = report(*(record(f"192.0.2.{n}", n, dkim="fail" if n % 3 else "pass") for n in range(40)))
    whole, stepped = scan(text), scan(text, step=step)

    assert stepped[0] == whole[0]
    assert stepped[1].texts == whole[1].texts
    assert (stepped[2].records, stepped[2].messages) == (40, 780)


@pytest.mark.parametrize(
    "unusual",
    [
        "<!-- <record></record> -->",
        "<![CDATA[<record></record>]]>",
        "<?note <record></record>?>",
        '<record a="b"></record>',
        "<record ></record>",
        "<x:record></x:record>",
    ],
)
def test_what_only_looks_like_a_record_is_never_counted_as_one_unseen(unusual: str) -> None:
    with pytest.raises(NotPlain):
        scan(report(record(), unusual))


def test_a_record_inside_a_record_is_not_read_as_two(read: Read) -> None:
    reading = read(report(record(identifiers=record())))

    assert not reading.reports or reading.reports[0].records.sums.records == 1


def test_a_document_that_stops_in_the_middle_is_not_a_report() -> None:
    with pytest.raises(Malformed) as caught:
        scan(report(record(), record())[:-40])

    assert caught.value.at_end


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("begin", "x"),
        ("begin", ""),
        ("begin", "-1"),
        ("begin", "１２３４５６７８９０"),
        ("begin", f"{BEGIN}000"),
        ("end", str(BEGIN - 1)),
        ("begin", str(NOON + 3 * 86_400)),
        ("end", "253402300800"),
    ],
)
def test_a_period_that_no_report_can_have_is_refused(name: str, text: str) -> None:
    _, head, _ = scan(report(record(), **({"begin": BEGIN, "end": END} | {name: text})))  # type: ignore[arg-type]

    with pytest.raises(Refused) as caught:
        read_period(head, Limits(), NOON, operator_named=True)
    assert caught.value.code in ("bad_period", "span")


def test_a_period_of_whole_seconds_written_as_a_fraction_is_read() -> None:
    _, head, _ = scan(report(record(), begin=f"{BEGIN}.0", end=f"{END}.000"))

    assert read_period(head, Limits(), NOON, operator_named=True) == (BEGIN, END, ())


def test_a_span_over_35_days_is_refused_and_one_of_35_days_is_read() -> None:
    _, long, _ = scan(report(record(), end=BEGIN + 35 * 86_400 + 1))
    _, allowed, _ = scan(report(record(), end=BEGIN + 35 * 86_400))

    with pytest.raises(Refused, match="span"):
        read_period(long, Limits(), NOON, operator_named=True)
    assert read_period(allowed, Limits(), NOON, operator_named=True)[1] == BEGIN + 35 * 86_400


def test_a_time_before_dmarc_is_refused_from_a_mailbox_and_noted_in_a_named_file() -> None:
    _, head, _ = scan(report(record(), begin=100, end=200))

    with pytest.raises(Refused, match="2012"):
        read_period(head, Limits(), NOON, operator_named=False)
    assert read_period(head, Limits(), NOON, operator_named=True) == (100, 200, ("old-period",))


@pytest.mark.parametrize(
    "text", ["-5", "", "1_000", "1e3", "٣", "９", "2147483648", "9223372036854775808", "1.0", "+1"]
)
def test_a_count_that_is_not_a_plain_number_in_range_is_no_count(text: str) -> None:
    assert read_count(text.encode()) is None


def test_counts_from_zero_to_the_largest_are_read() -> None:
    assert [read_count(text) for text in (b"0", b"007", b"2147483647")] == [0, 7, 2_147_483_647]


def test_an_unregistered_domain_gets_the_small_limits_and_a_registered_one_the_large() -> None:
    text = report(*(record(f"192.0.2.{n % 250}", n) for n in range(5_001))).partition("?>\n")[2].encode()

    stranger = Guard(Limits(), known=frozenset(), registered=frozenset({"example.com"}))
    with pytest.raises(Refused, match="5,000 records"):
        list(stranger.feed(text))
    ours = Guard(Limits(), known=frozenset(), registered=frozenset({"example.jp"}))
    assert len(list(ours.feed(text))) == 5_001


HOSTILE = {
    "99 MB of blanks after the report": lambda: report(record()).encode()[22:] + b" " * 99_000_000,
    "20 million unclosed tags": lambda: b"<feedback>" + b"<a>" * 20_000_000,
    "23 million empty tags": lambda: b"<feedback>" + b"<a/>" * 23_000_000,
    "200,000 attributes": lambda: (
        b"<feedback><a " + b"".join(b'a%d="" ' % n for n in range(200_000)) + b"/></feedback>"
    ),
    "10 MB org_name": lambda: report(record(), org_name="x" * 10_000_000).encode()[22:],
    "billion laughs": lambda: b'<!DOCTYPE f [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>' + report(record()).encode()[22:],
    "external entity": lambda: b'<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><feedback>&x;</feedback>',
    "attribute defaults": lambda: b'<!DOCTYPE f [<!ATTLIST record a CDATA "xxxx">]><feedback/>',
    "one endless record": lambda: b"<feedback><record>" + b"<a>x</a>" * 20_000_000,
    "a record of 100,000 elements": lambda: b"<feedback><record>" + b"<a/>" * 100_000 + b"</record></feedback>",
}


def feed_all(content: bytes, starts: list[int]) -> None:
    guard = Guard(Limits(), known=frozenset(), registered=None)
    for start in range(0, len(content), 65_536):
        starts.append(start)
        list(guard.feed(content[start : start + 65_536]))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused_before_two_megabytes_of_it_are_read(name: str) -> None:
    """How long that takes is measured by benchmarks/hostile.py."""
    content, starts = HOSTILE[name](), []

    with pytest.raises(Refused):
        feed_all(content, starts)
    assert starts[-1] < 2_000_000


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_costs_no_150_megabytes(name: str, read: Read) -> None:
    content = gzipped(HOSTILE[name]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    reading = read(content)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000
    assert not reading.reports
    assert reading.refusals


def test_an_endless_comment_and_zeros_are_refused_too(read: Read) -> None:
    for content in (b"<feedback><!--" + b"x" * 10_000_000, b"<feedback>" + b"\0" * 10_000_000):
        assert not read(gzipped(content)).reports


@given(st.binary(max_size=400))
def test_random_bytes_end_in_a_refusal_or_as_no_report(noise: bytes) -> None:
    with pytest.raises((Refused, Malformed, NotPlain)):
        fed(noise)


def fed(content: bytes) -> Head:
    guard = Guard(Limits(), known=frozenset(), registered=None)
    list(guard.feed(content))
    return guard.close()


@pytest.mark.parametrize("blanks", [0, 1, 1_000, 2_000, 60_000])
def test_blanks_between_records_change_nothing_and_more_than_any_reporter_writes_are_refused(
    blanks: int, read: Read
) -> None:
    rows = [record(f"192.0.2.{number}", number) for number in range(1, 5)]

    found = read(report((" " * blanks).join(rows))).reports[0]

    assert [each.messages for each in found.records] == [1, 2, 3, 4]
    assert [refusal.code for refusal in read(report((" " * 200_000).join(rows))).refusals] == ["text"]
