"""Who sends for whom: three customers, their domains, each stream of mail and what authenticates it.

Names of third parties end in `.example` (RFC 2606), addresses come from the documentation ranges; only services
that Sekisho has to name bear their real names and addresses.
"""

from dataclasses import dataclass
from datetime import date

from sekisho.samples.streams import ALWAYS, Dkim, Policy, Sender, Spf, Stream, Way

SHOP, FIRM, PARKED, NOBODY = "example.jp", "example.com", "example.net", "unregistered.example"

CUSTOMERS = (
    (SHOP, "見本茶舗"),
    (FIRM, "見本商事株式会社"),
    (PARKED, "見本企画"),
)


# The shop follows the advice after the committed history: longer histories (--until) see its next steps.
POLICIES: dict[str, tuple[Policy, ...]] = {
    SHOP: (
        Policy(ALWAYS, "none", "none"),
        Policy(date(2026, 12, 1), "quarantine", "quarantine", pct=0, t="y"),
        Policy(date(2026, 12, 15), "quarantine", "quarantine"),
    ),
    FIRM: (Policy(ALWAYS, "none", "none", fo="1"),),
    PARKED: (Policy(ALWAYS, "none", "none"),),
    NOBODY: (Policy(ALWAYS, "none", "none"),),
}


def _known(domain: str, name: str, kind: str, networks: str, recognise: str, verdict: str = "ours-ok") -> Sender:
    return Sender(domain, name, kind, "ours-ok", verdict, "ours", tuple(networks.split()), recognise)


def _forwarder(domain: str, name: str, networks: str, recognise: str, kind: str = "forwarder") -> Sender:
    return Sender(domain, name, kind, "forwarded", "forwarded", "forwarder", tuple(networks.split()), recognise)


def _spoofer(domain: str) -> Sender:
    said = "no aligned pass from these networks, the same addresses fail for other domains on the same days"
    return Sender(
        domain, "Spoofers", "spoofer", "impostor", "impostor|unknown", "not-ours", tuple(SPOOF_NETWORKS), said
    )


SPOOF_NETWORKS = ("203.0.113.0/24", "2001:db8:bad::/48")

# ---- The small shop: a rented server and Google Workspace, all aligned.

_SHOP_XSERVER = _known(SHOP, "Xserver", "hosting", "202.226.37.0/24", "address of Xserver; DKIM d=example.jp s=default")
_SHOP_GOOGLE = _known(
    SHOP,
    "Google Workspace",
    "mailbox",
    "209.85.128.0/17 2607:f8b0::/32",
    "address of Google; DKIM d=example.jp s=google",
)
_SHOP_ALUMNI = _forwarder(SHOP, "Forwarder alumni.example", "198.51.100.16/28", "envelope rewritten to alumni.example")

_SHOP_STREAMS = (
    Stream(
        _SHOP_XSERVER,
        46,
        "every day",
        "consumers",
        ("202.226.37.21", "202.226.37.22"),
        (
            Way(0.985, SHOP, Spf(SHOP), (Dkim(SHOP, "default"),)),
            Way(0.015, SHOP, Spf(SHOP), (Dkim(SHOP, "default", "temperror"),)),
        ),
    ),
    Stream(
        _SHOP_GOOGLE,
        22,
        "business days",
        "business",
        ("209.85.128.46", "209.85.220.41", "2607:f8b0:4864:20::734"),
        (Way(1, SHOP, Spf(SHOP), (Dkim(SHOP, "google"),)),),
    ),
    Stream(
        _SHOP_ALUMNI,
        1.6,
        "every day",
        "forwards to google",
        ("198.51.100.17",),
        (Way(1, "alumni.example", Spf("alumni.example"), (Dkim(SHOP, "default"),)),),
    ),
)

# ---- The firm: many services.

_M365 = _known(
    FIRM,
    "Microsoft 365",
    "mailbox",
    "40.107.0.0/16 2a01:111:f403::/48",
    "address of Microsoft; DKIM d=example.com s=selector1",
)
_OWN = _known(FIRM, "Own mail server", "own-server", "192.0.2.16/28", "SPF example.com; DKIM d=example.com s=mail2025")
_SENDGRID = _known(
    FIRM,
    "SendGrid",
    "transactional",
    "167.89.24.0/24 149.72.154.0/24",
    "envelope em4821.*example.com; DKIM d=example.com s=s1 and d=sendgrid.info",
)
_MAILCHIMP = _known(
    FIRM, "Mailchimp", "marketing", "198.2.134.0/24", "envelope *.mcsv.net; DKIM d=example.com s=k2 (DKIM only)"
)
_SALESFORCE = _known(
    FIRM, "Salesforce", "crm", "136.146.128.0/24", "envelope *.bnc.salesforce.com; DKIM d=example.com s=sf1 (DKIM only)"
)
_HUBSPOT = _known(
    FIRM,
    "HubSpot",
    "crm",
    "158.247.16.0/24",
    "signed with hubspotemail.net only until 2026-08-16, with example.com as well from 2026-08-17",
)
_ZENDESK = _known(
    FIRM, "Zendesk", "business-app", "103.151.192.0/24", "SPF example.com; DKIM d=zendesk.com only (SPF only)"
)
_INVOICES = Sender(
    FIRM,
    "Invoice system (Amazon SES)",
    "transactional",
    "ours-fix",
    "candidate",
    "ours",
    ("54.240.11.0/24",),
    "last business day and first of the month; SPF and DKIM pass as amazonses.com, nothing aligned",
)
_BRANCH = Sender(
    FIRM,
    "Branch gateway",
    "bounce",
    "bounce",
    "bounce",
    "ours",
    ("2001:db8:b0::/48",),
    "null envelope sender, SPF on the HELO name gw.branch.example",
)
_UNIVERSITY = _forwarder(
    FIRM, "Forwarder campus.example", "198.51.100.32/28", "envelope kept, SPF fails, DKIM of example.com survives"
)
_CLUB = _forwarder(FIRM, "Forwarder club.example", "198.51.100.48/28", "envelope rewritten to club.example")
_GATEWAY = _forwarder(
    FIRM, "Filter shield.example", "198.51.100.64/28", "own signature fails after the filter changed the text"
)
_TRUSTED = _forwarder(
    FIRM,
    "Forwarder relay.example",
    "198.51.100.80/28",
    "receivers say forwarded or trusted_forwarder; nothing aligned",
)
_LIST = _forwarder(
    FIRM,
    "Mailing list lists.example",
    "198.51.100.96/28",
    "envelope and passing signature of lists.example, own signature fails",
    kind="mailing-list",
)

_M365_SIGNED = (Dkim(FIRM, "selector1", human_result="2048-bit key"),)
_M365_HELO = "apc01-obe.outbound.protection.outlook.com"

_FIRM_STREAMS = (
    Stream(
        _M365,
        190,
        "business days",
        "business",
        ("40.107.44.67", "40.107.44.72", "40.107.130.88", "2a01:111:f403:c40f::5"),
        (
            Way(0.97, FIRM, Spf(FIRM), _M365_SIGNED),
            Way(0.015, FIRM, Spf(FIRM, "temperror"), _M365_SIGNED),
            Way(0.015, "", Spf(_M365_HELO, scope="helo"), _M365_SIGNED),
        ),
    ),
    Stream(
        _OWN,
        70,
        "every day",
        "consumers",
        ("192.0.2.25", "192.0.2.26"),
        (
            Way(0.98, FIRM, Spf(FIRM), (Dkim(FIRM, "mail2025"),)),
            Way(0.02, FIRM, Spf(FIRM), (Dkim(FIRM, "mail2025", "temperror"),)),
        ),
    ),
    Stream(
        _SENDGRID,
        85,
        "every day",
        "consumers",
        ("167.89.24.19", "149.72.154.232"),
        (
            Way(
                1, "em4821.example.com", Spf("em4821.example.com"), (Dkim(FIRM, "s1"), Dkim("sendgrid.info", "smtpapi"))
            ),
        ),
    ),
    Stream(
        _SENDGRID,
        30,
        "every day",
        "consumers",
        ("167.89.24.19",),
        (
            Way(
                1,
                "em4821.shop.example.com",
                Spf("em4821.shop.example.com"),
                (Dkim("shop.example.com", "s1"), Dkim("sendgrid.info", "smtpapi")),
            ),
        ),
        header_from="shop.example.com",
    ),
    Stream(
        _MAILCHIMP,
        900,
        "every second tuesday",
        "consumers",
        ("198.2.134.11", "198.2.134.12", "198.2.134.40"),
        (Way(1, "mail134.atl41.mcsv.net", Spf("mail134.atl41.mcsv.net"), (Dkim(FIRM, "k2"), Dkim("mcsv.net", "k1"))),),
        header_from="news.example.com",
    ),
    Stream(
        _SALESFORCE,
        26,
        "business days",
        "business",
        ("136.146.128.10", "136.146.128.11"),
        (Way(1, "s7.bnc.salesforce.com", Spf("s7.bnc.salesforce.com"), (Dkim(FIRM, "sf1"),)),),
    ),
    Stream(
        _HUBSPOT,
        24,
        "business days",
        "business",
        ("158.247.16.30", "158.247.16.31"),
        (
            Way(
                1,
                "bf08x.hubspotemail.net",
                Spf("bf08x.hubspotemail.net"),
                (Dkim("bf08x.hubspotemail.net", "hs1"),),
                until=date(2026, 8, 16),
            ),
            Way(
                1,
                "bf08x.hubspotemail.net",
                Spf("bf08x.hubspotemail.net"),
                (Dkim(FIRM, "hs1-4711"), Dkim("bf08x.hubspotemail.net", "hs1")),
                since=date(2026, 8, 17),
            ),
        ),
    ),
    Stream(
        _ZENDESK,
        32,
        "business days",
        "consumers",
        ("103.151.192.14", "103.151.192.15"),
        (Way(1, FIRM, Spf(FIRM), (Dkim("zendesk.com", "zendesk1"),)),),
    ),
    Stream(
        _INVOICES,
        140,
        "month end",
        "business",
        ("54.240.11.10", "54.240.11.12"),
        (
            Way(
                1,
                "ap-northeast-1.amazonses.com",
                Spf("ap-northeast-1.amazonses.com"),
                (Dkim("amazonses.com", "token0sample0token0sample0token1"),),
            ),
        ),
        spread=0.1,
    ),
    Stream(
        _BRANCH,
        4,
        "business days",
        "business",
        ("2001:db8:b0::25",),
        (Way(1, "", Spf("gw.branch.example", "none", "helo")),),
    ),
    Stream(
        _UNIVERSITY,
        5,
        "every day",
        "forwards to google",
        ("198.51.100.33", "198.51.100.34"),
        (Way(1, FIRM, Spf(FIRM, "softfail"), _M365_SIGNED),),
    ),
    Stream(
        _CLUB,
        4,
        "every day",
        "forwards to outlook",
        ("198.51.100.49",),
        (Way(1, "club.example", Spf("club.example"), _M365_SIGNED),),
    ),
    Stream(
        _GATEWAY,
        3,
        "business days",
        "forwards to google",
        ("198.51.100.65",),
        (Way(1, "shield.example", Spf("shield.example"), (Dkim(FIRM, "selector1", "fail"),)),),
    ),
    Stream(
        _TRUSTED,
        3,
        "business days",
        "forwards to small receivers",
        ("198.51.100.81",),
        (Way(1, FIRM, Spf(FIRM, "softfail")),),
        reason="forward",
    ),
    Stream(
        _LIST,
        7,
        "business days",
        "everybody",
        ("198.51.100.97", "198.51.100.98"),
        (
            Way(
                1,
                "lists.example",
                Spf("lists.example"),
                (Dkim("lists.example", "list1"), Dkim(FIRM, "selector1", "fail")),
            ),
        ),
        reason="list",
    ),
)

# ---- A domain whose reports reach us although no customer has it.

_STRAY = Sender(
    NOBODY,
    "Unassigned mail server",
    "own-server",
    "ours-ok",
    "ours-ok",
    "",
    ("192.0.2.144/28",),
    "SPF and DKIM of unregistered.example",
)
STRAY_STREAM = Stream(
    _STRAY,
    20,
    "always",
    "everybody",
    ("192.0.2.145",),
    (Way(1, NOBODY, Spf(NOBODY), (Dkim(NOBODY, "mail"),)),),
)

STREAMS = _SHOP_STREAMS + _FIRM_STREAMS


@dataclass(frozen=True, slots=True)
class Spoofing:
    """How much is sent in a domain's name by others: a trickle each day, and waves."""

    sender: Sender
    per_day: float
    per_wave_day: float
    names: tuple[str, ...]


SPOOFING = (
    Spoofing(_spoofer(SHOP), 1.5, 70, (SHOP,)),
    Spoofing(_spoofer(FIRM), 6, 260, (FIRM, FIRM, "mail.example.com")),
    Spoofing(_spoofer(PARKED), 2.2, 420, (PARKED, PARKED, "invoice.example.net")),
)

# Waves start about every `WAVE_EVERY` days and last up to three; the same addresses then use all domains.
WAVE_EVERY = 17

SENDERS = tuple(dict.fromkeys([stream.sender for stream in STREAMS] + [s.sender for s in SPOOFING] + [_STRAY]))
