"""Filing mails away on servers that can less than others, and on one that looks like Gmail; names of folders."""

import pytest
from fakeimap import OK, FakeImap, usual_answers
from faultproxy import FaultProxy
from mailbox_sessions import Options, mail, moves, nothing_known, opened, read_and_file, without
from servers_dovecot import (
    Dovecot,
    contents,
    deliver,
    flags,
)

from ingest.mailbox_filing import Move, names_as_copied, uid_set
from ingest.mailbox_folders import FolderNames

pytestmark = pytest.mark.requires_dovecot


# ---------------------------------------------------------------------- servers that can less


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
