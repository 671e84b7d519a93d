"""The options of each table of sekisho.toml: their names, their defaults, and one sentence about each."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from settings import checks
from settings.checks import Positive


class Table(BaseModel):
    """A table: it never changes once it is read, and a key that it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(Table):
    """How much one message may ask of this machine; what asks for more is quarantined."""

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


class Dashboard(Table):
    """Where the browser app is served, and how long a login lasts."""

    address: Annotated[str, AfterValidator(checks.address)] = Field(
        "127.0.0.1", description="IP address to listen on; another than the loopback address needs accounts."
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8501, description="TCP port to listen on.")
    public_url: Annotated[str, AfterValidator(checks.public_url)] = Field(
        "", description="Address that people type, when a reverse proxy stands in front; empty without one."
    )
    session_idle_minutes: Positive = Field(30, description="Minutes without a click after which a login ends.")
    session_hours: Positive = Field(12, description="Hours after which a login ends in any case.")


class OpenIdConnect(Table):
    """Login through an OpenID provider, beside passwords; without an issuer there is none."""

    issuer: Annotated[str, AfterValidator(checks.issuer)] = Field(
        "", description="Address of the provider, exactly as it calls itself; empty for no such login."
    )
    client_id: Annotated[str, AfterValidator(checks.client_id)] = Field(
        "", validate_default=True, description="Id under which Sekisho is registered at the provider."
    )
    client_secret: str = Field(
        "",
        repr=False,
        json_schema_extra={"secret": True},
        description="Secret of that client; empty for a public client.",
    )
    button: str = Field("", description="Words of the button on the login page; empty for ready ones.")
    scopes: checks.ClaimValues = Field(
        ("openid", "profile", "email"), description="Scopes to ask for; some providers need one for the role's claim."
    )
    name_claim: str = Field("preferred_username", description="Claim that names a new account.")
    role_claim: str = Field("groups", description="Claim, a text or a list of texts, that gives a person its role.")
    operator_values: checks.ClaimValues = Field((), description="Values of that claim that make a person an operator.")
    staff_values: checks.ClaimValues = Field((), description="Values of that claim that make a person staff.")
    customer_values: checks.ClaimValues = Field((), description="Values of that claim that make a person a customer.")
    customer_claim: str = Field(
        "organization", description="Claim that names the customer, as Sekisho calls it or its files do."
    )


class Knowledge(Table):
    """Your own additions to the tables that Sekisho ships."""

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


class Lookup(Table):
    """How DNS is asked, and how much of a night that may take."""

    nameservers: checks.NameServers = Field(
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


class OwnInfrastructure(Table):
    """Your own shared mail servers; what they send is one sender in every domain."""

    networks: checks.Networks = Field((), description="Networks in which only your own mail servers stand.")
    hosts: checks.HostNames = Field(
        (), description="Host names of your own mail servers, each with everything below it."
    )


class Authenticity(Table):
    """Who says that a report's mail is really from its sender; without an entry nobody does."""

    authserv_id: checks.AuthservIds = Field(
        (),
        description="Names under which your own mail servers write Authentication-Results.",
    )
    check_dkim: bool = Field(False, description="Whether mails from a mailbox have their DKIM signature checked too.")


class Backup(Table):
    """The verified copy of the store that every night makes."""

    folder: str = Field("", description="Folder of the copies; empty for backups/ beside the SQLite file.")
    keep_daily: Positive = Field(7, description="Days whose newest copy is kept.")
    keep_weekly: Positive = Field(4, description="Weeks, this one included, whose newest copy is kept.")


# Signatures in use are looked for in the records of a month, and a seasonal sender in the roll-ups of a year.
FEWEST_RECORD_DAYS, FEWEST_ROLLUP_DAYS = 60, 400


class Retention(Table):
    """How long things are kept. Every night deletes what is too old, and so does `sekisho db prune`."""

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


class Heartbeat(Table):
    """Who is told when a night starts and how it ends, so that a night that never runs is noticed."""

    url: Annotated[str, AfterValidator(checks.ping_url)] = Field(
        "",
        repr=False,
        json_schema_extra={"secret": True},
        description="Address of a check as healthchecks has it, told /start, success and /fail; empty for none.",
    )


class Notify(Table):
    """Who gets the digest of what the nights found. An address is one of Apprise's, like mailtos:// or slack://."""

    staff: Annotated[str, AfterValidator(checks.notify_addresses)] = Field(
        "",
        repr=False,
        json_schema_extra={"secret": True},
        description="Addresses of the staff with blanks between, as Apprise writes them; empty for nobody.",
    )
    customers: Annotated[str, AfterValidator(checks.customer_addresses)] = Field(
        "",
        repr=False,
        json_schema_extra={"secret": True},
        description="Lines NAME = ADDRESS, for customers who get a digest of their own events.",
    )


class Schedule(Table):
    """The files that customers get every month. Each is made once; a night that was missed is made up for."""

    day: Annotated[int, Field(ge=0, le=28)] = Field(
        0, description="UTC day from which the files of the month before are made, best 3 or later; 0 for never."
    )
    export: bool = Field(True, description="Whether the CSV set and the workbook are made.")
    report: bool = Field(True, description="Whether the monthly report is made as PDF.")
    folder: str = Field("", description="Folder with one folder for each customer; empty for none.")
    recipients: Annotated[str, AfterValidator(checks.recipients)] = Field(
        "", description="Lines NAME = ADDRESS, for customers who get their files by mail."
    )

    @property
    def recipient_of(self) -> dict[str, str]:
        """The mail address of each customer that has one, by the name or short name that was written."""
        lines = (line.partition(" = ") for line in filter(str.strip, self.recipients.splitlines()))
        return {name.strip(): address.strip() for name, _, address in lines}


class Smtp(Table):
    """The mail server that takes the files for customers. The connection is always encrypted and verified."""

    host: str = Field("", description="Name of the server; empty for none.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(465, description="TCP port: 465 for tls, 587 for starttls.")
    security: Literal["tls", "starttls"] = Field("tls", description="When encryption begins: at once or with STARTTLS.")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust instead of the system's.")
    user: str = Field("", description="Login name; empty for a server that asks for none.")
    password: str = Field("", repr=False, json_schema_extra={"secret": True}, description="Password of the login.")
    sender: Annotated[str, AfterValidator(checks.sender)] = Field("", description="Address that the mails come from.")
    seconds: Positive = Field(60, description="Seconds that the server may stay silent.")


class Log(Table):
    """Where the log of the nights goes, one line of JSON for each event."""

    file: str = Field("", description="File that the lines are added to; empty for the standard error stream.")


class Mailbox(Table):
    """One mailbox to read; the table may stand any number of times."""

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
    folders: Annotated[tuple[str, ...], AfterValidator(checks.folders_apart)] = Field(
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
