"""A store of which every text that a stranger may write is hostile: script, Markdown, LaTeX, bidi, formulas, length.

The reports go through the real ingest. What reports cannot carry (host names, DNS records, events, file names) is
written through the store's own functions and tables.
"""

from xml.sax.saxutils import escape

import xml_reports
from published_dns import publish
from screen_store import add_people
from sqlalchemy import select, update

from ingest.reading import Message
from ingest.session import ingest_messages
from settings import Settings
from store import events, office
from store.engine import open_store, writing
from store.events import FoundEvent
from store.ledger import raise_generation
from store.schema import sender, source

DOMAIN = "hostile.example.jp"
# Stands in every payload, and nowhere else: by it a page is known to show one.
MARK = "evil.example"
PAYLOADS = (
    f"<script>alert('{MARK}')</script><img src=https://{MARK}/a.png onerror=alert(1)>",
    f"![x](https://{MARK}/b.png) [y](javascript:alert(1)) `c` **d** :red[e] :material/home:",
    f"$\\frac{{1}}{{2}}$ $$\\href{{https://{MARK}}}{{x}}$$ \\(z\\)",
    f"\u202e{MARK} gnp.exe\u2066\u200b\u2028",
    f'=HYPERLINK("https://{MARK}/","x")',
    f"+cmd|' /C calc {MARK}'!A0",
    f"-1+1 {MARK}",
    f"@SUM(1) {MARK}",
    f"\t=1+1 {MARK}",
    f"＝1+1 {MARK}",
    f"{MARK}{'W' * 300}",
    f"</td></tr></table><style>*{{display:none}}</style>{MARK}\"'><svg/onload=alert(1)>",
)


def fill_hostile(url: str, today: int) -> None:
    """Reports, mails in quarantine, host names, senders, DNS records and events, as seen on the UTC day `today`."""
    now = today * 86_400
    messages = [Message(payload, report(payload, now, number).encode()) for number, payload in enumerate(PAYLOADS)]
    broken = [Message(f"{payload} cut", f"From: {payload}\n\n<feedback>{payload}".encode()) for payload in PAYLOADS]
    ingest_messages(
        Settings(database_url=url, workers=1),
        [*messages, *broken],
        command=f"mailbox {PAYLOADS[1]}",
        now=now,
        after_commit=lambda outcomes: None,
    )
    _rename(url)
    _publish(url, now)
    _watch(url, now)
    add_people(url)


def report(payload: str, now: int, number: int) -> str:
    """A report with the payload in every text that is free, and many counts, so that the domain has figures."""
    text = escape(payload.replace("\u2028", " "))
    human = f"<human_result>{text}</human_result>"
    auth = (
        f"<dkim><domain>{text}</domain><selector>{text}</selector><result>fail</result>{human}</dkim>"
        f"<dkim><domain>{DOMAIN}</domain><selector>{text}</selector><result>pass</result>{human}</dkim>"
        f"<spf><domain>{text}</domain><scope>{text}</scope><result>fail</result>{human}</spf>"
    )
    reason = f"<reason><type>{text}</type><comment>{text}</comment></reason>"
    identifiers = f"<envelope_from>{text}</envelope_from><envelope_to>{text}</envelope_to>"
    lines = [
        xml_reports.record(
            f"192.0.2.{number + 1}",
            100 + number,
            header_from=header_from,
            identifiers=identifiers,
            reason=reason,
            auth=auth,
            dkim="fail",
            spf="fail",
        )
        for header_from in (DOMAIN, text)
    ]
    return xml_reports.report(
        *lines,
        org_name=text,
        email=text,
        report_id=text,
        begin=now - 2 * 86_400,
        end=now - 86_400 - 1,
        domain=DOMAIN,
        policy=f"<p>none</p><sp>{text}</sp><fo>{text}</fo>",
        metadata=f"<extra_contact_info>{text}</extra_contact_info><error>{text}</error><generator>{text}</generator>",
    )


def sender_key(url: str) -> str:
    """The key of one of the domain's senders."""
    engine = open_store(url)
    with writing(engine) as connection:
        key: str = connection.execute(select(sender.c.key).order_by(sender.c.key)).scalars().first() or ""
    engine.dispose()
    return key


def _rename(url: str) -> None:
    """Give every address a hostile host name, and every sender a hostile name."""
    engine = open_store(url)
    with writing(engine) as connection:
        for table, columns in ((source, ("ptr", "as_name", "service")), (sender, ("name",))):
            for number, row_id in enumerate(connection.execute(select(table.c.id)).scalars().all()):
                texts = dict.fromkeys(columns, PAYLOADS[number % len(PAYLOADS)])
                connection.execute(update(table).where(table.c.id == row_id).values(texts))
        office.add_customer(connection, PAYLOADS[0], language="ja", now=0)
        office.assign_domain(connection, DOMAIN, PAYLOADS[0], now=0)
        raise_generation(connection)
    engine.dispose()


def _publish(url: str, now: int) -> None:
    for age, payload in enumerate((PAYLOADS[1], PAYLOADS[0])):
        publish(url, DOMAIN, f"v=DMARC1; p=none; x={payload}", at=now - age * 60, spf=f"v=spf1 exists:{payload} -all")


def _watch(url: str, now: int) -> None:
    engine = open_store(url)
    with writing(engine) as connection:
        domain_id = office.domain_id_of(connection, DOMAIN)
        figures = {"passed": 1, "messages": 9, "day": "2026-11-01"}
        found = [
            FoundEvent(domain_id, "sender-fails", payload, "incident", figures | {"name": payload})
            for payload in PAYLOADS
        ]
        changed = {"name": PAYLOADS[0], "day": "2026-11-01", "before": PAYLOADS[1], "after": PAYLOADS[2]}
        found.append(FoundEvent(domain_id, "record-changed", PAYLOADS[3], "change", changed))
        events.reconcile(connection, found, now=now)
    engine.dispose()
