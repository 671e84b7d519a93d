"""The log: one line of JSON for each event, to a file or the standard error stream.

Fields: `at` (UTC), `level`, `logger`, `event`, the facts of the event, and `traceback` of what nobody foresaw. Every
character that a terminal could act on is escaped. Secrets never get here: they travel in types that hide them.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path

from settings import SettingsError

OURS = ("ingest", "store", "analysis", "sekisho")
# The attribute of a log record under which callers give facts: log.info("message", extra={"facts": {...}}).
FACTS = "facts"


@contextmanager
def kept(file: str) -> Iterator[None]:
    """Log to `file` ("" is the standard error stream) inside the block. Raises SettingsError when it cannot be opened.

    The file is opened anew when logrotate has moved it, and made with mode 600.
    """
    handler = _handler(file)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    before = {name: logging.getLogger(name).level for name in OURS}
    root.addHandler(handler)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def kept_where_named(file: str) -> Iterator[None]:
    """As `kept`, but without a file nothing is logged: for a command whose terminal shows its progress."""
    with kept(file) if file else nullcontext():
        yield


def _handler(file: str) -> logging.Handler:
    if not file:
        return logging.StreamHandler(sys.stderr)
    try:
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
        return WatchedFileHandler(Path(file), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"log.file: {file} cannot be written ({error.strerror}). Name another file.") from None


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **{key: value for key, value in getattr(record, FACTS, {}).items() if value is not None},
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return escaped(json.dumps(fields, ensure_ascii=False, default=str))


def escaped(text: str) -> str:
    """Text with every character that is not printable (controls, bidi, zero width) as JSON writes it: \\u202e."""
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
