"""A store with the domains of Sakura alone, and the same store after the domains of others came.

The others' mail has the same addresses, senders, days and numbers, so that whatever mixes them up is seen.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from histories import REPORTERS, shape, signed, spf, tables
from histories import report as daily_report
from sqlalchemy import Connection
from store_builder import NOW

from analysis.frames import Period, Scope
from ingest.naming import Namer
from knowledge.envelope import envelope_kind
from store import complaints, consents, decisions, events, ledger, office, standings
from store.actor import Actor
from store.consents import Given
from store.engine import open_store, writing
from store.events import FoundEvent
from store.packing import Report
from store.reports import ReportWriter
from store.snapshots import DMARC, NO_NAME, SPF, Look, Observation, save_look
from store.standings import State
from store.values import Policy, Record

DAY = 20_600
READ_AT = (DAY + 20) * 86_400
PERIOD = Period(DAY - 50, DAY + 50)
OWN, OWN_TOO = "shop.example.jp", "office.example.jp"
FOREIGN, STRAY = "firm.example.com", "stray.example.net"
SAKURA = Scope((1,))
MAILCHIMP, ZENDESK, SENDGRID = "198.2.134.7", "103.151.192.9", "167.89.24.10"
LIST, SPOOF, GATEWAY = "198.51.100.97", "203.0.113.5", "198.51.100.33"


def fill_alone(template: Path, path: Path) -> str:
    """The address of a store with the domains of Sakura and nothing else."""
    shutil.copy(template, path)
    _save(f"sqlite:///{path}", own_reports(), write_own)
    return f"sqlite:///{path}"


def fill_shared(alone: str, path: Path) -> str:
    """The address of the same store, to which the domains of others came."""
    shutil.copy(alone.removeprefix("sqlite:///"), path)
    _save(f"sqlite:///{path}", foreign_reports(), write_foreign)
    return f"sqlite:///{path}"


def lines(name: str, times: int) -> list[Record]:
    """A day's mail of every kind that some query looks for; `times` as much for domains that must not be seen."""
    strict = shape(name, signed(name), spf(name), dkim=True, spf=True, envelope=name)
    held = shape(name, spf(name, "softfail"), envelope=name)._replace(disposition="reject", digest=f"{0:064}")
    return [
        Record("192.0.2.20", 70 * times, strict),
        Record("192.0.2.20", 5 * times, shape(f"news.{name}", signed(name), dkim=True)),
        Record(MAILCHIMP, 4 * times, shape(name, signed(name, selector="k2"), spf("mail1.mcsv.net"), dkim=True)),
        Record(MAILCHIMP, 2 * times, shape(name, signed(name, "fail", "k2"), spf("mail1.mcsv.net"))),
        Record(ZENDESK, 3 * times, shape(name, signed("zendesk.com"), spf(name), spf=True, envelope=name)),
        Record(SENDGRID, 8 * times, shape(name, signed("sendgrid.net"), spf("bounces.sendgrid.net"))),
        Record(LIST, 2 * times, shape(name, signed(name, "fail"), spf("lists.example"), override="mailing_list")),
        Record(GATEWAY, 6 * times, shape(name, signed(name, "permerror"), override="forwarded")),
        Record(SPOOF, 9 * times, held),
    ]


# Of the records of others: so that a sender's number is never that of the same sender of Sakura.
ORDER = (8, 0, 4, 5, 6, 7, 1, 2, 3)


def own_reports() -> list[Report]:
    """Three days; the last sender came on the second."""
    return [
        daily_report(name, day, reporter, lines(name, 1)[: 8 if day == DAY else 9])
        for name in (OWN, OWN_TOO)
        for day in range(DAY, DAY + 3)
        for reporter in REPORTERS[:2]
    ]


def foreign_reports() -> list[Report]:
    """From earlier and later days, by a reporter more, under other policies; nothing has the same number."""
    policy = Policy(FOREIGN, "reject", "quarantine", "none", "s", "s", 50, None, None, None)
    found = []
    for name in (FOREIGN, STRAY):
        for day in range(DAY - 2, DAY + 6):
            for reporter in (*REPORTERS[:2], "foreign.example"):
                mail = lines(name, 10)
                extra = Record("203.0.113.99", 11, shape(name, signed(name, selector="other"), dkim=True))
                whole = daily_report(name, day, reporter, [extra, *(mail[place] for place in ORDER)])
                found.append(replace(whole, policy=replace(policy, domain=name), repairs=("old-period",)))
    return found


def corrected(first: Report) -> Report:
    """The same report with other records, of more mail than all others together: it is set aside."""
    name = first.policy.domain
    late = Record(ZENDESK, 9_000, shape(name, signed("late.example"), spf("zendesk.com")))
    return replace(first, records=daily_report(name, DAY, first.org_name, [late]).records)


def _save(url: str, reports: Sequence[Report], people: Callable[[Connection], None]) -> None:
    """The reports, half of them in a second version, one with a correction, and what people and the night wrote."""
    engine, known = open_store(url), tables()
    namer = Namer(known)
    writer = ReportWriter(engine, namer, lambda org, _email: org, lambda name: envelope_kind(name, known))
    variants = [replace(each, email="other@example.net") for each in reports[::2]]
    with writing(engine) as connection:
        run = ledger.start_run(connection, "ingest", now=NOW)
        for number, found in enumerate([*reports, *variants, corrected(reports[0])]):
            entry = ledger.Entry(f"{number}.xml", f"{url[-9:]}{len(reports)}{number}", 1, "stored")
            message = ledger.record_message(connection, entry, run_id=run, now=NOW)
            writer.save(connection, found, message_id=message, authenticity="unverified", now=NOW)
        writer.finish(connection)
        people(connection)
    engine.dispose()


def write_beside(connection: Connection, name: str) -> None:
    """What people decided about a domain, what DNS said of it, where it stands, and an event of it."""
    domain_id, actor = office.domain_id_of(connection, name), Actor("operator", NOW)
    for subject in ("service:zendesk", "service:mailchimp"):
        decisions.decide(connection, domain_id, subject, "ours", note=f"of {name}", evidence={}, actor=actor)
    consents.give(connection, domain_id, "quarantine", Given("They", f"of {name}"), evidence={"n": name}, actor=actor)
    complaints.record(connection, domain_id, f"about {name}", actor=actor)
    said = (
        Observation(DMARC, f"_dmarc.{name}", "found", {"texts": ["v=DMARC1; p=none"]}),
        Observation(SPF, f"gone.{name}", NO_NAME, {}),
    )
    save_look(connection, domain_id, Look(name, said, ()), now=NOW)
    state = State(domain_id, DAY, "none", "quarantine", True, False, 0, None, 5, 4)
    standings.save(connection, [state], seen=1, now=NOW)


def write_events(connection: Connection, names: Sequence[str]) -> None:
    ids = [office.domain_id_of(connection, name) for name in names]
    found = [FoundEvent(each, "sender-fell", "key", "incident", {"of": each}) for each in ids]
    events.reconcile(connection, [*found, FoundEvent(None, "reporter-silent", REPORTERS[0], "change", {})], now=NOW)


def write_own(connection: Connection) -> None:
    office.add_customer(connection, "Sakura", language="ja", now=NOW)
    for name in (OWN, OWN_TOO):
        office.assign_domain(connection, name, "Sakura", now=NOW)
        write_beside(connection, name)
    write_events(connection, (OWN, OWN_TOO))


def write_foreign(connection: Connection) -> None:
    office.add_customer(connection, "Tanaka", language="en", now=NOW)
    office.assign_domain(connection, FOREIGN, "Tanaka", now=NOW)
    office.assign_domain(connection, STRAY, None, now=NOW)
    for name in (FOREIGN, STRAY):
        write_beside(connection, name)
        domain_id, actor = office.domain_id_of(connection, name), Actor("operator", NOW)
        decisions.decide(connection, domain_id, "service:sendgrid", "ours", note="only here", evidence={}, actor=actor)
    write_events(connection, (OWN, OWN_TOO, FOREIGN, STRAY))
    run = ledger.start_run(connection, "ingest", now=NOW)
    ledger.finish_run(connection, run, "done", "{}", now=READ_AT)
    ledger.finish_run(connection, ledger.start_run(connection, "mailbox post", now=NOW), "done", "{}", now=NOW)
    broken = ledger.Entry("broken.eml", "0" * 64, 1, "quarantined", mailbox="post", reason="truncated")
    ledger.record_message(connection, broken, run_id=run, now=NOW)
