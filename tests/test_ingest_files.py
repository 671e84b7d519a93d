"""Files and folders as messages: which are read, in which order, and what becomes of those that cannot be."""

import os
from pathlib import Path

import pytest
from hostile import REPORT, attachment, gzipped, mail

from ingest.files import NoSuchInput, count, messages, unread
from ingest.reading import Message
from ingest.unpack import unpack
from settings import Limits

LIMITS = Limits()
FROM = b"From reports@example.net Mon Jan  1 00:00:00 2024\n"


def places(*paths: Path) -> list[str]:
    return [message.place for message in messages(paths, LIMITS)]


def write(path: Path, content: bytes = REPORT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_is_one_message_with_its_bytes_and_size(tmp_path: Path) -> None:
    path = write(tmp_path / "r.xml.gz", gzipped())

    assert list(messages([path], LIMITS)) == [Message(str(path), gzipped(), size=len(gzipped()))]


def test_a_folder_is_read_in_sorted_order_with_its_folders_and_without_dot_files(tmp_path: Path) -> None:
    for name in ("b.xml", "a/z.xml", "a/b/c.eml", ".DS_Store", ".git/x.xml", "c.zip"):
        write(tmp_path / name)

    assert places(tmp_path) == [str(tmp_path / name) for name in ("a/b/c.eml", "a/z.xml", "b.xml", "c.zip")]
    assert count([tmp_path]) == 4


def test_a_dot_file_that_is_named_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / ".hidden.xml")

    assert places(path) == [str(path)]


def test_a_link_to_a_file_is_read_and_a_link_to_a_folder_is_not(tmp_path: Path) -> None:
    write(tmp_path / "in" / "r.xml")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "also.xml").symlink_to(tmp_path / "in" / "r.xml")
    (tmp_path / "in" / "broken.xml").symlink_to(tmp_path / "gone.xml")
    (tmp_path / "named").symlink_to(tmp_path / "in")

    assert places(tmp_path / "named") == [str(tmp_path / "named" / name) for name in ("also.xml", "r.xml")]


def test_a_pipe_in_a_folder_does_not_stop_the_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path / "r.xml")

    assert places(tmp_path) == [str(tmp_path / "r.xml")]


def test_a_maildir_gives_new_and_cur_and_its_folders_but_not_tmp(tmp_path: Path) -> None:
    for name in ("cur/2:2,S", "new/1", "tmp/3", "dovecot.index", ".Reports/cur/4", ".Reports/new/5", ".Plain/6"):
        write(tmp_path / name)
    (tmp_path / ".Reports" / "tmp").mkdir()

    assert places(tmp_path) == [
        str(tmp_path / name) for name in ("cur/2:2,S", "new/1", ".Reports/cur/4", ".Reports/new/5")
    ]


def test_an_mbox_is_one_message_per_mail(tmp_path: Path) -> None:
    first = mail(attachment(gzipped())).replace(b"\r\n", b"\n")
    second = b"From: a@example.net\nSubject: hello\n\nFrom the start of a line\n\nFrom nowhere in particular\n"
    path = write(tmp_path / "reports", FROM + first + b"\n" + FROM + second + b"\n" + FROM + first)

    found = list(messages([path], LIMITS))

    assert [message.place for message in found] == [f"{path}#1", f"{path}#2", f"{path}#3"]
    assert [message.content for message in found] == [first + b"\n", second + b"\n", first]
    assert [len(unpack(message.content, LIMITS).documents) for message in found] == [1, 0, 1]
    assert count([path]) is None


def test_an_mbox_longer_than_the_limit_is_read_and_only_its_long_mail_is_refused(tmp_path: Path) -> None:
    short = b"From: a@example.net\n\nhello\n\n"
    long = b"From: b@example.net\n\n" + b"x" * 5_000 + b"\n\n"
    path = write(tmp_path / "box", FROM + short + FROM + long + FROM + short)
    limits = Limits(message_bytes=1_000)

    found = list(messages([path], limits))

    assert [(message.content, message.size) for message in found] == [
        (short, len(short)),
        (b"", len(long)),
        (short, len(short)),
    ]
    assert [refusal and refusal.code for refusal in (unread(message, limits) for message in found)] == [
        None,
        "too_big",
        None,
    ]


def test_a_file_longer_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "long.xml", b"x" * 1_001)
    limits = Limits(message_bytes=1_000)

    (message,) = messages([path], limits)

    assert (message.content, message.size) == (b"", 1_001)
    refusal = unread(message, limits)
    assert refusal is not None
    assert refusal.code == "too_big"


def test_an_empty_file_is_a_message_that_was_read(tmp_path: Path) -> None:
    (message,) = messages([write(tmp_path / "empty", b"")], LIMITS)

    assert (message.content, message.size) == (b"", 0)
    assert unread(message, LIMITS) is None


def test_files_and_folders_without_permission_are_messages_that_say_so(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.xml")
    closed = write(tmp_path / "closed" / "r.xml").parent
    secret.chmod(0)
    closed.chmod(0)
    reader = os.geteuid()
    if reader == 0:
        for folder in (tmp_path, *tmp_path.parents):
            # Those that pytest made, however deep.
            if "pytest-of" in str(folder):
                folder.chmod(0o755)
        os.seteuid(65_534)
    try:
        found = list(messages([tmp_path, secret], LIMITS))
    finally:
        os.seteuid(reader)
        closed.chmod(0o700)

    assert [message.place for message in found] == [str(closed), str(secret), str(secret)]
    refusals = [unread(message, LIMITS) for message in found]
    assert [refusal and refusal.code for refusal in refusals] == ["unreadable_file"] * 3


def test_all_missing_paths_are_named_before_anything_is_read(tmp_path: Path) -> None:
    present = write(tmp_path / "r.xml")

    with pytest.raises(NoSuchInput, match=r"gone\.xml, .*away"):
        messages([present, tmp_path / "gone.xml", tmp_path / "away"], LIMITS)
