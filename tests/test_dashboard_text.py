"""Foreign text cannot become markup, and what is invisible in it is made visible."""

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.text import md, plain


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("![x](https://evil.example/y.png)", "\\!\\[x\\]\\(https\\:\u2060\\/\\/evil\\.example\\/y\\.png\\)"),
        ("HTTP://a www.b c@d.e", "HTTP\\:\u2060\\/\\/a www\u2060\\.b c\\@\u2060d\\.e"),
        ("<b>$x$</b> :red[x]", r"\<b\>\$x\$\<\/b\> \:red\[x\]"),
        ("株式会社 花屋さくら", "株式会社 花屋さくら"),
        ("a\u202eb\u200bc\u0000d\ne", "a\ufffdb\ufffdc\ufffdd\ufffde"),
    ],
)
def test_markdown_shows_foreign_text_as_it_is_written(foreign: str, shown: str) -> None:
    assert md(foreign) == shown


def test_a_table_cell_keeps_punctuation_but_nothing_invisible() -> None:
    assert plain("=cmd|' /C' \u202e\u2066x") == "=cmd|' /C' \ufffd\ufffdx"


def test_what_python_prints_as_it_is_holds_nothing_invisible() -> None:
    invisible = {"Cc", "Cf", "Zl", "Zp", "Co", "Cs"}
    printable = (chr(code) for code in range(sys.maxunicode + 1) if chr(code).isprintable())

    assert not [each for each in printable if unicodedata.category(each) in invisible]


@given(st.text())
def test_every_sign_of_markdown_stands_behind_a_backslash(foreign: str) -> None:
    unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", md(foreign))

    assert not re.search(r"[!-/:-@\[-`{-~\n\u202a-\u202e\u2066-\u2069]", unescaped)
