"""Runs over a mailbox or a folder in processes that may be killed, each started within milliseconds.

A program of its own, with one thread and everything imported, forks the processes of each run: the run itself, and the
workers that read for it, which would else have to import the parsers anew. `ForkedRuns` is the tests' end of it.
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from mailbox_runs import chosen, mailbox, run_one
from servers_ingest import ingest_into, message

from ingest import pool, worker
from ingest.read import Reader
from settings import Limits
from store.errors import StoreUnwritable

EXIT_CODES = {"done": 0, "later": 75, "failed": 1, "configuration": 2}


class ForkedRuns:
    """`with ForkedRuns() as runs:` one run at a time: `start`, then `finish` or `kill`."""

    def __enter__(self) -> "ForkedRuns":
        self._program = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answer("ready")
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._program.stdin, self._program.stdout):
            if stream:
                stream.close()
        self._program.wait(30)

    def run(self, url: str, port: int, user: str, **options: object) -> int:
        """A whole run on this account, and its exit code."""
        self.start(url, port, user, **options)
        return self.finish()

    def start(self, url: str, port: int, user: str, **options: object) -> None:
        """Begin a run on this account; `options` are those of its [[mailbox]] table."""
        self._say(json.dumps({"url": url, "port": port, "user": user, **options}, default=str))
        self._answer("started")

    def start_folder(self, url: str, folder: Path, *, workers: int = 1) -> None:
        """Begin a run on the files of a folder."""
        self._say(json.dumps({"url": url, "folder": str(folder), "workers": workers}))
        self._answer("started")

    def finish(self) -> int:
        """Wait for the run to end by itself; its exit code."""
        self._say("wait")
        return int(self._line())

    def kill(self) -> bool:
        """Kill the run; False when it had ended before."""
        self._say("kill")
        return int(self._line()) == -signal.SIGKILL

    def _say(self, line: str) -> None:
        assert self._program.stdin
        self._program.stdin.write(line + "\n")
        self._program.stdin.flush()

    def _line(self) -> str:
        assert self._program.stdout
        return self._program.stdout.readline().strip()

    def _answer(self, wanted: str) -> None:
        answer = self._line()
        assert answer == wanted, f"{answer!r} is not {wanted!r}"


def serve() -> None:
    """Fork a run for each line of stdin; the next line says whether to wait for it or to kill it."""
    reader = Reader(Limits())
    say("ready")
    for line in sys.stdin:
        reading, running = begin(json.loads(line), reader)
        say("started")
        if sys.stdin.readline() == "kill\n":
            os.kill(running, signal.SIGKILL)
        _, status = os.waitpid(running, 0)
        for each in reading:
            os.waitpid(each, 0)
        say(str(os.waitstatus_to_exitcode(status)))


def begin(asked: dict[str, object], reader: Reader) -> tuple[list[int], int]:
    """The process ids of the workers and of the run that they read for. A pipe is open at its two ends alone."""
    pairs = [socket.socketpair() for _ in range(int(str(asked.get("workers", 1))))]
    ends = [end for pair in pairs for end in pair]

    def work(mine: socket.socket) -> int:
        close(end for end in ends if end is not mine)
        return answer(mine, reader)

    def run_with_workers() -> int:
        close(theirs for _, theirs in pairs)
        waiting = iter([ours for ours, _ in pairs])

        def start(self: pool.Pool) -> pool._Worker:
            return started(next(waiting))

        pool.Pool._start = start  # type: ignore[method-assign]
        return run(asked)

    reading = [forked(partial(work, theirs)) for _, theirs in pairs]
    running = forked(run_with_workers)
    close(ends)
    return reading, running


def close(ends: Iterable[socket.socket]) -> None:
    for end in ends:
        end.close()


def forked(program: Callable[[], int]) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(program())
    return pid


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def answer(pipe: socket.socket, reader: Reader) -> int:
    """The life of the worker; it ends with its run."""
    connection = Connection(pipe.detach())
    try:
        limits, _ = connection.recv()
        worker.serve(connection, reader.read, limits)
    except (EOFError, ConnectionError):
        pass
    return 0


@dataclass(slots=True)
class Elsewhere:
    """A process that is another's child, and ends by itself when its pipe closes."""

    returncode: int = 0

    def kill(self) -> None:
        pass

    def wait(self) -> None:
        pass


def started(pipe: socket.socket) -> pool._Worker:
    """The worker that was forked for this run, as the pool starts one."""
    connection = Connection(pipe.detach())
    connection.send((Limits(), frozenset()))
    return pool._Worker(Elsewhere(), connection)  # type: ignore[arg-type]


def run(asked: dict[str, object]) -> int:
    """The exit code of one run. `file_bytes`: no file may grow beyond it, as on a full disk."""
    if most := asked.pop("file_bytes", None):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(str(most)), resource.RLIM_INFINITY))
    url = str(asked.pop("url"))
    if folder := asked.pop("folder", None):
        return run_folder(url, Path(str(folder)), int(str(asked["workers"])))
    port, user = int(str(asked.pop("port"))), str(asked.pop("user"))
    try:
        return EXIT_CODES[run_one(chosen(url, mailbox(port, user, **asked))).ended]
    except StoreUnwritable:
        return EXIT_CODES["failed"]


def run_folder(url: str, folder: Path, workers: int) -> int:
    files = (message(path.read_bytes(), path.name) for path in sorted(folder.iterdir()))
    ingest_into(url, *files, workers=workers)
    return EXIT_CODES["done"]


if __name__ == "__main__":
    serve()
