"""The copies of the nights in their folder: a new verified one, then those go that no day and no week needs.

Only files called as this module calls them are ever deleted; copies that people made stay.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL

from store.address import parse_url
from store.backup import STAMP, backup, default_folder, name_parts
from store.errors import StoreError

_NIGHTLY = "-nightly"
_STAMPED = r"-(\d{8}T\d{6}Z)"


@dataclass(frozen=True, slots=True)
class Copy:
    """A whole copy of the store: where it is, when it was made (epoch seconds), and its bytes."""

    path: Path
    made_at: int
    size: int


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a night did in the folder: the new copy, how many older nightly ones stay, and how many went."""

    copy: Copy
    kept: int
    deleted: int


def rotate(url: str, folder: Path | None, *, keep_daily: int, keep_weekly: int, now: int) -> Rotated:
    """Make a verified copy in `folder` (None: the default one), then delete the nightly copies that are too many.

    Raises StoreError, and then nothing has been deleted.
    """
    address = parse_url(url)
    place = folder or default_folder(address)
    stem, ending = name_parts(address)
    stamp = datetime.fromtimestamp(now, UTC).strftime(STAMP)
    try:
        made = backup(url, place / f"{stem}{_NIGHTLY}-{stamp}{ending}", now=now)
        old = _expired(_copies(address, place, _NIGHTLY), keep_daily, keep_weekly)
        for each in (*old, *_unfinished(address, place)):
            each.unlink()
        return Rotated(Copy(made, now, made.stat().st_size), len(_copies(address, place, _NIGHTLY)) - 1, len(old))
    except OSError as error:
        raise StoreError(f"cannot write the copies in {place}: {error.strerror}") from None


def newest_copy(url: str, folder: Path | None) -> Copy | None:
    """The newest copy in `folder` (None: the default one), made by a night or by `sekisho db backup`."""
    address = parse_url(url)
    found = _copies(address, folder or default_folder(address), f"(?:{_NIGHTLY})?")
    if not found:
        return None
    made, path = max((made, path) for path, made in found.items())
    return Copy(path, int(made.timestamp()), path.stat().st_size)


def expired(made: Collection[datetime], *, keep_daily: int, keep_weekly: int) -> set[datetime]:
    """Which copies go: those that are not the newest of one of the newest days or ISO weeks that have copies (UTC)."""
    daily = _newest(made, lambda at: (at.year, at.month, at.day), keep_daily)
    weekly = _newest(made, lambda at: at.isocalendar()[:2], keep_weekly)
    return set(made) - daily - weekly


def _newest(made: Collection[datetime], span: Callable[[datetime], tuple[int, ...]], number: int) -> set[datetime]:
    last = {span(at): at for at in sorted(made)}
    return {last[key] for key in sorted(last, reverse=True)[:number]}


def _expired(copies: dict[Path, datetime], keep_daily: int, keep_weekly: int) -> list[Path]:
    gone = expired(copies.values(), keep_daily=keep_daily, keep_weekly=keep_weekly)
    return [path for path, made in copies.items() if made in gone]


def _copies(address: URL, folder: Path, mark: str, suffix: str = "") -> dict[Path, datetime]:
    """The copies of this store in a folder, with the time in their name."""
    stem, ending = name_parts(address)
    name = re.compile(re.escape(stem) + mark + _STAMPED + re.escape(ending + suffix))
    found = ((path, name.fullmatch(path.name)) for path in sorted(folder.glob("*")))
    return {path: datetime.strptime(match[1], STAMP).replace(tzinfo=UTC) for path, match in found if match}


def _unfinished(address: URL, folder: Path) -> list[Path]:
    """What nights left that were killed while they copied; no other night copies at the same time."""
    parts = (_copies(address, folder, _NIGHTLY, suffix) for suffix in (".part", ".part-journal", ".part-wal"))
    return [path for found in parts for path in found]
