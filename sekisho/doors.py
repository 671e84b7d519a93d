"""Opens the doors of the browser app: each errand runs in a program of its own (`sekisho/errand.py`).

So a page's process never imports what reads reports, and its memory is never that of a parser. The program takes the
run lock like every other run.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from dashboard.doors import Busy, Failed, File, Outcome, Told
from sekisho.main import DONE, LATER


class Programs:
    """Doors that start a program per errand and wait for its end, also when the page has gone away meanwhile."""

    def upload(self, files: Sequence[File], told: Told) -> None:
        """Have files read; they travel through a pipe and are nowhere on the disk but in the store."""
        _run(["upload"], files, told)

    def retry(self, message_id: int, told: Told) -> None:
        """Have a message in quarantine read again from its original."""
        _run(["retry", str(message_id)], (), told)


def _run(arguments: Sequence[str], files: Sequence[File], told: Told) -> None:
    """Give the program everything, then listen: it speaks only once it has read its whole input."""
    command = [sys.executable, "-P", "-m", "sekisho.errand", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:  # noqa: S603 - our own
        assert program.stdin is not None and program.stdout is not None  # noqa: S101, PT018 - both are pipes
        try:
            for file in files:
                program.stdin.write(json.dumps({"name": file.name, "bytes": len(file.content)}).encode() + b"\n")
                program.stdin.write(file.content)
            program.stdin.close()
        except BrokenPipeError:
            pass  # it has ended already; its exit code says why
        for line in program.stdout:
            told(Outcome(**json.loads(line)))
    if program.returncode == LATER:
        raise Busy
    if program.returncode != DONE:
        raise Failed
