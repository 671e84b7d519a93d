"""The first schema: every table of Sekisho 0.1."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table, and the one row of `generation`."""
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), server_default="ja", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("language IN ('ja', 'en')", name=op.f("ck_customer_language")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("name", name=op.f("uq_customer_name")),
        sa.UniqueConstraint("slug", name=op.f("uq_customer_slug")),
    )
    op.create_table(
        "generation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_generation_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation")),
    )
    op.create_table(
        "login_failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_failure")),
    )
    op.create_index("ix_login_failure_account_name", "login_failure", ["account_name", "failed_at"], unique=False)
    op.create_index("ix_login_failure_address", "login_failure", ["address", "failed_at"], unique=False)
    op.create_table(
        "original",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("compression", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_original")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("asn", sa.BigInteger(), nullable=True),
        sa.Column("as_name", sa.Text(), nullable=True),
        sa.Column("as_domain", sa.Text(), nullable=True),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("service_kind", sa.Text(), nullable=True),
        sa.Column("ptr", sa.Text(), nullable=True),
        sa.Column("ptr_confirmed", sa.Boolean(), nullable=True),
        sa.Column("ptr_state", sa.Text(), nullable=True),
        sa.Column("ptr_at", sa.BigInteger(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("ip", name=op.f("uq_source_ip")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("language", sa.Text(), server_default="ja", nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("password_changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(role = 'customer') = (customer_id IS NOT NULL)", name=op.f("ck_account_customer")),
        sa.CheckConstraint("role IN ('operator', 'staff', 'customer')", name=op.f("ck_account_role")),
        sa.CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name=op.f("ck_account_subject")),
        sa.CheckConstraint("password_hash IS NOT NULL OR issuer IS NOT NULL", name=op.f("ck_account_way_in")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_account_customer_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_account_issuer_subject")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_audit_customer_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "domain",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("registered", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_domain_customer_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain")),
        sa.UniqueConstraint("name", name=op.f("uq_domain_name")),
    )
    op.create_index(op.f("ix_domain_customer_id"), "domain", ["customer_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=True),
        sa.Column("uid", sa.BigInteger(), nullable=True),
        sa.Column("gmail_id", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("arrivals", sa.Integer(), server_default="1", nullable=False),
        sa.Column("authenticity", sa.Text(), server_default="unverified", nullable=False),
        sa.Column("auth_domain", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("filed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "authenticity IN ('pass', 'fail', 'none', 'unknown', 'unverified')", name=op.f("ck_message_authenticity")
        ),
        sa.CheckConstraint(
            "state IN ('stored', 'duplicate', 'variant', 'partial', "
            "'empty', 'tls-report', 'failure-report', 'not-a-report', 'quarantined')",
            name=op.f("ck_message_state"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_message_run_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index(
        "ix_message_mailbox_gmail_id",
        "message",
        ["mailbox", "gmail_id"],
        unique=False,
        sqlite_where=sa.text("gmail_id IS NOT NULL"),
        postgresql_where=sa.text("gmail_id IS NOT NULL"),
    )
    op.create_index("ix_message_sha256", "message", ["sha256"], unique=False)
    op.create_index("ix_message_state", "message", ["state"], unique=False)
    op.create_index(
        "uq_message_file_sha256",
        "message",
        ["sha256"],
        unique=True,
        sqlite_where=sa.text("mailbox IS NULL"),
        postgresql_where=sa.text("mailbox IS NULL"),
    )
    op.create_index(
        "uq_message_mailbox_folder_uidvalidity_uid",
        "message",
        ["mailbox", "folder", "uidvalidity", "uid"],
        unique=True,
        sqlite_where=sa.text("mailbox IS NOT NULL"),
        postgresql_where=sa.text("mailbox IS NOT NULL"),
    )
    op.create_index(
        "uq_message_unread_place",
        "message",
        ["place"],
        unique=True,
        sqlite_where=sa.text("mailbox IS NULL AND sha256 IS NULL"),
        postgresql_where=sa.text("mailbox IS NULL AND sha256 IS NULL"),
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "stage IN ('quarantine-test', 'quarantine', 'reject-test', 'reject', 'parked')",
            name=op.f("ck_consent_stage"),
        ),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_consent_domain_domain_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index("ix_consent_domain_id_stage", "consent", ["domain_id", "stage"], unique=False)
    op.create_table(
        "complaint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_complaint_domain_domain_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint")),
    )
    op.create_index(op.f("ix_complaint_domain_id"), "complaint", ["domain_id"], unique=False)
    op.create_table(
        "domain_state",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.Integer(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("worked_out_at", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("next_stage", sa.Text(), nullable=True),
        sa.Column("ready", sa.Boolean(), nullable=True),
        sa.Column("step_down", sa.Boolean(), nullable=False),
        sa.Column("blockers", sa.Integer(), nullable=False),
        sa.Column("blocker", sa.Text(), nullable=True),
        sa.Column("own_messages", sa.BigInteger(), nullable=False),
        sa.Column("own_passed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_domain_state_domain_domain_id")),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_domain_state")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("notified_at", sa.BigInteger(), nullable=True),
        sa.Column("customer_notified_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('own-mail-held', 'complaint', 'sender-fell', 'sender-fails', 'record-broken', 'record-changed', "
            "'spoofing-wave', 'domain-silent', 'reporter-silent', 'new-sender', 'step-due')",
            name=op.f("ck_event_kind"),
        ),
        sa.CheckConstraint(
            "severity IN ('incident', 'misconfiguration', 'change', 'noise')", name=op.f("ck_event_severity")
        ),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_event_domain_domain_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_domain_id_opened_at", "event", ["domain_id", "opened_at"], unique=False)
    op.create_index(
        "uq_event_open",
        "event",
        ["domain_id", "kind", "subject"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "uq_event_open_of_no_domain",
        "event",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL AND domain_id IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND domain_id IS NULL"),
    )
    op.create_table(
        "digest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_digest_customer_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest")),
    )
    op.create_index("ix_digest_sent_at", "digest", ["sent_at"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('export', 'report')", name=op.f("ck_delivery_kind")),
        sa.CheckConstraint("state IN ('due', 'done', 'failed')", name=op.f("ck_delivery_state")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_delivery_customer_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("customer_id", "kind", "period", name=op.f("uq_delivery_customer_id_kind_period")),
    )
    op.create_index("ix_delivery_state", "delivery", ["state"], unique=False)
    op.create_table(
        "pruned",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("records_before", sa.Integer(), nullable=False),
        sa.Column("rollups_before", sa.Integer(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_pruned_domain_domain_id")),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_pruned")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dns_snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_dns_snapshot_domain_domain_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dns_snapshot")),
    )
    op.create_index(
        "ix_dns_snapshot_domain_id_kind", "dns_snapshot", ["domain_id", "kind", "last_seen_at"], unique=False
    )
    op.create_table(
        "report",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=True),
        sa.Column("related_id", sa.Integer(), nullable=True),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("authenticity", sa.Text(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("org_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("policy_domain", sa.Text(), nullable=False),
        sa.Column("begin_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.Column("first_day", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.Column("p", sa.Text(), nullable=False),
        sa.Column("sp", sa.Text(), nullable=False),
        sa.Column("np", sa.Text(), nullable=True),
        sa.Column("adkim", sa.Text(), nullable=False),
        sa.Column("aspf", sa.Text(), nullable=False),
        sa.Column("pct", sa.Integer(), nullable=True),
        sa.Column("fo", sa.Text(), nullable=True),
        sa.Column("testing", sa.Text(), nullable=True),
        sa.Column("discovery_method", sa.Text(), nullable=True),
        sa.Column("policy_raw", sa.Text(), nullable=True),
        sa.Column("xml_version", sa.Text(), nullable=True),
        sa.Column("xml_namespace", sa.Text(), nullable=True),
        sa.Column("generator", sa.Text(), nullable=True),
        sa.Column("extra_contact_info", sa.Text(), nullable=True),
        sa.Column("errors", sa.Text(), nullable=True),
        sa.Column("repairs", sa.Text(), nullable=True),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("bad_records", sa.Integer(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.Column("disposition_none", sa.BigInteger(), nullable=False),
        sa.Column("disposition_quarantine", sa.BigInteger(), nullable=False),
        sa.Column("disposition_reject", sa.BigInteger(), nullable=False),
        sa.Column("disposition_unknown", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "authenticity IN ('pass', 'fail', 'none', 'unknown', 'unverified')", name=op.f("ck_report_authenticity")
        ),
        sa.CheckConstraint("standing IN ('in-force', 'set-aside')", name=op.f("ck_report_standing")),
        sa.CheckConstraint("begin_at <= end_at", name=op.f("ck_report_period")),
        sa.CheckConstraint("messages >= 0 AND passed >= 0 AND passed <= messages", name=op.f("ck_report_passed")),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_report_domain_domain_id")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_report_message_message_id")),
        sa.PrimaryKeyConstraint("domain_id", "id", name=op.f("pk_report")),
        sa.UniqueConstraint(
            "domain_id", "key_hash", "content_hash", name=op.f("uq_report_domain_id_key_hash_content_hash")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_report_domain_id_first_day", "report", ["domain_id", "first_day"], unique=False)
    op.create_index(
        "ix_report_domain_id_last_day",
        "report",
        ["domain_id", "last_day", "first_day", "standing", "authenticity", "relation", "bad_records", "reporter"],
        unique=False,
    )
    op.create_table(
        "sender",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_sender_domain_domain_id")),
        sa.PrimaryKeyConstraint("domain_id", "id", name=op.f("pk_sender")),
        sa.UniqueConstraint("domain_id", "key", name=op.f("uq_sender_domain_id_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sender_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("sender_key", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("decision IN ('ours', 'not-ours', 'forwarder')", name=op.f("ck_sender_decision_decision")),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_sender_decision_domain_domain_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender_decision")),
    )
    op.create_index(
        "ix_sender_decision_domain_id_sender_key", "sender_decision", ["domain_id", "sender_key"], unique=False
    )
    op.create_table(
        "session",
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_account_account_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"], unique=False)
    op.create_table(
        "traffic_day",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("authenticity", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.Column("both_aligned", sa.BigInteger(), nullable=False),
        sa.Column("dkim_only", sa.BigInteger(), nullable=False),
        sa.Column("spf_only", sa.BigInteger(), nullable=False),
        sa.Column("neither", sa.BigInteger(), nullable=False),
        sa.Column("disposition_none", sa.BigInteger(), nullable=False),
        sa.Column("disposition_quarantine", sa.BigInteger(), nullable=False),
        sa.Column("disposition_reject", sa.BigInteger(), nullable=False),
        sa.Column("disposition_unknown", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["domain.id"], name=op.f("fk_traffic_day_domain_domain_id")),
        sa.PrimaryKeyConstraint("domain_id", "day", "authenticity", name=op.f("pk_traffic_day")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "record",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("header_from", sa.Text(), nullable=True),
        sa.Column("envelope_from", sa.Text(), nullable=True),
        sa.Column("envelope_to", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("dkim_aligned", sa.Boolean(), nullable=False),
        sa.Column("spf_aligned", sa.Boolean(), nullable=False),
        sa.Column("override", sa.Text(), nullable=False),
        sa.Column("bad", sa.Text(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.Column("repairs", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "disposition = 'none' OR disposition = 'pass' OR disposition = 'quarantine' OR "
            "disposition = 'reject' OR disposition = 'unknown'",
            name=op.f("ck_record_disposition"),
        ),
        sa.CheckConstraint(
            "override = 'none' OR override = 'forwarded' OR override = 'local_policy' OR "
            "override = 'mailing_list' OR override = 'other' OR override = 'policy_test_mode' OR "
            "override = 'sampled_out' OR override = 'trusted_forwarder'",
            name=op.f("ck_record_override"),
        ),
        sa.CheckConstraint("messages BETWEEN 0 AND 2147483647", name=op.f("ck_record_messages")),
        sa.ForeignKeyConstraint(
            ["domain_id", "report_id"],
            ["report.domain_id", "report.id"],
            name=op.f("fk_record_report_domain_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["domain_id", "sender_id"], ["sender.domain_id", "sender.id"], name=op.f("fk_record_sender_domain_id")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_record_source_source_id")),
        sa.PrimaryKeyConstraint("domain_id", "report_id", "number", name=op.f("pk_record")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_record_domain_id_source_id", "record", ["domain_id", "source_id"], unique=False)
    op.create_table(
        "traffic",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("header_from", sa.Text(), nullable=False),
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("authenticity", sa.Text(), nullable=False),
        sa.Column("spf_aligned", sa.Boolean(), nullable=False),
        sa.Column("dkim_aligned", sa.Boolean(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("override", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id", "sender_id"], ["sender.domain_id", "sender.id"], name=op.f("fk_traffic_sender_domain_id")
        ),
        sa.PrimaryKeyConstraint(
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
            name=op.f("pk_traffic"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "traffic_evidence",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("authenticity", sa.Text(), nullable=False),
        sa.Column("marks", sa.Integer(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id", "sender_id"],
            ["sender.domain_id", "sender.id"],
            name=op.f("fk_traffic_evidence_sender_domain_id"),
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_traffic_evidence_source_source_id")),
        sa.PrimaryKeyConstraint(
            "domain_id",
            "day",
            "sender_id",
            "source_id",
            "reporter",
            "authenticity",
            "marks",
            name=op.f("pk_traffic_evidence"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_traffic_evidence_source_id", "traffic_evidence", ["source_id", "day"], unique=False)
    op.create_table(
        "traffic_source",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("sender_id", sa.Integer(), nullable=False),
        sa.Column("authenticity", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.Column("dkim_aligned", sa.BigInteger(), nullable=False),
        sa.Column("spf_aligned", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id", "sender_id"],
            ["sender.domain_id", "sender.id"],
            name=op.f("fk_traffic_source_sender_domain_id"),
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_traffic_source_source_source_id")),
        sa.PrimaryKeyConstraint(
            "domain_id", "day", "source_id", "sender_id", "authenticity", name=op.f("pk_traffic_source")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_traffic_source_domain_id_sender_id",
        "traffic_source",
        ["domain_id", "sender_id", "day", "authenticity", "messages", "passed", "dkim_aligned", "spf_aligned"],
        unique=False,
    )
    op.create_index("ix_traffic_source_source_id", "traffic_source", ["source_id", "day", "passed"], unique=False)
    op.create_table(
        "auth_result",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("record_number", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.Column("selector", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("result_raw", sa.Text(), nullable=True),
        sa.Column("human_result", sa.Text(), nullable=True),
        sa.CheckConstraint("method = 'dkim' OR method = 'spf'", name=op.f("ck_auth_result_method")),
        sa.ForeignKeyConstraint(
            ["domain_id", "report_id", "record_number"],
            ["record.domain_id", "record.report_id", "record.number"],
            name=op.f("fk_auth_result_record_domain_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("domain_id", "report_id", "record_number", "number", name=op.f("pk_auth_result")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "override_reason",
        sa.Column("domain_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("record_number", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("type_raw", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "type = 'none' OR type = 'forwarded' OR type = 'local_policy' OR type = 'mailing_list' OR "
            "type = 'other' OR type = 'policy_test_mode' OR type = 'sampled_out' OR "
            "type = 'trusted_forwarder'",
            name=op.f("ck_override_reason_type"),
        ),
        sa.ForeignKeyConstraint(
            ["domain_id", "report_id", "record_number"],
            ["record.domain_id", "record.report_id", "record.number"],
            name=op.f("fk_override_reason_record_domain_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("domain_id", "report_id", "record_number", "number", name=op.f("pk_override_reason")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO generation (id, number) VALUES (1, 0)")
