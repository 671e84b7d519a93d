"""What mail of an address or a sender looks like in total, from its rows."""

from collections.abc import Iterable

import numpy as np

from analysis.mail_rows import DAY_SHIFT, ID_BITS, MailLists, MailRows, failures, rows_of
from analysis.sender_looks import Aligned, Look, Mail, Reporters, mail_of, reporters_of
from analysis.streams import Evidence
from store.evidence import BOTH_ALIGNED, MARKS
from store.evidence import Evidence as Marked

SIGNED = MARKS["dkim_aligned"] | MARKS["spf_other"]
NAMED = MARKS["spf_aligned"] | MARKS["dkim_failed"]
FAILED = MARKS["dkim_absent"] | MARKS["spf_softfail"]

# Sender, source, day, reporter, marks, messages.
Row = tuple[int, int, int, str, int, int]


def counted(rows: Iterable[Row], recent_from: int) -> Mail:
    return mail_of(read(rows), recent_from)


def read(rows: Iterable[Row]) -> MailRows:
    """These rows, in two parts as the store gives them: first mail that aligned both ways, of all reporters."""
    rows = list(rows)
    both = lists([row for row in rows if row[4] == BOTH_ALIGNED])
    others = lists([row for row in rows if row[4] != BOTH_ALIGNED])
    return rows_of([both._replace(reporters=None), others])


def lists(rows: Iterable[Row]) -> MailLists:
    columns = [
        (sender << ID_BITS | source, day << DAY_SHIFT | marks, messages, reporter)
        for sender, source, day, reporter, marks, messages in rows
    ]
    *numbers, reporters = list(zip(*columns, strict=True)) or [(), (), (), ()]
    return MailLists(*(",".join(map(str, column)) for column in numbers), "\n".join(map(str, reporters)))


def number_of(mail: Mail, sender_id: int, source_id: int) -> int:
    columns = zip(mail.sender.tolist(), mail.source.tolist(), mail.look.tolist(), strict=True)
    places: dict[tuple[int, int], int] = {(mail.senders[sender], source): look for sender, source, look in columns}
    return places[sender_id, source_id]


def look_of(mail: Mail, sender_id: int, source_id: int) -> Look:
    return next(mail.looks.of(np.array([number_of(mail, sender_id, source_id)])))


def test_an_address_is_counted_over_days_reporters_and_marks() -> None:
    traces = [
        (1, 7, 20_000, "", BOTH_ALIGNED, 100),
        (1, 7, 20_000, "google.com", SIGNED, 4),
        (1, 7, 20_001, "yahoo.com", SIGNED, 2),
        (1, 7, 20_001, "google.com", NAMED, 10),
        (1, 7, 20_003, "mail.ru", FAILED, 30),
    ]

    mail = counted(traces, recent_from=20_001)

    look = look_of(mail, 1, 7)
    assert look.total == Aligned(messages=146, passed=116, dkim=106, spf=110)
    assert look.recent == Aligned(messages=42, passed=12, dkim=2, spf=10)
    assert (look.days, look.signed_reporters) == (3, 2)
    assert look.evidence == Evidence(
        messages=46, dkim_aligned=6, spf_aligned=10, spf_softfail=30, spf_other=6, dkim_absent=30, dkim_failed=10
    )
    assert (mail.first_days, mail.last_days) == ([20_000], [20_003])


def test_a_sender_is_all_its_addresses_and_counts_each_day_once() -> None:
    traces = [
        (1, 7, 20_000, "google.com", FAILED, 3),
        (1, 8, 20_000, "yahoo.com", FAILED, 3),
        (1, 9, 20_001, "yahoo.com", SIGNED, 1),
        (2, 7, 20_009, "", BOTH_ALIGNED, 50),
    ]

    mail = counted(traces, recent_from=20_001)

    one, two = mail.wholes
    assert mail.senders == [1, 2]
    assert one.total == Aligned(messages=7, passed=1, dkim=1, spf=0)
    assert one.recent == Aligned(messages=1, passed=1, dkim=1, spf=0)
    assert one.evidence.dkim_absent == 6
    assert (one.days, mail.first_days, mail.last_days) == (2, [20_000, 20_009], [20_001, 20_009])
    assert two.total == Aligned(messages=50, passed=50, dkim=50, spf=50)
    assert two.evidence == Evidence()


def test_addresses_that_look_alike_share_one_look_and_others_do_not() -> None:
    traces = [
        (1, 7, 20_000, "google.com", FAILED, 3),
        (2, 8, 20_004, "yahoo.com", FAILED, 3),
        (2, 9, 20_009, "yahoo.com", FAILED, 3),
        (2, 10, 20_004, "yahoo.com", FAILED, 4),
    ]

    mail = counted(traces, recent_from=20_009)

    assert number_of(mail, 1, 7) == number_of(mail, 2, 8)
    assert number_of(mail, 1, 7) != number_of(mail, 2, 9)
    assert number_of(mail, 1, 7) != number_of(mail, 2, 10)
    assert len(mail.looks) == 3


def test_addresses_whose_rows_begin_alike_do_not_look_alike() -> None:
    """One has a row more than the other, and two have rows that differ in the last one only."""
    traces = [
        (1, 7, 20_000, "google.com", FAILED, 3),
        (1, 8, 20_000, "google.com", FAILED, 3),
        (1, 8, 20_000, "google.com", NAMED, 2),
        (1, 9, 20_000, "google.com", FAILED, 3),
        (1, 9, 20_000, "google.com", NAMED, 5),
        (1, 10, 20_000, "google.com", NAMED, 5),
    ]

    mail = counted(traces, recent_from=20_009)

    assert [look_of(mail, 1, address).total.messages for address in (7, 8, 9, 10)] == [3, 5, 8, 5]
    assert [look_of(mail, 1, address).total.spf for address in (7, 8, 9, 10)] == [0, 2, 5, 5]
    assert len(mail.looks) == 4


def test_the_order_and_the_parts_of_traces_do_not_matter() -> None:
    whole = [(1, 7, 20_000, "google.com", FAILED, 3), (1, 7, 20_001, "google.com", SIGNED, 5)]
    parts = [whole[1], (1, 7, 20_000, "yahoo.com", FAILED, 1), (1, 7, 20_000, "google.com", FAILED, 2)]

    one, other = (look_of(counted(traces, recent_from=20_001), 1, 7) for traces in (whole, parts))

    assert one == other
    assert one.signed_reporters == 1


def test_a_record_of_no_messages_is_seen() -> None:
    look = look_of(counted([(1, 7, 20_000, "google.com", SIGNED, 0)], recent_from=20_000), 1, 7)

    assert (look.days, look.signed_reporters, look.total.messages) == (1, 0, 0)


def test_no_mail_has_no_senders() -> None:
    mail = counted([], recent_from=20_000)

    assert (mail.senders, mail.wholes, len(mail.looks)) == ([], [], 0)


def test_a_reporter_counts_once_for_a_sender_whichever_way_its_mail_aligned() -> None:
    traces = [
        (1, 7, 20_000, "google.com", FAILED, 3),
        (1, 8, 20_001, "google.com", SIGNED, 3),
        (1, 8, 20_001, "yahoo.com", FAILED, 0),
        (2, 9, 20_001, "yahoo.com", FAILED, 1),
        (3, 10, 20_001, "", BOTH_ALIGNED, 1),
    ]

    found = reporters_of(read(traces), [(1, "google.com"), (1, "mail.ru"), (3, "mail.ru")])

    assert found == Reporters(frozenset({"google.com", "yahoo.com", "mail.ru"}), {1: 3, 2: 1, 3: 1})


def test_an_address_failed_from_its_first_to_its_last_day_as_one_of_these_senders() -> None:
    traces = [
        (1, 9, 20_007, "google.com", FAILED, 1),
        (1, 8, 20_004, "google.com", FAILED, 1),
        (2, 8, 20_006, "yahoo.com", FAILED, 0),
        (2, 8, 20_005, "yahoo.com", FAILED, 1),
        (1, 8, 20_001, "google.com", FAILED, 1),
        (1, 10, 20_002, "google.com", FAILED, 1),
        (1, 8, 20_008, "google.com", SIGNED, 1),
        (3, 8, 20_009, "google.com", FAILED, 1),
        (1, 7, 20_005, "", BOTH_ALIGNED, 1),
    ]

    found = failures(read(traces), [1, 2], since=20_002)

    assert [column.tolist() for column in found] == [[8, 9, 10], [20_004, 20_007, 20_002], [20_006, 20_007, 20_002]]


def test_each_mark_of_the_store_is_a_fact_of_the_rules() -> None:
    assert Evidence._fields == ("messages", *Marked._fields)
    assert set(MARKS.values()) == {2**place for place in range(len(Marked._fields))}
