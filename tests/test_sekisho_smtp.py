"""Handing a mail to a real SMTP server over TLS, and what each refusal means."""

from collections.abc import Callable
from typing import Any

import pytest
from certificates import Certificates

from analysis.export import ExportFile
from sekisho.smtp import Mail, NotTaken, Refused, SmtpError, send

NOW = 1_790_000_000
MAIL = Mail(
    "sekisho-7-1",
    "owner@example.jp",
    "DMARCレポート 2026-10: 見本茶舗",
    "本文です。\n",
    [ExportFile("dmarc_sakura_report.pdf", b"%PDF-1.7"), ExportFile("dmarc_sakura_set.zip", b"PK")],
)


@pytest.mark.parametrize("starttls", [False, True])
def test_a_mail_arrives_whole_over_either_kind_of_tls(start_post: Callable[..., Any], starttls: bool) -> None:
    post = start_post(starttls=starttls)

    send(post.settings(security="starttls" if starttls else "tls"), MAIL, now=NOW)

    (mail,) = post.mails
    assert post.recipients == ["owner@example.jp"]
    assert (mail["From"], mail["To"], mail["Subject"]) == ("dmarc@example.net", "owner@example.jp", MAIL.subject)
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<sekisho-7-1@example.net>", "auto-generated")
    assert mail["Date"] == "Mon, 21 Sep 2026 14:13:20 +0000"
    assert mail.get_body().get_content().splitlines() == ["本文です。"]
    attached = [(part.get_filename(), part.get_content_type(), part.get_content()) for part in mail.iter_attachments()]
    assert attached == [
        ("dmarc_sakura_report.pdf", "application/pdf", b"%PDF-1.7"),
        ("dmarc_sakura_set.zip", "application/zip", b"PK"),
    ]


@pytest.mark.parametrize(
    ("at_recipient", "at_mail", "expected"),
    [
        ("451 4.7.1 greylisted, come again", None, NotTaken),
        ("550 5.1.1 nobody of that name", None, Refused),
        (None, "452 4.3.1 disk full", NotTaken),
        (None, "552 5.3.4 too large", Refused),
    ],
)
def test_a_refusal_for_now_is_told_from_one_for_good(
    start_post: Callable[..., Any], at_recipient: str | None, at_mail: str | None, expected: type[SmtpError]
) -> None:
    post = start_post()
    post.at_recipient, post.at_mail = at_recipient, at_mail

    with pytest.raises(expected, match=(at_recipient or at_mail or "")[:3]):
        send(post.settings(), MAIL, now=NOW)

    assert post.mails == []


@pytest.mark.parametrize("wrong", ["expired", "wrong_host", "self_signed"])
@pytest.mark.parametrize("starttls", [False, True])
def test_a_certificate_that_proves_nothing_gets_no_mail_and_no_password(
    start_post: Callable[..., Any], smtp_certificates: Certificates, wrong: str, starttls: bool
) -> None:
    post = start_post(starttls=starttls, pair=getattr(smtp_certificates, wrong))

    with pytest.raises(NotTaken, match="certificate"):
        send(post.settings(security="starttls" if starttls else "tls"), MAIL, now=NOW)

    assert post.mails == []


def test_a_refused_login_is_for_now_and_its_text_has_no_password(start_post: Callable[..., Any]) -> None:
    post = start_post()

    with pytest.raises(NotTaken, match="refused the login of sekisho") as refused:
        send(post.settings(password="machigai"), MAIL, now=NOW)

    assert "machigai" not in str(refused.value)
    assert post.mails == []


def test_a_sender_that_may_not_send_is_for_now(start_post: Callable[..., Any]) -> None:
    post = start_post()

    with pytest.raises(NotTaken, match=r"refused the sender dmarc@example\.net: 5\.7\.0 log in first"):
        send(post.settings(user=""), MAIL, now=NOW)


def test_a_server_that_offers_no_encryption_gets_nothing(start_post: Callable[..., Any]) -> None:
    """A server of TLS only does not understand plain words: STARTTLS against it ends in an error, not in plain text."""
    post = start_post()

    with pytest.raises(NotTaken):
        send(post.settings(security="starttls", seconds=2), MAIL, now=NOW)

    assert post.mails == []


def test_a_server_that_is_not_there_is_for_now(start_post: Callable[..., Any]) -> None:
    post = start_post()

    with pytest.raises(NotTaken, match="could not be used"):
        send(post.settings(port=1), MAIL, now=NOW)
