"""What mail of an address or a sender looks like in total, from its traces."""

from analysis.sender_looks import Aligned, mail_of
from analysis.verdict import Evidence
from store.evidence import BOTH_ALIGNED, MARKS
from store.evidence import Evidence as Marked

SIGNED = MARKS["dkim_aligned"] | MARKS["spf_other"]
NAMED = MARKS["spf_aligned"] | MARKS["dkim_failed"]
FAILED = MARKS["dkim_absent"] | MARKS["spf_softfail"]


def test_an_address_is_counted_over_days_reporters_and_marks() -> None:
    traces = [
        (1, 7, 20_000, "", BOTH_ALIGNED, 100),
        (1, 7, 20_000, "google.com", SIGNED, 4),
        (1, 7, 20_001, "yahoo.com", SIGNED, 2),
        (1, 7, 20_001, "google.com", NAMED, 10),
        (1, 7, 20_003, "mail.ru", FAILED, 30),
    ]

    mail = mail_of(traces, recent_from=20_001)[1]

    look = mail.addresses[7]
    assert look.total == Aligned(messages=146, passed=116, dkim=106, spf=110)
    assert look.recent == Aligned(messages=42, passed=12, dkim=2, spf=10)
    assert (look.days, look.signed_reporters) == (3, 2)
    assert look.evidence == Evidence(
        messages=46, dkim_aligned=6, spf_aligned=10, spf_softfail=30, spf_other=6, dkim_absent=30, dkim_failed=10
    )
    assert (mail.first_day, mail.last_day) == (20_000, 20_003)


def test_a_sender_is_all_its_addresses_and_counts_each_day_once() -> None:
    traces = [
        (1, 7, 20_000, "google.com", FAILED, 3),
        (1, 8, 20_000, "yahoo.com", FAILED, 3),
        (1, 9, 20_001, "yahoo.com", SIGNED, 1),
        (2, 7, 20_009, "", BOTH_ALIGNED, 50),
    ]

    mail = mail_of(traces, recent_from=20_001)

    assert mail[1].whole.total == Aligned(messages=7, passed=1, dkim=1, spf=0)
    assert mail[1].whole.recent == Aligned(messages=1, passed=1, dkim=1, spf=0)
    assert mail[1].whole.evidence.dkim_absent == 6
    assert (mail[1].whole.days, mail[1].first_day, mail[1].last_day) == (2, 20_000, 20_001)
    assert mail[2].whole.total == Aligned(messages=50, passed=50, dkim=50, spf=50)
    assert mail[2].whole.evidence == Evidence()


def test_addresses_that_look_alike_share_one_look_and_others_do_not() -> None:
    traces = [
        (1, 7, 20_000, "google.com", FAILED, 3),
        (2, 8, 20_004, "yahoo.com", FAILED, 3),
        (2, 9, 20_009, "yahoo.com", FAILED, 3),
        (2, 10, 20_004, "yahoo.com", FAILED, 4),
    ]

    mail = mail_of(traces, recent_from=20_009)

    assert mail[1].addresses[7] is mail[2].addresses[8]
    assert mail[1].addresses[7] is not mail[2].addresses[9]
    assert mail[1].addresses[7] is not mail[2].addresses[10]


def test_the_order_and_the_parts_of_traces_do_not_matter() -> None:
    whole = [(1, 7, 20_000, "google.com", FAILED, 3), (1, 7, 20_001, "google.com", SIGNED, 5)]
    parts = [whole[1], (1, 7, 20_000, "yahoo.com", FAILED, 1), (1, 7, 20_000, "google.com", FAILED, 2)]

    one, other = (mail_of(traces, recent_from=20_001)[1].addresses[7] for traces in (whole, parts))

    assert (one.total, one.recent, one.days, one.evidence) == (other.total, other.recent, other.days, other.evidence)
    assert one.signed_reporters == other.signed_reporters == 1


def test_a_record_of_no_messages_is_seen_but_shows_no_signature() -> None:
    look = mail_of([(1, 7, 20_000, "google.com", SIGNED, 0)], recent_from=20_000)[1].addresses[7]

    assert (look.days, look.signed_reporters, look.total.messages) == (1, 0, 0)


def test_each_mark_of_the_store_is_a_fact_of_the_rules() -> None:
    assert Evidence._fields == ("messages", *Marked._fields)
    assert set(MARKS.values()) == {2**place for place in range(len(Marked._fields))}
