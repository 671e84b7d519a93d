"""Mails with reports, the settings of mailboxes on test servers, runs over them, and what a store holds afterwards."""

import gzip
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP

from servers_dovecot import PASSWORD
from sqlalchemy import create_engine
from xml_reports import BEGIN, NOON, record, report

import settings
from ingest.imap_login import Credential
from ingest.imap_session import ImapSession
from ingest.mailbox import MailboxSession
from ingest.mailbox_options import Mailbox
from ingest.mailboxes import Connect, MailboxOutcome, ingest_mailboxes
from ingest.run import Outcome

ENVIRONMENT = {"TEST_PASSWORD": PASSWORD}


def report_mail(number: int, *, messages: int = 1, records: Sequence[str] = (), content: bytes | None = None) -> bytes:
    """A mail with one report, as a reporter sends it; `content` stands for the attachment."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "dmarc@receiver.example.com"
    mail["To"] = "rua@example.jp"
    mail["Subject"] = f"Report domain: example.jp Report-ID: r-{number}"
    mail.set_content("A report is attached.\n")
    begin = BEGIN + 86_400 * (number % 3 - 3)
    told = records or [record(f"192.0.2.{number % 250}", messages)]
    text = report(*told, report_id=f"r-{number}", begin=begin, end=begin + 86_399)
    mail.add_attachment(
        gzip.compress(text.encode(), mtime=0) if content is None else content,
        maintype="application",
        subtype="gzip",
        filename=f"receiver.example.com!example.jp!{number}.xml.gz",
    )
    mail.set_boundary(f"part-{number}")
    return mail.as_bytes()


def broken_mail(number: int) -> bytes:
    """A mail whose report is cut off."""
    return report_mail(number, content=gzip.compress(report(record()).encode(), mtime=0)[:-12])


def mailbox(port: int, user: str, **given: object) -> settings.Mailbox:
    """The table of an account on this machine, with deadlines that let a test end soon."""
    usual: dict[str, object] = {
        "name": "reports",
        "host": "127.0.0.1",
        "port": port,
        "security": "plain",
        "user": user,
        "password_variable": "TEST_PASSWORD",
        "seconds_per_command": 10,
        "seconds_of_silence": 10,
        "seconds_to_connect": 10,
        "seconds_per_run": 60,
    }
    return settings.Mailbox(**{**usual, **given})  # type: ignore[arg-type]


def chosen(url: str, *mailboxes: settings.Mailbox, **given: object) -> settings.Settings:
    return settings.Settings(database_url=url, workers=1, mailbox=mailboxes, **given)  # type: ignore[arg-type]


def connect_at_once(mailbox: Mailbox, credential: Credential) -> MailboxSession:
    """A session that does not wait before it connects again."""
    return MailboxSession(ImapSession(mailbox, credential, pause=lambda _: None))


def run_all(
    options: settings.Settings,
    *,
    environ: Mapping[str, str] = ENVIRONMENT,
    now: int = NOON,
    after_commit: Callable[[Sequence[Outcome]], None] = lambda _: None,
    connect: Connect = connect_at_once,
) -> tuple[MailboxOutcome, ...]:
    """A run over every mailbox."""
    return ingest_mailboxes(options, environ, now=now, after_commit=after_commit, connect=connect)


def run_one(options: settings.Settings, **given: object) -> MailboxOutcome:
    """A run over the only mailbox."""
    (outcome,) = run_all(options, **given)  # type: ignore[arg-type]
    return outcome


def asked(url: str, sql: str) -> list[tuple[object, ...]]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql(sql)]
    engine.dispose()
    return rows


def ledger_of(url: str) -> list[tuple[object, ...]]:
    """Folder, UID, state, attempts and whether it left its folder, of each message."""
    return asked(url, "SELECT folder, uid, state, attempts, filed_at IS NOT NULL FROM message ORDER BY folder, uid")


def figures_of(url: str) -> dict[str, list[tuple[object, ...]]]:
    """What the store says about mail, without when and through which run it came."""
    return {
        "reports": asked(url, "SELECT report_id, standing, records, messages, passed FROM report ORDER BY report_id"),
        "records": asked(url, "SELECT count(*), sum(messages) FROM record"),
        "traffic": asked(url, "SELECT day, sum(messages), sum(records) FROM traffic GROUP BY day ORDER BY day"),
        "sources": asked(url, "SELECT ip FROM source ORDER BY ip"),
    }
