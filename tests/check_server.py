"""A check as healthchecks has it: a real HTTP server on loopback that keeps what it was told."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass
class Check:
    """Where it listens, and every ping as path and body."""

    address: str
    pings: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def check_server(answer: int = 200, port: int = 0) -> Iterator[Check]:
    """A check that answers every ping with this status; a redirect leads to itself. `port` 0: any free one."""
    check = Check("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            check.pings.append((self.path, body.decode()))
            self.send_response(answer)
            self.send_header("Location", f"{check.address}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        check.address = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield check
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def dripping_server() -> Iterator[str]:
    """A server that sends one byte of its answer every tenth of a second and never comes to an end."""
    ended = Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not ended.is_set():
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=drip, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()
