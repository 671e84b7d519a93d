"""Every page for people: the commands, options, variables, settings and files that it names are there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup

from sekisho.main import GROUPS, load
from settings import load as load_settings
from settings import options

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "README.ja.md", "CHANGELOG.md", "CONTRIBUTING.md", "sample_reports/README.md"]
PAGES += [str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")]
# Read by programs beside Sekisho: which store and which port scripts take, where the tests' corpus lies.
OF_SCRIPTS = {"SEKISHO_CONFIG", "SEKISHO_PORT", "SEKISHO_CORPUS"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def command_lines(page: str) -> Iterator[list[str]]:
    """The words after `sekisho` in code marks, and in code blocks up to the words that explain the line."""
    text = text_of(page)
    lines = re.findall(r"`sekisho ((?!->)[^`\n]+)`", text)
    for block in re.findall(r"(?ms)^ *```\n(.*?)^ *```$", text):
        lines += re.findall(r"(?m)^ *(?:\S+ && )?sekisho (\S+(?: \S+)*)", block)
    yield from (shlex.split(line) for line in lines)


def options_of(words: list[str]) -> list[set[str]]:
    """The options of the named command, or of each in `db check|backup`. KeyError: there is no such command."""
    if words[0] not in GROUPS:
        raise KeyError(words[0])
    group = load(words[0])
    if not isinstance(group, TyperGroup):
        return [{each for param in group.params for each in (*param.opts, *param.secondary_opts)}]
    named = words[1].split("|") if len(words) > 1 else []
    return [{each for param in group.commands[name].params for each in param.opts} for name in named]


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_exist_with_their_options(page: str) -> None:
    unknown = []
    for words in command_lines(page):
        wanted = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"}
        try:
            known = [] if words[0].startswith("--") else options_of(words)
        except KeyError as error:
            unknown.append(f"{' '.join(words)}: {error}")
            continue
        unknown += [f"{' '.join(words)}: {option}" for each in known for option in wanted - each]

    assert unknown == []


def test_the_readmes_show_the_whole_way_of_a_new_user() -> None:
    for page in ("README.md", "README.ja.md"):
        typed = [" ".join(words) for words in command_lines(page)]
        way = [
            "db upgrade",
            "user add",
            "customers add",
            "domains assign",
            "mailbox test",
            "nightly",
            "decide",
            "export",
        ]
        assert [step for step in way if not any(line.startswith(step) for line in typed)] == [], page


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_the_mailbox_of_the_readme_is_a_mailbox(page: str, tmp_path: Path) -> None:
    (block,) = re.findall(r"(?ms)^```toml\n(.*?)^```$", text_of(page))
    file = tmp_path / "sekisho.toml"
    file.write_text(text_of("sekisho.example.toml") + block, encoding="utf-8")
    secret = tmp_path / "reports.password"
    secret.touch(0o600)
    (mailbox,) = load_settings(file).mailbox

    assert (mailbox.name, mailbox.password_file) == ("reports", secret)


@pytest.mark.parametrize("page", PAGES)
def test_the_variables_of_a_page_are_read(page: str) -> None:
    known = {option.variable for option in options()} | OF_SCRIPTS
    named = set(re.findall(r"SEKISHO_[A-Z_]+[A-Z]", text_of(page)))

    assert {name for name in named if name not in known and name.removesuffix("_FILE") not in known} == set()


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            missing.append(target)

    assert missing == []


def anchors(file: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.+)$", file.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
