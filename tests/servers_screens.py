"""The page script in this process (AppTest), on any store and as anybody, at noon of a fixed UTC day.

Streamlit is imported when a test first asks: tests of other layers do not wait for it.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from screen_store import token_of

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parent.parent
TODAY = 20_781
NOW = TODAY * 86_400 + 43_200

OpenScreen = Callable[..., "AppTest"]


@pytest.fixture(scope="session")
def quick_app_test() -> Iterator[None]:
    """AppTest does as the server: looks for components in the installed packages once, compiles each page once, and has
    the server's options of `dashboard/theme.py` that are about running a page.

    By itself it does the first for each test and the second at each run, which takes longer than to run the page.
    """
    from streamlit import config
    from streamlit.components.v2 import manifest_scanner
    from streamlit.runtime.scriptrunner.script_cache import ScriptCache
    from streamlit.testing.v1 import app_test, local_script_runner

    for option in ("runner.magicEnabled", "runner.postScriptGC"):
        config.set_option(option, False)
    found, compiled = cache(manifest_scanner.scan_component_manifests), ScriptCache()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", found)
        for module in (app_test, local_script_runner):
            patched.setattr(module, "ScriptCache", lambda: compiled)
        yield


@pytest.fixture
def open_screen(monkeypatch: pytest.MonkeyPatch, quick_app_test: None) -> Iterator[OpenScreen]:
    """`open_screen(url, name, view, **query)`: the app on a store, as one of its accounts, with an address's query."""
    from dashboard import session

    monkeypatch.setattr(session, "now", lambda: NOW)
    yield lambda url, name="operator", view="", **query: _opened(monkeypatch, url, name, view, query)
    forget_store()


def _opened(monkeypatch: pytest.MonkeyPatch, url: str, name: str, view: str, query: dict[str, str]) -> "AppTest":
    from streamlit.testing.v1 import AppTest

    from dashboard import session

    monkeypatch.setenv("SEKISHO_DATABASE_URL", url)
    token = token_of(url, name, NOW)
    monkeypatch.setattr(session, "read_token", lambda: token)
    app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=30)
    for key, value in query.items():
        app.query_params[key] = value
    if view:
        app.switch_page(f"views/{view}.py")
    app.run()
    assert not app.exception
    return app


def forget_store() -> None:
    """What a new process would not know: answers, settings, connections; what is being written is written first."""
    import streamlit

    from dashboard import session

    streamlit.cache_resource.clear()
    session._touches().submit(int).result(timeout=60)
    if session.opened.cache_info().currsize:
        session.opened().close()
    session.opened.cache_clear()
    session.settings_in_use.cache_clear()
