"""Which mails of a mailbox are read, in which order and up to which limit, on a real Dovecot."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakeimap import OK, FakeImap, usual_answers
from faultproxy import Fault, FaultProxy
from mailbox_sessions import Options, mail, moves, nothing_known, opened, read_and_file
from servers_dovecot import (
    MAIL,
    Dovecot,
    add_folder,
    contents,
    deliver,
    flags,
    folders,
    renew_uidvalidity,
)

from ingest.mailbox_batches import BATCH_BYTES, Envelope, batches
from ingest.mailbox_errors import ConfigurationError, Refused
from ingest.reading import Message

pytestmark = pytest.mark.requires_dovecot


# ---------------------------------------------------------------------- what a run does


def test_mails_come_oldest_first_with_their_exact_bytes_and_where_they_lie(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1))
    deliver(dovecot, user, mail(2) + b"\xff\xfe 8 bit\r\n")

    with opened(options()) as session:
        messages = list(session.messages(nothing_known))

    assert [message.content for message in messages] == [mail(1), mail(2) + b"\xff\xfe 8 bit\r\n"]
    assert [(m.mailbox, m.folder, m.uid, m.size, m.operator_named) for m in messages] == [
        ("reports", "INBOX", 1, len(mail(1)), False),
        ("reports", "INBOX", 2, len(mail(2)) + 10, False),
    ]
    assert messages[0].place == "reports/INBOX/1"
    assert session.stopped is None
    assert session.downloaded_bytes == len(mail(1)) + len(mail(2)) + 10


def test_stored_mails_go_to_their_folders_and_the_rest_stays_with_its_flags(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    for number, letters in enumerate(["", "FS", "", "S"], start=1):
        deliver(dovecot, user, mail(number), flags=letters)

    with opened(options()) as session:
        messages = list(session.messages(nothing_known))
        assert flags(dovecot, user) == ["", "FS", "", "S"]
        filed = session.file_away(moves(messages[:1]) + moves(messages[1:2], "quarantine"))

    assert {(move.uid, move.to) for move in filed} == {(1, "processed"), (2, "quarantine")}
    assert contents(dovecot, user) == [mail(3), mail(4)]
    assert flags(dovecot, user) == ["", "S"]
    assert contents(dovecot, user, "DMARC/Processed") == [mail(1)]
    assert contents(dovecot, user, "DMARC/Quarantine") == [mail(2)]
    assert flags(dovecot, user, "DMARC/Quarantine") == ["FS"]


def test_mails_may_be_filed_while_others_are_still_being_fetched(dovecot: Dovecot, user: str, options: Options) -> None:
    for number in range(230):
        deliver(dovecot, user, mail(number))

    waiting: list[Message] = []
    with opened(options()) as session:
        for message in session.messages(nothing_known):
            waiting.append(message)
            if len(waiting) == 40:
                assert len(session.file_away(moves(waiting))) == 40
                waiting.clear()
        session.file_away(moves(waiting))

    assert contents(dovecot, user) == []
    assert sorted(contents(dovecot, user, "DMARC/Processed")) == sorted(mail(number) for number in range(230))


def test_a_folder_without_the_right_to_write_is_refused_with_advice(options: Options) -> None:
    answers = usual_answers()
    answers["SELECT"] = [answers["EXAMINE"][0].replace(b"OK done", b"OK [READ-ONLY] done")]

    with FakeImap(answers) as server:
        session = opened(options(port=server.port))
        with session, pytest.raises(Refused, match="use after = leave"):
            list(session.messages(nothing_known))


def test_what_the_ledger_knows_is_not_fetched_again(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user, copies=3)
    asked: list[tuple[str, Sequence[int]]] = []

    def known(folder: str, uidvalidity: int, uids: Sequence[int]) -> set[int]:
        asked.append((folder, list(uids)))
        return {1, 3}

    with FaultProxy(dovecot.port) as proxy, opened(options(port=proxy.port)) as session:
        assert [message.uid for message in session.messages(known)] == [2]

    assert asked == [("INBOX", [1, 2, 3])]
    assert [line.split(b" ", 1)[1] for line in proxy.lines("c2s", rb"FETCH")] == [
        b"UID FETCH 2 (RFC822.SIZE FLAGS)",
        b"UID FETCH 2 (BODY.PEEK[])",
    ]


def test_mail_that_somebody_marked_deleted_is_neither_read_nor_removed(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1), flags="T")
    deliver(dovecot, user, mail(2))

    messages = read_and_file(options())

    assert [message.content for message in messages] == [mail(2)]
    assert contents(dovecot, user) == [mail(1)]
    assert flags(dovecot, user) == ["T"]


def test_folder_names_may_be_japanese_and_deep(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user, mail(1), folder="報告/DMARC & été")

    read_and_file(options(folders=("報告/DMARC & été",), processed="報告/済み"))

    assert contents(dovecot, user, "報告/DMARC & été") == []
    assert contents(dovecot, user, "報告/済み") == [mail(1)]
    assert folders(dovecot, user) == {"報告/DMARC & été", "報告/済み"}


def test_leaving_mail_opens_folders_for_reading_only_and_changes_nothing(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1))

    with FaultProxy(dovecot.port) as proxy:
        assert len(read_and_file(options(port=proxy.port, after="leave"))) == 1

    assert contents(dovecot, user) == [mail(1)]
    assert folders(dovecot, user) == set()
    assert proxy.lines("c2s", rb"EXAMINE")
    assert not proxy.lines("c2s", rb"SELECT|STORE|MOVE|COPY|CREATE|EXPUNGE")


def test_a_folder_that_is_not_there_is_named_with_those_that_are(dovecot: Dovecot, user: str, options: Options) -> None:
    add_folder(dovecot, user, "Reports")

    with opened(options(folders=("Report",))) as session, pytest.raises(ConfigurationError) as refusal:
        list(session.messages(nothing_known))

    assert "there is no folder Report; there are: INBOX, Reports" in str(refusal.value)


def test_working_in_another_folder_after_a_lost_connection_never_touches_the_inbox(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, b"Subject: private\r\n\r\nNot yours.\r\n", copies=3)
    deliver(dovecot, user, mail(1), folder="Reports", copies=3)

    faults = [Fault("drop", "c2s", rb"BODY\.PEEK"), Fault("rst", "c2s", rb"UID MOVE")]
    with FaultProxy(dovecot.port, faults) as proxy:
        messages = read_and_file(options(port=proxy.port, folders=("Reports",)))

    assert proxy.acted == 2
    assert {message.content for message in messages} == {mail(1)}
    assert len(contents(dovecot, user)) == 3
    assert len(contents(dovecot, user, "DMARC/Processed")) == 3
    assert not proxy.lines("c2s", rb"(SELECT|EXAMINE) INBOX")


# ---------------------------------------------------------------------- limits


def test_a_mail_that_is_too_big_comes_without_content_and_is_not_downloaded(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, MAIL + b"x" * 40 * 1024 * 1024)
    deliver(dovecot, user, mail(2))

    with opened(options()) as session:
        messages = list(session.messages(nothing_known))

    assert [message.content for message in messages] == [b"", mail(2)]
    assert messages[0].size == len(MAIL) + 40 * 1024 * 1024
    assert session.downloaded_bytes == len(mail(2))


@pytest.mark.parametrize(
    ("limits", "left_today", "stopped", "read"),
    [
        ({"messages_per_run": 2}, None, "messages", 2),
        ({"messages_per_run": 5}, None, None, 5),
        ({"bytes_per_run": 3 * len(MAIL), "largest_message_bytes": len(MAIL)}, None, "bytes", 3),
        ({}, 4 * len(MAIL) + 1, "bytes of the day", 4),
        ({}, 0, "bytes of the day", 0),
    ],
)
def test_a_budget_ends_the_run_cleanly_and_says_which(
    dovecot: Dovecot,
    user: str,
    options: Options,
    limits: dict[str, int],
    left_today: int | None,
    stopped: str | None,
    read: int,
) -> None:
    deliver(dovecot, user, copies=5)

    with opened(options(**limits)) as session:
        messages = list(session.messages(nothing_known, bytes_left_today=left_today))

    assert (len(messages), session.stopped) == (read, stopped)


def test_time_that_is_used_up_ends_the_run_between_two_batches(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user, copies=350)

    with opened(options(seconds_per_run=0.6)) as session:
        messages = []
        for message in session.messages(nothing_known):
            messages.append(message)
            if message.uid == 1:
                time.sleep(0.7)
        assert session.stopped == "seconds"
        assert len(messages) in (100, 200)
        assert len(session.file_away(moves(messages))) == len(messages)

    assert len(contents(dovecot, user)) == 350 - len(messages)


def test_batches_are_small_in_bytes_and_in_number() -> None:
    half = BATCH_BYTES // 2
    mails = [Envelope(1, half), Envelope(2, half), Envelope(3, 1), Envelope(4, 10 * half), Envelope(5, 9 * half)]

    by_bytes = [[envelope.uid for envelope in batch] for batch in batches(mails, 9 * half)]
    by_number = [len(batch) for batch in batches([Envelope(uid, 1) for uid in range(250)], 9)]

    assert by_bytes == [[1, 2], [3, 4], [5]]  # number 4 is too big, is not downloaded and so weighs nothing
    assert by_number == [100, 100, 50]


@pytest.mark.slow
def test_a_folder_of_a_hundred_thousand_known_mails_costs_little(dovecot: Dovecot, user: str, options: Options) -> None:
    _fill(dovecot, user, 100_000)
    with opened(options()) as session:  # the server makes its index at the first visit
        list(session.messages(lambda folder, uidvalidity, uids: set(uids)))

    started = time.monotonic()
    with opened(options()) as session:
        messages = list(session.messages(lambda folder, uidvalidity, uids: set(uids) - set(range(50_000, 50_100))))
    seconds = time.monotonic() - started

    assert [message.uid for message in messages] == list(range(50_000, 50_100))
    assert seconds < 5


def _fill(dovecot: Dovecot, user: str, copies: int) -> None:
    deliver(dovecot, user)
    cur = dovecot.maildir(user) / "cur"
    [original] = cur.iterdir()
    size = original.stat().st_size
    for number in range(copies - 1):
        if number % 50_000 == 0:  # a file has at most 65,000 links on ext4
            original = Path(shutil.copy2(original, cur / f"1{number:09}.mail,S={size},W={size}:2,"))
            shutil.chown(original, cur.owner(), cur.group())
        else:
            (cur / f"1{number:09}.mail,S={size},W={size}:2,").hardlink_to(original)


# ---------------------------------------------------------------------- others change the folder


def test_a_mail_that_others_removed_before_its_download_is_skipped_quietly(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    for number in (1, 2, 3):
        deliver(dovecot, user, mail(number))

    def remove_the_second(folder: str, uidvalidity: int, uids: Sequence[int]) -> set[int]:
        sorted((dovecot.maildir(user) / "cur").iterdir())[1].unlink()
        return set()

    with opened(options()) as session:
        messages = list(session.messages(remove_the_second))

    assert [message.content for message in messages] == [mail(1), mail(3)]


def test_a_mail_that_others_removed_before_the_move_counts_as_filed(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, copies=2)

    with opened(options()) as session:
        messages = list(session.messages(nothing_known))
        sorted((dovecot.maildir(user) / "cur").iterdir())[0].unlink()
        filed = session.file_away(moves(messages))

    assert {move.uid for move in filed} == {1, 2}
    assert len(contents(dovecot, user, "DMARC/Processed")) == 1


def test_a_restored_folder_is_read_again_and_moves_of_its_old_uids_are_not_sent(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1))
    with opened(options()) as session:
        old = list(session.messages(nothing_known))
    renew_uidvalidity(dovecot, user)

    with FaultProxy(dovecot.port) as proxy, opened(options(port=proxy.port)) as session:
        assert session.file_away(moves(old)) == frozenset()
        new = list(session.messages(nothing_known))

    assert not proxy.lines("c2s", rb"UID (MOVE|COPY|STORE|EXPUNGE)")
    assert [message.content for message in new] == [mail(1)]
    assert new[0].uidvalidity != old[0].uidvalidity
    assert contents(dovecot, user) == [mail(1)]


def test_a_folder_restored_while_the_connection_was_lost_is_read_anew_within_the_run(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1), copies=2)
    asked: list[int] = []

    def known(folder: str, uidvalidity: int, uids: Sequence[int]) -> set[int]:
        asked.append(uidvalidity)
        if len(asked) == 1:
            renew_uidvalidity(dovecot, user)
        return set()

    drop = Fault("drop", "c2s", rb"UID FETCH")
    with FaultProxy(dovecot.port, [drop]) as proxy, opened(options(port=proxy.port)) as session:
        messages = list(session.messages(known))

    assert len(asked) == 2
    assert asked[0] != asked[1]
    assert {(message.uidvalidity, message.uid) for message in messages} == {(asked[1], 1), (asked[1], 2)}


def test_an_announced_change_of_uidvalidity_voids_the_uids_at_once(options: Options) -> None:
    answers = usual_answers()
    answers["SELECT"] = [
        b"* 1 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] ok\r\n" + OK,
        b"* 1 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 8] ok\r\n" + OK,
    ]
    answers["UID FETCH"] = [
        b"* OK [UIDVALIDITY 8] restored\r\n* 1 FETCH (UID 1 RFC822.SIZE 5 FLAGS ())\r\n" + OK,
        *usual_answers()["UID FETCH"],
    ]

    with FakeImap(answers) as server, opened(options(port=server.port)) as session:
        messages = list(session.messages(nothing_known))

    assert [(message.uidvalidity, message.content) for message in messages] == [(8, b"hello")]
