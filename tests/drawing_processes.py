"""The processes beside a test in which reports are drawn."""

from contextlib import suppress

import psutil


def drawing(parent: int | None = None) -> list[psutil.Process]:
    """Those of this process, or of another one, that are still alive."""
    return [each for each in psutil.Process(parent).children() if _program(each)]


def engines(process: psutil.Process | None = None) -> set[str]:
    """What draws charts and what draws pages, as far as a process, or this one, has loaded it."""
    files = [each.path for each in (process or psutil.Process()).memory_maps()]
    return {name for name in ("vl_convert", "libpango") if any(name in file for file in files)}


def _program(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it has ended, perhaps nobody has asked yet how
        return any(word.endswith(" import main; main()") for word in process.cmdline())
    return False
