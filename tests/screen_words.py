"""What a page of the app says, out of AppTest: figures, words, cells of a table."""

import re
from collections.abc import Iterator

from streamlit.testing.v1 import AppTest

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def cards(app: AppTest) -> list[tuple[str, str, str]]:
    """(label, value, note) of every number that stands in a card (`dashboard.parts.figures`), as a reader sees it.

    Those of a page's head have their value in bold.
    """
    rows = (element.value.split("\n") for element in app.markdown if element.value.startswith("| "))
    return [
        each
        for labels, _rule, values, notes in (lines for lines in rows if ":" not in lines[1])
        for each in zip(*map(_cells, (labels, values, notes)), strict=True)
    ]


def lines_of_list(app: AppTest) -> list[list[str]]:
    """The cells of the page's list (`dashboard.parts.show_list`), without its headings, as a reader sees them."""
    _headings, _rule, *lines = next(
        element.value for element in app.markdown if element.value.startswith("| ") and "| :---" in element.value
    ).split("\n")
    return [list(_cells(line)) for line in lines]


def _cells(row: str) -> Iterator[str]:
    return (reader(cell) for cell in re.split(r" \| ", row.removeprefix("| ").removesuffix(" |")))


def figures(app: AppTest) -> list[str]:
    """The values of the cards below a page's head."""
    return [value for _label, value, _note in cards(app) if not value.startswith("**")]


def words(app: AppTest) -> str:
    """Everything the page says outside of its tables, as a reader sees it."""
    groups = (app.title, app.subheader, app.caption, app.markdown, app.success, app.warning, app.error, app.info)
    return reader("\n".join(element.value for group in groups for element in group))


def reader(markdown: str) -> str:
    """The text without what keeps foreign words from being Markdown: backslashes, and the joiners in addresses."""
    return _ESCAPED.sub(r"\1", markdown).replace("\u2060", "")


def rows(app: AppTest, alt: str, *columns: str) -> list[list[object]]:
    """The cells of the table called `alt` on the screen; an empty number is None."""
    frame = next(table.value for table in app.dataframe if table.proto.alt == alt)
    return [[None if cell != cell else cell for cell in line] for line in frame[list(columns)].itertuples(index=False)]


def unfold(app: AppTest, *keys: str) -> AppTest:
    """Open what is drawn on demand only."""
    for key in keys:
        app.session_state[key] = True
    app.run()
    assert not app.exception
    return app
