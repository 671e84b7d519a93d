"""A process beside this one that draws: charts (`dashboard/ink.py`) or pages (`dashboard/paper.py`).

Both engines keep memory that only the end of a process gives back: each has a process of its own, and not for long.
One that dies, perhaps killed for want of memory, costs what it was drawing; the next drawing has a new process.
"""

import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection

CHARTS, PAGES = "dashboard.ink", "dashboard.paper"
# Each page leaves some 0.4 MB and each chart two; a new process costs half a second of computing.
DRAWINGS_OF_A_PROCESS = 20
# A report of 200 domains takes half a minute of computing.
SECONDS = 600.0


class NotDrawn(Exception):
    """The process that draws has died, or did not answer in time; another try may do. The message says which."""


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    connection: Connection
    drawings: int = 0

    def end(self) -> None:
        self.process.kill()
        self.ended()

    def ended(self) -> int:
        """Waits for its end; its exit code, or minus the number of the signal that ended it."""
        self.connection.close()
        return self.process.wait()


class Press:
    """Draws one after the other with a program, in a process that starts with the first. It has to be closed."""

    def __init__(self, program: str, *, seconds: float = SECONDS) -> None:
        self._program = program
        self._seconds = seconds
        self._running: _Running | None = None

    def close(self) -> None:
        """End the process; the next thing to draw starts another one."""
        running, self._running = self._running, None
        if running:
            running.end()

    def draw(self, wanted: str) -> bytes:
        """What the program makes of it. Raises NotDrawn, and what the program raises."""
        self._running = running = self._running or _start(self._program)
        try:
            answer = self._answer(running, wanted)
        except (EOFError, OSError):
            self._running = None
            raise NotDrawn(_death(running.ended())) from None
        self._count(running)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self, running: _Running, wanted: str) -> bytes | Exception:
        running.connection.send(wanted)
        if not running.connection.poll(self._seconds):
            self.close()
            raise NotDrawn("drawing the report did not end in time")
        answer: bytes | Exception = running.connection.recv()
        return answer

    def _count(self, running: _Running) -> None:
        running.drawings += 1
        if running.drawings >= DRAWINGS_OF_A_PROCESS:
            self.close()


def _start(program: str) -> _Running:
    # Not `-m`: the errors of a program would be those of `__main__`, which this process cannot take in.
    code = f"from {program} import main; main()"
    try:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            end = theirs.fileno()
            process = subprocess.Popen([sys.executable, "-P", "-c", code, str(end)], pass_fds=[end])  # noqa: S603 - our own program
            return _Running(process, Connection(ours.detach()))
    except OSError as error:
        raise NotDrawn(f"the process that draws reports cannot be started: {error.strerror}") from error


def _death(exit_code: int) -> str:
    if exit_code == -signal.SIGKILL:
        return "the process that draws reports was killed, perhaps because memory ran out"
    return f"the process that draws reports stopped unexpectedly (exit code {exit_code})"
