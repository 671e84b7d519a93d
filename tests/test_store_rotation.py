"""The nightly copies: made, verified, and deleted when no day and no week needs them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from store_builder import ask, fill, line, report

from analysis import totals
from analysis.frames import Scope
from store.backup import backup
from store.errors import StoreError, StoreMissing
from store.rotation import expired, newest_copy, rotate

DAY = 86_400
# 2026-11-02 was a Monday.
MONDAY = int(datetime(2026, 11, 2, 3, tzinfo=UTC).timestamp())


def nights(number: int) -> list[datetime]:
    return [datetime.fromtimestamp(MONDAY, UTC) + timedelta(days=day) for day in range(number)]


def left(made: list[datetime], keep_daily: int = 7, keep_weekly: int = 4) -> list[int]:
    """The days, counted from the Monday, of the copies that stay."""
    stay = set(made) - expired(made, keep_daily=keep_daily, keep_weekly=keep_weekly)
    return sorted((at - made[0]).days for at in stay)


def test_seven_days_and_the_last_copy_of_four_weeks_stay() -> None:
    # The last night is the 45th, a Wednesday; the Sundays before are 41, 34, 27.
    assert left(nights(45)) == [27, 34, 38, 39, 40, 41, 42, 43, 44]


def test_the_week_that_runs_is_one_of_the_weeks() -> None:
    assert left(nights(10), keep_daily=1, keep_weekly=2) == [6, 9]


def test_nothing_goes_while_there_are_few() -> None:
    assert left(nights(7)) == [0, 1, 2, 3, 4, 5, 6]


def test_days_without_a_night_cost_no_copy() -> None:
    some = [at for number, at in enumerate(nights(60)) if number < 8 or number == 59]

    assert left(some, keep_weekly=1) == [2, 3, 4, 5, 6, 7, 59]


def test_of_two_copies_of_a_day_the_later_one_stays() -> None:
    morning = datetime(2026, 11, 2, 3, tzinfo=UTC)

    assert expired([morning, morning + timedelta(hours=9)], keep_daily=1, keep_weekly=1) == {morning}


def test_sixty_nights_leave_what_the_rule_says_and_all_that_people_made(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    by_hand = backup(sqlite_url, folder / "store-20200101T000000Z.sqlite3", now=0)
    others = [folder / "other-nightly-20200101T000000Z.sqlite3", folder / "store-nightly-notes.sqlite3"]
    for file in others:
        file.write_text("mine")

    for night in range(12):
        done = rotate(sqlite_url, folder, keep_daily=3, keep_weekly=2, now=MONDAY + night * DAY)

    # The twelfth night is a Friday; of the week before its Sunday stays.
    kept = {f"store-nightly-202611{day}T030000Z.sqlite3" for day in ("08", "11", "12", "13")}
    assert {file.name for file in folder.iterdir()} == kept | {by_hand.name} | {file.name for file in others}
    assert (done.kept, done.deleted) == (3, 1)
    assert done.copy.path.stat().st_mode & 0o777 == 0o600


def test_a_copy_holds_what_the_store_holds(store_url: str, tmp_path: Path) -> None:
    fill(store_url, [report("example.jp", 20_000, [line("192.0.2.1", 12)])])

    done = rotate(store_url, tmp_path / "copies", keep_daily=7, keep_weekly=4, now=MONDAY)

    if store_url.startswith("sqlite"):
        found = ask(f"sqlite:///{done.copy.path}", lambda connection: totals.build(connection, Scope(None)))
        assert found is not None
        assert found.messages == 12
    assert done.copy.size == done.copy.path.stat().st_size > 1_000
    assert newest_copy(store_url, tmp_path / "copies") == done.copy


def test_without_a_folder_the_copies_lie_beside_the_file(sqlite_url: str, tmp_path: Path) -> None:
    done = rotate(sqlite_url, None, keep_daily=7, keep_weekly=4, now=MONDAY)

    assert done.copy.path == tmp_path / "backups" / "store-nightly-20261102T030000Z.sqlite3"
    assert newest_copy(sqlite_url, None) == done.copy


def test_a_copy_that_somebody_made_by_hand_is_the_newest_too(sqlite_url: str, tmp_path: Path) -> None:
    rotate(sqlite_url, None, keep_daily=7, keep_weekly=4, now=MONDAY)
    made = backup(sqlite_url, None, now=MONDAY + DAY)

    found = newest_copy(sqlite_url, None)

    assert found is not None
    assert (found.path, found.made_at) == (made, MONDAY + DAY)


def test_there_is_no_newest_copy_in_an_absent_or_foreign_folder(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "store-nightly-20261102T030000Z.sqlite3.part").write_text("half")

    assert newest_copy(sqlite_url, tmp_path) is None
    assert newest_copy(sqlite_url, tmp_path / "absent") is None


def test_what_a_killed_night_left_is_cleared_by_the_next(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for suffix in (".part", ".part-journal"):
        (folder / f"store-nightly-20261101T030000Z.sqlite3{suffix}").write_text("half")

    rotate(sqlite_url, folder, keep_daily=7, keep_weekly=4, now=MONDAY)

    assert [file.name for file in folder.iterdir()] == ["store-nightly-20261102T030000Z.sqlite3"]


def test_when_no_copy_can_be_made_none_is_deleted(sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    for night in range(3):
        rotate(sqlite_url, folder, keep_daily=7, keep_weekly=4, now=MONDAY + night * DAY)
    Path(sqlite_url.removeprefix("sqlite:///")).unlink()

    with pytest.raises(StoreMissing):
        rotate(sqlite_url, folder, keep_daily=1, keep_weekly=1, now=MONDAY + 3 * DAY)

    assert len(list(folder.iterdir())) == 3


def test_a_folder_that_cannot_be_made_is_named(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=r"cannot write the copies in .*/file/copies: Not a directory"):
        rotate(sqlite_url, tmp_path / "file" / "copies", keep_daily=1, keep_weekly=1, now=MONDAY)
