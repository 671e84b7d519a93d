"""The ledger: which runs there were, what became of every message, and the original bytes.

Plain functions inside the caller's transaction, one statement each. A message out of a mailbox is known by its
place there (mailbox, folder, uidvalidity, uid), a file by the hash of its content, one that was not read by its path.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from store.errors import StoreError
from store.statements import fetched, positional

# A message that could not be read is tried this often before it is put aside.
ATTEMPTS_MOST = 3
DAY_SECONDS = 86_400
# The command of a whole night among those of the runs.
NIGHTLY = "nightly"
# Mails with reports: these leave their folder once they are stored. What is no report stays where its owner has it.
FILED_STATES = ("stored", "duplicate", "variant", "partial", "empty")
# Bound parameters of one statement; SQLite's default limit is 32,766 (https://sqlite.org/limits.html).
_ASKED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written about one message. `state` is one of schema.MESSAGE_STATES; `size` counts bytes.

    `mailbox`, `folder`, `uidvalidity` and `uid` are all set for a message out of a mailbox and all None for a file.
    `sha256` is None only for a message that was never fetched. `gmail_id` is Gmail's X-GM-MSGID.
    """

    place: str
    sha256: str | None
    size: int
    state: str
    reason: str | None = None
    mailbox: str | None = None
    folder: str | None = None
    uidvalidity: int | None = None
    uid: int | None = None
    gmail_id: int | None = None
    authenticity: str = "unverified"
    auth_domain: str | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One message that could not be read, and why. `attempts` counts how often it was tried.

    `mailbox`, `folder`, `uidvalidity` and `uid` are None for a file.
    """

    id: int
    place: str
    sha256: str | None
    size: int
    reason: str
    attempts: int
    first_seen_at: int
    mailbox: str | None = None
    folder: str | None = None
    uidvalidity: int | None = None
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class FolderLedger:
    """What the ledger has of one folder of a mailbox under one UIDVALIDITY, as UIDs.

    `done` need not be fetched. `stored` and `put_aside` are those of them that have not left the folder yet, and
    should: for the folder of stored mails, and for the one of mails that could not be read.
    """

    done: frozenset[int]
    stored: frozenset[int]
    put_aside: frozenset[int]


@dataclass(frozen=True, slots=True)
class Recognised:
    """A mail that is in the ledger as `message_id`, met in another place of the same mailbox."""

    folder: str
    uidvalidity: int
    uid: int
    message_id: int


def start_run(connection: Connection, command: str, *, now: int) -> int:
    """Write that a run began and return its id."""
    sql = "INSERT INTO run (command, started_at) VALUES (?, ?) RETURNING id"
    return int(connection.exec_driver_sql(positional(connection, sql), (command, now)).scalar_one())


def finish_run(connection: Connection, run_id: int, outcome: str, summary: str, *, now: int) -> None:
    """Write how a run ended; `summary` is its counts as JSON. A run without an outcome was killed."""
    sql = "UPDATE run SET outcome = ?, summary = ?, finished_at = ? WHERE id = ?"
    connection.exec_driver_sql(positional(connection, sql), (outcome, summary, now, run_id))


def record_message(connection: Connection, entry: Entry, *, run_id: int, now: int) -> int:
    """Write what became of a message and return its id.

    A message that the ledger has already gets the new state, and one attempt more.
    """
    values = (
        entry.mailbox,
        entry.folder,
        entry.uidvalidity,
        entry.uid,
        entry.gmail_id,
        entry.place,
        entry.sha256,
        entry.size,
        entry.state,
        entry.reason,
        entry.authenticity,
        entry.auth_domain,
        run_id,
        now,
        now,
    )
    sql = _RECORD_MAIL if entry.mailbox else _RECORD_FILE if entry.sha256 else _RECORD_UNREAD
    ((message_id,),) = fetched(connection, sql, values)
    return int(message_id)


def settle_messages(connection: Connection, settled: Sequence[tuple[str, str | None, int]]) -> None:
    """Write (state, reason, message id) of messages whose rows `record_message` made in the same transaction."""
    if settled:
        sql = "UPDATE message SET state = ?, reason = ? WHERE id = ?"
        connection.exec_driver_sql(positional(connection, sql), list(settled))


def count_arrival(connection: Connection, sha256: str) -> None:
    """Write that the file of this content came once more."""
    sql = "UPDATE message SET arrivals = arrivals + 1 WHERE sha256 = ? AND mailbox IS NULL"
    connection.exec_driver_sql(positional(connection, sql), (sha256,))


def known_states(connection: Connection, hashes: Sequence[str]) -> dict[str, str]:
    """The state of the first message with each content; contents that never came are left out."""
    if not hashes:
        return {}
    marks = ", ".join("?" * len(hashes))
    sql = f"SELECT sha256, state FROM message WHERE sha256 IN ({marks}) ORDER BY state <> 'duplicate', id DESC"  # noqa: S608 - marks only
    found = connection.exec_driver_sql(positional(connection, sql), tuple(hashes))
    return {sha256: state for sha256, state in found}  # noqa: C416 - dict() does not take rows


def keep_originals(connection: Connection, contents: Sequence[tuple[str, bytes]], *, now: int) -> None:
    """Keep the bytes of messages under their hash; bytes that are kept already stay as they are."""
    sql = "INSERT INTO original (sha256, compression, content, stored_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    rows = [(sha256, *_packed(content), now) for sha256, content in contents]
    if rows:
        connection.exec_driver_sql(positional(connection, sql), rows)


def _packed(content: bytes) -> tuple[str, bytes]:
    packed = zlib.compress(content, 1)
    return ("zlib", packed) if len(packed) < len(content) else ("none", content)


def original(connection: Connection, sha256: str) -> bytes:
    """The bytes of a message as they came. Raises StoreError when they are not kept (any more)."""
    sql = "SELECT compression, content FROM original WHERE sha256 = ?"
    row = connection.exec_driver_sql(positional(connection, sql), (sha256,)).first()
    if row is None:
        raise StoreError(f"the original of {sha256} is not kept")
    return zlib.decompress(row.content) if row.compression == "zlib" else bytes(row.content)


def quarantine(connection: Connection) -> tuple[Quarantined, ...]:
    """Every message that could not be read, oldest first."""
    sql = (
        "SELECT id, place, sha256, size, coalesce(reason, ''), attempts, first_seen_at, mailbox, folder, uidvalidity, "
        "uid FROM message WHERE state = 'quarantined' ORDER BY first_seen_at, id"
    )
    return tuple(Quarantined(*row) for row in connection.exec_driver_sql(sql))


def folder_ledger(
    connection: Connection, mailbox: str, folder: str, uidvalidity: int, *, largest_bytes: int
) -> FolderLedger:
    """What a run need not fetch from a folder, and what should still leave it.

    Unreadable mails count as done after ATTEMPTS_MOST tries, and those above `largest_bytes`, which were never
    fetched, at once; the latter stay where they are.
    """
    place = (mailbox, folder, uidvalidity)
    marks = ", ".join("?" * len(FILED_STATES))
    return FolderLedger(
        done=_uids(
            connection, f"state <> 'quarantined' OR attempts >= {ATTEMPTS_MOST} OR {_TOO_BIG}", *place, largest_bytes
        ),
        stored=_uids(connection, f"filed_at IS NULL AND state IN ({marks})", *place, *FILED_STATES),
        put_aside=_uids(connection, f"filed_at IS NULL AND {_PUT_ASIDE}", *place, largest_bytes),
    )


_TOO_BIG = "(sha256 IS NULL AND size > ?)"
_PUT_ASIDE = f"state = 'quarantined' AND attempts >= {ATTEMPTS_MOST} AND NOT {_TOO_BIG}"
_IN_FOLDER = "mailbox = ? AND folder = ? AND uidvalidity = ?"


def _uids(connection: Connection, condition: str, *values: object) -> frozenset[int]:
    sql = positional(connection, f"SELECT uid FROM message WHERE {_IN_FOLDER} AND ({condition})")  # noqa: S608 - constants only
    return frozenset(connection.exec_driver_sql(sql, values).scalars())


def settled_by_gmail_id(connection: Connection, mailbox: str, gmail_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Of these X-GM-MSGIDs those whose mail was fetched and needs no further work: its message id and size in bytes."""
    found: dict[int, tuple[int, int]] = {}
    for start in range(0, len(gmail_ids), _ASKED_AT_ONCE):
        some = gmail_ids[start : start + _ASKED_AT_ONCE]
        sql = (
            "SELECT gmail_id, id, size FROM message WHERE mailbox = ? AND state <> 'quarantined' "  # noqa: S608 - marks only
            f"AND sha256 IS NOT NULL AND gmail_id IN ({', '.join('?' * len(some))}) ORDER BY id DESC"
        )
        rows = connection.exec_driver_sql(positional(connection, sql), (mailbox, *some))
        found |= {gmail_id: (message_id, size) for gmail_id, message_id, size in rows}
    return found


def record_recognised(connection: Connection, seen: Recognised, *, run_id: int, now: int) -> str:
    """Write that a mail lies in another place too, without having fetched it there; returns the state it has now."""
    values = (seen.folder, seen.uidvalidity, seen.uid, f"/{seen.folder}/{seen.uid}", run_id, now, now, seen.message_id)
    ((state,),) = fetched(connection, _RECOGNISED, values)
    return str(state)


def put_aside(
    connection: Connection, mailbox: str, folder: str, uidvalidity: int, uids: Sequence[int], *, largest_bytes: int
) -> frozenset[int]:
    """Which of these mails have been tried often enough without being read."""
    found: set[int] = set()
    for start in range(0, len(uids), _ASKED_AT_ONCE):
        some = uids[start : start + _ASKED_AT_ONCE]
        condition = f"{_PUT_ASIDE} AND uid IN ({', '.join('?' * len(some))})"
        found |= _uids(connection, condition, mailbox, folder, uidvalidity, largest_bytes, *some)
    return frozenset(found)


def mark_filed(connection: Connection, mailbox: str, places: Iterable[tuple[str, int, int]], *, now: int) -> None:
    """Write that mails (folder, uidvalidity, uid) have left their folder."""
    sql = f"UPDATE message SET filed_at = ? WHERE {_IN_FOLDER} AND uid = ? AND filed_at IS NULL"  # noqa: S608 - constants only
    rows = [(now, mailbox, *place) for place in places]
    if rows:
        connection.exec_driver_sql(positional(connection, sql), rows)


def bytes_since_midnight(connection: Connection, mailbox: str, *, now: int) -> int:
    """Bytes of the mails that were downloaded from a mailbox on the UTC day of `now`."""
    sql = (
        "SELECT coalesce(sum(size), 0) FROM message "
        "WHERE mailbox = ? AND sha256 IS NOT NULL AND attempts > 0 AND done_at >= ?"
    )
    midnight = now - now % DAY_SECONDS
    return int(connection.exec_driver_sql(positional(connection, sql), (mailbox, midnight)).scalar_one())


def raise_generation(connection: Connection) -> None:
    """Tell caches that what a screen shows has changed; belongs in every transaction that changes it."""
    connection.exec_driver_sql("UPDATE generation SET number = number + 1")


_WRITTEN = (
    "mailbox, folder, uidvalidity, uid, gmail_id, place, sha256, size, state, reason, authenticity, auth_domain, "
    "run_id, first_seen_at, done_at"
)
_INSERT = f"INSERT INTO message ({_WRITTEN}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants only
_AGAIN = (
    "DO UPDATE SET state = excluded.state, reason = excluded.reason, place = excluded.place, size = excluded.size, "
    "sha256 = excluded.sha256, gmail_id = coalesce(excluded.gmail_id, message.gmail_id), "
    "authenticity = excluded.authenticity, auth_domain = excluded.auth_domain, "
    "run_id = excluded.run_id, done_at = excluded.done_at, attempts = message.attempts + 1 RETURNING id"
)
_RECORD_FILE = f"{_INSERT} ON CONFLICT (sha256) WHERE mailbox IS NULL {_AGAIN}"
_RECORD_UNREAD = f"{_INSERT} ON CONFLICT (place) WHERE mailbox IS NULL AND sha256 IS NULL {_AGAIN}"
_RECORD_MAIL = f"{_INSERT} ON CONFLICT (mailbox, folder, uidvalidity, uid) WHERE mailbox IS NOT NULL {_AGAIN}"
_SEEN = ", ".join(f"'{state}'" for state in FILED_STATES)
_RECOGNISED = (
    f"INSERT INTO message ({_WRITTEN}, attempts) "  # noqa: S608 - constants only
    "SELECT mailbox, ?, ?, ?, gmail_id, mailbox || ?, sha256, size, "
    f"CASE WHEN state IN ({_SEEN}) THEN 'duplicate' ELSE state END, 'the same mail of Gmail was read before', "
    "authenticity, auth_domain, ?, ?, ?, 0 FROM message WHERE id = ? "
    "ON CONFLICT (mailbox, folder, uidvalidity, uid) WHERE mailbox IS NOT NULL DO UPDATE SET state = excluded.state, "
    "reason = excluded.reason, sha256 = excluded.sha256, size = excluded.size, gmail_id = excluded.gmail_id, "
    "authenticity = excluded.authenticity, auth_domain = excluded.auth_domain, run_id = excluded.run_id, "
    "done_at = excluded.done_at RETURNING state"
)
