"""The figures of a report are counted while its records are packed."""

import pytest
from packed_records import pack
from store_builder import line

from store.packing import PackedRecords, Sums
from store.values import Record, SourceFacts


def packed(records: list[Record]) -> PackedRecords:
    return pack(records, lambda ip: SourceFacts(ip, None, None, None, None, None, None))


@pytest.mark.parametrize(
    ("disposition", "place"),
    [
        ("none", "disposition_none"),
        ("pass", "disposition_none"),
        ("quarantine", "disposition_quarantine"),
        ("reject", "disposition_reject"),
        ("unknown", "disposition_unknown"),
    ],
)
def test_messages_are_counted_by_what_was_done_with_them(disposition: str, place: str) -> None:
    found = packed([line("192.0.2.1", 3, disposition=disposition), line("192.0.2.2", 2, spf=True)]).sums

    dispositions = {name: getattr(found, name) for name in Sums._fields if name.startswith("disposition_")}
    assert (found.records, found.messages, found.passed, sum(dispositions.values())) == (2, 5, 2, 5)
    assert dispositions[place] == (5 if place == "disposition_none" else 3)


def test_the_first_ten_records_that_could_not_be_read_whole_are_named_and_all_are_counted() -> None:
    found = packed([line(f"192.0.2.{number}", 1, bad="count") for number in range(1, 13)])

    assert found.bad == tuple(f"record {number} (count)" for number in range(1, 11))
    assert found.sums.bad_records == 12


def test_the_hash_of_many_records_is_one_of_256_bits_in_any_order() -> None:
    records = [line(f"192.0.2.{number}", number) for number in range(1, 51)]

    found = packed(records).content_hash

    assert len(found) == 64
    assert packed(records[::-1]).content_hash == found
    assert packed(records[1:]).content_hash != found
