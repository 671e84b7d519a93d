"""Kills runs over a mailbox at random, a thousand times on Dovecot and as often on Cyrus, and counts what broke.

Every column from "moved, not stored" on counts mistakes. Starts its own servers and stores; Cyrus needs root.

    python benchmarks/kill.py --kills 1000
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

# In the place of this folder, whose ingest.py would stand for the package.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from random_kills import Account, Tally, kill_at_random
from servers_cyrus import cyrus_client, cyrus_contents, deliver_to_cyrus, running_cyrus
from servers_dovecot import Dovecot, contents, deliver, running_dovecot

from store.migrate import upgrade

USER = "killed"


@contextmanager
def on_dovecot() -> Iterator[Account]:
    with running_dovecot() as server:
        yield Account("Dovecot", server.port, USER, partial(deliver_all, server), partial(contents, server, USER))


def deliver_all(server: Dovecot, mails: Sequence[bytes]) -> None:
    for content in mails:
        deliver(server, USER, content)


@contextmanager
def on_cyrus() -> Iterator[Account]:
    with running_cyrus() as server:
        cyrus_client(server, USER).logout()
        yield Account(
            "Cyrus",
            server.port,
            USER,
            lambda mails: deliver_to_cyrus(server, USER, *mails),
            partial(cyrus_contents, server, USER),
            processed="INBOX/DMARC/Processed",
        )


SERVERS: dict[str, Callable[[], "contextmanager[Account]"]] = {"dovecot": on_dovecot, "cyrus": on_cyrus}  # type: ignore[type-arg]


def killed(server: str, *, kills: int, seconds: float, seed: int) -> Tally:
    """What so many kills do on a fresh server and a fresh store."""
    with tempfile.TemporaryDirectory() as folder, SERVERS[server]() as account:
        url = f"sqlite:///{folder}/store.sqlite3"
        upgrade(url)
        return kill_at_random(account, url, kills=kills, seconds=seconds, chance=random.Random(seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, help="kills on each server")
    parser.add_argument("--seconds", type=float, default=7200, help="end a server's part after this time")
    parser.add_argument("--server", choices=sorted(SERVERS), action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=4)
    chosen = parser.parse_args()
    for name in chosen.server or SERVERS:
        tally = asdict(killed(name, kills=chosen.kills, seconds=chosen.seconds, seed=chosen.seed))
        print("  ".join(f"{figure.replace('_', ' ')} {value}" for figure, value in tally.items()), flush=True)


if __name__ == "__main__":
    main()
