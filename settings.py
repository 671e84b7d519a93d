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

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

PREFIX = "SEKISHO_"
CONFIG_VARIABLE = "SEKISHO_CONFIG"
FILE_SUFFIX = "_FILE"
DEFAULT_FILE = Path("sekisho.toml")
SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgresql+psycopg://")
# The key of the tables that stand any number of times.
MAILBOXES = "mailbox"
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


def _report_address(text: str) -> str:
    local, at, host = text.strip().rpartition("@")
    if not text.strip():
        return ""
    if not at or not re.fullmatch(r"[A-Za-z0-9._+-]{1,64}", local):
        raise ValueError("must be empty or a mail address like dmarc@example.jp")
    return f"{local}@{_host_name(host)}"


def _authserv_id(text: str) -> str:
    name = text.strip().lower()
    if not re.fullmatch(r"[a-z0-9_.-]+", name):
        raise ValueError("no authserv-id")
    return name


def _issuer(value: str) -> str:
    parts = urlsplit(value)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if value and ((parts.scheme != "https" and not here) or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must be empty or the provider's https address, as its tokens write it")
    return value


def _client_id(value: str, other: ValidationInfo) -> str:
    if other.data.get("issuer") and not value:
        raise ValueError("is needed beside an issuer")
    return value


def _claim_value(text: str) -> str:
    if not text.strip():
        raise ValueError("empty")
    return text.strip()


def _ping_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 443)
    except ValueError:
        usable = None
    if value and (not usable or parts.query or parts.fragment):
        raise ValueError("must be empty or an http(s) address without ? and #")
    return value.rstrip("/")


def _addresses(value: str) -> str:
    if any(not re.match(r"[A-Za-z0-9+]+://.", address) for address in value.split()):
        raise ValueError("must be empty or addresses like mailtos://USER:PASSWORD@HOST with blanks between")
    return value


def _customer_addresses(value: str) -> str:
    for line in filter(str.strip, value.splitlines()):
        name, _, addresses = line.partition(" = ")
        if not name.strip() or not addresses.strip():
            raise ValueError("must be empty or lines like: Example Trading = mailtos://USER:PASSWORD@HOST")
        _addresses(addresses)
    return value


def _mail_address(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}", text))


def _recipients(value: str) -> str:
    for line in filter(str.strip, value.splitlines()):
        name, _, address = line.partition(" = ")
        if not name.strip() or not _mail_address(address.strip()):
            raise ValueError("must be empty or lines like: Example Trading = owner@example.jp")
    return value


def _sender(value: str) -> str:
    if value and not _mail_address(value):
        raise ValueError("must be empty or a mail address like dmarc@example.jp")
    return value


NameServers = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_each(_name_server, "IP addresses like 192.0.2.53 or 192.0.2.53:5353"))
]
Networks = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_each(_network, "networks like 192.0.2.0/24 without host bits"))
]
HostNames = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_each(_host_name, "host names in ASCII like mail.example.jp"))
]
AuthservIds = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_each(_authserv_id, "names of mail servers like mx.example.jp"))
]
ClaimValues = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_each(_claim_value, "texts"))]
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


class OpenIdConnect(BaseModel):
    """Login through an OpenID provider, beside passwords; without an issuer there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: Annotated[str, AfterValidator(_issuer)] = Field(
        "", description="Address of the provider, exactly as it calls itself; empty for no such login."
    )
    client_id: Annotated[str, AfterValidator(_client_id)] = Field(
        "", validate_default=True, description="Id under which Sekisho is registered at the provider."
    )
    client_secret: str = Field(
        "",
        repr=False,
        json_schema_extra={"secret": True},
        description="Secret of that client; empty for a public client.",
    )
    button: str = Field("", description="Words of the button on the login page; empty for ready ones.")
    scopes: ClaimValues = Field(
        ("openid", "profile", "email"), description="Scopes to ask for; some providers need one for the role's claim."
    )
    name_claim: str = Field("preferred_username", description="Claim that names a new account.")
    role_claim: str = Field("groups", description="Claim, a text or a list of texts, that gives a person its role.")
    operator_values: ClaimValues = Field((), description="Values of that claim that make a person an operator.")
    staff_values: ClaimValues = Field((), description="Values of that claim that make a person staff.")
    customer_values: ClaimValues = Field((), description="Values of that claim that make a person a customer.")
    customer_claim: str = Field(
        "organization", description="Claim that names the customer, as Sekisho calls it or its files do."
    )


class Knowledge(BaseModel):
    """Your own additions to the tables that Sekisho ships."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    senders_file: Path | None = Field(None, description="TOML file whose services are added to the shipped senders.")
    forwarders_file: Path | None = Field(None, description="TOML file whose hosts are added to the shipped forwarders.")
    reporters_file: Path | None = Field(
        None, description="TOML file whose receivers are added to the shipped reporters."
    )

    @property
    def files(self) -> dict[str, tuple[Path, ...]]:
        """The files to be added, by the name of their table: the arguments of `knowledge.tables.load_tables`."""
        named = {"senders": self.senders_file, "forwarders": self.forwarders_file, "reporters": self.reporters_file}
        return {table: (path,) for table, path in named.items() if path}


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
    domains_per_run: Positive = Field(5_000, description="Domains whose published records one run reads at most.")
    domain_seconds_per_run: Positive = Field(600, description="Seconds after which a run stops reading records.")


class OwnInfrastructure(BaseModel):
    """Your own shared mail servers; what they send is one sender in every domain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: Networks = Field((), description="Networks in which only your own mail servers stand.")
    hosts: HostNames = Field((), description="Host names of your own mail servers, each with everything below it.")


class Authenticity(BaseModel):
    """Who says that a report's mail is really from its sender; without an entry nobody does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authserv_id: AuthservIds = Field(
        (),
        description="Names under which your own mail servers write Authentication-Results.",
    )
    check_dkim: bool = Field(False, description="Whether mails from a mailbox have their DKIM signature checked too.")


class Backup(BaseModel):
    """The verified copy of the store that every night makes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str = Field("", description="Folder of the copies; empty for backups/ beside the SQLite file.")
    keep_daily: Positive = Field(7, description="Days whose newest copy is kept.")
    keep_weekly: Positive = Field(4, description="Weeks, this one included, whose newest copy is kept.")


# Signatures in use are looked for in the records of a month, and a seasonal sender in the roll-ups of a year.
FEWEST_RECORD_DAYS, FEWEST_ROLLUP_DAYS = 60, 400


class Retention(BaseModel):
    """How long things are kept. Every night deletes what is too old, and so does `sekisho db prune`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    originals_days: Annotated[int, Field(ge=0)] = Field(
        0, description="Days that messages are kept as they came, from when they were stored; 0 keeps them for ever."
    )
    records_days: Annotated[int, Field(ge=0)] = Field(
        0, description="Days that single records of reports are kept, 60 or more; 0 keeps them for ever."
    )
    rollups_days: Annotated[int, Field(ge=0)] = Field(
        0, description="Days that daily sums are kept, 400 or more and not below records_days; 0 keeps them for ever."
    )
    audit_days: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Days that the audit trail is kept, events that are over and digests too (100 at least); 0 keeps "
        "them for ever.",
    )

    @field_validator("records_days")
    @classmethod
    def _enough_records(cls, days: int) -> int:
        if 0 < days < FEWEST_RECORD_DAYS:
            raise ValueError(f"must be 0 or at least {FEWEST_RECORD_DAYS}")
        return days

    @field_validator("rollups_days")
    @classmethod
    def _outlive_records(cls, days: int, read: ValidationInfo) -> int:
        records = read.data.get("records_days", 0)
        if days and (days < FEWEST_ROLLUP_DAYS or not 0 < records <= days):
            raise ValueError(f"must be 0, or at least {FEWEST_ROLLUP_DAYS} and records_days, which must be set too")
        return days

    @property
    def is_set(self) -> bool:
        """Whether anything is deleted at all."""
        return any((self.originals_days, self.records_days, self.rollups_days, self.audit_days))


class Heartbeat(BaseModel):
    """Who is told when a night starts and how it ends, so that a night that never runs is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, AfterValidator(_ping_url)] = Field(
        "",
        repr=False,
        json_schema_extra={"secret": True},
        description="Address of a check as healthchecks has it, told /start, success and /fail; empty for none.",
    )


class Notify(BaseModel):
    """Who gets the digest of what the nights found. An address is one of Apprise's, like mailtos:// or slack://."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    staff: Annotated[str, AfterValidator(_addresses)] = Field(
        "",
        repr=False,
        json_schema_extra={"secret": True},
        description="Addresses of the staff with blanks between, as Apprise writes them; empty for nobody.",
    )
    customers: Annotated[str, AfterValidator(_customer_addresses)] = Field(
        "",
        repr=False,
        json_schema_extra={"secret": True},
        description="Lines NAME = ADDRESS, for customers who get a digest of their own events.",
    )


class Schedule(BaseModel):
    """The files that customers get every month. Each is made once; a night that was missed is made up for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: Annotated[int, Field(ge=0, le=28)] = Field(
        0, description="UTC day from which the files of the month before are made, best 3 or later; 0 for never."
    )
    export: bool = Field(True, description="Whether the CSV set and the workbook are made.")
    report: bool = Field(True, description="Whether the monthly report is made as PDF.")
    folder: str = Field("", description="Folder with one folder for each customer; empty for none.")
    recipients: Annotated[str, AfterValidator(_recipients)] = Field(
        "", description="Lines NAME = ADDRESS, for customers who get their files by mail."
    )

    @property
    def recipient_of(self) -> dict[str, str]:
        """The mail address of each customer that has one, by the name or short name that was written."""
        lines = (line.partition(" = ") for line in filter(str.strip, self.recipients.splitlines()))
        return {name.strip(): address.strip() for name, _, address in lines}


class Smtp(BaseModel):
    """The mail server that takes the files for customers. The connection is always encrypted and verified."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("", description="Name of the server; empty for none.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(465, description="TCP port: 465 for tls, 587 for starttls.")
    security: Literal["tls", "starttls"] = Field("tls", description="When encryption begins: at once or with STARTTLS.")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust instead of the system's.")
    user: str = Field("", description="Login name; empty for a server that asks for none.")
    password: str = Field("", repr=False, json_schema_extra={"secret": True}, description="Password of the login.")
    sender: Annotated[str, AfterValidator(_sender)] = Field("", description="Address that the mails come from.")
    seconds: Positive = Field(60, description="Seconds that the server may stay silent.")


class Log(BaseModel):
    """Where the log of the nights goes, one line of JSON for each event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field("", description="File that the lines are added to; empty for the standard error stream.")


# Gmail's folder of every mail, whatever its labels, as IMAP names it in English and Japanese accounts.
_ALL_MAIL = ("[gmail]/all mail", "[google mail]/all mail", "[gmail]/すべてのメール")


def _apart(folders: tuple[str, ...]) -> tuple[str, ...]:
    whole = next((folder for folder in folders if folder.strip().casefold() in _ALL_MAIL), None)
    if whole is not None and len(folders) > 1:
        raise ValueError(f"{whole} holds every mail of the other folders too; name it alone, or leave it out")
    return folders


class Mailbox(BaseModel):
    """One mailbox to read; the table may stand any number of times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the mailbox in the ledger and in messages; keep it once mails were read.")
    preset: Literal["plain", "gmail", "microsoft", "sakura", "xserver"] = Field(
        "plain", description="Provider whose host and kind of login are filled in."
    )
    host: str | None = Field(None, description="Name of the IMAP server; gmail and microsoft have one.")
    port: int = Field(993, description="TCP port of the IMAP server: 993 for tls, 143 for starttls.")
    security: Literal["tls", "starttls", "plain"] = Field(
        "tls", description="How the connection is protected; plain is for this very machine only."
    )
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust instead of the system's.")
    user: str = Field(description="Login name, most often the whole address.")
    login: Literal["password", "oauth2"] | None = Field(
        None, description="Whether a password or an OAuth token logs in; without it as the preset says."
    )
    password_variable: str | None = Field(None, description="Name of the environment variable that has the password.")
    password_file: Path | None = Field(None, description="File of mode 600 that has the password.")
    password_keyring: bool = Field(False, description="Whether the password is in the keyring of the system.")
    client_id: str | None = Field(None, description="OAuth: id of the client registered at the provider.")
    client_secret_file: Path | None = Field(None, description="OAuth: file of mode 600 that has the client's secret.")
    token_file: Path | None = Field(None, description="OAuth: file of mode 600 in which the refresh token is kept.")
    token_keyring: bool = Field(False, description="OAuth: whether the refresh token is kept in the keyring instead.")
    authorize_url: str | None = Field(
        None, description="OAuth: address of the consent page, where the preset's is not yours (one Microsoft tenant)."
    )
    token_url: str | None = Field(None, description="OAuth: address that hands out tokens, in place of the preset's.")
    scope: str | None = Field(None, description="OAuth: scope to ask for, where it is not the preset's.")
    folders: Annotated[tuple[str, ...], AfterValidator(_apart)] = Field(
        ("INBOX",), description="Folders that are read, with / between levels."
    )
    processed: str = Field("DMARC/Processed", description="Folder for mails whose reports are stored.")
    quarantine: str = Field("DMARC/Quarantine", description="Folder for mails that could not be read three times.")
    after: Literal["move", "leave"] = Field(
        "move", description="Whether mails with reports are moved once they are stored, or stay; none is ever deleted."
    )
    largest_message_bytes: Positive = Field(
        35_651_584, description="Bytes that one mail may have; a larger one is not downloaded and stays (34 MiB)."
    )
    messages_per_run: Positive = Field(20_000, description="Mails that one run reads at most; the next run goes on.")
    bytes_per_run: Positive = Field(500_000_000, description="Bytes that one run downloads at most.")
    bytes_per_day: Positive = Field(
        2_000_000_000, description="Bytes that all runs of one UTC day download at most (Gmail allows 2,500 MB)."
    )
    seconds_per_run: Annotated[float, Field(gt=0)] = Field(3600, description="Seconds that one run may take.")
    seconds_per_command: Annotated[float, Field(gt=0)] = Field(
        120, description="Seconds that one command may take, and a download one more for each 64 KiB."
    )
    seconds_to_connect: Annotated[float, Field(gt=0)] = Field(20, description="Seconds that connecting may take.")
    seconds_of_silence: Annotated[float, Field(gt=0)] = Field(
        60, description="Seconds that the server may send nothing at all."
    )


def _named_apart(mailboxes: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
    names = [mailbox.name for mailbox in mailboxes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two mailboxes have the name {', '.join(twice)}")
    return mailboxes


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
    report_address: Annotated[str, AfterValidator(_report_address)] = Field(
        "", description="Mail address for reports in drafted DMARC records that name none; empty for none."
    )
    limits: Limits = Limits()
    dashboard: Dashboard = Dashboard()
    oidc: OpenIdConnect = OpenIdConnect()
    knowledge: Knowledge = Knowledge()
    lookup: Lookup = Lookup()
    own_infrastructure: OwnInfrastructure = OwnInfrastructure()
    authenticity: Authenticity = Authenticity()
    backup: Backup = Backup()
    retention: Retention = Retention()
    heartbeat: Heartbeat = Heartbeat()
    notify: Notify = Notify()
    schedule: Schedule = Schedule()
    smtp: Smtp = Smtp()
    log: Log = Log()
    mailbox: Annotated[tuple[Mailbox, ...], NoDecode, AfterValidator(_named_apart)] = ()

    @property
    def rua(self) -> tuple[str, ...]:
        """The addresses for reports of a drafted record that names none."""
        return (self.report_address,) if self.report_address else ()

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
        if isinstance(env_settings, EnvSettingsSource):
            # Variables that name the file of a secret hold no option; inside a table they would be taken for one.
            files = {(option.variable + FILE_SUFFIX).lower() for option in options() if option.secret}
            env_settings.env_vars = {name: v for name, v in env_settings.env_vars.items() if name not in files}
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
    """Every option that stands once, in the order in which the models state them."""
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from options(type(field.default), f"{prefix}{name}.")
        elif prefix + name != MAILBOXES:
            extra = field.json_schema_extra
            secret = isinstance(extra, dict) and extra.get("secret") is True
            default = None if field.is_required() else field.default
            yield Option(prefix + name, default, field.description or "", secret)


def mailbox_options() -> Iterator[Option]:
    """Every option of one [[mailbox]] table. No variable sets them; a required one has no default."""
    yield from options(Mailbox, f"{MAILBOXES}.")


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
