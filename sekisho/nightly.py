"""`sekisho nightly`: everything that a night does, step by step, from one cron line.

A step that fails does not stop the next one. Each prints one line; the exit code is that of the step that needs a
person most. Two nights never run at the same time. A new step is one more pair in STEPS.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from sqlalchemy import Engine

import settings
from ingest.lookup import look_up_sources
from ingest.mailboxes import MailboxOutcome, ingest_mailboxes
from ingest.snapshots import take_snapshots
from sekisho import digest, heartbeat, logs, shell, standings, watch
from sekisho.main import DONE, FAILED, LATER, USAGE, exit_code
from settings import Settings
from store import ledger, retention
from store.check import require_sound_file
from store.engine import open_store, writing
from store.errors import AlreadyRunning, StoreError
from store.locks import night_lock
from store.rotation import rotate

# The words of exit codes, in the ledger and on the lines; a person is needed most by the first.
WORDS = {USAGE: "configuration", FAILED: "failed", LATER: "later", DONE: "done"}
ENDED = {word: code for code, word in WORDS.items()}

log = logging.getLogger(__name__)
app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Told:
    """What a step says of itself: one sentence, and the exit code that it asks for."""

    sentence: str
    code: int = DONE


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken: its name, how it ended, what it said, and the seconds it took."""

    name: str
    code: int
    sentence: str
    seconds: int

    @property
    def line(self) -> str:
        """The step on one line, safe for a terminal and a mail."""
        return logs.escaped(f"{self.name}: {WORDS[self.code]} in {self.seconds} s: {' '.join(self.sentence.split())}")


# Takes the settings and the time (epoch seconds) at which the step begins.
Step = Callable[[Settings, int], Told]


@app.command()
def nightly() -> None:
    """Read every mailbox, ask DNS about new addresses, copy the store: the one line for cron.

    Exits 0 when all went well, 1 when a step failed, 2 when one is set up wrongly, 75 when the next night will do.

    Example: sekisho nightly
    """
    chosen = settings.load()
    with logs.kept(chosen.log.file):
        taken = run_night(chosen, STEPS, clock=shell.now, say=typer.echo)
    raise typer.Exit(gravest([step.code for step in taken]))


def run_night(
    chosen: Settings, steps: Sequence[tuple[str, Step]], *, clock: Callable[[], int], say: Callable[[str], None]
) -> tuple[Taken, ...]:
    """Take the steps under the night's lock, with one line to `say` for each; tell the ledger and the heartbeat.

    Raises AlreadyRunning, and StoreError when the store cannot be used or the ledger not be written.
    """
    url = chosen.heartbeat.url
    try:
        with night_lock(chosen.database_url), _sound_store(chosen.database_url) as engine:
            heartbeat.started(url)
            taken = _recorded(engine, chosen, steps, clock, say)
    except AlreadyRunning:
        raise
    except StoreError as error:
        heartbeat.failed(url, str(error))
        raise
    lines = "\n".join(step.line for step in taken)
    (heartbeat.failed if any(step.code != DONE for step in taken) else heartbeat.succeeded)(url, lines)
    return taken


def gravest(codes: Sequence[int]) -> int:
    """The exit code of a night whose steps ended with these."""
    return next((code for code in WORDS if code in codes), DONE)


@contextmanager
def _sound_store(url: str) -> Iterator[Engine]:
    engine = open_store(url)
    try:
        require_sound_file(engine)
        yield engine
    finally:
        engine.dispose()


def _recorded(
    engine: Engine,
    chosen: Settings,
    steps: Sequence[tuple[str, Step]],
    clock: Callable[[], int],
    say: Callable[[str], None],
) -> tuple[Taken, ...]:
    """The steps, between the begin and the end of a run in the ledger."""
    with writing(engine) as connection:
        run_id = ledger.start_run(connection, ledger.NIGHTLY, now=clock())
    taken = tuple(_said(_take(name, step, chosen, clock), say) for name, step in steps)
    outcome = WORDS[gravest([step.code for step in taken])]
    summary = json.dumps({"steps": [asdict(step) for step in taken]}, ensure_ascii=False)
    with writing(engine) as connection:
        ledger.finish_run(connection, run_id, outcome, summary, now=clock())
    return taken


def _take(name: str, step: Step, chosen: Settings, clock: Callable[[], int]) -> Taken:
    started = clock()
    try:
        told = step(chosen, started)
    except Exception as error:
        # The next step must be taken whatever happened in this one.
        told = _told_of(error)
        if exit_code(error) is None:
            log.exception("unexpected error", extra={"facts": {"step": name}})
    return Taken(name, told.code, told.sentence, clock() - started)


def _told_of(error: Exception) -> Told:
    code = exit_code(error)
    if code is None:
        return Told(f"unexpected {type(error).__name__}; its traceback is in the log", FAILED)
    return Told(str(error), code)


def _said(taken: Taken, say: Callable[[str], None]) -> Taken:
    say(taken.line)
    facts = {"step": taken.name, "ended": WORDS[taken.code], "seconds": taken.seconds, "sentence": taken.sentence}
    log.info("step", extra={"facts": facts})
    return taken


def _mailboxes(chosen: Settings, now: int) -> Told:
    if not chosen.mailbox:
        return Told("none in the settings")
    outcomes = ingest_mailboxes(chosen, os.environ, now=now, after_commit=lambda _: None)
    return Told("; ".join(map(_mailbox, outcomes)), gravest([ENDED[outcome.ended] for outcome in outcomes]))


def _mailbox(outcome: MailboxOutcome) -> str:
    counted = ", ".join(
        f"{name} {value}" for name, value in outcome.summary.as_dict().items() if value and name != "seconds"
    )
    stopped = f"more waits (limit of {outcome.stopped})" if outcome.stopped else None
    said = (outcome.ended, counted or "nothing new", stopped, outcome.problem)
    return f"{outcome.mailbox} " + ", ".join(part for part in said if part)


def _lookups(chosen: Settings, now: int) -> Told:
    summary = asdict(look_up_sources(chosen, now=now))
    return Told(", ".join(f"{name} {value}" for name, value in summary.items()))


def _snapshots(chosen: Settings, now: int) -> Told:
    summary = asdict(take_snapshots(chosen, now=now))
    return Told(", ".join(f"{name} {value}" for name, value in summary.items()))


def _standings(chosen: Settings, now: int) -> Told:
    return Told(f"domains {standings.refresh(chosen, now=now)}")


def _watch(chosen: Settings, now: int) -> Told:
    done = watch.keep_watch(chosen, now=now)
    return Told(f"events opened {done.opened}, going on {done.continuing}, closed {done.closed}")


def _digest(chosen: Settings, now: int) -> Told:
    """Who does not take a digest never fails the night: it waits for the next one, and `sekisho status` says so."""
    if not chosen.notify.staff and not chosen.notify.customers:
        return Told("no address in the settings")
    return Told(digest.sentence(digest.tell(chosen, now=now)))


def _deliveries(chosen: Settings, now: int) -> Told:
    if not chosen.schedule.day:
        return Told("no day in the settings")
    from sekisho import deliver  # here: what makes workbooks and PDFs costs a night without them half a second

    done = deliver.deliver(chosen, now=now)
    said = (f"done {done.done}, still due {done.due}, failed {done.failed}", *done.problems)
    return Told("; ".join(said), FAILED if done.failed else LATER if done.due else DONE)


def _prune(chosen: Settings, now: int) -> Told:
    if not chosen.retention.is_set:
        return Told("everything is kept")
    return Told(retention.prune(chosen.database_url, retention.cutoffs(chosen.retention, now=now)).words)


def _backup(chosen: Settings, now: int) -> Told:
    keep = chosen.backup
    done = rotate(
        chosen.database_url,
        Path(keep.folder) if keep.folder else None,
        keep_daily=keep.keep_daily,
        keep_weekly=keep.keep_weekly,
        now=now,
    )
    return Told(f"{done.copy.path}, {done.copy.size} bytes; older copies kept {done.kept}, deleted {done.deleted}")


STEPS: tuple[tuple[str, Step], ...] = (
    ("mailboxes", _mailboxes),
    ("lookups", _lookups),
    ("snapshots", _snapshots),
    ("prune", _prune),
    ("standings", _standings),
    ("watch", _watch),
    ("digest", _digest),
    ("deliveries", _deliveries),
    ("backup", _backup),
)
