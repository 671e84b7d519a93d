"""Every table of the store (SQLAlchemy Core), one schema for SQLite and PostgreSQL.

Times are integer epoch seconds, days are integer UTC days since 1970-01-01 (`day = epoch // 86400`).
`domain_id` leads every primary, unique and foreign key of the fact tables (`report`, `record`, `auth_result`,
`override_reason`, `sender`, `traffic*`), so that a domain's rows lie together and can be partitioned.
docs/DATA.md describes every column; a test holds the two together.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MESSAGE_STATES = (
    "stored",
    "duplicate",
    "variant",
    "partial",
    "empty",
    "tls-report",
    "failure-report",
    "not-a-report",
    "quarantined",
)
DISPOSITIONS = ("none", "pass", "quarantine", "reject", "unknown")
AUTHENTICITY = ("pass", "fail", "none", "unknown", "unverified")
# Words of `report.standing`: in force = counted in every number; set aside = kept and shown, never counted.
STANDINGS = ("in-force", "set-aside")
# Words of `report.relation`: why a report is not simply new (docs/decisions/0002).
RELATIONS = ("variant", "correction", "replaced", "lookalike")
OVERRIDES = (
    "none",
    "forwarded",
    "local_policy",
    "mailing_list",
    "other",
    "policy_test_mode",
    "sampled_out",
    "trusted_forwarder",
)
ROLES = ("operator", "staff", "customer")
DECISIONS = ("ours", "not-ours", "forwarder")
# Steps of the ladder that a customer can consent to.
CONSENT_STAGES = ("quarantine-test", "quarantine", "reject-test", "reject", "parked")
# Files that a customer gets every month, and how far one of them is.
DELIVERY_KINDS = ("export", "report")
DELIVERY_STATES = ("due", "done", "failed")
# Kinds of events, and how grave one is, the gravest first (analysis/watch.py).
EVENT_KINDS = (
    "own-mail-held",
    "complaint",
    "sender-fell",
    "sender-fails",
    "record-broken",
    "record-changed",
    "spoofing-wave",
    "domain-silent",
    "reporter-silent",
    "new-sender",
    "step-due",
)
SEVERITIES = ("incident", "misconfiguration", "change", "noise")


def _one_of(column: str, words: tuple[str, ...], name: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


def _either(column: str, words: tuple[str, ...], name: str) -> CheckConstraint:
    """As `_one_of`, for tables that are written by the hundred thousand: SQLite builds the list of an IN for each row,
    which costs half of the time of inserting a record."""
    return CheckConstraint(" OR ".join(f"{column} = '{word}'" for word in words), name=name)


customer = Table(
    "customer",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("language", Text, nullable=False, server_default="ja"),
    Column("created_at", BigInteger, nullable=False),
    _one_of("language", ("ja", "en"), "language"),
)

domain = Table(
    "domain",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("customer_id", ForeignKey("customer.id"), nullable=True, index=True),
    Column("registered", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("command", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, nullable=True),
    Column("outcome", Text, nullable=True),
    Column("summary", Text, nullable=True),
)

message = Table(
    "message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mailbox", Text, nullable=True),
    Column("folder", Text, nullable=True),
    Column("uidvalidity", BigInteger, nullable=True),
    Column("uid", BigInteger, nullable=True),
    Column("gmail_id", BigInteger, nullable=True),
    Column("place", Text, nullable=False),
    Column("sha256", Text, nullable=True),
    Column("size", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=True),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("arrivals", Integer, nullable=False, server_default="1"),
    Column("authenticity", Text, nullable=False, server_default="unverified"),
    Column("auth_domain", Text, nullable=True),
    Column("run_id", ForeignKey("run.id"), nullable=True),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("done_at", BigInteger, nullable=True),
    Column("filed_at", BigInteger, nullable=True),
    _one_of("state", MESSAGE_STATES, "state"),
    _one_of("authenticity", AUTHENTICITY, "authenticity"),
    Index(
        "uq_message_mailbox_folder_uidvalidity_uid",
        "mailbox",
        "folder",
        "uidvalidity",
        "uid",
        unique=True,
        sqlite_where=text("mailbox IS NOT NULL"),
        postgresql_where=text("mailbox IS NOT NULL"),
    ),
    Index(
        "uq_message_file_sha256",
        "sha256",
        unique=True,
        sqlite_where=text("mailbox IS NULL"),
        postgresql_where=text("mailbox IS NULL"),
    ),
    Index(
        "uq_message_unread_place",
        "place",
        unique=True,
        sqlite_where=text("mailbox IS NULL AND sha256 IS NULL"),
        postgresql_where=text("mailbox IS NULL AND sha256 IS NULL"),
    ),
    Index("ix_message_sha256", "sha256"),
    Index(
        "ix_message_mailbox_gmail_id",
        "mailbox",
        "gmail_id",
        sqlite_where=text("gmail_id IS NOT NULL"),
        postgresql_where=text("gmail_id IS NOT NULL"),
    ),
    Index("ix_message_state", "state"),
)

original = Table(
    "original",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("compression", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
)

report = Table(
    "report",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("id", Integer, nullable=False),
    Column("key_hash", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("relation", Text, nullable=True),
    Column("related_id", Integer, nullable=True),
    Column("message_id", ForeignKey("message.id"), nullable=False),
    Column("part", Text, nullable=False),
    Column("authenticity", Text, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("org_name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("report_id", Text, nullable=False),
    Column("policy_domain", Text, nullable=False),
    Column("begin_at", BigInteger, nullable=False),
    Column("end_at", BigInteger, nullable=False),
    Column("first_day", Integer, nullable=False),
    Column("last_day", Integer, nullable=False),
    Column("p", Text, nullable=False),
    Column("sp", Text, nullable=False),
    Column("np", Text, nullable=True),
    Column("adkim", Text, nullable=False),
    Column("aspf", Text, nullable=False),
    Column("pct", Integer, nullable=True),
    Column("fo", Text, nullable=True),
    Column("testing", Text, nullable=True),
    Column("discovery_method", Text, nullable=True),
    Column("policy_raw", Text, nullable=True),
    Column("xml_version", Text, nullable=True),
    Column("xml_namespace", Text, nullable=True),
    Column("generator", Text, nullable=True),
    Column("extra_contact_info", Text, nullable=True),
    Column("errors", Text, nullable=True),
    Column("repairs", Text, nullable=True),
    Column("records", Integer, nullable=False),
    Column("bad_records", Integer, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("passed", BigInteger, nullable=False),
    Column("disposition_none", BigInteger, nullable=False),
    Column("disposition_quarantine", BigInteger, nullable=False),
    Column("disposition_reject", BigInteger, nullable=False),
    Column("disposition_unknown", BigInteger, nullable=False),
    Column("stored_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("domain_id", "id"),
    ForeignKeyConstraint(["domain_id"], ["domain.id"]),
    UniqueConstraint("domain_id", "key_hash", "content_hash"),
    _one_of("standing", STANDINGS, "standing"),
    _one_of("authenticity", AUTHENTICITY, "authenticity"),
    CheckConstraint("begin_at <= end_at", name="period"),
    CheckConstraint("messages >= 0 AND passed >= 0 AND passed <= messages", name="passed"),
    Index("ix_report_domain_id_first_day", "domain_id", "first_day"),
    # Covers the names of the reporters whose reports touch a period (benchmarks/queries.py).
    Index(
        "ix_report_domain_id_last_day",
        "domain_id",
        "last_day",
        "first_day",
        "standing",
        "authenticity",
        "relation",
        "bad_records",
        "reporter",
    ),
    sqlite_with_rowid=False,
)

source = Table(
    "source",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ip", Text, nullable=False, unique=True),
    Column("country", Text, nullable=True),
    Column("asn", BigInteger, nullable=True),
    Column("as_name", Text, nullable=True),
    Column("as_domain", Text, nullable=True),
    Column("service", Text, nullable=True),
    Column("service_kind", Text, nullable=True),
    Column("ptr", Text, nullable=True),
    Column("ptr_confirmed", Boolean, nullable=True),
    Column("ptr_state", Text, nullable=True),
    Column("ptr_at", BigInteger, nullable=True),
    Column("first_seen_at", BigInteger, nullable=False),
)

sender = Table(
    "sender",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("id", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("domain_id", "id"),
    ForeignKeyConstraint(["domain_id"], ["domain.id"]),
    UniqueConstraint("domain_id", "key"),
    sqlite_with_rowid=False,
)

sender_decision = Table(
    "sender_decision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("domain_id", ForeignKey("domain.id"), nullable=False),
    Column("sender_key", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("withdrawn_by", Text, nullable=True),
    Column("withdrawn_at", BigInteger, nullable=True),
    _one_of("decision", DECISIONS, "decision"),
    Index("ix_sender_decision_domain_id_sender_key", "domain_id", "sender_key"),
)

consent = Table(
    "consent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("domain_id", ForeignKey("domain.id"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("given_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("withdrawn_by", Text, nullable=True),
    Column("withdrawn_at", BigInteger, nullable=True),
    _one_of("stage", CONSENT_STAGES, "stage"),
    Index("ix_consent_domain_id_stage", "domain_id", "stage"),
)

# Somebody of the customer said that wanted mail did not arrive.
complaint = Table(
    "complaint",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("domain_id", ForeignKey("domain.id"), nullable=False, index=True),
    Column("note", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("withdrawn_by", Text, nullable=True),
    Column("withdrawn_at", BigInteger, nullable=True),
)

# Where each domain stands on the ladder, as it was worked out last: lists of many domains read it.
domain_state = Table(
    "domain_state",
    metadata,
    Column("domain_id", ForeignKey("domain.id"), primary_key=True),
    Column("as_of", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("worked_out_at", BigInteger, nullable=False),
    Column("stage", Text, nullable=True),
    Column("next_stage", Text, nullable=True),
    Column("ready", Boolean, nullable=True),
    Column("step_down", Boolean, nullable=False),
    Column("blockers", Integer, nullable=False),
    Column("blocker", Text, nullable=True),
    Column("own_messages", BigInteger, nullable=False),
    Column("own_passed", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

record = Table(
    "record",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("report_id", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("source_id", ForeignKey("source.id"), nullable=False),
    Column("sender_id", Integer, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("header_from", Text, nullable=True),
    Column("envelope_from", Text, nullable=True),
    Column("envelope_to", Text, nullable=True),
    Column("disposition", Text, nullable=False),
    Column("dkim_aligned", Boolean, nullable=False),
    Column("spf_aligned", Boolean, nullable=False),
    Column("override", Text, nullable=False),
    Column("bad", Text, nullable=True),
    Column("raw", Text, nullable=True),
    Column("repairs", Text, nullable=True),
    PrimaryKeyConstraint("domain_id", "report_id", "number"),
    ForeignKeyConstraint(["domain_id", "report_id"], ["report.domain_id", "report.id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["domain_id", "sender_id"], ["sender.domain_id", "sender.id"]),
    CheckConstraint("messages BETWEEN 0 AND 2147483647", name="messages"),
    _either("disposition", DISPOSITIONS, "disposition"),
    _either("override", OVERRIDES, "override"),
    Index("ix_record_domain_id_source_id", "domain_id", "source_id"),
    sqlite_with_rowid=False,
)

auth_result = Table(
    "auth_result",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("report_id", Integer, nullable=False),
    Column("record_number", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("method", Text, nullable=False),
    Column("domain", Text, nullable=True),
    Column("selector", Text, nullable=True),
    Column("scope", Text, nullable=True),
    Column("result", Text, nullable=False),
    Column("result_raw", Text, nullable=True),
    Column("human_result", Text, nullable=True),
    PrimaryKeyConstraint("domain_id", "report_id", "record_number", "number"),
    ForeignKeyConstraint(
        ["domain_id", "report_id", "record_number"],
        ["record.domain_id", "record.report_id", "record.number"],
        ondelete="CASCADE",
    ),
    _either("method", ("dkim", "spf"), "method"),
    sqlite_with_rowid=False,
)

override_reason = Table(
    "override_reason",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("report_id", Integer, nullable=False),
    Column("record_number", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("type_raw", Text, nullable=True),
    Column("comment", Text, nullable=True),
    PrimaryKeyConstraint("domain_id", "report_id", "record_number", "number"),
    ForeignKeyConstraint(
        ["domain_id", "report_id", "record_number"],
        ["record.domain_id", "record.report_id", "record.number"],
        ondelete="CASCADE",
    ),
    _either("type", OVERRIDES, "type"),
    sqlite_with_rowid=False,
)

# The four roll-ups hold reports in force only and are written in the transaction that stores the report.
traffic = Table(
    "traffic",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("header_from", Text, nullable=False),
    Column("sender_id", Integer, nullable=False),
    Column("reporter", Text, nullable=False),
    Column("authenticity", Text, nullable=False),
    Column("spf_aligned", Boolean, nullable=False),
    Column("dkim_aligned", Boolean, nullable=False),
    Column("disposition", Text, nullable=False),
    Column("override", Text, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    PrimaryKeyConstraint(
        "domain_id",
        "day",
        "header_from",
        "sender_id",
        "reporter",
        "authenticity",
        "spf_aligned",
        "dkim_aligned",
        "disposition",
        "override",
    ),
    ForeignKeyConstraint(["domain_id", "sender_id"], ["sender.domain_id", "sender.id"]),
    sqlite_with_rowid=False,
)

traffic_source = Table(
    "traffic_source",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("source_id", ForeignKey("source.id"), nullable=False),
    Column("sender_id", Integer, nullable=False),
    Column("authenticity", Text, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("passed", BigInteger, nullable=False),
    Column("dkim_aligned", BigInteger, nullable=False),
    Column("spf_aligned", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    PrimaryKeyConstraint("domain_id", "day", "source_id", "sender_id", "authenticity"),
    ForeignKeyConstraint(["domain_id", "sender_id"], ["sender.domain_id", "sender.id"]),
    # Covers the sums by sender, which are then read in order, without sorting (benchmarks/queries.py).
    Index(
        "ix_traffic_source_domain_id_sender_id",
        "domain_id",
        "sender_id",
        "day",
        "authenticity",
        "messages",
        "passed",
        "dkim_aligned",
        "spf_aligned",
    ),
    # For whom else an address sent mail that passed (the cross-customer rules).
    Index("ix_traffic_source_source_id", "source_id", "day", "passed"),
    sqlite_with_rowid=False,
)

traffic_day = Table(
    "traffic_day",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("authenticity", Text, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("passed", BigInteger, nullable=False),
    Column("both_aligned", BigInteger, nullable=False),
    Column("dkim_only", BigInteger, nullable=False),
    Column("spf_only", BigInteger, nullable=False),
    Column("neither", BigInteger, nullable=False),
    Column("disposition_none", BigInteger, nullable=False),
    Column("disposition_quarantine", BigInteger, nullable=False),
    Column("disposition_reject", BigInteger, nullable=False),
    Column("disposition_unknown", BigInteger, nullable=False),
    Column("records", BigInteger, nullable=False),
    PrimaryKeyConstraint("domain_id", "day", "authenticity"),
    ForeignKeyConstraint(["domain_id"], ["domain.id"]),
    sqlite_with_rowid=False,
)

traffic_evidence = Table(
    "traffic_evidence",
    metadata,
    Column("domain_id", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("sender_id", Integer, nullable=False),
    Column("source_id", ForeignKey("source.id"), nullable=False),
    Column("reporter", Text, nullable=False),
    Column("authenticity", Text, nullable=False),
    Column("marks", Integer, nullable=False),
    Column("messages", BigInteger, nullable=False),
    PrimaryKeyConstraint("domain_id", "day", "sender_id", "source_id", "reporter", "authenticity", "marks"),
    ForeignKeyConstraint(["domain_id", "sender_id"], ["sender.domain_id", "sender.id"]),
    # What one address did in everybody's name (the cross-customer rules).
    Index("ix_traffic_evidence_source_id", "source_id", "day"),
    sqlite_with_rowid=False,
)

# The monthly files of each customer: each is made once (sekisho/deliver.py).
delivery = Table(
    "delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=True),
    Column("due_at", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=True),
    UniqueConstraint("customer_id", "kind", "period"),
    _one_of("kind", DELIVERY_KINDS, "kind"),
    _one_of("state", DELIVERY_STATES, "state"),
    Index("ix_delivery_state", "state"),
)

# What retention took away (store/retention.py): one row per domain that lost something.
pruned = Table(
    "pruned",
    metadata,
    Column("domain_id", ForeignKey("domain.id"), primary_key=True),
    Column("records_before", Integer, nullable=False),
    Column("rollups_before", Integer, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("passed", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

dns_snapshot = Table(
    "dns_snapshot",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("domain_id", ForeignKey("domain.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("content", Text, nullable=True),
    Column("findings", Text, nullable=True),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Index("ix_dns_snapshot_domain_id_kind", "domain_id", "kind", "last_seen_at"),
)

# What the watch of the night found. Of one kind, domain and subject at most one is open at a time.
event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("domain_id", ForeignKey("domain.id"), nullable=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=True),
    Column("notified_at", BigInteger, nullable=True),
    Column("customer_notified_at", BigInteger, nullable=True),
    _one_of("kind", EVENT_KINDS, "kind"),
    _one_of("severity", SEVERITIES, "severity"),
    Index("ix_event_domain_id_opened_at", "domain_id", "opened_at"),
    Index(
        "uq_event_open",
        "domain_id",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
    # Two NULLs are not equal, so that events of no domain need an index of their own.
    Index(
        "uq_event_open_of_no_domain",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("closed_at IS NULL AND domain_id IS NULL"),
        postgresql_where=text("closed_at IS NULL AND domain_id IS NULL"),
    ),
)

# What is to be sent to one address: it is kept until the address took it.
digest = Table(
    "digest",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer_id", ForeignKey("customer.id"), nullable=True),
    Column("target", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("events", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger, nullable=True),
    Index("ix_digest_sent_at", "sent_at"),
)

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=True),
    Column("issuer", Text, nullable=True),
    Column("subject", Text, nullable=True),
    Column("role", Text, nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=True),
    Column("language", Text, nullable=False, server_default="ja"),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("created_at", BigInteger, nullable=False),
    Column("password_changed_at", BigInteger, nullable=False),
    _one_of("role", ROLES, "role"),
    CheckConstraint("(role = 'customer') = (customer_id IS NOT NULL)", name="customer"),
    CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="subject"),
    CheckConstraint("password_hash IS NOT NULL OR issuer IS NOT NULL", name="way_in"),
    UniqueConstraint("issuer", "subject"),
)

session = Table(
    "session",
    metadata,
    Column("token_sha256", Text, primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=True),
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    Index("ix_login_failure_account_name", "account_name", "failed_at"),
    Index("ix_login_failure_address", "address", "failed_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=True),
    Column("subject", Text, nullable=False),
    Column("address", Text, nullable=True),
    Column("detail", Text, nullable=True),
)

# One row: raised in every writing transaction that changes what a screen shows, so that caches know.
generation = Table(
    "generation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single"),
)
