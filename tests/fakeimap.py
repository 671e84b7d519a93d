"""A scripted IMAP server for answers that no real server gives; it records every line it receives.

Each command is answered from a table by its name (UID commands by "UID FETCH" and so on); a list is used up one
answer per call, its last one staying. `{tag}` in an answer is the command's tag. SILENCE answers nothing and CLOSE
hangs up; so does an answer that ends with CLOSE.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

SILENCE = b"<silence>"
CLOSE = b"<close>"
OK = b"{tag} OK done\r\n"
CAPABILITIES = "IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 NAMESPACE UIDPLUS MOVE"


def usual_answers(capabilities: str = CAPABILITIES) -> dict[str, list[bytes]]:
    """A server with one INBOX of UIDVALIDITY 7 that holds one mail of 5 bytes, UID 1."""
    return {
        "": [b"* OK ready\r\n"],
        "CAPABILITY": [f"* CAPABILITY {capabilities}\r\n".encode() + OK],
        "AUTHENTICATE": [OK],
        "LOGIN": [OK],
        "LIST": [b'* LIST () "/" INBOX\r\n* LIST () "/" DMARC/Processed\r\n' + OK],
        "NAMESPACE": [b'* NAMESPACE (("" "/")) NIL NIL\r\n' + OK],
        "SELECT": [b"* 1 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n" + OK],
        "EXAMINE": [b"* 1 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 2] ok\r\n" + OK],
        "UID SEARCH": [b"* SEARCH 1\r\n" + OK],
        "UID FETCH": [
            b"* 1 FETCH (UID 1 RFC822.SIZE 5 FLAGS ())\r\n" + OK,
            b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)\r\n" + OK,
        ],
        "UID MOVE": [OK],
        "LOGOUT": [b"* BYE bye\r\n" + OK],
    }


@dataclass
class FakeImap:
    """`with FakeImap(answers) as server:` listens on `server.port`; `context` is for TLS from the start or STARTTLS."""

    answers: Mapping[str, list[bytes]]
    context: ssl.SSLContext | None = None
    starttls: bool = False
    received: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._left = {name: list(some) for name, some in self.answers.items()}
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> "FakeImap":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def commands(self, name: str) -> list[bytes]:
        """The received lines whose command is `name`, without their tags."""
        lines = [line.partition(b" ")[2] for line in self.received]
        return [line for line in lines if line.upper().startswith(name.encode())]

    def _start(self, target: "object", *given: object) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(10)
        with contextlib.suppress(OSError), contextlib.ExitStack() as closing:
            closing.callback(raw.close)
            secured = self._secured(raw) if self.context and not self.starttls else raw
            closing.callback(secured.close)
            self._open.append(secured)
            if self._talk(secured) == "STARTTLS":
                secured = self._secured(raw)
                closing.callback(secured.close)
                self._talk(secured)

    def _secured(self, raw: socket.socket) -> socket.socket:
        assert self.context
        return self.context.wrap_socket(raw, server_side=True)

    def _talk(self, connection: socket.socket) -> str:
        """Answer until the client leaves, or has asked for STARTTLS; returns the last command."""
        name = ""
        with connection.makefile("rb") as lines:
            alive = self._answer(connection, "", b"")
            while alive and (line := lines.readline()):
                self.received.append(line.rstrip(b"\r\n"))
                tag, _, rest = line.strip().partition(b" ")
                words = rest.upper().split()
                name = b" ".join(words[: 2 if words[:1] == [b"UID"] else 1]).decode()
                if name == "AUTHENTICATE":
                    connection.sendall(b"+ \r\n")
                    self.received.append(lines.readline().rstrip(b"\r\n"))
                alive = self._answer(connection, name, tag) and name != "STARTTLS"
        return name

    def _answer(self, connection: socket.socket, name: str, tag: bytes) -> bool:
        left = self._left.get(name) or [b"{tag} BAD unknown\r\n"]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer != SILENCE:
            connection.sendall(answer.removesuffix(CLOSE).replace(b"{tag}", tag))
        return not answer.endswith(CLOSE)
