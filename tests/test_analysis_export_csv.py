"""CSV for spreadsheets: exact bytes, harmless cells, and letters that an old encoding does not have."""

import csv
import io
import unicodedata
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.export_csv import MISSING, cell, csv_of, to_csv
from analysis.export_tables import Column, Style, Table, Word

TABLE = Table(
    "things",
    "Summary",
    "One line per domain.",
    (Column("domain", "Domain", "x"), Column("verdict", "Assessment", "x"), Column("messages", "Messages", "x")),
    (("example.jp", Word("unknown", "unknown"), 3),),
)


def test_a_file_is_utf8_with_bom_crlf_iso_dates_quoted_texts_and_bare_numbers() -> None:
    written = to_csv(["domain", "day", "messages", "rate", "note"], [["桜", date(2026, 10, 1), -3, 98.2, None]])

    assert written.content == (
        b'\xef\xbb\xbf"domain","day","messages","rate","note"\r\n"\xe6\xa1\x9c","2026-10-01",-3,98.2,""\r\n'
    )
    assert written.marked == 0


def test_headings_and_words_are_those_of_the_reader_or_stable_names_and_codes() -> None:
    japanese = csv_of(TABLE, Style("ja")).content.decode("utf-8-sig")
    english = csv_of(TABLE, Style("en")).content.decode("utf-8-sig")
    names = csv_of(TABLE, Style("ja", headers="names")).content.decode("utf-8-sig")

    assert japanese == '"ドメイン","判定","通数"\r\n"example.jp","不明",3\r\n'
    assert english == '"Domain","Assessment","Messages"\r\n"example.jp","unknown",3\r\n'
    assert names == '"domain","verdict","messages"\r\n"example.jp","unknown",3\r\n'


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠1", "'＠1"),
        ("−1", "'−1"),
        ("  =1", "'  =1"),
        ("\u3000=1", "'\u3000=1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("\ufeff=1", "'=1"),
        ("\t=1", "'=1"),
        ("\r\n=1", "'=1"),
        ("\x00=1", "'=1"),
        ("\u202e=1", "'=1"),
        ("\u200b \u200b@1", "' @1"),
        ("a=1", "a=1"),
        ("mail\u202egpj.exe", "mailgpj.exe"),
        ("line\nfeed", "linefeed"),
        ("half \udcff", "half "),
        ("", ""),
        ("さくら商店", "さくら商店"),
        (-5, -5),
        (-0.5, -0.5),
        (date(2026, 2, 3), "2026-02-03"),
        (None, None),
    ],
)
def test_a_text_that_could_be_a_formula_gets_an_apostrophe(
    written: str | int | float | date | None, shown: str | int | float | None
) -> None:
    assert cell(written) == shown


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
@given(text=st.text(st.characters(exclude_categories=[]), max_size=20))
def test_no_text_whatever_starts_a_formula_or_breaks_its_line(encoding: str, text: str) -> None:
    content = to_csv(("text", "number"), [[text, -1]], encoding).content.decode(encoding)

    heading, (found, number) = csv.reader(io.StringIO(content, newline=""))

    assert (heading, number) == (["text", "number"], "-1")
    assert found.lstrip()[:1] not in tuple("=+-@|%＝＋－＠−\t\r\n")
    assert not {unicodedata.category(character) for character in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_what_code_page_932_lacks_is_marked_and_counted_and_the_rest_comes_back() -> None:
    texts = ["髙島屋①", "—－〜", "🌸 한 ñ", "株式会社 見本"]

    written = to_csv(("text",), [[text] for text in texts], "cp932")

    (_, *found) = csv.reader(io.StringIO(written.content.decode("cp932"), newline=""))
    assert found == [["髙島屋①"], ["―－～"], [f"{MISSING} {MISSING} {MISSING}"], ["株式会社 見本"]]
    assert written.marked == 1


def test_the_mark_itself_is_not_counted_as_missing() -> None:
    assert to_csv(("text",), [["〓"]], "cp932").marked == 0
