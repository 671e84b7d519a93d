"""Runs over a mailbox in processes that may be killed, each started within milliseconds.

A program of its own, with one thread and everything imported, forks a process for each run. Its fork server with the
parsers, which every run would otherwise start anew, serves them all. `ForkedRuns` is the tests' end of it.
"""

import json
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import subprocess
import sys
from pathlib import Path

from mailbox_runs import chosen, mailbox, run_one

ENDED_WELL = {"done": 0, "later": 75, "failed": 1, "configuration": 2}


class ForkedRuns:
    """`with ForkedRuns() as runs:` one run at a time: `start`, then `finish` or `kill`."""

    def __enter__(self) -> "ForkedRuns":
        self._program = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parent,
        )
        self._answer("ready")
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._program.stdin, self._program.stdout):
            if stream:
                stream.close()
        self._program.wait(30)

    def start(self, url: str, port: int, user: str, **options: object) -> None:
        """Begin a run on this account."""
        self._say(json.dumps({"url": url, "port": port, "user": user, **options}))
        self._answer("started")

    def finish(self) -> int:
        """The exit code of the run when it has ended by itself."""
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
    multiprocessing.get_context("forkserver").set_forkserver_preload(["ingest.read"])
    multiprocessing.forkserver.ensure_running()
    # A forked process would wait for the fork server as if it were its own child.
    multiprocessing.forkserver._forkserver.ensure_running = lambda: None  # type: ignore[attr-defined]
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os._exit(run(json.loads(line)))
        print("started", flush=True)
        if sys.stdin.readline() == "kill\n":
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(asked: dict[str, object]) -> int:
    """The exit code of one run."""
    url, port, user = str(asked.pop("url")), asked.pop("port"), str(asked.pop("user"))
    outcome = run_one(chosen(url, mailbox(int(str(port)), user, **asked)))
    return ENDED_WELL[outcome.ended]


if __name__ == "__main__":
    serve()
