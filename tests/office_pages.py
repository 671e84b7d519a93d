"""What the tests of customers, accounts and one's own account ask of a page and of its store."""

from screen_store import token_of
from servers_screens import NOW, TODAY
from store_builder import ask
from streamlit.testing.v1 import AppTest

from dashboard import session
from dashboard.session import Visit
from store import accounts, trail
from store.accounts import Account, Refused
from store.opened import OpenStore


def words(app: AppTest) -> str:
    """Everything the page says outside of its tables."""
    groups = (app.title, app.subheader, app.caption, app.markdown, app.success, app.warning, app.error, app.info)
    return "\n".join(element.value for group in groups for element in group)


def rows(app: AppTest, alt: str, *columns: str) -> list[list[object]]:
    frame = next(table.value for table in app.dataframe if table.proto.alt == alt)
    return [list(line) for line in frame[list(columns)].itertuples(index=False)]


def submit(app: AppTest, label: str) -> AppTest:
    """Press the form's button that is called so."""
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception
    return app


def account(url: str, name: str) -> Account:
    return ask(url, lambda connection: accounts.account_of(connection, name))


def login(url: str, name: str, password: str) -> Account | Refused:
    store = OpenStore(url)
    found = accounts.login(store.writer, name, password, "192.0.2.1", now=NOW)
    store.close()
    return found


def written(url: str) -> list[tuple[str, str, str, str | None]]:
    """The audit trail, oldest first: who, what, about, detail."""
    return [(row.actor, row.action, row.subject, row.detail) for row in reversed(ask(url, trail.entries))]


def visit_of(url: str, name: str, *, role: str | None = None) -> Visit:
    """A visit of an account; `role` is what a forged page may claim."""
    token = token_of(url, name, NOW)
    visitor = session.find(token)
    assert visitor is not None
    claimed = session.Visitor(visitor.name, role or visitor.role, visitor.language, visitor.scope)
    return Visit(claimed, token, "en", TODAY)
