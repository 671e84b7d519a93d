"""The house rules: which layer imports which, lint and types, and that the documents name what the code has."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import Table
from typer.core import TyperGroup

from sekisho.main import ERRORS, GROUPS, command, load
from store.schema import metadata

ROOT = Path(__file__).parent.parent

# What each room may import of ours (sekisho joins them all).
ARROWS = {
    "settings": set(),
    "wording": set(),
    "knowledge": set(),
    "store": {"settings", "knowledge", "wording"},
    "ingest": {"store", "settings", "knowledge", "wording"},
    "analysis": {"store", "settings", "knowledge", "wording"},
    "dashboard": {"analysis", "store", "settings", "knowledge", "wording"},
    "sekisho": {"dashboard", "analysis", "ingest", "store", "settings", "knowledge", "wording"},
}

# The only places that may import these packages.
PLACES = {
    "parsedmarc": ("ingest/normalize.py",),
    "streamlit": ("dashboard/",),
    "dns": ("ingest/resolver.py",),
    "dkim": ("ingest/dkim_check.py",),
    "imapclient": ("ingest/imap_client.py", "ingest/mailbox.py", "ingest/mailbox_filing.py"),
    "sqlalchemy": ("store/", "analysis/", "ingest/", "sekisho/"),
    "alembic": ("store/",),
    "vl_convert": ("dashboard/ink.py",),
    "weasyprint": ("dashboard/paper.py",),
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


def tool(*words: str) -> None:
    """Run a tool of the test environment; its output is the failure."""
    done = run(str(Path(sys.executable).parent / words[0]), *words[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def tracked(*patterns: str) -> list[str]:
    """Files of the working tree that git holds or would take."""
    done = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns)
    assert done.returncode == 0, done.stderr
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def rooms(room: str) -> list[str]:
    return tracked(f"{room}/*.py")


def imported(name: str) -> set[str]:
    """The top-level packages that a file imports anywhere in it, later and for types included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} line {node.lineno}: a relative import"
            found.add((node.module or "").partition(".")[0])
    return found


def names_from(package: str, name: str) -> set[str]:
    """What a file takes out of a package: `from package.part import Name` gives Name, `import package` package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.partition(".")[0] == package}
    return found


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    files = rooms(room)
    bent = {name: imported(name) & (ARROWS.keys() - ARROWS[room] - {room}) for name in files}

    assert files
    assert {name: wrong for name, wrong in bent.items() if wrong} == {}


def test_a_part_of_a_page_runs_alone_only_where_session_and_scope_are_looked_up_again() -> None:
    files = [file for file in (ROOT / "dashboard").rglob("*.py") if "fragment" in file.read_text(encoding="utf-8")]

    assert [file.name for file in files] == ["redrawn.py"]


@pytest.mark.parametrize("package", PLACES)
def test_a_package_from_outside_is_imported_in_its_place_only(package: str) -> None:
    files = [name for room in ARROWS for name in rooms(room) if package in imported(name)]

    assert [name for name in files if not name.startswith(PLACES[package])] == []


FRAMES = re.compile(r"analysis/([a-z]+_)?frames\.py")


def test_only_the_frames_and_the_store_write_sql() -> None:
    """The others may name a connection in a signature or catch a database's refusal, no more."""
    files = [name for room in ("analysis", "ingest", "sekisho") for name in rooms(room) if not FRAMES.fullmatch(name)]
    words = {name: names_from("sqlalchemy", name) - {"Connection", "Engine", "DBAPIError"} for name in files}

    assert {name: wrong for name, wrong in words.items() if wrong} == {}


def test_import_linter_finds_no_bent_arrow() -> None:
    tool("lint-imports", "--no-cache")


def test_the_linter_has_nothing_to_say() -> None:
    tool("ruff", "check", "--no-cache", ".")


def test_the_formatter_would_change_nothing() -> None:
    tool("ruff", "format", "--no-cache", "--check", ".")


def test_every_type_is_right() -> None:
    tool("mypy")


# What scripts/messages collects from.
TRANSLATES = {"_", "later", "text"}


def test_no_text_is_translated_inside_a_formatted_string() -> None:
    """There the collector of texts does not see it on Python 3.11, and it would stay in English."""
    found = [
        f"{name} line {call.lineno}"
        for room in ARROWS
        for name in rooms(room)
        for formatted in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8")))
        if isinstance(formatted, ast.JoinedStr)
        for call in ast.walk(formatted)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in TRANSLATES
        if any(isinstance(word, ast.Constant) for word in call.args)
    ]

    assert found == []


def test_the_screen_starts_without_the_parser() -> None:
    program = "import sys, dashboard, analysis; print([name for name in ('parsedmarc', 'dns') if name in sys.modules])"

    assert run(sys.executable, "-c", program).stdout == "[]\n"


def test_help_does_not_wait_for_the_heavy_packages() -> None:
    heavy = "{'pandas', 'sqlalchemy', 'streamlit', 'parsedmarc', 'pydantic'}"
    program = f"""
import sys
from sekisho.main import main
try:
    main()
except SystemExit as left:
    print(left.code, sorted({heavy} & sys.modules.keys()))
"""

    assert run(sys.executable, "-c", program, "--help").stdout.endswith("\n0 []\n")


def commands() -> Iterator[str]:
    """Every command as it is typed, `db upgrade`; the modules of all groups are imported."""
    for name in GROUPS:
        group = load(name)
        if isinstance(group, TyperGroup):
            yield from (f"{name} {sub}" for sub in group.commands)
        else:
            yield name


@pytest.mark.parametrize("file", ["README.md", "README.ja.md"])
def test_every_command_stands_in_the_readme(file: str) -> None:
    readme = (ROOT / file).read_text(encoding="utf-8")

    assert [name for name in commands() if f"sekisho {name}" not in readme] == []


def test_every_command_has_one_example_in_its_help() -> None:
    missing = []
    for name in commands():
        group, _, sub = name.partition(" ")
        found = load(group).commands[sub] if sub else load(group)
        if (found.help or "").count(f"Example: sekisho {name}") != 1:
            missing.append(name)

    assert missing == []


def test_every_module_of_the_command_line_is_a_group_of_it() -> None:
    named = {module for module, _ in GROUPS.values()}
    with_app = {
        f"sekisho.{path.stem}"
        for path in (ROOT / "sekisho").glob("*.py")
        if path.stem != "main" and "\napp = " in path.read_text(encoding="utf-8")
    }

    assert with_app == named
    assert list(command().commands) == list(GROUPS)


def test_every_error_of_the_exit_code_table_exists() -> None:
    for module, name, _ in ERRORS:
        assert issubclass(getattr(import_module(module), name), Exception)


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_the_data_page_names_every_column(table: Table) -> None:
    """Each table has a heading of its own in docs/DATA.md, and below it every column in code marks."""
    page = (ROOT / "docs" / "DATA.md").read_text(encoding="utf-8")
    _, found, below = page.partition(f"\n### `{table.name}`\n")
    section = below.partition("\n#")[0]

    assert found, f"no heading: ### `{table.name}`"
    assert [column.name for column in table.columns if f"`{column.name}`" not in section] == []


def locked(name: str) -> dict[str, str]:
    """The packages of a lock with their versions, each checked to have a hash."""
    found: dict[str, str] = {}
    for block in re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / "requirements" / name).read_text(encoding="utf-8"))[1:]:
        pin = re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", block)
        assert pin, block
        assert "--hash=sha256:" in block, block
        found[canonicalize_name(pin[1])] = pin[2]
    return found


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    run_time, tests = locked("run.txt"), locked("test.txt")

    for asked, pins in [
        (project["project"]["dependencies"] + groups["build"], run_time),
        (groups["test"], tests),
    ]:
        for requirement in map(Requirement, asked):
            pin = pins.get(canonicalize_name(requirement.name))
            assert pin is not None, f"run scripts/lock: {requirement} is not locked"
            assert pin in requirement.specifier, f"run scripts/lock: {requirement}, not {pin}"
    assert run_time.items() <= tests.items()


def test_every_package_that_the_product_imports_is_asked_for_by_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    taken = {package for room in ARROWS for name in rooms(room) for package in imported(name)} - ARROWS.keys()
    sources = packages_distributions()

    foreign = {package for package in taken if package not in sys.stdlib_module_names and package in sources}
    assert foreign >= {"pydantic", "sqlalchemy", "streamlit"}
    assert {package for package in foreign if asked.isdisjoint(map(canonicalize_name, sources[package]))} == set()


# Read by another package, and not imported: SQLAlchemy's driver, the zones of zoneinfo.
NOT_IMPORTED = {"psycopg", "tzdata"}


def test_every_package_that_is_asked_for_is_used_and_its_licence_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = re.findall(r"(?m)^\| ([A-Za-z0-9-]+) \| .+ \| .+ \|$", (ROOT / "docs" / "DEPENDENCIES.md").read_text())
    groups = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    asked = {canonicalize_name(Requirement(each).name) for group in groups for each in group}
    assert {canonicalize_name(name) for name in listed if name != "package"} == asked

    taken = {package for room in ARROWS for name in rooms(room) for package in imported(name)}
    sources = packages_distributions()
    used = {canonicalize_name(name) for package in taken for name in sources.get(package, ())}
    run_time = {canonicalize_name(Requirement(each).name) for each in groups[0]}
    assert run_time - used == NOT_IMPORTED


def test_the_architecture_fits_on_a_hundred_lines() -> None:
    assert len((ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 100


def test_nothing_names_a_package_index_or_somebodys_machine() -> None:
    """The words are put together here, so that this file does not hold them."""
    foreign = [
        "files." + "pythonhosted.org",
        "pypi." + "org/simple",
        "--index" + "-url",
        "/work" + "/main",
        "/work" + "/shared",
    ]
    done = run("git", "grep", "--untracked", "-l", "-I", "-F", *(word for each in foreign for word in ("-e", each)))

    assert done.stdout == ""
