"""CSV for spreadsheets: exact bytes, harmless cells, whole files."""

import csv
import io
import unicodedata
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_builder import ask, fill, line, report

from analysis import export, frames
from analysis.export import ExportFile, Subject, cell, daily_csv, slug, sources_csv, to_csv, write
from analysis.frames import Day, Period, Scope, SenderSource
from analysis.totals import Totals

DAY = 20_000  # 2024-10-04
STAFF = Scope(None)
MONTH = Period(DAY - 29, DAY)


def day(domain: str, number: int, authenticity: str, messages: int) -> Day:
    return Day(domain, number, authenticity, messages, messages, messages, 0, 0, 0, messages, 0, 0, 0)


def lines(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_the_daily_file_is_utf8_with_bom_crlf_iso_dates_and_bare_numbers() -> None:
    assert daily_csv([day("example.jp", DAY, "pass", 3)]) == (
        b"\xef\xbb\xbf"
        b'"domain","day","messages","passed","both_aligned","dkim_only","spf_only","neither","disposition_none",'
        b'"disposition_quarantine","disposition_reject","disposition_unknown","messages_failed_authentication"\r\n'
        b'"example.jp","2024-10-04",3,3,3,0,0,0,3,0,0,0,0\r\n'
    )


def test_a_day_is_one_line_and_mail_of_failed_reports_stands_apart() -> None:
    parts = [
        day("a.example.jp", DAY, "fail", 100),
        day("a.example.jp", DAY, "pass", 3),
        day("a.example.jp", DAY, "unverified", 4),
        day("b.example.jp", DAY, "fail", 9),
    ]

    found = [(row["domain"], row["messages"], row["messages_failed_authentication"]) for row in lines(daily_csv(parts))]

    assert found == [("a.example.jp", "7", "100"), ("b.example.jp", "0", "9")]


def test_a_source_without_facts_has_empty_cells_and_its_texts_stay_texts() -> None:
    row = SenderSource(
        "example.jp", "as:1", '=HYPERLINK("x")', "network", "192.0.2.1", None, "JP", "桜, 網", None, 9, 8, 7, 6
    )

    (found,) = lines(sources_csv([row]))

    assert found == {
        "domain": "example.jp",
        "sender_key": "as:1",
        "sender": '\'=HYPERLINK("x")',
        "sender_kind": "network",
        "ip": "192.0.2.1",
        "ptr": "",
        "country": "JP",
        "as_name": "桜, 網",
        "service": "",
        "messages": "9",
        "passed": "8",
        "dkim_aligned": "7",
        "spf_aligned": "6",
    }


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
        (None, None),
    ],
)
def test_a_text_that_could_be_a_formula_gets_an_apostrophe(written: str | int | None, shown: str | int | None) -> None:
    assert cell(written) == shown


@given(st.text(st.characters(exclude_categories=[]), max_size=20))
def test_no_text_whatever_starts_a_formula_or_breaks_its_line(text: str) -> None:
    content = to_csv(("text", "number"), [[text, -1]]).decode("utf-8-sig")

    heading, (found, number) = csv.reader(io.StringIO(content, newline=""))

    assert (heading, number) == (["text", "number"], "-1")
    assert found.lstrip()[:1] not in tuple("=+-@|%＝＋－＠\t\r\n")
    assert not {unicodedata.category(character) for character in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_files_of_a_customer_hold_its_domains_only_and_agree_with_each_other(store_url: str) -> None:
    fill(
        store_url,
        [
            report("a.example.jp", DAY, [line("192.0.2.1", 5, dkim=True), line("192.0.2.2", 2)]),
            report("b.example.jp", DAY - 1, [line("192.0.2.1", 3, spf=True)]),
            report("other.example.com", DAY, [line("203.0.113.1", 99)]),
            (report("a.example.jp", DAY, [line("203.0.113.2", 50)], org="Forged"), "fail"),
            report("a.example.jp", DAY - 30, [line("203.0.113.3", 70)], org="Before"),
        ],
        customers={"Sakura": ["a.example.jp", "b.example.jp"], "Tanaka": ["other.example.com"]},
    )

    daily, sources = ask(store_url, lambda connection: export.files(connection, found_subject(connection), MONTH))

    assert (daily.name, sources.name) == (
        "dmarc_sakura_2024-09-05_2024-10-04_daily.csv",
        "dmarc_sakura_2024-09-05_2024-10-04_sources.csv",
    )
    assert [(row["domain"], row["day"], row["messages"], row["passed"]) for row in lines(daily.content)] == [
        ("a.example.jp", "2024-10-04", "7", "5"),
        ("b.example.jp", "2024-10-03", "3", "3"),
    ]
    assert [row["messages_failed_authentication"] for row in lines(daily.content)] == ["50", "0"]
    assert [(row["domain"], row["ip"], row["messages"], row["passed"]) for row in lines(sources.content)] == [
        ("a.example.jp", "192.0.2.1", "5", "5"),
        ("a.example.jp", "192.0.2.2", "2", "0"),
        ("b.example.jp", "192.0.2.1", "3", "3"),
    ]


def found_subject(connection: frames.Connection, wanted: str = "Sakura") -> Subject:
    found = export.find(connection, STAFF, wanted)
    assert found is not None
    return found


def test_a_domain_is_found_by_its_name_and_a_customer_by_name_or_slug(store_url: str) -> None:
    fill(store_url, [], customers={"桜商店": ["xn--dk1aa.example.jp", "example.jp"], "Tanaka": ["example.com"]})

    def found(wanted: str, scope: Scope = STAFF) -> Subject | None:
        return ask(store_url, lambda connection: export.find(connection, scope, wanted))

    assert found("Example.JP.") == Subject("example.jp", STAFF, "example.jp")
    assert found("桜商店") == Subject("customer", Scope((1,)), None)
    assert found("tanaka") == Subject("tanaka", Scope((2,)), None)
    assert found("tanaka", Scope((1,))) is None
    assert found("example.com", Scope((1,))) is None
    assert found("nobody") is None


def test_a_file_name_is_made_of_harmless_signs_and_no_two_names_meet() -> None:
    names = ["example.jp", "_dmarc.example.jp", "../../etc/passwd", "a b", "a/b", "x" * 300]

    slugs = [slug(name) for name in names]

    assert slugs[0] == "example.jp"
    assert len(set(slugs)) == len(names)
    assert all(set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") and len(found) <= 100 for found in slugs)


def test_files_are_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"

    write(folder, [ExportFile("a.csv", b"first, longer")])
    written = write(folder, [ExportFile("a.csv", b"second"), ExportFile("b.csv", b"other")])

    assert written == (folder / "a.csv", folder / "b.csv")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.csv": b"second", "b.csv": b"other"}


def test_a_file_that_cannot_be_put_in_place_leaves_no_half_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()

    with pytest.raises(OSError, match="directory"):
        write(tmp_path, [ExportFile("a.csv", b"content")])

    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_every_column_and_every_total_is_explained() -> None:
    page = (Path(__file__).parent.parent / "docs" / "DATA.md").read_text(encoding="utf-8")
    _, _, published = page.partition("## Published numbers")
    published = published.partition("## Tables")[0]
    names = {*export.DAILY_COLUMNS, *export.SOURCE_COLUMNS, *(field.name for field in fields(Totals))}

    assert {name for name in names if f"`{name}`" not in published} == set()
