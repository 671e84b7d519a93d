"""Records that differ in their free texts only are read without a parser, and exactly as the parser reads them."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xml_reports import record, report

from ingest.forms import Template, form_of
from ingest.guard import NewRecord, read_record
from ingest.normalize import Normalizer
from ingest.reading import Reading
from store.values import Shape

Read = Callable[[bytes | str], Reading]

# Of every kind of leaf: free texts with and without blanks around them, blank ones, empty and absent elements.
RECORD = (
    "<record><row><source_ip>192.0.2.1</source_ip><count>1</count><policy_evaluated><disposition>none</disposition>"
    "<dkim>pass</dkim><spf>fail</spf><reason><type>{a}</type><comment>{b}</comment></reason></policy_evaluated></row>"
    "<identifiers><envelope_to>{c}</envelope_to><envelope_from>{d}</envelope_from><header_from>{e}</header_from>"
    "</identifiers>\n <auth_results><dkim><domain>{f}</domain><selector>{g}</selector><result>pass</result></dkim>"
    "<dkim><domain>{e}</domain><result>{h}</result><human_result>{b}</human_result></dkim>"
    "<spf><domain>{d}</domain><scope>mfrom</scope><result>softfail</result></spf></auth_results></record>"
)
TEXTS = st.sampled_from(
    [
        *("", " ", "\n", "example.jp", " example.jp ", "Mail.EXAMPLE.jp.", "a b", "pass", "fail", "none", "forwarded"),
        *("x>y", "<b/>", "a<b/>c", "&amp;", "名.example.jp", "]]", "'", '"', "user@example.jp", "b1.example.net"),
        "1" * 300,
    ]
)


def written(texts: dict[str, str]) -> bytes:
    return RECORD.format(**texts).encode()


def learned(normalizer: Normalizer, xml: bytes) -> Shape:
    """The shape of a record, as the guard hands it over: without a tree where its form is known."""
    form = form_of(xml)
    new = NewRecord(xml, None, form) if form and form.key in normalizer.forms else read_record(xml)._replace(form=form)
    normalizer.learn({xml: new})
    return normalizer.shapes[xml]


@pytest.fixture(scope="module")
def normalizer() -> Normalizer:
    return Normalizer()


@settings(max_examples=300, deadline=None)
@given(several=st.lists(st.fixed_dictionaries(dict.fromkeys("abcdefgh", TEXTS)), min_size=2, max_size=6))
def test_a_record_of_a_known_form_is_read_as_the_parser_reads_it(
    normalizer: Normalizer, several: list[dict[str, str]]
) -> None:
    texts = [written(texts) for texts in several]
    normalizer.shapes.clear()
    normalizer.forms.clear()

    from_forms = [learned(normalizer, xml) for xml in texts]

    for xml, found in zip(texts, from_forms, strict=True):
        normalizer.learn({b"parsed": read_record(xml)})
        assert found == normalizer.shapes.pop(b"parsed")


def test_one_form_has_many_texts_and_another_word_is_another_form() -> None:
    texts = dict.fromkeys("abcdefgh", "example.jp")
    first, second = form_of(written(texts)), form_of(written({**texts, "d": "b7.example.net", "g": "s1"}))
    other_word = form_of(written(texts).replace(b"<result>pass", b"<result>fail", 1))

    assert first is not None
    assert second is not None
    assert other_word is not None
    assert first.key == second.key != other_word.key
    assert Template(first).filled(second.texts).envelope_from == "b7.example.net"
    assert Template(first).filled(second.texts).dkim[0].selector == "s1"


@pytest.mark.parametrize("text", ["&lt;", "é", "\x01", "]]>", "\r", "x" * 5_000])
def test_a_record_that_only_a_parser_can_judge_has_no_form(text: str) -> None:
    assert form_of(written({**dict.fromkeys("abcdefgh", "example.jp"), "b": text})) is None


@pytest.mark.parametrize(("tag", "odd"), [("<result>", '<result a="1">'), ("<dkim>", "<dkim >"), ("<spf>", "<spf\n>")])
def test_a_word_in_an_oddly_written_tag_is_still_each_record_s_own(tag: str, odd: str, read: Read) -> None:
    rows = [record(f"192.0.2.{number}", dkim=word, spf=word) for number, word in enumerate(("pass", "fail", "pass"))]
    plain, oddly = report(*rows), report(*rows).replace(tag, odd)
    assert odd in oddly

    shapes = [[each.shape for each in read(text).reports[0].records] for text in (plain, oddly)]

    assert shapes[0] == shapes[1]
    assert [shape.dkim_aligned for shape in shapes[1]] == [True, False, True]


def test_a_worker_can_neither_ask_dns_nor_send_anything() -> None:
    program = (
        "import sys; from ingest import unarmed; unarmed.take_away(); import ingest.read, dns.resolver\n"
        "heavy = {'cryptography', 'pydantic', 'sqlalchemy', 'httpcore', 'asyncio', 'imapclient'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "try: dns.resolver.Resolver()\n"
        "except RuntimeError as error: print(error)\n"
    )

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout == "a worker has no dns.resolver.Resolver\n"
