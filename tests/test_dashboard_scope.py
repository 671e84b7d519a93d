"""A customer reaches nothing of another one: not by menu, forged address, tab, parameter, or a kept answer."""

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from screen_store import OWN, fill_store
from servers_screens import TODAY, OpenScreen
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

from dashboard.menu import MENU

FOREIGN = ("firm.example.com", "old.example.com", "stray.example.net", "Tanaka")
TABS = ("alignment", "senders", "next", "replay", "records", "reports")


@pytest.fixture
def filled(sqlite_url: str) -> str:
    fill_store(sqlite_url, TODAY)
    return sqlite_url


def nodes(block: Block) -> Iterator[Element]:
    for child in block.children.values():
        if isinstance(child, Block):
            yield from nodes(child)
        elif isinstance(child, Element):
            yield child


def everything(app: AppTest) -> str:
    """All that goes to the browser: what the elements carry, and the cells of the tables."""
    carried = [str(element.proto) for element in nodes(app._tree)]
    return "\n".join([*carried, *(table.value.to_csv() for table in app.dataframe)])


def own_paths() -> list[str]:
    return [view.file for view in MENU if "customer" in view.roles]


def test_the_measure_sees_what_there_is_to_see(filled: str, open_screen: OpenScreen) -> None:
    staff = everything(open_screen(filled, "staff"))

    assert [name for name in FOREIGN if name not in staff] == []


@pytest.mark.parametrize("view", [view.file for view in MENU])
def test_no_view_shows_a_customer_anything_foreign(filled: str, open_screen: OpenScreen, view: str) -> None:
    open_screen(filled, "operator", view)

    shown = everything(open_screen(filled, "sakura", view))

    assert [name for name in FOREIGN if name in shown] == []


@pytest.mark.parametrize("tab", TABS)
def test_a_forged_address_of_a_domain_is_that_of_an_unknown_one(filled: str, open_screen: OpenScreen, tab: str) -> None:
    open_screen(filled, "staff", "domain", domain="firm.example.com", tab=tab)

    foreign = everything(open_screen(filled, "sakura", "domain", domain="firm.example.com", tab=tab))
    unknown = everything(open_screen(filled, "sakura", "domain", domain="nope.example.com", tab=tab))

    assert foreign.replace("firm.example.com", "nope.example.com") == unknown


@pytest.mark.parametrize(
    "query",
    [
        f"domain=firm.example.com&sender=test:{OWN}",
        f"domain=shop.example.jp&sender=test:{OWN}&domain=firm.example.com",
        "domain=firm.example.com&tab=reports&report=1",
        "domain=shop.example.jp&tab=reports&report=6",
        "customer=Tanaka&find=firm&tab=domains&show=unassigned&account=operator&event=1&message=1",
    ],
)
@pytest.mark.parametrize("view", own_paths())
def test_no_forged_parameter_opens_anything_foreign(
    filled: str, open_screen: OpenScreen, view: str, query: str
) -> None:
    asked = {name: values[-1] for name, values in parse_qs(query).items()}

    shown = everything(open_screen(filled, "sakura", view, **asked))

    for value in asked.values():
        shown = shown.replace(value, "")
    assert [name for name in FOREIGN if name in shown] == []


def test_what_staff_saw_before_is_not_handed_to_a_customer(filled: str, open_screen: OpenScreen) -> None:
    """Answers are kept for the whole process: their key has the scope."""
    for name in ("operator", "staff"):
        open_screen(filled, name)
    shown = everything(open_screen(filled, "sakura"))

    assert "shop.example.jp" in shown
    assert [name for name in FOREIGN if name in shown] == []
