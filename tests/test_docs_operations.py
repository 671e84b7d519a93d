"""docs/OPERATIONS.md: its settings load, its commands exist, its units are what systemd reads."""

import configparser
import re
from pathlib import Path

import pytest
from typer.core import TyperGroup

from ingest.mailbox_settings import mailbox_of
from sekisho.main import GROUPS, load
from settings import load as load_settings

PAGE = (Path(__file__).parent.parent / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"(?ms)^( *)```{language}\n(.*?)^ *```$", PAGE)
    return [re.sub(rf"(?m)^{indent}", "", text) for indent, text in found]


@pytest.mark.parametrize("text", blocks("toml"))
def test_its_settings_load_and_its_mailboxes_can_work(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sekisho.toml"
    file.write_text(text)

    for written in load_settings(file).mailbox:
        mailbox_of(written)


def test_there_is_a_mailbox_for_each_kind_of_provider() -> None:
    text = "\n".join(blocks("toml"))

    assert set(re.findall(r'preset = "(\w+)"', text)) == {"gmail", "microsoft", "xserver"}
    assert text.count("[[mailbox]]") == 5


def test_every_command_that_the_page_names_exists() -> None:
    named = set(re.findall(r"sekisho ((?:[a-z]+)(?: [a-z]+)?)", "\n".join(re.findall(r"`(sekisho [^`]+)`", PAGE))))
    known = set()
    for name in GROUPS:
        group = load(name)
        known |= {f"{name} {sub}" for sub in group.commands} if isinstance(group, TyperGroup) else {name}

    assert named >= {"status", "db restore", "db backup", "mailbox authorize"}
    assert {name for name in named if name not in known and name.split()[0] not in known} == set()


def test_its_unit_is_hardened_and_starts_the_night() -> None:
    service, timer = blocks("ini")
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # systemd's names have capitals
    unit.read_string(service)

    assert unit["Service"]["ExecStart"].endswith("/sekisho nightly")
    assert unit["Service"]["NoNewPrivileges"] == "yes"
    assert unit["Service"]["ProtectSystem"] == "strict"
    assert "LoadCredential=heartbeat:" in service
    assert "OnCalendar=" in timer
