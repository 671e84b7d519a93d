"""The night on which the monthly files of 200 customers are due: time and memory of `sekisho deliveries run`.

    python benchmarks/deliveries.py                       a new store in a temporary folder, 1,000,000 records
    python benchmarks/deliveries.py --records 200000      smaller
    python benchmarks/deliveries.py --customers 20        fewer

The store of generated_store.py, its last day yesterday: each customer has one to three of the domains, which publish
records in DNS and whose largest senders were confirmed. Every customer gets the CSV set with its workbook and the
report as PDF into a folder. Memory is the largest proportional set size of the command's processes together, looked at
five times a second. Exit code 1 when a file is missing, or it took 10 minutes or 400 MB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil
from generated_store import CUSTOMERS, DOMAINS, domain_name, generate
from sqlalchemy import Connection, select, update

# Before this folder, whose ingest.py would stand for the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from published_dns import publish

from store import decisions, schema
from store.engine import open_store, writing

SEKISHO = Path(sys.executable).with_name("sekisho")
DAY_SECONDS = 86_400
SECONDS, MEGABYTES = 600, 400
FILES_OF_A_CUSTOMER = 9
CONFIRMED = 3


@dataclass(frozen=True, slots=True)
class Night:
    """What the command did: wall and CPU seconds, MB, its exit code, and what it said on each stream."""

    wall: float
    computing: float
    memory: float
    code: int
    said: str
    progress: list[str]


def main() -> int:
    """Build the store, deliver, print a table; 1 when a target is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--customers", type=int, default=CUSTOMERS)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-") as folder:
        domains = build(Path(folder) / "store.sqlite3", chosen.records, chosen.customers)
        night = delivered(Path(folder))
        made = [path for path in (Path(folder) / "out").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in made)
    print("\n".join(table(night, chosen.customers, domains, len(made), size)))
    short = list(missed(night, chosen.customers, len(made)))
    print("\n".join(["", *short]) if short else "\nEvery target is met.")
    return int(bool(short))


# ---- The store


def build(path: Path, records: int, customers: int) -> int:
    """Write the store; returns how many domains the customers have."""
    now = int(time.time())
    generate(path, records, last_day=now // DAY_SECONDS - 1)
    url = f"sqlite:///{path}"
    engine = open_store(url)
    with writing(engine) as connection:
        owned = _give_away(connection, customers)
        for domain_id in owned:
            _confirm(connection, domain_id, now=now)
    engine.dispose()
    for domain_id in owned:
        name = domain_name(domain_id)
        publish(url, name, "v=DMARC1; p=none", at=now - 200 * DAY_SECONDS)
        publish(url, name, f"v=DMARC1; p=quarantine; rua=mailto:dmarc@{name}", at=now - 40 * DAY_SECONDS)
    return len(owned)


def _give_away(connection: Connection, customers: int) -> list[int]:
    """One, two or three domains to each customer, the other customers and domains stay without."""
    connection.execute(update(schema.domain).values(customer_id=None))
    connection.execute(schema.customer.delete().where(schema.customer.c.id > customers))
    numbers = iter(range(1, DOMAINS + 1))
    owned = []
    for customer in range(1, customers + 1):
        mine = list(islice(numbers, customer % 3 + 1))
        connection.execute(update(schema.domain).where(schema.domain.c.id.in_(mine)).values(customer_id=customer))
        owned += mine
    return owned


def _confirm(connection: Connection, domain_id: int, *, now: int) -> None:
    sender = schema.sender.c
    keys = select(sender.key).where(sender.domain_id == domain_id).order_by(sender.id).limit(CONFIRMED)
    actor = decisions.Actor("benchmark", now - 100 * DAY_SECONDS)
    for key in connection.scalars(keys).all():
        decisions.decide(connection, domain_id, key, "ours", note="Seen in every report.", evidence={}, actor=actor)


# ---- The night


def delivered(folder: Path) -> Night:
    """Run the command on the store in the folder; the month before is due today."""
    environment = {
        "SEKISHO_DATABASE_URL": f"sqlite:///{folder}/store.sqlite3",
        "SEKISHO_SCHEDULE__DAY": "1",
        "SEKISHO_SCHEDULE__FOLDER": str(folder / "out"),
    }
    with (folder / "said").open("w+") as said, (folder / "progress").open("w+") as progress:
        before, started = os.times(), time.perf_counter()
        command = [str(SEKISHO), "deliveries", "run"]
        running = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=said,
            stderr=progress,
            cwd=folder,
        )
        memory = peak(running)
        wall, after = time.perf_counter() - started, os.times()
        computing = (after.children_user + after.children_system) - (before.children_user + before.children_system)
        said.seek(0)
        progress.seek(0)
        return Night(wall, computing, memory, running.returncode, said.read(), progress.readlines())


def peak(running: subprocess.Popen[bytes]) -> float:
    """The largest sum of proportional set sizes until it ends, in MB."""
    largest = 0
    while running.poll() is None:
        largest = max(largest, sum(_sizes(running.pid)))
        time.sleep(0.2)
    return largest / 1e6


def _sizes(pid: int) -> Iterator[int]:
    try:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            yield int(each.memory_full_info().pss)
    except psutil.Error:
        return


# ---- What it came to


def table(night: Night, customers: int, domains: int, files: int, size: int) -> Iterator[str]:
    yield f"{night.said.strip()}; {len(night.progress)} lines of progress, the last: {night.progress[-1:]}\n"
    yield "| customers | domains | files | MB written | wall s | CPU s | peak memory MB | target |"
    yield "|---|---|---|---|---|---|---|---|"
    figures = f"{night.wall:.0f} | {night.computing:.0f} | {night.memory:.0f}"
    yield f"| {customers} | {domains} | {files:,} | {size / 1e6:.0f} | {figures} | {SECONDS} s, {MEGABYTES} MB |"


def missed(night: Night, customers: int, files: int) -> Iterator[str]:
    """Each target that was not met."""
    if night.code or files != customers * FILES_OF_A_CUSTOMER:
        yield f"exit code {night.code}, {files} of {customers * FILES_OF_A_CUSTOMER} files; {night.progress[-5:]}"
    if night.wall > SECONDS or night.memory > MEGABYTES:
        yield f"{night.wall:.0f} s and {night.memory:.0f} MB, targets {SECONDS} s and {MEGABYTES} MB"
    if night.wall > 20 and not any("deliveries tried" in line for line in night.progress):
        yield "nothing was said while it worked"


if __name__ == "__main__":
    sys.exit(main())
