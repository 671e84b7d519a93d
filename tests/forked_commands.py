"""Commands of `sekisho` in processes that are forked where everything is imported, as a start takes most of a second.

`tests/test_sekisho_main.py` and others start the installed program itself.
"""

import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from sekisho.main import GROUPS

_SECONDS = 300
_processes = multiprocessing.get_context("forkserver")
# Imported by commands when they run, not with their modules.
_LATER = ["analysis.frames", "dashboard.table_files", "ingest.run", "psycopg"]
_processes.set_forkserver_preload([*(module for module, _ in GROUPS.values()), *_LATER])


def run_command(
    *words: str,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    file_bytes: int | None = None,
) -> "subprocess.CompletedProcess[str]":
    """What `sekisho WORDS` left, run in this folder with these variables beside those of the tests.

    `file_bytes`: no file may grow beyond it, as on a full disk.
    """
    with tempfile.TemporaryDirectory() as files:
        out, err = Path(files, "out"), Path(files, "err")
        environment = {**os.environ, **(variables or {})}
        process = _processes.Process(target=_run, args=(words, folder or Path.cwd(), environment, file_bytes, out, err))
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, _SECONDS)
        said = (file.read_text(encoding="utf-8") for file in (out, err))
        return subprocess.CompletedProcess(words, process.exitcode, *said)


def _run(
    words: tuple[str, ...], folder: Path, environment: Mapping[str, str], file_bytes: int | None, out: Path, err: Path
) -> None:
    for file, descriptor in ((Path(os.devnull), 0), (out, 1), (err, 2)):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    sys.argv = ["sekisho", *words]
    from sekisho.main import main

    main()
