"""A name server that behaves as a test wants: late, silent, wrong. `asked` holds every question it got by UDP."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rrset
from ports import free_port

# What is sent back for a question: a message, bytes as they are, or nothing.
Behaviour = Callable[[dns.message.Message], dns.message.Message | bytes | None]


@dataclass(slots=True)
class HostileServer:
    """Where it listens (127.0.0.1:PORT), and the questions as (name, type)."""

    address: str
    asked: list[tuple[str, str]] = field(default_factory=list)


def silent(_query: dns.message.Message) -> None:
    """Never answers."""


def garbage(_query: dns.message.Message) -> bytes:
    """No DNS message at all."""
    return b"\xff" * 40


def truncated(query: dns.message.Message) -> dns.message.Message:
    """Asks to come back by TCP, where nothing is ever said."""
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.TC
    return answer


def answer(query: dns.message.Message, *texts: str) -> dns.message.Message:
    """The records, each in presentation format, as the answer to the question's name and type."""
    made = dns.message.make_response(query)
    (question,) = query.question
    made.answer.append(dns.rrset.from_text(question.name, 60, "IN", question.rdtype.name, *texts))
    return made


@contextmanager
def hostile_server(behaviour: Behaviour, *, delay_seconds: float = 0.0) -> Iterator[HostileServer]:
    """Runs in a thread of its own; every answer is `delay_seconds` late, however many are on their way."""
    port = free_port()
    server = HostileServer(f"127.0.0.1:{port}")
    loop = asyncio.new_event_loop()
    started = threading.Event()
    thread = threading.Thread(target=_run, args=(loop, server, port, behaviour, delay_seconds, started))
    thread.start()
    started.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, server: HostileServer, behaviour: Behaviour, delay_seconds: float) -> None:
        self._server = server
        self._behaviour = behaviour
        self._delay_seconds = delay_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        self._server.asked.append((question.name.to_text(), question.rdtype.name))
        said = self._behaviour(query)
        if said is None:
            return
        wire = said if isinstance(said, bytes) else said.to_wire()
        asyncio.get_running_loop().call_later(self._delay_seconds, self._transport.sendto, wire, addr)


async def _hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    writer.close()


def _run(
    loop: asyncio.AbstractEventLoop,
    server: HostileServer,
    port: int,
    behaviour: Behaviour,
    delay_seconds: float,
    started: threading.Event,
) -> None:
    asyncio.set_event_loop(loop)
    protocol = loop.create_datagram_endpoint(
        lambda: _Protocol(server, behaviour, delay_seconds), local_addr=("127.0.0.1", port)
    )
    transport, _ = loop.run_until_complete(protocol)
    listener = loop.run_until_complete(asyncio.start_server(_hang, "127.0.0.1", port))
    started.set()
    loop.run_forever()
    transport.close()
    listener.close()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
