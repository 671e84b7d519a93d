"""The mailbox against Cyrus: the folders live under INBOX/, and the server's habits are not Dovecot's."""

from collections.abc import Callable, Sequence
from itertools import count

import pytest
from faultproxy import Fault, FaultProxy
from servers_cyrus import Cyrus, cyrus_client, cyrus_contents, cyrus_folders, deliver_to_cyrus
from servers_dovecot import MAIL

from ingest.credentials import Secret
from ingest.imap_session import ImapSession
from ingest.mailbox import MailboxSession
from ingest.mailbox_check import check_mailbox
from ingest.mailbox_filing import Move
from ingest.mailbox_options import Mailbox
from ingest.reading import Message

pytestmark = pytest.mark.requires_cyrus

numbers = count(1)
Options = Callable[..., Mailbox]


@pytest.fixture
def user(cyrus: Cyrus) -> str:
    name = f"person{next(numbers)}"
    cyrus_client(cyrus, name).logout()
    return name


@pytest.fixture
def options(cyrus: Cyrus, user: str) -> Options:
    def make(**given: object) -> Mailbox:
        usual: dict[str, object] = {"name": "reports", "host": "127.0.0.1", "port": cyrus.port, "user": user}
        limits = {"seconds_per_command": 5, "seconds_of_silence": 5, "seconds_per_run": 20}
        plain = {"security": "plain", "password_variable": "UNUSED"}
        return Mailbox(**{**usual, **limits, **plain, **given})  # type: ignore[arg-type]

    return make


def nothing_known(folder: str, uidvalidity: int, uids: Sequence[int]) -> set[int]:
    return set()


def read_and_file(mailbox: Mailbox) -> list[Message]:
    with MailboxSession(ImapSession(mailbox, Secret("any"), pause=lambda _: None)) as session:
        messages = list(session.messages(nothing_known))
        session.file_away([Move(str(m.folder), m.uidvalidity or 0, "processed", m.uid or 0) for m in messages])
    return messages


def mail(number: int) -> bytes:
    return MAIL + b"Number %d\r\n" % number


def test_folders_are_made_below_the_prefix_of_the_account(cyrus: Cyrus, user: str, options: Options) -> None:
    deliver_to_cyrus(cyrus, user, mail(1), mail(2))

    messages = read_and_file(options())

    assert [message.content for message in messages] == [mail(1), mail(2)]
    assert cyrus_contents(cyrus, user) == []
    assert cyrus_contents(cyrus, user, "INBOX/DMARC/Processed") == [mail(1), mail(2)]


def test_a_japanese_folder_is_found_without_its_prefix(cyrus: Cyrus, user: str, options: Options) -> None:
    deliver_to_cyrus(cyrus, user, mail(1), folder="INBOX/報告")
    deliver_to_cyrus(cyrus, user, mail(2))

    messages = read_and_file(options(folders=("報告",), processed="報告/済み"))

    assert [(message.folder, message.content) for message in messages] == [("INBOX/報告", mail(1))]
    assert cyrus_contents(cyrus, user) == [mail(2)]
    assert cyrus_contents(cyrus, user, "INBOX/報告/済み") == [mail(1)]


def test_without_move_only_what_was_copied_is_expunged(cyrus: Cyrus, user: str, options: Options) -> None:
    deliver_to_cyrus(cyrus, user, mail(1), mail(2))
    with cyrus_client(cyrus, user) as client:
        client.select_folder("INBOX")
        client.add_flags([1], [rb"\Deleted"])

    hide = Fault("replace", "s2c", rb"CAPABILITY", rewrite=lambda line: line.replace(b" MOVE", b""), times=0)
    with FaultProxy(cyrus.port, [hide]) as proxy:
        read_and_file(options(port=proxy.port))

    assert cyrus_contents(cyrus, user) == [mail(1)]
    assert cyrus_contents(cyrus, user, "INBOX/DMARC/Processed") == [mail(2)]
    assert [line.split(b" ", 1)[1] for line in proxy.lines("c2s", rb"MOVE|EXPUNGE")] == [b"UID EXPUNGE 2"]


@pytest.mark.parametrize("action", ["drop", "rst"])
@pytest.mark.parametrize(
    "match", [rb"AUTHENTICATE", rb"SELECT", rb"UID SEARCH", rb"SIZE", rb"BODY\.PEEK", rb"UID MOVE", rb"SEARCH UID"]
)
def test_a_connection_lost_once_changes_no_result(
    cyrus: Cyrus, user: str, options: Options, match: bytes, action: str
) -> None:
    deliver_to_cyrus(cyrus, user, mail(1), mail(2))
    fault = Fault(action, "c2s", match)  # type: ignore[arg-type]

    with FaultProxy(cyrus.port, [fault]) as proxy:
        messages = read_and_file(options(port=proxy.port))

    assert fault.acted == 1
    assert [message.content for message in messages] == [mail(1), mail(2)]
    assert cyrus_contents(cyrus, user) == []
    assert cyrus_contents(cyrus, user, "INBOX/DMARC/Processed") == [mail(1), mail(2)]


def test_the_check_names_the_folders_as_the_server_would(cyrus: Cyrus, user: str, options: Options) -> None:
    deliver_to_cyrus(cyrus, user, mail(1))

    found = {step.name: step.found for step in check_mailbox(options(), Secret("any"))}

    assert found["folders"] == ("reads INBOX; will create INBOX/DMARC/Processed; will create INBOX/DMARC/Quarantine")
    assert found["capabilities"] == "MOVE"
    assert found["waiting"] == "1 in INBOX"
    assert cyrus_folders(cyrus, user) == {"INBOX"}
