"""Connections that break at any step, broken answers and busy servers: through a proxy, and on a scripted server."""

import time

import pytest
from fakeimap import CLOSE, OK, SILENCE, FakeImap, usual_answers
from faultproxy import Action, Direction, Fault, FaultProxy
from mailbox_sessions import Options, mail, nothing_known, opened, read_and_file
from ports import free_port
from servers_dovecot import (
    PASSWORD,
    Dovecot,
    contents,
    deliver,
)

from ingest.credentials import Secret
from ingest.imap_session import ImapSession
from ingest.mailbox import MailboxSession
from ingest.mailbox_errors import TryAgainLater
from ingest.mailbox_filing import Move

pytestmark = pytest.mark.requires_dovecot


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
