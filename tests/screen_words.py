"""What a page of the app says, out of AppTest: figures, words, cells of a table."""

import re

from streamlit.testing.v1 import AppTest

_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def figures(app: AppTest) -> list[str]:
    """The values of the page's metrics."""
    return [metric.value for metric in app.metric]


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
