"""`sekisho digest`: tells the staff, and customers who want it, what the nights found. Also a step of the night.

What an address does not take is kept and sent again the next night; it never fails the night. Addresses are secrets:
they are named by their place and kind only.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy import Connection, Engine

import settings
from analysis import digest as texts
from analysis import events
from analysis.digest import Digest
from analysis.frames import Scope
from sekisho import logs, shell
from settings import Settings
from store import digests, office
from store.engine import open_store, writing
from store.locks import night_lock
from store.office import Customer

# What went unsaid for longer was open before anybody wanted to be told, or is over.
UNTOLD_SECONDS = 14 * 86_400
SECONDS = 60
app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Target:
    """One address that gets digests: the staff's (`customer` None) or a customer's. `label` may be shown."""

    customer: str | None
    address: str
    label: str

    @property
    def mark(self) -> str:
        """Under what the store knows it."""
        return digests.target_of(f"{self.customer or ''}\n{self.address}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many digests were taken, whose addresses did not take theirs, and the customers that nobody knows."""

    sent: int
    refused: tuple[str, ...]
    unknown: tuple[str, ...]


@app.command()
def digest(
    print_: Annotated[bool, typer.Option("--print", help="Only print what would be sent, and send nothing.")] = False,
) -> None:
    """Send what there is to say to the addresses of [notify], as every night does.

    Example: sekisho digest --print
    """
    chosen = settings.load()
    if print_:
        for line in _printed(chosen, shell.now()):
            typer.echo(line)
        return
    with night_lock(chosen.database_url):
        delivery = tell(chosen, now=shell.now())
    typer.echo(sentence(delivery), err=True)
    raise typer.Exit(1 if delivery.refused or delivery.unknown else 0)


def tell(chosen: Settings, *, now: int) -> Delivery:
    """Make the digests that are due at `now` (epoch seconds), and send all that wait. Raises StoreError.

    The caller holds the night's lock, so that nobody else sends the same. Killed between an address's yes and the note
    of it, that one digest is sent again.
    """
    targets = tuple(targets_of(chosen))
    if not targets:
        return Delivery(0, (), ())
    engine = open_store(chosen.database_url)
    try:
        with writing(engine) as connection:
            unknown = _make(connection, chosen, targets, now)
        return _delivered(engine, targets, unknown, now)
    finally:
        engine.dispose()


def sentence(delivery: Delivery) -> str:
    """What was done, on one line."""
    parts = [f"sent {delivery.sent}"]
    if delivery.refused:
        parts.append(f"not taken by {', '.join(delivery.refused)}: tried again the next night")
    if delivery.unknown:
        parts.append(f"[notify] names customers that do not exist: {', '.join(delivery.unknown)}")
    return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Refusing:
    """An address that does not take its digests: `waiting` of them, the oldest made at `since_at` (epoch seconds) and
    sent in vain `attempts` times.
    """

    address: str
    waiting: int
    since_at: int
    attempts: int


def refusing(connection: Connection, chosen: Settings) -> tuple[Refusing, ...]:
    """The addresses that refused the oldest of the digests that wait for them."""
    labels = {each.mark: each.label for each in targets_of(chosen)}
    kept: dict[str, list[digests.Waiting]] = {}
    for each in digests.waiting(connection, labels):
        kept.setdefault(each.target, []).append(each)
    return tuple(
        Refusing(labels[mark], len(each), each[0].made_at, each[0].attempts)
        for mark, each in kept.items()
        if each[0].attempts
    )


def targets_of(chosen: Settings) -> Iterator[Target]:
    """Every address of the settings."""
    for number, address in enumerate(chosen.notify.staff.split(), 1):
        yield Target(None, address, f"staff address {number} ({_kind(address)})")
    for line in filter(str.strip, chosen.notify.customers.splitlines()):
        name, _, addresses = line.partition(" = ")
        for address in addresses.split():
            yield Target(name.strip(), address, f"{name.strip()} ({_kind(address)})")


def _kind(address: str) -> str:
    return address.partition("://")[0]


# ---- What is due


@dataclass(frozen=True, slots=True)
class _Due:
    """A digest that is due, to the staff (`customer` None) or a customer."""

    customer: Customer | None
    digest: Digest


def _due(connection: Connection, chosen: Settings, customers: Sequence[Customer], now: int) -> Iterator[_Due]:
    everything, link = Scope(None), chosen.dashboard.public_url
    told = texts.for_staff(
        events.untold(connection, everything, since=now - UNTOLD_SECONDS),
        chosen.language,
        open_count=len(events.open_events(connection, everything)),
        last_at=digests.last_made(connection),
        now=now,
        link=link,
    )
    if told is not None:
        yield _Due(None, told)
    for customer in customers:
        own = events.untold(connection, Scope((customer.id,)), since=now - UNTOLD_SECONDS, to_customer=True)
        theirs = texts.for_customer(own, customer.language, link=link)
        if theirs is not None:
            yield _Due(customer, theirs)


def _make(connection: Connection, chosen: Settings, targets: Sequence[Target], now: int) -> tuple[str, ...]:
    """Keep what is due for its addresses; the names of customers that do not exist."""
    names = {each.customer for each in targets if each.customer is not None}
    customers = [each for each in office.customers(connection) if each.name in names]
    _pass_on(connection, targets, customers, now)
    for due in _due(connection, chosen, customers, now):
        name = due.customer.name if due.customer else None
        marks = {each.mark for each in targets if each.customer == name}
        if marks:
            customer_id = due.customer.id if due.customer else None
            message = digests.Message(customer_id, due.digest.title, due.digest.body, due.digest.event_ids)
            digests.add(connection, message, marks, now=now)
    return tuple(sorted(names - {each.name for each in customers}))


def _pass_on(connection: Connection, targets: Sequence[Target], customers: Sequence[Customer], now: int) -> None:
    """What an address did not take goes to the one that was written in its place."""
    for name, customer_id in [(None, None), *((each.name, each.id) for each in customers)]:
        marks = [each.mark for each in targets if each.customer == name]
        digests.pass_on(connection, customer_id, marks, since=now - UNTOLD_SECONDS)


def _printed(chosen: Settings, now: int) -> Iterator[str]:
    """Every digest that is due, each under the name of who would get it. The staff's is shown even without address."""
    names = {each.customer for each in targets_of(chosen)}
    with shell.reading() as connection:
        customers = [each for each in office.customers(connection) if each.name in names]
        found = list(_due(connection, chosen, customers, now))
    for due in found:
        yield f"== {logs.escaped(due.customer.name) if due.customer else 'staff'}: {due.digest.title}"
        yield from (logs.escaped(line) for line in due.digest.body.splitlines())
    if not found:
        yield "nothing to say"


# ---- Sending


def _delivered(engine: Engine, targets: Sequence[Target], unknown: tuple[str, ...], now: int) -> Delivery:
    """Send what waits, the oldest first; an address that refuses one is left alone until the next night."""
    by_mark = {each.mark: each for each in targets}
    with engine.connect() as connection:
        waiting = digests.waiting(connection, by_mark)
    ended: Counter[str] = Counter()
    refused: dict[str, str] = {}
    for each in waiting:
        if each.target in refused:
            continue
        taken = _send(by_mark[each.target].address, each.title, each.body)
        with writing(engine) as connection:
            if taken:
                digests.mark_sent(connection, each.id, now=now)
            else:
                digests.mark_refused(connection, each.id)
        if taken:
            ended["sent"] += 1
        else:
            refused[each.target] = by_mark[each.target].label
    return Delivery(ended["sent"], tuple(refused.values()), unknown)


def _send(address: str, title: str, body: str) -> bool:
    """Whether the address took the message. What Apprise logs shows addresses, so that it is not kept."""
    from apprise import Apprise, NotifyFormat  # here: it costs a fifth of a second, which only who is told should pay

    logging.getLogger("apprise").disabled = True
    notifier = Apprise()
    if not notifier.add(address):
        return False
    return bool(notifier.notify(body=body, title=title, body_format=NotifyFormat.TEXT, timeout=SECONDS))
