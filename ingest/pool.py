"""Worker processes that read messages, with limits on memory and computing; answers come back in the order asked.

A worker that the kernel kills, or that exceeds its time, costs the message it was reading: that one comes back with
the reason, and a new worker takes its place. A worker is a program of its own (ingest/worker.py) at the other end of a
pipe: it has nothing of this process but the messages.

A long report comes before it is read to its end (`Arriving`), so that it is written while the rest of it is read.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from types import SimpleNamespace

from ingest.naming import Namer
from ingest.reading import Beginning, Message, Reading, Refusal
from settings import Limits
from store.packing import Report

# Further messages wait in a worker's pipe while it reads one, as far as they surely fit there.
QUEUED_BYTES = 32_768
WAITING_ANSWERS = 64
MOMENT_SECONDS = 0.05
# A busy machine gives a process less than its time; this much later it is taken for stuck.
WALL_SECONDS_PER_CPU_SECOND, WALL_SECONDS = 3, 30


@dataclass(slots=True)
class Arriving:
    """A message whose first report is not read to its end yet. Take its chunks, as packed, and then the reading: only
    where its first report is marked as `sent` were these its chunks."""

    report: Report
    _wait: Callable[[], None]
    came: deque[bytes] = field(default_factory=deque)
    end: Reading | None = None

    def chunks(self) -> Iterator[bytes]:
        """The packed chunks, as they come."""
        while self.came or self.end is None:
            while self.came:
                yield self.came.popleft()
            if self.end is None:
                self._wait()

    def reading(self) -> Reading:
        """The reading of the whole message. Chunks that nobody took are in it again."""
        while (end := self.end) is None:
            self._wait()
        if not self.came or not is_sent(end):
            return end
        first, *others = end.reports
        whole = replace(first, records=replace(first.records, packed=tuple(self.came), sent=False))
        return replace(end, reports=(whole, *others))


def is_sent(reading: Reading) -> bool:
    """Whether the chunks of the first report went ahead of this reading."""
    return bool(reading.reports) and reading.reports[0].records.sent


_Answer = tuple[Message, Reading | Arriving | None]


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    jobs: deque[tuple[int, Message]] = field(default_factory=deque)
    arriving: Arriving | None = None
    queued_bytes: int = 0
    deadline: float = 0.0

    def room_for(self, message: Message) -> bool:
        return not self.jobs or self.queued_bytes + len(message.content) <= QUEUED_BYTES

    def asked(self, number: int, message: Message) -> None:
        self.jobs.append((number, message))
        self.queued_bytes += len(message.content)

    def answered(self) -> tuple[int, Message]:
        number, message = self.jobs.popleft()
        self.queued_bytes -= len(message.content)
        return number, message


class Pool:
    """`workers` processes (0 = one per core). Use as a context manager: leaving it stops them."""

    def __init__(self, limits: Limits, workers: int, registered: Container[str], namer: Namer) -> None:
        # Their figures alone: what the settings are made of costs a worker 16 MB and a sixth of a second.
        self._equipment = (SimpleNamespace(**limits.model_dump()), registered, namer)
        self._size = workers or len(os.sched_getaffinity(0))
        self._workers: list[_Worker] = []
        self._answers: dict[int, _Answer] = {}
        self._now = 0
        self._wall_seconds = limits.cpu_seconds * WALL_SECONDS_PER_CPU_SECOND + WALL_SECONDS

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.connection.close()
            worker.process.kill()
            worker.process.wait()
        self._workers.clear()

    def readings(
        self,
        messages: Iterable[Message],
        now: int,
        wanted: Callable[[Message], bool],
        pause: Callable[[], None],
    ) -> Iterator[_Answer]:
        """Each message with its reading, in order; None for one that is not `wanted` (it is not read at all).

        `pause` is called when the next answer is not there after a moment. What is `Arriving` must have ended before
        the next is asked for.
        """
        numbered = enumerate(messages)
        upcoming = next(numbered, None)
        answers = self._answers = {}
        self._now = now
        due = 0
        while upcoming or answers or self._busy():
            while upcoming and upcoming[0] - due < WAITING_ANSWERS:
                number, message = upcoming
                if not wanted(message):
                    answers[number] = (message, None)
                elif not self._give(number, message):
                    break
                upcoming = next(numbered, None)
            self._collect(seconds=0 if due in answers else MOMENT_SECONDS)
            if due not in answers and self._busy():
                pause()
                self._collect(seconds=self._wall_seconds)
            while due in answers:
                yield answers.pop(due)
                due += 1

    def _busy(self) -> bool:
        return any(worker.jobs for worker in self._workers)

    def _give(self, number: int, message: Message) -> bool:
        """Send the message to the least busy worker; False when none has room."""
        idle = next((worker for worker in self._workers if not worker.jobs), None)
        if idle is None and len(self._workers) < self._size:
            idle = self._start()
            self._workers.append(idle)
        worker = idle or min(self._workers, key=lambda worker: len(worker.jobs))
        if not worker.room_for(message):
            return False
        self._send(worker, number, message)
        return True

    def _send(self, worker: _Worker, number: int, message: Message) -> None:
        if not worker.jobs:
            worker.deadline = time.monotonic() + self._wall_seconds
        worker.asked(number, message)
        try:
            worker.connection.send((message, self._now))
        except (BrokenPipeError, ConnectionResetError):
            return  # the worker has died: `_collect` finds out

    def _start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            end = theirs.fileno()
            process = subprocess.Popen([sys.executable, "-P", "-m", "ingest.worker", str(end)], pass_fds=[end])  # noqa: S603 - our own program
        connection = Connection(ours.detach())
        connection.send(self._equipment)
        return _Worker(process, connection)

    def _collect(self, *, seconds: float) -> None:
        """Take in what has arrived; waits up to `seconds` for it, or for a deadline."""
        busy = {worker.connection: worker for worker in self._workers if worker.jobs}
        if not busy:
            return
        nearest = min(worker.deadline for worker in busy.values()) - time.monotonic()
        ready = wait(list(busy), timeout=max(min(nearest, seconds), 0))
        for connection, worker in busy.items():
            if connection in ready:
                self._receive(worker)
            elif worker.deadline <= time.monotonic():
                worker.process.kill()
                self._replace(worker, stuck=True)

    def _receive(self, worker: _Worker) -> None:
        try:
            came: Reading | Beginning | bytes = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(worker)
            return
        worker.deadline = time.monotonic() + self._wall_seconds
        if isinstance(came, Reading):
            self._answer(worker, *worker.answered(), came)
        elif isinstance(came, Beginning):
            number, message = worker.jobs[0]
            worker.arriving = Arriving(came.report, self._wait)
            self._answers[number] = (message, worker.arriving)
        elif worker.arriving:
            worker.arriving.came.append(came)

    def _wait(self) -> None:
        self._collect(seconds=self._wall_seconds)

    def _answer(self, worker: _Worker, number: int, message: Message, reading: Reading) -> None:
        if worker.arriving:
            worker.arriving.end, worker.arriving = reading, None
        else:
            self._answers[number] = (message, reading)

    def _replace(self, worker: _Worker, *, stuck: bool = False) -> None:
        """Put a new worker in the place of a dead one; the message it was reading is answered with the reason."""
        worker.process.wait()
        worker.connection.close()
        number, message = worker.jobs.popleft()
        fresh = self._start()
        self._workers[self._workers.index(worker)] = fresh
        for job in worker.jobs:
            self._send(fresh, *job)
        refusal = _STUCK if stuck else _death(worker.process.returncode)
        self._answer(worker, number, message, Reading("reports", refusals=(refusal,)))


_STUCK = Refusal("time", "reading it did not end in time")


def _death(exitcode: int | None) -> Refusal:
    if exitcode == -signal.SIGXCPU:
        return Refusal("cpu", "reading it took more computing than limits.cpu_seconds allows")
    if exitcode == -signal.SIGKILL:
        return Refusal("killed", "the process that read it was killed, perhaps because memory ran out")
    return Refusal("crashed", f"the process that read it stopped unexpectedly (exit code {exitcode})")
