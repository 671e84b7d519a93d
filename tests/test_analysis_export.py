"""The export set: which files, whose mail, numbers that agree with each other and with the screen, whole files."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from export_set import NAMES, STAFF, files_of, read, set_of, total
from published_dns import publish
from store_builder import DAY_SECONDS, NOW, ask, fill, line, report

from analysis import domain as domain_analysis
from analysis import export
from analysis.export import ExportFile, Subject, slug, write
from analysis.export_tables import Style, Table
from analysis.frames import Period, Scope
from analysis.totals import Totals
from knowledge.tables import load_tables
from store import consents, decisions, office
from store.actor import Actor
from store.consents import Given
from store.engine import open_store, writing

DAY = 20_000  # 2024-10-04
MONTH = Period(DAY - 29, DAY)
NOON = DAY * DAY_SECONDS + 43_200
KINDS = ["summary", "daily", "senders", "sources", "records", "changes"]
CANARY = "canary-of-tanaka"


def two_customers(url: str) -> None:
    """Sakura has two domains, Tanaka one whose every text is a canary."""
    fill(
        url,
        [
            report("a.example.jp", DAY, [line("192.0.2.1", 5, dkim=True), line("192.0.2.2", 2)]),
            report("a.example.jp", DAY - 3, [line("192.0.2.1", 4, dkim=True, spf=True)]),
            report("b.example.jp", DAY - 1, [line("192.0.2.1", 3, spf=True, disposition="quarantine")]),
            report(f"{CANARY}.example.com", DAY, [line("203.0.113.1", 99), line("192.0.2.1", 7)], org=CANARY),
            (report("a.example.jp", DAY, [line("203.0.113.2", 50)], org="Forged"), "fail"),
            report("a.example.jp", DAY - 30, [line("203.0.113.3", 70)], org="Before"),
        ],
        customers={"Sakura": ["a.example.jp", "b.example.jp"], "Tanaka": [f"{CANARY}.example.com"]},
        senders={"192.0.2.2": "Second server", "203.0.113.1": CANARY},
    )


def test_the_files_of_a_set_have_names_of_ours_and_a_text_that_explains_them(store_url: str) -> None:
    two_customers(store_url)

    found = files_of(store_url, "Sakura", MONTH, xlsx=True)

    stem = "dmarc_sakura_2024-09-05_2024-10-04"
    assert [file.name for file in found] == [
        *(f"{stem}_{kind}.csv" for kind in KINDS),
        f"{stem}_tables.xlsx",
        f"{stem}_readme.txt",
    ]


def test_totals_of_all_files_agree_with_each_other_and_with_the_screen(store_url: str) -> None:
    two_customers(store_url)

    found = set_of(store_url, "Sakura", MONTH)

    for name, messages, passed in [("a.example.jp", 11, 9), ("b.example.jp", 3, 3)]:
        screen = ask(store_url, lambda c, name=name: domain_analysis.build(c, Scope((1,)), name, MONTH))
        assert screen is not None
        assert (screen.rate.messages, screen.rate.passed) == (messages, passed)
        for kind in ("summary", "daily", "senders", "sources"):
            assert (total(found[kind], "messages", name), total(found[kind], "passed", name)) == (messages, passed)
    assert total(found["summary"], "messages_failed_authentication", "a.example.jp") == 50
    assert total(found["daily"], "messages_failed_authentication", "a.example.jp") == 50


def test_a_day_is_one_line_whose_parts_add_up(store_url: str) -> None:
    two_customers(store_url)

    daily = set_of(store_url, "a.example.jp", MONTH)["daily"]

    assert [list(row.values()) for row in daily] == [
        "a.example.jp 2024-10-01 4 4 4 0 0 0 4 0 0 0 0".split(),
        "a.example.jp 2024-10-04 7 5 0 5 0 2 7 0 0 0 50".split(),
    ]


def test_a_source_has_its_sender_its_facts_and_its_own_assessment(store_url: str) -> None:
    two_customers(store_url)

    sources = set_of(store_url, "a.example.jp", MONTH)["sources"]

    assert [(row["ip"], row["sender"], row["messages"], row["passed"]) for row in sources] == [
        ("192.0.2.1", "192.0.2.1", "9", "9"),
        ("192.0.2.2", "Second server", "2", "0"),
    ]
    facts = ("sender_key", "sender_kind", "ptr", "country", "as_name", "service")
    assert [sources[1][name] for name in facts] == [
        "test:192.0.2.2", "server", "", "JP", "Example Network", "Example Mail"
    ]  # fmt: skip
    assert sources[1]["verdict"] == "unknown"


def test_a_customers_files_say_nothing_of_another_customer(store_url: str) -> None:
    two_customers(store_url)
    publish(store_url, f"{CANARY}.example.com", f"v=DMARC1; p=none; rua=mailto:{CANARY}@example.com", at=NOON)

    sakura = files_of(store_url, "Sakura", MONTH, xlsx=True)
    tanaka = files_of(store_url, "Tanaka", MONTH, xlsx=True)

    assert [file.name for file in sakura if holds(file, CANARY)] == []
    assert len([file.name for file in tanaka if holds(file, CANARY)]) >= 5
    assert [file.name for file in tanaka if holds(file, "a.example.jp") or holds(file, "Sakura")] == []


def holds(file: ExportFile, text: str) -> bool:
    """Whether a file has a text anywhere in it, a workbook in any of its parts."""
    if not file.name.endswith(".xlsx"):
        return text.encode() in file.content
    with zipfile.ZipFile(io.BytesIO(file.content)) as book:
        return any(text.encode() in book.read(name) for name in book.namelist())


def test_a_download_has_the_same_bytes_as_the_set_and_the_zip_holds_all_of_it(sqlite_url: str) -> None:
    two_customers(sqlite_url)
    tables = load_tables()

    def made(connection: export.Connection) -> tuple[ExportFile, ExportFile]:
        subject = export.find(connection, STAFF, "Sakura")
        assert subject is not None
        daily = export.one_file(connection, subject, MONTH, "daily", tables, NAMES, now=NOW)
        return daily, export.zip_set(connection, subject, MONTH, tables, NAMES, now=NOW)

    daily, packed = ask(sqlite_url, made)

    expected = files_of(sqlite_url, "Sakura", MONTH, xlsx=True)
    assert daily in expected
    assert packed.name == "dmarc_sakura_2024-09-05_2024-10-04_set.zip"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [file.name for file in expected]
        held = [archive.read(file.name) == file.content for file in expected if file.name.endswith(".csv")]
    assert held == [True] * 6


def test_what_the_customer_is_told_to_do_stands_in_the_summary(store_url: str) -> None:
    two_customers(store_url)
    publish(store_url, "a.example.jp", "v=DMARC1; p=none; rua=mailto:dmarc@a.example.jp", at=NOON)

    summary = set_of(store_url, "Sakura", MONTH, now=NOON)["summary"]

    told = ("domain", "stage", "next_stage", "standing", "messages", "pass_rate", "as_of")
    assert [[row[name] for name in told] for row in summary] == [
        ["a.example.jp", "none", "quarantine-test", "waiting", "11", "81.8", "2024-10-03"],
        ["b.example.jp", "none", "quarantine-test", "unknown", "3", "100.0", "2024-10-03"],
    ]
    assert summary[0]["record_now"] == "v=DMARC1; p=none; rua=mailto:dmarc@a.example.jp"
    assert "p=quarantine" in summary[0]["record_next"]
    assert summary[0]["blockers"]
    assert (summary[1]["record_now"], summary[1]["record_next"]) == ("", "")
    assert "sekisho" not in summary[1]["blockers"]


def test_own_figures_of_the_summary_are_those_of_the_confirmed_senders(store_url: str) -> None:
    two_customers(store_url)
    decide(store_url, "a.example.jp", "test:192.0.2.1", at=NOON)

    found = set_of(store_url, "Sakura", MONTH, now=NOON)

    ours = [row for row in found["senders"] if row["verdict"] in ("ours-ok", "ours-fix")]
    assert [(row["domain"], row["sender_key"], row["decision"], row["messages"]) for row in ours] == [
        ("a.example.jp", "test:192.0.2.1", "ours", "9"),
        ("b.example.jp", "test:192.0.2.1", "", "3"),
    ]
    figures = ("own_messages", "own_passed", "own_pass_rate")
    assert [[row[name] for name in figures] for row in found["summary"]] == [["9", "9", "100.0"], ["3", "3", "100.0"]]


def test_a_domain_without_mail_has_a_line_and_no_rate(store_url: str) -> None:
    fill(store_url, [], customers={"Sakura": ["quiet.example.jp"]})

    found = set_of(store_url, "Sakura", MONTH)

    (row,) = found["summary"]
    assert (row["domain"], row["messages"], row["pass_rate"], row["own_pass_rate"]) == ("quiet.example.jp", "0", "", "")
    assert (found["daily"], found["senders"], found["sources"]) == ([], [], [])
    assert [row["state"] for row in found["records"]] == ["not-looked"]


def test_each_finding_of_a_record_is_a_line(store_url: str) -> None:
    fill(store_url, [], customers={"Sakura": ["example.jp"]})
    publish(store_url, "example.jp", "v=DMARC1; p=none; sp=strict", at=NOON, spf="v=spf1 ip4:192.0.2.1 -all")

    records = set_of(store_url, "example.jp", MONTH, now=NOON)["records"]

    spf = [row for row in records if row["record_kind"] == "spf"]
    dmarc = [row for row in records if row["record_kind"] == "dmarc"]
    assert [(row["name"], row["record"], row["valid"], row["finding"]) for row in spf] == [
        ("example.jp", "v=spf1 ip4:192.0.2.1 -all", "yes", "")
    ]
    assert {row["record"] for row in dmarc} == {"v=DMARC1; p=none; sp=strict"}
    assert len(dmarc) == len({row["finding"] for row in dmarc}) > 1
    assert {row["looked_on"] for row in records} == {"2024-10-04"}


def test_changes_are_those_of_the_period_oldest_first(store_url: str) -> None:
    fill(
        store_url,
        [report("example.jp", DAY - 40), report("example.jp", DAY - 2, p="quarantine", sp="quarantine")],
        customers={"Sakura": ["example.jp"]},
    )
    publish(store_url, "example.jp", "v=DMARC1; p=none", at=NOON - 40 * DAY_SECONDS)
    publish(store_url, "example.jp", "v=DMARC1; p=quarantine", at=NOON - 2 * DAY_SECONDS)
    decide(store_url, "example.jp", "test:192.0.2.1", at=NOON - 60 * DAY_SECONDS)
    decide(store_url, "example.jp", "test:192.0.2.2", at=NOON - DAY_SECONDS)
    agree(store_url, "example.jp", "quarantine", at=NOON - DAY_SECONDS + 60)

    changes = set_of(store_url, "example.jp", MONTH, now=NOON)["changes"]

    assert [list(row.values()) for row in changes] == [
        ["example.jp", "2024-10-02", "", "reported-policy", "_dmarc.example.jp", "p=none; sp=none",
         "p=quarantine; sp=quarantine", "", "", ""],
        ["example.jp", "2024-10-02", "12:00", "record", "_dmarc.example.jp", "v=DMARC1; p=none",
         "v=DMARC1; p=quarantine", "", "", ""],
        ["example.jp", "2024-10-03", "12:00", "decision", "test:192.0.2.2", "", "ours", "no", "shell:staff", "asked"],
        ["example.jp", "2024-10-03", "12:01", "consent", "quarantine", "", "", "no", "The owner", "by mail"],
    ]  # fmt: skip


def decide(url: str, domain: str, subject: str, *, at: int) -> None:
    def change(connection: export.Connection) -> None:
        where = office.domain_id_of(connection, domain)
        actor = Actor("shell:staff", at)
        decisions.decide(connection, where, subject, "ours", note="asked", evidence={}, actor=actor)

    changed(url, change)


def agree(url: str, domain: str, stage: str, *, at: int) -> None:
    def change(connection: export.Connection) -> None:
        where = office.domain_id_of(connection, domain)
        given, actor = Given("The owner", "by mail"), Actor("shell:staff", at)
        consents.give(connection, where, stage, given, evidence={}, actor=actor)

    changed(url, change)


def changed(url: str, change: Callable[[export.Connection], None]) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        change(connection)
    engine.dispose()


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("headers", ["words", "names"])
def test_the_text_says_what_every_column_means(sqlite_url: str, language: str, headers: str) -> None:
    two_customers(sqlite_url)
    style = Style(language, headers=headers)  # type: ignore[arg-type]

    *tables, text = files_of(sqlite_url, "Sakura", MONTH, style)

    words = text.content.decode("utf-8-sig").split("\r\n")
    headings = {heading for rows in read(tables).values() if rows for heading in rows[0]}
    assert len(headings) > 30
    assert {heading for heading in headings if not any(line.startswith(f"- {heading}: ") for line in words)} == set()
    assert [name for name in (file.name for file in tables) if not any(name in line for line in words)] == []


def test_codes_are_explained_where_they_stand(sqlite_url: str) -> None:
    two_customers(sqlite_url)

    text = files_of(sqlite_url, "Sakura", MONTH, NAMES)[-1].content.decode("utf-8-sig")

    assert "- not-looked: not looked yet\r\n" in text


def test_cells_that_code_page_932_cannot_hold_are_told_of(sqlite_url: str) -> None:
    fill(
        sqlite_url,
        [report("example.jp", DAY, [line("192.0.2.1", 5)])],
        customers={"さくら商店": ["example.jp"]},
        senders={"192.0.2.1": "花屋 🌸"},
    )

    files = files_of(sqlite_url, "さくら商店", MONTH, Style("ja", "cp932"))

    senders = next(file for file in files if file.name.endswith("senders.csv"))
    assert '"花屋 〓"'.encode("cp932") in senders.content
    text = files[-1].content.decode("cp932")
    assert "DMARC レポート: さくら商店" in text
    assert "〓に置き換えています（2 セル）" in text


def test_a_domain_is_found_by_its_name_and_a_customer_by_name_or_slug(store_url: str) -> None:
    fill(store_url, [], customers={"桜商店": ["xn--dk1aa.example.jp", "example.jp"], "Tanaka": ["example.com"]})

    def found(wanted: str, scope: Scope = STAFF) -> Subject | None:
        return ask(store_url, lambda connection: export.find(connection, scope, wanted))

    assert found("Example.JP.") == Subject("example.jp", "example.jp", STAFF, "example.jp", "ja")
    assert found("桜商店") == Subject("customer", "桜商店", Scope((1,)), None, "ja")
    assert found("tanaka") == Subject("tanaka", "Tanaka", Scope((2,)), None, "ja")
    assert found("tanaka", Scope((1,))) is None
    assert found("example.com", Scope((1,))) is None
    assert found("nobody") is None


def test_the_own_customer_is_that_of_a_scope_with_one(sqlite_url: str) -> None:
    fill(sqlite_url, [], customers={"Sakura": ["example.jp"], "Tanaka": ["example.com"]})

    def own(scope: Scope) -> Subject | None:
        return ask(sqlite_url, lambda connection: export.own(connection, scope))

    assert own(Scope((2,))) == Subject("tanaka", "Tanaka", Scope((2,)), None, "ja")
    assert (own(STAFF), own(Scope(()))) == (None, None)


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


def test_a_set_that_cannot_be_put_in_place_leaves_the_former_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"former")
    (tmp_path / "b.csv").mkdir()

    with pytest.raises(OSError, match="directory"):
        write(tmp_path, [ExportFile("a.csv", b"content"), ExportFile("b.csv", b"content")])

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"former"


def test_a_set_that_cannot_be_made_leaves_the_former_one(tmp_path: Path) -> None:
    write(tmp_path, [ExportFile("a.csv", b"former"), ExportFile("b.csv", b"former")])

    def half() -> object:
        yield ExportFile("a.csv", b"new")
        raise MemoryError

    with pytest.raises(MemoryError):
        write(tmp_path, half())  # type: ignore[arg-type]

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.csv": b"former", "b.csv": b"former"}


def test_every_column_and_every_total_is_explained(sqlite_url: str) -> None:
    page = (Path(__file__).parent.parent / "docs" / "DATA.md").read_text(encoding="utf-8")
    _, _, published = page.partition("## Published numbers")
    published = published.partition("## Tables")[0]
    fill(sqlite_url, [report("example.jp", DAY)])

    def tables(connection: export.Connection) -> tuple[Table, ...]:
        subject = export.find(connection, STAFF, "example.jp")
        assert subject is not None
        return export.tables(connection, subject, MONTH, load_tables(), "en", now=NOW)

    names = {column.name for table in ask(sqlite_url, tables) for column in table.columns}
    names |= set(Totals.__dataclass_fields__)

    assert {name for name in names if f"`{name}`" not in published} == set()
