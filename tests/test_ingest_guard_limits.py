"""The guard's edges: what each limit allows and refuses, in which words, and which shape a record has."""

from collections.abc import Container

import pytest
from xml_reports import BEGIN, END, NOON, record, report

from ingest.forms import form_of
from ingest.guard import EARLIEST_BEGIN, Guard, Head, NotPlain, RawRecord, read_count, read_period, read_record
from ingest.wall import Malformed, Refused
from settings import Limits

DAY = 86_400


def plain(text: str) -> bytes:
    """A report's document without the XML declaration."""
    return text.partition("?>\n")[2].encode()


def guarded(
    document: bytes,
    *,
    limits: Limits | None = None,
    step: int = 65_536,
    known: Container[bytes] = frozenset(),
    forms: Container[bytes] = frozenset(),
    registered: frozenset[str] | None = None,
) -> tuple[list[RawRecord], Head, Guard]:
    guard = Guard(limits or Limits(), known=known, registered=registered, forms=forms)
    found = [raw for start in range(0, len(document), step) for raw in guard.feed(document[start : start + step])]
    return found, guard.close(), guard


def refused(document: bytes, **how: object) -> tuple[str, str]:
    """Code and words of the refusal."""
    with pytest.raises(Refused) as caught:
        guarded(document, **how)  # type: ignore[arg-type]
    return caught.value.code, caught.value.detail


@pytest.mark.parametrize("note", ["<!-- note -->", "<?note x?>", "<note><![CDATA[x]]></note>", "<x:note/>"])
def test_a_document_with_comments_cdata_instructions_or_prefixes_is_to_be_rewritten_first(note: str) -> None:
    with pytest.raises(NotPlain):
        guarded(plain(report(record(), note)))
    with pytest.raises(NotPlain):
        guarded(plain(report(record(), metadata=note)))


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        ("<feedback><report_metadata/><report_metadata/>", "repeated", "<report_metadata> stands twice"),
        ("<feedback><policy_published/><policy_published/>", "repeated", "<policy_published> stands twice"),
        (
            "<feedback><report_metadata><org_name>a</org_name><org_name>b</org_name>",
            "repeated",
            "<org_name> stands twice in the header",
        ),
        ("<html>", "not-a-report", "the root element is not <feedback> but <html>"),
        (f"<{'x' * 50}>", "not-a-report", f"the root element is not <feedback> but <{'x' * 40}>"),
    ],
)
def test_a_document_that_says_who_it_is_twice_or_is_no_report_is_refused(document: str, code: str, words: str) -> None:
    assert refused(document.encode()) == (code, words)


def test_a_schema_around_the_report_is_named_so_that_it_can_be_mended() -> None:
    with pytest.raises(Malformed, match=r"^a <schema> stands around the report$") as caught:
        guarded(b'<schema xmlns="x"><feedback/></schema>')
    assert caught.value.at_end is False


def test_what_no_identity_is_made_of_may_stand_twice() -> None:
    twice = "<version>1.0</version><version>2.0</version><note/><note/>"
    _, head, _ = guarded(plain(report(record(), twice, metadata="<errors/><errors/><note>org_name</note>")))

    assert head.text("version") == "2.0"
    assert head.text("org_name") == "receiver.example.com"
    assert head.text("note") is None


def test_the_head_is_what_stands_around_the_records_with_the_namespace_of_the_root() -> None:
    first, second = record("192.0.2.1"), record("192.0.2.2")
    document = f'<feedback xmlns="urn:x"><a xmlns="urn:y"/>{first}\n <b>between</b> {second}\n<c/>\n</feedback>\n'
    for step in (1, 65_536):
        _, head, _ = guarded(document.encode(), step=step)

        assert head.before == b'<feedback xmlns="urn:x"><a xmlns="urn:y"/>'
        assert b"".join(head.after.split()) == b"<b>between</b><c/></feedback>"
        assert head.namespace == "urn:x"
    assert guarded(plain(report(record())))[1].namespace is None


def test_each_record_adds_its_count_and_one_that_cannot_be_read_adds_nothing() -> None:
    found, _, guard = guarded(plain(report(record(count=3), record(count="x"), record(count=0), record(count=4))))

    assert [raw.messages for raw in found] == [3, None, 0, 4]
    assert (guard.records, guard.messages) == (4, 7)


RECORDS = [record(f"192.0.2.{n}", n) for n in range(1, 6)]


def test_a_report_may_have_as_many_records_as_the_limit_says_and_no_more() -> None:
    limits = Limits(records=5, unregistered_records=4)
    five, six = plain(report(*RECORDS)), plain(report(*RECORDS, record()))

    assert len(guarded(five, limits=limits)[0]) == 5
    assert refused(six, limits=limits) == ("too_many_records", "more than 5 records")
    known, strange = frozenset({"example.jp"}), frozenset({"example.com"})
    assert len(guarded(five, limits=limits, registered=known)[0]) == 5
    assert len(guarded(plain(report(*RECORDS[1:])), limits=limits, registered=strange)[0]) == 4
    assert refused(five, limits=limits, registered=strange) == ("too_many_records", "more than 4 records")


@pytest.mark.parametrize("step", [100, 65_536])
def test_a_report_may_be_as_large_as_the_limit_says_and_no_larger(step: int) -> None:
    document = plain(report(*RECORDS))
    size, known = len(document), frozenset({"example.jp"})

    exact = Limits(inflated_bytes=size, unregistered_inflated_bytes=size)
    assert guarded(document, limits=exact, step=step)[2].records == 5
    assert guarded(document, limits=exact, step=step, registered=frozenset())[2].records == 5
    small = Limits(inflated_bytes=size - 1, unregistered_inflated_bytes=size)
    assert refused(document, limits=small, step=step, registered=known) == (
        "too_big",
        f"more than {size - 1:,} bytes of XML",
    )
    strict = Limits(inflated_bytes=size, unregistered_inflated_bytes=size - 1)
    assert refused(document, limits=strict, step=step, registered=frozenset())[0] == "too_big"


def test_a_registered_domain_is_known_in_any_spelling() -> None:
    limits = Limits(unregistered_records=1)
    document = plain(report(*RECORDS, domain="EXAMPLE.jp."))

    assert len(guarded(document, limits=limits, registered=frozenset({"example.jp"}))[0]) == 5
    assert refused(plain(report(*RECORDS, domain="")), limits=limits, registered=frozenset({"example.jp"}))


def headed(size: int) -> bytes:
    """A document with so many bytes outside its one record."""
    empty = len(plain(report(metadata="")))
    notes, rest = divmod(size - empty, 1_000)
    padding = "".join(f"<n>{'x' * 993}</n>" for _ in range(notes - 1)) + f"<n>{'x' * (993 + rest)}</n>"
    return plain(report(record(), metadata=padding))


def test_a_header_may_have_256_kibibytes_and_no_byte_more() -> None:
    assert guarded(headed(262_144))[2].records == 1
    assert refused(headed(262_145)) == ("header", "more than 256 KiB outside the records")


def test_bytes_behind_and_between_the_records_are_header_too() -> None:
    padding = "".join(f"<n>{'x' * 993}</n>" for _ in range(100))
    between = plain(report(record(), padding, record(), padding, record(), padding))

    assert refused(between) == ("header", "more than 256 KiB outside the records")


def test_one_record_may_have_a_mebibyte_and_no_byte_more() -> None:
    for size in (1_048_576, 1_048_577):
        guard = Guard(Limits(), known=frozenset(), registered=None)
        list(guard.feed(b"<feedback>"))
        begun = b"<record>".ljust(size, b"x")
        if size == 1_048_576:
            assert list(guard.feed(begun)) == []
            continue
        with pytest.raises(Refused, match=r"^record: one record longer than 1 MiB$"):
            guard.feed(begun)


def wide(elements: int, attribute: str = "") -> bytes:
    return b"<record>" + f"<a{attribute}></a>".encode() * (elements - 1) + b"</record>"


def test_a_record_may_have_2000_elements_and_attributes_and_no_more() -> None:
    many = ("elements", "more elements or attributes than any honest record has")

    assert len(read_record(wide(2_000)).tree or ()) == 1_999
    assert len(read_record(wide(1_001, ' b="1" c="2"')).tree or ()) == 1_000
    for xml in (wide(2_001), b"<record><a/>" + wide(2_000)[8:], wide(1_002, ' b="1" c="2"')):
        with pytest.raises(Refused) as caught:
            read_record(xml)
        assert (caught.value.code, caught.value.detail) == many


@pytest.mark.parametrize("inner", ["<record></record>", "<a/><record></record>"])
def test_a_record_inside_a_record_is_refused(inner: str) -> None:
    with pytest.raises(Refused) as caught:
        read_record(f"<record>{inner}</record>".encode())
    assert (caught.value.code, caught.value.detail) == ("record", "a record inside a record")


@pytest.mark.parametrize(
    "odd", ["<!-- a -->", "<?a b?>", "<x:a/>", '<a xmlns="urn:x"/>', '<a xmlns:x="urn:x"><x:b/></a>']
)
def test_a_record_with_comments_instructions_or_names_of_another_space_is_to_be_rewritten_first(odd: str) -> None:
    with pytest.raises(NotPlain):
        read_record(f"<record>{odd}</record>".encode())


def test_a_record_that_is_not_well_formed_is_malformed_in_its_middle() -> None:
    with pytest.raises(Malformed, match="mismatched tag") as caught:
        read_record(b"<record><a></b></record>")
    assert caught.value.at_end is False


def test_a_text_in_a_record_may_have_4096_characters_and_blanks_more() -> None:
    assert read_record(f"<record><a>{'x' * 4_096}</a></record>".encode()).tree is not None
    assert read_record(f"<record><a>{' ' * 5_000}</a></record>".encode()).tree is not None
    with pytest.raises(Refused) as caught:
        read_record(f"<record><a>{'x' * 4_097}</a></record>".encode())
    assert (caught.value.code, caught.value.detail) == ("text", "a text longer than 4096 characters")


def test_attributes_of_a_record_are_left_out() -> None:
    xml = b'<record><a b="1"><c d="2">x</c></a></record>'
    found = read_record(xml)

    assert found.tree is not None
    assert [(each.tag, each.attrib) for each in found.tree.iter()] == [("record", {}), ("a", {}), ("c", {})]
    assert found.xml == xml


def row(words: str) -> str:
    return f"<record><row>{words}</row></record>"


IP, COUNT = "<source_ip> 192.0.2.7 </source_ip>", "<count>\n12\n</count>"


@pytest.mark.parametrize(
    ("words", "ip", "count"),
    [
        (IP + COUNT, b"192.0.2.7", b"12"),
        (IP + "\n\t" + COUNT, b"192.0.2.7", b"12"),
        (COUNT + IP, b"192.0.2.7", b"12"),
        (IP + "<x/>" + COUNT, b"192.0.2.7", b"12"),
        (IP, b"192.0.2.7", None),
        (COUNT, None, b"12"),
        ("<x/>", None, None),
        ("<source_ip/>" + COUNT, None, b"12"),
        ("<source_ip>&#49;</source_ip>" + COUNT, None, b"12"),
        (IP + "<count>1<x/></count>", b"192.0.2.7", None),
        (IP + "<count>&#49;</count>", b"192.0.2.7", None),
        ("<source_ip></source_ip><count></count>", b"", b""),
        ("<source_ip>a<x/></source_ip>" + IP + COUNT, None, b"12"),
        ("<count >5</count>" + COUNT + IP, b"192.0.2.7", b"12"),
        ("<count>5</count>" + IP + COUNT, b"192.0.2.7", b"5"),
        (IP + "<source_ip>9</source_ip>" + COUNT, b"192.0.2.7", b"12"),
    ],
)
def test_address_and_count_are_the_first_that_stand_there_as_plain_text(
    words: str, ip: bytes | None, count: bytes | None
) -> None:
    (found,), _, _ = guarded(plain(report(row(words))))

    assert (found.ip_text, found.count_text) == (ip, count)


@pytest.mark.parametrize(
    "form",
    [
        "{ip}{count}<x>{other}</x>",
        "{count}{ip}<x>{other}</x>",
        "<x>{other}</x>{ip}<y/>{count}",
        "<x>{other}</x>{count}<y/>{ip}",
        "{ip}<x>{other}</x>",
        "<x>{other}</x>{count}",
    ],
)
def test_records_have_one_shape_exactly_if_they_differ_in_address_and_count_only(form: str) -> None:
    def built(ip: str, count: int, other: str) -> str:
        return row(form.format(ip=f"<source_ip>{ip}</source_ip>", count=f"<count>{count}</count>", other=other))

    documents = [built("192.0.2.1", 1, "a"), built("2001:db8::7", 22_222, "a"), built("192.0.2.1", 1, "b")]
    first, second, third = guarded(plain(report(*documents)))[0]

    assert first.shape == second.shape != third.shape


def test_the_order_of_address_and_count_and_what_is_there_of_them_are_part_of_the_shape() -> None:
    ip, count = "<source_ip>1</source_ip>", "<count>1</count>"
    rows = [row(words) for words in (ip + count, count + ip, ip, count, ip + "\n" + count, ip + ip + count)]

    assert len({raw.shape for raw in guarded(plain(report(*rows)))[0]}) == len(rows)


def test_only_shapes_and_forms_that_are_new_are_read() -> None:
    usual, other_text, other_form = record(), record(header_from="mail.example.jp"), record(disposition="reject")
    japanese = record(header_from="例え.jp")
    found, _, guard = guarded(plain(report(usual, usual, other_text, other_form, japanese)))

    usual_new, text_new, form_new, japanese_new = guard.novel.values()
    assert [raw.shape for raw in found[1:]] == list(guard.novel)
    assert usual_new.tree is not None
    assert usual_new.form == form_of(usual.encode())
    assert (text_new.xml, text_new.tree, text_new.form) == (other_text.encode(), None, form_of(other_text.encode()))
    assert form_new.tree is not None
    assert (japanese_new.form, japanese_new.tree is None) == (None, False)

    key = form_of(usual.encode())
    assert key is not None
    again = guarded(plain(report(usual, other_form)), known={found[0].shape}, forms={key.key})[2]
    assert list(again.novel) == [found[3].shape]
    (of_known_form,) = guarded(plain(report(usual)), forms={key.key})[2].novel.values()
    assert of_known_form.tree is None


@pytest.mark.parametrize(
    ("begin", "end", "answer"),
    [
        (BEGIN, BEGIN, ()),
        (NOON + 2 * DAY, NOON + 3 * DAY, ()),
        (EARLIEST_BEGIN, EARLIEST_BEGIN + DAY, ()),
        (EARLIEST_BEGIN - 1, EARLIEST_BEGIN + DAY, ("old-period",)),
    ],
)
def test_the_edges_of_an_honest_period_are_read(begin: int, end: int, answer: tuple[str, ...]) -> None:
    _, head, _ = guarded(plain(report(record(), begin=begin, end=end)))

    assert read_period(head, Limits(), NOON, operator_named=True) == (begin, end, answer)
    if not answer:
        assert read_period(head, Limits(), NOON, operator_named=False) == (begin, end, ())


@pytest.mark.parametrize(
    ("begin", "end", "code", "words"),
    [
        (BEGIN, BEGIN - 1, "bad_period", "the period ends before it begins"),
        (BEGIN, BEGIN + 35 * DAY + 1, "span", "a period longer than 35 days"),
        (
            NOON + 2 * DAY + 1,
            NOON + 3 * DAY,
            "bad_period",
            "the period lies in the future: check the clock of this machine, else the reporter's is wrong",
        ),
        (
            EARLIEST_BEGIN - 1,
            EARLIEST_BEGIN + DAY,
            "bad_period",
            "the period lies before 2012, when DMARC did not exist",
        ),
        ("1789862400.5", END, "bad_period", "<begin> is not a time in seconds: '1789862400.5'"),
        ("1789862400.X", END, "bad_period", "<begin> is not a time in seconds: '1789862400.X'"),
        (BEGIN, "", "bad_period", "<end> is not a time in seconds: 'absent'"),
        (BEGIN, "y" * 50, "bad_period", f"<end> is not a time in seconds: {'y' * 40!r}"),
        (BEGIN, "1" * 12, "bad_period", f"<end> is not a time in seconds: {'1' * 12!r}"),
        (BEGIN, "1" * 11, "span", "a period longer than 35 days"),
    ],
)
def test_a_period_is_refused_in_words_that_say_why(begin: int | str, end: int | str, code: str, words: str) -> None:
    _, head, _ = guarded(plain(report(record(), begin=begin, end=end)))

    with pytest.raises(Refused) as caught:
        read_period(head, Limits(), NOON, operator_named=False)
    assert (caught.value.code, caught.value.detail) == (code, words)


def test_a_period_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refused, match="<begin> is not a time in seconds: 'absent'"):
        read_period(guarded(b"<feedback/>")[1], Limits(), NOON, operator_named=True)


def test_a_count_of_eleven_digits_is_none_whatever_it_says() -> None:
    assert read_count(b"0000000007") == 7
    assert read_count(b"00000000007") is None
