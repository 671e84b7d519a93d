"""All options together, and the list of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from settings import checks
from settings.tables import (
    Authenticity,
    Backup,
    Dashboard,
    Heartbeat,
    Knowledge,
    Limits,
    Log,
    Lookup,
    Mailbox,
    Notify,
    OpenIdConnect,
    OwnInfrastructure,
    Retention,
    Schedule,
    Smtp,
)

PREFIX = "SEKISHO_"
FILE_SUFFIX = "_FILE"
# The key of the tables that stand any number of times.
MAILBOXES = "mailbox"


def _named_apart(mailboxes: tuple[Mailbox, ...]) -> tuple[Mailbox, ...]:
    names = [mailbox.name for mailbox in mailboxes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two mailboxes have the name {', '.join(twice)}")
    return mailboxes


class Settings(BaseSettings):
    """All options together; `load` makes one, and it never changes."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__")

    database_url: Annotated[str, AfterValidator(checks.database_url)] = Field(
        "sqlite:///sekisho.sqlite3",
        repr=False,
        json_schema_extra={"secret": True},
        description="Database: sqlite:///FILE, or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE.",
    )
    language: Literal["ja", "en"] = Field("ja", description="Language of screens and files until a person chooses.")
    time_zone: Annotated[str, AfterValidator(checks.time_zone)] = Field(
        "Asia/Tokyo", description="Time zone in which times are shown; reports are counted by UTC days."
    )
    workers: Annotated[int, Field(ge=0)] = Field(
        0, description="Processes that read messages side by side; 0 means one for each core."
    )
    report_address: Annotated[str, AfterValidator(checks.report_address)] = Field(
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
