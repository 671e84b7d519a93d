"""Sends a mail with files through one SMTP server, over TLS that is verified, and says what a refusal means.

SmtpError
├── NotTaken   not now: no connection, another certificate, refused login, greylisting, a full mailbox
└── Refused    never as it is: the server does not take this recipient or this mail
"""

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from analysis.export import ExportFile
from settings import Smtp

TYPES = {".pdf": ("application", "pdf"), ".zip": ("application", "zip")}


class SmtpError(Exception):
    """The mail was not taken; the text says by whom and why, and holds no password."""


class NotTaken(SmtpError):
    """The same mail may be taken later."""


class Refused(SmtpError):
    """The same mail will be refused again."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one recipient. `number` is the same for each attempt, so that a server can tell a second copy."""

    number: str
    recipient: str
    subject: str
    body: str
    files: Sequence[ExportFile]


def send(server: Smtp, mail: Mail, *, now: int) -> None:
    """Hand the mail to the server. Raises NotTaken or Refused; without an error the server has taken it."""
    where = f"{server.host}:{server.port}"
    try:
        with _connected(server) as connection:
            connection.send_message(_message(server, mail, now=now))
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refusal(code, said, where, f"the recipient {mail.recipient}") from None
    except smtplib.SMTPDataError as error:
        raise _refusal(error.smtp_code, error.smtp_error, where, "the mail") from None
    except smtplib.SMTPResponseException as error:
        raise NotTaken(f"{where} refused {_refused_part(error, server)}: {_line(error.smtp_error)}") from None
    except ssl.SSLCertVerificationError as error:
        raise NotTaken(f"the certificate of {where} is not to be trusted: {error.verify_message}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise NotTaken(f"{where} could not be used: {_line(str(error)) or type(error).__name__}") from None


@contextmanager
def _connected(server: Smtp) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
    if server.security == "tls":
        opened: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=server.seconds, context=context)
    else:
        opened = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
    with opened as connection:
        if server.security == "starttls":
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
        yield connection


def _message(server: Smtp, mail: Mail, *, now: int) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = server.sender, mail.recipient, mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<{mail.number}@{server.sender.rpartition('@')[2]}>"
    # RFC 3834: nobody's absence note answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body)
    for file in mail.files:
        maintype, subtype = TYPES[file.name[file.name.rindex(".") :]]
        message.add_attachment(file.content, maintype=maintype, subtype=subtype, filename=file.name)
    return message


def _refused_part(error: smtplib.SMTPResponseException, server: Smtp) -> str:
    """What is wrong on our side, and nothing of the mail."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the login of {server.user}"
    return f"the sender {server.sender}" if isinstance(error, smtplib.SMTPSenderRefused) else "the connection"


def _refusal(code: int, said: bytes | str, where: str, what: str) -> SmtpError:
    """RFC 5321 section 4.2.1: 5yz is for good. Anything else may pass."""
    kind = Refused if 500 <= code < 600 else NotTaken
    return kind(f"{where} refused {what}: {code} {_line(said)}")


def _line(said: bytes | str) -> str:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return " ".join("".join(each if each.isprintable() else " " for each in words).split())
