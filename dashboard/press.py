"""The process beside this one in which reports are drawn (`dashboard/paper.py`), replaced after some of them.

What draws them keeps memory that only the end of a process gives back, and may be killed for want of it: that costs
the report that it was drawing, and the next one has a new process.
"""

import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection

# Each report leaves some 0.4 MB; a new process costs half a second of computing.
REPORTS_OF_A_PROCESS = 20
# A report of 200 domains takes half a minute of computing.
SECONDS = 600.0
# Not `-m dashboard.paper`: its errors would be those of `__main__`, which this process cannot take in.
_PROGRAM = "from dashboard.paper import main; main()"


class NotDrawn(Exception):
    """The process that draws has died, or did not answer in time; another try may do. The message says which."""


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    connection: Connection
    reports: int = 0

    def end(self) -> None:
        self.process.kill()
        self.ended()

    def ended(self) -> int:
        """Waits for its end; its exit code, or minus the number of the signal that ended it."""
        self.connection.close()
        return self.process.wait()


class Press:
    """Draws pages one after the other, in a process that starts with the first. It has to be closed."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._running: _Running | None = None

    def close(self) -> None:
        """End the process; the next thing to draw starts another one."""
        running, self._running = self._running, None
        if running:
            running.end()

    def pdf(self, page: str) -> bytes:
        """`paper.pdf`. Raises NotDrawn and NoPango."""
        self._running = running = self._running or _start()
        try:
            answer = self._answer(running, page)
        except (EOFError, OSError):
            self._running = None
            raise NotDrawn(_death(running.ended())) from None
        self._count(running)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self, running: _Running, page: str) -> bytes | Exception:
        running.connection.send(page)
        if not running.connection.poll(self._seconds):
            self.close()
            raise NotDrawn("drawing the report did not end in time")
        answer: bytes | Exception = running.connection.recv()
        return answer

    def _count(self, running: _Running) -> None:
        running.reports += 1
        if running.reports >= REPORTS_OF_A_PROCESS:
            self.close()


def _start() -> _Running:
    try:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            end = theirs.fileno()
            process = subprocess.Popen([sys.executable, "-P", "-c", _PROGRAM, str(end)], pass_fds=[end])  # noqa: S603 - our own program
            return _Running(process, Connection(ours.detach()))
    except OSError as error:
        raise NotDrawn(f"the process that draws reports cannot be started: {error.strerror}") from error


def _death(exit_code: int) -> str:
    if exit_code == -signal.SIGKILL:
        return "the process that draws reports was killed, perhaps because memory ran out"
    return f"the process that draws reports stopped unexpectedly (exit code {exit_code})"
