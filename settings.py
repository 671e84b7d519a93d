"""Every option of Sekisho: its name, its default and one sentence about it.

`load` reads sekisho.toml, the SEKISHO_* variables and the files that SEKISHO_*_FILE variables name, and raises one
`SettingsError` that lists everything wrong in them. Nothing is read at import; imports nothing of ours.
"""

import difflib
import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

PREFIX = "SEKISHO_"
CONFIG_VARIABLE = "SEKISHO_CONFIG"
FILE_SUFFIX = "_FILE"
DEFAULT_FILE = Path("sekisho.toml")
SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgresql+psycopg://")
SEE = "Every option is in sekisho.example.toml."


class SettingsError(Exception):
    """The settings cannot be used; the message has one line for each thing that is wrong."""


def _database_url(value: str) -> str:
    if value.startswith(POSTGRESQL):
        return value
    path = value.removeprefix(SQLITE)
    if path in ("", value, ":memory:") or "?" in path:
        raise ValueError("must be sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE")
    return value


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a name of the IANA time zone database, like Asia/Tokyo or UTC") from error
    return value


def _address(value: str) -> str:
    if value == "localhost":
        return value
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise ValueError("must be an IP address of this machine, or localhost") from error


def _public_url(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be empty or like https://dmarc.example.jp")
    return value.rstrip("/")


def _each(check: Callable[[str], str], wanted: str) -> Callable[[object], tuple[str, ...]]:
    """A validator of a list of texts; a variable gives them with commas between."""

    def checked(value: object) -> tuple[str, ...]:
        texts = [text.strip() for text in value.split(",") if text.strip()] if isinstance(value, str) else value
        try:
            if isinstance(texts, list | tuple):
                return tuple(check(text) for text in texts)
        except (TypeError, AttributeError, ValueError):
            pass
        raise ValueError(f"must be a list of {wanted}")

    return checked


def name_server(text: str) -> tuple[str, int]:
    """Address and port of a name server: 192.0.2.53, 192.0.2.53:5353, 2001:db8::53 or [2001:db8::53]:5353."""
    bare = re.fullmatch(r"\[(.+)\]:(\d+)", text) or re.fullmatch(r"([\d.]+):(\d+)", text)
    address, port = bare.groups() if bare else (text, "53")
    if not 0 < int(port) < 65536:
        raise ValueError("no port")
    return str(ipaddress.ip_address(address)), int(port)


def _name_server(text: str) -> str:
    name_server(text)
    return text


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text.strip()))


def _host_name(text: str) -> str:
    name = text.strip().lower().removesuffix(".")
    if len(name) > 253 or not re.fullmatch(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]+", name):
        raise ValueError("no host name")
    return name


NameServers = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_each(_name_server, "IP addresses like 192.0.2.53 or 192.0.2.53:5353"))
]
Networks = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_each(_network, "networks like 192.0.2.0/24 without host bits"))
]
HostNames = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_each(_host_name, "host names in ASCII like mail.example.jp"))
]
Positive = Annotated[int, Field(ge=1)]


class Limits(BaseModel):
    """How much one message may ask of this machine; what asks for more is quarantined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_bytes: Positive = Field(36_700_160, description="Bytes that one message or file may have (35 MiB).")
    attachments: Positive = Field(20, description="Attachments that one message may have.")
    members: Positive = Field(10, description="Members that one archive may have.")
    inflated_bytes: Positive = Field(
        268_435_456, description="Bytes that one message may have after everything in it is unpacked (256 MiB)."
    )
    records: Positive = Field(500_000, description="Records that one report may have.")
    unregistered_inflated_bytes: Positive = Field(
        20_971_520,
        description="As inflated_bytes, for mail from a mailbox about a domain that is not registered (20 MiB).",
    )
    unregistered_records: Positive = Field(
        5_000, description="As records, for mail from a mailbox about a domain that is not registered."
    )
    span_days: Positive = Field(35, description="Days that one report may cover.")
    cpu_seconds: Positive = Field(120, description="Seconds of computing that one message may take.")
    memory_bytes: Positive = Field(
        1_073_741_824, description="Memory that one worker may use while it reads a message (1 GiB)."
    )


class Dashboard(BaseModel):
    """Where the browser app is served, and how long a login lasts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Annotated[str, AfterValidator(_address)] = Field(
        "127.0.0.1", description="IP address to listen on; another than the loopback address needs accounts."
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8501, description="TCP port to listen on.")
    public_url: Annotated[str, AfterValidator(_public_url)] = Field(
        "", description="Address that people type, when a reverse proxy stands in front; empty without one."
    )
    session_idle_minutes: Positive = Field(30, description="Minutes without a click after which a login ends.")
    session_hours: Positive = Field(12, description="Hours after which a login ends in any case.")


class Knowledge(BaseModel):
    """Your own additions to the tables that Sekisho ships."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    senders_file: Path | None = Field(None, description="TOML file whose services are added to the shipped senders.")
    forwarders_file: Path | None = Field(None, description="TOML file whose hosts are added to the shipped forwarders.")
    reporters_file: Path | None = Field(
        None, description="TOML file whose receivers are added to the shipped reporters."
    )


class Lookup(BaseModel):
    """How DNS is asked, and how much of a night that may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nameservers: NameServers = Field(
        (),
        description="Addresses of the name servers to ask, with a port where it is not 53; empty for this machine's.",
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        2.0, description="Seconds that one question may take, repetition included."
    )
    at_once: Annotated[int, Field(ge=1, le=500)] = Field(64, description="Questions that may be open at the same time.")
    sources_per_run: Positive = Field(2_000, description="Addresses whose host name one run asks for at most.")
    seconds_per_run: Positive = Field(60, description="Seconds after which a run stops asking for host names.")
    found_days: Positive = Field(30, description="Days after which a host name that was found is asked for again.")
    absent_days: Positive = Field(7, description="Days after which an address without a host name is asked for again.")
    failed_hours: Positive = Field(6, description="Hours after which a question that failed is asked again.")


class OwnInfrastructure(BaseModel):
    """Your own shared mail servers; what they send is one sender in every domain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: Networks = Field((), description="Networks in which only your own mail servers stand.")
    hosts: HostNames = Field((), description="Host names of your own mail servers, each with everything below it.")


class Settings(BaseSettings):
    """All options together; `load` makes one, and it never changes."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__")

    database_url: Annotated[str, AfterValidator(_database_url)] = Field(
        "sqlite:///sekisho.sqlite3",
        repr=False,
        json_schema_extra={"secret": True},
        description="Database: sqlite:///FILE, or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.",
    )
    language: Literal["ja", "en"] = Field("ja", description="Language of screens and files until a person chooses.")
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "Asia/Tokyo", description="Time zone in which times are shown; reports are counted by UTC days."
    )
    workers: Annotated[int, Field(ge=0)] = Field(
        0, description="Processes that read messages side by side; 0 means one for each core."
    )
    limits: Limits = Limits()
    dashboard: Dashboard = Dashboard()
    knowledge: Knowledge = Knowledge()
    lookup: Lookup = Lookup()
    own_infrastructure: OwnInfrastructure = OwnInfrastructure()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """A variable wins over the file; there is no other source."""
        return env_settings, init_settings


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its dotted key in sekisho.toml, its default, its sentence, and whether it may hold a secret."""

    key: str
    default: object
    sentence: str
    secret: bool

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.key.replace(".", "__").upper()


def options(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Option]:
    """Every option, in the order in which the models state them."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from options(type(field.default), f"{prefix}{name}.")
        else:
            extra = field.json_schema_extra
            secret = isinstance(extra, dict) and extra.get("secret") is True
            yield Option(prefix + name, field.default, field.description or "", secret)


def load(path: Path | None = None) -> Settings:
    """Read the settings from `path`, or the file that SEKISHO_CONFIG names, or ./sekisho.toml where there is one.

    A variable wins over the file. Relative paths start at the folder of that file, or at the current folder
    without a file. Raises SettingsError with every problem of the file and of the environment at once.
    """
    file = _file(path)
    written = _read(file) if file else {}
    problems = _unknown_variables(os.environ)
    secrets, refused = _secrets(os.environ)
    problems += refused
    try:
        settings = Settings(**{**written, **secrets})
    except ValidationError as error:
        problems += _sentences(error, file, written)
    except SourceError as error:
        problems = problems or [f"environment: {error}. Set the options of a table one by one. {SEE}"]
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


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    known = {CONFIG_VARIABLE}
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
            if mode & 0o177:
                raise SettingsError(f"{variable}: {file} has mode {mode:o} and not 600. Run chmod 600 {file}.")
            return opened.read().rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{variable}: {file} cannot be read ({error.strerror}). Name another file.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{variable}: {file} is not text in UTF-8. Write the secret again.") from error


def _sentences(error: ValidationError, file: Path | None, written: Mapping[str, Any]) -> list[str]:
    """One line for each refused value: where it stands, what is wrong, what the option is for."""
    known = {option.key: option for option in options()}
    return [
        _sentence(detail, file, known)
        for detail in error.errors()
        if detail["type"] != "extra_forbidden" or _holds(written, detail["loc"])
    ]


def _holds(table: object, keys: tuple[int | str, ...]) -> bool:
    """Whether the file itself has this key; one that only a variable has was named by `_unknown_variables`."""
    for key in keys:
        if not isinstance(table, Mapping) or key not in table:
            return False
        table = table[key]
    return True


def _sentence(detail: ErrorDetails, file: Path | None, known: Mapping[str, Option]) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{file}: {key}: no such option.{_nearest(key, set(known))} {SEE}"
    option = known.get(key)
    if option is None:
        return f"{file}: {key}: must be a table, [{key}]. {SEE}"
    given = "" if option.secret else f" (it is {detail['input']!r})"
    wrong = detail["msg"].removeprefix("Value error, ")
    return f"{_origin(option, file)}: {wrong}{given}. {option.sentence} The default is {option.default!r}."


def _origin(option: Option, file: Path | None) -> str:
    """Where the value of an option was written: the variable that wins, or the file and the key."""
    for variable in (option.variable, option.variable + FILE_SUFFIX):
        if variable in os.environ:
            return variable
    return f"{file}: {option.key}"


def _rooted(settings: Settings, folder: Path) -> Settings:
    """The same settings with every relative path made absolute below `folder`."""
    root = folder.absolute()
    files = {name: root / path for name, path in settings.knowledge if path is not None}
    url = settings.database_url
    if url.startswith(SQLITE):
        url = f"{SQLITE}{root / url.removeprefix(SQLITE)}"
    return settings.model_copy(update={"database_url": url, "knowledge": settings.knowledge.model_copy(update=files)})
