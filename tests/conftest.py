"""What every test shares: a clean environment, the corpus, and what a test may need of the machine.

A test marked requires_chromium, requires_postgresql, requires_dovecot, requires_cyrus, requires_nsd, requires_nginx,
requires_paper, requires_libreoffice or requires_corpus is left out with a sentence where that is missing; with CI=true
it fails instead. Servers are started by the servers_*.py beside this file.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from ctypes.util import find_library
from pathlib import Path

import hypothesis
import pytest
from corpus_folder import CORPUS
from memory_folder import temporary_root

pytest_plugins = sorted(plugin.stem for plugin in Path(__file__).parent.glob("servers_*.py"))
# They may import each other; pytest has to know of all before the first is imported.
pytest.register_assert_rewrite(*pytest_plugins)


def _has_chromium() -> bool:
    fonts = shutil.which("fc-list")
    if not shutil.which("chromium") or not fonts:
        return False
    return bool(subprocess.run([fonts, ":lang=ja"], capture_output=True, check=True).stdout.strip())


def _has_postgresql() -> bool:
    return bool(shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")))


def _has_dovecot() -> bool:
    return bool(shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin"))


def _has_nsd() -> bool:
    return bool(shutil.which("nsd", path=f"{os.environ['PATH']}:/usr/sbin"))


def _has_nginx() -> bool:
    return bool(shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"))


def _has_cyrus() -> bool:
    """Whether this machine can get and run it: root on Debian, on the architecture of the tests' paths."""
    tools = shutil.which("apt-get") and shutil.which("dpkg")
    return os.geteuid() == 0 and bool(tools) and Path("/usr/lib/x86_64-linux-gnu").is_dir()


def _has_paper() -> bool:
    return bool(shutil.which("pdftoppm") and find_library("pango-1.0"))


def _has_libreoffice() -> bool:
    return bool(shutil.which("soffice"))


def _has_corpus() -> bool:
    return (CORPUS / "EXPECTED.json").is_file()


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "requires_chromium": (
        _has_chromium,
        "Chromium and a Japanese font are not installed: apt-get install chromium fonts-noto-cjk fontconfig",
    ),
    "requires_postgresql": (_has_postgresql, "PostgreSQL is not installed: apt-get install postgresql"),
    "requires_dovecot": (_has_dovecot, "Dovecot is not installed: apt-get install dovecot-imapd"),
    "requires_cyrus": (_has_cyrus, "Cyrus needs root, apt-get and dpkg on Debian for amd64"),
    "requires_nsd": (_has_nsd, "The name server NSD is not installed: apt-get install nsd"),
    "requires_nginx": (_has_nginx, "nginx is not installed: apt-get install nginx-light"),
    "requires_paper": (_has_paper, "Pango and Poppler are not installed: apt-get install libpango-1.0-0 poppler-utils"),
    "requires_libreoffice": (
        _has_libreoffice,
        "LibreOffice is not installed: apt-get install libreoffice-calc",
    ),
    "requires_corpus": (_has_corpus, f"there is no corpus in {CORPUS}: put its folder into SEKISHO_CORPUS"),
}


def pytest_configure() -> None:
    """Tests do not see the settings of the shell, and times that forget to be UTC are nine hours off."""
    for name in [name for name in os.environ if name.upper().startswith("SEKISHO_")]:
        del os.environ[name]
    os.environ["TMPDIR"] = tempfile.tempdir = temporary_root()
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    # How long an example takes is the machine's business; what it shows is the test's.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave a test out, or fail it under CI, when this machine lacks what it is marked with."""
    for marker, (present, sentence) in NEEDS.items():
        if item.get_closest_marker(marker) and not present():
            left_out(sentence)


def left_out(sentence: str) -> None:
    """Skip the running test with this sentence; under CI, where nothing may be left out, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


@pytest.fixture
def corpus() -> Path:
    """The folder with the corpus of real reports; for tests that are marked requires_corpus."""
    return CORPUS
