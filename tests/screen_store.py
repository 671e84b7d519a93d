"""The small store that the screens are tested with; every number of it is written by hand.

shop.example.jp    Sakura      p=none        30 days: 1,226 messages, 1,204 passed; 9 more in a forged report
firm.example.com   Tanaka      p=quarantine  30 days: 40 messages, 30 passed; 5 messages 60 days ago
old.example.com    Tanaka      p=reject      nothing in the last 30 days; 8 messages, all passed, 45 days ago
quiet.example.jp   Sakura      no report
stray.example.net  unassigned  p=none        30 days: 7 messages, 7 passed; its reporter's texts are hostile
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from store_builder import fill, line, report

from store import accounts, office
from store.opened import OpenStore
from store.packing import Report

PASSWORD = "nagai aikotoba desu"
HOSTILE = (
    "<img src=https://evil.example/x.png onerror=alert(1)> ![x](https://evil.example/y.png) "
    "=cmd|' /C'!A0 $\\frac{1}{2}$ \u202e:red[x]"
)
_files: dict[int, bytes] = {}
OWN, CLOUD, SPOOF, ODD = "192.0.2.10", "198.51.100.7", "203.0.113.66", "2001:db8::25"


def fill_store(url: str, today: int) -> None:
    """Into an empty store every report, as seen on the UTC day `today`, and the accounts of `add_people`.

    A file is filled once, and others get its content.
    """
    scheme, _, path = url.partition(":///")
    if scheme == "sqlite" and today in _files:
        Path(path).write_bytes(_files[today])
        return
    _fill_empty(url, today)
    if scheme == "sqlite":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _files[today] = Path(path).read_bytes()


def _fill_empty(url: str, today: int) -> None:
    customers = {"Sakura": ["shop.example.jp", "quiet.example.jp"], "Tanaka": ["firm.example.com", "old.example.com"]}
    fill(url, reports(today), customers=customers, senders={OWN: "Own server", CLOUD: "Cloud", ODD: HOSTILE})
    add_people(url)


def reports(today: int) -> list[tuple[Report, str]]:
    """Every report with the authenticity of its mail."""
    both = line(OWN, 600, dkim=True, spf=True)
    mixed = [line(OWN, 30, dkim=True), line(SPOOF, 10, disposition="quarantine")]
    return [
        (report("shop.example.jp", today - 3, [both, line(CLOUD, 100, dkim=True)], org="Mailboxes"), "pass"),
        (report("shop.example.jp", today - 2, [line(OWN, 400, spf=True), line(SPOOF, 22)], org="Mailboxes"), "pass"),
        (report("shop.example.jp", today - 1, [line(OWN, 104, dkim=True, spf=True)], org="Others"), "unverified"),
        (report("shop.example.jp", today - 1, [line(SPOOF, 9)], org="Forged"), "fail"),
        (report("shop.example.jp", today - 4, [], org="Mailboxes"), "pass"),
        (report("firm.example.com", today - 2, mixed, p="quarantine", sp="reject"), "pass"),
        (report("firm.example.com", today - 60, [line(CLOUD, 5)], p="quarantine", sp="reject"), "pass"),
        (report("old.example.com", today - 45, [line(OWN, 8, spf=True)], p="reject", sp="reject"), "pass"),
        (report("stray.example.net", today - 1, [line(ODD, 7, spf=True)], org=HOSTILE, report_id=HOSTILE), "pass"),
    ]


def add_people(url: str) -> None:
    """Accounts with PASSWORD: `operator` (ja), `staff` (en) and, where there is a customer Sakura, `sakura` (ja)."""
    store = OpenStore(url)
    names = store.read(lambda connection: {customer.name for customer in office.customers(connection)})
    people = [("operator", "operator", None, "ja"), ("staff", "staff", None, "en")]
    people += [("sakura", "customer", "Sakura", "ja")] if "Sakura" in names else []
    for name, role, customer, language in people:
        store.write(
            lambda connection, name=name, role=role, customer=customer, language=language: accounts.add_account(
                connection, name, PASSWORD, role=role, customer=customer, language=language, now=0
            )
        )
    store.close()


def token_of(url: str, name: str, now: int) -> str:
    """A fresh session of an account."""
    store = OpenStore(url)
    account = store.read(lambda connection: accounts.account_of(connection, name))
    token = store.write(lambda connection: accounts.create_session(connection, account.id, now=now))
    store.close()
    return token


def end(url: str, token: str, now: int) -> None:
    """End a session as another tab would."""
    store = OpenStore(url)
    store.write(lambda connection: accounts.end_session(connection, token, now=now))
    store.close()
