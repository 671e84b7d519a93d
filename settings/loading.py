"""Reads the settings from sekisho.toml, the SEKISHO_* variables and the files that SEKISHO_*_FILE variables name.

Whatever is wrong in them is told at once, each in one line: where it stands, what is wrong, what the option is for.
"""

import difflib
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError as SourceError

from settings.checks import SQLITE
from settings.options import FILE_SUFFIX, MAILBOXES, PREFIX, Option, Settings, mailbox_options, options
from settings.tables import Mailbox

CONFIG_VARIABLE = "SEKISHO_CONFIG"
DEFAULT_FILE = Path("sekisho.toml")
SEE = "Every option is in sekisho.example.toml."


class SettingsError(Exception):
    """The settings cannot be used; the message has one line for each thing that is wrong."""


def load(path: Path | None = None) -> Settings:
    """Read the settings from `path`, or the file that SEKISHO_CONFIG names, or ./sekisho.toml where there is one.

    A variable wins over the file. Relative paths start at the folder of that file, or at the current folder
    without a file. Raises SettingsError with every problem of the file and of the environment at once.
    """
    file = _file(path)
    written = _read(file) if file else {}
    problems = _unknown_variables(os.environ, _password_variables(written))
    secrets, refused = _secrets(os.environ)
    problems += refused
    try:
        settings = Settings(**_merged(written, secrets))
    except ValidationError as error:
        problems += _sentences(error, file, written)
    except SourceError as error:
        problems = problems or [f"environment: {error}. Set the options of a table one by one. {SEE}"]
    problems = problems or [*_open_secrets(file, written)]
    if problems:
        raise SettingsError("\n".join(problems))
    return _rooted(settings, file.parent if file else Path())


def _file(path: Path | None) -> Path | None:
    named = path or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if named:
        return named
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror}). Name another file.") from error
    except ValueError as error:
        raise SettingsError(f"{file}: is not TOML in UTF-8 ({error}). Mend that place.") from error


def _password_variables(written: Mapping[str, Any]) -> set[str]:
    """The variables that mailboxes name for their passwords."""
    tables = written.get(MAILBOXES)
    if not isinstance(tables, list):
        return set()
    return {str(table.get("password_variable")) for table in tables if isinstance(table, Mapping)}


def _merged(written: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The tables of the file with the secrets of *_FILE variables under their dotted keys."""
    merged = dict(written)
    for key, secret in secrets.items():
        table, _, name = key.rpartition(".")
        if not table:
            merged[name] = secret
        elif isinstance(merged.get(table, {}), dict):
            merged[table] = {**merged.get(table, {}), name: secret}
    return merged


def _open_secrets(file: Path | None, written: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with secrets that stand in the file itself: others may read it."""
    mode = stat.S_IMODE(file.stat().st_mode) if file else 0
    if not mode & 0o077:
        return
    for option in options():
        table, _, name = option.key.rpartition(".")
        value = (written.get(table, {}) if table else written).get(name)
        if option.secret and value and _is_secret(value):
            yield (
                f"{file}: {option.key}: holds a secret, and the file has mode {mode:o} and not 600. "
                f"Run chmod 600 {file}, or put the secret in a file that {option.variable}{FILE_SUFFIX} names."
            )


def _is_secret(text: str) -> bool:
    """Whether a text holds one: anything but the address of a database without a password."""
    parts = urlsplit(text)
    return bool(parts.password) or not parts.scheme.startswith(("sqlite", "postgresql"))


def _unknown_variables(environ: Mapping[str, str], named: set[str]) -> list[str]:
    known = {CONFIG_VARIABLE, *named}
    for option in options():
        known |= {option.variable, option.variable + FILE_SUFFIX} if option.secret else {option.variable}
    ours = (name for name in environ if name.upper().startswith(PREFIX))
    return [f"{name}: no such option.{_nearest(name, known)} {SEE}" for name in sorted(ours) if name not in known]


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _secrets(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The secrets that *_FILE variables point to, and what is wrong with the others."""
    values: dict[str, str] = {}
    problems: list[str] = []
    for option in options():
        named = environ.get(option.variable + FILE_SUFFIX)
        if named is None or not option.secret:
            continue
        try:
            values[option.key] = _secret(option, Path(named), environ)
        except SettingsError as error:
            problems.append(str(error))
    return values, problems


def _secret(option: Option, file: Path, environ: Mapping[str, str]) -> str:
    variable = option.variable + FILE_SUFFIX
    if option.variable in environ:
        raise SettingsError(f"{variable}: {option.variable} is set too. Remove one of the two.")
    try:
        with file.open(encoding="utf-8") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if mode & 0o177 and not _is_systemd_credential(file, environ):
                raise SettingsError(f"{variable}: {file} has mode {mode:o} and not 600. Run chmod 600 {file}.")
            return opened.read().rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{variable}: {file} cannot be read ({error.strerror}). Name another file.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{variable}: {file} is not text in UTF-8. Write the secret again.") from error


def _is_systemd_credential(file: Path, environ: Mapping[str, str]) -> bool:
    """Whether systemd's LoadCredential= put it there, whose access list shows as a group-readable mode."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and file.resolve().parent == Path(str(folder)).resolve()


def _sentences(error: ValidationError, file: Path | None, written: Mapping[str, Any]) -> list[str]:
    """One line for each refused value: where it stands, what is wrong, what the option is for."""
    known = {option.key: option for option in (*options(), *mailbox_options())}
    return [
        _sentence(detail, file, known)
        for detail in error.errors()
        if detail["type"] != "extra_forbidden" or _holds(written, detail["loc"])
    ]


def _holds(table: Any, keys: tuple[int | str, ...]) -> bool:
    """Whether the file itself has this key; one that only a variable has was named by `_unknown_variables`."""
    for key in keys:
        within = isinstance(key, int) if isinstance(table, list) else isinstance(table, Mapping) and key in table
        if not within:
            return False
        table = table[key]
    return True


def _sentence(detail: ErrorDetails, file: Path | None, known: Mapping[str, Option]) -> str:
    key = ".".join(part for part in detail["loc"] if isinstance(part, str))
    if key.partition(".")[0] == MAILBOXES:
        return f"{file}: {_mailbox_sentence(detail, key, known)}"
    if detail["type"] == "extra_forbidden":
        return f"{file}: {key}: no such option.{_nearest(key, {*known, MAILBOXES})} {SEE}"
    option = known.get(key)
    if option is None:
        return f"{file}: {key}: must be a table, [{key}]. {SEE}"
    given = "" if option.secret else f" (it is {detail['input']!r})"
    wrong = detail["msg"].removeprefix("Value error, ")
    return f"{_origin(option, file)}: {wrong}{given}. {option.sentence} The default is {option.default!r}."


def _mailbox_sentence(detail: ErrorDetails, key: str, known: Mapping[str, Option]) -> str:
    """What is wrong in one [[mailbox]] table, which is counted from 1. The value is not repeated."""
    number = next((part + 1 for part in detail["loc"] if isinstance(part, int)), None)
    where = f"[[{MAILBOXES}]]" if number is None else f"[[{MAILBOXES}]] number {number}: {key.rpartition('.')[2]}"
    if detail["type"] == "extra_forbidden":
        return f"{where}: no such option.{_nearest(key, set(known))} {SEE}"
    option = known.get(key)
    if option is None:
        told = detail["type"] == "value_error"
        wrong = detail["msg"].removeprefix("Value error, ") if told else "must be tables, one for each mailbox"
        return f"[[{MAILBOXES}]]: {wrong}. {SEE}"
    return f"{where}: {detail['msg'].removeprefix('Value error, ')}. {option.sentence}"


def _origin(option: Option, file: Path | None) -> str:
    """Where the value of an option was written: the variable that wins, or the file and the key."""
    for variable in (option.variable, option.variable + FILE_SUFFIX):
        if variable in os.environ:
            return variable
    return f"{file}: {option.key}" if file else option.key


def _rooted(settings: Settings, folder: Path) -> Settings:
    """The same settings with every relative path made absolute below `folder`."""
    root = folder.absolute()
    files = {name: root / path for name, path in settings.knowledge if path is not None}
    url = settings.database_url
    if url.startswith(SQLITE):
        url = f"{SQLITE}{root / url.removeprefix(SQLITE)}"
    return settings.model_copy(
        update={
            "database_url": url,
            "knowledge": settings.knowledge.model_copy(update=files),
            "mailbox": tuple(_rooted_mailbox(mailbox, root) for mailbox in settings.mailbox),
            "backup": settings.backup.model_copy(update={"folder": _below(root, settings.backup.folder)}),
            "schedule": settings.schedule.model_copy(update={"folder": _below(root, settings.schedule.folder)}),
            "smtp": settings.smtp.model_copy(update=_rooted_paths(settings.smtp, root)),
            "log": settings.log.model_copy(update={"file": _below(root, settings.log.file)}),
        }
    )


def _below(root: Path, path: str) -> str:
    return str(root / path) if path else ""


def _rooted_mailbox(mailbox: Mailbox, root: Path) -> Mailbox:
    return mailbox.model_copy(update=_rooted_paths(mailbox, root))


def _rooted_paths(table: BaseModel, root: Path) -> dict[str, Path]:
    return {name: root / value for name, value in table if isinstance(value, Path)}
