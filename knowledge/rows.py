"""What one row of the knowledge files says: of a service, a forwarder, an envelope label, a reporter."""

from dataclasses import dataclass

SERVICE_KINDS = ("mailbox", "marketing", "transactional", "crm", "hosting", "business-app")
FORWARDER_KINDS = ("mailing-list", "forwarding")
MARKS = ("P", "S", "O", "local")
ALIGNS = ("yes", "relaxed", "no", "unknown")


class TablesError(Exception):
    """A knowledge file cannot be used. The message says which file, row and key, and what is wrong."""


@dataclass(frozen=True, slots=True)
class DkimRecord:
    """A DKIM record that a customer publishes for a service. Keys are None where the service does not fix them."""

    selector: str | None = None
    type: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One row of senders.toml: the facts that recognise a service, and the advice for its customers.

    The head of senders.toml describes each key. `shared` services carry many customers on the same addresses.
    """

    id: str
    name: str
    kind: str
    name_ja: str | None = None
    sending_domains: tuple[str, ...] = ()
    account_domains: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    ptr_suffixes: tuple[str, ...] = ()
    rented_ptr_suffixes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    as_domains: tuple[str, ...] = ()
    spf_include: tuple[str, ...] = ()
    spf_include_legacy: tuple[str, ...] = ()
    spf_other: tuple[str, ...] = ()
    dkim: tuple[DkimRecord, ...] = ()
    aligns_spf: str = "unknown"
    aligns_spf_condition: str | None = None
    aligns_dkim: str = "unknown"
    how_to_fix_en: str | None = None
    how_to_fix_ja: str | None = None
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""

    @property
    def title(self) -> str:
        """The name for people: the Japanese one first, where there is one, since most of the readers are Japanese."""
        return f"{self.name_ja} · {self.name}" if self.name_ja else self.name

    @property
    def shared(self) -> bool:
        """True for mailbox and hosting services: their addresses also carry other people's mail and forwards."""
        return self.kind in ("mailbox", "hosting")


@dataclass(frozen=True, slots=True)
class Forwarder:
    """One row of forwarders.toml: a host or list service that passes on other people's mail."""

    id: str
    name: str
    kind: str
    sending_domains: tuple[str, ...] = ()
    ptr_suffixes: tuple[str, ...] = ()
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""


@dataclass(frozen=True, slots=True)
class EnvelopeLabel:
    """A first label of an envelope domain that marks a rewritten return path (SRS)."""

    label: str
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""


@dataclass(frozen=True, slots=True)
class Reporter:
    """One row of reporters.toml. `label` is the stable short name under which its reports are counted.

    A report is this reporter's when the domain of its `<email>` is one of `mail_domains` (or below one) and,
    where `org_names` is given, its `<org_name>` is one of them. `sending_domains` are further domains whose
    authenticated mail may bring its reports.
    """

    label: str
    name: str
    mail_domains: tuple[str, ...]
    org_names: tuple[str, ...] = ()
    sending_domains: tuple[str, ...] = ()
    country: str | None = None
    note: str | None = None
    source: tuple[str, ...] = ()
    mark: str = "local"
    checked: str = ""


Owner = Service | Forwarder
