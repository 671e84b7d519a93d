"""Whole runs over mailboxes with many thousand mails: much junk, and much that is known already."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from mailbox_runs import (
    ENVIRONMENT,
    asked,
    chosen,
    mailbox,
    report_mail,
    run_one,
)
from servers_dovecot import MAIL, Dovecot, add_folder, contents, deliver

from settings import Settings
from store.engine import open_store, writing

pytestmark = pytest.mark.requires_dovecot

pytestmark = pytest.mark.requires_dovecot


@pytest.mark.slow
def test_ten_reports_among_many_junk_mails_are_found_and_the_junk_is_read_once(
    dovecot: Dovecot, user: str, sqlite_url: str
) -> None:
    for number in range(10):
        deliver(dovecot, user, report_mail(number))
        deliver(dovecot, user, MAIL, copies=999)
    options = chosen(sqlite_url, mailbox(dovecot.port, user, messages_per_run=6_000))

    first, second, third = run_one(options), run_one(options), run_one(options)

    assert [(run.ended, run.stopped) for run in (first, second, third)] == [
        ("done", "messages"),
        ("done", None),
        ("done", None),
    ]
    assert first.summary.messages + second.summary.messages == 10_000
    assert first.summary.stored + second.summary.stored == 10
    assert third.summary.messages == 0
    assert len(contents(dovecot, user)) == 9_990
    assert len(contents(dovecot, user, "DMARC/Processed")) == 10


# ---------------------------------------------------------------------- a large mailbox


@pytest.mark.slow
def test_a_folder_of_a_hundred_thousand_mails_costs_ten_seconds_and_little_memory_beyond_its_hundred_new_reports(
    dovecot: Dovecot, user: str, sqlite_url: str, tmp_path: Path
) -> None:
    fill(dovecot, user, 99_900)
    options = chosen(sqlite_url, mailbox(dovecot.port, user, after="leave"))
    know_all(sqlite_url, options)
    for number in range(100):
        deliver(dovecot, user, report_mail(number))
    add_folder(dovecot, f"{user}b")
    for number in range(100, 200):
        deliver(dovecot, f"{user}b", report_mail(number))

    few = measured(tmp_path, sqlite_url, dovecot.port, f"{user}b")
    many = measured(tmp_path, sqlite_url, dovecot.port, user)

    assert asked(sqlite_url, "SELECT count(*), sum(messages) FROM report") == [(200, 200)]
    assert many.seconds - few.seconds < 10
    assert many.megabytes < 150


def fill(server: Dovecot, user: str, copies: int) -> None:
    """Many mails of one content, as links to one file."""
    deliver(server, user)
    cur = server.maildir(user) / "cur"
    (original,) = cur.iterdir()
    size = original.stat().st_size
    for number in range(copies - 1):
        if number % 50_000 == 0:  # a file has at most 65,000 links on ext4
            original = Path(shutil.copy2(original, cur / f"0{number:09}.mail,S={size},W={size}:2,"))
            shutil.chown(original, cur.owner(), cur.group())
        else:
            (cur / f"0{number:09}.mail,S={size},W={size}:2,").hardlink_to(original)


def know_all(url: str, options: Settings) -> None:
    """Write into the ledger that every mail of the mailbox was read and is no report."""
    (written,) = options.mailbox
    run_one(options.model_copy(update={"mailbox": (written.model_copy(update={"messages_per_run": 1}),)}))
    sql = (
        "INSERT INTO message (mailbox, folder, uidvalidity, uid, place, sha256, size, state, run_id, first_seen_at) "
        "WITH RECURSIVE n(uid) AS (SELECT 2 UNION ALL SELECT uid + 1 FROM n WHERE uid < 99900) "
        "SELECT mailbox, folder, uidvalidity, n.uid, place || n.uid, sha256, size, state, run_id, first_seen_at "
        "FROM message, n"
    )
    engine = open_store(url)
    with writing(engine) as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of a whole command, and the most memory that its processes held together."""

    seconds: float
    megabytes: float


def measured(folder: Path, url: str, port: int, user: str) -> Measured:
    (folder / "sekisho.toml").write_text(
        f'database_url = "{url}"\nworkers = 1\n[[mailbox]]\nname = "reports"\nhost = "127.0.0.1"\nport = {port}\n'
        f'security = "plain"\nuser = "{user}"\npassword_variable = "TEST_PASSWORD"\n'
    )
    started = time.monotonic()
    process = psutil.Popen(
        [Path(sys.executable).parent / "sekisho", "ingest"],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
    )
    most = 0
    while process.poll() is None:
        most = max(most, held(process))
        time.sleep(0.02)
    assert process.returncode == 0
    return Measured(time.monotonic() - started, most / 1_000_000)


def held(process: psutil.Popen) -> int:
    """Bytes that a process and its children hold; what several share counts once."""
    with suppress(psutil.NoSuchProcess):
        return sum(each.memory_full_info().pss for each in (process, *process.children(recursive=True)))
    return 0
