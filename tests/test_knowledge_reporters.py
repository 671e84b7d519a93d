"""The stable label under which a reporter's reports are counted."""

import pytest

from knowledge.reporters import reporter_label, reporter_of
from knowledge.tables import load_tables

TABLES = load_tables()

KNOWN = {
    "Google": ("google.com", "noreply-dmarc-support@google.com", "google.com"),
    "Microsoft for consumers": ("Outlook.com", "dmarcreport@microsoft.com", "outlook.com"),
    "Microsoft for firms": ("Enterprise Outlook", "dmarcreport@microsoft.com", "enterprise.outlook.com"),
    "Yahoo": ("Yahoo", "dmarchelp@yahooinc.com", "yahoo.com"),
    "AOL": ("AOL", "postmaster@aol.com", "aol.com"),
    "Mail.ru": ("Mail.Ru", "dmarc_support@corp.mail.ru", "mail.ru"),
    "GMX": ("GMX", "noreply-dmarc@sicher.gmx.net", "gmx.net"),
    "WEB.DE": ("WEB.DE", "noreply-dmarc@sicher.web.de", "web.de"),
    "Fastmail": ("Fastmail Pty Ltd", "reports@fastmaildmarc.com", "fastmail.com"),
    "Fastmail in its older spelling": ("FastMail Pty Ltd", "reports@fastmaildmarc.com", "fastmail.com"),
    "Amazon SES": ("AMAZON-SES", "postmaster@amazonses.com", "amazonses.com"),
    "Mimecast": ("Mimecast", "no-reply@au-1.mimecastreport.com", "mimecast.com"),
    "GoDaddy": ("secureserver.net", "dmarcreports@secureserver.net", "secureserver.net"),
    "Seznam": ("seznam.cz", "abuse@seznam.cz", "seznam.cz"),
    "NTT docomo": ("docomo.ne.jp", "reporting@dmarc25.jp", "docomo.ne.jp"),
    "KDDI": ("kddi.com", "noreply-dmarc-support@kddi.com", "kddi.com"),
    "Lolipop": ("GMO Pepabo, Inc.", "dmarc-reports@lolipop.jp", "lolipop.jp"),
    "heteml": ("GMO Pepabo, Inc.", "dmarc-reports@heteml.jp", "heteml.jp"),
    "Muumuu": ("GMO Pepabo, Inc.", "dmarc-reports@service.muumuu-domain.com", "muumuu-domain.com"),
}

OTHERS = {
    "its e-mail's organisational domain": ("Example Ltd", "dmarc@mail.example.co.jp", "example.co.jp"),
    "in angle brackets": ("Example Ltd", "<Dmarc@Mail.Example.NET>", "example.net"),
    "not docomo, though it uses the same service": ("other.example", "reporting@dmarc25.jp", "dmarc25.jp"),
    "not Google, though it says so": ("google.com", "dmarc@mail.example.net", "example.net"),
    "its name where the address is none": ("  Example\n Ltd ", "nobody", "example ltd"),
    "printable": ("<b>A\x00B\x1b[31m", "", "<b>a b [31m"),
    "unknown where nothing is given": ("", "", "unknown"),
    "its name where the address is hostile": ("acme", "x@<script>.example", "acme"),
}


@pytest.mark.parametrize(("org", "email", "label"), KNOWN.values(), ids=KNOWN.keys())
def test_a_known_reporter_has_its_label(org: str, email: str, label: str) -> None:
    assert reporter_label(org, email, TABLES) == label


def test_each_shipped_reporter_stands_in_the_list() -> None:
    assert {label for _, _, label in KNOWN.values()} == set(TABLES.reporters)


@pytest.mark.parametrize(("org", "email", "label"), OTHERS.values(), ids=OTHERS.keys())
def test_another_reporter_is_called_by_what_it_says(org: str, email: str, label: str) -> None:
    assert reporter_label(org, email, TABLES) == label
    assert reporter_of(org, email, TABLES) is None


def test_a_label_is_at_most_100_characters_long() -> None:
    assert reporter_label("é" * 5000, "", TABLES) == "é" * 100
