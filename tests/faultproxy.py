"""A proxy between client and server that records every line and breaks the connection where a test says.

Plain TCP on loopback. In TLS traffic only `after_bytes` can trigger, and the record holds cipher text.
"""

import contextlib
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

Action = Literal["drop", "rst", "hang", "drip", "delay", "replace"]
Direction = Literal["c2s", "s2c"]
_POLL_SECONDS = 0.01
_HOLD_SECONDS = 0.03
_PIECE = 65_536
_LINE_KEPT = 2_000


@dataclass(slots=True)
class Fault:
    """One fault: what, in which direction, and when.

    It acts at the `nth` line in which `match` is found (counted over all connections), or when `after_bytes` have
    passed in one connection, `times` times in all (0: always). The matching line is withheld unless `pass_line`.
    drop closes in order, rst resets, hang keeps both sides waiting, drip lets `amount` bytes a second through,
    delay waits `amount` seconds once, replace sends `rewrite(line)` instead.
    """

    action: Action
    direction: Direction = "s2c"
    match: bytes | None = None
    nth: int = 1
    after_bytes: int | None = None
    amount: float = 0
    rewrite: Callable[[bytes], bytes] | None = None
    pass_line: bool = False
    times: int = 1
    seen: int = field(default=0, init=False)
    acted: int = field(default=0, init=False)

    def alive(self) -> bool:
        return not self.times or self.acted < self.times

    def found_in(self, line: bytes) -> bool:
        if self.match is None or not re.search(self.match, line, re.IGNORECASE | re.DOTALL):
            return False
        self.seen += 1
        return self.seen >= self.nth


@dataclass(slots=True)
class _Connection:
    client: socket.socket
    server: socket.socket
    number: int
    state: Literal["open", "drop", "rst", "hang"] = "open"
    running: int = 2


class FaultProxy:
    """`with FaultProxy(port_of_server, faults) as proxy:` listens on `proxy.port` of 127.0.0.1."""

    def __init__(self, server_port: int, faults: Iterable[Fault] = ()) -> None:
        self.faults = list(faults)
        self.record: list[tuple[int, Direction, bytes]] = []
        self.connections = 0
        self._server_port = server_port
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_POLL_SECONDS)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> "FaultProxy":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for thread in list(self._threads):
            thread.join(5)
        self._listener.close()

    def lines(self, direction: Direction, pattern: bytes = b"") -> list[bytes]:
        """Recorded lines, those withheld too, in which the pattern is found."""
        with self._lock:
            kept = list(self.record)
        return [line for _, way, line in kept if way == direction and re.search(pattern, line, re.IGNORECASE)]

    @property
    def acted(self) -> int:
        """How often any fault was injected."""
        return sum(fault.acted for fault in self.faults)

    def _start(self, target: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=target, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port), timeout=5)
            except OSError:
                client.close()
                continue
            self.connections += 1
            connection = _Connection(client, server, self.connections)
            for way in ("c2s", "s2c"):
                self._start(self._pump, connection, way)

    def _pump(self, connection: _Connection, way: Direction) -> None:
        client, server = connection.client, connection.server
        source, sink = (client, server) if way == "c2s" else (server, client)
        with contextlib.suppress(OSError):
            _Flow(self, connection, way, source, sink).run()
        with self._lock:
            connection.running -= 1
            if connection.state == "open":
                connection.state = "drop"
            last = not connection.running
        if last:
            _close(connection)


def _close(connection: _Connection) -> None:
    for end in (connection.client, connection.server):
        if connection.state == "rst":  # closing with a linger time of zero sends RST
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.close()


class _Flow:
    """One direction of one connection."""

    def __init__(
        self, proxy: FaultProxy, connection: _Connection, way: Direction, source: socket.socket, sink: socket.socket
    ) -> None:
        self._proxy, self._connection, self._way = proxy, connection, way
        self._source, self._sink = source, sink
        self._rate = 0.0
        self._passed = 0
        self._held = bytearray()
        self._line = bytearray()

    def run(self) -> None:
        held_since = 0.0
        while self._goes_on():
            ready, _, _ = select.select([self._source], [], [], _POLL_SECONDS)
            if self._connection.state != "open":
                continue
            if ready:
                piece = self._source.recv(_PIECE)
                if not piece:
                    self._release(bytes(self._held))
                    return
                held_since = held_since if self._held else time.monotonic()
                self._held += piece
                self._examine()
            elif self._held and time.monotonic() - held_since > _HOLD_SECONDS:
                self._release(self._take(len(self._held)))

    def _goes_on(self) -> bool:
        # A hanging connection is kept until the proxy closes: neither side sees an end.
        return not self._proxy._closing.is_set() and self._connection.state in ("open", "hang")

    def _faults(self) -> list[Fault]:
        return [fault for fault in self._proxy.faults if fault.direction == self._way and fault.alive()]

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def _examine(self) -> None:
        """Let through what is held, line by line, up to the first fault."""
        while self._held and self._connection.state == "open":
            faults = self._faults()
            limit = self._byte_limit(faults)
            if limit is not None and limit <= len(self._held):
                self._release(self._take(max(limit, 0)))
                self._act(next(fault for fault in faults if fault.after_bytes is not None), b"")
                continue
            if not any(fault.match for fault in faults):
                self._release(self._take(len(self._held)))
                return
            end = self._held.find(b"\n") + 1
            if not end and len(self._held) < _PIECE:
                return
            self._pass_line(self._take(end or len(self._held)), faults)

    def _byte_limit(self, faults: list[Fault]) -> int | None:
        limits = [fault.after_bytes for fault in faults if fault.after_bytes is not None]
        return min(limits) - self._passed if limits else None

    def _pass_line(self, line: bytes, faults: list[Fault]) -> None:
        with self._proxy._lock:
            hits = [fault for fault in faults if fault.found_in(line)]
        if hits:
            self._act(hits[0], line)
        else:
            self._release(line)

    def _act(self, fault: Fault, line: bytes) -> None:
        fault.acted += 1
        self._note(line)
        if fault.action == "replace" and fault.rewrite:
            self._send(fault.rewrite(line))
        elif fault.pass_line or fault.action in ("drip", "delay"):
            self._rate = fault.amount if fault.action == "drip" else self._rate
            if fault.action == "delay":
                self._proxy._closing.wait(fault.amount)
            self._send(line)
        if fault.action in ("drop", "rst", "hang"):
            self._connection.state = fault.action

    def _release(self, piece: bytes) -> None:
        self._note(piece)
        self._send(piece)

    def _send(self, piece: bytes) -> None:
        self._passed += len(piece)
        if not self._rate:
            self._sink.sendall(piece)
            return
        size = max(1, int(self._rate / 20))
        for start in range(0, len(piece), size):
            if not self._goes_on():
                return
            self._sink.sendall(piece[start : start + size])
            self._proxy._closing.wait(size / self._rate)

    def _note(self, piece: bytes) -> None:
        for part in piece.splitlines(keepends=True):
            self._line += part[:_LINE_KEPT]
            if part.endswith(b"\n"):
                with self._proxy._lock:
                    self._proxy.record.append((self._connection.number, self._way, bytes(self._line).rstrip(b"\r\n")))
                self._line.clear()
