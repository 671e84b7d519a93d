"""Where the tests keep what they write: in memory where there is enough of it, so that no transaction waits for a disk.

Other users may enter it (PostgreSQL's and Dovecot's do), and its path is short enough for the names of Unix sockets.
"""

import os
import tempfile
from pathlib import Path

_MEMORY = "/dev/shm"
_ENOUGH_BYTES = 4_000_000_000


def temporary_root() -> str:
    """`/dev/shm` of Linux where it is large and runs programs, else `/tmp`."""
    return _MEMORY if os.access(_MEMORY, os.W_OK) and _is_roomy(os.statvfs(_MEMORY)) else "/tmp"


def _is_roomy(found: os.statvfs_result) -> bool:
    return found.f_bavail * found.f_frsize > _ENOUGH_BYTES and not found.f_flag & os.ST_NOEXEC


def new_folder(name: str) -> Path:
    """A folder of its own for a server."""
    return Path(tempfile.mkdtemp(prefix=f"sekisho-{name}-", dir=temporary_root()))
