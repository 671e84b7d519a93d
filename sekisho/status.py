"""`sekisho status`: whether Sekisho itself is well, for people and for monitoring.

Looks at what is stored and at the folder of the copies; asks no mail server and no name server.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from sqlalchemy import Connection

import settings
from analysis import health, health_frames
from analysis.frames import Scope
from analysis.health import Facts, Finding, Health, Silence
from analysis.health_frames import LatestRun
from ingest.mailboxes import command_of
from sekisho import digest, logs, shell
from settings import Settings
from store import deliveries, ledger
from store.address import is_sqlite, parse_url, shown
from store.deliveries import DUE, FAILED, Delivery
from store.rotation import Copy, newest_copy

WEEK_SECONDS = 7 * health.DAY_SECONDS
EVERYTHING = Scope(None)
app = typer.Typer()


@dataclass(frozen=True, slots=True)
class MailboxLine:
    """A mailbox of the settings, or one that the ledger still knows: its last success and mails in quarantine."""

    mailbox: str
    last_success_at: int | None
    ended: str | None
    problem: str | None
    more_waits: bool
    messages: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class RunLine:
    """The newest run of a command; `outcome` is "running" or "killed" for one without an end."""

    command: str
    started_at: int
    finished_at: int | None
    outcome: str


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One month's files of a customer that are due, or have failed for good; `error` is what was said last."""

    customer: str
    kind: str
    month: str
    state: str
    since_at: int
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to say. Times are epoch seconds."""

    health: Health
    mailboxes: tuple[MailboxLine, ...]
    runs: tuple[RunLine, ...]
    quarantine: health_frames.Quarantine
    store: str
    store_bytes: int
    copy: Copy | None
    deliveries: tuple[DeliveryLine, ...]
    addresses: tuple[digest.Refusing, ...]


@app.command()
def status(json_: shell.Json = False) -> None:
    """Say whether all is well: nights, mailboxes, copies, what customers and staff are sent, and who went silent.

    Exits 1 when something needs a person. Times are UTC.

    Example: sekisho status --json
    """
    chosen = settings.load()
    with shell.reading() as connection:
        found = read_status(connection, chosen, now=shell.now())
    if json_:
        typer.echo(json.dumps(_as_json(found), ensure_ascii=False, indent=2))
    else:
        _print(found)
    raise typer.Exit(0 if found.health.well else 1)


def read_status(connection: Connection, chosen: Settings, *, now: int) -> Status:
    """Everything that the store and the folder of the copies say at `now` (epoch seconds)."""
    runs = {run.command: run for run in health_frames.latest_runs(connection, EVERYTHING)}
    copy = newest_copy(chosen.database_url, Path(chosen.backup.folder) if chosen.backup.folder else None)
    quarantine = health_frames.quarantine(connection, EVERYTHING, now - WEEK_SECONDS)
    mailboxes = tuple(_mailbox(mailbox.name, runs) for mailbox in chosen.mailbox)
    since_day = now // health.DAY_SECONDS - health.HABIT_DAYS
    address = parse_url(chosen.database_url)
    files = runs.get("ingest")
    refusing, undelivered = digest.refusing(connection, chosen), _undelivered(connection, chosen)
    facts = Facts(
        night=runs.get(ledger.NIGHTLY),
        mailboxes=mailboxes,
        files_read_at=files.last_done_at if files else None,
        reporter_days=health_frames.reporter_days(connection, EVERYTHING, since_day),
        domain_days=health_frames.domain_days(connection, EVERYTHING, since_day),
        quarantine=quarantine,
        copy_at=copy.made_at if copy else None,
        sqlite_version=sqlite3.sqlite_version_info[:3] if is_sqlite(address) else None,
        digests_refused=sum(each.waiting for each in refusing),
        deliveries=undelivered,
    )
    return Status(
        health.judge(facts, now=now),
        tuple(_mailbox_lines(connection, mailboxes)),
        tuple(_run_line(run, now) for run in runs.values()),
        quarantine,
        shown(address),
        health_frames.store_bytes(connection, EVERYTHING) or 0,
        copy,
        tuple(map(_delivery_line, undelivered)),
        refusing,
    )


def _undelivered(connection: Connection, chosen: Settings) -> tuple[Delivery, ...]:
    """What is due or has failed, while the settings want files every month."""
    found = deliveries.deliveries(connection) if chosen.schedule.day else ()
    return tuple(each for each in found if each.state in (DUE, FAILED))


def _delivery_line(each: Delivery) -> DeliveryLine:
    return DeliveryLine(each.customer, each.kind, each.period, each.state, each.due_at, each.attempts, each.last_error)


def _mailbox(name: str, runs: dict[str, LatestRun]) -> health.Mailbox:
    run = runs.get(command_of(name))
    return health.Mailbox(name, run, more_waits=bool(_summary(run).get("stopped")))


def _summary(run: LatestRun | None) -> dict[str, Any]:
    """What a run wrote of itself; empty while it runs."""
    return dict(json.loads(run.summary)) if run and run.summary else {}


def _mailbox_lines(connection: Connection, mailboxes: tuple[health.Mailbox, ...]) -> Iterator[MailboxLine]:
    held = {row.mailbox: row for row in health_frames.mailboxes(connection, EVERYTHING)}
    for each in mailboxes:
        row = held.pop(each.name, None)
        yield MailboxLine(
            each.name,
            each.run.last_done_at if each.run else None,
            each.run.outcome if each.run else None,
            _summary(each.run).get("problem"),
            each.more_waits,
            row.messages if row else 0,
            row.quarantined if row else 0,
        )
    for row in held.values():
        yield MailboxLine(row.mailbox, None, "not in the settings", None, False, row.messages, row.quarantined)


def _run_line(run: LatestRun, now: int) -> RunLine:
    unfinished = "killed" if now - run.started_at > health.NIGHT_SECONDS else "running"
    return RunLine(run.command, run.started_at, run.finished_at, run.outcome or unfinished)


def _as_json(found: Status) -> dict[str, Any]:
    return {
        "healthy": found.health.well,
        "problems": [_finding_json(finding) for finding in found.health.problems],
        "notes": [_finding_json(finding) for finding in found.health.notes],
        "mailboxes": [asdict(line) for line in found.mailboxes],
        "runs": [asdict(line) for line in found.runs],
        "deliveries": [asdict(line) for line in found.deliveries],
        "addresses": [asdict(line) for line in found.addresses],
        "quarantine": found.quarantine._asdict(),
        "silent_reporters": [asdict(silence) for silence in found.health.silent_reporters],
        "silent_domains": [asdict(silence) for silence in found.health.silent_domains],
        "store": {"place": found.store, "bytes": found.store_bytes},
        "backup": _copy_json(found.copy),
    }


def _finding_json(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "sentence": sentence(finding)}


def _copy_json(copy: Copy | None) -> dict[str, object] | None:
    return None if copy is None else {"file": str(copy.path), "made_at": copy.made_at, "bytes": copy.size}


def _print(found: Status) -> None:
    typer.echo(_verdict(len(found.health.problems)))
    for mark, findings in (("problem", found.health.problems), ("note", found.health.notes)):
        for finding in findings:
            typer.echo(f"{mark}: {sentence(finding)}")
    typer.echo()
    told = (
        ("mailbox", found.mailboxes),
        ("run", found.runs),
        ("delivery", found.deliveries),
        ("address", found.addresses),
    )
    for title, lines in told:
        for line in lines:
            typer.echo(f"{title} {_line(asdict(line))}")
    for title, silences in (("reporter", found.health.silent_reporters), ("domain", found.health.silent_domains)):
        for silence in silences:
            typer.echo(f"silent {title} {_silence_line(silence)}")
    typer.echo(f"quarantine {found.quarantine.messages}, new in the last 7 days {found.quarantine.new}")
    typer.echo(f"store {logs.escaped(found.store)}, {found.store_bytes:,} bytes")
    typer.echo(f"backup {_copy_line(found.copy)}")


def _verdict(problems: int) -> str:
    return "all is well" if problems == 0 else "1 problem" if problems == 1 else f"{problems} problems"


def _line(fields: dict[str, Any]) -> str:
    """The fields of a line that say something, the first one alone, times as UTC."""
    name, *rest = fields.items()
    told = (f"{key.removesuffix('_at').replace('_', ' ')} {_shown(key, value)}" for key, value in rest if value)
    return logs.escaped(": ".join((str(name[1]), ", ".join(told))))


def _shown(key: str, value: object) -> str:
    if key.endswith("_at") and isinstance(value, int):
        return _time(value)
    return "yes" if value is True else str(value)


def _silence_line(silence: Silence) -> str:
    return logs.escaped(
        f"{silence.name}: last report {_day(silence.last_day)}, {silence.quiet_days} days ago, "
        f"never paused longer than {silence.habit_days} before"
    )


def _copy_line(copy: Copy | None) -> str:
    return "none" if copy is None else logs.escaped(f"{copy.path}, {copy.size:,} bytes, made {_time(copy.made_at)}")


SENTENCES = {
    "night-missing": "no night has run yet: put `sekisho nightly` into cron or a systemd timer",
    "night-killed": "the night that began {time} has no end: it was killed; look at the log",
    "night-failed": "the last night failed: `sekisho nightly` says what is wrong",
    "night-late": "the last night that ended well was {time}: look at cron and the log",
    "mailbox-failed": "the mailbox {subject} cannot be read: run `sekisho mailbox test {subject}`",
    "mailbox-late": "the mailbox {subject} was last read to its end {time}: run `sekisho mailbox test {subject}`",
    "copy-missing": "there is no copy of the store: look at the backup step of the last night",
    "copy-late": "the newest copy of the store was made {time}: look at the backup step of the last night",
    "digest-refused": "{number} digests were not taken by an address of [notify]: run `sekisho digest`",
    "delivery-failed": "{number} monthly files were refused for good: mend the cause, then `sekisho deliveries again`",
    "delivery-late": "{number} monthly files could not be delivered for more than a day: see `sekisho deliveries list`",
    "reporter-silent": "{subject} has sent no report since {day}, longer than it ever paused",
    "domain-silent": "no report about {subject} since {day}: check the rua of its DMARC record, and that it sends mail",
    "reporter-gone": "{subject} has stopped sending reports; the last one was of {day}",
    "domain-gone": "nobody sends reports about {subject} any more; the last one was of {day}",
    "mails-waiting": "the mailbox {subject} has more mails than one night may read; the next one goes on",
    "quarantine": "{number} messages could not be read: `sekisho quarantine list` says why",
    "sqlite-old": "SQLite {subject} may damage a store in rare cases, 3.51.3 and later do not: keep the copies",
}


def sentence(finding: Finding) -> str:
    """A finding for people, on one line."""
    template, number = SENTENCES[finding.kind], finding.number
    words = {"subject": finding.subject, "number": number}
    if "{time}" in template:
        words["time"] = "never" if number is None else _time(number)
    if "{day}" in template and number is not None:
        words["day"] = _day(number)
    return logs.escaped(template.format(**words))


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%MZ")


def _day(number: int) -> str:
    return datetime.fromtimestamp(number * health.DAY_SECONDS, UTC).strftime("%Y-%m-%d")
