"""A table of the screen as a CSV file: the same lines, made when the button is clicked, for the scope that holds then.

The audit trail says who took what.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from analysis.export import file_name, slug
from analysis.export_csv import to_csv
from analysis.export_tables import Shown
from analysis.frames import Period, Scope
from dashboard import parts, session
from dashboard.session import Visit
from dashboard.tables import Table

Make = Callable[[Scope], Table | None]


def table_button(visit: Visit, domain: str, period: Period, what: str, make: Make, *, key: str) -> None:
    """The button that downloads what `make` builds for a scope, called after domain, period and `what`."""
    name = file_name(slug(domain), period, f"{what}.csv")
    parts.csv_button(visit, name, partial(table_file, visit.token, name, make), key=key)


def table_file(token: str, name: str, make: Make) -> bytes:
    """The file. Raises Ended when the session or its right to what the table shows is gone."""
    visitor = session.find(token)
    if visitor is None:
        raise session.Ended
    table = make(visitor.scope)
    if table is None:
        raise session.Ended
    session.audit(visitor, action="export", subject=name)
    return csv_of(table)


def csv_of(table: Table) -> bytes:
    """The cells of a table under the titles of its columns."""
    headings = [str(table.columns[key]["label"]) for key in table.frame.columns]
    lines = ([_cell(value) for value in line] for line in table.frame.itertuples(index=False))
    return to_csv(headings, lines).content


def _cell(value: Any) -> Shown:
    # An empty cell of a column of numbers is NaN, which equals nothing.
    return None if value != value else value
