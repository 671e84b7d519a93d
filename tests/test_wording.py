"""The catalogues are complete in both languages, and figures read as people write them."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from wording import LANGUAGES, forms, language_of, text

ROOT = Path(__file__).parent.parent
ROOMS = ("analysis", "dashboard", "ingest", "knowledge", "sekisho", "store", "wording")
PLACE = re.compile(r"%\((\w+)\)s")


def entries(language: str) -> dict[str, str]:
    with (ROOT / "wording" / "locale" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return {message.id: message.string for message in read_po(file, locale=language) if message.id}


def test_every_sentence_of_the_code_is_translated_and_compiled() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "messages", "--check"], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "the catalogues are complete\n"), done.stdout + done.stderr


def test_no_sentence_stands_within_an_f_string_where_the_collector_does_not_see_it() -> None:
    """Without an entry in the catalogue a Japanese page would show English, and no other test would say so."""
    unseen = [
        f"{where}:{call.lineno}"
        for where, outer in nodes_of_the_code()
        if isinstance(outer, ast.JoinedStr)
        for call in ast.walk(outer)
        if isinstance(call, ast.Call) and is_look_up(call) and any(isinstance(each, ast.Constant) for each in call.args)
    ]

    assert unseen == []


def is_look_up(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in {"_", "later", "text"}


def test_a_sentence_is_asked_of_a_translator_called_underscore_which_the_collector_knows() -> None:
    unseen = [
        f"{where}:{call.lineno}"
        for where, call in nodes_of_the_code()
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Call)
        if any(isinstance(each, ast.Constant) and each.value for each in call.args)
    ]

    assert unseen == []


def nodes_of_the_code() -> Iterator[tuple[Path, ast.AST]]:
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                yield file.relative_to(ROOT), node


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_places_of_its_sentence(language: str) -> None:
    translated = {key: words for key, words in entries(language).items() if words}
    wrong = [key for key, words in translated.items() if set(PLACE.findall(key)) != set(PLACE.findall(words))]

    assert wrong == []


def test_every_text_has_other_words_in_japanese_but_those_of_records_and_mails() -> None:
    """Only what stands in a record or a mail may be the same in both."""
    same = {key for key, words in entries("ja").items() if key == words}

    assert same == {"p=none", "p=quarantine", "p=reject", "From"}


def test_the_language_decides_the_sentence() -> None:
    assert text("ja", "Log in") == "ログイン"
    assert text("en", "Log in") == "Log in"
    assert text("en", "Wait %(seconds)s s, then try again.", seconds=8) == "Wait 8 s, then try again."


@pytest.mark.parametrize(
    ("header", "language"),
    [("en-GB,en;q=0.9,ja;q=0.8", "en"), ("ja", "ja"), ("de-DE,de,en;q=0.5", "en"), ("fr", "ja"), ("", "ja")],
)
def test_a_browser_gets_its_first_known_language_and_else_japanese(header: str, language: str) -> None:
    assert language_of(header) == language


@pytest.mark.parametrize(
    ("passed", "messages", "shown"),
    [
        (1204, 1226, "98.2%"),
        (9999, 10000, "99.9%"),
        (10000, 10000, "100.0%"),
        (1, 100000, "0.1%"),
        (0, 100000, "0.0%"),
        (0, 0, "—"),
    ],
)
def test_only_all_is_shown_as_all_and_only_nothing_as_nothing(passed: int, messages: int, shown: str) -> None:
    assert forms.share("ja", passed, messages) == shown
    assert forms.share("en", passed, messages) == shown


def test_the_counts_in_a_sentence_are_written_like_those_beside_it() -> None:
    values = (("passed", 2322), ("days", 30), ("names", "1234"), ("nameless", True))

    assert forms.counted("ja", values) == {"passed": "2,322", "days": "30", "names": "1234", "nameless": "True"}


def test_days_and_ages_read_as_people_write_them() -> None:
    day = 20_781

    assert (forms.day("ja", day), forms.day("en", day)) == ("2026/11/24", "Nov 24, 2026")
    assert [forms.age_of_day("ja", day - ago, day) for ago in (0, 1, 40)] == ["今日", "1 日前", "40 日前"]
    assert [forms.age_of_day("en", day - ago, day) for ago in (0, 1, 40)] == ["today", "1 day ago", "40 days ago"]
    assert forms.moment(day * 86_400 + 3600) == "2026-11-24 01:00"
    assert forms.as_day(forms.as_date(day)) == day
    assert [forms.last_day(day * 86_400 + seconds) for seconds in (-1, 0, 1)] == [day - 1, day - 1, day]
    assert forms.number("ja", 1_234_567) == "1,234,567"
