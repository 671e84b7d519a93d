"""The program behind the doors of the browser app: `python -m sekisho.errand upload` or `... retry ID`.

upload: on stdin, for each file one line of JSON (name, bytes) and then its bytes. Both print one line of JSON for each
message that is safe in the store; the exit codes are those of `sekisho`. Who asks went away: the errand is done anyway.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import settings
from ingest.files import in_content
from ingest.reading import Message
from ingest.run import Outcome
from ingest.session import ingest_messages
from knowledge.rows import TablesError
from sekisho.main import DONE, FAILED, exit_code
from sekisho.quarantine import one, originals
from settings import Limits, Settings, SettingsError
from store.errors import StoreError

# Begins the place of every uploaded file, so that it cannot be taken for a path of this machine.
UPLOADED = "upload:"


def main(arguments: Sequence[str], stdin: BinaryIO) -> int:
    """Do one errand and return the exit code."""
    try:
        chosen = settings.load()
        match arguments:
            case ["upload"]:
                _ingest(chosen, uploaded(list(_files(stdin)), chosen.limits), "upload")
            case ["retry", message_id]:
                _ingest(chosen, originals((one(int(message_id)),)), "quarantine retry")
            case _:
                raise SettingsError("an errand is: upload, or retry ID")
    except (SettingsError, TablesError, StoreError) as error:
        sys.stderr.write(f"sekisho: {error}\n")
        return exit_code(error) or FAILED
    return DONE


def uploaded(files: Iterable[tuple[str, bytes]], limits: Limits) -> Iterator[Message]:
    """Every message in files of these names and contents."""
    return (message for name, content in files for message in in_content(f"{UPLOADED}{name}", content, limits))


def _files(stdin: BinaryIO) -> Iterator[tuple[str, bytes]]:
    while head := stdin.readline():
        fields = json.loads(head)
        yield fields["name"], stdin.read(fields["bytes"])


def _ingest(chosen: Settings, messages: Iterable[Message], command: str) -> None:
    ingest_messages(chosen, messages, command=command, now=int(time.time()), after_commit=_tell)


def _tell(outcomes: Sequence[Outcome]) -> None:
    try:
        for outcome in outcomes:
            sys.stdout.write(json.dumps(_fields(outcome)) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody listens any more; Python would otherwise try to flush once more at the end, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fields(outcome: Outcome) -> dict[str, object]:
    return {
        "name": outcome.message.place.removeprefix(UPLOADED),
        "state": outcome.state,
        "reason": outcome.reason,
        "records": outcome.records,
        "messages": outcome.reported_messages,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.buffer))
