"""Who reports, and in which shape: each row is how one real reporter writes, mails and names its reports.

The facts are those known of each reporter; names of small receivers that stand for a kind end in `.example`.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Shape:
    """How the XML looks. `policy` and `identifiers` are the elements written, in their order."""

    declaration: str = '<?xml version="1.0" encoding="UTF-8"?>'
    root: str = ""
    version: str = ""
    indent: str = "  "
    line_end: str = "\n"
    bom: bool = False
    policy: str = "domain adkim aspf p sp pct"
    identifiers: str = "header_from"
    dkim: str = "domain selector result"
    scope: bool = False
    unsigned: str = ""
    hardfail: bool = False
    empty_reason: bool = False
    quiet_pass: str = "none"  # noqa: S105 - a result of SPF
    forward_reason: str = "forwarded"
    list_reason: str = "mailing_list"
    generator: str = ""


@dataclass(frozen=True, slots=True)
class Reporter:
    """One reporter: how it calls itself, how its mail looks, which period its reports cover.

    `container` is how the report travels, `grouping` whether months are kept as one mailbox file or each report
    as a file, or the saved attachments ten to a zip archive. `slices` are the reports of one day as (first second,
    last second) after the day begins.
    """

    key: str
    org_name: str
    email: str
    contact: str
    id_style: str
    shape: Shape
    container: str
    grouping: str
    submitter: str
    slices: tuple[tuple[int, int], ...] = ((0, 86_399),)
    brands: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    mail_from: str = ""

    @property
    def sent_from(self) -> str:
        """The address in the mail's From line."""
        return self.mail_from or self.email


_DAY, _DAY_AND_A_SECOND, _JAPANESE_DAY = (0, 86_399), (0, 86_400), (-32_400, 54_000)

REPORTERS = (
    Reporter(
        "google",
        "google.com",
        "noreply-dmarc-support@google.com",
        "https://support.google.com/a/answer/2466580",
        "decimal",
        Shape(
            declaration='<?xml version="1.0" encoding="UTF-8" ?>',
            policy="domain adkim aspf p sp pct np",
            dkim="domain result selector",
            forward_reason="local_policy:arc=pass",
            list_reason="local_policy:arc=pass",
        ),
        "whole mail is a zip",
        "mailbox per month",
        "google.com",
    ),
    Reporter(
        "outlook",
        "Outlook.com",
        "dmarcreport@microsoft.com",
        "",
        "hex",
        Shape(
            declaration='<?xml version="1.0"?>',
            root=' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
            version="1.0",
            policy="domain adkim aspf p sp pct fo",
            identifiers="envelope_to envelope_from header_from",
            scope=True,
        ),
        "gzip attachment, base64 subject",
        "ten to an archive, the last month a mailbox",
        "protection.outlook.com",
        (_DAY_AND_A_SECOND,),
        recipients=("outlook.jp", "hotmail.co.jp"),
    ),
    Reporter(
        "enterprise-outlook",
        "Enterprise Outlook",
        "dmarcreport@microsoft.com",
        "",
        "hex",
        Shape(
            declaration='<?xml version="1.0"?>',
            root=' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
            version="1.0",
            policy="domain adkim aspf p sp pct fo",
            identifiers="envelope_to envelope_from header_from",
            scope=True,
            unsigned="fail",
        ),
        "gzip attachment, base64 subject",
        "ten to an archive, the last month a mailbox",
        "enterprise.protection.outlook.com",
        (_DAY_AND_A_SECOND,),
        recipients=("customer.example",),
    ),
    Reporter(
        "yahoo",
        "Yahoo",
        "dmarchelp@yahooinc.com",
        "",
        "decimal pair",
        Shape(declaration='<?xml version="1.0"?>', line_end="\t\n", policy="domain adkim aspf p pct"),
        "gzip attachment",
        "ten to an archive",
        "yahoo.com",
        mail_from="noreply@dmarc.yahoo.com",
    ),
    Reporter(
        "docomo",
        "docomo.ne.jp",
        "reporting@dmarc25.jp",
        "",
        "hex",
        Shape(
            declaration='<?xml version="1.0" encoding="utf-8"?>',
            indent="",
            line_end="",
            bom=True,
            policy="adkim domain aspf p pct sp",
            unsigned="fail",
            hardfail=True,
        ),
        "gzip attachment",
        "ten to an archive",
        "docomo.ne.jp",
    ),
    Reporter(
        "kddi",
        "kddi.com",
        "noreply-dmarc-support@kddi.com",
        "https://support.kddi.com/dmarc",
        "timestamp",
        Shape(
            version="1.0",
            indent="\t",
            policy="domain adkim aspf p sp pct fo",
            identifiers="envelope_to envelope_from header_from",
            dkim="domain selector result human_result",
            scope=True,
            unsigned="none",
            empty_reason=True,
            forward_reason="trusted_forwarder",
        ),
        "gzip attachment",
        "ten to an archive",
        "kddi.com",
        ((3_243, 33_525), (41_207, 85_911)),
        recipients=("ezweb.ne.jp",),
    ),
    Reporter(
        "gmo-pepabo",
        "GMO Pepabo, Inc.",
        "dmarc-reports@lolipop.jp",
        "",
        "domain and period",
        Shape(version="1.0", scope=True, identifiers="envelope_from header_from"),
        "gzip attachment",
        "ten to an archive",
        "lolipop.jp",
        (_JAPANESE_DAY,),
        brands=("heteml.jp", "lolipop.jp", "service.muumuu-domain.com"),
    ),
    Reporter(
        "mail.ru",
        "Mail.Ru",
        "dmarc_support@corp.mail.ru",
        "http://help.mail.ru/mail-help",
        "decimal",
        Shape(
            declaration="<?xml version='1.0' encoding='utf-8'?>",
            indent="",
            line_end="",
            policy="domain adkim aspf p sp pct",
            scope=True,
        ),
        "gzip file",
        "file per report",
        "mail.ru",
        (_DAY_AND_A_SECOND,),
    ),
    Reporter(
        "fastmail",
        "FastMail Pty Ltd",
        "reports@fastmaildmarc.com",
        "https://fastmail.com/",
        "short decimal",
        Shape(
            declaration='<?xml version="1.0"?>',
            version="1.0",
            indent="\t",
            policy="domain p sp pct fo",
            identifiers="envelope_to envelope_from header_from",
            scope=True,
        ),
        "inline gzip attachment",
        "file per report",
        "fastmaildmarc.com",
        recipients=("fastmail.com",),
    ),
    Reporter(
        "amazon-ses",
        "AMAZON-SES",
        "postmaster@amazonses.com",
        "",
        "uuid",
        Shape(version="1.0", scope=True, identifiers="envelope_from header_from"),
        "octet-stream attachment",
        "file per report",
        "amazonses.com",
    ),
    Reporter(
        "mimecast",
        "Mimecast",
        "no-reply@jp-1.mimecastreport.com",
        "https://community.mimecast.com/s/knowledge",
        "long hex",
        Shape(
            declaration='<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
            dkim="domain selector result human_result",
            forward_reason="trusted_forwarder",
        ),
        "whole mail is a gzip with two bytes after it",
        "ten to an archive, the last month a mailbox",
        "mimecast.org",
    ),
    Reporter(
        "rfc9990",
        "mx.receiver.example",
        "dmarc@mx.receiver.example",
        "https://mx.receiver.example/dmarc",
        "hex at host",
        Shape(
            root=' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"',
            version="1.0",
            indent="   ",
            policy="domain p sp np adkim aspf discovery_method testing",
            identifiers="header_from envelope_from envelope_to",
            scope=True,
            forward_reason="trusted_forwarder",
            generator="Receiver 3.2",
        ),
        "gzip file",
        "file per report",
        "mx.receiver.example",
        recipients=("receiver.example",),
    ),
)

_ISP = Reporter(
    "isp",
    "isp.example",
    "postmaster@isp.example",
    "",
    "hex",
    Shape(version="1.0", scope=True, identifiers="envelope_from header_from"),
    "gzip attachment",
    "file per report",
    "isp.example",
)

# Reporters of the mistakes and odd packings only.
EXTRAS = (
    _ISP,
    replace(
        _ISP, key="hosting", org_name="hosting.example", email="dmarc@hosting.example", submitter="hosting.example"
    ),
    replace(
        _ISP,
        key="provider",
        org_name="見本プロバイダ株式会社",
        email="dmarc@provider.example",
        submitter="provider.example",
        shape=replace(_ISP.shape, declaration='<?xml version="1.0" encoding="Shift_JIS"?>'),
    ),
)

BY_KEY = {reporter.key: reporter for reporter in REPORTERS + EXTRAS}

# What part of a stream's mail each reporter receives; the rest goes to receivers that send no reports.
AUDIENCES: dict[str, dict[str, float]] = {
    "consumers": {
        "google": 0.36,
        "outlook": 0.08,
        "yahoo": 0.05,
        "docomo": 0.15,
        "kddi": 0.04,
        "gmo-pepabo": 0.0009,
        "fastmail": 0.0004,
        "mail.ru": 0.0002,
        "enterprise-outlook": 0.004,
        "isp": 0.05,
        "hosting": 0.05,
        "provider": 0.05,
    },
    "business": {
        "google": 0.34,
        "enterprise-outlook": 0.22,
        "outlook": 0.02,
        "mimecast": 0.018,
        "gmo-pepabo": 0.003,
        "amazon-ses": 0.0012,
        "rfc9990": 0.0035,
        "yahoo": 0.004,
        "isp": 0.05,
        "hosting": 0.05,
        "provider": 0.05,
    },
    "everybody": {
        "google": 0.4,
        "outlook": 0.15,
        "enterprise-outlook": 0.15,
        "yahoo": 0.08,
        "docomo": 0.04,
        "mimecast": 0.018,
        "rfc9990": 0.01,
        "isp": 0.05,
        "hosting": 0.05,
        "provider": 0.05,
    },
    "forwards to google": {"google": 0.9},
    "forwards to outlook": {"outlook": 0.7, "google": 0.2},
    "forwards to small receivers": {"kddi": 0.2, "mimecast": 0.2, "google": 0.4},
    "spoofing": {
        "google": 0.3,
        "outlook": 0.1,
        "enterprise-outlook": 0.03,
        "yahoo": 0.06,
        "mail.ru": 0.02,
        "docomo": 0.06,
        "kddi": 0.03,
        "fastmail": 0.006,
        "gmo-pepabo": 0.006,
    },
}
