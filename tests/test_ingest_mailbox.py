"""Reading and filing away mail, on a real Dovecot through a proxy that breaks connections, and on a scripted server."""

import logging
import shutil
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from certificates import Pair
from fakeimap import CLOSE, OK, SILENCE, FakeImap, usual_answers
from faultproxy import Action, Direction, Fault, FaultProxy
from ports import free_port
from servers_dovecot import (
    MAIL,
    PASSWORD,
    Dovecot,
    access_token,
    add_folder,
    contents,
    deliver,
    flags,
    folders,
    renew_uidvalidity,
)

from ingest.credentials import Secret
from ingest.imap_session import Credential, ImapSession
from ingest.mailbox import (
    BATCH_BYTES,
    Envelope,
    FolderNames,
    MailboxSession,
    Move,
    Target,
    batches,
    names_as_copied,
    uid_set,
)
from ingest.mailbox_check import Step, check_mailbox
from ingest.mailbox_errors import ConfigurationError, LoginRefused, MailboxError, Refused, TryAgainLater
from ingest.mailbox_options import GOOGLE, Mailbox, OAuthClient
from ingest.reading import Message

pytestmark = pytest.mark.requires_dovecot

users = (f"user{number}" for number in range(1_000_000))
Options = Callable[..., Mailbox]


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    """An account that no other test uses, with an empty INBOX."""
    name = next(users)
    add_folder(dovecot, name)
    return name


@pytest.fixture
def options(dovecot: Dovecot, user: str) -> Options:
    """Makes the options of that account: without TLS, with deadlines that let a test end soon."""

    def make(**given: object) -> Mailbox:
        usual: dict[str, object] = {
            "name": "reports",
            "host": "127.0.0.1",
            "port": dovecot.port,
            "security": "plain",
            "user": user,
            "password_variable": "UNUSED",
            "seconds_per_command": 5,
            "seconds_of_silence": 5,
            "seconds_to_connect": 5,
            "seconds_per_run": 20,
        }
        return Mailbox(**{**usual, **given})  # type: ignore[arg-type]

    return make


def opened(mailbox: Mailbox, credential: Credential | None = None) -> MailboxSession:
    """A session that does not wait before it connects again."""
    return MailboxSession(ImapSession(mailbox, credential or Secret(PASSWORD), pause=lambda _: None))


def nothing_known(folder: str, uidvalidity: int, uids: Sequence[int]) -> set[int]:
    return set()


def moves(messages: Sequence[Message], to: Target = "processed") -> list[Move]:
    return [
        Move(message.folder, message.uidvalidity, to, message.uid)
        for message in messages
        if message.folder is not None and message.uidvalidity is not None and message.uid is not None
    ]


def read_and_file(mailbox: Mailbox, credential: Credential | None = None) -> list[Message]:
    """One whole run in which every message is stored."""
    with opened(mailbox, credential) as session:
        messages = list(session.messages(nothing_known))
        session.file_away(moves(messages))
    return messages


def mail(number: int) -> bytes:
    return MAIL + b"Number %d\r\n" % number


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


# ---------------------------------------------------------------------- servers that can less


def without(*words: bytes) -> list[Fault]:
    """Faults that hide capabilities of a real server."""

    def hide(line: bytes) -> bytes:
        for word in words:
            line = line.replace(b" " + word, b"")
        return line

    return [Fault("replace", "s2c", rb"CAPABILITY", rewrite=hide, times=0)]


def test_without_move_mails_are_copied_and_only_these_are_expunged(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1), flags="T")
    deliver(dovecot, user, mail(2), flags="S")

    with FaultProxy(dovecot.port, without(b"MOVE")) as proxy:
        read_and_file(options(port=proxy.port))

    assert contents(dovecot, user) == [mail(1)]
    assert contents(dovecot, user, "DMARC/Processed") == [mail(2)]
    assert flags(dovecot, user, "DMARC/Processed") == ["S"]
    assert not proxy.lines("c2s", rb"MOVE")
    assert [line.split(b" ", 1)[1] for line in proxy.lines("c2s", rb"EXPUNGE")] == [b"UID EXPUNGE 2"]


def test_without_move_and_uidplus_mails_stay_and_nothing_is_sent_that_could_lose_them(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1))

    with FaultProxy(dovecot.port, without(b"MOVE", b"UIDPLUS")) as proxy, opened(options(port=proxy.port)) as session:
        messages = list(session.messages(nothing_known))
        assert session.file_away(moves(messages)) == frozenset()

    assert contents(dovecot, user) == [mail(1)]
    assert not proxy.lines("c2s", rb"MOVE|COPY|STORE|EXPUNGE")


def test_a_copy_that_the_server_did_not_confirm_is_never_expunged(options: Options) -> None:
    answers = usual_answers("IMAP4rev1 AUTH=PLAIN UIDPLUS")
    answers["UID COPY"] = [OK]

    with FakeImap(answers) as server, opened(options(port=server.port)) as session:
        assert session.file_away([Move("INBOX", 7, "processed", 1)]) == frozenset()

    assert server.commands("UID COPY")
    assert not server.commands("UID STORE")
    assert not server.commands("UID EXPUNGE")


def test_an_ok_to_a_move_proves_nothing(options: Options) -> None:
    with FakeImap(usual_answers()) as server, opened(options(port=server.port)) as session:
        filed = session.file_away([Move("INBOX", 7, "processed", 1), Move("INBOX", 7, "processed", 2)])

    assert server.commands("UID MOVE 1,2")
    assert filed == {Move("INBOX", 7, "processed", 2)}


GMAIL_CAPABILITIES = "IMAP4rev1 AUTH=PLAIN UIDPLUS MOVE X-GM-EXT-1"


def test_on_gmail_labels_change_and_nothing_is_moved_or_expunged(options: Options) -> None:
    answers = usual_answers(GMAIL_CAPABILITIES)
    answers["UID STORE"] = [OK]
    answers["UID SEARCH"] = [b"* SEARCH\r\n" + OK]

    with FakeImap(answers) as server, opened(options(port=server.port)) as session:
        assert session.file_away([Move("INBOX", 7, "processed", 1)]) == {Move("INBOX", 7, "processed", 1)}

    assert server.commands("UID STORE") == [
        b'UID STORE 1 +X-GM-LABELS.SILENT ("DMARC/Processed")',
        b'UID STORE 1 -X-GM-LABELS.SILENT ("\\\\Inbox")',
    ]
    assert not [line for line in server.received if b"MOVE" in line or b"EXPUNGE" in line or b"Deleted" in line]


def test_on_gmail_a_mail_under_two_labels_is_downloaded_once(options: Options) -> None:
    answers = usual_answers(GMAIL_CAPABILITIES)
    size = b"* 1 FETCH (UID 1 X-GM-MSGID 1278455344230334865 RFC822.SIZE 5 FLAGS ())\r\n" + OK
    answers["UID FETCH"] = [size, b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n" + OK, size]
    mailbox_folders = ("INBOX", "DMARC/Reports")
    answers["LIST"] = [b'* LIST () "/" INBOX\r\n* LIST () "/" DMARC/Reports\r\n' + OK]

    with FakeImap(answers) as server, opened(options(port=server.port, folders=mailbox_folders)) as session:
        messages = list(session.messages(nothing_known))

    assert [(message.folder, message.content) for message in messages] == [("INBOX", b"hello")]
    assert len(server.commands("SELECT")) == 2


@pytest.mark.parametrize(
    ("name", "delimiter", "prefix", "expected"),
    [
        ("DMARC/Processed", "/", "", "DMARC/Processed"),
        ("DMARC/Processed", ".", "INBOX.", "INBOX.DMARC.Processed"),
        ("INBOX.DMARC.Processed", ".", "INBOX.", "INBOX.DMARC.Processed"),
        ("INBOX/DMARC", "/", "INBOX/", "INBOX/DMARC"),
        ("DMARC/Processed", "", "", "DMARC-Processed"),
    ],
)
def test_a_new_folder_is_named_with_the_servers_delimiter_under_its_prefix(
    name: str, delimiter: str, prefix: str, expected: str
) -> None:
    assert FolderNames(frozenset(), delimiter, prefix).path(name) == expected


def test_a_folder_is_found_as_the_server_spells_it_before_any_translation() -> None:
    names = FolderNames(frozenset({"INBOX", "a/b", "INBOX.a.b", "INBOX.c"}), ".", "INBOX.")

    assert [names.find(name) for name in ("a/b", "a.b", "c", "inbox", "d")] == [
        "a/b",
        "INBOX.a.b",
        "INBOX.c",
        "INBOX",
        None,
    ]


def test_uids_are_written_as_short_sets() -> None:
    assert uid_set([7, 3, 1, 2, 2]) == "1:3,7"
    assert uid_set([4_294_967_295]) == "4294967295"


def test_only_uids_that_the_server_names_count_as_copied() -> None:
    code = b"38505 304,319:320,9:7 3956:3961"

    assert [uid for uid in (6, 7, 8, 9, 10, 304, 305, 319, 320, 38505) if names_as_copied(code, uid)] == [
        *(7, 8, 9, 304, 319, 320)
    ]
    assert not names_as_copied(b"", 1)


# ---------------------------------------------------------------------- connections that break

STEPS: dict[str, tuple[Direction, bytes]] = {
    "greeting": ("s2c", rb"^\* OK "),
    "capability": ("c2s", rb"^\w+ CAPABILITY"),
    "login": ("c2s", rb"AUTHENTICATE"),
    "login answered": ("s2c", rb"OK .*Logged in"),
    "list": ("c2s", rb" LIST "),
    "select": ("c2s", rb"SELECT"),
    "search": ("c2s", rb"UID SEARCH 1:3 NOT"),
    "sizes": ("c2s", rb"RFC822\.SIZE"),
    "sizes answered": ("s2c", rb"RFC822\.SIZE"),
    "fetch": ("c2s", rb"BODY\.PEEK"),
    "in a body": ("s2c", rb"Number 2"),
    "create": ("c2s", rb" CREATE "),
    "move": ("c2s", rb"UID MOVE"),
    "move answered": ("s2c", rb"OK .*Move completed"),
    "check": ("c2s", rb"UID SEARCH UID"),
    "logout": ("c2s", rb" LOGOUT"),
}


@pytest.mark.parametrize("action", ["drop", "rst", "hang", "drip"])
@pytest.mark.parametrize("step", STEPS)
def test_a_connection_lost_once_at_any_step_changes_no_result(
    dovecot: Dovecot, user: str, options: Options, step: str, action: Action
) -> None:
    for number in (1, 2, 3):
        deliver(dovecot, user, mail(number))
    direction, match = STEPS[step]
    fault = Fault(action, direction, match, amount=5)
    short = {"seconds_per_command": 0.4, "seconds_of_silence": 0.3, "seconds_to_connect": 0.3}
    started = time.monotonic()

    with FaultProxy(dovecot.port, [fault]) as proxy:
        messages = read_and_file(options(port=proxy.port, **short))

    assert fault.acted == 1
    assert time.monotonic() - started < 6
    assert {message.content for message in messages} == {mail(1), mail(2), mail(3)}
    assert contents(dovecot, user) == []
    assert sorted(contents(dovecot, user, "DMARC/Processed")) == [mail(1), mail(2), mail(3)]


@pytest.mark.parametrize("action", ["drop", "hang", "drip"])
@pytest.mark.parametrize("step", ["greeting", "login answered", "sizes answered", "in a body"])
def test_a_server_that_never_answers_in_full_ends_the_run_within_its_time(
    dovecot: Dovecot, user: str, options: Options, step: str, action: Action
) -> None:
    deliver(dovecot, user, mail(2))
    direction, match = STEPS[step]
    short = {"seconds_per_command": 0.3, "seconds_of_silence": 0.3, "seconds_to_connect": 0.3, "seconds_per_run": 1.5}
    started = time.monotonic()

    with FaultProxy(dovecot.port, [Fault(action, direction, match, amount=5, times=0)]) as proxy:
        with opened(options(port=proxy.port, **short)) as session, pytest.raises(TryAgainLater):
            assert list(session.messages(nothing_known)) == []
        seconds = time.monotonic() - started

    assert seconds < 2.5
    assert contents(dovecot, user) == [mail(2)]


def test_new_connections_wait_longer_each_time_and_are_at_most_five(options: Options) -> None:
    pauses: list[float] = []
    session = ImapSession(options(port=free_port()), Secret(PASSWORD), pause=pauses.append, jitter=lambda: 1.0)

    with MailboxSession(session) as run, pytest.raises(TryAgainLater, match="gave up after 5 new connections"):
        list(run.messages(nothing_known))

    assert pauses == [1, 2, 4, 8, 16]


def test_a_mail_that_breaks_the_server_costs_itself_and_no_other(dovecot: Dovecot, user: str, options: Options) -> None:
    for number in (1, 2, 3):
        deliver(dovecot, user, mail(number))

    poison = Fault("drop", "c2s", rb"UID FETCH (1,2,3|1:3|2) \(BODY", times=0)
    with FaultProxy(dovecot.port, [poison]) as proxy, opened(options(port=proxy.port)) as session:
        messages = list(session.messages(nothing_known))

    assert [message.content for message in messages] == [mail(1), mail(3)]
    assert [(skipped.folder, skipped.uid) for skipped in session.skipped] == [("INBOX", 2)]


def test_a_mail_that_the_server_refuses_to_hand_out_costs_itself_and_no_other(options: Options) -> None:
    answers = usual_answers()
    answers["UID SEARCH"] = [b"* SEARCH 1 2\r\n" + OK]
    answers["UID FETCH"] = [
        b"* 1 FETCH (UID 1 RFC822.SIZE 5 FLAGS ())\r\n* 2 FETCH (UID 2 RFC822.SIZE 5 FLAGS ())\r\n" + OK,
        b"{tag} NO [EXPUNGEISSUED] cannot read\r\n",
        b"{tag} NO [SERVERBUG] Internal error occurred\r\n",
        b"* 2 FETCH (UID 2 BODY[] {5}\r\nhello)\r\n" + OK,
    ]

    with FakeImap(answers) as server, opened(options(port=server.port)) as session:
        assert [(message.uid, message.content) for message in session.messages(nothing_known)] == [(2, b"hello")]

    assert [skipped.uid for skipped in session.skipped] == [1]


@pytest.mark.parametrize(
    "body",
    [
        b"* 1 FETCH (UID 1 BODY[] NIL)\r\n" + OK,
        b"* 9 FETCH (UID 9 BODY[] {5}\r\nother)\r\n" + OK,
        OK,
    ],
)
def test_an_answer_without_the_mail_means_it_is_gone(options: Options, body: bytes) -> None:
    answers = usual_answers()
    answers["UID FETCH"][1] = body

    with FakeImap(answers) as server, opened(options(port=server.port)) as session:
        assert list(session.messages(nothing_known)) == []
        assert session.skipped == []


@pytest.mark.parametrize(
    "body",
    [
        b"* 1 FETCH (UID 1 BODY[] {50}\r\nhello" + CLOSE,
        b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello garbage\r\n",
        b"\x00\x01 garbage\r\n",
        b"A" * 2_000_000 + b"\r\n",
    ],
)
def test_a_broken_answer_is_a_lost_connection_and_never_a_mail(options: Options, body: bytes) -> None:
    answers = usual_answers()
    answers["UID FETCH"] = [answers["UID FETCH"][0], body]
    mailbox = {"seconds_of_silence": 0.2, "seconds_per_command": 1}

    with FakeImap(answers) as server, opened(options(port=server.port, **mailbox)) as session:
        assert list(session.messages(nothing_known)) == []

    assert [skipped.uid for skipped in session.skipped] == [1]


def test_a_piece_longer_than_any_mail_we_take_is_not_waited_for(options: Options) -> None:
    answers = usual_answers()
    answers["UID FETCH"] = [answers["UID FETCH"][0], b"* 1 FETCH (UID 1 BODY[] {4000000000}\r\nhello"]
    started = time.monotonic()

    with FakeImap(answers) as server, opened(options(port=server.port, seconds_of_silence=10)) as session:
        assert list(session.messages(nothing_known)) == []

    assert "announced 4000000000 bytes" in session.skipped[0].reason
    assert time.monotonic() - started < 3


# ---------------------------------------------------------------------- servers that are busy


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("", b"* BYE Too many connections\r\n" + CLOSE),
        ("AUTHENTICATE", b"{tag} NO [UNAVAILABLE] Temporary problem\r\n"),
        ("AUTHENTICATE", b"{tag} NO [ALERT] Too many simultaneous connections. (Failure)\r\n"),
        ("SELECT", b"{tag} NO [OVERQUOTA] over\r\n"),
        ("UID SEARCH", b"{tag} BAD [THROTTLED] slow down\r\n"),
        ("UID SEARCH", b"* BYE shutting down\r\n" + CLOSE),
        ("UID SEARCH", SILENCE),
    ],
)
def test_a_busy_server_means_try_again_later(options: Options, command: str, answer: bytes) -> None:
    answers = usual_answers()
    answers[command] = [answer]

    with FakeImap(answers) as server:
        session = opened(options(port=server.port, seconds_of_silence=0.2))
        with session, pytest.raises(TryAgainLater):
            list(session.messages(nothing_known))


def test_a_throttled_answer_is_used_and_ends_the_run(options: Options) -> None:
    answers = usual_answers()
    answers["UID SEARCH"] = [b"* SEARCH 1 2\r\n" + OK]
    answers["UID FETCH"] = [
        b"* 1 FETCH (UID 1 RFC822.SIZE 5 FLAGS ())\r\n* 2 FETCH (UID 2 RFC822.SIZE 5000000 FLAGS ())\r\n" + OK,
        b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n{tag} OK [THROTTLED] done\r\n",
    ]

    with FakeImap(answers) as server, opened(options(port=server.port)) as session:
        stream = session.messages(nothing_known)
        assert next(stream).content == b"hello"
        with pytest.raises(TryAgainLater, match="throttles"):
            next(stream)


def test_a_full_account_does_not_lose_the_mail_that_was_to_be_moved(options: Options) -> None:
    answers = usual_answers()
    answers["UID MOVE"] = [b"{tag} NO [OVERQUOTA] full\r\n"]

    with FakeImap(answers) as server, opened(options(port=server.port)) as session, pytest.raises(TryAgainLater):
        session.file_away([Move("INBOX", 7, "processed", 1)])

    assert not server.commands("UID STORE")


# ---------------------------------------------------------------------- login and TLS


class Tokens:
    """A token provider that notes what it was asked for."""

    def __init__(self, first: str, renewed: str) -> None:
        self._first, self._renewed = first, renewed
        self.asked: list[bool] = []

    def __call__(self, *, renew: bool = False) -> Secret:
        self.asked.append(renew)
        return Secret(self._renewed if renew else self._first)


def with_tokens(options: Options, **given: object) -> Mailbox:
    return options(login="oauth2", password_variable=None, oauth=OAuthClient(GOOGLE, "id", token_keyring=True), **given)


def test_a_good_token_logs_in(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user)
    tokens = Tokens(access_token(user), "unused")

    with opened(with_tokens(options), tokens) as session:
        assert len(list(session.messages(nothing_known))) == 1

    assert tokens.asked == [False]


def test_an_expired_token_is_renewed_once(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user)
    tokens = Tokens(access_token(user, lasts=-10), access_token(user))

    with opened(with_tokens(options), tokens) as session:
        assert len(list(session.messages(nothing_known))) == 1

    assert tokens.asked == [False, True]


@pytest.mark.parametrize("garbage", ["garbage", access_token("user0", key=b"x" * 40)])
def test_a_token_that_stays_bad_is_refused_with_the_command_that_helps(options: Options, garbage: str) -> None:
    tokens = Tokens(garbage, garbage)

    with opened(with_tokens(options), tokens) as session, pytest.raises(LoginRefused) as refusal:
        list(session.messages(nothing_known))

    assert "sekisho mailbox authorize reports" in str(refusal.value)
    assert garbage not in str(refusal.value)
    assert tokens.asked == [False, True]


def test_a_wrong_password_is_refused_at_once_and_shown_nowhere(
    options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with opened(options(), Secret("canary-4711")) as session, pytest.raises(LoginRefused) as refusal:
        list(session.messages(nothing_known))

    assert "check user and password" in str(refusal.value)
    assert "canary" not in str(refusal.value) + caplog.text + repr(session.mailbox)


def test_nothing_of_the_conversation_is_logged(
    dovecot: Dovecot, user: str, options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    deliver(dovecot, user, b"Subject: canary-4711\r\n\r\n")

    read_and_file(options())
    answers = usual_answers("IMAP4rev1")
    with FakeImap(answers) as server, opened(options(port=server.port), Secret("canary-4712")) as session:
        list(session.messages(nothing_known))

    assert server.commands("LOGIN")
    assert "canary" not in caplog.text


def test_tls_and_starttls_are_used_when_the_certificate_is_trusted(
    dovecot: Dovecot, user: str, options: Options
) -> None:
    deliver(dovecot, user, mail(1))
    trust = dovecot.certificates.authority

    with FaultProxy(dovecot.port) as proxy:
        session = opened(options(security="starttls", port=proxy.port, ca_file=trust))
        with session:
            assert len(list(session.messages(nothing_known))) == 1
    with opened(options(security="tls", port=dovecot.tls_port, ca_file=trust)) as session:
        assert len(list(session.messages(nothing_known))) == 1

    assert proxy.lines("c2s", rb"STARTTLS")
    assert not proxy.lines("c2s", rb"AUTHENTICATE|LOGIN")


def _context(pair: Pair, *, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if newest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest
    return context


@pytest.mark.parametrize("kind", ["expired", "wrong_host", "self_signed"])
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_bad_certificate_is_refused_before_anything_is_sent(
    dovecot: Dovecot, options: Options, kind: str, security: str
) -> None:
    certificates = dovecot.certificates
    context = _context(getattr(certificates, kind))
    answers = usual_answers("IMAP4rev1 AUTH=PLAIN STARTTLS")
    answers["STARTTLS"] = [OK]
    server = FakeImap(answers, context, starttls=security == "starttls")

    with (
        server,
        opened(
            options(security=security, host="localhost", port=server.port, ca_file=certificates.authority)
        ) as session,
        pytest.raises(Refused, match=r"certificate.*no password was sent"),
    ):
        list(session.messages(nothing_known))

    assert [line.split()[1] for line in server.received] == (
        [b"CAPABILITY", b"STARTTLS"] if security == "starttls" else []
    )
    assert server.connections == 1


def test_a_server_known_to_no_authority_is_refused(dovecot: Dovecot, options: Options) -> None:
    with FaultProxy(dovecot.tls_port) as proxy:
        session = opened(options(security="tls", port=proxy.port))
        with session, pytest.raises(Refused, match="certificate"):
            list(session.messages(nothing_known))

    assert proxy.connections == 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_a_server_that_speaks_only_old_tls_is_refused(dovecot: Dovecot, options: Options) -> None:
    context = _context(dovecot.certificates.good, newest=ssl.TLSVersion.TLSv1_1)

    with FakeImap(usual_answers(), context) as server:
        mailbox = options(security="tls", port=server.port, ca_file=dovecot.certificates.authority)
        with opened(mailbox) as session, pytest.raises(Refused, match=r"no TLS 1\.2"):
            list(session.messages(nothing_known))

    assert server.received == []


def test_a_server_without_tls_on_the_port_is_refused_with_advice(dovecot: Dovecot, options: Options) -> None:
    with opened(options(security="tls")) as session, pytest.raises(Refused, match="993 is for security = tls"):
        list(session.messages(nothing_known))


def test_a_stripped_starttls_is_refused_before_the_password_is_sent(dovecot: Dovecot, options: Options) -> None:
    with FaultProxy(dovecot.port, without(b"STARTTLS")) as proxy:
        mailbox = options(security="starttls", port=proxy.port, ca_file=dovecot.certificates.authority)
        with opened(mailbox) as session, pytest.raises(Refused, match="no password was sent"):
            list(session.messages(nothing_known))

    assert not proxy.lines("c2s", rb"AUTHENTICATE|LOGIN")


def test_a_session_that_greets_us_as_logged_in_is_refused_where_tls_was_wanted(options: Options) -> None:
    answers = usual_answers("IMAP4rev1 AUTH=PLAIN STARTTLS")
    answers[""] = [b"* PREAUTH welcome\r\n"]

    with FakeImap(answers) as server:
        session = opened(options(security="starttls", port=server.port))
        with session, pytest.raises(MailboxError):
            list(session.messages(nothing_known))

    assert not server.commands("AUTHENTICATE")
    assert not server.commands("LIST")


def test_a_drip_within_the_tls_handshake_ends_at_the_deadline(dovecot: Dovecot, options: Options) -> None:
    short = {"seconds_per_command": 0.3, "seconds_per_run": 1}
    started = time.monotonic()

    with FaultProxy(dovecot.tls_port, [Fault("drip", "s2c", after_bytes=10, amount=20, times=0)]) as proxy:
        mailbox = options(security="tls", port=proxy.port, ca_file=dovecot.certificates.authority, **short)
        with opened(mailbox) as session, pytest.raises(TryAgainLater):
            list(session.messages(nothing_known))

    assert time.monotonic() - started < 2


# ---------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"host": "imap.example.jp"}, "readable over the network"),
        ({"password_variable": None}, "exactly one place of the password"),
        ({"password_file": Path("p")}, "exactly one place of the password"),
        ({"login": "oauth2"}, "needs the client registered"),
        ({"folders": ("INBOX", "DMARC/Processed")}, "must not be among the folders"),
        ({"port": 0}, "port must be"),
        ({"name": ""}, "name is empty"),
        ({"user": "a\r\nb"}, "control character"),
        ({"bytes_per_run": 1}, "at least one message"),
        ({"seconds_per_run": 0}, "above zero"),
    ],
)
def test_options_that_cannot_work_are_refused(options: Options, given: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        options(**given)


# ---------------------------------------------------------------------- mailbox test


def steps(mailbox: Mailbox, credential: Credential | None = None) -> list[tuple[str, bool]]:
    return [(step.name, step.ok) for step in check_mailbox(mailbox, credential or Secret(PASSWORD))]


def test_a_good_mailbox_passes_every_step_and_nothing_is_created(dovecot: Dovecot, user: str, options: Options) -> None:
    deliver(dovecot, user, copies=2)

    found = list(check_mailbox(options(), Secret(PASSWORD)))

    assert [(step.name, step.ok) for step in found] == [
        ("name", True),
        ("connection", True),
        ("login", True),
        ("folders", True),
        ("capabilities", True),
        ("waiting", True),
    ]
    assert found[3].found == "reads INBOX; will create DMARC/Processed; will create DMARC/Quarantine"
    assert found[5].found == "2 in INBOX"
    assert folders(dovecot, user) == set()


def test_the_step_that_fails_is_the_last_and_says_what_to_do(dovecot: Dovecot, options: Options) -> None:
    unknown_host = options(host="mail.invalid", security="tls")
    assert steps(unknown_host) == [("name", False)]
    assert steps(options(port=free_port())) == [("name", True), ("connection", False)]
    assert steps(options(), Secret("wrong"))[-1] == ("login", False)
    assert steps(options(folders=("Nowhere",)))[-1] == ("folders", False)

    last: Step = list(check_mailbox(options(folders=("Nowhere",)), Secret(PASSWORD)))[-1]
    assert last == Step("folders", False, "not there: Nowhere", "the account has: INBOX")
