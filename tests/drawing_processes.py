"""The processes beside a test in which reports are drawn."""

from contextlib import suppress

import psutil


def drawing(parent: int | None = None) -> list[psutil.Process]:
    """Those of this process, or of another one, that are still alive."""
    return [each for each in psutil.Process(parent).children() if _draws(each)]


def _draws(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it has ended, perhaps nobody has asked yet how
        return "from dashboard.paper import main; main()" in process.cmdline()
    return False
